//! Newline-delimited JSON: a row is a line.

use std::io;

use sluice_engine::content_digest::ContentHasher;

use super::{Container, Encoded};
use crate::format::codec::{Codec, Level};
use crate::format::rows::{DIGESTED_BYTES, Rows};

/// The container of newline-delimited JSON.
pub(in crate::format) struct Ndjson;

impl Container for Ndjson {
    fn encode(&self, rows: Rows<'_>, codec: Codec, level: Level) -> io::Result<Encoded> {
        let line_ends = rows.count() as u64;
        let mut hasher = ContentHasher::default();
        let mut rows_left = rows.iter();
        let mut next_part = |buffer: &mut Vec<u8>, enough: usize| {
            let mut digested = buffer.len();
            let mut is_enough = false;
            for row in rows_left.by_ref() {
                buffer.extend_from_slice(row);
                buffer.push(b'\n');
                if buffer.len() - digested >= DIGESTED_BYTES {
                    hasher.update(&buffer[digested..]);
                    digested = buffer.len();
                }
                is_enough = buffer.len() >= enough;
                if is_enough {
                    break;
                }
            }
            hasher.update(&buffer[digested..]);
            is_enough
        };
        let bytes = codec.compress(level, Some(rows.bytes() + line_ends), &mut next_part)?;
        let digest = hasher.digest();
        Ok(Encoded { bytes, digest })
    }

    fn decode(&self, object: &[u8], codec: Codec, max: usize) -> io::Result<Vec<u8>> {
        codec.decompress(object, max)
    }
}
