//! Which objects of quarantine belong to a redrive, and how much of them it has committed.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use sluice_storage::error::StorageError;

use super::list::{ListProblem, QuarantineList};
use super::{Quarantine, QuarantineError};
use crate::redrive::{
    LandedChunks, RedriveDocument, RedriveId, RedriveStore, RedriveStoreError, claim_key,
};

/// The ordinal of the first record of an object in each redrive that lists the object.
pub(super) type Ordinals = BTreeMap<RedriveId, u64>;

impl Quarantine {
    /// Notes of the objects of a list which redrive has claimed them, and how many records of them it has committed: those
    /// within its committed chunks.
    ///
    /// A redrive claims only what it lists. So if one redrive lists a claimed object, the object is its own, and the claim
    /// need not be read.
    ///
    /// # Errors
    /// The lake, a list or a claim cannot be read.
    pub(super) async fn note_redriven(
        &self,
        list: &mut QuarantineList,
    ) -> Result<(), QuarantineError> {
        let redrives = RedriveStore::new(self.store.clone(), self.reads_at_once);
        let stored = redrives.list().await?;
        self.check_lists(&stored.redrives)?;
        if stored.is_empty() {
            return Ok(());
        }
        let all = list.objects.iter().enumerate();
        let mut all: BTreeMap<String, (usize, Ordinals)> = all
            .map(|(at, object)| (object.key.clone(), (at, Ordinals::new())))
            .collect();
        // One at a time: each can list all objects.
        for id in &stored.redrives {
            if let Some(document) = redrives.read(id).await? {
                note_ordinals(&mut all, &document);
            }
        }
        let (claimed, free): (BTreeMap<_, _>, BTreeMap<_, _>) =
            all.into_iter().partition(|(key, _)| stored.is_claimed(key));
        let mut landed = BTreeMap::<RedriveId, LandedChunks>::new();
        self.note_lost_claims(list, free, &mut landed).await?;
        let unclear = claimed.iter().filter(|(_, (_, lists))| lists.len() != 1);
        let owners = redrives
            .owners(unclear.map(|(key, _)| key.as_str()))
            .await?;
        for (key, (at, ordinals)) in claimed {
            let only = ordinals.keys().next().filter(|_| ordinals.len() == 1);
            let Some(owner) = owners.get(&key).or(only).cloned() else {
                continue;
            };
            let object = &mut list.objects[at];
            object.first_ordinal = ordinals.get(&owner).copied();
            match object.first_ordinal {
                None => list.problems.push(self.not_listed(&key, &owner)),
                Some(first) => {
                    let chunks = self.known_chunks(&mut landed, &owner).await?;
                    let ordinals = first..first.saturating_add(object.records);
                    object.redriven = chunks.landed(&ordinals);
                    object.is_left_behind =
                        !object.is_redriven() && self.has_passed(&owner, ordinals.end);
                    if object.is_left_behind {
                        list.problems.push(self.left_behind(&key, &owner));
                    }
                }
            }
            object.claimed_by = Some(owner);
        }
        Ok(())
    }

    /// Checks that each redrive with a ledger has its list. Without it, nobody knows what the redrive has landed.
    fn check_lists(&self, lists: &BTreeSet<RedriveId>) -> Result<(), RedriveStoreError> {
        let redrives = self.heads.keys().filter_map(RedriveId::of_shard);
        let mut lost = redrives.filter(|id| !lists.contains(id));
        lost.next().map_or(Ok(()), |id| {
            Err(RedriveStoreError::NoList(self.store.place(&id.key())))
        })
    }

    /// Notes of objects that nobody has claimed whether a redrive has landed them all the same: all that lies within a chunk of
    /// a redrive was claimed before, so the claim is lost. No redrive may take them again.
    async fn note_lost_claims(
        &self,
        list: &mut QuarantineList,
        free: BTreeMap<String, (usize, Ordinals)>,
        landed: &mut BTreeMap<RedriveId, LandedChunks>,
    ) -> Result<(), QuarantineError> {
        for (key, (at, ordinals)) in free {
            for (redrive, first) in ordinals {
                let chunks = self.known_chunks(landed, &redrive).await?;
                let object = &mut list.objects[at];
                let redriven = chunks.landed(&(first..first.saturating_add(object.records)));
                if redriven > 0 {
                    object.first_ordinal = Some(first);
                    object.redriven = redriven;
                    list.problems.push(self.lost_claim(&key, &redrive));
                    list.objects[at].claimed_by = Some(redrive);
                    break;
                }
            }
        }
        Ok(())
    }

    /// The chunks that a redrive has committed, which are listed once.
    async fn known_chunks<'a>(
        &self,
        landed: &'a mut BTreeMap<RedriveId, LandedChunks>,
        redrive: &RedriveId,
    ) -> Result<&'a LandedChunks, StorageError> {
        Ok(match landed.entry(redrive.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(self.landed_chunks(redrive).await?),
        })
    }

    /// The chunks that a redrive has committed.
    async fn landed_chunks(&self, redrive: &RedriveId) -> Result<LandedChunks, StorageError> {
        let Some(head) = self.heads.get(redrive.shard()) else {
            return Ok(LandedChunks::default());
        };
        let names = self.chunk_names(redrive.shard()).await?.into_iter();
        Ok(LandedChunks::new(
            names.filter(|name| name.last <= head.last),
        ))
    }

    /// Whether a redrive reads no record before an ordinal any more.
    fn has_passed(&self, redrive: &RedriveId, end: u64) -> bool {
        let head = self.heads.get(redrive.shard());
        head.is_some_and(|head| head.is_finished || head.last.as_offset() >= end.checked_sub(1))
    }

    fn left_behind(&self, object: &str, owner: &RedriveId) -> ListProblem {
        let key = claim_key(object).unwrap_or_default();
        ListProblem {
            place: self.store.place(&key),
            why: format!(
                "the redrive {owner} has claimed {object} and gone on without its records; they are still quarantined, \
                 and no redrive takes them; `sluice audit` says what to do"
            ),
            objects: 0,
        }
    }

    fn lost_claim(&self, object: &str, redrive: &RedriveId) -> ListProblem {
        let key = claim_key(object).unwrap_or_default();
        ListProblem {
            place: self.store.place(&key),
            why: format!(
                "it does not exist, and records of {object} have landed with the redrive {redrive}, or with another one \
                 meanwhile; restore it as it was written; until then, no redrive takes them"
            ),
            objects: 0,
        }
    }

    fn not_listed(&self, object: &str, owner: &RedriveId) -> ListProblem {
        let key = claim_key(object).unwrap_or_default();
        ListProblem {
            place: self.store.place(&key),
            why: format!(
                "it is the claim of the redrive {owner}, which does not list {object}; restore {} as it was written",
                self.store.place(&owner.key())
            ),
            objects: 0,
        }
    }
}

/// Notes the ordinals of objects that a redrive lists.
fn note_ordinals(claimed: &mut BTreeMap<String, (usize, Ordinals)>, document: &RedriveDocument) {
    for (ordinals, object) in document.numbered() {
        if let Some((_, lists)) = claimed.get_mut(&object.key) {
            lists.insert(document.id.clone(), ordinals.start);
        }
    }
}
