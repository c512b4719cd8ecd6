//! Places in a program, for messages.

use std::fmt;

/// The most characters of a line that a message shows.
const SHOWN_CHARS: usize = 60;

/// A place in a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place<'p> {
    /// The line, from 1.
    line: usize,
    /// The column in characters, from 1.
    column: usize,
    /// The text of the line.
    text: &'p str,
}

impl<'p> Place<'p> {
    /// The place of `part`, a slice of `program`. If it is none, the place is the end of the program, which is behind the last
    /// character that is no white space: so a message can always show a line.
    pub(crate) fn of(program: &'p str, part: &str) -> Self {
        let program = program.trim_end();
        let offset = (part.as_ptr() as usize).checked_sub(program.as_ptr() as usize);
        let offset = offset.filter(|offset| program.is_char_boundary(*offset));
        Self::at(program, offset.unwrap_or(program.len()))
    }

    /// The place of a byte.
    fn at(program: &'p str, offset: usize) -> Self {
        let before = program.get(..offset).unwrap_or(program);
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let text = program.get(start..).unwrap_or_default();
        Self {
            line: 1 + before.matches('\n').count(),
            column: 1 + before.get(start..).unwrap_or_default().chars().count(),
            text: text.lines().next().unwrap_or_default(),
        }
    }
}

/// `line 3, column 9`, and the line itself.
impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)?;
        // The part of a long line around the place.
        let skip = self.column.saturating_sub(SHOWN_CHARS / 2);
        let shown: String = self.text.chars().skip(skip).take(SHOWN_CHARS).collect();
        match shown.trim() {
            "" => Ok(()),
            shown => write!(f, " (`{shown}`)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(program: &str, offset: usize) -> String {
        Place::of(program, &program[offset..]).to_string()
    }

    #[test]
    fn lines_and_columns_begin_with_one() {
        let program = ".a\n| é.b\n";
        assert_eq!(place(program, 0), "line 1, column 1 (`.a`)");
        assert_eq!(place(program, 3), "line 2, column 1 (`| é.b`)");
        assert_eq!(place(program, 7), "line 2, column 4 (`| é.b`)");
        for end in [program.len() - 1, program.len()] {
            assert_eq!(place(program, end), "line 2, column 6 (`| é.b`)");
        }
        assert_eq!(Place::of(program, "").line, 2);
    }

    #[test]
    fn a_long_line_is_shown_around_the_place() {
        let program = format!("{}X{}", "a".repeat(500), "b".repeat(500));
        let shown = place(&program, 500);
        assert!(shown.starts_with("line 1, column 501 (`aaa"), "{shown}");
        assert!(shown.contains('X') && shown.len() < 100, "{shown}");
    }
}
