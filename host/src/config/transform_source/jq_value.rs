//! What a value of `--jq` is: a program, or the file that holds one.

use std::fs;
use std::fs::File;
use std::io;
use std::io::Read as _;
use std::path::Path;

use crate::config::ConfigError;

/// The extension of a file with a jq program.
const JQ_EXTENSION: &str = "jq";

/// The largest program that is read from a pipe or a device, bytes: a device such as `/dev/zero` has no end.
const STREAM_MAX_BYTES: u64 = 16 << 20;

/// A value of `--jq`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JqValue<'a> {
    /// The program itself.
    Text(&'a str),
    /// A file that can be read again.
    File(&'a Path),
    /// A pipe or a device, which can be read once, such as `/dev/fd/63`.
    Stream(&'a Path),
}

impl<'a> JqValue<'a> {
    /// Finds out what a value is.
    ///
    /// # Errors
    /// A directory, and a value that looks like the name of a file that does not exist.
    pub(super) fn parse(value: &'a str) -> Result<Self, ConfigError> {
        let path = Path::new(value);
        let wrong = |why: String| {
            let hint =
                format!("if it is a program and no file, put it into parentheses: ({value})");
            Err(ConfigError::new("jq", format!("{why}; {hint}")))
        };
        match fs::metadata(path) {
            _ if matches!(value, "." | "..") => Ok(Self::Text(value)),
            Ok(found) if found.is_file() => Ok(Self::File(path)),
            Ok(found) if found.is_dir() => match begins_with_member(value) {
                true => Ok(Self::Text(value)),
                false => wrong(format!("{value} is a directory; give a file or a program")),
            },
            Ok(_) => Ok(Self::Stream(path)),
            Err(error) if names_file(value) => {
                wrong(format!("cannot read {value}: {}", reason(&error)))
            }
            Err(_) => Ok(Self::Text(value)),
        }
    }
}

/// The program that a pipe or a device holds; `None` if the value is a program or a file.
///
/// # Errors
/// As [`JqValue::parse`], and what cannot be read.
pub(crate) fn read_stream(value: &str) -> Result<Option<String>, ConfigError> {
    match JqValue::parse(value)? {
        JqValue::Stream(path) => read_stream_at(path).map(Some),
        JqValue::Text(_) | JqValue::File(_) => Ok(None),
    }
}

pub(super) fn read_stream_at(path: &Path) -> Result<String, ConfigError> {
    let mut program = String::new();
    let read = File::open(path)
        .and_then(|file| file.take(STREAM_MAX_BYTES + 1).read_to_string(&mut program));
    match read {
        Ok(bytes) if bytes as u64 > STREAM_MAX_BYTES => {
            let mib = STREAM_MAX_BYTES >> 20;
            let why = format!("{} has more than {mib} MiB", path.display());
            Err(ConfigError::new("jq", why))
        }
        Ok(_) => Ok(program),
        Err(error) => Err(unreadable(path, &error)),
    }
}

/// The error of a file that cannot be read.
pub(super) fn unreadable(path: &Path, error: &io::Error) -> ConfigError {
    let why = format!("cannot read {}: {}", path.display(), reason(error));
    ConfigError::new("jq", why)
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        _ => error.to_string(),
    }
}

pub(super) fn has_jq_extension(path: &Path) -> bool {
    path.extension().is_some_and(|found| found == JQ_EXTENSION)
}

/// Whether a value looks like the name of a file: it ends in `.jq`; or it has an extension or a `/`, and nothing but
/// letters, digits and what is usual in names.
fn names_file(value: &str) -> bool {
    let path = Path::new(value);
    if has_jq_extension(path) && !value.contains('\n') {
        return !(begins_with_member(value) && value.contains(char::is_whitespace));
    }
    let is_of_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '~');
    let extension = path.extension().and_then(|extension| extension.to_str());
    let has_extension = extension.is_some_and(|it| it.starts_with(char::is_alphabetic));
    value.chars().all(is_of_name)
        && !begins_with_member(value)
        && !value.contains("//")
        && (has_extension || value.contains('/'))
}

/// Whether a value begins with `.` and the name of a member, as programs do and names of files rarely.
fn begins_with_member(value: &str) -> bool {
    let name = value.strip_prefix('.');
    name.is_some_and(|name| name.starts_with(|c: char| c.is_alphabetic() || c == '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_looks_like_the_name_of_a_missing_file_is_an_error() {
        for value in [
            "nowhere.jq",
            "nowhere.txt",
            "no-where/rules",
            "./nowhere",
            "../nowhere.txt",
            "~/nowhere.txt",
            ".nowhere.jq",
            "no where.jq",
        ] {
            let error = JqValue::parse(value).unwrap_err();
            let expected = format!(
                "cannot read {value}: no such file; if it is a program and no file, put it into parentheses: ({value})"
            );
            assert_eq!((&*error.key, &*error.why), ("jq", &*expected));
        }
    }

    #[test]
    fn programs_stay_programs() {
        for value in [
            ".",
            "..",
            ".a.b",
            ".txt",
            ".jq",
            ".a/.b",
            ".a // .b",
            ".a//empty",
            "first//null",
            "keys",
            "map(.a/2)",
            "{a:.b.txt}",
            "select(.a.b)",
            ".a | .jq",
            ".a\n|.jq",
            "1.5",
            "if .a then . else empty end",
            "\u{0}",
        ] {
            assert_eq!(JqValue::parse(value), Ok(JqValue::Text(value)), "{value}");
        }
        let long = ".a | ".repeat(10_000) + ".";
        assert_eq!(JqValue::parse(&long), Ok(JqValue::Text(&long)));
    }

    #[test]
    fn a_directory_is_an_error_and_a_device_is_read_as_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        let error = JqValue::parse(path).unwrap_err();
        let why = format!("{path} is a directory; give a file or a program; ");
        assert!(error.why.starts_with(&why), "{error}");
        let null = Path::new("/dev/null");
        assert_eq!(JqValue::parse("/dev/null"), Ok(JqValue::Stream(null)));
        assert_eq!(read_stream("/dev/null"), Ok(Some(String::new())));
        let error = read_stream("/dev/zero").unwrap_err();
        assert_eq!(error.to_string(), "jq: /dev/zero has more than 16 MiB");
        assert_eq!(read_stream(".a"), Ok(None));
    }
}
