//! Slices run in the sandbox through the library, and what became of each record.

use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use sluice::chunk::{Chunk, ChunkRules};
use sluice::encode::{Format, Level};
use sluice::record::{Position, Record, SequenceNumber, ShardId, Slice};
use sluice::transform::ENRICH;
use sluice::transform::admit::{Refusal, Release, admit};
use sluice::transform::engine::engine;
use sluice::transform::limits::Limits;
use sluice::transform::outcome::{Routes, Transformed};
use sluice::transform::release::Offer;
use wasmtime::Engine;

use super::guests::rogue;

/// A sequence number that no slice of these tests has. Given as condemned, it makes a component go
/// record by record even where it has the quick way in.
const NOWHERE: u64 = u64::MAX;

/// What became of one record. A backtrace is left out: it differs by the way in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
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

impl Fate {
    /// The code of a rejection, or what else happened.
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

pub(crate) fn words(fates: &[Fate]) -> Vec<&str> {
    fates.iter().map(Fate::word).collect()
}

/// The fates of the records of a slice, and a check that the outcome is one: by rising record, each
/// record in one place, the count of the dropped right.
pub(crate) fn fates(slice: &Slice, outcome: &Transformed) -> Vec<Fate> {
    let mut fates = vec![Fate::Dropped; slice.len()];
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
        match &mut fates[event.record as usize] {
            Fate::Events(events) => events.push(landed),
            fate => *fate = Fate::Events(vec![landed]),
        }
    }
    for quarantined in &outcome.quarantined {
        let fate = &mut fates[quarantined.record as usize];
        assert_eq!(*fate, Fate::Dropped, "a rejected record has events");
        *fate = Fate::Rejected {
            code: quarantined.reason.code.to_string(),
            message: quarantined.reason.message.clone(),
        };
    }
    let dropped = fates.iter().filter(|fate| **fate == Fate::Dropped).count();
    assert_eq!(outcome.dropped, dropped as u64);
    fates
}

pub(crate) fn slice<R: AsRef<[u8]>>(records: &[R]) -> Slice {
    let mut slice = Slice::new(ShardId::new("shard").unwrap());
    let mut offset = 0;
    for record in records {
        let data = record.as_ref();
        slice.push(Record {
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
    slice
}

/// The way in that a component is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// What the host chooses.
    Usual,
    /// Record by record.
    Single,
}

impl Way {
    pub(crate) const BOTH: [Self; 2] = [Self::Usual, Self::Single];
}

pub(crate) fn run(release: &Release, records: &Slice, way: Way) -> Transformed {
    let condemned: &[Position] = match way {
        Way::Usual => &[],
        Way::Single => &[SequenceNumber::from(NOWHERE).into()],
    };
    release.run(records, condemned).unwrap()
}

/// The fates of records that hold these commands.
pub(crate) fn obeyed<R: AsRef<[u8]>>(release: &Release, way: Way, commands: &[R]) -> Vec<Fate> {
    let records = slice(commands);
    fates(&records, &run(release, &records, way))
}

pub(crate) fn offered(component: &[u8], config: &str, limits: &Limits) -> Result<Release, Refusal> {
    let engine = engine(limits, 2).unwrap();
    let offer = Offer::new(component.to_vec(), config).unwrap();
    admit(&engine, &offer, limits)
}

pub(crate) fn admitted(component: &[u8], config: &str, limits: &Limits) -> Release {
    offered(component, config, limits).unwrap_or_else(|refusal| panic!("{refusal}"))
}

/// An engine with the usual limits that tests share, because each reserves much address space.
pub(crate) fn shared_engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    let threads = thread::available_parallelism().map_or(16, |cores| 16.max(cores.get()));
    ENGINE.get_or_init(|| engine(&Limits::default(), threads).unwrap())
}

/// A release on the engine that tests share.
pub(crate) fn shared(component: &[u8], config: &str) -> Release {
    let offer = Offer::new(component.to_vec(), config).unwrap();
    admit(shared_engine(), &offer, &limits()).unwrap_or_else(|refusal| panic!("{refusal}"))
}

/// The usual limits, but for time: a busy machine must not judge a record.
pub(crate) fn limits() -> Limits {
    Limits {
        time: Duration::from_secs(3_600),
        ..Limits::default()
    }
}

pub(crate) fn rogue_by_slab() -> &'static Release {
    static RELEASE: OnceLock<Release> = OnceLock::new();
    RELEASE.get_or_init(|| shared(&rogue().by_slab, "{}"))
}

pub(crate) fn rogue_by_record() -> &'static Release {
    static RELEASE: OnceLock<Release> = OnceLock::new();
    RELEASE.get_or_init(|| shared(&rogue().by_record, "{}"))
}

pub(crate) fn enrichment() -> &'static Release {
    static RELEASE: OnceLock<Release> = OnceLock::new();
    RELEASE.get_or_init(|| shared(ENRICH, "{}"))
}

/// An empty chunk for the records of [`slice`], with a bus.
pub(crate) fn chunk(max_partitions: usize) -> Chunk {
    let rules = ChunkRules {
        shard: slice::<&str>(&[]).shard().clone(),
        with_messages: true,
        object_notifications: false,
        with_positions: false,
        max_partitions,
        max_message_bytes: None,
    };
    Chunk::new(rules, rogue_by_slab().id())
}

/// The content of a chunk's objects, each with its place.
pub(crate) fn contents(chunk: &Chunk) -> Vec<(String, String)> {
    let contents = chunk.destinations().map(|destination| {
        let object = chunk.encode(destination, Format::Plain, Level::default(), false);
        let text = String::from_utf8(object.unwrap().body).unwrap();
        (format!("{destination:?}"), text)
    });
    contents.collect()
}
