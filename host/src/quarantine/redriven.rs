//! Which objects of quarantine belong to a redrive, and how much of them it has committed.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use sluice_storage::error::StorageError;

use super::list::{ListProblem, QuarantineList};
use super::{Quarantine, QuarantineError};
use crate::redrive::{LandedChunks, RedriveDocument, RedriveId, RedriveStore, claim_key};

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
        let claimed = list.objects.iter().enumerate();
        let claimed = claimed.filter(|(_, object)| stored.is_claimed(&object.key));
        let mut claimed: BTreeMap<String, (usize, Ordinals)> = claimed
            .map(|(at, object)| (object.key.clone(), (at, Ordinals::new())))
            .collect();
        if claimed.is_empty() {
            return Ok(());
        }
        // One at a time: each can list all objects.
        for id in &stored.redrives {
            if let Some(document) = redrives.read(id).await? {
                note_ordinals(&mut claimed, &document);
            }
        }
        let unclear = claimed.iter().filter(|(_, (_, lists))| lists.len() != 1);
        let owners = redrives
            .owners(unclear.map(|(key, _)| key.as_str()))
            .await?;
        let mut landed = BTreeMap::<RedriveId, LandedChunks>::new();
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
                    let chunks = match landed.entry(owner.clone()) {
                        Entry::Occupied(known) => known.into_mut(),
                        Entry::Vacant(new) => new.insert(self.landed_chunks(&owner).await?),
                    };
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
