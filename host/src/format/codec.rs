//! Codecs: how the content of an object is compressed, one frame an object.

use std::cell::RefCell;
use std::io::{self, Read as _, Write};
use std::str::FromStr;

use zstd::bulk;
use zstd::zstd_safe::CParameter;

/// How content is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// Not at all.
    None,
    /// gzip.
    Gzip,
    /// Zstandard, with a checksum.
    Zstd,
}

/// The default level. Events are lines that are much alike, with random ids in them. Level 1 takes matches of at least
/// 6 or 7 bytes. Levels 2 to 5 also take shorter ones, which they find in ids and which cost more than they save. So
/// their objects are hardly ever smaller, and take longer (docs/performance.md, "Compression").
pub const ZSTD_DEFAULT_LEVEL: u8 = 1;
const GZIP_DEFAULT_LEVEL: u8 = 6;

/// The window of level 1, as a power of two of bytes: 256 KiB instead of Zstandard's 512.
pub(super) const ZSTD_LEVEL_1_WINDOW_LOG: u32 = 18;
/// The table of level 1, as a power of two of places: 8,192 instead of Zstandard's 16,384. Window and table stay in a
/// core's cache, which makes the compressor faster, and objects are about as large (docs/performance.md, "Compression").
const ZSTD_LEVEL_1_HASH_LOG: u32 = 13;

/// A compression level: 1 to 19 for zstd, 1 to 9 for gzip; `None` is the codec's default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Level(Option<u8>);

impl Level {
    /// The level for `codec`, if it has one.
    ///
    /// # Errors
    /// The codec does not have this level.
    pub fn check(self, codec: Codec) -> Result<Self, String> {
        let (highest, name) = match codec {
            Codec::None => (0, "none"),
            Codec::Gzip => (9, "gzip"),
            Codec::Zstd => (19, "zstd"),
        };
        match self.0 {
            Some(level) if highest == 0 => Err(format!(
                "{level} given, but compression {name} has no levels"
            )),
            Some(level) if !(1..=highest).contains(&level) => Err(format!(
                "{level} is not between 1 and {highest}, the levels of {name}"
            )),
            _ => Ok(self),
        }
    }

    /// The level for zstd: the default, if zstd does not have this one.
    pub(super) fn of_zstd(self) -> i32 {
        let level = self.check(Codec::Zstd).unwrap_or_default();
        level.or(ZSTD_DEFAULT_LEVEL).into()
    }

    fn or(self, default: u8) -> u8 {
        self.0.unwrap_or(default)
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

/// Appends the next part of the content to a buffer, until the buffer has at least so many bytes.
/// Returns whether there is more.
pub type NextPart<'a> = &'a mut dyn FnMut(&mut Vec<u8>, usize) -> bool;

/// An object of at most this many bytes is collected in memory and compressed in one call. That is faster
/// than one call per block, and takes twice as much memory on each thread.
pub(super) const WHOLE_MAX_BYTES: u64 = 4 << 20;

/// Bytes per call of the compressor for a larger object: the compressor's own block size.
const GATHER_BYTES: usize = 128 << 10;

impl Codec {
    /// Compresses content of exactly `bytes` bytes, or of as many as there are. If the codec does not have the level, it uses its
    /// default: a pinned range keeps its format even when a later run has another with its own level.
    ///
    /// # Errors
    /// The compressor fails; none is expected, since it writes to memory.
    pub(super) fn compress(
        self,
        level: Level,
        bytes: Option<u64>,
        next_part: NextPart<'_>,
    ) -> io::Result<Vec<u8>> {
        let level = level.check(self).unwrap_or_default();
        match self {
            Self::None => {
                let mut object =
                    Vec::with_capacity(usize::try_from(bytes.unwrap_or(0)).unwrap_or(0));
                while next_part(&mut object, usize::MAX) {}
                Ok(object)
            }
            Self::Gzip => {
                let level = flate2::Compression::new(level.or(GZIP_DEFAULT_LEVEL).into());
                let mut object = flate2::write::GzEncoder::new(Vec::new(), level);
                write_parts(&mut object, next_part)?;
                object.finish()
            }
            Self::Zstd => {
                let level = level.or(ZSTD_DEFAULT_LEVEL).into();
                match bytes {
                    Some(0..=WHOLE_MAX_BYTES) => zstd_whole(level, next_part),
                    _ => zstd_stream(level, bytes, next_part),
                }
            }
        }
    }

    /// Decompresses an object, and stops where it has more than `max` bytes.
    ///
    /// # Errors
    /// The object is damaged, or has more bytes; then the error is [`io::ErrorKind::FileTooLarge`].
    pub(super) fn decompress(self, object: &[u8], max: usize) -> io::Result<Vec<u8>> {
        // One byte more shows that there are more.
        let most = (max as u64).saturating_add(1);
        let mut content = Vec::new();
        match self {
            Self::None => object.take(most).read_to_end(&mut content)?,
            Self::Gzip => {
                let object = flate2::read::MultiGzDecoder::new(object);
                object.take(most).read_to_end(&mut content)?
            }
            Self::Zstd => {
                let object = zstd::Decoder::new(object)?;
                object.take(most).read_to_end(&mut content)?
            }
        };
        match content.len() > max {
            true => Err(too_large(max)),
            false => Ok(content),
        }
    }
}

/// The error for an object with more bytes than are decoded.
pub(super) fn too_large(max: usize) -> io::Error {
    let why = format!("it has more than {max} bytes when it is decompressed");
    io::Error::new(io::ErrorKind::FileTooLarge, why)
}

/// State that is reused from one object to the next: to set up the compressor's tables and to map fresh
/// memory takes longer than to compress a small object.
#[derive(Default)]
struct Whole {
    compressor: bulk::Compressor<'static>,
    content: Vec<u8>,
    compressed: Vec<u8>,
}

fn zstd_whole(level: i32, next_part: NextPart<'_>) -> io::Result<Vec<u8>> {
    thread_local! {
        static WHOLE: RefCell<Whole> = RefCell::default();
    }
    WHOLE.with_borrow_mut(|whole| {
        whole.content.clear();
        next_part(&mut whole.content, usize::MAX);
        whole.compressed.clear();
        whole
            .compressed
            .reserve(zstd::zstd_safe::compress_bound(whole.content.len()));
        whole.compressor.set_compression_level(level)?;
        for parameter in zstd_parameters(level) {
            whole.compressor.set_parameter(parameter)?;
        }
        whole.compressor.include_checksum(true)?;
        whole
            .compressor
            .compress_to_buffer(&whole.content, &mut whole.compressed)?;
        Ok(whole.compressed.clone())
    })
}

fn zstd_stream(level: i32, bytes: Option<u64>, next_part: NextPart<'_>) -> io::Result<Vec<u8>> {
    let mut object = zstd::Encoder::new(Vec::new(), level)?;
    for parameter in zstd_parameters(level) {
        object.set_parameter(parameter)?;
    }
    object.set_pledged_src_size(bytes)?;
    object.include_checksum(true)?;
    write_parts(&mut object, next_part)?;
    object.finish()
}

/// The parameters of a level; 0 is the level's own.
#[must_use]
pub fn zstd_parameters(level: i32) -> [CParameter; 2] {
    let (window, table) = match level {
        1 => (ZSTD_LEVEL_1_WINDOW_LOG, ZSTD_LEVEL_1_HASH_LOG),
        _ => (0, 0),
    };
    [CParameter::WindowLog(window), CParameter::HashLog(table)]
}

fn write_parts(object: &mut impl Write, next_part: NextPart<'_>) -> io::Result<()> {
    let mut gathered = Vec::with_capacity(GATHER_BYTES);
    loop {
        let more = next_part(&mut gathered, GATHER_BYTES);
        object.write_all(&gathered)?;
        if !more {
            return Ok(());
        }
        gathered.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_belong_to_a_codec() {
        let check = |codec, level: &str| level.parse::<Level>().and_then(|l| l.check(codec));
        assert!(check(Codec::Zstd, "19").is_ok());
        assert!(check(Codec::Gzip, "9").is_ok());
        assert!(check(Codec::Gzip, "10").is_err());
        assert!(check(Codec::Zstd, "0").is_err());
        assert!(check(Codec::None, "1").is_err());
        assert!(check(Codec::Zstd, "many").is_err());
    }
}
