//! Standard output and standard error of the program. Nothing else writes to them, because the macros of the standard
//! library panic if the reader of a pipe has gone or a disk is full.

use std::fmt;
use std::io::{self, Write as _};

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

/// The message of an error with its causes. A cause that the message before it has already is left out.
#[must_use]
pub fn with_causes(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[derive(Debug, Error)]
    #[error("cannot read x: {source}")]
    struct Unreadable {
        source: io::Error,
    }

    #[test]
    fn no_cause_is_said_twice() {
        let source = io::Error::other("no such file");
        let error = anyhow::Error::new(Unreadable { source });
        assert_eq!(with_causes(&error), "cannot read x: no such file");
        let error = Err::<(), _>(error).context("the first file").unwrap_err();
        let text = "the first file: cannot read x: no such file";
        assert_eq!(with_causes(&error), text);
        assert_eq!(with_causes(&anyhow::anyhow!("alone")), "alone");
    }

    #[test]
    fn only_a_closed_pipe_is_no_error() {
        let failed = |kind: io::ErrorKind| unless_closed::<()>(Err(kind.into()));
        assert!(matches!(failed(io::ErrorKind::BrokenPipe), Ok(None)));
        assert!(failed(io::ErrorKind::StorageFull).is_err());
        assert!(matches!(unless_closed(Ok(1)), Ok(Some(1))));
    }
}
