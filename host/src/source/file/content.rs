//! The content of a file: decompressed, with the length of its byte order mark.

use std::io::{self, BufReader, Cursor, Read};

use super::content_type::{ContentType, UTF8_MARK, detect, refine};
use super::gzip_members::GzipMembers;
use super::stable::source_error;
use super::zstd_frames::ZstdFrames;
use crate::source::SourceError;

/// The buffer for a decompressor, bytes. A larger read bypasses it, so a plain file is read directly into
/// the block in which lines are searched for.
const BUFFER_BYTES: usize = 32 << 10;

/// The bytes of a file's first line that distinguish it from another file of the same name.
const HEAD_MAX_BYTES: usize = 4 << 10;

/// What a file is read from.
pub(super) type Input = Box<dyn Read + Send>;

/// The content of a file, whose first line has been read.
pub(super) struct Content {
    /// The first line with a byte order mark, as far as it names the shard.
    pub(super) first_line: Vec<u8>,
    /// All of the content, with a byte order mark.
    pub(super) input: Input,
    /// The offset of the first record, bytes: the length of the byte order mark, so that an offset is always one of
    /// the decompressed content.
    pub(super) start: u64,
    /// Whether the content is not what the file holds.
    pub(super) is_compressed: bool,
}

impl Content {
    /// Opens the content. The first bytes decide how it is read.
    ///
    /// # Errors
    /// [`SourceError::Io`], [`SourceError::Unsupported`]
    pub(super) fn open(name: &str, raw: Input) -> Result<Self, SourceError> {
        let failed = |error| source_error(name, error);
        let (compression, mut input) = decompress(raw).map_err(failed)?;
        let (first, content_type) = detect(&mut input).map_err(failed)?;
        let refuse = |content_type| match unsupported(compression, content_type) {
            Some((format, command)) => Err(SourceError::Unsupported {
                name: name.to_owned(),
                format,
                command,
            }),
            None => Ok(()),
        };
        refuse(content_type)?;
        let head = first_bytes(first, &mut input).map_err(failed)?;
        refuse(refine(content_type, &head))?;
        let mark = match content_type {
            ContentType::MarkedText => UTF8_MARK.len(),
            _ => 0,
        };
        let line = memchr::memchr(b'\n', &head).unwrap_or(head.len());
        let first_line = head[..line].to_vec();
        Ok(Self {
            first_line,
            input: Box::new(Cursor::new(head).chain(input)),
            start: mark as u64,
            is_compressed: compression.is_some(),
        })
    }
}

/// The decompressed content, and its compression.
fn decompress(raw: Input) -> io::Result<(Option<ContentType>, Input)> {
    let mut raw = BufReader::with_capacity(BUFFER_BYTES, raw);
    let (first, content_type) = detect(&mut raw)?;
    let whole = Cursor::new(first).chain(raw);
    Ok(match content_type {
        ContentType::Gzip => (Some(content_type), Box::new(GzipMembers::new(whole))),
        ContentType::Zstd => (Some(content_type), Box::new(ZstdFrames::new(whole)?)),
        ContentType::Text | ContentType::MarkedText | ContentType::Other(_) => {
            (None, Box::new(whole))
        }
    })
}

/// The format of content that is no text, and the command that converts it.
fn unsupported(compression: Option<ContentType>, content: ContentType) -> Option<(String, String)> {
    let (name, command) = content.tool()?;
    Some(match compression.and_then(ContentType::tool) {
        Some((outer, decompress)) => (
            format!("{name} inside of {outer}"),
            format!("{decompress} | {command}"),
        ),
        None => (name.to_owned(), command.to_owned()),
    })
}

/// Reads on to the end of the first line, as far as it names the shard. It reads no further, because the next line
/// of standard input may take long to arrive.
fn first_bytes(mut head: Vec<u8>, input: &mut Input) -> io::Result<Vec<u8>> {
    let mut byte = [0; 1];
    while head.len() < HEAD_MAX_BYTES && head.last() != Some(&b'\n') {
        match input.read(&mut byte) {
            Ok(0) => break,
            Ok(_) => head.push(byte[0]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(head)
}
