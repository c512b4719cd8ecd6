//! Rows of partitions that have no open file: kept in local files as events, each with its origin, until these partitions
//! have their turn. Each partition is in one of a few files, by its hash.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;

use rayon::prelude::*;

use super::context::{BUCKETS, Context};
use super::error::{FilesError, at};
use super::unit::{RowRef, offset};

/// What precedes an event: the hash of its partition, its object, its line and its length.
const HEAD_BYTES: usize = 8 + 4 + 8 + 4;

/// What precedes a block: its length, and that of its content.
const BLOCK_HEAD_BYTES: usize = 4 + 4;

/// The level of zstd for files that are read once.
const LEVEL: i32 = 1;

/// Rows that are being written.
pub(super) struct Spill {
    /// Another depth spreads partitions in another way.
    depth: u32,
    buckets: Vec<Bucket>,
    /// Blocks that are full, with their buckets.
    full: Vec<(usize, Vec<u8>)>,
    block_bytes: usize,
}

#[derive(Default)]
struct Bucket {
    block: Vec<u8>,
    path: Option<PathBuf>,
    /// All bytes before compression.
    bytes: u64,
}

/// A file of rows that is complete.
#[derive(Debug)]
pub(super) struct SpilledRows {
    path: PathBuf,
    pub(super) depth: u32,
    /// The bytes of its content.
    pub(super) bytes: u64,
}

/// A row as it was kept, with the hash of its partition.
pub(super) type SpilledRow = (u64, RowRef);

impl Spill {
    pub(super) fn new(context: &Context, depth: u32) -> Self {
        let mut buckets = Vec::new();
        buckets.resize_with(BUCKETS, Bucket::default);
        Self {
            depth,
            buckets,
            full: Vec::new(),
            block_bytes: context.limits.spill_block_bytes,
        }
    }

    /// Adds a row of the partition with this hash.
    pub(super) fn add(&mut self, hash: u64, row: RowRef, event: &[u8]) {
        let position = bucket_of(hash, self.depth);
        let bucket = &mut self.buckets[position];
        bucket.block.extend_from_slice(&hash.to_le_bytes());
        bucket.block.extend_from_slice(&row.object.to_le_bytes());
        bucket.block.extend_from_slice(&row.line.to_le_bytes());
        let length = offset(event.len());
        bucket.block.extend_from_slice(&length.to_le_bytes());
        bucket.block.extend_from_slice(event);
        if bucket.block.len() >= self.block_bytes {
            let block = std::mem::take(&mut bucket.block);
            self.full.push((position, block));
        }
    }

    /// Writes the blocks that are full.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(super) fn write(&mut self, context: &Context) -> Result<(), FilesError> {
        let full = std::mem::take(&mut self.full);
        let compressed: io::Result<Vec<_>> = full
            .par_iter()
            .map(|(bucket, block)| Ok((*bucket, block.len(), zstd::bulk::compress(block, LEVEL)?)))
            .collect();
        for (bucket, bytes, block) in compressed.map_err(at(&context.folder))? {
            self.buckets[bucket].append(context, bytes, &block)?;
        }
        Ok(())
    }

    /// Writes the rest. Returns the files.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(super) fn finish(mut self, context: &Context) -> Result<Vec<SpilledRows>, FilesError> {
        for (position, bucket) in self.buckets.iter_mut().enumerate() {
            if !bucket.block.is_empty() {
                self.full
                    .push((position, std::mem::take(&mut bucket.block)));
            }
        }
        self.write(context)?;
        let written = self.buckets.into_iter().filter_map(|bucket| {
            Some(SpilledRows {
                path: bucket.path?,
                depth: self.depth,
                bytes: bucket.bytes,
            })
        });
        Ok(written.collect())
    }
}

impl Bucket {
    fn append(&mut self, context: &Context, bytes: usize, block: &[u8]) -> Result<(), FilesError> {
        let path = self.path.get_or_insert_with(|| context.next_file("rows"));
        let append = || {
            // No file stays open, so that their number is no matter.
            let mut file = File::options().append(true).create(true).open(&*path)?;
            let head = [
                offset(block.len()).to_le_bytes(),
                offset(bytes).to_le_bytes(),
            ];
            file.write_all(head.as_flattened())?;
            file.write_all(block)
        };
        append().map_err(at(path))?;
        self.bytes += bytes as u64;
        Ok(())
    }
}

/// The bucket of a hash. At another depth, hashes that share one are spread again.
fn bucket_of(hash: u64, depth: u32) -> usize {
    let salted = hash ^ u64::from(depth).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (salted ^ (salted >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    usize::try_from(mixed >> 32).unwrap_or_default() % BUCKETS
}

/// Reads a file of rows, block by block. The file is removed with it.
pub(super) struct SpillReader {
    path: PathBuf,
    file: File,
}

impl SpillReader {
    pub(super) fn open(rows: &SpilledRows) -> Result<Self, FilesError> {
        Ok(Self {
            file: File::open(&rows.path).map_err(at(&rows.path))?,
            path: rows.path.clone(),
        })
    }

    /// The content of the next block; `None` at the end.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn next_block(&mut self) -> Result<Option<Vec<u8>>, FilesError> {
        self.read_block().map_err(at(&self.path))
    }

    fn read_block(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut head = [0; BLOCK_HEAD_BYTES];
        match self.file.read_exact(&mut head) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            read => read?,
        }
        let number = |at: usize| u32_at(&head, at) as usize;
        let mut block = vec![0; number(0)];
        self.file.read_exact(&mut block)?;
        zstd::bulk::decompress(&block, number(4)).map(Some)
    }
}

impl Drop for SpillReader {
    fn drop(&mut self) {
        // It is gone with its folder at last.
        let _removed = fs::remove_file(&self.path);
    }
}

/// The rows of a block, which is the content of a wave at this position.
pub(super) fn rows_of(content: u32, block: &[u8]) -> Vec<SpilledRow> {
    let (mut rows, mut at) = (Vec::new(), 0);
    while at + HEAD_BYTES <= block.len() {
        let start = at + HEAD_BYTES;
        let end = start + u32_at(block, at + 20) as usize;
        rows.push((
            u64_at(block, at),
            RowRef {
                object: u32_at(block, at + 8),
                line: u64_at(block, at + 12),
                content,
                start: offset(start),
                end: offset(end),
            },
        ));
        at = end;
    }
    rows
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(number)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(number)
}
