//! Reads the objects of a shard, one after the other, into batches.

use std::collections::VecDeque;
use std::sync::Arc;

use sluice_engine::record::{SequenceNumber, ShardId};
use sluice_storage::object_store::ObjectStore;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::chain::{Link, Start, WantedObject};
use super::listing::ObjectRange;
use super::object::{FetchedObject, Fetcher, ObjectLines, joined};
use super::packer::{Packed, Packer};
use super::search::remove_earlier;
use crate::source::batch_channel::{BatchSender, ReceiverGone};
use crate::source::budget::Budget;
use crate::source::{End, SourceError};

/// Objects that are fetched ahead, which hides the latency of a service. Most are small: an object has the records of a
/// chunk, compressed.
const OBJECTS_AHEAD: usize = 8;

/// The reader of a shard.
pub(super) struct Reader {
    pub(super) objects: VecDeque<WantedObject>,
    pub(super) packer: Packer,
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) shard: ShardId,
    pub(super) budget: Budget,
    pub(super) object_max_bytes: usize,
    pub(super) start: Start,
    pub(super) sender: BatchSender,
}

impl Reader {
    pub(super) async fn run(self) -> End {
        self.read_all().await.unwrap_or(End::Stopped)
    }

    async fn read_all(mut self) -> Result<End, ReceiverGone> {
        self.find_start().await?;
        let fetcher = Fetcher {
            store: self.store.clone(),
            shard: self.shard.clone(),
            budget: self.budget,
            object_max_bytes: self.object_max_bytes,
        };
        let (fetching, mut fetched) = mpsc::channel(OBJECTS_AHEAD);
        let ahead = tokio::spawn(fetcher.fetch_all(self.objects, fetching));
        let mut unpacker = Unpacker {
            store: self.store,
            shard: self.shard,
            packer: self.packer,
            sender: self.sender,
            start: Some(self.start),
            before_after: None,
            covered: None,
        };
        while let Some(fetching) = fetched.recv().await {
            let object = joined(fetching.await)?;
            let reading = spawn_blocking(move || {
                let more = unpacker.read(object);
                (unpacker, more)
            });
            let (back, more) = joined(reading.await)?;
            unpacker = back;
            if !more? {
                return unpacker.end(End::Closed).await;
            }
        }
        match joined(ahead.await)? {
            true => unpacker.end(End::Tip).await,
            false => Err(ReceiverGone),
        }
    }

    /// Leaves out the objects before the moment that reading begins at.
    async fn find_start(&mut self) -> Result<(), ReceiverGone> {
        let Start::At(moment) = self.start else {
            return Ok(());
        };
        let room = self.budget.call().await;
        let _until_found = room.ok_or(ReceiverGone)?;
        match remove_earlier(&mut self.objects, moment, &*self.store, &self.shard).await {
            Ok(()) => Ok(()),
            Err(error) => {
                self.sender.fail(error).await;
                Err(ReceiverGone)
            }
        }
    }
}

/// Why an object was not read to its end.
enum Failure {
    Gone(ReceiverGone),
    Source(SourceError),
}

impl From<ReceiverGone> for Failure {
    fn from(gone: ReceiverGone) -> Self {
        Self::Gone(gone)
    }
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        Self::Source(error)
    }
}

/// Makes batches of objects, on a thread that may block.
struct Unpacker {
    store: Arc<dyn ObjectStore>,
    shard: ShardId,
    packer: Packer,
    sender: BatchSender,
    /// Where reading begins, until the first object is read.
    start: Option<Start>,
    /// The record that the object before follows.
    before_after: Option<SequenceNumber>,
    /// The last record of the objects that were read.
    covered: Option<SequenceNumber>,
}

impl Unpacker {
    /// Sends the batches of an object, except for the last one, which goes on in the next object. Returns whether more objects
    /// are needed.
    fn read(&mut self, object: Result<FetchedObject, SourceError>) -> Result<bool, ReceiverGone> {
        match object
            .map_err(Failure::Source)
            .and_then(|object| self.try_read(&object))
        {
            Ok(more) => Ok(more),
            Err(Failure::Gone(gone)) => Err(gone),
            Err(Failure::Source(error)) => {
                self.sender.blocking_fail(error);
                Err(ReceiverGone)
            }
        }
    }

    fn try_read(&mut self, object: &FetchedObject) -> Result<bool, Failure> {
        let name = object.wanted.object.name(&self.shard);
        let lines = object.stored.open(&name)?;
        let after = lines.header().after;
        let before_after = std::mem::replace(&mut self.before_after, after);
        let link = object.wanted.link(after, before_after, self.start.take());
        self.check(object, link)?;
        let more = self.pack(object, lines)?;
        self.covered = self.covered.max(Some(object.wanted.object.last));
        if let Link::Beginning { after } = link
            && !self.packer.has_skipped()
        {
            tracing::warn!(
                shard = %self.shard,
                %after,
                "the archive begins after this record: the records up to it have expired from the archive or were never in it, so \
                 they are not read"
            );
        }
        Ok(more)
    }

    /// Packs the records of an object. Returns whether more objects are needed.
    fn pack(&mut self, object: &FetchedObject, lines: ObjectLines<'_>) -> Result<bool, Failure> {
        let stored = &object.stored;
        let is_raw = lines.header().decoding.is_plain();
        for record in lines {
            let record = record.map_err(|error| stored.wrong(&error))?;
            // An object that was given up had it too, and all records of its record of the source.
            if self.covered >= Some(record.position.sequence) {
                continue;
            }
            let packed = self.packer.push(&record, is_raw);
            match packed.map_err(|why| self.error(object, why.into()))? {
                Packed::Taken(None) => {}
                Packed::Taken(Some(batch)) => self.sender.blocking_send(*batch)?,
                Packed::Behind => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Sends the rest.
    async fn end(mut self, end: End) -> Result<End, ReceiverGone> {
        if let Some(batch) = self.packer.end() {
            self.sender.send(batch).await?;
        }
        Ok(end)
    }

    fn check(&self, object: &FetchedObject, link: Link) -> Result<(), SourceError> {
        let WantedObject {
            before,
            object: range,
        } = object.wanted;
        let earlier = before.map(|before| self.place(before)).unwrap_or_default();
        let last = before.map_or(range.first, |before| before.last);
        let first = range.first;
        let why = match link {
            Link::Next | Link::Beginning { .. } => return Ok(()),
            Link::GivenUp { after } => {
                let (shard, object) = (&self.shard, &object.stored.place);
                tracing::warn!(
                    %shard,
                    object,
                    %after,
                    "the run that archived this object had given up what comes after this record and went on behind it: of the \
                     records that the stream had lost, those up to {last} are read from {earlier}"
                );
                return Ok(());
            }
            Link::Missing { up_to } => format!(
                "it is the oldest object of its shard, and records up to {up_to} that are to be landed next come before it; restore the \
                 objects before it, or land the archive in another lake"
            ),
            Link::Gap { up_to } => format!(
                "it follows record {up_to}, and the object before it, {earlier}, ends with record {last}: the records in between are \
                 missing; restore the objects in between, or replay what is there on both sides of the gap into two lakes: \
                 --shard {} with --to {last}, and with --from {first}",
                self.shard
            ),
            Link::Overlap { after } => {
                let follows = after.map_or_else(
                    || "begins the shard".to_owned(),
                    |after| format!("follows record {after}"),
                );
                format!(
                    "it {follows}, and the object before it, {earlier}, ends with record {last}: they are of two runs, and both \
                     together would land records twice; move the objects of one of the runs to another archive"
                )
            }
        };
        Err(self.error(object, why))
    }

    fn place(&self, object: ObjectRange) -> String {
        self.store.place(&object.key(&self.shard))
    }

    fn error(&self, object: &FetchedObject, why: String) -> SourceError {
        SourceError::Archive {
            object: object.stored.place.clone(),
            why,
        }
    }
}
