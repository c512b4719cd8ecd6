//! A path with wildcards, name by name.
//!
//! The crate `glob` matches single names, and nothing else of it is used: its own walk passes over names that are not
//! UTF-8, and does not notice loops of links. `globset` matches whole paths and needs an engine of regular expressions.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern, PatternError};

use super::left_out::Reason;

/// The characters that make a name a pattern.
pub(super) const WILDCARDS: [char; 3] = ['*', '?', '['];

/// Names have no separator, and hidden ones are decided on by [`Reason::of`].
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: false,
    require_literal_leading_dot: false,
};

/// A folder, and what the names below it match.
#[derive(Debug)]
pub(super) struct PathPattern {
    /// The part of the path before the first wildcard; empty for the current folder.
    pub(super) base: PathBuf,
    /// At least one, and the last one is for files.
    pub(super) parts: Vec<Part>,
}

/// What a name of a path matches.
#[derive(Debug)]
pub(super) enum Part {
    /// It is this name, `..` included.
    Literal(String),
    Name(NamePattern),
    /// Any number of folders: `**`.
    Folders,
}

/// A pattern for one name; `None` for all names.
#[derive(Debug)]
pub(super) struct NamePattern(Option<Pattern>);

pub(super) fn has_wildcards(path: &str) -> bool {
    path.contains(WILDCARDS)
}

impl PathPattern {
    /// All names in a folder.
    pub(super) fn of_folder(folder: &Path) -> Self {
        Self {
            base: folder.to_owned(),
            parts: vec![Part::Name(NamePattern::ALL)],
        }
    }

    /// Parses a path that has wildcards. `**` at its end stands for all files below.
    ///
    /// # Errors
    /// A bracket is not closed, or `**` is a part of a name.
    pub(super) fn parse(path: &str) -> Result<Self, PatternError> {
        let names: Vec<_> = path.split('/').collect();
        let literal = names.iter().take_while(|name| !has_wildcards(name)).count();
        let (base, names) = names.split_at(literal);
        let base = match base {
            [""] => "/".to_owned(),
            names => names.join("/"),
        };
        let names = names.iter().filter(|name| !matches!(**name, "" | "."));
        let mut parts: Vec<_> = names
            .map(|name| Part::parse(name))
            .collect::<Result<_, _>>()?;
        if matches!(parts.last(), Some(Part::Folders)) {
            parts.push(Part::Name(NamePattern::ALL));
        }
        Ok(Self {
            // Without empty names and `.`, so that a file has one path.
            base: Path::new(&base).components().collect(),
            parts,
        })
    }

    /// Whether files in the folder at the relative path `below`, or below it, can match.
    pub(super) fn enters(&self, below: &Path) -> bool {
        let names: Vec<_> = below.iter().collect();
        enters(&self.parts, &names)
    }
}

/// As [`PathPattern::enters`], for the names of a path.
pub(super) fn enters(parts: &[Part], names: &[&OsStr]) -> bool {
    let (Some((part, later)), Some((name, below))) = (parts.split_first(), names.split_first())
    else {
        return !parts.is_empty();
    };
    match part {
        Part::Folders => {
            let is_left_out = Reason::of(name, &NamePattern::ALL).is_some();
            enters(later, names) || (!is_left_out && enters(parts, below))
        }
        Part::Literal(literal) => *name == literal.as_str() && enters(later, below),
        Part::Name(pattern) => {
            let is_entered = pattern.matches(name) && Reason::of(name, pattern).is_none();
            is_entered && enters(later, below)
        }
    }
}

impl Part {
    pub(super) fn parse(name: &str) -> Result<Self, PatternError> {
        Ok(match name {
            "**" => Self::Folders,
            "*" => Self::Name(NamePattern::ALL),
            name if has_wildcards(name) => Self::Name(NamePattern(Some(Pattern::new(name)?))),
            name => Self::Literal(name.to_owned()),
        })
    }
}

impl NamePattern {
    /// Every name.
    pub(super) const ALL: Self = Self(None);

    /// Whether a name matches. In one that is not UTF-8, each wrong sequence counts as one character.
    pub(super) fn matches(&self, name: &OsStr) -> bool {
        let matches = |pattern: &Pattern| pattern.matches_with(&name.to_string_lossy(), OPTIONS);
        self.0.as_ref().is_none_or(matches)
    }

    /// Whether all names that match begin with `text`, because the pattern does.
    pub(super) fn begins(&self, text: &str) -> bool {
        self.0
            .as_ref()
            .is_some_and(|pattern| pattern.as_str().starts_with(text))
    }

    /// Whether all names that match end with `text`, because the pattern does.
    pub(super) fn ends(&self, text: &str) -> bool {
        self.0
            .as_ref()
            .is_some_and(|pattern| pattern.as_str().ends_with(text))
    }
}
