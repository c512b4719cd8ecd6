//! What a file contains, decided by its first bytes: the name of a file says nothing.

use std::io::{self, Read};

/// What the first bytes of a file say about all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ContentType {
    /// Text, as far as the first bytes tell.
    Text,
    /// Text behind a UTF-8 byte order mark.
    MarkedText,
    /// Members of gzip.
    Gzip,
    /// Frames of Zstandard, of which the first can be skippable.
    Zstd,
    /// A format that Sluice does not read.
    Other(&'static Foreign),
}

/// A format that Sluice does not read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Foreign {
    name: &'static str,
    /// The command that turns it into text in UTF-8.
    command: &'static str,
}

impl ContentType {
    /// The name of the format and the command that turns it into text; `None` for text.
    pub(super) fn tool(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Text | Self::MarkedText => None,
            Self::Gzip => Some(("gzip", "gzip -dc")),
            Self::Zstd => Some(("zstd", "zstd -dc")),
            Self::Other(foreign) => Some((foreign.name, foreign.command)),
        }
    }
}

/// The UTF-8 byte order mark.
pub(super) const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";

/// The most first bytes that a format needs.
const MAGIC_MAX_BYTES: usize = 10;

const BZIP2: Foreign = foreign("bzip2", "bzip2 -dc");
const XZ: Foreign = foreign("xz", "xz -dc");
const ZIP: Foreign = foreign("zip", "unzip -p");
const SEVEN_ZIP: Foreign = foreign("7z", "7z x -so");
const TAR: Foreign = foreign("tar", "tar -xOf -");
const LZ4: Foreign = foreign("LZ4", "lz4 -dc");
const UTF16_LE: Foreign = foreign("UTF-16 (little-endian) text", "iconv -f UTF-16LE -t UTF-8");
const UTF16_BE: Foreign = foreign("UTF-16 (big-endian) text", "iconv -f UTF-16BE -t UTF-8");
const UTF32_LE: Foreign = foreign("UTF-32 (little-endian) text", "iconv -f UTF-32LE -t UTF-8");
const UTF32_BE: Foreign = foreign("UTF-32 (big-endian) text", "iconv -f UTF-32BE -t UTF-8");

const fn foreign(name: &'static str, command: &'static str) -> Foreign {
    Foreign { name, command }
}

/// A byte of a pattern.
#[derive(Clone, Copy)]
enum Byte {
    /// This byte.
    Is(u8),
    /// One of a range, both ends included.
    In(u8, u8),
    /// A byte that JSON can start with in its first line, in ASCII.
    JsonStart,
    /// Any byte but zero.
    NotZero,
}
use Byte::{In, Is, JsonStart, NotZero};

impl Byte {
    fn matches(self, byte: u8) -> bool {
        match self {
            Is(expected) => byte == expected,
            In(first, last) => (first..=last).contains(&byte),
            JsonStart => {
                matches!(
                    byte,
                    b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n'
                ) || matches!(byte, b' ' | b'\t' | b'\r')
            }
            NotZero => byte != 0,
        }
    }
}

/// The patterns, and what they say. If several match, the longest one counts.
const PATTERNS: &[(&[Byte], ContentType)] = &[
    (&[Is(0x1f), Is(0x8b)], ContentType::Gzip),
    (&[Is(0x28), Is(0xb5), Is(0x2f), Is(0xfd)], ContentType::Zstd),
    (
        &[In(0x50, 0x5f), Is(0x2a), Is(0x4d), Is(0x18)],
        ContentType::Zstd,
    ),
    (&[Is(0xef), Is(0xbb), Is(0xbf)], ContentType::MarkedText),
    // The digits of pi begin a block of bzip2, those of its square root the end of an empty file.
    (
        &[
            Is(b'B'),
            Is(b'Z'),
            Is(b'h'),
            In(b'1', b'9'),
            Is(0x31),
            Is(0x41),
            Is(0x59),
            Is(0x26),
            Is(0x53),
            Is(0x59),
        ],
        ContentType::Other(&BZIP2),
    ),
    (
        &[
            Is(b'B'),
            Is(b'Z'),
            Is(b'h'),
            In(b'1', b'9'),
            Is(0x17),
            Is(0x72),
            Is(0x45),
            Is(0x38),
            Is(0x50),
            Is(0x90),
        ],
        ContentType::Other(&BZIP2),
    ),
    (
        &[Is(0xfd), Is(b'7'), Is(b'z'), Is(b'X'), Is(b'Z'), Is(0x00)],
        ContentType::Other(&XZ),
    ),
    (
        &[Is(b'P'), Is(b'K'), Is(3), Is(4)],
        ContentType::Other(&ZIP),
    ),
    (
        &[Is(b'P'), Is(b'K'), Is(5), Is(6)],
        ContentType::Other(&ZIP),
    ),
    (
        &[Is(b'7'), Is(b'z'), Is(0xbc), Is(0xaf), Is(0x27), Is(0x1c)],
        ContentType::Other(&SEVEN_ZIP),
    ),
    (
        &[Is(0x04), Is(0x22), Is(0x4d), Is(0x18)],
        ContentType::Other(&LZ4),
    ),
    (&[Is(0xff), Is(0xfe)], ContentType::Other(&UTF16_LE)),
    (&[Is(0xfe), Is(0xff)], ContentType::Other(&UTF16_BE)),
    (
        &[Is(0xff), Is(0xfe), Is(0), Is(0)],
        ContentType::Other(&UTF32_LE),
    ),
    (
        &[Is(0), Is(0), Is(0xfe), Is(0xff)],
        ContentType::Other(&UTF32_BE),
    ),
    // Without a mark: no byte of JSON in UTF-8 is zero.
    (
        &[JsonStart, Is(0), NotZero, Is(0)],
        ContentType::Other(&UTF16_LE),
    ),
    (
        &[Is(0), JsonStart, Is(0), NotZero],
        ContentType::Other(&UTF16_BE),
    ),
    (
        &[JsonStart, Is(0), Is(0), Is(0)],
        ContentType::Other(&UTF32_LE),
    ),
    (
        &[Is(0), Is(0), Is(0), JsonStart],
        ContentType::Other(&UTF32_BE),
    ),
];

/// Reads as many first bytes as it takes to know the content, and returns them too. It reads no byte more, because
/// the next one of standard input may take long to arrive.
pub(super) fn detect(input: &mut impl Read) -> io::Result<(Vec<u8>, ContentType)> {
    let mut first = Vec::with_capacity(MAGIC_MAX_BYTES);
    while can_become_longer(&first) {
        let mut byte = [0; 1];
        match input.read(&mut byte) {
            Ok(0) => break,
            Ok(_) => first.push(byte[0]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let content_type = content_type(&first);
    Ok((first, content_type))
}

/// The offset of the magic of tar, bytes.
const TAR_MAGIC_AT: usize = 257;

/// What more first bytes say of what was detected as text: a tar archive begins with the name of a file, which zeros
/// follow.
pub(super) fn refine(content_type: ContentType, head: &[u8]) -> ContentType {
    let is_tar = head
        .split_at_checked(TAR_MAGIC_AT)
        .is_some_and(|(name, rest)| {
            rest.starts_with(b"ustar") && memchr::memchr(0, name).is_some()
        });
    match content_type {
        ContentType::Text if is_tar => ContentType::Other(&TAR),
        content_type => content_type,
    }
}

fn begins(pattern: &[Byte], bytes: &[u8]) -> bool {
    let mut pairs = pattern.iter().zip(bytes);
    pairs.all(|(expected, &byte)| expected.matches(byte))
}

/// Whether one more byte could complete a pattern.
fn can_become_longer(first: &[u8]) -> bool {
    let mut patterns = PATTERNS.iter();
    patterns.any(|(pattern, _)| pattern.len() > first.len() && begins(pattern, first))
}

fn content_type(first: &[u8]) -> ContentType {
    let complete = PATTERNS
        .iter()
        .filter(|(pattern, _)| pattern.len() <= first.len() && begins(pattern, first));
    complete
        .max_by_key(|(pattern, _)| pattern.len())
        .map_or(ContentType::Text, |&(_, content_type)| content_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detected(bytes: &[u8]) -> (usize, ContentType) {
        let (first, content_type) = detect(&mut &bytes[..]).unwrap();
        assert!(bytes.starts_with(&first));
        (first.len(), content_type)
    }

    fn utf(bytes: impl Fn(char) -> Vec<u8>) -> Vec<u8> {
        "{\"a\":1}\n".chars().flat_map(bytes).collect()
    }

    #[test]
    fn text_is_known_by_the_first_byte_that_fits_no_other_format() {
        assert_eq!(detected(b""), (0, ContentType::Text));
        assert_eq!(detected(b"\n{}"), (1, ContentType::Text));
        assert_eq!(detected(b"{}\n"), (2, ContentType::Text));
        assert_eq!(detected(b"BZh9 is no compression"), (5, ContentType::Text));
        assert_eq!(detected(b"PK no zip"), (3, ContentType::Text));
        assert_eq!(detected(&[0; 9]), (4, ContentType::Text));
        assert_eq!(detected(b"\xef\xbb\xbf{}"), (3, ContentType::MarkedText));
    }

    #[test]
    fn utf_16_and_utf_32_are_known_with_and_without_a_mark() {
        let utf16 = |c: char| c.encode_utf16(&mut [0; 2]).to_vec();
        let le16 = utf(|c| utf16(c).into_iter().flat_map(u16::to_le_bytes).collect());
        let be16 = utf(|c| utf16(c).into_iter().flat_map(u16::to_be_bytes).collect());
        let le32 = utf(|c| u32::from(c).to_le_bytes().to_vec());
        let be32 = utf(|c| u32::from(c).to_be_bytes().to_vec());
        for (mark, text, format) in [
            (&b"\xff\xfe"[..], le16, &UTF16_LE),
            (b"\xfe\xff", be16, &UTF16_BE),
            (b"\xff\xfe\0\0", le32, &UTF32_LE),
            (b"\0\0\xfe\xff", be32, &UTF32_BE),
        ] {
            assert_eq!(detected(&text).1, ContentType::Other(format));
            assert_eq!(detected(mark).1, ContentType::Other(format));
            let marked = [mark, &text].concat();
            assert_eq!(detected(&marked).1, ContentType::Other(format));
        }
    }

    #[test]
    fn tar_is_known_by_its_magic_behind_the_name_of_a_file() {
        let mut head = b"events.ndjson".to_vec();
        head.resize(TAR_MAGIC_AT, 0);
        head.extend(b"ustar\x0000");
        let tar = ContentType::Other(&TAR);
        assert_eq!(refine(ContentType::Text, &head), tar);
        assert_eq!(refine(ContentType::Text, &head[..260]), ContentType::Text);
        let text = [&[b'a'; TAR_MAGIC_AT][..], b"ustar"].concat();
        assert_eq!(refine(ContentType::Text, &text), ContentType::Text);
    }

    #[test]
    fn every_skippable_frame_announces_zstd() {
        for low in 0x50..=0x5f {
            let content_type = detected(&[low, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]).1;
            assert_eq!(content_type, ContentType::Zstd);
        }
    }
}
