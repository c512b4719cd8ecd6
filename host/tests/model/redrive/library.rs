//! Lists, quarantine objects, outcomes and manifests by number, which keeps states small. The program's own code makes
//! the keys.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::Hash;
use std::rc::Rc;

use sluice::format::Format;
use sluice::layout::Destination;
use sluice::layout::object_key::Origin;
use sluice::ledger::lease::Versioned;
use sluice::ledger::pins::Pins;
use sluice::ledger::resource_faults::ResourceFaults;
use sluice::ledger::{Ledger, Pending, Range};
use sluice_engine::digest::Digest;
use sluice_engine::outcome::ReasonCode;
use sluice_engine::partition::PartitionPath;
use sluice_engine::record::ShardId;
use sluice_release::bundle::ReleaseId;

use super::state::{Lines, List, ManifestNumber, Outcome, Plan, Source};
use crate::model::library::Library as Ledgers;
use crate::model::state::{Doc, Records};

const FORMAT: Format = Format::NDJSON;

/// A record in a quarantine object, as a process has read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Line {
    pub(super) source: Source,
    pub(super) record: u64,
    /// Whether its bytes are other ones than those that were quarantined.
    pub(super) is_damaged: bool,
}

/// A quarantine object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Quarantined {
    pub(super) key: String,
    pub(super) records: Vec<u64>,
}

/// An object that a redrive puts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct OutcomeObject {
    pub(super) key: String,
    pub(super) redrive: u8,
    /// Whether its records have become events. Otherwise they are quarantined again.
    pub(super) is_event: bool,
    pub(super) lines: Vec<Line>,
}

/// A chunk manifest of a redrive.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Manifest {
    pub(super) key: String,
    pub(super) redrive: u8,
    pub(super) ordinals: Records,
    pub(super) lines: Lines,
    pub(super) outcomes: Vec<Outcome>,
}

/// The number of each value, and the values by number.
type Numbers<T> = (HashMap<Rc<T>, u16>, Vec<Rc<T>>);

/// Values by number.
struct Numbered<T>(RefCell<Numbers<T>>);

impl<T: Hash + Eq> Numbered<T> {
    fn new() -> Self {
        Self(RefCell::new((HashMap::new(), Vec::new())))
    }

    fn number(&self, thing: T) -> u16 {
        let (numbers, things) = &mut *self.0.borrow_mut();
        let next = u16::try_from(things.len()).unwrap();
        let thing = Rc::new(thing);
        *numbers.entry(thing).or_insert_with_key(|thing| {
            things.push(thing.clone());
            next
        })
    }

    fn get(&self, number: u16) -> Rc<T> {
        self.0.borrow().1[usize::from(number)].clone()
    }
}

/// All of a search.
pub(super) struct Library {
    pub(super) ledgers: Ledgers,
    sources: Numbered<Quarantined>,
    lists: Numbered<Vec<Source>>,
    lines: Numbered<Vec<Line>>,
    outcomes: Numbered<OutcomeObject>,
    manifests: Numbered<Manifest>,
}

impl Library {
    /// A library with the quarantine objects of the run, by the records that they have.
    pub(super) fn new(run: &[u64]) -> Self {
        let library = Self {
            ledgers: Ledgers::new(),
            sources: Numbered::new(),
            lists: Numbered::new(),
            lines: Numbered::new(),
            outcomes: Numbered::new(),
            manifests: Numbered::new(),
        };
        let mut first = 1;
        for count in run {
            library.sources.number(Quarantined {
                key: format!("run-{first}"),
                records: (first..first + count).collect(),
            });
            first += count;
        }
        library
    }

    pub(super) fn source(&self, source: Source) -> Rc<Quarantined> {
        self.sources.get(source.0)
    }

    pub(super) fn list(&self, list: List) -> Rc<Vec<Source>> {
        self.lists.get(list.0)
    }

    pub(super) fn lines(&self, lines: Lines) -> Rc<Vec<Line>> {
        self.lines.get(lines.0)
    }

    pub(super) fn outcome(&self, outcome: Outcome) -> Rc<OutcomeObject> {
        self.outcomes.get(outcome.0)
    }

    pub(super) fn manifest(&self, manifest: ManifestNumber) -> Rc<Manifest> {
        self.manifests.get(manifest.0)
    }

    pub(super) fn number_list(&self, list: Vec<Source>) -> List {
        List(self.lists.number(list))
    }

    pub(super) fn number_lines(&self, lines: Vec<Line>) -> Lines {
        Lines(self.lines.number(lines))
    }

    /// The quarantine object that an outcome is, if it is one.
    pub(super) fn quarantined_again(&self, outcome: Outcome) -> Option<Source> {
        let outcome = self.outcome(outcome);
        let records = outcome.lines.iter().map(|line| line.record).collect();
        let key = outcome.key.clone();
        let number = || Source(self.sources.number(Quarantined { key, records }));
        (!outcome.is_event).then(number)
    }

    /// The ledger of a redrive as it is read: a new one if there is none.
    pub(super) fn read(&self, redrive: u8, stored: Option<Doc>) -> Versioned {
        let ledger = match stored {
            Some(doc) => self.ledgers.ledger(doc).clone(),
            None => Ledger::new(shard_id(redrive)),
        };
        let etag = stored.map(|doc| doc.0.to_string());
        Versioned { ledger, etag }
    }

    /// Everything that a chunk puts into the lake and the quarantine.
    pub(super) fn outcomes(&self, redrive: u8, plan: &Plan) -> Vec<Outcome> {
        let lines = self.lines(plan.lines);
        let outcomes = [true, false].into_iter().map(|is_event| {
            let is_here = |line: &&Line| lands(line.record, plan.release) == is_event;
            OutcomeObject {
                key: key(redrive, plan, is_event),
                redrive,
                is_event,
                lines: lines.iter().filter(is_here).copied().collect(),
            }
        });
        let outcomes = outcomes.filter(|outcome| !outcome.lines.is_empty());
        outcomes
            .map(|outcome| Outcome(self.outcomes.number(outcome)))
            .collect()
    }

    pub(super) fn number_manifest(&self, redrive: u8, plan: &Plan) -> ManifestNumber {
        let origin = origin(redrive, plan);
        ManifestNumber(self.manifests.number(Manifest {
            key: origin.chunk().manifest_key(&origin.shard),
            redrive,
            ordinals: plan.ordinals,
            lines: plan.lines,
            outcomes: self.outcomes(redrive, plan),
        }))
    }
}

fn shard_id(redrive: u8) -> ShardId {
    ShardId::new(&format!("redrive-{redrive}")).unwrap()
}

fn release_id(release: u8) -> ReleaseId {
    Digest::of(&[release])
}

/// Whether a record becomes an event by a release. Releases differ in it.
fn lands(record: u64, release: u8) -> bool {
    (record + u64::from(release)) % 2 == 1
}

fn origin(redrive: u8, plan: &Plan) -> Origin {
    Origin {
        shard: shard_id(redrive),
        range: range(plan.ordinals),
        release: release_id(plan.release),
    }
}

fn key(redrive: u8, plan: &Plan, is_event: bool) -> String {
    let to = match is_event {
        true => Destination::Lake(PartitionPath::from_pairs(&[("p", "0")]).unwrap()),
        false => Destination::Quarantine(ReasonCode::new("again").unwrap()),
    };
    origin(redrive, plan).object_key(&to, FORMAT)
}

/// The range of a chunk: what ledgers and names have of its ordinals.
pub(super) fn range(ordinals: Records) -> Range {
    Range {
        first: ordinals.first().into(),
        last: ordinals.last().into(),
        count: ordinals.count(),
    }
}

/// A chunk as the ledger pins it.
pub(super) fn pending(plan: &Plan) -> Pending {
    Pending {
        range: range(plan.ordinals),
        release: release_id(plan.release),
        pins: Pins {
            format: FORMAT,
            ..Pins::default()
        },
        resource_faults: ResourceFaults::default(),
    }
}

/// The release that a pending range has pinned.
pub(super) fn pinned_release(pending: &Pending) -> u8 {
    u8::from(pending.release != release_id(0))
}

/// The ordinals from the first to the last one of a range.
pub(super) fn span(range: Range) -> Records {
    let number = |ordinal: sluice_engine::record::SequenceNumber| ordinal.as_offset().unwrap();
    Records::range(number(range.first), number(range.last))
}

/// The first ordinal after the committed ones.
pub(super) fn next_ordinal(ledger: &Ledger) -> u64 {
    let last = ledger.committed().map(|done| done.last);
    last.map_or(0, |last| last.as_offset().unwrap() + 1)
}
