//! Standard output and standard error of the program. Nothing else writes to them, because the macros of the standard
//! library panic if the reader of a pipe has gone or a disk is full.

use std::fmt;
use std::io::{self, Write as _};

use indicatif::HumanCount;
use thiserror::Error;

/// Standard output cannot be written, for example because a disk is full.
#[derive(Debug, Error)]
#[error("cannot write to standard output: {0}")]
pub struct OutputError(io::Error);

/// Writes a text to standard output. If its reader has gone, nobody misses the text, so this succeeds.
///
/// # Errors
/// [`OutputError`]: the text is not written, for any other reason.
pub fn text(text: impl fmt::Display) -> Result<(), OutputError> {
    let mut stdout = io::stdout().lock();
    let written = write!(stdout, "{text}").and_then(|()| stdout.flush());
    unless_closed(written).map(drop).map_err(OutputError)
}

/// Writes a text and a line end to standard output, as [`text`] does.
///
/// # Errors
/// Those of [`text`].
pub fn line(line: impl fmt::Display) -> Result<(), OutputError> {
    text(format_args!("{line}\n"))
}

/// `None` if the reader of a pipe has gone.
///
/// # Errors
/// All other errors.
pub fn unless_closed<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(None),
        result => result.map(Some),
    }
}

/// Writes a line to standard error. If it cannot be written, there is no other place to say so, and the exit code
/// still tells how the program ended.
pub fn message(line: impl fmt::Display) {
    let line = format!("{line}\n");
    let _nowhere_to_say_so = io::stderr().lock().write_all(line.as_bytes());
}

/// A number of things, whose name gets an `s` unless there is one: `1 record`, `2,500 records`.
#[must_use]
pub fn counted(number: u64, name: &str) -> String {
    format!("{} {}", HumanCount(number), plural(number, name))
}

/// The name of that many things, with an `s` unless there is one.
#[must_use]
pub fn plural(number: u64, name: &str) -> String {
    let end = if number == 1 { "" } else { "s" };
    format!("{name}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_no_plural() {
        let records = |number| counted(number, "record");
        assert_eq!(records(0), "0 records");
        assert_eq!(records(1), "1 record");
        assert_eq!(records(2_500), "2,500 records");
    }

    #[test]
    fn only_a_closed_pipe_is_no_error() {
        let failed = |kind: io::ErrorKind| unless_closed::<()>(Err(kind.into()));
        assert!(matches!(failed(io::ErrorKind::BrokenPipe), Ok(None)));
        assert!(failed(io::ErrorKind::StorageFull).is_err());
        assert!(matches!(unless_closed(Ok(1)), Ok(Some(1))));
    }
}
