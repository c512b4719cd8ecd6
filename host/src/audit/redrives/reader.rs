//! Reads the objects that a redrive has claimed, as its source.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::stream::{self, StreamExt as _};
use sluice_engine::record::{SequenceNumber, ShardId};
use sluice_storage::object_store::ObjectStore;

use super::super::LakeAudit;
use super::{ClaimedObject, Redrives, within};
use crate::layout::object_key::ChunkName;
use crate::quarantine::{ObjectProblem, read_object};
use crate::redrive::RedriveId;
use crate::source::batch_channel::{BatchSender, batch_channel};
use crate::source::budget::Budget;
use crate::source::redrive::ObjectRecords;
use crate::source::unpacking::Unpackings;
use crate::source::{ShardBatches, SourceError};

/// Objects that are read at once: one is sent while the next one is read.
const OBJECTS_AT_ONCE: usize = 2;

/// Batches that are ready before they are asked for.
const BATCHES_AHEAD: usize = 4;

/// The source of the audit of a redrive.
pub(in super::super) struct RedriveReader {
    id: RedriveId,
    store: Arc<dyn ObjectStore>,
    claimed: Vec<ClaimedObject>,
}

/// The objects that cannot be read again.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct LostObjects(Arc<Mutex<Vec<LostObject>>>);

#[derive(Clone, Debug)]
struct LostObject {
    claimed: ClaimedObject,
    loss: Loss,
}

/// Why records of a redrive cannot be read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Loss {
    /// Their object has expired from the lake.
    Expired,
    /// Their object is not as it was, in words.
    Unreadable(String),
}

impl Redrives {
    /// The source of a redrive; `None` if the shard is not that of a redrive whose list can be used.
    pub(in super::super) fn reader(
        &self,
        lake: &LakeAudit,
        shard: &ShardId,
    ) -> Option<RedriveReader> {
        let redrive = self.by_shard.get(shard)?;
        Some(RedriveReader {
            id: RedriveId::of_shard(shard)?,
            store: lake.store.clone(),
            claimed: redrive.claimed.clone(),
        })
    }
}

impl RedriveReader {
    /// Starts to read the records up to the ordinal `last`. An object that cannot be read is left out, and noted before the
    /// records behind it are sent.
    pub(in super::super) fn read(
        mut self,
        last: Option<SequenceNumber>,
        unpackings: Unpackings,
        budget: &Budget,
    ) -> (ShardBatches, LostObjects) {
        self.claimed
            .retain(|claimed| last >= Some(claimed.ordinals.start.into()));
        let (sender, receiver) = batch_channel(BATCHES_AHEAD, budget);
        let lost = LostObjects::default();
        let noted = lost.clone();
        tokio::spawn(async move {
            if let Err(Some(error)) = self.send_all(&unpackings, &noted, &sender).await {
                sender.fail(error).await;
            }
        });
        (ShardBatches::new(receiver), lost)
    }

    /// Sends all records.
    ///
    /// # Errors
    /// The lake cannot be read; `None` if nobody wants the records any more.
    async fn send_all(
        self,
        unpackings: &Unpackings,
        lost: &LostObjects,
        sender: &BatchSender,
    ) -> Result<(), Option<SourceError>> {
        let Self { id, store, claimed } = self;
        let reads = stream::iter(claimed).map(move |claimed| {
            let store = store.clone();
            async move {
                let object = &claimed.object;
                let read = read_object(store.as_ref(), &object.key, object.content());
                let read = read.await;
                (claimed, read)
            }
        });
        let mut reads = reads.buffered(OBJECTS_AT_ONCE);
        while let Some((claimed, read)) = reads.next().await {
            let lines = match read {
                Ok(lines) => lines,
                Err(ObjectProblem::Storage(error)) => {
                    return Err(Some(SourceError::Service {
                        what: format!("{} {}", error.operation, error.place),
                        cause: error.cause,
                    }));
                }
                Err(ObjectProblem::Missing) if claimed.may_be_expired => {
                    lost.add(&claimed, Loss::Expired);
                    continue;
                }
                Err(problem) => {
                    lost.add(&claimed, Loss::Unreadable(problem.to_string()));
                    continue;
                }
            };
            let (object, first) = (&claimed.object, claimed.ordinals.start);
            let mut records = ObjectRecords::new(&id, object, first, lines, unpackings);
            loop {
                match records.next_batch() {
                    Ok(Some(batch)) => sender.send(batch).await.map_err(|_| None)?,
                    Ok(None) => break,
                    Err(why) => {
                        lost.add(&claimed, Loss::Unreadable(why));
                        break;
                    }
                }
            }
        }
        Ok(())
    }
}

impl LostObjects {
    fn add(&self, claimed: &ClaimedObject, loss: Loss) {
        let loss = match loss {
            Loss::Unreadable(why) => {
                let key = &claimed.object.key;
                Loss::Unreadable(format!("its records come from {key}, and {why}"))
            }
            Loss::Expired => loss,
        };
        let mut lost = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lost.push(LostObject {
            claimed: claimed.clone(),
            loss,
        });
    }

    /// Why records of a chunk cannot be read again, after all of them were taken.
    #[must_use]
    pub(in super::super) fn of(&self, name: ChunkName) -> Option<Loss> {
        let lost = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lost = lost.iter();
        let mut lost: Vec<_> = lost
            .filter(|lost| within(&lost.claimed.ordinals, name.first, name.last) > 0)
            .map(|lost| &lost.loss)
            .collect();
        lost.sort_by_key(|loss| **loss == Loss::Expired);
        lost.first().map(|loss| (*loss).clone())
    }
}
