//! Runs batches in the sandbox through the library, and returns the outcome of each record.

use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use sluice::ENRICH;
use sluice::format::{Format, Level};
use sluice::layout::chunk::{Chunk, ChunkRules};
use sluice::ledger::messages::Messages;
use sluice::ledger::pins::Pins;
use sluice_engine::limits::{JsonProfile, Limits};
use sluice_engine::outcome::{Routes, Transformed};
use sluice_engine::record::{Batch, Position, Record, SequenceNumber, ShardId};
use sluice_engine::runtime::engine;
use sluice_release::admission::{AdmissionError, Release, validate};
use sluice_release::bundle::ReleaseBundle;
use wasmtime::Engine;

use super::guests::rogue;

/// The outcome of one record, without the backtrace, which depends on the call mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RecordOutcome {
    Events(Vec<Landed>),
    Rejected { code: String, message: String },
    Dropped,
}

/// One event: its JSON, its partition, its routes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Landed {
    pub(crate) json: String,
    pub(crate) partition: String,
    pub(crate) routes: Routes,
}

impl RecordOutcome {
    /// The code of a rejection, or another outcome.
    pub(crate) fn word(&self) -> &str {
        match self {
            Self::Events(_) => "events",
            Self::Rejected { code, .. } => code,
            Self::Dropped => "dropped",
        }
    }

    pub(crate) fn message(&self) -> &str {
        match self {
            Self::Rejected { message, .. } => message,
            _ => "",
        }
    }
}

pub(crate) fn words(results: &[RecordOutcome]) -> Vec<&str> {
    results.iter().map(RecordOutcome::word).collect()
}

/// The outcome of each record of a batch. Checks that records are in order, each in one place, and
/// that the number of dropped ones is correct.
pub(crate) fn record_outcomes(batch: &Batch, outcome: &Transformed) -> Vec<RecordOutcome> {
    let mut results = vec![RecordOutcome::Dropped; batch.len()];
    assert!(outcome.events.is_sorted_by_key(|event| event.record));
    assert!(
        outcome
            .quarantined
            .is_sorted_by_key(|quarantined| quarantined.record)
    );
    for event in &outcome.events {
        let json = String::from_utf8(outcome.event_data(event).to_vec()).unwrap();
        let landed = Landed {
            json,
            partition: outcome.partitions[event.partition as usize].to_string(),
            routes: event.routes,
        };
        match &mut results[event.record as usize] {
            RecordOutcome::Events(events) => events.push(landed),
            result => *result = RecordOutcome::Events(vec![landed]),
        }
    }
    for quarantined in &outcome.quarantined {
        let result = &mut results[quarantined.record as usize];
        assert_eq!(
            *result,
            RecordOutcome::Dropped,
            "a rejected record has events"
        );
        *result = RecordOutcome::Rejected {
            code: quarantined.reason.code.to_string(),
            message: quarantined.reason.message.clone(),
        };
    }
    let dropped = results
        .iter()
        .filter(|result| **result == RecordOutcome::Dropped)
        .count();
    assert_eq!(outcome.dropped, dropped as u64);
    results
}

pub(crate) fn batch<R: AsRef<[u8]>>(records: &[R]) -> Batch {
    let mut batch = Batch::new(ShardId::new("shard").unwrap());
    let mut offset = 0;
    for record in records {
        let data = record.as_ref();
        batch.push(Record {
            data,
            partition_key: "key",
            position: Position {
                sequence: SequenceNumber::from(offset),
                sub: None,
            },
            arrived_at: 1,
        });
        offset += data.len() as u64 + 1;
    }
    batch
}

/// How the host calls a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallMode {
    /// The host chooses.
    Usual,
    /// Record by record.
    PerRecord,
    /// In calls by fields with one record each, if the component exports `fields`.
    PerFieldRecord,
}

impl CallMode {
    pub(crate) const BOTH: [Self; 2] = [Self::Usual, Self::PerRecord];
}

pub(crate) fn run(release: &Release, records: &Batch, mode: CallMode) -> Transformed {
    match mode {
        CallMode::Usual => release.run(records, &[]),
        CallMode::PerRecord => release.program().run_per_record(records),
        CallMode::PerFieldRecord => {
            let outcome = release.program().run_per_field_record(records);
            outcome.map(|outcome| outcome.expect("the component takes fields"))
        }
    }
    .unwrap()
}

/// The outcome of a batch by each call that the component exports, by name. `None` if a call failed as a whole.
pub(crate) fn by_each_call(
    release: &Release,
    records: &Batch,
) -> Vec<(&'static str, Option<Transformed>)> {
    let program = release.program();
    let calls = release.calls();
    let mut found = vec![
        ("usual", Some(run(release, records, CallMode::Usual))),
        (
            "per record",
            Some(run(release, records, CallMode::PerRecord)),
        ),
    ];
    if calls.batch {
        found.push(("batch", program.run_batch(records).unwrap()));
    }
    if calls.fields {
        let per_record = run(release, records, CallMode::PerFieldRecord);
        found.push(("fields", program.run_fields(records).unwrap()));
        found.push(("fields per record", Some(per_record)));
    }
    found
}

/// The outcomes of records with these commands.
pub(crate) fn obeyed<R: AsRef<[u8]>>(
    release: &Release,
    mode: CallMode,
    commands: &[R],
) -> Vec<RecordOutcome> {
    let records = batch(commands);
    record_outcomes(&records, &run(release, &records, mode))
}

pub(crate) fn try_admit(
    component: &[u8],
    config: &str,
    limits: &Limits,
) -> Result<Release, AdmissionError> {
    let engine = engine(2).unwrap();
    let bundle = ReleaseBundle::new(component.to_vec(), config).unwrap();
    validate(&engine, &bundle, limits)
}

pub(crate) fn admitted(component: &[u8], config: &str, limits: &Limits) -> Release {
    try_admit(component, config, limits).unwrap_or_else(|error| panic!("{error}"))
}

/// An engine with the default limits that tests share, because each engine reserves much address
/// space.
pub(crate) fn shared_engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    let threads = thread::available_parallelism().map_or(16, |cores| 16.max(cores.get()));
    ENGINE.get_or_init(|| engine(threads).unwrap())
}

/// A release on the engine that tests share.
pub(crate) fn shared(component: &[u8], config: &str) -> Release {
    shared_with(component, config, &limits())
}

/// As [`shared`], with other limits.
pub(crate) fn shared_with(component: &[u8], config: &str, limits: &Limits) -> Release {
    let bundle = ReleaseBundle::new(component.to_vec(), config).unwrap();
    validate(shared_engine(), &bundle, limits).unwrap_or_else(|error| panic!("{error}"))
}

/// As [`limits`], for guests whose events are not objects.
pub(crate) fn limits_of_any_json() -> Limits {
    Limits {
        lake_json: JsonProfile::Any,
        ..limits()
    }
}

/// The default limits except for time, because a busy machine must not decide an outcome.
pub(crate) fn limits() -> Limits {
    Limits {
        time: Duration::from_secs(3_600),
        ..Limits::default()
    }
}

pub(crate) fn rogue_by_batch() -> &'static Release {
    static RELEASE: OnceLock<Release> = OnceLock::new();
    RELEASE.get_or_init(|| shared(&rogue().by_batch, "{}"))
}

pub(crate) fn rogue_by_record() -> &'static Release {
    static RELEASE: OnceLock<Release> = OnceLock::new();
    RELEASE.get_or_init(|| shared(&rogue().by_record, "{}"))
}

pub(crate) fn rogue_by_fields() -> &'static Release {
    static RELEASE: OnceLock<Release> = OnceLock::new();
    RELEASE.get_or_init(|| shared(&rogue().by_fields, "{}"))
}

pub(crate) fn enrichment() -> &'static Release {
    static RELEASE: OnceLock<Release> = OnceLock::new();
    RELEASE.get_or_init(|| shared(ENRICH, "{}"))
}

/// An empty chunk for the records of [`batch`], with a bus.
pub(crate) fn chunk(max_partitions: usize) -> Chunk {
    let limits = Limits {
        partitions: max_partitions,
        ..Limits::default()
    };
    let pins = Pins {
        limits,
        format: Format::NDJSON,
        messages: Some(Messages::Events),
        ..Pins::default()
    };
    let rules = ChunkRules {
        shard: batch::<&str>(&[]).shard().clone(),
        pins,
        with_positions: false,
        table: None,
    };
    Chunk::new(rules, rogue_by_batch().id())
}

/// The content of a chunk's objects, by key.
pub(crate) fn contents(chunk: &Chunk) -> Vec<(String, String)> {
    let contents = chunk.destinations().map(|destination| {
        let object = chunk.encode(destination, Level::default());
        let text = String::from_utf8(object.unwrap().body).unwrap();
        (format!("{destination:?}"), text)
    });
    contents.collect()
}
