//! Promises, which are checked whenever a ledger is written, an object is put or an object is left out.

use sluice::ledger::Ledger;

use super::RedriveModel;
use super::bugs::Bug;
use super::library::OutcomeObject;
use super::state::{Lines, ManifestNumber, Outcome, Process, Source, State, Work, Write};
use crate::model::state::Records;

/// A broken promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// A record is in two newest places.
    TwoPlaces,
    /// A record has two outcomes of one quarantine object.
    TwoOutcomes,
    /// A record that is claimed and committed has no outcome, or its object is left out or forgotten.
    ClaimedLost,
    /// A pending range was read as other records than those that were pinned.
    RepeatedOtherwise,
    /// A redrive has put records of an object that it has not claimed.
    NotClaimed,
    /// A record was redriven with other bytes than those that were quarantined.
    DamagedRead,
    /// A put met an object or a manifest with the same name and other content.
    OtherContent,
    /// A chunk was committed without its manifest, or a manifest was put before its objects.
    CommittedWithoutManifest,
    /// A process that does not own the redrive has changed its ledger.
    StaleWriter,
    /// Committed ordinals are no longer committed.
    CommittedGoesBack,
    /// Without further accidents, the end cannot be reached.
    Stuck,
}

pub(super) fn ensure(holds: bool, otherwise: Broken) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(otherwise) }
}

/// The newest place of a record.
#[derive(PartialEq, Eq)]
enum Place {
    Quarantined(Source),
    Event(Outcome),
}

impl RedriveModel {
    /// The ledger of a redrive becomes that of a write of `by`.
    pub(super) fn write_ledger(
        &self,
        state: &mut State,
        redrive: u8,
        write: Write,
        by: Process,
    ) -> Result<(), Broken> {
        let before = self.ledger(state, redrive);
        let after = self.library.ledgers.ledger(write.next).clone();
        check_owner(&before, &after, &by.to_string())?;
        let (was, is) = (before.committed(), after.committed());
        let (was, is) = (was.map(|done| done.last), is.map(|done| done.last));
        ensure(is >= was, Broken::CommittedGoesBack)?;
        let place = usize::from(redrive);
        state.ledgers[place] = Some(write.next);
        if let (None, Some(_)) = (before.pending(), after.pending()) {
            state.pinned[place] = write.lines;
        }
        if is != was {
            let lines = state.pinned[place].take();
            let last = is.and_then(|last| last.as_offset()).unwrap_or(0);
            self.check_manifest(state, redrive, lines, last)?;
            self.check_places(state)?;
        }
        match after.is_finished() && !before.is_finished() {
            true => self.finished(state, redrive),
            false => Ok(()),
        }
    }

    /// What was committed as these lines up to an ordinal has a manifest, which names the outcomes of exactly these.
    fn check_manifest(
        &self,
        state: &State,
        redrive: u8,
        lines: Option<Lines>,
        last: u64,
    ) -> Result<(), Broken> {
        let mut manifests = state.manifests.iter();
        let has_manifest = manifests.any(|manifest| {
            let manifest = self.library.manifest(*manifest);
            let is_of_chunk = manifest.redrive == redrive && manifest.ordinals.last() == last;
            is_of_chunk && Some(manifest.lines) == lines
        });
        ensure(has_manifest, Broken::CommittedWithoutManifest)
    }

    /// A redrive is finished: each object that it has claimed is committed, unless it was left out before it was claimed.
    fn finished(&self, state: &mut State, redrive: u8) -> Result<(), Broken> {
        for claim in state.claims.iter().filter(|it| it.redrive == redrive) {
            let is_left_out = state.left_out.contains(&(redrive, claim.source));
            let records = self.library.source(claim.source).records.len();
            let lines = self.committed_lines(state, redrive);
            let committed = lines.iter().filter(|line| line.0 == claim.source).count();
            ensure(is_left_out || committed == records, Broken::ClaimedLost)?;
        }
        if self.has(Bug::ClaimsRemoved) {
            state.claims.retain(|claim| claim.redrive != redrive);
        }
        Ok(())
    }

    /// The manifests of the committed chunks of a redrive.
    fn committed(&self, state: &State, redrive: u8) -> impl Iterator<Item = ManifestNumber> {
        let manifests = state.manifests.iter().copied();
        let committed = manifests.filter(move |manifest| {
            self.library.manifest(*manifest).redrive == redrive
                && self.is_committed(state, *manifest)
        });
        committed.collect::<Vec<_>>().into_iter()
    }

    /// The lines of a redrive that are committed, with their outcomes.
    fn committed_lines(&self, state: &State, redrive: u8) -> Vec<(Source, u64, Outcome)> {
        let manifests = self.committed(state, redrive);
        let outcomes = manifests.flat_map(|it| self.library.manifest(it).outcomes.clone());
        let lines = outcomes.flat_map(|outcome| {
            let lines = self.library.outcome(outcome).lines.clone();
            let line = move |line: super::library::Line| (line.source, line.record, outcome);
            lines.into_iter().map(line)
        });
        lines.collect()
    }

    /// Follows a record from an object to its newest place. An object that a redrive has claimed is an old place of the
    /// records whose ordinals are within its committed chunks.
    fn newest(&self, state: &State, source: Source, record: u64) -> Result<Place, Broken> {
        let Some(claim) = state.claim(source) else {
            return Ok(Place::Quarantined(source));
        };
        let redrive = claim.redrive;
        let lines = self.committed_lines(state, redrive);
        let mut outcomes = lines
            .iter()
            .filter(|line| (line.0, line.1) == (source, record));
        let outcome = outcomes.next().map(|line| line.2);
        ensure(outcomes.next().is_none(), Broken::TwoOutcomes)?;
        let Some(outcome) = outcome else {
            let is_passed = self.is_within_chunk(state, redrive, source, record);
            ensure(!is_passed, Broken::ClaimedLost)?;
            return Ok(Place::Quarantined(source));
        };
        match self.library.quarantined_again(outcome) {
            Some(again) => self.newest(state, again, record),
            None => Ok(Place::Event(outcome)),
        }
    }

    /// Whether the ordinal of a record lies within a committed chunk of a redrive.
    fn is_within_chunk(&self, state: &State, redrive: u8, source: Source, record: u64) -> bool {
        let Some(list) = state.documents[usize::from(redrive)] else {
            return false;
        };
        let listed = self.listed(state, redrive, list);
        let records = self.library.source(source).records.clone();
        let place = records.iter().position(|it| *it == record).unwrap_or(0) as u64;
        let of = listed.iter().find(|it| it.source == source);
        of.is_some_and(|it| {
            let ordinal = it.ordinals.first() + place;
            self.committed(state, redrive).any(|manifest| {
                let ordinals = self.library.manifest(manifest).ordinals;
                (ordinals.first()..=ordinals.last()).contains(&ordinal)
            })
        })
    }

    /// Each record is in its newest place, and in no other that counts.
    fn check_places(&self, state: &State) -> Result<(), Broken> {
        let mut newest = Vec::new();
        for source in (0..state.quarantined).map(Source) {
            for record in &self.library.source(source).records {
                newest.push((*record, self.newest(state, source, *record)?));
            }
        }
        let lines = |redrive| self.committed_lines(state, redrive);
        for (_, record, outcome) in self.redrives().flat_map(lines) {
            let is_event = self.library.outcome(outcome).is_event;
            let is_newest = newest.contains(&(record, Place::Event(outcome)));
            ensure(!is_event || is_newest, Broken::TwoPlaces)?;
        }
        Ok(())
    }

    /// Puts an object, unless there is one with its name.
    pub(super) fn put_outcome(&self, state: &mut State, outcome: Outcome) -> Result<(), Broken> {
        let new = self.library.outcome(outcome);
        for there in &state.lake {
            let same = *there == outcome;
            let there = self.library.outcome(*there);
            if there.key == new.key {
                return ensure(same, Broken::OtherContent);
            }
            ensure(!has_same_line(&there, &new), Broken::TwoOutcomes)?;
        }
        for line in &new.lines {
            ensure(!line.is_damaged, Broken::DamagedRead)?;
            let is_claimed = state.has_claimed(new.redrive, line.source);
            ensure(is_claimed, Broken::NotClaimed)?;
        }
        state.lake.push(outcome);
        state.lake.sort_unstable();
        Ok(())
    }

    /// Puts a manifest, unless there is one with its name.
    pub(super) fn put_manifest(
        &self,
        state: &mut State,
        manifest: ManifestNumber,
    ) -> Result<(), Broken> {
        let new = self.library.manifest(manifest);
        let mut manifests = state.manifests.iter();
        let there = manifests.find(|there| self.library.manifest(**there).key == new.key);
        if let Some(there) = there {
            return ensure(*there == manifest, Broken::OtherContent);
        }
        let has_objects = new.outcomes.iter().all(|it| state.lake.contains(it));
        ensure(has_objects, Broken::CommittedWithoutManifest)?;
        state.manifests.push(manifest);
        state.manifests.sort_unstable();
        Ok(())
    }

    /// A pending range was read again, by the owner of the redrive or by a process that does not know yet that it is fenced
    /// out.
    pub(super) fn check_repeated(
        &self,
        state: &State,
        work: &Work,
        lines: Lines,
    ) -> Result<(), Broken> {
        let place = usize::from(work.redrive);
        let is_owner = state.ledgers[place] == Some(work.known);
        let same = state.pinned[place] == Some(lines);
        ensure(same || !is_owner, Broken::RepeatedOtherwise)
    }
}

fn has_same_line(one: &OutcomeObject, other: &OutcomeObject) -> bool {
    let mut lines = one.lines.iter();
    lines.any(|line| {
        let mut others = other.lines.iter();
        others.any(|it| (it.source, it.record) == (line.source, line.record))
    })
}

fn check_owner(before: &Ledger, after: &Ledger, by: &str) -> Result<(), Broken> {
    let fence = |ledger: &Ledger| ledger.lease().map_or(0, |lease| lease.fence);
    let takes = fence(after) == fence(before) + 1 && after.owner() == Some(by);
    let owns = fence(after) == fence(before) && before.owner() == Some(by);
    ensure(takes || owns, Broken::StaleWriter)
}

impl Records {
    /// The members below a number.
    pub(super) fn before(number: u64) -> Self {
        (0..number).fold(Self(0), |set, it| set.and(Self::one(it)))
    }
}
