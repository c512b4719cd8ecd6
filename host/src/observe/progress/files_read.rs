//! How much of the files of a run is read.

use crate::source::file::ReadPosition;

/// How much of the files is read, bytes as they are stored.
#[derive(Debug)]
pub(super) struct FilesRead {
    /// The bytes of all files.
    total: u64,
    /// The bytes of the files before the current one.
    before: u64,
    current: Option<ReadPosition>,
}

impl FilesRead {
    /// Nothing of files that have this many bytes.
    pub(super) fn new(total: u64) -> Self {
        Self {
            total,
            before: 0,
            current: None,
        }
    }

    /// The next file is read.
    pub(super) fn begin(&mut self, position: ReadPosition) {
        self.current = Some(position);
    }

    /// The work on a file of this many bytes has ended.
    pub(super) fn end(&mut self, bytes: u64) {
        self.before += bytes;
        self.current = None;
    }

    /// The bytes read, and those of all files. A file may grow while it is read.
    pub(super) fn bytes(&self) -> (u64, u64) {
        let current = self.current.as_ref().map_or(0, ReadPosition::bytes);
        ((self.before + current).min(self.total), self.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ended_files_count_with_their_size() {
        let mut files = FilesRead::new(30);
        assert_eq!(files.bytes(), (0, 30));
        files.begin(ReadPosition::default());
        files.end(10);
        assert_eq!(files.bytes(), (10, 30));
        files.end(25);
        assert_eq!(files.bytes(), (30, 30));
    }
}
