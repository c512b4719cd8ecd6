//! A file of newline-delimited JSON as a shard: a record is a line, and its sequence number is the
//! offset of its first byte in the decompressed content, so that a run can resume.

mod content;
mod content_type;
mod gzip_members;
mod lines;
#[cfg(test)]
mod tests;
mod zstd_frames;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::thread;

use sluice_engine::digest::Digest;
use sluice_engine::record::{Batch, Bounds, Position, Record, SequenceNumber, ShardId};
use tokio::sync::mpsc;

use self::content::{Content, Input};
use self::lines::Lines;
use super::{ResumePoint, ShardBatches, Source, SourceError};

/// Batches that are read ahead of the transform.
const BATCHES_AHEAD: usize = 2;

/// The bytes of a file's name that its shard's name keeps.
const NAME_MAX_BYTES: usize = 64;

/// A file, or standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A file, plain or compressed with gzip or Zstandard.
    File(PathBuf),
    /// Standard input, likewise.
    Stdin,
}

impl Location {
    /// The location as the settings name it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Stdin => "standard input".into(),
        }
    }
}

/// A file whose first line has been read, which names the shard.
pub struct OpenFile {
    name: String,
    shard: ShardId,
    input: Input,
    /// The offset of the first byte of the input.
    start: u64,
    /// The file once more, if it can be read from the middle.
    seekable: Option<PathBuf>,
}

/// Opens a file and names its shard `<file name>-<digest of the first line>`: another file of the
/// same name is another shard, and a file that grows stays the same one.
///
/// # Errors
/// [`SourceError::Io`], or [`SourceError::Unsupported`] if Sluice does not read files of this kind.
pub fn open(location: &Location) -> Result<OpenFile, SourceError> {
    let name = location.name();
    let opened = match location {
        Location::File(path) => File::open(path).map(|file| Box::new(file) as Box<dyn Read + Send>),
        Location::Stdin => Ok(Box::new(io::stdin()) as Box<dyn Read + Send>),
    };
    let raw = opened.map_err(|source| SourceError::Io {
        name: name.clone(),
        source,
    })?;
    let content = Content::open(&name, raw)?;
    let (file_name, seekable) = match location {
        Location::File(path) => (
            file_name(path),
            (!content.is_compressed).then(|| path.clone()),
        ),
        Location::Stdin => ("stdin".into(), None),
    };
    Ok(OpenFile {
        name,
        shard: shard_id(&file_name, &content.first_line),
        input: content.input,
        start: content.start,
        seekable: seekable.filter(|path| path.is_file()),
    })
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn shard_id(file_name: &str, head: &[u8]) -> ShardId {
    let safe: String = file_name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '.' | '_') {
                c
            } else {
                '-'
            }
        })
        .skip_while(|c| !c.is_ascii_alphanumeric())
        .take(NAME_MAX_BYTES)
        .collect();
    let safe = if safe.is_empty() { "file" } else { &safe };
    match ShardId::new(&format!("{safe}-{}", Digest::of(head).short())) {
        Ok(shard) => shard,
        Err(error) => unreachable!("the name was made of what a shard's may hold: {error}"),
    }
}

impl OpenFile {
    /// The shard's name.
    #[must_use]
    pub fn shard(&self) -> &ShardId {
        &self.shard
    }

    /// The file as the settings name it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Source for OpenFile {
    /// Reads on a thread of its own. If the last committed record is missing, the file has been
    /// replaced: [`SourceError::Changed`].
    fn read(self, from: &ResumePoint) -> Result<ShardBatches, SourceError> {
        let mut lines = Lines::new(self.name, self.input, self.start);
        if let Some(committed) = &from.committed {
            lines.skip_to(committed, self.seekable.as_deref())?;
        }
        let cut = from.pending.as_ref().map(|pending| pending.range.last);
        let bounds = from.bounds;
        let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
        let shard = self.shard;
        let started = thread::Builder::new().name("reader".into()).spawn({
            let name = lines.name.clone();
            move || {
                if let Err(error) = send_batches(&mut lines, &shard, cut, bounds, &sender) {
                    tracing::debug!(source = name, "reading ended early");
                    let _receiver_is_gone = sender.blocking_send(Err(error));
                }
            }
        });
        started.map_err(|source| SourceError::Io {
            name: "a thread".into(),
            source,
        })?;
        Ok(ShardBatches::new(receiver))
    }
}

fn send_batches(
    lines: &mut Lines,
    shard: &ShardId,
    cut: Option<SequenceNumber>,
    bounds: Bounds,
    sender: &mpsc::Sender<Result<Batch, SourceError>>,
) -> Result<(), SourceError> {
    let mut batch = Batch::new(shard.clone());
    let mut at_cut = false;
    while let Some((offset, line)) = lines.next()? {
        let sequence = SequenceNumber::from(offset);
        if bounds.is_before(sequence) {
            continue;
        }
        if bounds.is_after(sequence, 0) {
            break;
        }
        if line.is_empty() || line == b"\r" {
            batch.skip();
        } else {
            at_cut = cut == Some(sequence);
            batch.push(Record {
                data: line,
                partition_key: "",
                position: Position {
                    sequence,
                    sub: None,
                },
                arrived_at: 0,
            });
        }
        if batch.is_full() || at_cut {
            at_cut = false;
            let next = batch.successor();
            let full = std::mem::replace(&mut batch, next);
            if sender.blocking_send(Ok(full)).is_err() {
                return Ok(());
            }
        }
    }
    if !batch.is_empty() || batch.skipped() > 0 {
        let _receiver_is_gone = sender.blocking_send(Ok(batch));
    }
    Ok(())
}
