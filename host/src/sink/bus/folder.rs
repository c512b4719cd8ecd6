//! A bus in a folder of this machine: one file of messages for each chunk.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use sluice_engine::record::ShardId;
use sluice_storage::files::{Content, Scratch};

use super::{Bus, BusConnection, BusKind, ConnectOptions, Connecting, PACK_BYTES, SendProgress};
use crate::layout::chunk::{Chunk, Pack, RecordRef};
use crate::layout::object_key::Origin;
use crate::layout::object_notification::ObjectNotification;
use crate::ledger::messages::{MessageRules, Messages};
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

fn connect<'a>(path: &'a str, options: ConnectOptions<'a>) -> Connecting<'a> {
    let root = PathBuf::from(path);
    let (messages, bytes) = (options.messages.messages, options.messages.bytes);
    let pack_bytes = (messages == Messages::Packed).then(|| bytes.unwrap_or(PACK_BYTES));
    Box::pin(async move {
        Ok(BusConnection {
            rules: MessageRules {
                messages,
                event_bytes: None,
                pack_bytes,
            },
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
    /// in the lake and `event` counts the events of a record. If messages are packed, the file ends in
    /// `.packed.ndjson`, and a line is a [packed message](Chunk::write_pack).
    fn send<'a>(
        &'a self,
        chunk: &'a Chunk,
        _: &'a SendProgress,
    ) -> BoxFuture<'a, Result<u64, SinkError>> {
        Box::pin(async move {
            let packed = chunk.pins().pack_bytes.map_or("", |_| ".packed");
            let name = format!("{}{packed}.ndjson", chunk.origin().stem());
            self.create(name, &|file| write_messages(chunk, file))?;
            Ok(message_lines(chunk) as u64)
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

/// The number of lines that [`write_messages`] writes.
#[must_use]
pub fn message_lines(chunk: &Chunk) -> usize {
    match chunk.pins().pack_bytes {
        Some(_) => chunk.packs(false).len(),
        None => chunk.messages().len(),
    }
}

/// The records of each line that [`write_messages`] writes: one, or those of a packed message, in their order.
#[must_use]
pub fn message_records(chunk: &Chunk) -> Vec<Vec<RecordRef>> {
    let record = |number: u32| Some(chunk.message(number as usize)?.record);
    match chunk.pins().pack_bytes {
        Some(_) => packs(chunk)
            .map(|events| events.into_iter().filter_map(record).collect())
            .collect(),
        None => chunk
            .messages()
            .map(|message| vec![message.record])
            .collect(),
    }
}

/// Writes the lines of a chunk's messages, as a bus in a folder has them: packed or not, as the chunk pins.
///
/// # Errors
/// `file` cannot be written.
pub fn write_messages(chunk: &Chunk, file: &mut dyn Write) -> io::Result<()> {
    match chunk.pins().pack_bytes {
        Some(_) => write_packs(chunk, file),
        None => write_events(chunk, file),
    }
}

/// The events of each packed message. An event that fits no packed message has one of its own: a folder takes messages of any
/// size.
fn packs(chunk: &Chunk) -> impl Iterator<Item = Vec<u32>> {
    chunk.packs(false).into_iter().map(|pack| match pack {
        Pack::Events(events) => events,
        Pack::TooLarge(event) => vec![event],
    })
}

fn write_packs(chunk: &Chunk, file: &mut dyn Write) -> io::Result<()> {
    for events in packs(chunk) {
        chunk.write_pack(&events, file)?;
        file.write_all(b"\n")?;
    }
    Ok(())
}

fn write_events(chunk: &Chunk, file: &mut dyn Write) -> io::Result<()> {
    let release = chunk.release();
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
