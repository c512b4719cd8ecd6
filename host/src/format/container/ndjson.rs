//! Newline-delimited JSON: a row is a line.

use std::io;

use super::Container;
use crate::format::codec::{Codec, Level};
use crate::format::rows::Rows;

/// The container of newline-delimited JSON.
pub(in crate::format) struct Ndjson;

impl Container for Ndjson {
    fn encode(&self, rows: Rows<'_>, codec: Codec, level: Level) -> io::Result<Vec<u8>> {
        let line_ends = rows.count() as u64;
        let mut rows_left = rows.iter();
        let mut next_part = |buffer: &mut Vec<u8>, enough: usize| {
            for row in rows_left.by_ref() {
                buffer.extend_from_slice(row);
                buffer.push(b'\n');
                if buffer.len() >= enough {
                    return true;
                }
            }
            false
        };
        codec.compress(level, rows.bytes() + line_ends, &mut next_part)
    }

    fn decode(&self, object: &[u8], codec: Codec) -> io::Result<Vec<u8>> {
        codec.decompress(object)
    }
}
