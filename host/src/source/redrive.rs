//! The source of a redrive: the objects of its list, in order, each claimed before its records are sent.
//!
//! ```text
//! list ─▶ read an object and check it ─▶ claim it ─▶ batches of its records
//! ```
//!
//! The sequence number of a record in the ledger of the redrive is its ordinal in the list. The transform sees the shard,
//! the position, the key and the arrival that the record had when it was quarantined.

mod object_records;
mod tally;

use std::collections::VecDeque;
use std::mem;
use std::ops::Range;
use std::sync::Arc;

use futures_util::stream::{FuturesOrdered, StreamExt as _};
use sluice_engine::record::SequenceNumber;
use sluice_storage::error::StorageError;

pub use self::object_records::ObjectRecords;
pub use self::tally::{RedriveTally, SkippedObjects, UnreadableObject};
use crate::quarantine::{ObjectProblem, read_object};
use crate::redrive::{
    Claimed, RedriveDocument, RedriveId, RedriveObject, RedriveStore, RedriveStoreError,
};
use crate::source::batch_channel::{BatchSender, ReceiverGone, batch_channel};
use crate::source::budget::Budget;
use crate::source::file::ReadPosition;
use crate::source::unpacking::{RepeatedRange, Unpacking, Unpackings};
use crate::source::{End, ResumePoint, ShardBatches, Source, SourceError};

/// Batches that are ready before they are asked for.
const BATCHES_AHEAD: usize = 4;

/// Objects that are read at once, at most.
const OBJECTS_AHEAD: usize = 16;

/// The bytes of the records of these objects, at most. One object is always read.
const BYTES_AHEAD: u64 = 16 << 20;

/// Whether objects are claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claiming {
    /// Each is claimed before its records are sent.
    Claim,
    /// Nothing is written. Objects that another redrive has claimed are left out.
    Look,
}

/// A redrive as a source.
pub struct RedriveSource {
    /// What it reads.
    pub document: Arc<RedriveDocument>,
    /// The claims of the lake.
    pub redrives: RedriveStore,
    /// Whether objects are claimed.
    pub claiming: Claiming,
    /// How the records that could not be decoded are decoded now.
    pub unpacking: Unpacking,
    /// The memory for reading.
    pub budget: Budget,
    /// Counts what is not read.
    pub tally: Arc<RedriveTally>,
    /// How far the list is read, in bytes of records.
    pub position: ReadPosition,
}

impl Source for RedriveSource {
    /// Reads the objects of a pending range that the redrive has claimed, and claims the ones after it. What another redrive
    /// has claimed is skipped, and so is what cannot be read, unless this redrive has claimed it.
    fn read(self, from: &ResumePoint) -> Result<ShardBatches, SourceError> {
        let (sender, receiver) = batch_channel(BATCHES_AHEAD, &self.budget);
        let pending = from.pending.as_ref().map(|pending| pending.range);
        let reader = Reader {
            first: first_ordinal(from),
            pending: pending.map(|range| range.last),
            unpackings: Unpackings {
                new: self.unpacking,
                repeated: from.pending.iter().map(RepeatedRange::of).collect(),
            },
            source: self,
        };
        let task = tokio::spawn(async move {
            match reader.send_all(&sender).await {
                Ok(()) => End::Closed,
                Err(Ended::ReceiverGone) => End::Stopped,
                Err(Ended::Failed(error)) => {
                    sender.fail(error).await;
                    End::Stopped
                }
            }
        });
        Ok(ShardBatches::read_by(task, receiver))
    }
}

/// The first ordinal to read. What lies between the committed records and a pending range was left out before the range was
/// pinned. If it was claimed since, that does not change the range.
fn first_ordinal(from: &ResumePoint) -> Option<u64> {
    if let Some(pending) = &from.pending {
        return pending.range.first.as_offset();
    }
    match &from.committed {
        Some(committed) => committed.last.as_offset()?.checked_add(1),
        None => Some(0),
    }
}

/// Why reading ended before the end of the list.
enum Ended {
    /// The receiver was dropped.
    ReceiverGone,
    /// The list cannot be read on.
    Failed(SourceError),
}

impl From<ReceiverGone> for Ended {
    fn from(ReceiverGone: ReceiverGone) -> Self {
        Self::ReceiverGone
    }
}

impl From<SourceError> for Ended {
    fn from(error: SourceError) -> Self {
        Self::Failed(error)
    }
}

/// Reads a list to its end.
struct Reader {
    source: RedriveSource,
    /// The first ordinal to read; `None` behind the last one that there can be.
    first: Option<u64>,
    /// The last ordinal of the pending range.
    pending: Option<SequenceNumber>,
    unpackings: Unpackings,
}

/// An object that is going to be read.
#[derive(Clone)]
struct NextObject<'a> {
    ordinals: Range<u64>,
    object: &'a RedriveObject,
    /// Whether records of it are committed, so it must be there and belong to this redrive.
    is_begun: bool,
    /// Whether it lies in the pending range, where nothing is claimed any more.
    is_pending: bool,
}

/// An object that was read, or not.
struct ReadObject<'a> {
    next: NextObject<'a>,
    read: Read,
}

/// What was read of an object.
enum Read {
    /// Its lines. The redrive has claimed it.
    Lines(Vec<u8>),
    /// Nothing: another redrive has claimed it, which never changes.
    Skipped,
    /// Nothing: it cannot be read. Another process of this redrive may have read it, and its claim may arrive late, so no
    /// chunk goes on behind it.
    Unreadable,
}

impl Reader {
    async fn send_all(&self, sender: &BatchSender) -> Result<(), Ended> {
        self.note_left_out().await?;
        let mut waiting: VecDeque<_> = self.objects().collect();
        let (mut ahead, mut bytes) = (FuturesOrdered::new(), 0_u64);
        let mut starts_chunk = false;
        loop {
            while let Some(next) = waiting.pop_front_if(|next| {
                let has_room = bytes.saturating_add(next.object.bytes) <= BYTES_AHEAD;
                ahead.is_empty() || (has_room && ahead.len() < OBJECTS_AHEAD)
            }) {
                bytes = bytes.saturating_add(next.object.bytes);
                ahead.push_back(self.open(next));
            }
            let Some(read) = ahead.next().await else {
                return Ok(());
            };
            let ReadObject { next, read } = read?;
            match read {
                Read::Lines(lines) => {
                    let starts_chunk = mem::take(&mut starts_chunk);
                    self.send(&next, lines, starts_chunk, sender).await?;
                }
                Read::Skipped => {}
                Read::Unreadable => starts_chunk = true,
            }
            bytes = bytes.saturating_sub(next.object.bytes);
            self.source.position.advance(next.object.bytes);
        }
    }

    /// Counts the objects before the first record to read that no redrive has claimed. An earlier process of this redrive has
    /// left them out, and may not have come to its end to say so.
    async fn note_left_out(&self) -> Result<(), SourceError> {
        let first = self.first.unwrap_or(u64::MAX);
        if first == 0 {
            return Ok(());
        }
        let (redrives, document) = (&self.source.redrives, &self.source.document);
        let stored = redrives.list().await.map_err(service)?;
        let numbered = document.numbered();
        let before = numbered.take_while(|(ordinals, _)| ordinals.end <= first);
        for (_, object) in before.filter(|(_, object)| !stored.is_claimed(&object.key)) {
            self.source.tally.unreadable(UnreadableObject {
                place: redrives.store().place(&object.key),
                why: "this redrive has left it out before, because it could not be read".into(),
                records: Some(object.records),
            });
        }
        Ok(())
    }

    /// The objects of which a record is left.
    fn objects(&self) -> impl Iterator<Item = NextObject<'_>> {
        let first = self.first.unwrap_or(u64::MAX);
        let numbered = self.source.document.numbered();
        numbered
            .filter(move |(ordinals, object)| {
                let is_left = ordinals.end > first;
                if !is_left {
                    self.source.position.advance(object.bytes);
                }
                is_left
            })
            .map(move |(ordinals, object)| NextObject {
                is_begun: ordinals.start < first,
                is_pending: self.pending >= Some(ordinals.start.into()),
                ordinals,
                object,
            })
    }

    /// Sends the records of an object, in a new chunk if they start one.
    async fn send(
        &self,
        next: &NextObject<'_>,
        lines: Vec<u8>,
        mut starts_chunk: bool,
        sender: &BatchSender,
    ) -> Result<(), Ended> {
        let redrive = &self.source.document.id;
        let mut records = ObjectRecords::new(
            redrive,
            next.object,
            next.ordinals.start,
            lines,
            &self.unpackings,
        );
        records.skip_before(self.first.unwrap_or(u64::MAX));
        while let Some(mut batch) = records
            .next_batch()
            .map_err(|why| self.damaged(next, &why))?
        {
            if mem::take(&mut starts_chunk) {
                batch.start_chunk();
            }
            sender.send(batch).await?;
        }
        Ok(())
    }

    /// Reads an object and claims it.
    async fn open<'a>(&self, next: NextObject<'a>) -> Result<ReadObject<'a>, SourceError> {
        let read = self.lines(&next).await?;
        Ok(ReadObject { next, read })
    }

    /// The lines of an object.
    async fn lines(&self, next: &NextObject<'_>) -> Result<Read, SourceError> {
        if next.is_pending {
            match self.owner(next).await? {
                Some(owner) if owner == self.source.document.id => {}
                other => {
                    self.skipped(next, other);
                    return Ok(Read::Skipped);
                }
            }
        }
        let object = next.object;
        let store = self.source.redrives.store();
        let lines = match read_object(store.as_ref(), &object.key, object.content()).await {
            Ok(lines) => lines,
            Err(ObjectProblem::Storage(error)) => return Err(service(error)),
            Err(problem) => return self.unreadable(next, &problem).await,
        };
        let is_own = next.is_pending || self.claim(next).await?;
        Ok(match is_own {
            true => Read::Lines(lines),
            false => Read::Skipped,
        })
    }

    /// Claims an object. One that belongs to another redrive is counted.
    async fn claim(&self, next: &NextObject<'_>) -> Result<bool, SourceError> {
        let (redrive, key) = (&self.source.document.id, &next.object.key);
        let claimed = match self.source.claiming {
            Claiming::Claim => self.source.redrives.claim(redrive, key).await,
            Claiming::Look => {
                let owner = self.source.redrives.owner(key).await;
                owner.map(|owner| match owner {
                    Some(owner) if owner != *redrive => Claimed::ByOther(owner),
                    _ => Claimed::Own,
                })
            }
        };
        match claimed.map_err(|error| self.failed(error))? {
            Claimed::Own => Ok(true),
            Claimed::ByOther(other) if next.is_begun => {
                let why = format!(
                    "the redrive {other} has claimed it, and this one has committed a part of it"
                );
                Err(self.damaged(next, &why))
            }
            Claimed::ByOther(other) => {
                self.skipped(next, Some(other));
                Ok(false)
            }
        }
    }

    /// The redrive that has claimed an object.
    async fn owner(&self, next: &NextObject<'_>) -> Result<Option<RedriveId>, SourceError> {
        let owner = self.source.redrives.owner(&next.object.key).await;
        owner.map_err(|error| self.failed(error))
    }

    /// Counts an object that another redrive has claimed.
    fn skipped(&self, next: &NextObject<'_>, owner: Option<RedriveId>) {
        if let Some(owner) = owner {
            self.source.tally.skipped(owner, next.object.records);
        }
    }

    /// Counts an object that cannot be read. If another redrive has claimed it, it concerns that one.
    ///
    /// # Errors
    /// The redrive has claimed it, so it cannot go on without it: nobody else can land its records.
    async fn unreadable(
        &self,
        next: &NextObject<'_>,
        problem: &ObjectProblem,
    ) -> Result<Read, SourceError> {
        let owner = self.owner(next).await?;
        let is_own = owner.as_ref() == Some(&self.source.document.id);
        if is_own || next.is_begun {
            let why =
                format!("{problem}; this redrive has claimed it, so it cannot go on without it");
            return Err(self.damaged(next, &why));
        }
        if owner.is_some() {
            self.skipped(next, owner);
            return Ok(Read::Skipped);
        }
        self.source.tally.unreadable(UnreadableObject {
            place: self.place(next),
            why: problem.to_string(),
            records: Some(next.object.records),
        });
        Ok(Read::Unreadable)
    }

    fn place(&self, next: &NextObject<'_>) -> String {
        self.source.redrives.store().place(&next.object.key)
    }

    fn damaged(&self, next: &NextObject<'_>, why: &str) -> SourceError {
        SourceError::Record {
            name: self.place(next),
            why: format!("{why}; restore it as it was written, and start the redrive again"),
        }
    }

    fn failed(&self, error: RedriveStoreError) -> SourceError {
        match error {
            RedriveStoreError::Storage(error) => service(error),
            error => SourceError::Record {
                name: format!("redrive {}", self.source.document.id),
                why: error.to_string(),
            },
        }
    }
}

fn service(error: StorageError) -> SourceError {
    SourceError::Service {
        what: format!("{} {}", error.operation, error.place),
        cause: error.cause,
    }
}
