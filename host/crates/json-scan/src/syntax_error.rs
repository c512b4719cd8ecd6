//! Where a text is not JSON.

use std::fmt;

/// The position at which a text is not JSON, and what the grammar expects there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// Offset of the first invalid byte; the length of the input if it ends too early.
    pub offset: usize,
    /// What the grammar expects there.
    pub expected: Expected,
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}: expected {}", self.offset, self.expected.text())
    }
}

/// What the grammar expects at a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Any value.
    Value,
    /// One of the words `true`, `false` and `null`.
    Literal,
    /// A digit of a number.
    Digit,
    /// A string that names a member.
    Key,
    /// The colon after a key.
    Colon,
    /// A comma or the end of the object.
    CommaOrBrace,
    /// What may follow an item of an array.
    CommaOrBracket,
    /// The quote that ends a string.
    Quote,
    /// An escape instead of a control character.
    EscapedControl,
    /// One of the characters that may follow a backslash.
    Escape,
    /// A digit of a `\u` escape.
    HexDigit,
    /// Text in UTF-8.
    Utf8,
    /// The end of the input after the value and white space.
    End,
}

impl Expected {
    /// The words for a message.
    pub fn text(self) -> &'static str {
        match self {
            Self::Value => "a value",
            Self::Literal => "true, false or null",
            Self::Digit => "a digit",
            Self::Key => "a key in double quotes",
            Self::Colon => "a colon after the key",
            Self::CommaOrBrace => "a comma or a closing brace",
            Self::CommaOrBracket => "a comma or a closing bracket",
            Self::Quote => "a closing quote",
            Self::EscapedControl => "control characters in a string to be escaped",
            Self::Escape => "one of \" \\ / b f n r t u after a backslash",
            Self::HexDigit => "four hexadecimal digits",
            Self::Utf8 => "valid UTF-8",
            Self::End => "the end of the text",
        }
    }
}
