//! The place in a program that an error names.

/// The longest part of a line that is shown before the place, in characters.
const BEFORE_CHARS: usize = 60;

/// The longest part that is shown from the place on, in characters.
const AFTER_CHARS: usize = 60;

/// The line of a program that an error is about, and a caret below its column; `None` if the error names no place of the
/// program. The jq transform writes places as `line 3, column 9`, from 1.
pub(super) fn marked(program: &str, error: &str) -> Option<String> {
    let (line, column) = place(error)?;
    let text = program.lines().nth(line.checked_sub(1)?)?;
    let column = column.checked_sub(1)?;
    let first = column.saturating_sub(BEFORE_CHARS);
    let shown = text.chars().skip(first).take(BEFORE_CHARS + AFTER_CHARS);
    // A tab has no fixed width.
    let shown: String = shown.map(|c| if c == '\t' { ' ' } else { c }).collect();
    let number = format!("{line} | ");
    let indent = " ".repeat(number.len() + column - first);
    Some(format!("{number}{shown}\n{indent}^"))
}

/// The first place in an error.
pub(super) fn place(error: &str) -> Option<(usize, usize)> {
    let mut after = error
        .match_indices("line ")
        .map(|(at, word)| &error[at + word.len()..]);
    after.find_map(|rest| {
        let (line, rest) = rest.split_once(", column ")?;
        let end = rest.find(|c: char| !c.is_ascii_digit());
        let column = &rest[..end.unwrap_or(rest.len())];
        Some((line.parse().ok()?, column.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_is_below_the_place() {
        let marked = |program: &str, error: &str| marked(program, error);
        let error = "program: line 2, column 5 (`| é.b`): no filter `b`";
        assert_eq!(marked(".a\n|\té.b", error).unwrap(), "2 | | é.b\n        ^");
        assert_eq!(marked(".", "line 1, column 1").unwrap(), "1 | .\n    ^");
        for nowhere in [
            "no place",
            "line 9, column 1",
            "line x, column 1",
            "line 0, column 0",
        ] {
            assert_eq!(marked(".", nowhere), None, "{nowhere}");
        }
    }

    #[test]
    fn of_a_long_line_the_part_around_the_place_is_shown() {
        let program = format!("{}X{}", "a".repeat(500), "b".repeat(500));
        let text = marked(&program, "line 1, column 501").unwrap();
        let (line, caret) = text.split_once('\n').unwrap();
        assert_eq!(line.chars().nth(caret.len() - 1), Some('X'));
        assert!(line.len() < 200);
    }
}
