//! The checks at the end: each record is in one place of the lake, each event is on the bus, each
//! ledger is complete, and the chunk manifests say what the lake has. Objects are read one after the
//! other, so that a lake of any size can be checked.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;
use sluice::format::decode;
use sluice::format::parquet::TableSchema;
use sluice::layout::object_key::{ChunkName, ParsedKey};
use sluice_engine::digest::Digest;
use sluice_engine::record::SequenceNumber;

use super::account::{Account, DROPPED, OfShard, Releases, last_digits, shard_number};
use super::chaos::shards;
use super::records::{landing, line_of_redriven, number_and_place};
use super::redrives::is_redrive;
use crate::support::cloud::{Cloud, STREAM};
use crate::support::lake::{self, Quarantined};
use crate::support::manifests::{self, Contents};

const QUARANTINE: &str = "_sluice/quarantine/reason=";

/// The reason of a record that exceeded the time limit, as can happen in a worker that was frozen.
pub(super) const OUT_OF_TIME: &str = "out_of_time";

/// The shards whose ledgers are not complete: all records committed, nothing pending, and finished
/// if the shard is closed. With `free`, a shard must also have no owner. Functions neither own
/// shards nor notice their ends.
pub(super) fn unsettled(cloud: &Cloud, account: &Account, free: bool) -> Vec<String> {
    let functions = account.parameters.functions;
    let held = account.by_shard();
    let mut unsettled = Vec::new();
    for shard in shards(cloud) {
        let id = shard["ShardId"].as_str().unwrap();
        let closed = !shard["SequenceNumberRange"]["EndingSequenceNumber"].is_null();
        let held = held.get(&shard_number(id)).copied();
        let Some(ledger) = ledger(cloud, id) else {
            if held.is_some() || (closed && !functions) {
                unsettled.push(id.to_owned());
            }
            continue;
        };
        let finished = (ledger["finished"] == true) == closed;
        let is_free = !free || ledger["lease"]["owner"].is_null();
        let at_end = functions || finished && is_free;
        if !(at_end && is_done(&ledger, held)) {
            unsettled.push(id.to_owned());
        }
    }
    unsettled
}

fn ledger(cloud: &Cloud, shard: &str) -> Option<Value> {
    let path = format!("_sluice/ledger/{STREAM}-{shard}.json");
    let ledger = fs::read(cloud.lake().join(path)).ok()?;
    Some(serde_json::from_slice(&ledger).unwrap())
}

/// Whether a shard's records are committed and nothing is pending.
fn is_done(ledger: &Value, held: Option<OfShard>) -> bool {
    let committed = &ledger["committed"];
    let all = match held {
        None => committed.is_null(),
        Some(held) => {
            committed["last"].as_str().map(last_digits) == Some(held.last)
                && committed["records"] == held.records
        }
    };
    all && ledger["pending"].is_null()
}

/// The content of the lake.
#[derive(Debug)]
pub(super) struct Lake<'a> {
    pub(super) account: &'a Account,
    pub(super) releases: &'a Releases,
    /// The place of each record: none, lake or quarantine.
    places: Vec<Place>,
    pub(super) chunks: BTreeSet<(String, ChunkName)>,
    /// The schemas of the lake, and those that the objects of each chunk name.
    pub(super) schemas: Vec<TableSchema>,
    pub(super) schemas_of_chunks: BTreeMap<(String, ChunkName), BTreeSet<Digest>>,
    /// What each object holds, until the manifests are checked.
    pub(super) contents: Contents,
    pub(super) objects: usize,
    pub(super) events: u64,
    /// Records whose newest place is in quarantine.
    pub(super) quarantined: u64,
    pub(super) out_of_time: u64,
    /// Events that redrives have made.
    pub(super) redriven: u64,
    /// The records that each redrive has quarantined again.
    again: BTreeSet<(String, usize)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Nowhere,
    Lake,
    Quarantine,
    /// An event that a redrive has made, before its old place was read.
    New,
    /// An event that a redrive has made of a record in quarantine.
    Redriven,
}

impl Place {
    /// The place of a record that is found in another one too; `None` if it cannot be in both.
    fn and(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Nowhere, other) => Some(other),
            (Self::Quarantine, Self::New) | (Self::New, Self::Quarantine) => Some(Self::Redriven),
            _ => None,
        }
    }
}

impl<'a> Lake<'a> {
    /// Reads a lake. Panics if something is wrong or missing.
    pub(super) fn read(cloud: &Cloud, account: &'a Account, releases: &'a Releases) -> Self {
        let root = cloud.lake();
        let mut lake = Self {
            account,
            releases,
            places: vec![Place::Nowhere; account.sent.len()],
            chunks: BTreeSet::new(),
            schemas: lake::schemas(&root),
            schemas_of_chunks: BTreeMap::new(),
            contents: Contents::new(),
            objects: 0,
            events: 0,
            quarantined: 0,
            out_of_time: 0,
            redriven: 0,
            again: BTreeSet::new(),
        };
        let mut folders = vec![String::new()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(root.join(&folder)).unwrap() {
                let entry = entry.unwrap();
                let path = format!("{folder}{}", entry.file_name().to_str().unwrap());
                if entry.file_type().unwrap().is_dir() {
                    folders.push(format!("{path}/"));
                } else if !path.starts_with("_sluice/") || path.starts_with(QUARANTINE) {
                    lake.object(&root, &path);
                }
            }
        }
        lake.quarantined -= lake.redriven;
        lake.assert_complete();
        lake.check_manifests(&root);
        lake
    }

    fn object(&mut self, root: &Path, path: &str) {
        let key = ParsedKey::parse(path).unwrap_or_else(|| panic!("a foreign object: {path}"));
        let object = fs::read(root.join(path)).unwrap();
        let content = match key.format.has_lines() {
            true => decode(key.format, &object).unwrap(),
            false => self.lines_of_rows(&key, path, &object),
        };
        let content = String::from_utf8(content).unwrap();
        let mut last = None;
        for line in content.lines() {
            let index = match key.folder.strip_prefix(QUARANTINE) {
                None => self.event(&key, line),
                Some(reason) => self.rejection(&key, reason, line),
            };
            // Those of a redrive are in the order of its list.
            let in_order = last < Some(index) || is_redrive(key.shard.as_str());
            assert!(in_order, "{path}: a record before its time: {line}");
            last = Some(index);
        }
        assert!(last.is_some(), "{path} is empty");
        let holds = manifests::content(path, content.as_bytes());
        self.contents.insert(path.to_owned(), holds);
        self.objects += 1;
        self.chunks.insert((key.shard.to_string(), key.chunk));
    }

    /// Checks an event: its partition and its bytes are what the rules make.
    fn event(&mut self, key: &ParsedKey<'_>, line: &str) -> usize {
        let uuid = line.strip_prefix(r#"{"event_uuid":""#);
        let uuid = uuid.and_then(|rest| rest.split('"').next());
        let found = uuid.and_then(number_and_place);
        let (number, place) = found.unwrap_or_else(|| panic!("no event of ours: {line}"));
        let record = self.account.recipe.record(number, place);
        if is_redrive(key.shard.as_str()) {
            let expected = line_of_redriven(&record);
            let is_expected = key.folder.is_empty() && expected.as_deref() == Some(line.as_bytes());
            assert!(is_expected, "{}: {line}", key.folder);
            let index = self.lands(key, number, place, Place::New);
            assert_eq!(self.account.sent[index], 0, "on the bus too: {line}");
            (self.events, self.redriven) = (self.events + 1, self.redriven + 1);
            return index;
        }
        let release = self.releases.index(&key.chunk.release.to_string());
        let expected = landing(&record, &self.releases.0[release].1);
        let found = (key.folder.to_owned(), line.as_bytes().to_owned());
        assert!(expected == Some(found), "{}: {line}", key.folder);
        let index = self.lands(key, number, place, Place::Lake);
        let sent = usize::from(self.account.sent[index]);
        assert_eq!(sent, release + 1, "another release sent {number}-{place}");
        self.events += 1;
        index
    }

    /// Checks a record in quarantine: it is not an event, or it ran out of time.
    fn rejection(&mut self, key: &ParsedKey<'_>, reason: &str, line: &str) -> usize {
        let line: Quarantined = serde_json::from_str(line).unwrap();
        let found = self.account.of_rid(&line.rid);
        let (number, place) = found.unwrap_or_else(|| panic!("of no record: {line:?}"));
        assert_eq!(line.reason, reason);
        assert_eq!(line.bytes(), self.account.recipe.record(number, place));
        let event = self.account.recipe.is_event(number, place);
        assert!(!event || reason == OUT_OF_TIME, "{line:?}");
        if is_redrive(key.shard.as_str()) {
            let index = self.account.index(number, place).unwrap();
            let is_new = self.again.insert((key.shard.to_string(), index));
            assert!(is_new, "twice by a redrive: {line:?}");
            return index;
        }
        let index = self.lands(key, number, place, Place::Quarantine);
        assert_eq!(self.account.sent[index], 0, "on the bus too: {line:?}");
        self.quarantined += 1;
        self.out_of_time += u64::from(reason == OUT_OF_TIME);
        index
    }

    /// Notes the place of a record, which must have no other place, and be in an object of its own
    /// range.
    fn lands(&mut self, key: &ParsedKey<'_>, number: u64, place: u32, there: Place) -> usize {
        let index = self.account.index(number, place);
        let index = index.unwrap_or_else(|| panic!("nobody put {number}-{place}"));
        let put = self.account.put(number);
        let range = [key.chunk.first, key.chunk.last].map(digits);
        let within = there == Place::New
            || shard_number(key.shard.as_str()) == put.shard
                && (range[0]..=range[1]).contains(&put.sequence);
        assert!(within, "{number}-{place} is in an object of other records");
        assert_ne!(
            self.account.sent[index], DROPPED,
            "{number}-{place} is misplaced"
        );
        let both = self.places[index].and(there);
        let both = both.unwrap_or_else(|| panic!("{number}-{place} landed twice"));
        self.places[index] = both;
        index
    }

    /// Checks that nothing is missing, and that no two chunks have a record in common.
    fn assert_complete(&self) {
        let places = self.places.iter().zip(&self.account.sent).enumerate();
        let lost =
            places.filter(|(_, (place, sent))| **place == Place::Nowhere && **sent != DROPPED);
        let lost: Vec<_> = lost.map(|(index, _)| self.describe_record(index)).collect();
        let first = &lost[..lost.len().min(10)];
        assert!(
            lost.is_empty(),
            "{} records are lost: {first:?}",
            lost.len()
        );
        let new = self.places.iter().position(|place| *place == Place::New);
        let new = new.map(|index| self.describe_record(index));
        assert_eq!(new, None, "redriven, and was never in quarantine");
        for (redrive, index) in &self.again {
            let was = matches!(self.places[*index], Place::Quarantine | Place::Redriven);
            let record = self.describe_record(*index);
            assert!(was, "{redrive}: {record} was never in quarantine");
        }
        let mut ends: BTreeMap<&str, SequenceNumber> = BTreeMap::new();
        for (shard, chunk) in &self.chunks {
            let before = ends.insert(shard, chunk.last);
            assert!(
                before < Some(chunk.first),
                "two chunks of {shard} at {chunk:?}"
            );
        }
        let by_run = self.events - self.redriven;
        assert_eq!(self.account.on_bus, by_run, "the bus has other events");
    }

    /// Describes the record with this index, for people.
    fn describe_record(&self, index: usize) -> String {
        let (number, place) = self.account.number_and_place(index);
        let put = self.account.put(number);
        format!(
            "{number}-{place} of shard {} at {}",
            put.shard, put.sequence
        )
    }

    /// Whether the record with this index is an event of the lake.
    #[cfg(feature = "table")]
    pub(super) fn has_event(&self, index: usize) -> bool {
        matches!(self.places[index], Place::Lake | Place::Redriven)
    }

    pub(super) fn chunks(&self) -> usize {
        self.chunks.len()
    }
}

fn digits(number: SequenceNumber) -> u64 {
    last_digits(&number.to_string())
}
