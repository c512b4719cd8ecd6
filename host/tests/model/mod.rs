//! A model of delivery, explored exhaustively: two hosts on a shard. Each can be killed, give up or
//! be fenced out at any step. Responses are lost, and writes arrive after their host has given up.
//! Ledgers change after they were read, another release is activated, records of the source are
//! decoded into more records, objects get another schema, records another archive or messages another bus from now on, messages
//! are made otherwise, and records run out of time.
//! Batches become shorter or longer, and the mapping discards records. A shard can have a child.
//! The number of such accidents is limited; their order is not.
//!
//! The program's own code decides what hosts write and how they interpret a response: `Ledger`,
//! `Lease`, the keys of objects and chunk manifests, and what a function does with a batch. The
//! model adds the store, the network, and the progress of each host. Seeded faults show that it
//! finds violations.

mod archive;
mod bugs;
mod chunk;
mod function;
mod library;
mod manifests;
mod messages;
mod promises;
mod redrive;
mod schemas;
mod search;
mod state;
mod steps;
mod table;
mod worker;
mod writes;

use sluice::ledger::Ledger;

use self::bugs::{Bug, SEEDED};
use self::library::{Library, begun, committed};
use self::promises::Broken;
use self::search::{Explored, Model, Step, explore};
use self::state::{At, Host, Known, Plan, Records, State, Work};
use self::steps::Steps;

use Mode::{Functions, Workers};

/// The hosts that deliver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Workers on a stream.
    Workers,
    /// The processes of a function behind a mapping.
    Functions,
}

/// What can change once. A chunk pins all of them but its bus, and how its messages are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Changes {
    /// The active release.
    Release,
    /// How records of the source are decoded: each of them holds one record, and two after the change.
    Decoding,
    /// The schema of objects, which have columns.
    Schema,
    /// The archive of records.
    Archive,
    /// The bus of messages. They are sent one by one, and hosts note how many of them the bus has.
    Bus,
    /// How the program makes messages: of one record each, and of two after the change. They are sent as for a bus.
    Packing,
}

impl Changes {
    /// Whether messages are sent one by one.
    fn sends_each(self) -> bool {
        matches!(self, Self::Bus | Self::Packing)
    }
}

/// What is delivered, and what can happen.
struct Delivery {
    mode: Mode,
    /// The number of records of each shard. Each shard but the first is the child of the one
    /// before.
    shards: Vec<u64>,
    /// The most records of a chunk.
    chunk_max: u64,
    /// The maximum number of accidents.
    faults: u8,
    changes: Changes,
    bug: Option<Bug>,
    library: Library,
}

impl Delivery {
    fn new(mode: Mode, shards: &[u64], chunk_max: u64, faults: u8) -> Self {
        Self {
            mode,
            shards: shards.to_vec(),
            chunk_max,
            faults,
            changes: Changes::Release,
            bug: None,
            library: Library::new(),
        }
    }

    fn changing(self, changes: Changes) -> Self {
        Self { changes, ..self }
    }

    fn with(self, bug: Bug) -> Self {
        Self {
            bug: Some(bug),
            ..self
        }
    }

    /// The records of a shard.
    fn shard(&self, shard: u8) -> Records {
        let before: u64 = self.shards[..usize::from(shard)].iter().sum();
        Records::range(before + 1, before + self.shards[usize::from(shard)])
    }

    /// The records to read: from the pending range on, or after the last committed record.
    fn behind(&self, shard: u8, ledger: &Ledger) -> Records {
        let all = self.shard(shard);
        all.without(committed(ledger, all.first()))
    }

    /// The chunk that a ledger has pinned, to be repeated.
    fn begun(&self, ledger: &Ledger, state: &State) -> Option<Plan> {
        let mut plan = begun(ledger.pending()?);
        match self.bug {
            Some(Bug::ReleaseChosenAgain | Bug::ReplayNotPinned) => plan.release = state.active,
            Some(Bug::DecodedAgain | Bug::DecodedAgainNotPinned) => plan.decoding = state.decoding,
            Some(Bug::SchemaChosenAgain | Bug::SchemaChosenAgainNotPinned) => {
                plan.schema = Some(state.schema);
            }
            Some(Bug::ArchiveChosenAgain | Bug::ArchiveChosenAgainNotPinned) => {
                plan.archive = Some(state.archive);
            }
            _ => {}
        }
        if self.changes.sends_each() {
            (plan.bus, plan.packing) = (state.bus, state.packing);
            plan.acknowledged = self.skipped(ledger, &plan);
        }
        Some(plan)
    }

    /// A shard is not acquired more than this many times: every time but the first follows an
    /// accident.
    fn most_takes(&self) -> u64 {
        u64::from(self.faults) + 2
    }
}

impl Work {
    /// The work on a shard of which nothing has been read.
    fn on(shard: u8, known: Known) -> Self {
        Self {
            shard,
            known,
            unread: Records(0),
            plan: None,
            write: None,
            batch: Records(0),
        }
    }
}

impl Model for Delivery {
    type State = State;
    type Broken = Broken;

    const STUCK: Broken = Broken::Stuck;

    fn initial(&self) -> State {
        let host = Host {
            life: 0,
            at: At::Idle(None),
        };
        State {
            ledgers: [None, None],
            lake: Vec::new(),
            manifests: Vec::new(),
            buses: [Records(0); 2],
            bus: 0,
            packing: 0,
            kept: 0,
            active: 0,
            decoding: 0,
            schemas: 0,
            schema: 0,
            archived: Vec::new(),
            archive: 0,
            hosts: [host, host],
            late: Vec::new(),
            faults: self.faults,
            acknowledged: Records(0),
            discarded: Records(0),
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
        (0u8..).zip(&self.shards).all(|(shard, _)| {
            let ledger = self
                .library
                .read(shard, state.ledgers[usize::from(shard)])
                .ledger;
            self.behind(shard, &ledger).is_empty()
                && (ledger.is_finished() || self.mode == Functions)
        })
    }

    fn describe(&self, state: &State) -> String {
        let ledgers = (0u8..).zip(&self.shards).map(|(shard, _)| {
            let ledger = self
                .library
                .read(shard, state.ledgers[usize::from(shard)])
                .ledger;
            let done = committed(&ledger, self.shard(shard).first());
            let pending = ledger.pending().map(begun);
            let chunk = |plan: Plan| {
                let decoded = plan.decoded(None);
                format!("{decoded}/r{}", plan.release)
            };
            let pending = pending.map_or("-".into(), chunk);
            let owner = ledger.owner().unwrap_or("-");
            format!("[{owner} committed {done} pending {pending}]")
        });
        let lake = state.lake.iter().map(|object| {
            let object = self.library.object(*object);
            format!("{}/r{}", object.lines, object.release)
        });
        let manifests = state.manifests.iter().map(|manifest| {
            let manifest = self.library.manifest_of(*manifest);
            format!("{}/r{}", manifest.chunk, manifest.release)
        });
        let (lake, manifests) = (lake.collect::<Vec<_>>(), manifests.collect::<Vec<_>>());
        format!(
            "{} lake {} manifests {} bus {} other bus {}",
            ledgers.collect::<String>(),
            lake.join(" "),
            manifests.join(" "),
            state.buses[0],
            state.buses[1],
        )
    }
}

/// Explores a model completely. It must keep every promise and have at least this many states.
fn holds(model: &Delivery, least: usize) {
    let Explored { states, steps } = explore(model).unwrap_or_else(|found| panic!("{found:?}"));
    println!("{states} states, {steps} steps");
    assert!(
        states >= least,
        "only {states} states: does everything still happen?"
    );
}

#[test]
fn two_workers_on_a_shard_keep_every_promise() {
    holds(&Delivery::new(Workers, &[3], 2, 2), 305_000);
    holds(&Delivery::new(Workers, &[2], 2, 3), 1_370_000);
}

#[test]
fn two_workers_on_a_parent_and_its_child_keep_every_promise() {
    holds(&Delivery::new(Workers, &[2, 1], 2, 2), 320_000);
    holds(&Delivery::new(Workers, &[1, 1], 1, 3), 1_300_000);
}

#[test]
fn two_processes_of_a_function_keep_every_promise() {
    holds(&Delivery::new(Functions, &[3], 2, 2), 1_090_000);
    holds(&Delivery::new(Functions, &[2], 2, 3), 1_460_000);
}

#[test]
fn records_that_are_decoded_otherwise_keep_every_promise() {
    let search =
        |mode, shard, faults| Delivery::new(mode, &[shard], 2, faults).changing(Changes::Decoding);
    holds(&search(Workers, 3, 2), 340_000);
    holds(&search(Functions, 2, 2), 155_000);
}

#[test]
fn objects_with_another_schema_keep_every_promise() {
    let search =
        |mode, shard, faults| Delivery::new(mode, &[shard], 2, faults).changing(Changes::Schema);
    holds(&search(Workers, 3, 2), 300_000);
    holds(&search(Functions, 2, 2), 100_000);
}

#[test]
fn records_in_another_archive_keep_every_promise() {
    let search =
        |mode, shard, faults| Delivery::new(mode, &[shard], 2, faults).changing(Changes::Archive);
    holds(&search(Workers, 3, 2), 300_000);
    holds(&search(Functions, 2, 2), 100_000);
}

#[test]
fn messages_on_another_bus_keep_every_promise() {
    let search = |mode| Delivery::new(mode, &[2], 2, 2).changing(Changes::Bus);
    holds(&search(Workers), 100_000);
    holds(&search(Functions), 100_000);
}

#[test]
fn messages_that_are_made_otherwise_keep_every_promise() {
    let search = |mode| Delivery::new(mode, &[2], 2, 2).changing(Changes::Packing);
    holds(&search(Workers), 50_000);
    holds(&search(Functions), 50_000);
}

#[test]
#[ignore = "takes minutes and gigabytes"]
fn a_larger_search_keeps_every_promise() {
    holds(&Delivery::new(Workers, &[4], 2, 3), 10_000_000);
    holds(&Delivery::new(Workers, &[2, 1], 2, 3), 3_600_000);
    holds(&Delivery::new(Functions, &[3], 2, 3), 11_000_000);
}

#[test]
fn a_seeded_fault_breaks_a_promise() {
    for (bug, mode, broken) in SEEDED {
        let model = Delivery::new(mode, bug.shards(), 2, 2);
        let model = model.changing(bug.changes()).with(bug);
        let found = explore(&model).expect_err(&format!("{bug:?} breaks nothing"));
        assert_eq!(found.broken, broken, "{bug:?}: {found:?}");
    }
}

#[test]
fn a_broken_promise_is_reported_with_its_steps() {
    let model = Delivery::new(Workers, &[1], 1, 0).with(Bug::CommitBeforeSend);
    let reported = format!("{:?}", explore(&model).unwrap_err());
    let ways = [
        "CommittedEarly after",
        "a0: Take",
        "a0 puts object 0 of 1",
        "a0: Commit",
    ];
    assert!(
        ways.iter().all(|part| reported.contains(part)),
        "{reported}"
    );
    assert_eq!(reported.lines().count(), 8, "{reported}");
}
