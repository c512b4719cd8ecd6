//! Standard output and standard error of the program. Nothing else writes to them, because the macros of the standard
//! library panic if the reader of a pipe has gone or a disk is full.

mod status_line;

use std::fmt;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{SecondsFormat, Utc};
use indicatif::HumanCount;
use serde_json::json;
use sluice_engine::sanitize::escape_lines;
use thiserror::Error;

use self::status_line::above;
pub use self::status_line::{StatusLine, end as end_status_line};

/// Whether errors are written as JSON, as log lines are.
static ERRORS_ARE_JSON: AtomicBool = AtomicBool::new(false);

/// Standard output cannot be written, for example because a disk is full.
#[derive(Debug, Error)]
#[error("cannot write to standard output: {0}")]
pub struct OutputError(io::Error);

/// Writes a text to standard output. If its reader has gone, nobody misses the text, so this succeeds.
///
/// # Errors
/// [`OutputError`]: the text is not written, for any other reason.
pub fn text(text: impl fmt::Display) -> Result<(), OutputError> {
    let written = above(|| {
        let mut stdout = io::stdout().lock();
        write!(stdout, "{text}").and_then(|()| stdout.flush())
    });
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
    let _nowhere_to_say_so = above(|| io::stderr().lock().write_all(line.as_bytes()));
}

/// Writes an error to standard error, as [`message`] does: after the name of the program, or as a JSON object. In text,
/// characters that act are escaped: an error can have the name of a file, or what a user gave.
pub fn error(error: impl fmt::Display) {
    if !ERRORS_ARE_JSON.load(Ordering::Relaxed) {
        return message(format_args!("sluice: {}", escape_lines(&error.to_string())));
    }
    message(json!({
        "timestamp": Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true),
        "level": "ERROR",
        "message": error.to_string(),
        "target": "sluice",
    }));
}

/// Makes errors JSON objects from now on, with the fields of log lines.
pub fn write_errors_as_json() {
    ERRORS_ARE_JSON.store(true, Ordering::Relaxed);
}

/// Standard error, for log lines.
#[derive(Debug)]
pub struct LogWriter;

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        above(|| io::stderr().lock().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
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

/// The message of an error with its causes. What one of two messages has already is said once.
#[must_use]
pub fn with_causes(error: &anyhow::Error) -> String {
    let mut text = without_kinds(&error.to_string());
    for cause in error.chain().skip(1) {
        let cause = without_kinds(&cause.to_string());
        if has_words(&cause, &text) {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// A message without the kinds of errors that Iceberg's library writes before its messages.
fn without_kinds(message: &str) -> String {
    message
        .replace("Unexpected => ", "")
        .replace("DataInvalid => ", "")
}

/// Whether a text has these words, as a whole.
fn has_words(text: &str, words: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '/');
    text.match_indices(words).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + words.len()..]);
        !before.ends_with(is_part) && !after.starts_with(is_part)
    })
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
        let of_library = anyhow::anyhow!("Unexpected => no answer, source: DataInvalid => x");
        assert_eq!(with_causes(&of_library), "no answer, source: x");
        for (name, cause, both) in [
            ("a.log", "a.log has changed", "a.log has changed"),
            ("a", "a.log has changed", "a: a.log has changed"),
            (
                "x",
                "cannot read x: no such file",
                "cannot read x: no such file",
            ),
        ] {
            let error = Err::<(), _>(anyhow::anyhow!(cause))
                .context(name)
                .unwrap_err();
            assert_eq!(with_causes(&error), both);
        }
    }

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
