//! A bus in a folder of this machine: one file of messages for each chunk.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use sluice_engine::record::ShardId;
use sluice_storage::files::{Content, Scratch};

use super::{Bus, BusConnection, BusKind, ConnectOptions, Connecting};
use crate::layout::chunk::Chunk;
use crate::layout::object_key::Origin;
use crate::layout::object_notification::ObjectNotification;
use crate::sink::SinkError;

/// Settings of the form `file:DIR`.
pub(super) const KIND: BusKind = BusKind {
    scheme: "file",
    syntax: "file:DIR",
    help: "a folder",
    check: |_| Ok(()),
    describe: str::to_owned,
    folder: |path| Some(path.into()),
    connect,
};

fn connect<'a>(path: &'a str, _: ConnectOptions<'a>) -> Connecting<'a> {
    let root = PathBuf::from(path);
    Box::pin(async {
        Ok(BusConnection {
            max_event_bytes: None,
            keeps_order: false,
            open: Box::new(move |shard| Ok(Arc::new(FolderBus::open(&root, shard)?))),
        })
    })
}

/// The bus of one shard in a folder, which is created with the first message. A file that exists
/// already holds the messages of its chunk: it has the same records and the same release. So this bus
/// delivers exactly once.
#[derive(Debug)]
pub struct FolderBus {
    root: PathBuf,
    /// For temporary files. Only the owner of the shard uses it.
    scratch: Scratch,
}

impl FolderBus {
    /// Opens the bus in `root` for the owner of a shard.
    ///
    /// # Errors
    /// [`SinkError::Io`]
    pub fn open(root: &Path, shard: &ShardId) -> Result<Self, SinkError> {
        let folder = root.join(".tmp").join(shard.as_str());
        let scratch = Scratch::open(folder.clone()).map_err(|source| io_error(&folder, source))?;
        Ok(Self {
            root: root.to_owned(),
            scratch,
        })
    }

    /// Creates a file with all of its messages or none, unless it exists.
    fn create(&self, name: String, content: &Content<'_>) -> Result<(), SinkError> {
        let path = self.root.join(name);
        let written = tokio::task::block_in_place(|| self.scratch.create_with(&path, content));
        written.map(drop).map_err(|source| io_error(&path, source))
    }
}

impl Bus for FolderBus {
    /// Creates the file `<shard>-<first>-<last>-<release8>.ndjson`. A line is
    /// `{"rid":…,"event":…,"release":…,"partition":…,"body":…}`, where `body` is the event as it stands
    /// in the lake and `event` counts the events of a record.
    fn send<'a>(&'a self, chunk: &'a Chunk) -> BoxFuture<'a, Result<(), SinkError>> {
        Box::pin(async move {
            let name = format!("{}.ndjson", chunk.origin().stem());
            self.create(name, &|file| write_messages(chunk, file))
        })
    }

    /// Creates the file `<shard>-<first>-<last>-<release8>.objects.ndjson`, one message a line.
    fn notify<'a>(
        &'a self,
        origin: &'a Origin,
        messages: &'a [ObjectNotification],
    ) -> BoxFuture<'a, Result<(), SinkError>> {
        Box::pin(async move {
            let name = format!("{}.objects.ndjson", origin.stem());
            self.create(name, &|file| {
                let mut messages = messages.iter();
                messages.try_for_each(|message| writeln!(file, "{}", message.json()))
            })
        })
    }

    fn close(&self) -> io::Result<()> {
        self.scratch.close()
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
        let (rid, event) = (message.rid(), message.event);
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

fn io_error(path: &Path, source: io::Error) -> SinkError {
    SinkError::Io {
        path: path.to_owned(),
        source,
    }
}
