//! The path of a value or a name.

use std::fmt::Write as _;

use super::walk::Visitor;
use crate::Text;

/// Longer names are cut, in bytes of the path.
const NAME_MAX_BYTES: usize = 40;
/// Of longer paths, the middle is left out, so that a path has less than a kilobyte.
const STEPS_MAX: usize = 12;

/// Finds the path of what begins at an offset.
pub(super) struct PathFinder<'a> {
    offset: usize,
    steps: Vec<Step<'a>>,
    found: Option<String>,
}

enum Step<'a> {
    Name(&'a [u8]),
    Index(usize),
}

impl PathFinder<'_> {
    pub(super) fn new(offset: usize) -> Self {
        Self {
            offset,
            steps: Vec::new(),
            found: None,
        }
    }

    /// The path; the whole text if nothing begins at the offset.
    pub(super) fn path(self) -> String {
        self.found.unwrap_or_else(|| "$".to_owned())
    }

    fn look(&mut self, at: usize) {
        if at == self.offset {
            self.found = Some(rendered(&self.steps));
        }
    }
}

impl<'a> Visitor<'a> for PathFinder<'a> {
    fn value(&mut self, at: usize) {
        self.look(at);
    }

    fn open(&mut self, is_object: bool) {
        self.steps.push(match is_object {
            true => Step::Name(b""),
            false => Step::Index(0),
        });
    }

    fn close(&mut self) {
        self.steps.pop();
    }

    fn next_item(&mut self) {
        if let Some(Step::Index(index)) = self.steps.last_mut() {
            *index += 1;
        }
    }

    fn name(&mut self, _object: u64, at: usize, name: Text<'a>, _hash: u64) {
        if let Some(step) = self.steps.last_mut() {
            *step = Step::Name(name.raw);
        }
        self.look(at);
    }
}

fn rendered(steps: &[Step<'_>]) -> String {
    let mut path = "$".to_owned();
    let half = STEPS_MAX / 2;
    let cut = if steps.len() > STEPS_MAX {
        half..steps.len() - half
    } else {
        0..0
    };
    for (index, step) in steps.iter().enumerate() {
        if !cut.contains(&index) {
            render(step, &mut path);
        } else if index == cut.start {
            path.push('…');
        }
    }
    path
}

fn render(step: &Step<'_>, path: &mut String) {
    match step {
        // Writing to a string cannot fail.
        Step::Index(index) => drop(write!(path, "[{index}]")),
        Step::Name(raw) => render_name(&String::from_utf8_lossy(raw), path),
    }
}

/// Appends a name as it is in the text. If it is no plain word, it is in quotes, and characters that
/// could disturb a log are escaped.
fn render_name(name: &str, path: &mut String) {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let plain = !name.is_empty() && name.chars().all(is_word);
    path.push_str(if plain { "." } else { "[\"" });
    let full = path.len() + NAME_MAX_BYTES;
    for c in name.chars() {
        if path.len() >= full {
            path.push('…');
            break;
        }
        match c {
            ' '..='~' => path.push(c),
            c if c.is_alphanumeric() => path.push(c),
            c => path.extend(c.escape_unicode()),
        }
    }
    if !plain {
        path.push_str("\"]");
    }
}
