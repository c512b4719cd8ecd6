//! Promises, which are checked whenever a ledger is written, an object is put, messages are sent or
//! a batch is answered. Those of chunk manifests, of schemas and of archives are in
//! [`manifests`](super::manifests), [`schemas`](super::schemas) and [`archive`](super::archive); that of the messages that a
//! bus is said to have in [`messages`](super::messages).

use sluice::ledger::Ledger;

use super::Delivery;
use super::bugs::Bug;
use super::library::{begun, committed, number, records};
use super::state::{Doc, Obj, Process, Records, State};

/// A broken promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// Committed records have not landed.
    CommittedEarly,
    /// A chunk was committed without its manifest.
    CommittedWithoutManifest,
    /// Committed records are no longer committed.
    CommittedGoesBack,
    /// A host that does not own the shard has changed its ledger.
    StaleWriter,
    /// A range was pinned while another was pending, or with a gap before it.
    RangeOutOfTurn,
    /// A range was pinned whose release is not in the lake.
    ReleaseNotKept,
    /// A range was pinned, or an object put, whose schema is not in the lake, or no longer.
    SchemaNotKept,
    /// An object was put with another schema than the one that its chunk has pinned.
    OtherSchema,
    /// Records were put into another archive than the one that their chunk has pinned, or into two.
    OtherArchive,
    /// A shard was started before its parent was finished.
    ChildBeforeParent,
    /// A put met an object or a manifest with the same name and other content.
    OtherContent,
    /// An object in the lake was changed.
    Overwritten,
    /// Objects or manifests with the same record are of two chunks, two releases or two decodings.
    TwoChunks,
    /// A record is in the lake twice.
    TwoOutcomes,
    /// A message was sent of an event that is not in the lake.
    MessageBeforeObject,
    /// A ledger says that a bus has messages which it does not have.
    NotedTooEarly,
    /// A manifest was put that names an object that is not in the lake, or not in the archive.
    ManifestBeforeObject,
    /// A manifest does not follow the last one of its shard.
    ManifestOutOfTurn,
    /// Records were reported to the mapping as done that are not.
    AcknowledgedEarly,
    /// Without further accidents, the end cannot be reached.
    Stuck,
}

pub(super) fn ensure(holds: bool, otherwise: Broken) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(otherwise) }
}

impl Delivery {
    /// The ledger of a shard becomes `next`, by a write of `by`.
    pub(super) fn write_ledger(
        &self,
        state: &mut State,
        shard: u8,
        next: Doc,
        by: Process,
    ) -> Result<(), Broken> {
        let before = self.library.read(shard, state.ledgers[usize::from(shard)]);
        let after = self.library.ledger(next);
        self.check_holder(&before.ledger, &after, &by.to_string())?;
        self.check_committed(state, shard, &before.ledger, &after)?;
        self.check_pinned(state, shard, &before.ledger, &after)?;
        self.check_sent(state, &after)?;
        state.ledgers[usize::from(shard)] = Some(next);
        Ok(())
    }

    fn check_holder(&self, before: &Ledger, after: &Ledger, by: &str) -> Result<(), Broken> {
        let fence = |ledger: &Ledger| ledger.lease().map_or(0, |lease| lease.fence);
        let takes = fence(after) == fence(before) + 1 && after.owner() == Some(by);
        let holds = fence(after) == fence(before) && before.owner() == Some(by);
        ensure(takes || holds, Broken::StaleWriter)
    }

    fn check_committed(
        &self,
        state: &State,
        shard: u8,
        before: &Ledger,
        after: &Ledger,
    ) -> Result<(), Broken> {
        let first = self.shard(shard).first();
        let (was, is) = (committed(before, first), committed(after, first));
        ensure(is.has_all(was), Broken::CommittedGoesBack)?;
        let chunk = is.without(was);
        let decoding = before
            .pending()
            .map_or(0, |pending| begun(pending).decoding);
        // Records of the source that are committed are committed as a whole.
        let decoded = chunk.decoded(decoding);
        let has_landed = || {
            let mut buses = state.buses.iter();
            buses.any(|bus| self.landed(state, *bus).has_all(decoded))
        };
        ensure(is == was || has_landed(), Broken::CommittedEarly)?;
        let counted = |ledger: &Ledger| ledger.committed().map_or(0, |done| done.records);
        let added = counted(before) + decoded.count();
        ensure(counted(after) == added, Broken::CommittedEarly)?;
        if is == was {
            return Ok(());
        }
        self.check_manifest(state, before.pending(), chunk)
    }

    /// The records with an outcome in the lake and, if they have an event, a message on the bus with these. A chunk that was
    /// begun with another bus is sent to the last one as a whole.
    fn landed(&self, state: &State, bus: Records) -> Records {
        let lines = |quarantine: bool| {
            let objects = state.lake.iter().map(|object| self.library.object(*object));
            let objects = objects.filter(|o| o.key.starts_with("_sluice/") == quarantine);
            objects.fold(Records(0), |all, object| all.and(object.lines))
        };
        lines(false).within(bus).and(lines(true))
    }

    fn check_pinned(
        &self,
        state: &State,
        shard: u8,
        before: &Ledger,
        after: &Ledger,
    ) -> Result<(), Broken> {
        let Some(pinned) = after.pending() else {
            return Ok(());
        };
        let plan = begun(pinned);
        let kept = state.kept & (1 << plan.release) != 0;
        ensure(kept, Broken::ReleaseNotKept)?;
        ensure(state.has_schema(plan.schema), Broken::SchemaNotKept)?;
        let parent = shard.checked_sub(1);
        let parent = parent.map(|parent| {
            self.library
                .read(parent, state.ledgers[usize::from(parent)])
        });
        let ready = parent.is_none_or(|parent| parent.ledger.is_finished());
        ensure(ready, Broken::ChildBeforeParent)?;
        let all = self.shard(shard);
        let done = committed(after, all.first());
        let next = all.without(done).first();
        let in_turn = number(pinned.range.first) == next && all.has_all(records(pinned.range));
        let alone = before.pending().is_none_or(|held| held == pinned);
        ensure(in_turn && alone, Broken::RangeOutOfTurn)
    }

    /// Puts an object, unless there is one with its name.
    pub(super) fn put_object(&self, state: &mut State, object: Obj) -> Result<(), Broken> {
        let new = self.library.object(object);
        self.check_schema(state, &new)?;
        let there = state
            .lake
            .iter()
            .position(|there| self.library.object(*there).key == new.key);
        if let Some(there) = there {
            let same = self.library.object(state.lake[there]).has_content_of(&new);
            return match self.bug {
                Some(Bug::PutWithoutCondition) => ensure(same, Broken::Overwritten),
                _ => ensure(same, Broken::OtherContent),
            };
        }
        for there in &state.lake {
            let there = self.library.object(*there);
            let disjoint = there.chunk.within(new.chunk).is_empty();
            let same = there.chunk == new.chunk
                && there.release == new.release
                && there.decoding == new.decoding;
            ensure(disjoint || same, Broken::TwoChunks)?;
            ensure(
                there.lines.within(new.lines).is_empty(),
                Broken::TwoOutcomes,
            )?;
        }
        state.lake.push(object);
        state.lake.sort_unstable();
        Ok(())
    }

    /// Sends the messages of these events to a bus.
    pub(super) fn send(&self, state: &mut State, bus: u8, events: Records) -> Result<(), Broken> {
        let objects = state.lake.iter().map(|object| self.library.object(*object));
        let lines = objects.fold(Records(0), |all, object| all.and(object.lines));
        let bus = &mut state.buses[usize::from(bus)];
        *bus = bus.and(events);
        ensure(lines.has_all(events), Broken::MessageBeforeObject)
    }

    /// Reports these records to the mapping as done.
    pub(super) fn acknowledge(&self, state: &mut State, done: Records) -> Result<(), Broken> {
        let ledger = self.library.read(0, state.ledgers[0]).ledger;
        let done_in_truth = committed(&ledger, 1).and(state.discarded);
        state.acknowledged = state.acknowledged.and(done);
        ensure(done_in_truth.has_all(done), Broken::AcknowledgedEarly)
    }
}
