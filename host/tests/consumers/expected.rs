//! What a consumer must find: each event of the lake, with the id of its record.

use std::collections::{BTreeMap, HashMap};

use super::bus::events::Event;
use super::{Cloud, STREAM};
use crate::support::cloud::uuid;
use crate::support::lake;

/// What the lake has of each record.
pub(super) struct Expected {
    /// The partition and the line of the event, by the id of the record.
    events: BTreeMap<String, (String, String)>,
    /// The ids of records by partition key, in the order of the stream.
    keys: BTreeMap<String, Vec<String>>,
}

impl Expected {
    /// All events of the lake, each of a record of the stream.
    pub(super) fn of(cloud: &Cloud) -> Self {
        let mut lines = HashMap::new();
        for (partition, of_partition) in lake::events(&cloud.lake()) {
            for line in of_partition {
                lines.insert(uuid(line.as_bytes()), (partition.clone(), line));
            }
        }
        let mut records = cloud.kinesis.records(STREAM);
        records.sort_by(|a, b| a.sequence_number.cmp(&b.sequence_number));
        let (mut events, mut keys) = (BTreeMap::new(), BTreeMap::<_, Vec<_>>::new());
        for record in records {
            let rid = format!("{STREAM}-{}:{}", record.shard, record.sequence_number);
            let event = lines.remove(&uuid(&record.data)).unwrap();
            keys.entry(record.partition_key)
                .or_default()
                .push(rid.clone());
            events.insert(rid, event);
        }
        assert!(lines.is_empty(), "of no record: {lines:?}");
        Self { events, keys }
    }

    pub(super) fn count(&self) -> u64 {
        self.events.len() as u64
    }

    /// Asserts that these are all events, each once and as the lake has it.
    pub(super) fn is(&self, found: &[Event]) {
        let mut by_rid = BTreeMap::new();
        for event in found {
            assert_eq!(event.event, 0, "{event:?}");
            let content = (event.partition.clone(), event.body.clone());
            let before = by_rid.insert(event.rid.clone(), content);
            assert_eq!(before, None, "{} twice", event.rid);
        }
        let lost = self.events.keys().find(|rid| !by_rid.contains_key(*rid));
        assert_eq!(lost, None, "lost");
        assert!(by_rid == self.events, "other events than those of the lake");
    }

    /// Asserts that the events of each partition key are in the order of the stream.
    pub(super) fn is_in_order(&self, found: &[Event]) {
        let places: HashMap<_, _> = (0..).zip(found).map(|(n, e)| (e.rid.as_str(), n)).collect();
        for (key, rids) in &self.keys {
            let places: Vec<usize> = rids.iter().map(|rid| places[rid.as_str()]).collect();
            assert!(places.is_sorted(), "{key}: {places:?}");
        }
    }
}
