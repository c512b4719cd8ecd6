//! Texts: short ones are kept in place, others are slices of a shared buffer.

use std::fmt;
use std::rc::Rc;

/// The most bytes of a text that is kept in place.
const SHORT_MAX_BYTES: usize = 14;

/// A part of a shared buffer.
#[derive(Clone)]
pub(crate) struct Slice {
    buffer: Rc<Vec<u8>>,
    start: u32,
    length: u32,
}

/// A text in UTF-8.
#[derive(Clone)]
pub(crate) enum Text {
    /// The bytes, and how many of them there are.
    Short(u8, [u8; SHORT_MAX_BYTES]),
    /// A part of a buffer.
    Long(Slice),
}

impl Slice {
    /// A part of a buffer, from `start` up to `end`. The caller has checked that it is UTF-8.
    #[inline]
    pub(crate) fn new(buffer: &Rc<Vec<u8>>, start: usize, end: usize) -> Self {
        Self {
            buffer: Rc::clone(buffer),
            start: offset(start),
            length: offset(end.saturating_sub(start)),
        }
    }

    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        let start = self.start as usize;
        let part = self.buffer.get(start..start + self.length as usize);
        part.unwrap_or_default()
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

impl From<&str> for Slice {
    fn from(text: &str) -> Self {
        Self::new(&Rc::new(text.as_bytes().to_vec()), 0, text.len())
    }
}

impl fmt::Debug for Slice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl Text {
    /// Bytes that are UTF-8; others become the replacement character.
    pub(crate) fn from_utf8(bytes: Vec<u8>) -> Self {
        if bytes.len() <= SHORT_MAX_BYTES {
            return Self::from(&*String::from_utf8_lossy(&bytes));
        }
        match String::from_utf8(bytes) {
            Ok(text) => Self::from(text),
            Err(error) => Self::from(String::from_utf8_lossy(error.as_bytes()).into_owned()),
        }
    }

    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Short(length, bytes) => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Self::Long(slice) => slice.as_bytes(),
        }
    }

    #[inline]
    pub(crate) fn as_str(&self) -> &str {
        #[allow(unsafe_code, reason = "a check would cost more than most filters")]
        // SAFETY: all constructors take UTF-8, and slices are made only by `sub` and from the reader of a record, which has checked
        // all of the record, and cuts at quotes, which are ASCII.
        unsafe {
            std::str::from_utf8_unchecked(self.as_bytes())
        }
    }

    /// A part of this text.
    pub(crate) fn sub(&self, part: &str) -> Self {
        let whole = self.as_bytes().as_ptr() as usize;
        let start = (part.as_ptr() as usize).wrapping_sub(whole);
        match self {
            Self::Long(slice) if start <= slice.length as usize && part.len() > SHORT_MAX_BYTES => {
                let start = slice.start as usize + start;
                Self::Long(Slice::new(&slice.buffer, start, start + part.len()))
            }
            _ => Self::from(part),
        }
    }

    /// Appends to this text. If no other value shares its buffer, the buffer grows in place.
    pub(crate) fn append(self, more: &[u8]) -> Self {
        let bytes = match self {
            Self::Long(slice)
                if slice.start == 0 && slice.length as usize == slice.buffer.len() =>
            {
                match Rc::try_unwrap(slice.buffer) {
                    Ok(mut bytes) => {
                        bytes.extend_from_slice(more);
                        return Self::whole(bytes);
                    }
                    Err(shared) => [&shared, more].concat(),
                }
            }
            other => [other.as_bytes(), more].concat(),
        };
        match bytes.len() <= SHORT_MAX_BYTES {
            true => Self::short(&bytes),
            false => Self::whole(bytes),
        }
    }

    fn whole(bytes: Vec<u8>) -> Self {
        let length = bytes.len();
        Self::Long(Slice::new(&Rc::new(bytes), 0, length))
    }

    #[inline]
    fn short(text: &[u8]) -> Self {
        let mut bytes = [0; SHORT_MAX_BYTES];
        for (place, byte) in bytes.iter_mut().zip(text) {
            *place = *byte;
        }
        #[allow(clippy::cast_possible_truncation, reason = "it is short")]
        Self::Short(text.len() as u8, bytes)
    }
}

impl From<&str> for Text {
    #[inline]
    fn from(text: &str) -> Self {
        match text.len() <= SHORT_MAX_BYTES {
            true => Self::short(text.as_bytes()),
            false => Self::whole(text.as_bytes().to_vec()),
        }
    }
}

impl From<String> for Text {
    #[inline]
    fn from(text: String) -> Self {
        match text.len() <= SHORT_MAX_BYTES {
            true => Self::short(text.as_bytes()),
            false => Self::whole(text.into_bytes()),
        }
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl PartialEq for Text {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        equal(self.as_bytes(), other.as_bytes())
    }
}

/// Compares bytes. A call to compare a few would cost more than the comparison.
#[inline]
pub(crate) fn equal(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    if left.len() > 32 {
        return left == right;
    }
    let (words, rest) = left.as_chunks::<8>();
    let (other_words, other_rest) = right.as_chunks::<8>();
    let word = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
    words
        .iter()
        .zip(other_words)
        .all(|(a, b)| word(a) == word(b))
        && rest.iter().zip(other_rest).all(|(a, b)| a == b)
}

/// Memory ends where `u32` does.
#[inline]
fn offset(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
