//! A bus in a folder of this machine.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::engine::record::{Rid, ShardId};
use crate::layout::chunk::Chunk;
use crate::layout::object_key::Origin;
use crate::layout::object_notification::ObjectNotification;
use crate::sink::SinkError;
use crate::storage::files::Scratch;

/// A bus in a folder: one file of messages for each chunk, `<shard>-<first>-<last>-<release8>.ndjson`.
#[derive(Clone, Debug)]
pub struct DirectoryBus {
    root: PathBuf,
}

impl DirectoryBus {
    /// The bus in `root`, which is created with its first message.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// The folder for temporary files of one shard. Only the owner of the shard uses it.
    ///
    /// # Errors
    /// [`SinkError::Io`]
    pub fn scratch(&self, shard: &ShardId) -> Result<Scratch, SinkError> {
        open_scratch(&self.root.join(".tmp").join(shard.as_str()))
    }

    /// Sends messages about the objects of a chunk, all at once or not at all, in a file of their own:
    /// `<shard>-<first>-<last>-<release8>.objects.ndjson`, one message a line.
    ///
    /// # Errors
    /// [`SinkError::Io`]
    pub fn notify(
        &self,
        scratch: &Scratch,
        origin: &Origin,
        messages: &[ObjectNotification],
    ) -> Result<(), SinkError> {
        let path = self.root.join(format!("{}.objects.ndjson", origin.stem()));
        let written = scratch.create_with(&path, &|file| {
            messages
                .iter()
                .try_for_each(|message| writeln!(file, "{}", message.json()))
        });
        written.map(drop).map_err(|source| io_error(&path, source))
    }

    /// Sends the chunk's messages, all at once or not at all. If the file exists already, it holds
    /// them: it has the same records and the same release. A line is
    /// `{"rid":…,"event":…,"release":…,"partition":…,"body":…}`, where `body` is the event as it stands
    /// in the lake and `event` counts the events of a record.
    ///
    /// # Errors
    /// [`SinkError::Io`]
    pub fn send(&self, scratch: &Scratch, chunk: &Chunk) -> Result<(), SinkError> {
        let path = self.root.join(format!("{}.ndjson", chunk.origin().stem()));
        let written = scratch.create_with(&path, &|file| write_messages(chunk, file));
        written.map(drop).map_err(|source| io_error(&path, source))
    }
}

/// Writes the lines of a chunk's messages, as a bus in a folder has them.
///
/// # Errors
/// `file` cannot be written.
pub fn write_messages(chunk: &Chunk, file: &mut dyn Write) -> io::Result<()> {
    let origin = chunk.origin();
    let release = origin.release.to_string();
    for message in chunk.messages() {
        let (shard, position) = (&origin.shard, message.position);
        let (rid, event) = (Rid { shard, position }, message.event);
        let partition = serde_json::to_string(message.partition)?;
        write!(
            file,
            r#"{{"rid":"{rid}","event":{event},"release":"{release}","partition":{partition},"body":"#
        )?;
        file.write_all(message.body)?;
        file.write_all(b"}\n")?;
    }
    Ok(())
}

fn open_scratch(folder: &Path) -> Result<Scratch, SinkError> {
    Scratch::open(folder.to_owned()).map_err(|source| io_error(folder, source))
}

fn io_error(path: &Path, source: io::Error) -> SinkError {
    SinkError::Io {
        path: path.to_owned(),
        source,
    }
}
