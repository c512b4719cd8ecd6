//! A model of how a table is built, explored exhaustively: two builders of one table from a growing lake. Each can be
//! killed at any step. One can lose its lease to the other while it works. Commits conflict, their answers are lost, the
//! catalog loses them, or they arrive after their builder has given up. Other programs append to the table, compact it, and
//! let snapshots expire. A person rolls it back, or another table gets its name. The number of such accidents is limited;
//! their order is not. The table may have a rule for duplicates: then some chunks have events of one key, of which it has
//! one row.
//!
//! It has the rules of `host/src/table` in its own words: there, they are between requests to the catalog and the
//! warehouse. Seeded faults show that it finds violations.

mod bugs;
mod builder;
mod commit;
mod promises;
mod state;
mod steps;
mod world;

use self::bugs::Bug;
use self::promises::Broken;
use self::state::{At, Lease, State, Table};
use self::steps::Steps;
use super::search::{Explored, Model, Step, explore};
use super::state::Records;

/// What is built, and what can happen.
struct TableModel {
    /// The number of chunks of the lake.
    chunks: u8,
    /// The chunks without an event.
    empty: Records,
    /// The chunks whose events have one key, and arrived within the window of the rule for duplicates.
    same: Records,
    /// The maximum number of accidents.
    faults: u8,
    bug: Option<Bug>,
}

impl TableModel {
    fn new(chunks: u8, empty: &[u64], faults: u8) -> Self {
        let empty = empty.iter().copied().map(Records::one);
        Self {
            chunks,
            empty: empty.fold(Records(0), Records::and),
            same: Records(0),
            faults,
            bug: None,
        }
    }

    /// The same where the events of these chunks have one key.
    fn repeating(self, same: &[u64]) -> Self {
        let same = same.iter().copied().map(Records::one);
        Self {
            same: same.fold(Records(0), Records::and),
            ..self
        }
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
}

impl Model for TableModel {
    type State = State;
    type Broken = Broken;

    const STUCK: Broken = Broken::Stuck;

    fn initial(&self) -> State {
        State {
            committed: 0,
            table: Table::default(),
            lease: Lease::default(),
            attempts: Vec::new(),
            builders: [At::Idle; 2],
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
        steps.builder(0);
        steps.builder(1);
        steps.found
    }

    fn is_done(&self, state: &State) -> bool {
        let all = self.events(0, self.chunks);
        let has_passed = self.same.is_empty() || self.below_watermark(state) == all;
        state.committed == self.chunks && has_passed && self.covered(state.rows()) == all
    }

    fn describe(&self, state: &State) -> String {
        let table = &state.table;
        let attempts = (1u8..).zip(&state.attempts).map(|(number, attempt)| {
            let listed = if attempt.is_listed { " listed" } else { "" };
            format!("{number}={}<{}{listed}", attempt.events, attempt.after)
        });
        let attempts = attempts.collect::<Vec<_>>().join(" ");
        format!(
            "lake {} table {} snapshot {} rows {} watermark {} attempts {attempts} open {}",
            state.committed,
            table.uuid,
            table.current,
            state.rows(),
            table.attempt,
            state.lease.open
        )
    }
}

/// Explores a model completely. It must keep every promise and have at least this many states.
fn holds(model: &TableModel, least: usize) {
    let Explored { states, steps } = explore(model).unwrap_or_else(|found| panic!("{found:?}"));
    println!("{states} states, {steps} steps");
    assert!(
        states >= least,
        "only {states} states: does everything still happen?"
    );
}

#[test]
fn two_builders_of_a_table_keep_every_promise() {
    holds(&TableModel::new(3, &[], 2), 1_150_000);
    holds(&TableModel::new(2, &[], 3), 1_550_000);
}

#[test]
fn chunks_without_events_keep_every_promise() {
    holds(&TableModel::new(2, &[1], 2), 8_500);
    holds(&TableModel::new(3, &[2], 2), 430_000);
}

/// Of repetitions, the table has one: in the same attempt, in different ones, and if an attempt has nothing else.
#[test]
fn duplicates_are_left_out_once_their_key_is_there() {
    holds(&TableModel::new(2, &[], 2).repeating(&[1, 2]), 5_000);
    holds(&TableModel::new(3, &[], 2).repeating(&[1, 3]), 100_000);
    holds(&TableModel::new(3, &[2], 2).repeating(&[1, 3]), 50_000);
}

/// Each seeded fault, and the promise that it breaks first.
const SEEDED: [(Bug, Broken); 23] = [
    (Bug::PropertiesAlone, Broken::ListedFile),
    (Bug::WatermarkBeforeFiles, Broken::EventMissing),
    (Bug::WatermarkAfterFiles, Broken::EventTwice),
    (Bug::CommitBeforeUpload, Broken::FileMissing),
    (Bug::CommitBeforeDocument, Broken::DocumentMissing),
    (Bug::RetryWithoutLook, Broken::EventTwice),
    (Bug::LostAnswerRetried, Broken::EventTwice),
    (Bug::BlindRebase, Broken::EventTwice),
    (Bug::ConflictIsVoid, Broken::ListedFile),
    (Bug::ConflictIsSuccess, Broken::ListedFile),
    (Bug::VoidBySnapshot, Broken::ListedFile),
    (Bug::SettleListsOpen, Broken::ListedFile),
    (Bug::SettleListsCommitted, Broken::ListedFile),
    (Bug::SettleForgetsOlder, Broken::ListedFile),
    (Bug::NoRollbackCheck, Broken::CommittedAfterRollback),
    (Bug::ExpiredIsRollback, Broken::Stuck),
    (Bug::NotBoundToTable, Broken::OtherTable),
    (Bug::PendingRead, Broken::NotCommitted),
    (Bug::ExpiryAfterRollback, Broken::CommittedAfterRollback),
    (Bug::RollbackUnderCommit, Broken::CommittedAfterRollback),
    (Bug::KeysOfVoidAttempts, Broken::EventMissing),
    (Bug::KeysWithoutTheLast, Broken::KeyTwice),
    (Bug::KeysOfTheLastOnly, Broken::KeyTwice),
];

#[test]
fn a_seeded_fault_breaks_a_promise() {
    for (bug, broken) in SEEDED {
        let (chunks, empty, faults): (_, &[u64], _) = match bug {
            Bug::PropertiesAlone => (2, &[1], 1),
            Bug::ExpiryAfterRollback | Bug::KeysOfTheLastOnly => (3, &[], 2),
            _ => (2, &[], 2),
        };
        let same: &[u64] = match bug {
            Bug::KeysOfVoidAttempts | Bug::KeysWithoutTheLast => &[1, 2],
            Bug::KeysOfTheLastOnly => &[1, 3],
            _ => &[],
        };
        let model = TableModel::new(chunks, empty, faults);
        let model = model.repeating(same).with(bug);
        let found = explore(&model).expect_err(&format!("{bug:?} breaks nothing"));
        assert_eq!(found.broken, broken, "{bug:?}: {found:?}");
    }
}
