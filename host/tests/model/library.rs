//! Ledgers, objects and chunk manifests by number, which keeps states small. The program's own code
//! makes ledgers, and the keys of objects and manifests.

use std::cell::{Ref, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use sluice::format::Format;
use sluice::layout::Destination;
use sluice::layout::object_key::Origin;
use sluice::ledger::decoding::{RecordDecoding, RecordFormat};
use sluice::ledger::lease::Versioned;
use sluice::ledger::pins::Pins;
use sluice::ledger::resource_faults::ResourceFaults;
use sluice::ledger::{Ledger, Pending, Range};
use sluice_engine::digest::Digest;
use sluice_engine::outcome::{Fault, ReasonCode};
use sluice_engine::partition::PartitionPath;
use sluice_engine::record::{SequenceNumber, ShardId};
use sluice_release::bundle::ReleaseId;

use super::bugs::Bug;
use super::manifests::Manifest;
use super::state::{Doc, ManifestNumber, Obj, Plan, Records, in_source};

const FORMAT: Format = Format::NDJSON;

/// The format of objects with a schema.
const WITH_COLUMNS: Format = Format::PARQUET;

/// An object of the lake.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Object {
    pub(super) key: String,
    /// Its chunk.
    pub(super) chunk: Records,
    pub(super) release: u8,
    /// It decides the ids of its lines.
    pub(super) decoding: u8,
    /// The schema of its columns, if it has columns.
    pub(super) schema: Option<u8>,
    /// The records of its lines.
    pub(super) lines: Records,
    /// Differs between contents with the same lines.
    pub(super) chance: bool,
}

impl Object {
    /// Whether a put of one finds the other to be the same, if their names are equal: their schemas are not compared,
    /// because the digest in the metadata of an object in S3 is that of its lines.
    pub(super) fn has_content_of(&self, other: &Self) -> bool {
        let content = |of: &Self| (of.chunk, of.release, of.decoding, of.lines, of.chance);
        content(self) == content(other)
    }
}

/// Values by number.
struct Numbered<K, T> {
    numbers: HashMap<K, u16>,
    things: Vec<T>,
}

impl<K: Hash + Eq, T> Numbered<K, T> {
    fn new() -> Self {
        Self {
            numbers: HashMap::new(),
            things: Vec::new(),
        }
    }

    fn number(&mut self, key: K, thing: T) -> u16 {
        let next = u16::try_from(self.things.len()).unwrap();
        let things = &mut self.things;
        *self.numbers.entry(key).or_insert_with(|| {
            things.push(thing);
            next
        })
    }
}

/// All ledgers, objects and manifests of a search.
pub(super) struct Library {
    ledgers: RefCell<Numbered<Vec<u8>, Ledger>>,
    objects: RefCell<Numbered<Object, Object>>,
    manifests: RefCell<Numbered<Manifest, Manifest>>,
}

impl Library {
    pub(super) fn new() -> Self {
        Self {
            ledgers: RefCell::new(Numbered::new()),
            objects: RefCell::new(Numbered::new()),
            manifests: RefCell::new(Numbered::new()),
        }
    }

    pub(super) fn number(&self, ledger: &Ledger) -> Doc {
        let text = serde_json::to_vec(ledger).unwrap();
        Doc(self.ledgers.borrow_mut().number(text, ledger.clone()))
    }

    pub(super) fn ledger(&self, doc: Doc) -> Ref<'_, Ledger> {
        Ref::map(self.ledgers.borrow(), |all| &all.things[usize::from(doc.0)])
    }

    pub(super) fn object(&self, object: Obj) -> Ref<'_, Object> {
        Ref::map(self.objects.borrow(), |all| {
            &all.things[usize::from(object.0)]
        })
    }

    pub(super) fn manifest_of(&self, manifest: ManifestNumber) -> Ref<'_, Manifest> {
        Ref::map(self.manifests.borrow(), |all| {
            &all.things[usize::from(manifest.0)]
        })
    }

    /// The result of reading the ledger of a shard: a new one if there is none.
    pub(super) fn read(&self, shard: u8, stored: Option<Doc>) -> Versioned {
        let ledger = match stored {
            Some(doc) => self.ledger(doc).clone(),
            None => Ledger::new(shard_id(shard)),
        };
        let etag = stored.map(|doc| doc.0.to_string());
        Versioned { ledger, etag }
    }

    /// The version of an `ETag`.
    pub(super) fn version(etag: Option<&str>) -> Option<Doc> {
        etag.map(|etag| Doc(etag.parse().unwrap()))
    }

    /// Everything that a chunk puts into the lake.
    pub(super) fn objects(&self, shard: u8, plan: &Plan, bug: Option<Bug>) -> Vec<Obj> {
        let records = plan.decoded(bug);
        let destinations: BTreeSet<_> = records.iter().map(|r| destination(r, plan)).collect();
        let objects = destinations.into_iter().map(|to| {
            let lines = records.iter().filter(|r| destination(*r, plan) == to);
            Object {
                key: key(shard, plan, &to, bug),
                chunk: plan.records,
                release: plan.release,
                decoding: plan.decoding,
                schema: plan.schema.filter(|_| matches!(to, Destination::Lake(_))),
                lines: lines.map(Records::one).fold(Records(0), Records::and),
                chance: plan.again
                    && matches!(bug, Some(Bug::ChanceInRules | Bug::PutWithoutCondition)),
            }
        });
        let mut all = self.objects.borrow_mut();
        let objects = objects.map(|object| Obj(all.number(object.clone(), object)));
        objects.collect()
    }

    /// The manifest of a chunk that follows the record `after`.
    pub(super) fn manifest(
        &self,
        shard: u8,
        plan: &Plan,
        after: Option<u64>,
        bug: Option<Bug>,
    ) -> ManifestNumber {
        let origin = origin(shard, plan, range(plan, bug));
        let manifest = Manifest {
            key: origin.chunk().manifest_key(&origin.shard),
            shard,
            chunk: plan.records,
            release: plan.release,
            decoding: plan.decoding,
            schema: plan.schema,
            archive: plan.archive,
            timed_out: plan.timed_out,
            after,
            objects: self.objects(shard, plan, bug),
        };
        let mut all = self.manifests.borrow_mut();
        ManifestNumber(all.number(manifest.clone(), manifest))
    }
}

/// The shards: one, or a parent and its child.
pub(super) fn shard_id(shard: u8) -> ShardId {
    ShardId::new(&format!("shard-{shard}")).unwrap()
}

fn release_id(release: u8) -> ReleaseId {
    Digest::of(&[release])
}

fn schema_digest(schema: u8) -> Digest {
    Digest::of(&[b's', schema])
}

fn archive_name(archive: u8) -> String {
    format!("s3://archive-{archive}/")
}

fn format(plan: &Plan) -> Format {
    match plan.schema {
        None => FORMAT,
        Some(_) => WITH_COLUMNS,
    }
}

/// The outcome of a record; releases differ in it.
fn destination(record: u64, plan: &Plan) -> Destination {
    if plan.timed_out.has_all(Records::one(record)) {
        return Destination::Quarantine(ReasonCode::new("out_of_time").unwrap());
    }
    let (in_source, place) = in_source(record);
    let partition = (in_source + place + u64::from(plan.release)) % 2;
    let partition = partition.to_string();
    Destination::Lake(PartitionPath::from_pairs(&[("p", partition.as_str())]).unwrap())
}

fn key(shard: u8, plan: &Plan, to: &Destination, bug: Option<Bug>) -> String {
    let range = match bug {
        Some(Bug::KeyWithoutRange) => Range {
            first: 1.into(),
            last: 1.into(),
            count: 1,
        },
        _ => range(plan, bug),
    };
    origin(shard, plan, range).object_key(to, format(plan))
}

fn origin(shard: u8, plan: &Plan, range: Range) -> Origin {
    Origin {
        shard: shard_id(shard),
        range,
        release: release_id(plan.release),
    }
}

fn range(plan: &Plan, bug: Option<Bug>) -> Range {
    Range {
        first: plan.records.first().into(),
        last: plan.records.last().into(),
        count: plan.decoded(bug).count(),
    }
}

fn pins(plan: &Plan) -> Pins {
    let records = match plan.decoding {
        0 => RecordFormat::Json,
        _ => RecordFormat::Lines,
    };
    Pins {
        format: format(plan),
        decoding: RecordDecoding {
            format: records,
            ..RecordDecoding::default()
        },
        schema: plan.schema.map(schema_digest),
        archive: plan.archive.map(archive_name),
        ..Pins::default()
    }
}

/// The position of a record in a chunk that begins with the record `first` of the source.
fn position(record: u64, first: u64, decoding: u8) -> u64 {
    let (in_source, place) = in_source(record);
    (in_source - first) * (1 + u64::from(decoding)) + place
}

/// A chunk as the ledger pins it.
pub(super) fn pending(plan: &Plan, bug: Option<Bug>) -> Pending {
    let mut range = range(plan, bug);
    if bug == Some(Bug::RangeTooLong) {
        range.last = (plan.records.last() + 1).into();
    }
    let mut resource_faults = ResourceFaults::default();
    let position = |record| position(record, plan.records.first(), plan.decoding);
    let mut positions: Vec<_> = plan.timed_out.iter().map(position).collect();
    positions.sort_unstable();
    for position in positions {
        resource_faults.push(position, Fault::OutOfTime);
    }
    Pending {
        range,
        release: release_id(plan.release),
        pins: pins(plan),
        resource_faults,
    }
}

/// The chunk that a ledger has pinned, to be repeated.
pub(super) fn begun(pending: &Pending) -> Plan {
    let records = records(pending.range);
    let decoding = u8::from(pending.pins.decoding.splits());
    let has_timed_out = |record: &u64| {
        let position = position(*record, records.first(), decoding);
        pending.resource_faults.has(position, Fault::OutOfTime)
    };
    let decoded = records.decoded(decoding);
    let timed_out = decoded.iter().filter(has_timed_out).map(Records::one);
    Plan {
        records,
        release: u8::from(pending.release != release_id(0)),
        decoding,
        schema: schema_of(pending),
        archive: archive_of(pending),
        bus: 0,
        packing: 0,
        acknowledged: Records(0),
        timed_out: timed_out.fold(Records(0), Records::and),
        again: true,
        stage: 0,
        put: 0,
    }
}

/// The schema that a chunk has pinned.
pub(super) fn schema_of(pending: &Pending) -> Option<u8> {
    let schema = pending.pins.schema?;
    Some(u8::from(schema != schema_digest(0)))
}

/// The archive that a chunk has pinned.
pub(super) fn archive_of(pending: &Pending) -> Option<u8> {
    let archive = pending.pins.archive.as_ref()?;
    Some(u8::from(*archive != archive_name(0)))
}

pub(super) fn records(range: Range) -> Records {
    Records::range(number(range.first), number(range.last))
}

pub(super) fn number(sequence: SequenceNumber) -> u64 {
    sequence.as_offset().unwrap()
}

/// The records up to the last committed one, of a shard whose first is `first`.
pub(super) fn committed(ledger: &Ledger, first: u64) -> Records {
    let last = ledger.committed().map(|done| number(done.last));
    last.map_or(Records(0), |last| Records::range(first, last))
}
