//! Runs a transform in tests, without a host.

use json_scan::profile::{ProfileChecker, ProfileError};

use crate::Transform;
use crate::batch::{self, OutputEvent};
use crate::configured::Configured;
use crate::destinations::Routes;
use crate::events::offset;
use crate::record::MetadataLists;
use crate::rejection::Rejection;
use crate::whole_records::{self, RecordTransform};

mod partition;

/// The longest message of a rejection, in bytes. The host truncates longer ones.
const MESSAGE_MAX_BYTES: usize = 1_024;

/// The metadata of a record. The default is that of golden cases.
#[derive(Clone, Debug)]
pub struct SampleMetadata {
    /// The partition key.
    pub partition_key: String,
    /// The sequence number.
    pub sequence_number: String,
    /// The shard.
    pub shard: String,
    /// The time of arrival, milliseconds since 1970.
    pub arrived_at: u64,
}

impl Default for SampleMetadata {
    fn default() -> Self {
        Self {
            partition_key: "sample".to_owned(),
            sequence_number: "0".to_owned(),
            shard: "shardId-000000000000".to_owned(),
            // 2026-01-01T00:00:00Z
            arrived_at: 1_767_225_600_000,
        }
    }
}

impl SampleMetadata {
    /// Calls `transform` with the metadata of a batch that has one record.
    fn packed<R>(&self, transform: impl FnOnce(&MetadataLists<'_>) -> R) -> R {
        transform(&MetadataLists {
            partition_keys: &self.partition_key,
            partition_key_ends: &[offset(self.partition_key.len())],
            sequence_numbers: &self.sequence_number,
            sequence_number_ends: &[offset(self.sequence_number.len())],
            arrived_at: &[self.arrived_at],
            shard: &self.shard,
        })
    }
}

/// An event that a transform makes of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestEvent {
    /// The event, as it is written to the lake: in one line.
    pub json: String,
    /// The path of the partition, as it is in the lake: `event_type=lesson/date=2026-01-01`. Characters that a path cannot
    /// hold are encoded, and an empty value is `__HIVE_DEFAULT_PARTITION__`.
    pub partition: String,
    /// Where the event goes.
    pub routes: Routes,
}

/// Runs a transform with one configuration.
///
/// The outcome of a record is that of a run: its events as they are written, or the code and the message with which the
/// record goes to quarantine. A transform that makes what the contract or the lake does not allow gets a rejection too:
/// `invalid_output`, such as for a partition that is too long, or `not_interoperable`, for an event that readers of the
/// lake cannot read.
///
/// A tester has no limits of fuel, memory, time and size, and does not check the configuration against the schema of
/// [`Description`](crate::Description). `sluice transform test` does, with the component.
#[derive(Debug)]
pub struct Tester<T> {
    configured: Configured<T>,
}

impl<T: Transform> Tester<T> {
    /// Configures the transform.
    ///
    /// # Errors
    /// What is wrong with the configuration or with the declaration.
    pub fn new(config: &str) -> Result<Self, String> {
        Ok(Self {
            configured: Configured::new(config)?,
        })
    }

    /// Transforms one record. A record that is dropped has no events.
    ///
    /// # Errors
    /// Why the record goes to quarantine.
    ///
    /// # Panics
    /// If the transform rejects the record with a code that the contract does not allow.
    #[track_caller]
    pub fn transform(&self, record: impl AsRef<[u8]>) -> Result<Vec<TestEvent>, Rejection> {
        self.transform_with(record, &SampleMetadata::default())
    }

    /// Transforms one record with other metadata.
    ///
    /// # Errors
    /// Why the record goes to quarantine.
    ///
    /// # Panics
    /// If the transform rejects the record with a code that the contract does not allow.
    #[track_caller]
    pub fn transform_with(
        &self,
        record: impl AsRef<[u8]>,
        metadata: &SampleMetadata,
    ) -> Result<Vec<TestEvent>, Rejection> {
        let events = metadata
            .packed(|lists| batch::transform_record(&self.configured, record.as_ref(), lists));
        test_events(events)
    }
}

/// Runs a transform of whole records with one configuration, as a [`Tester`] does with other transforms.
#[derive(Debug)]
pub struct RecordTester<T> {
    rules: T,
}

impl<T: RecordTransform> RecordTester<T> {
    /// Configures the transform.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn new(config: &str) -> Result<Self, String> {
        Ok(Self {
            rules: T::configure(config)?,
        })
    }

    /// Transforms one record. A record that is dropped has no events.
    ///
    /// # Errors
    /// Why the record goes to quarantine.
    ///
    /// # Panics
    /// If the transform rejects the record with a code that the contract does not allow.
    #[track_caller]
    pub fn transform(&self, record: impl AsRef<[u8]>) -> Result<Vec<TestEvent>, Rejection> {
        self.transform_with(record, &SampleMetadata::default())
    }

    /// Transforms one record with other metadata.
    ///
    /// # Errors
    /// Why the record goes to quarantine.
    ///
    /// # Panics
    /// If the transform rejects the record with a code that the contract does not allow.
    #[track_caller]
    pub fn transform_with(
        &self,
        record: impl AsRef<[u8]>,
        metadata: &SampleMetadata,
    ) -> Result<Vec<TestEvent>, Rejection> {
        let data = record.as_ref().to_vec();
        let events =
            metadata.packed(|lists| whole_records::transform_record(&self.rules, data, lists));
        test_events(events)
    }
}

/// The outcome of a record as that of a run.
#[track_caller]
fn test_events(events: Result<Vec<OutputEvent>, Rejection>) -> Result<Vec<TestEvent>, Rejection> {
    match events.and_then(|events| events.into_iter().map(test_event).collect()) {
        Ok(events) => Ok(events),
        Err(rejection) => Err(quarantined(rejection)),
    }
}

/// The event as the host writes it.
///
/// # Errors
/// Why the host would quarantine the record.
fn test_event(event: OutputEvent) -> Result<TestEvent, Rejection> {
    let routes = event.destination.routes;
    let path = partition::path(&event.destination.partition).map_err(invalid_output)?;
    if routes.contains(Routes::LAKE) {
        check_profile(&event.data)?;
    }
    let mut json = event.data;
    for byte in &mut json {
        // In JSON, a line break is between tokens only.
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    Ok(TestEvent {
        json: String::from_utf8_lossy(&json).into_owned(),
        partition: path,
        routes,
    })
}

fn check_profile(data: &[u8]) -> Result<(), Rejection> {
    let checked = ProfileChecker::default().check(data);
    checked.map_err(|error| match error {
        ProfileError::Syntax(error) => invalid_output(format!("an event is not JSON: {error}")),
        ProfileError::Violation(violation) => Rejection::new(
            "not_interoperable",
            format!("readers of the lake fail on the event at {violation}"),
        ),
    })
}

fn invalid_output(message: String) -> Rejection {
    Rejection::new("invalid_output", message)
}

/// The rejection as it is in quarantine.
#[track_caller]
fn quarantined(mut rejection: Rejection) -> Rejection {
    check_code(rejection.code());
    let message = rejection.message_mut();
    if message.len() > MESSAGE_MAX_BYTES {
        message.truncate(message.floor_char_boundary(MESSAGE_MAX_BYTES));
        message.push('…');
    }
    rejection
}

#[track_caller]
fn check_code(code: &str) {
    let letters = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    assert!(
        (1..=64).contains(&code.len()) && code.bytes().all(letters),
        "the code {code:?} is not 1 to 64 lower case letters, digits and underscores"
    );
}

#[cfg(test)]
mod tests;
