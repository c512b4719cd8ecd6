//! How far a file is read, for the progress of a run.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How far a file is read, bytes as it is stored: of a compressed file, compressed ones. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct ReadPosition(Arc<AtomicU64>);

impl ReadPosition {
    /// The bytes before it.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.load(Relaxed)
    }

    /// Moves the position by this many bytes.
    pub(in crate::source) fn advance(&self, bytes: u64) {
        self.0.fetch_add(bytes, Relaxed);
    }

    /// An input that moves the position, from `start` on.
    pub(super) fn track<R>(&self, start: u64, input: R) -> TrackedInput<R> {
        self.0.store(start, Relaxed);
        TrackedInput {
            input,
            position: self.clone(),
        }
    }
}

/// An input whose position is known elsewhere.
pub(super) struct TrackedInput<R> {
    input: R,
    position: ReadPosition,
}

impl<R: Read> Read for TrackedInput<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(bytes)?;
        self.position.0.fetch_add(read as u64, Relaxed);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::source::file::{FileOptions, Location, open};
    use crate::source::{ResumePoint, Source as _};

    fn gzip(text: &str) -> Vec<u8> {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(text.as_bytes()).unwrap();
        gzip.finish().unwrap()
    }

    #[test]
    fn a_file_is_read_to_its_size_as_it_is_stored() {
        let text = "{\"a\":1}\n".repeat(100_000);
        for content in [text.clone().into_bytes(), gzip(&text)] {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(&content).unwrap();
            let location = Location::File(file.path().to_owned());
            let opened = open(&location, &FileOptions::default()).unwrap();
            let position = opened.position().clone();
            let mut batches = opened.read(&ResumePoint::default()).unwrap();
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            runtime
                .build()
                .unwrap()
                .block_on(async { while batches.next().await.unwrap().is_some() {} });
            assert_eq!(Some(position.bytes()), location.size());
        }
    }

    #[test]
    fn a_position_follows_the_input_that_is_read_last() {
        let position = ReadPosition::default();
        let mut first = position.track(0, &b"abcdef"[..]);
        first.read_exact(&mut [0; 4]).unwrap();
        assert_eq!(position.bytes(), 4);
        let mut second = position.track(2, &b"cdef"[..]);
        assert_eq!(position.bytes(), 2);
        assert_eq!(io::copy(&mut second, &mut io::sink()).unwrap(), 4);
        assert_eq!(position.bytes(), 6);
    }
}
