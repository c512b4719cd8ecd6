//! Undoes the encoding of a record.

use std::borrow::Cow;
use std::io::{self, Read};

use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{DecodeError, Engine as _};
use flate2::bufread::{GzDecoder, ZlibDecoder};

use crate::ledger::decoding::RecordEncoding;

/// The most that a record may decode to, bytes.
pub(super) const DECODED_MAX_BYTES: usize = 32 << 20;

/// The most that a record may decode to, as a multiple of its bytes. The densest usual JSON, repeated log lines,
/// reaches a hundred.
pub(super) const DECODED_MAX_TIMES: usize = 200;

/// What any record may decode to, bytes: a small record of repeated text has a high ratio.
pub(super) const DECODED_ALWAYS_BYTES: usize = 1 << 20;

/// The largest window of a frame of Zstandard, as a power of two: what is decoded fits it.
const ZSTD_WINDOW_LOG_MAX: u32 = 25;

/// How many encodings around each other `auto` undoes. Logs of `CloudWatch` that a service compressed again have two.
const AUTO_LAYERS_MAX: usize = 3;

const GZIP_MAGIC: &[u8] = b"\x1f\x8b";
/// A window of 32 KiB, which all usual compressors write, and one of four levels without a dictionary (RFC 1950, 2.2).
const ZLIB_MAGICS: [&[u8]; 4] = [b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"];
const ZSTD_MAGIC: &[u8] = b"\x28\xb5\x2f\xfd";

/// The decoded data.
///
/// # Errors
/// What is wrong with it.
pub(super) fn decode(data: &[u8], encoding: RecordEncoding) -> Result<Cow<'_, [u8]>, String> {
    let most = allowed(data.len());
    match encoding {
        RecordEncoding::None => Ok(Cow::Borrowed(data)),
        RecordEncoding::Auto => auto(data, most),
        RecordEncoding::Base64 => {
            let decoded = base64(data).map_err(|why| format!("the record is not base64: {why}"));
            innermost(decoded?).map(Cow::Owned)
        }
        RecordEncoding::Gzip => innermost(gzip(data, most)?).map(Cow::Owned),
        RecordEncoding::Zlib => innermost(zlib(data, most)?).map(Cow::Owned),
        RecordEncoding::Zstd => innermost(zstd(data, most)?).map(Cow::Owned),
    }
}

/// The data, if it is not compressed once more.
fn innermost(decoded: Vec<u8>) -> Result<Vec<u8>, String> {
    match compression(&decoded) {
        Some((inner, _)) => Err(format!(
            "what the record decodes to is {inner} data; the record encoding `auto` undoes both"
        )),
        None => Ok(decoded),
    }
}

/// How much a record of so many bytes may decode to.
fn allowed(bytes: usize) -> usize {
    let by_ratio = bytes.saturating_mul(DECODED_MAX_TIMES);
    by_ratio.clamp(DECODED_ALWAYS_BYTES, DECODED_MAX_BYTES)
}

/// Whether data is compressed as this encoding says, so that each of its bytes counts.
#[must_use]
pub fn is_compressed(data: &[u8], encoding: RecordEncoding) -> bool {
    match encoding {
        RecordEncoding::None | RecordEncoding::Base64 => false,
        RecordEncoding::Gzip | RecordEncoding::Zlib | RecordEncoding::Zstd => true,
        RecordEncoding::Auto => compression(data).is_some(),
    }
}

fn inflate(name: &str, decoder: impl Read, most: usize) -> Result<Vec<u8>, String> {
    let mut decoded = Vec::new();
    inflate_into(&mut decoded, name, decoder, most)?;
    Ok(decoded)
}

/// Appends what is decoded, up to `most` bytes in all.
fn inflate_into(
    decoded: &mut Vec<u8>,
    name: &str,
    decoder: impl Read,
    most: usize,
) -> Result<(), String> {
    let left = most - decoded.len();
    let read = decoder.take(left as u64 + 1).read_to_end(decoded);
    read.map_err(|why| broken(name, &why))?;
    if decoded.len() > most {
        return Err(format!(
            "the record decodes to more than {most} bytes, the most that a record of its length may"
        ));
    }
    Ok(())
}

/// One member after another. What is behind the last one is an error.
fn gzip(data: &[u8], most: usize) -> Result<Vec<u8>, String> {
    begins_with(data, &[GZIP_MAGIC], "gzip")?;
    let (mut rest, mut decoded) = (data, Vec::new());
    while rest.starts_with(GZIP_MAGIC) {
        let mut member = GzDecoder::new(rest);
        inflate_into(&mut decoded, "gzip", &mut member, most)?;
        rest = member.into_inner();
    }
    ends(rest, "gzip")?;
    Ok(decoded)
}

/// Checks that data begins as its encoding does: a decoder would say something else of it.
fn begins_with(data: &[u8], magics: &[&[u8]], name: &str) -> Result<(), String> {
    if magics.iter().any(|magic| data.starts_with(magic)) {
        return Ok(());
    }
    let first: Vec<String> = data
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let first = first.join(" ");
    Err(format!(
        "the record is not {name} data: it begins with the bytes {first}"
    ))
}

fn ends(rest: &[u8], name: &str) -> Result<(), String> {
    if rest.is_empty() {
        return Ok(());
    }
    let bytes = rest.len();
    Err(format!(
        "the {name} data of the record is followed by {bytes} bytes of something else"
    ))
}

fn zlib(data: &[u8], most: usize) -> Result<Vec<u8>, String> {
    begins_with(data, &ZLIB_MAGICS, "zlib")?;
    let mut decoder = ZlibDecoder::new(data);
    let decoded = inflate("zlib", &mut decoder, most)?;
    ends(decoder.into_inner(), "zlib")?;
    Ok(decoded)
}

fn zstd(data: &[u8], most: usize) -> Result<Vec<u8>, String> {
    if !is_skippable(data) {
        begins_with(data, &[ZSTD_MAGIC], "zstd")?;
    }
    let mut decoder = zstd::Decoder::with_buffer(data).map_err(|why| broken("zstd", &why))?;
    let window = decoder.window_log_max(ZSTD_WINDOW_LOG_MAX);
    window.map_err(|why| broken("zstd", &why))?;
    inflate("zstd", decoder, most)
}

fn broken(name: &str, why: &io::Error) -> String {
    format!("the {name} data of the record is broken: {why}")
}

/// Undoes the encodings that the first bytes show, until there is none.
fn auto(data: &[u8], most: usize) -> Result<Cow<'_, [u8]>, String> {
    let mut decoded = Cow::Borrowed(data);
    for _ in 0..AUTO_LAYERS_MAX {
        let inner = match compression(&decoded) {
            Some((_, decompress)) => decompress(&decoded, most)?,
            None => match base64_of_known(&decoded) {
                Some(inner) => inner,
                None => break,
            },
        };
        decoded = Cow::Owned(inner);
    }
    match compression(&decoded) {
        Some(_) => Err(format!(
            "the record has more than {AUTO_LAYERS_MAX} encodings around each other"
        )),
        None => Ok(decoded),
    }
}

/// Undoes a compression, up to so many bytes.
type Decompress = fn(&[u8], usize) -> Result<Vec<u8>, String>;

/// The compression that begins like this, with its name.
fn compression(data: &[u8]) -> Option<(&'static str, Decompress)> {
    if data.starts_with(GZIP_MAGIC) {
        return Some(("gzip", gzip));
    }
    if data.starts_with(ZSTD_MAGIC) || is_skippable(data) {
        return Some(("zstd", zstd));
    }
    let is_zlib = ZLIB_MAGICS.iter().any(|magic| data.starts_with(magic));
    is_zlib.then_some(("zlib", zlib))
}

/// Whether data begins with a skippable frame of Zstandard (RFC 8878, 3.1.2).
fn is_skippable(data: &[u8]) -> bool {
    matches!(data, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

/// What is behind base64, if it is JSON or compressed: other text can look like base64 by chance.
fn base64_of_known(data: &[u8]) -> Option<Vec<u8>> {
    let decoded = base64(data).ok()?;
    let first = decoded.iter().find(|byte| !byte.is_ascii_whitespace());
    let is_json = matches!(first, Some(b'{' | b'['));
    (is_json || compression(&decoded).is_some()).then_some(decoded)
}

/// Base64 of either alphabet, with white space around it.
fn base64(data: &[u8]) -> Result<Vec<u8>, DecodeError> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
    const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);
    let text = data.trim_ascii();
    let is_url_safe = text.iter().any(|byte| matches!(byte, b'-' | b'_'));
    if is_url_safe {
        URL_SAFE.decode(text)
    } else {
        STANDARD.decode(text)
    }
}
