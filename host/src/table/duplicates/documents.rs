//! The documents of an attempt: the keys of its rows, and which events it has dropped.
//!
//! The keys are in parts of the same number, each sorted behind the one before. A part is the entries one after the other,
//! each of 32 bytes: the hash of the key, and the first and the last arrival of its chunk, all little-endian, compressed by
//! zstd with a checksum.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sluice_engine::record::{SequenceNumber, ShardId};
use zstd::stream::read::Decoder;
use zstd::stream::write::Encoder;

use super::arrival::Arrival;
use super::entry::take;

/// The number of keys of each part but the last.
const PART_KEYS: u64 = 1 << 18;

/// The bytes of a key.
const KEY_BYTES: usize = 16 + 8 + 8;

/// The level of zstd: hashes hardly get smaller.
const LEVEL: i32 = 1;

/// The name of the document that lists what was dropped.
pub(in crate::table) const DROPPED: &str = "dropped.ndjson.zst";

/// The name of the document of sealed attempts.
pub(in crate::table) const ATTEMPTS: &str = "attempts.json";

/// The name of a part.
pub(in crate::table) fn part_name(number: u64) -> String {
    format!("keys-{number:05}.zst")
}

/// The number of parts of so many keys.
pub(in crate::table) fn parts(keys: u64) -> u64 {
    keys.div_ceil(PART_KEYS)
}

/// The events of an object that were dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::table) struct DroppedObject {
    /// The shard of its chunk.
    pub(in crate::table) shard: ShardId,
    /// The first record of its chunk.
    pub(in crate::table) chunk: SequenceNumber,
    /// Its key in the lake.
    pub(in crate::table) object: String,
    /// The lines of the events, from 1.
    pub(in crate::table) lines: Vec<u64>,
}

/// Writes keys, which come sorted, as local files.
#[derive(Debug)]
pub(in crate::table) struct KeysWriter {
    folder: PathBuf,
    part: Vec<u8>,
    keys: u64,
    files: Vec<PathBuf>,
}

impl KeysWriter {
    /// Writes to a folder.
    pub(in crate::table) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            part: Vec::new(),
            keys: 0,
            files: Vec::new(),
        }
    }

    /// Adds the next key.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(in crate::table) fn push(&mut self, key: u128, arrived: Arrival) -> io::Result<()> {
        self.part.extend_from_slice(&key.to_le_bytes());
        self.part.extend_from_slice(&arrived.min.to_le_bytes());
        self.part.extend_from_slice(&arrived.max.to_le_bytes());
        self.keys += 1;
        match self.keys.is_multiple_of(PART_KEYS) {
            true => self.end_part(),
            false => Ok(()),
        }
    }

    fn end_part(&mut self) -> io::Result<()> {
        let path = self.folder.join(part_name(self.files.len() as u64));
        fs::write(&path, compressed(&self.part)?)?;
        self.files.push(path);
        self.part.clear();
        Ok(())
    }

    /// Writes the rest. Returns the number of keys and the files.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(in crate::table) fn finish(mut self) -> io::Result<(u64, Vec<PathBuf>)> {
        if !self.part.is_empty() {
            self.end_part()?;
        }
        Ok((self.keys, self.files))
    }
}

fn encoder<W: Write>(to: W) -> io::Result<Encoder<'static, W>> {
    let mut encoder = Encoder::new(to, LEVEL)?;
    encoder.include_checksum(true)?;
    Ok(encoder)
}

fn compressed(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = encoder(Vec::new())?;
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// Calls `each` with the keys of a part. Returns their number.
///
/// # Errors
/// It is damaged, or an error of `each`.
pub(in crate::table) fn read_part(
    part: &[u8],
    mut each: impl FnMut(u128, Arrival) -> io::Result<()>,
) -> io::Result<u64> {
    let keys = zstd::stream::decode_all(part)?;
    if !keys.len().is_multiple_of(KEY_BYTES) {
        let why = "its end is in the middle of a key";
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
    }
    for mut rest in keys.chunks_exact(KEY_BYTES) {
        let key = u128::from_le_bytes(take(&mut rest));
        let arrived = Arrival {
            min: u64::from_le_bytes(take(&mut rest)),
            max: u64::from_le_bytes(take(&mut rest)),
        };
        each(key, arrived)?;
    }
    Ok((keys.len() / KEY_BYTES) as u64)
}

/// Writes the list of dropped events to a local file: a JSON object a line.
///
/// # Errors
/// It cannot be written.
pub(in crate::table) fn write_dropped(
    path: &Path,
    objects: impl Iterator<Item = DroppedObject>,
) -> io::Result<()> {
    let mut list = encoder(fs::File::create(path)?)?;
    for object in objects {
        serde_json::to_writer(&mut list, &object)?;
        list.write_all(b"\n")?;
    }
    list.finish().map(drop)
}

/// Calls `each` with the objects of a list of dropped events.
///
/// # Errors
/// It is damaged.
pub(in crate::table) fn read_dropped(
    list: &[u8],
    mut each: impl FnMut(DroppedObject),
) -> io::Result<()> {
    let lines = BufReader::new(Decoder::new(list)?).lines();
    for line in lines {
        each(serde_json::from_str(&line?)?);
    }
    Ok(())
}
