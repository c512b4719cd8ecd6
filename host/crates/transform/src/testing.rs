//! Runs a transform in tests, without a host.

use crate::Transform;
use crate::batch::{OutputEvent, transform_record};
use crate::configured::Configured;
use crate::destinations::Routes;
use crate::events::offset;
use crate::record::MetadataLists;
use crate::rejection::Rejection;

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

/// An event that a transform makes of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestEvent {
    /// The event.
    pub json: String,
    /// The partition: `event_type=lesson/date=2026-01-01`. Values are as the transform gave them.
    pub partition: String,
    /// Where the event goes.
    pub routes: Routes,
}

/// Runs a transform with one configuration.
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
    /// Why the record is rejected.
    ///
    /// # Panics
    /// If the code of a rejection or a column of a partition is invalid.
    #[track_caller]
    pub fn transform(&self, record: impl AsRef<[u8]>) -> Result<Vec<TestEvent>, Rejection> {
        self.transform_with(record, &SampleMetadata::default())
    }

    /// Transforms one record with other metadata.
    ///
    /// # Errors
    /// Why the record is rejected.
    ///
    /// # Panics
    /// If the code of a rejection or a column of a partition is invalid.
    #[track_caller]
    pub fn transform_with(
        &self,
        record: impl AsRef<[u8]>,
        metadata: &SampleMetadata,
    ) -> Result<Vec<TestEvent>, Rejection> {
        let lists = MetadataLists {
            partition_keys: &metadata.partition_key,
            partition_key_ends: &[offset(metadata.partition_key.len())],
            sequence_numbers: &metadata.sequence_number,
            sequence_number_ends: &[offset(metadata.sequence_number.len())],
            arrived_at: &[metadata.arrived_at],
            shard: &metadata.shard,
        };
        match transform_record(&self.configured, record.as_ref(), &lists) {
            Ok(events) => Ok(events.iter().map(test_event).collect()),
            Err(rejection) => {
                check_code(&rejection.code);
                Err(rejection)
            }
        }
    }
}

fn test_event(event: &OutputEvent) -> TestEvent {
    let columns = event.destination.partition.iter();
    let columns: Vec<_> = columns
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    for (place, (name, value)) in event.destination.partition.iter().enumerate() {
        check_column(name, value);
        let earlier = event.destination.partition.iter().take(place);
        let is_new = earlier.clone().all(|(known, _)| known != name);
        assert!(is_new, "the partition has the column {name:?} twice");
    }
    TestEvent {
        json: String::from_utf8_lossy(&event.data).into_owned(),
        partition: columns.join("/"),
        routes: event.destination.routes,
    }
}

#[track_caller]
fn check_code(code: &str) {
    let letters = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    assert!(
        (1..=64).contains(&code.len()) && code.bytes().all(letters),
        "the code {code:?} is not 1 to 64 lower case letters, digits and underscores"
    );
}

fn check_column(name: &str, value: &str) {
    let letters = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.len() <= 64
        && name.bytes().all(letters);
    assert!(
        is_name,
        "the partition column {name:?} is not a letter followed by up to 63 letters, digits and underscores"
    );
    assert_ne!(
        value, "__HIVE_DEFAULT_PARTITION__",
        "the value of the partition column {name:?} stands for no value; give the empty text instead"
    );
}

#[cfg(test)]
mod tests;
