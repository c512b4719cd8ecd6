//! Which objects of quarantine belong to a redrive, and how much of them it has committed.

use std::collections::BTreeMap;

use super::list::{ListProblem, QuarantineList};
use super::{Quarantine, QuarantineError};
use crate::redrive::{RedriveDocument, RedriveId, RedriveStore, claim_key};

/// The ordinal of the first record of an object in each redrive that lists the object.
pub(super) type Ordinals = BTreeMap<RedriveId, u64>;

impl Quarantine {
    /// Notes of the objects of a list which redrive has claimed them, and how many records of them it has committed.
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
        for (key, (at, ordinals)) in claimed {
            let only = ordinals.keys().next().filter(|_| ordinals.len() == 1);
            let Some(owner) = owners.get(&key).or(only).cloned() else {
                continue;
            };
            let first = ordinals.get(&owner).copied();
            if first.is_none() {
                list.problems.push(self.not_listed(&key, &owner));
            }
            let object = &mut list.objects[at];
            let committed = first.map_or(0, |first| self.committed_after(&owner, first));
            object.redriven = committed.min(object.records);
            object.claimed_by = Some(owner);
            object.first_ordinal = first;
        }
        Ok(())
    }

    /// How many records a redrive has committed from an ordinal on.
    fn committed_after(&self, redrive: &RedriveId, first: u64) -> u64 {
        let head = self.heads.get(redrive.shard());
        let last = head.and_then(|head| head.last.as_offset());
        last.map_or(0, |last| last.saturating_add(1).saturating_sub(first))
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
