//! What a chunk pins besides its range, its release and its resource faults.

use serde::{Deserialize, Serialize};
use sluice_engine::digest::Digest;
use sluice_engine::limits::Limits;

use crate::format::Format;
use crate::ledger::decoding::RecordDecoding;
use crate::ledger::messages::{MessageRules, Messages};
use crate::ledger::misplaced_records::MisplacedRecords;

/// The settings that decide an outcome or a byte of a chunk. A repetition uses these, whatever it is started
/// with.
///
/// Constants of the program that decide an outcome, such as the size of the output of a batch, are not here:
/// they belong to the format version of the ledger. To change one, raise that version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pins {
    /// The limits of its transform.
    pub limits: Limits,
    /// The format of its objects, part of their names.
    pub format: Format,
    /// Whether misplaced records of its aggregates are kept or dropped.
    pub misplaced_records: MisplacedRecords,
    /// How the data of its source is decoded.
    #[serde(default, skip_serializing_if = "RecordDecoding::is_plain")]
    pub decoding: RecordDecoding,
    /// The schema of its objects, if they have columns: the digest of the schema's document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Digest>,
    /// Where its records are archived, as the settings name it; `None` without an archive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<String>,
    /// What its messages are about; `None` without a bus.
    pub messages: Option<Messages>,
    /// The largest event that fits a message, bytes; `None` without a limit.
    pub message_bytes: Option<usize>,
    /// The largest packed message, bytes with its attributes; `None` if messages are not packed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pack_bytes: Option<usize>,
}

impl Pins {
    /// The settings for a bus with these messages; `None` without a bus.
    #[must_use]
    pub fn with_bus(self, bus: Option<MessageRules>) -> Self {
        let messages = bus.map(|rules| rules.messages);
        let about_events = bus.filter(|rules| rules.messages != Messages::Objects);
        Self {
            messages,
            message_bytes: about_events.and_then(|rules| rules.event_bytes),
            pack_bytes: about_events.and_then(|rules| rules.pack_bytes),
            ..self
        }
    }

    /// Whether the events that the transform routes to the bus are sent, each in a message of its own or packed.
    #[must_use]
    pub fn with_messages(&self) -> bool {
        matches!(self.messages, Some(Messages::Events | Messages::Packed))
    }

    /// Whether a message is sent for each object of events.
    #[must_use]
    pub fn with_notifications(&self) -> bool {
        self.messages == Some(Messages::Objects)
    }
}
