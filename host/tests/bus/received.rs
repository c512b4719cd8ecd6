//! What a queue has accepted, as a consumer reads it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use testkit::sqs::{Attribute, Message};

use crate::support::cloud::{Cloud, STREAM};
use crate::support::lake;
use crate::support::packs::{self, Pack};

/// The id of an event: that of its record, and its number among the events of the record.
type EventId = (String, u32);

/// All messages that a queue has accepted, in order.
pub(super) struct Received {
    pub(super) messages: Vec<Message>,
}

/// What is equal in all repetitions of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Content<'a> {
    body: &'a str,
    attributes: &'a BTreeMap<String, Attribute>,
    group: Option<&'a str>,
    deduplication_id: Option<&'a str>,
}

impl<'a> Content<'a> {
    fn of(message: &'a Message) -> Self {
        Self {
            body: &message.body,
            attributes: &message.attributes,
            group: message.group.as_deref(),
            deduplication_id: message.deduplication_id.as_deref(),
        }
    }
}

/// The events of a message. A pointer stands for its event.
pub(super) fn events_of(message: &Message) -> Vec<(EventId, String)> {
    if let Some(pack) = Pack::of(message) {
        let events = pack.events.into_iter();
        let event = events.map(|event| ((event.rid, event.event), event.body.get().to_owned()));
        return event.collect();
    }
    let rid = message.attribute("rid").expect("a rid").to_owned();
    let event = message.attribute("event").expect("an event");
    vec![((rid, event.parse().unwrap()), message.body.clone())]
}

/// The records of the stream by their ids: their keys, and their places in the stream.
fn places(cloud: &Cloud) -> HashMap<String, (String, usize)> {
    let mut records = cloud.kinesis.records(STREAM);
    records.sort_by(|a, b| a.sequence_number.cmp(&b.sequence_number));
    let places = records.into_iter().enumerate().map(|(place, record)| {
        let rid = format!("{STREAM}-{}:{}", record.shard, record.sequence_number);
        (rid, (record.partition_key, place))
    });
    places.collect()
}

impl Received {
    pub(super) fn of(cloud: &Cloud) -> Self {
        let messages = cloud.sqs.messages(cloud.queue.as_deref().unwrap());
        Self { messages }
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    /// Asserts that all messages with an event are equal: body, attributes, group and deduplication id. Returns the number of
    /// messages without repetitions.
    pub(super) fn repetitions_are_equal(&self) -> usize {
        let (mut first, mut different) = (HashMap::new(), 0);
        for message in &self.messages {
            let content = Content::of(message);
            let mut is_new = false;
            for (event, _) in events_of(message) {
                let known = first.entry(event).or_insert_with(|| {
                    is_new = true;
                    content
                });
                assert!(*known == content, "{content:?} was {known:?} before");
            }
            different += usize::from(is_new);
        }
        different
    }

    /// Asserts that each event of the lake has a message, and that there are no others.
    pub(super) fn have_events_of_lake(&self, cloud: &Cloud) {
        let events: BTreeMap<_, _> = self.messages.iter().flat_map(events_of).collect();
        let mut events: Vec<_> = events.into_values().collect();
        events.sort_unstable();
        let expected = lake::all_events(&cloud.lake());
        assert_eq!(events.len(), expected.len());
        assert!(events == expected, "the bus has other events than the lake");
    }

    /// Asserts that the events of each key have a group of their own, and came first in the order of the stream.
    pub(super) fn first_ones_are_in_order(&self, cloud: &Cloud) {
        let places = places(cloud);
        let (mut seen, mut last, mut groups) = (HashSet::new(), HashMap::new(), BTreeMap::new());
        for message in &self.messages {
            let group = message.group.as_deref().expect("a group");
            for (event, _) in events_of(message) {
                let (key, place) = &places[&event.0];
                assert_eq!(*groups.entry(key).or_insert(group), group, "{key}");
                if seen.insert(event) {
                    let before = last.insert(key, place);
                    assert!(
                        before < Some(place),
                        "{key}: {place} came behind {before:?}"
                    );
                }
            }
        }
        let different: BTreeSet<_> = groups.values().collect();
        assert_eq!(different.len(), groups.len(), "two keys have one group");
    }

    /// The size of the largest message, bytes with its attributes.
    pub(super) fn largest(&self) -> usize {
        self.messages.iter().map(packs::bytes).max().unwrap()
    }
}
