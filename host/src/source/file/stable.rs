//! Reads a regular file and notices if it is truncated or written over meanwhile (log rotation by `copytruncate`).
//!
//! After each read, the bytes before it are read once more and compared with what they were. Without this, the rest of
//! one file would be taken for the rest of another.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use sluice_storage::s3::reader::ObjectReadError;
use thiserror::Error;

use crate::source::SourceError;

/// The bytes that are read once more.
const OVERLAP_BYTES: usize = 64;

/// The bytes that were read are not there any more.
#[derive(Debug, Error)]
#[error("its first {0} bytes, which were read, are not there any more")]
pub(super) struct ChangedWhileRead(u64);

/// The error of a source that cannot be read.
pub(super) fn source_error(name: &str, source: io::Error) -> SourceError {
    let inner = source.get_ref();
    if let Some(ChangedWhileRead(bytes)) = inner.and_then(|error| error.downcast_ref()) {
        return SourceError::Changed {
            name: name.to_owned(),
            what: format!("what was read of it, which is its first {bytes} bytes"),
        };
    }
    if let Some(ObjectReadError::Failed(cause)) = inner.and_then(|error| error.downcast_ref()) {
        return SourceError::Service {
            what: format!("read {name}"),
            cause: cause.clone(),
        };
    }
    SourceError::Io {
        name: name.to_owned(),
        source,
    }
}

/// A regular file from an offset on. Several can read the same open file.
pub(super) struct StableFile {
    file: Arc<File>,
    position: u64,
    /// The bytes before `position`, at most [`OVERLAP_BYTES`].
    before: Vec<u8>,
}

impl StableFile {
    /// The file from `offset` on.
    pub(super) fn at(file: Arc<File>, offset: u64) -> Self {
        Self {
            file,
            position: offset,
            before: Vec::new(),
        }
    }

    fn check(&self) -> io::Result<()> {
        let mut again = [0; OVERLAP_BYTES];
        let again = &mut again[..self.before.len()];
        let begin = self.position - self.before.len() as u64;
        if read_fully(&self.file, again, begin)? == self.before.len() && *again == *self.before {
            return Ok(());
        }
        Err(io::Error::other(ChangedWhileRead(self.position)))
    }

    fn remember(&mut self, read: &[u8]) {
        let kept = read.len().min(OVERLAP_BYTES);
        let old = self.before.len().min(OVERLAP_BYTES - kept);
        self.before.drain(..self.before.len() - old);
        self.before.extend_from_slice(&read[read.len() - kept..]);
        self.position += read.len() as u64;
    }
}

impl Read for StableFile {
    /// A [`ChangedWhileRead`] is an error of the kind [`io::ErrorKind::Other`].
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(out, self.position)?;
        // Afterwards: what is the same now was the same at the read.
        self.check()?;
        self.remember(&out[..read]);
        Ok(read)
    }
}

fn read_fully(file: &File, out: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < out.len() {
        match file.read_at(&mut out[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use super::*;

    fn begun(content: &[u8]) -> (tempfile::NamedTempFile, StableFile) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        let opened = Arc::new(File::open(file.path()).unwrap());
        let mut reader = StableFile::at(opened, 0);
        let mut part = [0; 100];
        reader.read_exact(&mut part).unwrap();
        (file, reader)
    }

    fn content(seed: u8, bytes: usize) -> Vec<u8> {
        (0..bytes).map(|at| (at % 251) as u8 ^ seed).collect()
    }

    fn has_changed(mut reader: StableFile) -> bool {
        let mut rest = Vec::new();
        match reader.read_to_end(&mut rest) {
            Ok(_) => false,
            Err(error) => {
                let error = error
                    .get_ref()
                    .map(<dyn std::error::Error + Send + Sync>::is::<ChangedWhileRead>);
                error == Some(true)
            }
        }
    }

    #[test]
    fn a_file_that_grows_is_read_to_its_end() {
        let all = content(0, 1_000);
        let (file, mut reader) = begun(&all[..300]);
        fs::OpenOptions::new()
            .append(true)
            .open(file.path())
            .unwrap()
            .write_all(&all[300..])
            .unwrap();
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, all[100..]);
    }

    #[test]
    fn a_file_that_is_truncated_or_written_over_is_noticed() {
        for new in [0, 50, 100, 300, 5_000] {
            let (file, reader) = begun(&content(0, 300));
            fs::write(file.path(), content(1, new)).unwrap();
            assert!(has_changed(reader), "{new} new bytes");
        }
    }
}
