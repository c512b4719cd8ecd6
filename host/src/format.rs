//! Encodes objects: newline-delimited JSON, compressed or not, one frame per object.

use std::cell::RefCell;
use std::fmt;
use std::io::{self, Read, Write};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use zstd::bulk;

/// The format of an object, which is also its extension.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// Newline-delimited JSON.
    #[serde(rename = "ndjson")]
    Plain,
    /// Compressed with gzip.
    #[serde(rename = "ndjson.gz")]
    Gzip,
    /// Compressed with Zstandard.
    #[default]
    #[serde(rename = "ndjson.zst")]
    Zstd,
}

/// The default level. For events, which are lines that are much alike,
/// Zstandard's level 1 takes half the time of its usual 3 and makes no larger objects.
pub const ZSTD_DEFAULT_LEVEL: u8 = 1;
const GZIP_DEFAULT_LEVEL: u8 = 6;

impl Format {
    /// All of them. No extension is the end of another.
    pub const ALL: [Self; 3] = [Self::Zstd, Self::Gzip, Self::Plain];

    /// The extension of its objects, without the leading dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Plain => "ndjson",
            Self::Gzip => "ndjson.gz",
            Self::Zstd => "ndjson.zst",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.extension())
    }
}

/// A compression level: 1 to 19 for zstd, 1 to 9 for gzip; `None` is the format's usual one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Level(Option<u8>);

impl Level {
    /// The level for `format`, if it has one.
    ///
    /// # Errors
    /// The format does not have this level.
    pub fn check(self, format: Format) -> Result<Self, String> {
        let highest = match format {
            Format::Plain => 0,
            Format::Gzip => 9,
            Format::Zstd => 19,
        };
        match self.0 {
            Some(level) if highest == 0 => Err(format!("{level} given, {format} has no levels")),
            Some(level) if !(1..=highest).contains(&level) => Err(format!(
                "{level} is not between 1 and {highest}, the levels of {format}"
            )),
            _ => Ok(self),
        }
    }
}

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let level = text
            .parse()
            .map_err(|_| format!("{text:?} is not a whole number"))?;
        Ok(Self(Some(level)))
    }
}

/// Lines of an object, in pieces that follow one another. Each piece is one line without its end.
pub type Lines<'a> = &'a mut dyn Iterator<Item = &'a [u8]>;

/// Encodes lines as one object of `bytes` bytes before compression, line ends included.
///
/// The same lines always give the same bytes, with the same version of the compressor. A level that
/// the format does not have stands for its usual one: a pinned range keeps its format even when a
/// later run has another with its own level.
///
/// # Errors
/// The compressor fails; none is expected, since it writes to memory.
pub fn encode(format: Format, level: Level, bytes: u64, lines: Lines<'_>) -> io::Result<Vec<u8>> {
    let level = level.check(format).unwrap_or_default();
    match format {
        Format::Plain => {
            let mut object = Vec::with_capacity(usize::try_from(bytes).unwrap_or(0));
            write_lines(&mut object, lines)?;
            Ok(object)
        }
        Format::Gzip => {
            let level = flate2::Compression::new(level.0.unwrap_or(GZIP_DEFAULT_LEVEL).into());
            let mut object = flate2::write::GzEncoder::new(Vec::new(), level);
            write_lines(&mut object, lines)?;
            object.finish()
        }
        Format::Zstd => {
            let level = level.0.unwrap_or(ZSTD_DEFAULT_LEVEL).into();
            if bytes <= WHOLE_MAX_BYTES {
                zstd_whole(level, lines)
            } else {
                zstd_stream(level, bytes, lines)
            }
        }
    }
}

/// Up to this much an object is gathered before it is compressed, which is quicker than to feed it to
/// the compressor block by block, and takes twice as much memory on each thread.
const WHOLE_MAX_BYTES: u64 = 4 << 20;

/// What is kept from one object to the next: the compressor's tables take longer to set up than a small
/// object to compress, and fresh memory has to be mapped.
#[derive(Default)]
struct Whole {
    compressor: bulk::Compressor<'static>,
    content: Vec<u8>,
    compressed: Vec<u8>,
}

fn zstd_whole(level: i32, lines: Lines<'_>) -> io::Result<Vec<u8>> {
    thread_local! {
        static WHOLE: RefCell<Whole> = RefCell::default();
    }
    WHOLE.with_borrow_mut(|whole| {
        whole.content.clear();
        for line in lines {
            whole.content.extend_from_slice(line);
            whole.content.push(b'\n');
        }
        whole.compressed.clear();
        whole
            .compressed
            .reserve(zstd::zstd_safe::compress_bound(whole.content.len()));
        whole.compressor.set_compression_level(level)?;
        whole.compressor.include_checksum(true)?;
        whole
            .compressor
            .compress_to_buffer(&whole.content, &mut whole.compressed)?;
        Ok(whole.compressed.clone())
    })
}

fn zstd_stream(level: i32, bytes: u64, lines: Lines<'_>) -> io::Result<Vec<u8>> {
    let mut object = zstd::Encoder::new(Vec::new(), level)?;
    object.set_pledged_src_size(Some(bytes))?;
    object.include_checksum(true)?;
    write_lines(&mut object, lines)?;
    object.finish()
}

/// How much is gathered before the compressor is called: its own block size.
const GATHER_BYTES: usize = 128 << 10;

fn write_lines(object: &mut dyn Write, lines: Lines<'_>) -> io::Result<()> {
    let mut gathered = Vec::with_capacity(GATHER_BYTES);
    for line in lines {
        gathered.extend_from_slice(line);
        gathered.push(b'\n');
        if gathered.len() >= GATHER_BYTES {
            object.write_all(&gathered)?;
            gathered.clear();
        }
    }
    object.write_all(&gathered)
}

/// Reads an object's content back.
///
/// # Errors
/// When it is damaged.
pub fn decode(format: Format, object: &[u8]) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    match format {
        Format::Plain => content.extend_from_slice(object),
        Format::Gzip => {
            flate2::read::MultiGzDecoder::new(object).read_to_end(&mut content)?;
        }
        Format::Zstd => {
            zstd::Decoder::new(object)?.read_to_end(&mut content)?;
        }
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_gives_the_lines_back() {
        let lines: Vec<Vec<u8>> = (0..5_000)
            .map(|i| format!("{{\"n\":{i}}}").into_bytes())
            .collect();
        let expected: Vec<u8> = lines
            .iter()
            .flat_map(|l| [l.as_slice(), b"\n"].concat())
            .collect();
        for format in [Format::Plain, Format::Gzip, Format::Zstd] {
            let encode = || {
                let mut pieces = lines.iter().map(Vec::as_slice);
                encode(format, Level::default(), expected.len() as u64, &mut pieces).unwrap()
            };
            assert_eq!(decode(format, &encode()).unwrap(), expected);
            assert_eq!(encode(), encode());
        }
    }

    #[test]
    fn an_object_on_either_side_of_the_size_that_is_compressed_at_once_comes_back() {
        let line = vec![b'x'; 1 << 10];
        let whole = WHOLE_MAX_BYTES >> 10;
        for count in [whole - 4, whole + 4] {
            let bytes = count * (line.len() as u64 + 1);
            let mut lines = (0..count).map(|_| line.as_slice());
            let object = encode(Format::Zstd, Level::default(), bytes, &mut lines).unwrap();
            let content = decode(Format::Zstd, &object).unwrap();
            assert_eq!(content.len() as u64, bytes);
        }
    }

    #[test]
    fn levels_belong_to_a_format() {
        let check = |format, level: &str| level.parse::<Level>().and_then(|l| l.check(format));
        assert!(check(Format::Zstd, "19").is_ok());
        assert!(check(Format::Gzip, "9").is_ok());
        assert!(check(Format::Gzip, "10").is_err());
        assert!(check(Format::Zstd, "0").is_err());
        assert!(check(Format::Plain, "1").is_err());
        assert!(check(Format::Zstd, "many").is_err());
    }
}
