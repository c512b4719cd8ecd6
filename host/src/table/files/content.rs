//! The content of objects: decoded, and compared with what their manifests say.

use std::cell::RefCell;
use std::io::{self, Read as _};

use sluice_engine::content_digest::ContentDigest;
use zstd::bulk::Decompressor;

use super::context::Context;
use super::error::FilesError;
use super::fetch::Fetched;
use super::plan::PlannedObject;
use crate::format::Codec;
use crate::format::parquet::RowOrigin;

/// Decodes an object into lines, each with its end, and checks that they are those of its manifest. The events of Parquet
/// have other bytes than those that were written; the reader checks its schema and origin, and here only their number is.
///
/// # Errors
/// [`FilesError::Damaged`]
pub(super) fn decode(context: &Context, fetched: &Fetched) -> Result<Vec<u8>, FilesError> {
    let object = context.plan.object(fetched.object);
    let damaged = |why: String| FilesError::Damaged {
        place: context.lake.place(&object.key),
        why,
    };
    let lines = decode_lines(object, &fetched.bytes);
    let lines = lines.map_err(|error| damaged(format!("it cannot be decoded: {error}")))?;
    if u32::try_from(lines.len()).is_err() {
        return Err(damaged(format!(
            "its events take {} bytes, at most 4 GiB are read",
            lines.len()
        )));
    }
    if object.schema.is_some() {
        let rows = memchr::memchr_iter(b'\n', &lines).count() as u64;
        return match rows == object.lines {
            true => Ok(lines),
            false => Err(damaged(format!("it has {rows} rows, not {}", object.lines))),
        };
    }
    match ContentDigest::of(&lines) {
        digest if digest == object.digest && lines.len() as u64 == object.bytes => Ok(lines),
        digest => Err(damaged(format!(
            "its lines have the digest {digest}, not {}",
            object.digest
        ))),
    }
}

fn decode_lines(object: &PlannedObject, bytes: &[u8]) -> io::Result<Vec<u8>> {
    if let Some(schema) = &object.schema {
        let origin = RowOrigin {
            shard: object.shard.as_str(),
            chunk: object.chunk,
        };
        return schema.decode(bytes, origin);
    }
    let capacity = usize::try_from(object.bytes).unwrap_or(usize::MAX);
    match object.format.codec() {
        Codec::None => Ok(bytes.to_vec()),
        Codec::Gzip => {
            let mut lines = Vec::with_capacity(capacity.min(bytes.len().saturating_mul(8)));
            let decoder = flate2::read::MultiGzDecoder::new(bytes);
            // One more byte than expected is a difference.
            let bound = object.bytes.saturating_add(1);
            decoder.take(bound).read_to_end(&mut lines)?;
            Ok(lines)
        }
        Codec::Zstd => decompress(bytes, capacity),
    }
}

/// Decompresses in one call, with a context that is used again: there can be many small objects.
fn decompress(bytes: &[u8], capacity: usize) -> io::Result<Vec<u8>> {
    thread_local! {
        static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
    }
    DECOMPRESSOR.with_borrow_mut(|decompressor| {
        let decompressor = match decompressor {
            Some(decompressor) => decompressor,
            None => decompressor.insert(Decompressor::new()?),
        };
        decompressor.decompress(bytes, capacity)
    })
}
