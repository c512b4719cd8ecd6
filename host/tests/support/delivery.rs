//! Checks that everything in a stream was delivered: each record is in one place of the lake, in
//! order, each event is on the bus, and the ledgers and chunk manifests are complete.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use serde_json::Value;
use sluice::source::aggregate::{Unpacked, unpack};

use super::cloud::{Cloud, STREAM};
use super::packs::Pack;
use super::{lake, manifests};
use testkit::kinesis::StoredRecord;
use testkit::sqs::Message;

/// A record that was put, alone or within an aggregate.
#[derive(Debug)]
struct Put {
    rid: String,
    key: String,
    /// The id of its event; `None` if the record is not an event.
    uuid: Option<String>,
    data: Vec<u8>,
}

/// The position of an event in the lake.
struct Found {
    folder: String,
    line: String,
}

impl Cloud {
    /// Asserts that everything in the stream was delivered and nothing is left to do.
    pub(crate) fn is_delivered(&self) {
        let puts = self.puts();
        self.lake_has_each_once_in_order(&puts);
        self.quarantine_is_exact(&puts);
        if self.queue.is_some() {
            self.bus_has_each_event(&puts);
        }
        self.ledgers_are_settled();
        manifests::are_complete(&self.lake());
    }

    /// Every record of the stream, in the order of puts.
    fn puts(&self) -> Vec<Put> {
        let mut stored = self.kinesis.records(STREAM);
        stored.sort_by(|a, b| a.sequence_number.cmp(&b.sequence_number));
        stored.into_iter().flat_map(unpacked).collect()
    }

    fn lake_has_each_once_in_order(&self, puts: &[Put]) {
        let places: HashMap<_, _> = puts
            .iter()
            .enumerate()
            .filter_map(|(place, put)| Some((put.uuid.as_deref()?, (place, put.key.as_str()))))
            .collect();
        let mut seen = BTreeSet::new();
        let mut last = HashMap::new();
        for found in self.found() {
            let uuid = uuid(found.line.as_bytes()).unwrap();
            let (place, key) = places[uuid.as_str()];
            assert!(seen.insert(place), "{uuid} landed twice");
            let before = last.insert((found.folder, key), place);
            assert!(
                before < Some(place),
                "{uuid} landed before what came before it"
            );
        }
        let lost: Vec<_> = places
            .values()
            .filter(|(place, _)| !seen.contains(place))
            .collect();
        assert!(lost.is_empty(), "lost: {lost:?}");
    }

    /// All events of the lake, by objects and lines.
    fn found(&self) -> Vec<Found> {
        let mut found = Vec::new();
        for (path, content) in lake::objects(&self.lake()) {
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            if !path.starts_with("_sluice/") {
                found.extend(content.lines().map(|line| Found {
                    folder: folder.to_owned(),
                    line: line.to_owned(),
                }));
            }
        }
        found
    }

    fn quarantine_is_exact(&self, puts: &[Put]) {
        let mut found: Vec<_> = lake::quarantine(&self.lake())
            .into_iter()
            .map(|record| (record.rid.clone(), record.bytes()))
            .collect();
        let quarantined = puts.iter().filter(|put| put.uuid.is_none());
        let mut expected: Vec<_> = quarantined
            .map(|put| (put.rid.clone(), put.data.clone()))
            .collect();
        found.sort_unstable();
        expected.sort_unstable();
        assert!(found == expected, "quarantine has {found:?}");
    }

    /// Messages can be repeated. All messages of an event equal the event in the lake.
    fn bus_has_each_event(&self, puts: &[Put]) {
        let lines: HashMap<_, _> = self
            .found()
            .into_iter()
            .map(|found| (uuid(found.line.as_bytes()).unwrap(), found.line))
            .collect();
        let queue = self.queue.as_deref().unwrap();
        let mut sent: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for message in self.sqs.messages(queue) {
            for (rid, event) in self.events_of(&message) {
                sent.entry(rid).or_default().insert(event);
            }
        }
        let events = puts
            .iter()
            .filter_map(|put| Some((put, put.uuid.as_ref()?)));
        let expected: BTreeMap<_, _> = events
            .map(|(put, uuid)| (put.rid.clone(), BTreeSet::from([lines[uuid].clone()])))
            .collect();
        assert!(sent == expected, "the bus has other messages: {sent:?}");
    }

    /// The events of a message, with the ids of their records.
    fn events_of(&self, message: &Message) -> Vec<(String, String)> {
        if let Some(pack) = Pack::of(message) {
            let events = pack.events.into_iter().map(|event| {
                assert_eq!(event.event, 0);
                (event.rid, event.body.get().to_owned())
            });
            return events.collect();
        }
        assert_eq!(message.attribute("event"), Some("0"));
        let rid = message.attribute("rid").unwrap().to_owned();
        let event = match message.attribute("pointer") {
            Some(_) => self.pointed_to(&message.body, &rid),
            None => message.body.clone(),
        };
        vec![(rid, event)]
    }

    /// The line of the lake to which a message points.
    pub(crate) fn pointed_to(&self, body: &str, rid: &str) -> String {
        let pointer: Value = serde_json::from_str(body).unwrap();
        assert_eq!(pointer["rid"], rid);
        let object = pointer["object"].as_str().unwrap();
        let path = object.strip_prefix("s3://bucket/lake/").unwrap();
        let stem = path.strip_suffix(".ndjson.zst").unwrap();
        let objects = lake::objects(&self.lake());
        let line = usize::try_from(pointer["line"].as_u64().unwrap()).unwrap();
        objects[stem].lines().nth(line).unwrap().to_owned()
    }

    /// Asserts that each shard is committed to its last record, has no owner, and is finished if it
    /// is closed.
    fn ledgers_are_settled(&self) {
        let mut by_shard: BTreeMap<_, Vec<StoredRecord>> = BTreeMap::new();
        for record in self.kinesis.records(STREAM) {
            by_shard
                .entry(record.shard.clone())
                .or_default()
                .push(record);
        }
        let closed = self.kinesis.closed_shards(STREAM);
        for (shard, records) in by_shard {
            let ledger = self.ledger(&shard);
            let last = records.last().unwrap().sequence_number.clone();
            let count: usize = records
                .into_iter()
                .map(|record| unpacked(record).len())
                .sum();
            assert_eq!(ledger["pending"], Value::Null, "{shard}");
            assert_eq!(ledger["lease"]["owner"], Value::Null, "{shard}");
            assert_eq!(ledger["committed"]["last"], last, "{shard}");
            assert_eq!(ledger["committed"]["records"], count, "{shard}");
            assert_eq!(
                ledger["finished"] == true,
                closed.contains(&shard),
                "{shard}"
            );
        }
    }
}

fn unpacked(record: StoredRecord) -> Vec<Put> {
    let rid = format!("{STREAM}-{}:{}", record.shard, record.sequence_number);
    let put = |rid: String, key: &str, data: &[u8]| Put {
        rid,
        key: key.to_owned(),
        uuid: uuid(data),
        data: data.to_owned(),
    };
    let data = Bytes::from(record.data);
    match unpack(&data) {
        Unpacked::Plain => vec![put(rid, &record.partition_key, &data)],
        Unpacked::Records(records) => {
            let records = records.iter().enumerate();
            records
                .map(|(sub, record)| {
                    put(format!("{rid}:{sub}"), &record.partition_key, &record.data)
                })
                .collect()
        }
    }
}

/// The id of an event.
fn uuid(data: &[u8]) -> Option<String> {
    let event: Value = serde_json::from_slice(data).ok()?;
    event["event_uuid"].as_str().map(str::to_owned)
}
