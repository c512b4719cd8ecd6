//! A model of redrives, explored exhaustively: two redrives of quarantined records, whose lists overlap, and two
//! processes that work on them, also on the same one. The second redrive can have records that the first one has
//! quarantined again. Processes are killed at any step and lose their lease to each other; responses are lost;
//! documents, claims, objects and ledger writes arrive after their process has given up; quarantine objects become unreadable,
//! and a person restores them; a run quarantines more records meanwhile. The number of such accidents is limited; their
//! order is not.
//!
//! The program's own code decides what ledgers allow and how a lease is resolved, and makes the keys. The model has the
//! rest in its own words: lists and ordinals (`host/src/redrive`), and how objects are checked, claimed and read
//! (`host/src/source/redrive.rs`). Seeded faults show that it finds violations.

mod bugs;
mod land;
mod library;
mod lists;
mod promises;
mod read;
mod state;
mod steps;
mod writes;

use self::bugs::Bug;
use self::library::Library;
use self::promises::Broken;
use self::state::{At, Host, State};
use self::steps::Steps;
use super::search::{Explored, Model, Step, explore};

/// What is redriven, and what can happen.
struct RedriveModel {
    /// The number of quarantine objects of the run.
    objects: u16,
    /// How many of them are committed before the first redrive begins.
    at_first: u16,
    /// How many redrives there are.
    redrives: u8,
    /// The most records of a chunk.
    chunk_max: u64,
    /// The maximum number of accidents.
    faults: u8,
    bug: Option<Bug>,
    library: Library,
}

impl RedriveModel {
    /// A model of quarantine objects with these numbers of records.
    fn new(objects: &[u64], redrives: u8, faults: u8) -> Self {
        let count = u16::try_from(objects.len()).unwrap();
        Self {
            objects: count,
            at_first: count,
            redrives,
            chunk_max: 2,
            faults,
            bug: None,
            library: Library::new(objects),
        }
    }

    /// The same where the run commits all objects but these later.
    fn growing_from(self, at_first: u16) -> Self {
        Self { at_first, ..self }
    }

    fn with(self, bug: Bug) -> Self {
        Self {
            bug: Some(bug),
            ..self
        }
    }

    fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    fn redrives(&self) -> impl Iterator<Item = u8> {
        0..self.redrives
    }
}

impl Model for RedriveModel {
    type State = State;
    type Broken = Broken;

    const STUCK: Broken = Broken::Stuck;

    fn initial(&self) -> State {
        let host = Host {
            life: 0,
            at: At::Idle,
        };
        State {
            quarantined: self.at_first,
            unreadable: Vec::new(),
            documents: [None; 2],
            claims: Vec::new(),
            ledgers: [None; 2],
            pinned: [None; 2],
            left_out: Vec::new(),
            lake: Vec::new(),
            manifests: Vec::new(),
            hosts: [host; 2],
            late: Vec::new(),
            faults: self.faults,
        }
    }

    fn steps(&self, from: &State, called: bool) -> Vec<Step<State, Broken>> {
        let mut steps = Steps {
            model: self,
            from,
            called,
            found: Vec::new(),
        };
        steps.world();
        steps.host(0);
        steps.host(1);
        steps.found
    }

    fn is_done(&self, state: &State) -> bool {
        let is_through = |redrive: u8| match state.documents[usize::from(redrive)] {
            None => self.quarantined_now(state).is_empty(),
            Some(_) => self.ledger(state, redrive).is_finished(),
        };
        state.quarantined == self.objects && self.redrives().all(is_through)
    }

    fn describe(&self, state: &State) -> String {
        let redrives = self.redrives().map(|redrive| {
            let ledger = self.ledger(state, redrive);
            let list = state.documents[usize::from(redrive)];
            let list = list.map(|list| self.library.list(list));
            let number = |range: sluice::ledger::Range| format!("{}-{}", range.first, range.last);
            let pending = ledger.pending().map(|pending| number(pending.range));
            let committed = ledger.committed().map(|done| done.last.to_string());
            let owner = ledger.owner().unwrap_or("-");
            format!("[{owner} list {list:?} committed {committed:?} pending {pending:?}]")
        });
        let claims = state.claims.iter();
        let claims = claims.map(|claim| format!("{}:{}", claim.source.0, claim.redrive));
        let lake = state.lake.iter().map(|outcome| {
            let outcome = self.library.outcome(*outcome);
            let to = if outcome.is_event { "events" } else { "again" };
            let records = outcome.lines.iter().map(|line| line.record.to_string());
            format!("{to} {}", records.collect::<Vec<_>>().join(","))
        });
        let (claims, lake) = (claims.collect::<Vec<_>>(), lake.collect::<Vec<_>>());
        format!(
            "{} claims {} lake {}",
            redrives.collect::<String>(),
            claims.join(" "),
            lake.join("; ")
        )
    }
}

/// Explores a model completely. It must keep every promise and have at least this many states.
fn holds(model: &RedriveModel, least: usize) {
    let Explored { states, steps } = explore(model).unwrap_or_else(|found| panic!("{found:?}"));
    println!("{states} states, {steps} steps");
    assert!(
        states >= least,
        "only {states} states: does everything still happen?"
    );
}

#[test]
fn two_redrives_of_the_same_objects_keep_every_promise() {
    holds(&RedriveModel::new(&[1, 1], 2, 1), 790_000);
    holds(&RedriveModel::new(&[1], 2, 2), 570_000);
}

#[test]
fn two_processes_of_a_redrive_keep_every_promise() {
    holds(&RedriveModel::new(&[1, 1], 1, 2), 300_000);
    holds(&RedriveModel::new(&[1, 1, 1], 1, 1), 100_000);
    holds(&RedriveModel::new(&[2, 1], 1, 1), 100_000);
}

/// A redrive has what the run quarantines meanwhile, and what the one before has quarantined again, or not.
#[test]
fn objects_that_come_later_keep_every_promise() {
    holds(&RedriveModel::new(&[1, 1], 2, 1).growing_from(1), 1_300_000);
}

#[test]
#[ignore = "takes minutes and gigabytes"]
fn a_larger_search_keeps_every_promise() {
    holds(&RedriveModel::new(&[2, 1], 1, 2), 1_300_000);
    holds(&RedriveModel::new(&[2], 2, 2), 2_900_000);
    holds(&RedriveModel::new(&[2, 1], 2, 1), 1_000_000);
}

/// Each seeded fault, and the promise that it breaks first.
const SEEDED: [(Bug, Broken); 18] = [
    (Bug::PinBeforeClaim, Broken::RepeatedOtherwise),
    (Bug::ClaimsRemoved, Broken::TwoOutcomes),
    (Bug::ClaimOverwrites, Broken::NotClaimed),
    (Bug::ClaimIgnored, Broken::NotClaimed),
    (Bug::ClaimOfProcess, Broken::RepeatedOtherwise),
    (Bug::OwnClaimNotRead, Broken::ClaimedLost),
    (Bug::RepeatClaimsAnew, Broken::RepeatedOtherwise),
    (Bug::RangeAcrossUnreadable, Broken::ClaimedLost),
    (Bug::OwnObjectSkipped, Broken::ClaimedLost),
    (Bug::OrdinalsOfWhatIsLeft, Broken::ClaimedLost),
    (Bug::NoDigestCheck, Broken::DamagedRead),
    (Bug::DocumentOverwritten, Broken::RepeatedOtherwise),
    (Bug::DocumentNotRead, Broken::RepeatedOtherwise),
    (Bug::UncommittedListed, Broken::TwoPlaces),
    (Bug::RulesChosenAgain, Broken::TwoOutcomes),
    (Bug::NoFenceCheck, Broken::StaleWriter),
    (Bug::CommitBeforeManifest, Broken::CommittedWithoutManifest),
    (Bug::FinishedWhenRead, Broken::ClaimedLost),
];

/// The smallest model that shows a fault: the objects, the redrives, and the accidents.
fn smallest(bug: Bug) -> (&'static [u64], u8, u8) {
    match bug {
        Bug::RepeatClaimsAnew | Bug::RangeAcrossUnreadable => (&[1, 1, 1], 1, 2),
        Bug::ClaimsRemoved
        | Bug::ClaimOverwrites
        | Bug::ClaimIgnored
        | Bug::OrdinalsOfWhatIsLeft
        | Bug::DocumentOverwritten
        | Bug::DocumentNotRead
        | Bug::UncommittedListed => (&[1, 1], 2, 1),
        _ => (&[1, 1], 1, 2),
    }
}

#[test]
fn a_seeded_fault_breaks_a_promise() {
    for (bug, broken) in SEEDED {
        let (objects, redrives, faults) = smallest(bug);
        let model = RedriveModel::new(objects, redrives, faults).with(bug);
        let found = explore(&model).expect_err(&format!("{bug:?} breaks nothing"));
        assert_eq!(found.broken, broken, "{bug:?}: {found:?}");
    }
}
