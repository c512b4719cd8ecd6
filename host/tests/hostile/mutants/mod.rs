//! Mutants of valid components. Either a mutant fails admission, or each record has one outcome
//! that obeys the contract and is the same in a second run.
//!
//! - `SLUICE_MUTANTS`: the number of mutants; a few hundred by default.
//! - `SLUICE_MUTANTS_SEED`: another seed. The seed and the number of a mutant determine it.

mod anatomy;
mod mutation;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::panic::{self, AssertUnwindSafe};
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;
use serde_json::value::RawValue;
use sluice::ENRICH;
use sluice_engine::limits::Limits;
use sluice_engine::outcome::Transformed;
use sluice_engine::record::Batch;
use sluice_release::admission::{Release, validate};
use sluice_release::bundle::ReleaseBundle;

use self::mutation::Mutation;
use crate::support::guests::{Tiny, rogue};
use crate::support::outcomes::{
    CallMode, RecordOutcome, batch, chunk, contents, limits_of_any_json, record_outcomes, run,
    shared_engine, shared_with,
};

const USUAL: u64 = 400;
const SEED: u64 = 20_261_124;

/// A mutant that takes longer hangs: it has fuel for a fraction of a second.
const HANGS: Duration = Duration::from_secs(180);

/// A valid component, with records for it.
struct SoundComponent {
    name: &'static str,
    bytes: Vec<u8>,
    records: Batch,
    /// The outcomes of these records, in both call modes.
    sound: [Vec<RecordOutcome>; 2],
}

/// The result of a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    /// It is not a component, or not one of the contract.
    NotAdmitted,
    /// `describe` or `configure` failed, so a run would end.
    Ended,
    /// It quarantines records that the original does not.
    Quarantined,
    /// It has other outcomes.
    Otherwise,
    /// It has the same outcomes.
    Passed,
}

const CLASSES: [Class; 5] = [
    Class::NotAdmitted,
    Class::Ended,
    Class::Quarantined,
    Class::Otherwise,
    Class::Passed,
];

fn env_or<T: FromStr>(name: &str, otherwise: T) -> T {
    let env_or = env::var(name).ok().filter(|value| !value.is_empty());
    env_or.map_or(otherwise, |value| value.parse().ok().expect(name))
}

fn components() -> &'static [SoundComponent; 5] {
    static COMPONENTS: OnceLock<[SoundComponent; 5]> = OnceLock::new();
    const EVENTS: &[&str] = &[
        r#"{"event_uuid":"a","event_name":"lesson:done","created_at":1767225600.5,"n":1}"#,
        r#"{"event_uuid":"c","created_at":1767225599,"event_name":"lesson:answer:saved","x":[1,"é",{"y":null}]}"#,
        r#"{"event_uuid":"b", "event_name":"a/b", "created_at":1.7672256e9, "t":"\u00e9\n\ud83d\ude00"}"#,
        r#"{"event_name":"payment:failed","event_uuid":"d","created_at":-1.5,"user":{"id":12345678901234567890}}"#,
        r#"{"event_uuid":"e","event_name":7,"created_at":1}"#,
        r#"{"event_uuid":"f","event_name":"login","created_at":"today"}"#,
        r#"[{"event_name":"login"}]"#,
        r#"{"event_name":"login","created_at":17672"#,
        "",
    ];
    const COMMANDS: &[&str] = &[
        "first",
        "many_events 3",
        "reject it",
        "partition a/b",
        "drop",
        "log it",
        "big_output 5000",
    ];
    const FIELDS: &[&str] = &[
        r#"{"n":1}"#,
        r#"{"command":"also","set":0,"n":"a","also":[1,{"b":null}]}"#,
        r#"{"command":"remove","gone":1,"gone":2}"#,
        r#"{"command":"split","n":[1]}"#,
        r#"{"command":"partition","n":"a/b"}"#,
        r#"{"command":"seen","n":1,"long":"abc","x":2}"#,
        r#"{"command":"many","n":20}"#,
        r#"{"command":"reject","n":"it"}"#,
        r#"{"command":"drop"}"#,
        "[1]",
    ];
    COMPONENTS.get_or_init(|| {
        let tiny = Tiny::on_bad("").component();
        [
            component("enrich", ENRICH, EVENTS),
            component("rogue by batch", &rogue().by_batch, COMMANDS),
            component("rogue by record", &rogue().by_record, COMMANDS),
            component("rogue by fields", &rogue().by_fields, FIELDS),
            component("tiny", &tiny, &["1", "22", "true"]),
        ]
    })
}

fn component(name: &'static str, component: &[u8], records: &[&str]) -> SoundComponent {
    let records = batch(records);
    let release = shared_with(component, "{}", &limits_of_any_json());
    let sound =
        in_both_modes(&release, &records).map(|outcome| record_outcomes(&records, &outcome));
    let landed = sound[0]
        .iter()
        .filter(|result| matches!(result, RecordOutcome::Events(_)));
    assert!(landed.count() >= 3, "{name}: {:?}", sound[0]);
    SoundComponent {
        name,
        bytes: component.to_vec(),
        records,
        sound,
    }
}

fn in_both_modes(release: &Release, records: &Batch) -> [Transformed; 2] {
    CallMode::BOTH.map(|mode| run(release, records, mode))
}

/// A mutant: its changes, and its bytes.
struct Mutant {
    component: &'static SoundComponent,
    mutations: Vec<Mutation>,
    bytes: Vec<u8>,
}

impl Mutant {
    /// All changes but the last are to code or data, so that the component can still be split into
    /// its parts.
    fn new(seed: u64, number: u64) -> Self {
        let mut rng = Pcg64Mcg::seed_from_u64(seed.rotate_left(32) ^ number);
        let component = &components()[rng.random_range(0..5)];
        let mut bytes = component.bytes.clone();
        let mut mutations = Vec::new();
        for _ in 0..rng.random_range(0..4) {
            let mutation = Mutation::choose(&mut rng);
            if mutation.keeps_its_parts() {
                bytes = mutation.of(&bytes, &mut rng);
                mutations.push(mutation);
            }
        }
        let last = Mutation::choose(&mut rng);
        bytes = last.of(&bytes, &mut rng);
        mutations.push(last);
        Self {
            component,
            mutations,
            bytes,
        }
    }

    fn class(&self) -> Class {
        let limits = Limits {
            fuel: 5_000_000,
            ..limits_of_any_json()
        };
        let bundle = ReleaseBundle::new(self.bytes.clone(), "{}").unwrap();
        let release = match validate(shared_engine(), &bundle, &limits) {
            Ok(release) => release,
            Err(error) => {
                assert!(error.to_string().len() < 10_000);
                return match error.step() {
                    "size" | "compile" | "imports" | "world" => Class::NotAdmitted,
                    _ => Class::Ended,
                };
            }
        };
        let records = &self.component.records;
        let outcomes = in_both_modes(&release, records);
        assert!(
            outcomes == in_both_modes(&release, records),
            "not the same again"
        );
        let found = outcomes.map(|outcome| checked(records, outcome, &limits));
        let is_rejected =
            |result: &&RecordOutcome| matches!(result, RecordOutcome::Rejected { .. });
        let rejected = |results: &[Vec<RecordOutcome>; 2]| {
            results.iter().flatten().filter(is_rejected).count()
        };
        match &found {
            found if *found == self.component.sound => Class::Passed,
            found if rejected(found) > rejected(&self.component.sound) => Class::Quarantined,
            _ => Class::Otherwise,
        }
    }
}

/// The outcome of each record, if the outcome obeys the contract and a chunk of it matches it.
fn checked(records: &Batch, outcome: Transformed, limits: &Limits) -> Vec<RecordOutcome> {
    let results = record_outcomes(records, &outcome);
    for result in &results {
        match result {
            RecordOutcome::Events(events) => {
                let bytes: usize = events.iter().map(|event| event.json.len()).sum();
                assert!(bytes <= limits.output_bytes);
                for event in events {
                    assert!(!event.json.contains(['\n', '\r']), "{event:?}");
                    serde_json::from_str::<&RawValue>(&event.json).unwrap();
                    assert!(event.routes.lake || event.routes.bus);
                    assert!(!event.partition.contains(".."), "{event:?}");
                }
            }
            RecordOutcome::Rejected { message, .. } => assert!(message.len() <= 1_024 + "…".len()),
            RecordOutcome::Dropped => {}
        }
    }
    let in_lake = outcome
        .events
        .iter()
        .filter(|event| event.routes.lake)
        .count();
    let expected = in_lake + outcome.quarantined.len();
    let mut chunk = chunk(1_000);
    chunk.absorb(records, outcome);
    let contents = contents(&chunk);
    let lines: usize = contents.iter().map(|(_, text)| text.lines().count()).sum();
    assert_eq!(lines, expected, "{contents:?}");
    assert_eq!(chunk.counts().records, records.len() as u64);
    results
}

/// The number and the result of a mutant, and a description to find it again.
type Verdict = (u64, Option<Class>, String);

/// Runs mutants on its own thread until there are enough.
fn run_mutants(
    seed: u64,
    next: &AtomicU64,
    count: u64,
    busy: &Mutex<BTreeSet<u64>>,
    to: &mpsc::Sender<Verdict>,
) {
    loop {
        let number = next.fetch_add(1, Relaxed);
        if number >= count {
            return;
        }
        busy.lock().unwrap().insert(number);
        let mut about = String::new();
        let class = panic::catch_unwind(AssertUnwindSafe(|| {
            let mutant = Mutant::new(seed, number);
            about = format!("{} after {:?}", mutant.component.name, mutant.mutations);
            mutant.class()
        }));
        busy.lock().unwrap().remove(&number);
        if to.send((number, class.ok(), about)).is_err() {
            return;
        }
    }
}

#[test]
fn each_record_of_a_mutant_has_one_outcome() {
    let (count, seed) = (
        env_or("SLUICE_MUTANTS", USUAL),
        env_or("SLUICE_MUTANTS_SEED", SEED),
    );
    let (next, busy) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::default()));
    let (sender, verdicts) = mpsc::channel();
    components();
    for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
        let (next, busy, sender) = (next.clone(), Arc::clone(&busy), sender.clone());
        thread::spawn(move || run_mutants(seed, &next, count, &busy, &sender));
    }
    let mut classes = BTreeMap::<_, u64>::new();
    for _ in 0..count {
        let Ok((number, class, about)) = verdicts.recv_timeout(HANGS) else {
            panic!("seed {seed}: one of the mutants {busy:?} hangs");
        };
        let class = class.unwrap_or_else(|| panic!("seed {seed}, mutant {number}: {about}"));
        *classes
            .entry((class, about.split(" after").next().unwrap().to_owned()))
            .or_default() += 1;
    }
    let of = |class| {
        classes
            .iter()
            .filter(|((c, _), _)| *c == class)
            .map(|(_, n)| n)
            .sum::<u64>()
    };
    println!(
        "{count} mutants of seed {seed}: {:?}",
        CLASSES.map(|class| (class, of(class)))
    );
    println!("{classes:?}");
    assert!(CLASSES.iter().all(|class| of(*class) > 0), "{classes:?}");
}
