//! What was put into the stream, and what the bus has of it: a few bytes per record, whatever its
//! size.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::RangeInclusive;

use guest_enrich::Enrichment;
use serde_json::Value;
use sluice::ledger::misplaced_records::MisplacedRecords;
use sluice::source::aggregate::hash_key;
use sluice_engine::digest::Digest;
use sluice_transform::testing::Tester;

use super::chaos::{hash_keys, shards};
use super::parameters::Parameters;
use super::records::{Recipe, landing, line_of};
use crate::support::cloud::{Cloud, STREAM};
use crate::support::packs::Pack;
use testkit::sqs::Message;

/// Instead of a release: the record is misplaced and dropped.
pub(super) const DROPPED: u8 = u8::MAX;

/// A Kinesis record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Put {
    /// The last digits of its sequence number, which order the puts.
    pub(super) sequence: u64,
    pub(super) shard: u16,
    /// The number of its first user record among all records.
    pub(super) first: usize,
    pub(super) count: u32,
    /// How many of its user records are dropped.
    pub(super) dropped: u32,
}

/// The releases that can be active: the rules with the configuration of each, by the first eight digits of its id.
#[derive(Debug, Default)]
pub(super) struct Releases(pub(super) Vec<(String, Tester<Enrichment>)>);

impl Releases {
    /// The index of the release with this id, which is complete or its first eight digits.
    pub(super) fn index(&self, id: &str) -> usize {
        let found = self.0.iter().position(|(short, _)| id.starts_with(short));
        found.unwrap_or_else(|| panic!("nobody has published a release {id}"))
    }
}

/// All records, in the order of their puts.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) parameters: Parameters,
    pub(super) recipe: Recipe,
    /// The range of hash keys of each shard.
    ranges: BTreeMap<u16, RangeInclusive<u128>>,
    pub(super) puts: Vec<Put>,
    /// For each record, the release in its message: 1 for the first release, 0 without a message,
    /// or [`DROPPED`].
    pub(super) sent: Vec<u8>,
    /// How many are dropped.
    pub(super) dropped: u64,
    /// For each key, its group in a FIFO queue, and the last of its records that the queue has.
    groups: HashMap<String, (String, usize)>,
    /// How many of the other records are events.
    pub(super) events: u64,
    /// How many records have a message.
    pub(super) on_bus: u64,
    /// How many messages came, repeated ones included.
    pub(super) messages: u64,
    /// How many messages were repeated.
    pub(super) again: u64,
    /// The digest of each packed message, by its first event.
    packs: HashMap<usize, Digest>,
}

/// The records of a shard that are not dropped.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OfShard {
    pub(super) last: u64,
    pub(super) records: u64,
}

impl Account {
    pub(super) fn new(recipe: Recipe, parameters: Parameters) -> Self {
        Self {
            parameters,
            recipe,
            ranges: BTreeMap::new(),
            puts: Vec::new(),
            sent: Vec::new(),
            dropped: 0,
            groups: HashMap::new(),
            events: 0,
            on_bus: 0,
            messages: 0,
            again: 0,
            packs: HashMap::new(),
        }
    }

    /// The number of records that were put.
    pub(super) fn records(&self) -> u64 {
        self.sent.len() as u64
    }

    /// The number of events without a message.
    pub(super) fn backlog(&self) -> u64 {
        self.events - self.on_bus
    }

    /// The number of the next Kinesis record.
    pub(super) fn next_number(&self) -> u64 {
        self.puts.len() as u64
    }

    /// Notes where the next Kinesis record was put.
    pub(super) fn note(&mut self, cloud: &Cloud, shard: &str, sequence: &str) {
        let (number, first) = (self.next_number(), self.sent.len());
        let shard = shard_number(shard);
        if !self.ranges.contains_key(&shard) {
            let listed = shards(cloud).into_iter();
            let ranges = listed.map(|shard| (number_of(&shard), hash_keys(&shard)));
            self.ranges = ranges.collect();
        }
        let count = self.recipe.count(number);
        self.puts.push(Put {
            sequence: last_digits(sequence),
            shard,
            first,
            count,
            dropped: 0,
        });
        let mut dropped = 0;
        for place in 0..count {
            let drops = self.parameters.misplaced_records == MisplacedRecords::Drop
                && !self.belongs(number, place);
            self.sent.push(if drops { DROPPED } else { 0 });
            dropped += u32::from(drops);
            self.events += u64::from(!drops && self.recipe.is_event(number, place));
        }
        self.dropped += u64::from(dropped);
        self.puts.last_mut().unwrap().dropped = dropped;
    }

    /// Whether a record is in the shard to which its key belongs.
    fn belongs(&self, number: u64, place: u32) -> bool {
        let shard = self.put(number).shard;
        let key = self.recipe.key_at(number, place);
        self.ranges[&shard].contains(&hash_key(&key))
    }

    pub(super) fn put(&self, number: u64) -> Put {
        self.puts[usize::try_from(number).unwrap()]
    }

    /// The index of the record with this number and place; `None` if it was never put.
    pub(super) fn index(&self, number: u64, place: u32) -> Option<usize> {
        let put = self.puts.get(usize::try_from(number).ok()?)?;
        (place < put.count).then_some(put.first + place as usize)
    }

    /// The number and place of the record with this index.
    pub(super) fn number_and_place(&self, index: usize) -> (u64, u32) {
        let number = self.puts.partition_point(|put| put.first <= index) - 1;
        let place = index - self.puts[number].first;
        (number as u64, u32::try_from(place).unwrap())
    }

    /// The number and place of the record with this id; `None` if it was never put.
    pub(super) fn of_rid(&self, rid: &str) -> Option<(u64, u32)> {
        let mut parts = rid.split(':');
        let (shard, sequence, place) = (parts.next()?, parts.next()?, parts.next());
        let sequence = last_digits(sequence);
        let number = self
            .puts
            .binary_search_by_key(&sequence, |put| put.sequence);
        let (number, put) = (number.ok()?, self.puts[number.ok()?]);
        let shard = shard.strip_prefix(STREAM)?.strip_prefix('-')?;
        let place = place.map(str::parse).transpose().ok()?;
        // Of a record that is split into lines, even a single one has a place.
        let is_whole = put.count == 1 && !self.parameters.decodes;
        let fits = put.shard == shard_number(shard) && place.is_none() == is_whole;
        let place = place.unwrap_or(0);
        (fits && place < put.count).then_some((number as u64, place))
    }

    /// Checks a message: its events were put and equal what the rules make of them, and a repetition is by the same release.
    pub(super) fn take(&mut self, message: &Message, releases: &Releases) {
        let release = releases.index(message.attribute("release").unwrap());
        let pack = Pack::of(message);
        assert_eq!(pack.is_some(), self.parameters.packed, "{message:?}");
        let events = match pack {
            Some(pack) => self.packed(message, &pack, &releases.0[release].1),
            None => vec![self.single(message)],
        };
        let is_repeated = self.sent[events[0]] > 0;
        for index in events {
            self.take_event(message, index, u8::try_from(release + 1).unwrap());
        }
        self.messages += 1;
        self.again += u64::from(is_repeated);
    }

    /// The event of a message.
    fn single(&self, message: &Message) -> usize {
        let rid = message.attribute("rid").expect("a message has a rid");
        assert_eq!(message.attribute("event"), Some("0"), "{rid}");
        let (index, record) = self.of_message(rid);
        let line = line_of(&record).unwrap_or_else(|| panic!("a message of no event: {rid}"));
        assert!(message.body.as_bytes() == line, "{rid}: {}", message.body);
        index
    }

    /// The events of a packed message. It has all events that it had when it came before, and no others.
    fn packed(&mut self, message: &Message, pack: &Pack, rules: &Tester<Enrichment>) -> Vec<usize> {
        let mut events = Vec::new();
        for event in &pack.events {
            let (index, record) = self.of_message(&event.rid);
            let (partition, line) = landing(&record, rules).expect("an event");
            assert_eq!((event.event, &partition), (0, &pack.partition), "{pack:?}");
            assert!(event.body.get().as_bytes() == line, "{event:?}");
            events.push(index);
        }
        assert!(events.is_sorted(), "{pack:?}");
        let keys: BTreeSet<_> = events.iter().map(|index| self.key_of(*index)).collect();
        assert!(keys.len() == 1 || !self.parameters.fifo, "{keys:?}");
        let digest = Digest::of(message.body.as_bytes());
        let is_known = |index: &usize| self.sent[*index] > 0;
        match self.packs.insert(events[0], digest) {
            Some(before) => assert_eq!(before, digest, "packed otherwise before: {pack:?}"),
            None => assert!(!events.iter().any(is_known), "packed otherwise: {pack:?}"),
        }
        events
    }

    /// The index of the record of a message, and the record.
    fn of_message(&self, rid: &str) -> (usize, Vec<u8>) {
        let found = self.of_rid(rid);
        let (number, place) = found.unwrap_or_else(|| panic!("a message of no record: {rid}"));
        let index = self.index(number, place).unwrap();
        assert_ne!(self.sent[index], DROPPED, "{rid} is to be dropped");
        (index, self.recipe.record(number, place))
    }

    /// The partition key of the record with this index.
    fn key_of(&self, index: usize) -> String {
        let (number, place) = self.number_and_place(index);
        self.recipe.key_at(number, place)
    }

    fn take_event(&mut self, message: &Message, index: usize, release: u8) {
        if self.parameters.fifo {
            self.comes_in_order(message, index);
        }
        let sent = &mut self.sent[index];
        if *sent == 0 {
            *sent = release;
            self.on_bus += 1;
        } else {
            assert_eq!(*sent, release, "{index} came by two releases");
        }
    }

    /// A FIFO queue has a message once, and those of a key in the order of their puts, also across
    /// splits and merges. The order of a misplaced record is not defined.
    fn comes_in_order(&mut self, message: &Message, index: usize) {
        let (number, place) = self.number_and_place(index);
        assert_eq!(self.sent[index], 0, "{number}-{place} came again");
        let group = message.group.clone().expect("a message has a group");
        let key = self.recipe.key_at(number, place);
        let belongs = self.belongs(number, place);
        let first = (group.clone(), 0);
        let (known, last) = self.groups.entry(key).or_insert(first);
        assert_eq!(*known, group, "{number}-{place} is of another group");
        if belongs {
            assert!(index >= *last, "{number}-{place} came behind {last}");
            *last = index;
        }
    }

    /// The kept records of each shard, by the shard's number.
    pub(super) fn by_shard(&self) -> BTreeMap<u16, OfShard> {
        let mut shards: BTreeMap<_, OfShard> = BTreeMap::new();
        for put in self.puts.iter().filter(|put| put.count > put.dropped) {
            let shard = shards.entry(put.shard).or_default();
            shard.last = put.sequence;
            shard.records += u64::from(put.count - put.dropped);
        }
        shards
    }
}

/// The number of a shard in a response of `ListShards`.
fn number_of(shard: &Value) -> u16 {
    shard_number(shard["ShardId"].as_str().unwrap())
}

/// The number of a shard, which is the end of its id.
pub(super) fn shard_number(id: &str) -> u16 {
    id.rsplit_once('-').unwrap().1.parse().unwrap()
}

/// The last digits of a sequence number. The others are the same for the whole stream.
pub(super) fn last_digits(sequence: &str) -> u64 {
    sequence[sequence.len().saturating_sub(20)..]
        .parse()
        .unwrap()
}
