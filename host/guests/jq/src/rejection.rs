//! Why a program rejects a record.

use std::fmt::{self, Display, Write as _};

use sluice_transform::Rejection;

use crate::value::{Error, Val};

/// The code of a program's error that has no code of its own.
const JQ_ERROR: &str = "jq_error";

/// The length of a code, which the contract limits.
const CODE_MAX_BYTES: usize = 64;

/// The length of a message. The host truncates messages to 1,024 bytes; this also bounds the work for a large value.
const MESSAGE_MAX_BYTES: usize = 512;

/// `jq_error`, with a message.
#[cold]
pub(crate) fn jq_error(message: impl Display) -> Rejection {
    Rejection::new(JQ_ERROR, bounded(message))
}

/// The rejection of `error("code: message")`, or `jq_error` for another error of the program.
#[cold]
pub(crate) fn of_error(error: Error) -> Rejection {
    let message = match error.into_val() {
        Val::Str(text) => bounded(text.as_str()),
        other => bounded(format_args!("the program ends with the error {other}")),
    };
    match message.split_once(": ") {
        Some((code, rest)) if is_code(code) => Rejection::new(code.to_owned(), rest),
        _ => Rejection::new(JQ_ERROR, message),
    }
}

fn is_code(text: &str) -> bool {
    let fits = (1..=CODE_MAX_BYTES).contains(&text.len());
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    fits && text.bytes().all(is_allowed)
}

fn bounded(message: impl Display) -> String {
    bounded_to(MESSAGE_MAX_BYTES, message)
}

fn bounded_to(bytes: usize, message: impl Display) -> String {
    let mut bounded = Bounded {
        text: String::new(),
        bytes,
    };
    // It fails if the message is too long, and then it ends with an ellipsis.
    let _truncated = write!(bounded, "{message}");
    bounded.text
}

/// A text that stops to grow.
struct Bounded {
    text: String,
    bytes: usize,
}

impl fmt::Write for Bounded {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let rest = self.bytes.saturating_sub(self.text.len());
        if part.len() <= rest {
            self.text.push_str(part);
            return Ok(());
        }
        let end = part.floor_char_boundary(rest);
        self.text.push_str(part.get(..end).unwrap_or_default());
        self.text.push('…');
        Err(fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejection(message: &str) -> (String, String) {
        let error = Error::new(Val::from(message.to_owned()));
        of_error(error).into_parts()
    }

    #[test]
    fn a_code_before_the_message_is_that_of_the_rejection() {
        for (text, code, message) in [
            ("no_id: the id is missing", "no_id", "the id is missing"),
            ("a: b: c", "a", "b: c"),
            ("no code", JQ_ERROR, "no code"),
            ("No_id: x", JQ_ERROR, "No_id: x"),
            (": x", JQ_ERROR, ": x"),
            ("cannot index x: y", JQ_ERROR, "cannot index x: y"),
        ] {
            let expected = (code.to_owned(), message.to_owned());
            assert_eq!(rejection(text), expected, "{text}");
        }
        let long = "x".repeat(CODE_MAX_BYTES + 1) + ": y";
        assert_eq!(rejection(&long).0, JQ_ERROR);
    }

    #[test]
    fn a_message_is_bounded() {
        let (_, message) = rejection(&"é".repeat(100_000));
        assert_eq!(message.len(), MESSAGE_MAX_BYTES + '…'.len_utf8());
        let value: Val = std::iter::repeat_n(Val::Int(1), 100_000).collect();
        let error = Error::new(value);
        assert!(of_error(error).message().len() < 600);
    }
}
