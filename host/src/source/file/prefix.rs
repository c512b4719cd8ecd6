//! The digest of the content of a file up to an offset.
//!
//! A file that grows is not read again from its beginning: the digest goes on from the last whole block of the
//! committed part. The digest of a block is that of its bytes after the digest of the blocks before it.

use std::io::{self, Read};

use sluice_engine::content_digest::{ContentDigest, ContentHasher};

use crate::ledger::source_file::{FilePrefix, FileStat};

/// The length of a block, bytes: what is read again at most when a file has grown.
const BLOCK_BYTES: u64 = 1 << 20;

/// Bytes per read.
const READ_BYTES: usize = 256 << 10;

/// Computes the digest of a file's content from its beginning.
#[derive(Debug, Default)]
pub(super) struct PrefixHasher {
    bytes: u64,
    blocks: Option<ContentDigest>,
    block: ContentHasher,
}

impl PrefixHasher {
    /// Goes on after the last whole block of `prefix`.
    pub(super) fn resume(prefix: &FilePrefix) -> Self {
        let mut hasher = Self {
            bytes: prefix.bytes - prefix.bytes % BLOCK_BYTES,
            ..Self::default()
        };
        hasher.begin_block(prefix.blocks);
        hasher
    }

    /// The number of bytes before the next one.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds the next bytes.
    pub(super) fn update(&mut self, mut part: &[u8]) {
        while !part.is_empty() {
            let room = BLOCK_BYTES - self.bytes % BLOCK_BYTES;
            let room = usize::try_from(room).unwrap_or(usize::MAX);
            let (now, later) = part.split_at(part.len().min(room));
            self.block.update(now);
            self.bytes += now.len() as u64;
            if self.bytes.is_multiple_of(BLOCK_BYTES) {
                self.begin_block(Some(self.block.digest()));
            }
            part = later;
        }
    }

    fn begin_block(&mut self, blocks: Option<ContentDigest>) {
        self.blocks = blocks;
        self.block = ContentHasher::default();
        if let Some(digest) = blocks {
            self.block.update(digest.to_string().as_bytes());
        }
    }

    /// What was added so far, of a file with this `stat`.
    pub(super) fn prefix(&self, stat: Option<FileStat>) -> FilePrefix {
        FilePrefix {
            bytes: self.bytes,
            digest: self.block.digest(),
            blocks: self.blocks,
            is_compressed: false,
            is_whole: false,
            is_open: false,
            lines: None,
            stat,
        }
    }

    /// Whether what was added is this prefix.
    pub(super) fn is(&self, prefix: &FilePrefix) -> bool {
        self.bytes == prefix.bytes && self.block.digest() == prefix.digest
    }

    /// Adds bytes from `input` up to the offset `end`. Returns the last one of them, or `None` if there are not as
    /// many or none were to be added.
    pub(super) fn read_to(&mut self, end: u64, input: &mut dyn Read) -> io::Result<Option<u8>> {
        let mut part = vec![0; READ_BYTES];
        let mut last = None;
        while self.bytes < end {
            let most = usize::try_from(end - self.bytes).unwrap_or(usize::MAX);
            let free = &mut part[..most.min(READ_BYTES)];
            match input.read(free) {
                Ok(0) => return Ok(None),
                Ok(read) => {
                    self.update(&free[..read]);
                    last = free[..read].last().copied();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(parts: &[&[u8]]) -> PrefixHasher {
        let mut hasher = PrefixHasher::default();
        for part in parts {
            hasher.update(part);
        }
        hasher
    }

    #[test]
    fn the_digest_goes_on_from_the_last_whole_block() {
        let block = usize::try_from(BLOCK_BYTES).unwrap();
        let content: Vec<u8> = (0..3 * block + 7).map(|at| (at % 251) as u8).collect();
        let whole = of(&[&content]).prefix(None);
        for cut in [0, 1, block - 1, block, block + 1, 2 * block, 3 * block + 6] {
            let (begin, end) = content.split_at(cut);
            assert_eq!(of(&[begin, end]).prefix(None), whole);
            let mut resumed = PrefixHasher::resume(&of(&[begin]).prefix(None));
            let at = usize::try_from(resumed.bytes()).unwrap();
            assert!(cut - at < block);
            resumed.update(&content[at..]);
            assert_eq!(resumed.prefix(None), whole);
        }
    }

    #[test]
    fn a_change_anywhere_changes_the_digest() {
        let block = usize::try_from(BLOCK_BYTES).unwrap();
        let content = vec![b'a'; 2 * block + 10];
        let whole = of(&[&content]).prefix(None);
        for at in [0, block - 1, block, 2 * block + 9] {
            let mut changed = content.clone();
            changed[at] = b'b';
            assert!(!of(&[&changed]).is(&whole));
        }
        assert!(!of(&[&content[1..]]).is(&whole));
        assert!(of(&[&content]).is(&whole));
    }

    #[test]
    fn reading_ends_at_the_offset_or_with_none_if_there_is_less() {
        let mut hasher = PrefixHasher::default();
        assert_eq!(hasher.read_to(3, &mut &b"abcdef"[..]).unwrap(), Some(b'c'));
        assert!(hasher.is(&of(&[b"abc"]).prefix(None)));
        assert_eq!(hasher.read_to(9, &mut &b"de"[..]).unwrap(), None);
    }
}
