//! Lists of quarantine objects, and what is in them.

use sluice::ledger::Ledger;

use super::RedriveModel;
use super::bugs::Bug;
use super::library::Line;
use super::state::{Lines, List, ManifestNumber, Source, State, Work};
use crate::model::state::Records;

/// A quarantine object of a list with its ordinals.
#[derive(Clone, Copy)]
pub(super) struct Listed {
    pub(super) source: Source,
    pub(super) ordinals: Records,
}

impl RedriveModel {
    pub(super) fn ledger(&self, state: &State, redrive: u8) -> Ledger {
        let stored = state.ledgers[usize::from(redrive)];
        self.library.read(redrive, stored).ledger
    }

    /// Whether the chunk of a manifest is committed.
    pub(super) fn is_committed(&self, state: &State, manifest: ManifestNumber) -> bool {
        let manifest = self.library.manifest(manifest);
        let ledger = self.ledger(state, manifest.redrive);
        let last = ledger.committed().map(|done| done.last);
        last >= Some(manifest.ordinals.last().into())
    }

    /// The quarantine objects that a redrive that begins now has in its list: those of committed chunks that no redrive
    /// has claimed.
    pub(super) fn quarantined_now(&self, state: &State) -> Vec<Source> {
        let by_run = (0..state.quarantined).map(Source);
        let manifests = state.manifests.iter();
        let committed = manifests.filter(|manifest| {
            self.has(Bug::UncommittedListed) || self.is_committed(state, **manifest)
        });
        let outcomes = committed.flat_map(|manifest| {
            let manifest = self.library.manifest(*manifest);
            manifest.outcomes.clone()
        });
        let again = outcomes.filter_map(|outcome| self.library.quarantined_again(outcome));
        let is_free = |source: &Source| state.claim(*source).is_none();
        by_run.chain(again).filter(is_free).collect()
    }

    /// The objects of a list with their ordinals: each record has the number of records before it in the list.
    pub(super) fn listed(&self, state: &State, redrive: u8, list: List) -> Vec<Listed> {
        let mut next = 0;
        let mut listed = Vec::new();
        for source in self.library.list(list).iter().copied() {
            let is_left = match state.claim(source) {
                Some(claim) => claim.redrive == redrive,
                None => true,
            };
            if self.has(Bug::OrdinalsOfWhatIsLeft) && !is_left {
                continue;
            }
            let count = self.library.source(source).records.len() as u64;
            listed.push(Listed {
                source,
                ordinals: Records::range(next, next + count - 1),
            });
            next += count;
        }
        listed
    }

    /// The next object that a process reads, with the ordinals that are left of it.
    pub(super) fn next_object(&self, state: &State, work: &Work) -> Option<Listed> {
        let listed = self.listed(state, work.redrive, work.list);
        let before = Records::before(work.next);
        let left = listed.into_iter().map(|it| Listed {
            ordinals: it.ordinals.without(before),
            ..it
        });
        left.into_iter().find(|it| !it.ordinals.is_empty())
    }

    /// The lines of ordinals of a list, as they are read.
    pub(super) fn read_lines(
        &self,
        state: &State,
        work: &Work,
        ordinals: Records,
        damaged: Records,
    ) -> Lines {
        let listed = self.listed(state, work.redrive, work.list);
        let line = |ordinal: u64| {
            let one = Records::one(ordinal);
            let of = listed.iter().find(|it| it.ordinals.has_all(one))?;
            let place = usize::try_from(ordinal - of.ordinals.first()).unwrap();
            Some(Line {
                source: of.source,
                record: self.library.source(of.source).records[place],
                is_damaged: damaged.has_all(one),
            })
        };
        self.library
            .number_lines(ordinals.iter().filter_map(line).collect())
    }
}
