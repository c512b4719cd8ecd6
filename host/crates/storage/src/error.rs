//! Why a request to a file system or to a service fails. The retry policy and the callers decide by the
//! kind of an error, never by its text.

use std::fmt;
use std::io;

use thiserror::Error;

/// The kinds of errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The bucket, queue, stream or folder does not exist.
    NotFound,
    /// A condition of the request does not hold: another process has written.
    Conflict,
    /// The service limits the rate of requests.
    Throttled,
    /// The service cannot be reached, fails, or its answer was lost or damaged.
    Unavailable,
    /// A permission is missing.
    Denied,
    /// The configuration is wrong: credentials, region, endpoint, or a name.
    Invalid,
    /// Any other error.
    Other,
}

impl ErrorKind {
    /// Whether the error is one of the configuration, which a person has to correct.
    #[must_use]
    pub fn is_configuration(self) -> bool {
        match self {
            Self::NotFound | Self::Denied | Self::Invalid => true,
            Self::Conflict | Self::Throttled | Self::Unavailable | Self::Other => false,
        }
    }

    fn words(self) -> Option<&'static str> {
        match self {
            Self::NotFound => Some("not found"),
            Self::Conflict => Some("conflict"),
            Self::Throttled => Some("throttled"),
            Self::Unavailable => Some("unavailable"),
            Self::Denied => Some("access denied"),
            Self::Invalid => Some("invalid configuration"),
            Self::Other => None,
        }
    }
}

/// Why one request failed, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestError {
    kind: ErrorKind,
    /// What the file system or the service says.
    detail: String,
    /// What a person can do; empty if there is nothing but to wait.
    advice: String,
}

impl RequestError {
    /// An error of a kind, without advice.
    #[must_use]
    pub fn new(kind: ErrorKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            advice: String::new(),
        }
    }

    /// The error with advice, a clause in the imperative.
    #[must_use]
    pub fn with_advice(self, advice: impl Into<String>) -> Self {
        let advice = advice.into();
        Self { advice, ..self }
    }

    /// An error of the configuration.
    #[must_use]
    pub fn invalid(detail: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, detail).with_advice(advice)
    }

    /// The kind of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind.words() {
            Some(words) => write!(f, "{words} ({})", self.detail)?,
            None => f.write_str(&self.detail)?,
        }
        if self.advice.is_empty() {
            return Ok(());
        }
        write!(f, "; {}", self.advice)
    }
}

impl std::error::Error for RequestError {}

/// What to do if a process has too many open files.
pub const MORE_HANDLES: &str = "allow the process more open files (ulimit -n)";

/// "Too many open files", of the process or of the system, by their numbers on Unix.
#[must_use]
pub fn is_out_of_handles(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(23 | 24))
}

impl From<io::Error> for RequestError {
    fn from(error: io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::NotFound => ErrorKind::NotFound,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                ErrorKind::Denied
            }
            _ => ErrorKind::Other,
        };
        let advice = match error.kind() {
            _ if is_out_of_handles(&error) => MORE_HANDLES,
            io::ErrorKind::PermissionDenied => "let the process read and write there",
            io::ErrorKind::ReadOnlyFilesystem => "use a folder that can be written",
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space",
            _ => "",
        };
        Self::new(kind, error.to_string()).with_advice(advice)
    }
}

/// An operation of an object store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Puts an object that does not exist yet.
    Put,
    /// Compares an object that exists with one that was to be put.
    Check,
    /// Writes an object if it has not changed.
    Write,
    /// Reads an object.
    Read,
    /// Lists objects.
    List,
    /// Removes an object.
    Remove,
}

impl Operation {
    /// Its label in metrics.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Put => "put_object",
            Self::Check => "check_object",
            Self::Write => "write_object",
            Self::Read => "read_object",
            Self::List => "list_objects",
            Self::Remove => "remove_object",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Put => "put",
            Self::Check => "check",
            Self::Write => "write",
            Self::Read => "read",
            Self::List => "list",
            Self::Remove => "remove",
        })
    }
}

/// Why an operation on an object failed. Transient errors have been retried by then.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{operation} {place}: {cause}")]
pub struct StorageError {
    /// The operation.
    pub operation: Operation,
    /// The object, as a path or a URL.
    pub place: String,
    /// Why it failed, and what to do.
    pub cause: RequestError,
}

impl StorageError {
    /// The kind of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.cause.kind()
    }

    /// Whether another process has written the object.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.kind() == ErrorKind::Conflict
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_what_happened_where_and_what_to_do() {
        let cause = RequestError::new(ErrorKind::Denied, "AccessDenied: no")
            .with_advice("allow s3:GetObject");
        let error = StorageError {
            operation: Operation::Read,
            place: "s3://bucket/key".into(),
            cause,
        };
        assert_eq!(
            error.to_string(),
            "read s3://bucket/key: access denied (AccessDenied: no); allow s3:GetObject"
        );
        let plain = RequestError::new(ErrorKind::Other, "it broke");
        assert_eq!(plain.to_string(), "it broke");
    }

    #[test]
    fn errors_of_files_have_kinds() {
        for (found, kind) in [
            (io::ErrorKind::NotFound, ErrorKind::NotFound),
            (io::ErrorKind::PermissionDenied, ErrorKind::Denied),
            (io::ErrorKind::StorageFull, ErrorKind::Other),
        ] {
            assert_eq!(RequestError::from(io::Error::from(found)).kind(), kind);
        }
    }
}
