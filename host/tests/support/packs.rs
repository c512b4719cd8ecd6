//! Packed messages, as consumers read them.

use serde::Deserialize;
use serde_json::value::RawValue;
use testkit::sqs::Message;

/// The body of a packed message, and a line of a bus in a folder. Unknown fields are errors.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pack {
    pub(crate) partition: String,
    pub(crate) release: String,
    pub(crate) count: usize,
    pub(crate) first: String,
    pub(crate) last: String,
    pub(crate) events: Vec<PackedEvent>,
}

/// An event of a packed message.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PackedEvent {
    pub(crate) rid: String,
    pub(crate) event: u32,
    pub(crate) body: Box<RawValue>,
}

impl Pack {
    /// Parses the body of a message, and checks what it says about its events.
    pub(crate) fn parse(body: &str) -> Self {
        let pack: Self = serde_json::from_str(body).unwrap_or_else(|why| panic!("{why}: {body}"));
        assert_eq!(pack.count, pack.events.len(), "{body}");
        let ends = [pack.events.first(), pack.events.last()];
        let ends = ends.map(|event| event.expect("an event").rid.as_str());
        assert_eq!(ends, [&pack.first, &pack.last], "{body}");
        pack
    }

    /// The pack of a message of SQS, with the attributes that belong to it; `None` if it is a message of one event.
    pub(crate) fn of(message: &Message) -> Option<Self> {
        assert_eq!(message.attribute("packed")?, "true");
        let pack = Self::parse(&message.body);
        let attribute = |name| message.attribute(name);
        assert_eq!(attribute("count"), Some(pack.count.to_string().as_str()));
        assert_eq!(attribute("release"), Some(pack.release.as_str()));
        let mut columns = pack.partition.split('/');
        let event_type = columns.find_map(|column| column.strip_prefix("event_type="));
        assert_eq!(attribute("event_type"), event_type);
        for of_one_event in ["rid", "event", "pointer"] {
            assert_eq!(attribute(of_one_event), None, "{of_one_event}");
        }
        Some(pack)
    }
}

/// The size of a message that counts for limits: its body, and the names, types and values of its attributes.
pub(crate) fn bytes(message: &Message) -> usize {
    let attributes = message.attributes.iter().map(|(name, attribute)| {
        let value = message.attribute(name).unwrap_or_default();
        name.len() + attribute.data_type.len() + value.len()
    });
    message.body.len() + attributes.sum::<usize>()
}
