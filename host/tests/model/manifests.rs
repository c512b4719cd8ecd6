//! Chunk manifests: what they name, how a host puts them, and what they promise.

use sluice::ledger::{Ledger, Pending};

use super::Delivery;
use super::bugs::Bug;
use super::library::{begun, number};
use super::promises::{Broken, ensure};
use super::state::{Late, ManifestNumber, Obj, Plan, Records, State, Work};
use super::steps::{FAULT, FREE, Steps};

/// A chunk manifest.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Manifest {
    pub(super) key: String,
    pub(super) shard: u8,
    pub(super) chunk: Records,
    pub(super) release: u8,
    pub(super) decoding: u8,
    pub(super) schema: Option<u8>,
    pub(super) archive: Option<u8>,
    pub(super) timed_out: Records,
    /// The last record of the chunk before.
    pub(super) after: Option<u64>,
    /// The objects that it names, with their contents.
    pub(super) objects: Vec<Obj>,
}

impl Delivery {
    /// The manifest of a chunk. The host takes the chunk before from the ledger that it knows.
    fn manifest(&self, from: &State, work: &Work, plan: &Plan) -> ManifestNumber {
        let ledger = match self.bug {
            Some(Bug::PredecessorReadAgain) => {
                let stored = from.ledgers[usize::from(work.shard)];
                self.library.read(work.shard, stored).ledger
            }
            _ => self.library.ledger(work.known.ledger).clone(),
        };
        let forgotten = plan.again && self.has(Bug::PredecessorForgotten);
        let after = last(&ledger).filter(|_| !forgotten);
        self.library.manifest(work.shard, plan, after, self.bug)
    }

    /// Puts a manifest, unless there is one with its name.
    pub(super) fn put_manifest(
        &self,
        state: &mut State,
        manifest: ManifestNumber,
    ) -> Result<(), Broken> {
        let new = self.library.manifest_of(manifest);
        let mut manifests = state.manifests.iter();
        let there = manifests.find(|there| self.library.manifest_of(**there).key == new.key);
        if let Some(there) = there {
            return ensure(*there == manifest, Broken::OtherContent);
        }
        let complete = new.objects.iter().all(|object| state.lake.contains(object))
            && state.has_archived(new.archive, new.chunk);
        ensure(complete, Broken::ManifestBeforeObject)?;
        self.check_chain(state, &new)?;
        state.manifests.push(manifest);
        state.manifests.sort_unstable();
        Ok(())
    }

    /// A new manifest follows the last one of its shard, which ends with the record before.
    fn check_chain(&self, state: &State, new: &Manifest) -> Result<(), Broken> {
        let manifests = state.manifests.iter();
        let manifests = manifests.map(|manifest| self.library.manifest_of(*manifest));
        let of_shard = manifests.filter(|manifest| manifest.shard == new.shard);
        let covered = of_shard.fold(Records(0), |all, manifest| all.and(manifest.chunk));
        ensure(covered.within(new.chunk).is_empty(), Broken::TwoChunks)?;
        let before = Some(covered.last()).filter(|_| !covered.is_empty());
        let next = self.shard(new.shard).without(covered).first();
        let in_turn = new.chunk.first() == next && new.after == before;
        ensure(in_turn, Broken::ManifestOutOfTurn)
    }

    /// The chunk of these records, which becomes committed, has the manifest of what was pinned.
    pub(super) fn check_manifest(
        &self,
        state: &State,
        pending: Option<&Pending>,
        chunk: Records,
    ) -> Result<(), Broken> {
        let pinned = pending.map(|pending| {
            let Plan {
                release,
                decoding,
                schema,
                archive,
                timed_out,
                ..
            } = begun(pending);
            (chunk, release, decoding, schema, archive, timed_out)
        });
        let exists = state.manifests.iter().any(|manifest| {
            let manifest = self.library.manifest_of(*manifest);
            let Manifest {
                chunk,
                release,
                decoding,
                schema,
                archive,
                timed_out,
                ..
            } = *manifest;
            Some((chunk, release, decoding, schema, archive, timed_out)) == pinned
        });
        ensure(exists, Broken::CommittedWithoutManifest)
    }
}

/// The last committed record.
pub(super) fn last(ledger: &Ledger) -> Option<u64> {
    ledger.committed().map(|done| number(done.last))
}

impl Steps<'_> {
    /// Puts the manifest of a chunk. The put can be delayed, and is then sent again.
    pub(super) fn put_chunk_manifest(&mut self, host: usize, work: Work, plan: Plan) {
        let (model, name) = (self.model, self.name(host));
        let manifest = model.manifest(self.from, &work, &plan);
        let what = format_args!("{name} puts the manifest of {}", plan.records);
        self.add(what, FREE, |to| {
            model.put_manifest(to, manifest)?;
            to.work(host).advance(model);
            Ok(())
        });
        let what = format_args!(
            "{name} puts the manifest of {}, which is held up",
            plan.records
        );
        self.add(what, FAULT, |to| {
            to.late.push(Late::Manifest(manifest));
            Ok(())
        });
    }
}
