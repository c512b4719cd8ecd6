//! The component: the functions of the contract, each a thin wrapper around its native counterpart.

use std::marker::PhantomData;
use std::panic;
use std::sync::OnceLock;

use crate::batch::{Outcome, OutputEvent, RecordBatch, transform_batch, transform_record};
use crate::configured::Configured;
use crate::declaration::Metadata;
use crate::destinations::Routes;
use crate::events::offset;
use crate::fields::{FieldBatch, transform_fields};
use crate::record::MetadataLists;
use crate::rejection::Rejection;
use crate::whole_records::{self, RecordTransform};
use crate::{Description, Transform, log};

use bindings::exports::sluice::transform::{batch, fields, records, rules};

/// Generated bindings of the world `transform-all`, which read and write raw memory and have a style of their own.
#[allow(
    unsafe_code,
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    rust_2018_idioms,
    clippy::all,
    clippy::cast_possible_truncation,
    clippy::semicolon_if_nothing_returned,
    clippy::uninlined_format_args
)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../../wit",
        world: "transform-all",
        pub_export_macro: true,
        default_bindings_module: "sluice_transform::component::bindings",
    });
}

/// What a component of [`export_records!`](crate::export_records) exports: the custom section of the world
/// `transform-batch`. Its types and traits are not used; those of [`bindings`] have the same layout. A component of
/// [`export!`](crate::export) may have the section too, because it exports more.
#[allow(
    unsafe_code,
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    rust_2018_idioms,
    clippy::all,
    clippy::cast_possible_truncation,
    clippy::semicolon_if_nothing_returned,
    clippy::uninlined_format_args
)]
pub mod record_world {
    wit_bindgen::generate!({
        path: "../../../wit",
        world: "transform-batch",
    });
}

/// The standard library's allocator, in a version that uses the component's initial memory: growing the
/// memory costs the host several system calls for each instance.
pub type Allocator = dlmalloc::GlobalDlmalloc;

/// What the macros that export a transform make the global allocator by default.
pub const ALLOCATOR: Allocator = dlmalloc::GlobalDlmalloc;

/// A transform that is exported.
pub trait Exported: 'static {
    /// What its configuration makes of it.
    type Configured: WholeRecords;

    /// Written once by `configure`, before any record.
    fn configured() -> &'static OnceLock<Self::Configured>;
}

/// The calls that both kinds of transforms have.
pub trait WholeRecords: Sized + Send + Sync + 'static {
    /// Describes the transform.
    fn describe() -> Description;

    /// Configures the transform.
    ///
    /// # Errors
    /// What is wrong, for the operator.
    fn configure(config: &str) -> Result<Self, String>;

    /// Transforms one record.
    ///
    /// # Errors
    /// Why the record is rejected.
    fn transform(
        &self,
        data: Vec<u8>,
        metadata: &MetadataLists<'_>,
    ) -> Result<Vec<OutputEvent>, Rejection>;

    /// Transforms a batch of records.
    fn transform_batch(
        &self,
        data: Vec<u8>,
        data_ends: &[u32],
        metadata: MetadataLists<'_>,
    ) -> Outcome;
}

impl<T: Transform> WholeRecords for Configured<T> {
    fn describe() -> Description {
        T::describe()
    }

    fn configure(config: &str) -> Result<Self, String> {
        Self::new(config)
    }

    fn transform(
        &self,
        data: Vec<u8>,
        metadata: &MetadataLists<'_>,
    ) -> Result<Vec<OutputEvent>, Rejection> {
        transform_record(self, &data, metadata)
    }

    fn transform_batch(
        &self,
        data: Vec<u8>,
        data_ends: &[u32],
        metadata: MetadataLists<'_>,
    ) -> Outcome {
        let batch = RecordBatch {
            data: &data,
            data_ends,
            metadata,
        };
        transform_batch(self, &batch)
    }
}

impl<T: RecordTransform> WholeRecords for T {
    fn describe() -> Description {
        T::describe()
    }

    fn configure(config: &str) -> Result<Self, String> {
        T::configure(config)
    }

    fn transform(
        &self,
        data: Vec<u8>,
        metadata: &MetadataLists<'_>,
    ) -> Result<Vec<OutputEvent>, Rejection> {
        whole_records::transform_record(self, data, metadata)
    }

    fn transform_batch(
        &self,
        data: Vec<u8>,
        data_ends: &[u32],
        metadata: MetadataLists<'_>,
    ) -> Outcome {
        whole_records::transform_batch(self, data, data_ends, &metadata)
    }
}

/// Implements the contract for a transform.
#[derive(Debug)]
pub struct Component<T>(PhantomData<T>);

/// The host always calls `configure` first.
#[allow(
    clippy::expect_used,
    reason = "the host quarantines the record with this message"
)]
fn configured<T: Exported>() -> &'static T::Configured {
    T::configured()
        .get()
        .expect("the transform is not configured")
}

impl<T: Exported> rules::Guest for Component<T> {
    /// A panic ends in quarantine with the last error that was logged before, so its message is logged.
    fn configure(config: String) -> Result<(), String> {
        panic::set_hook(Box::new(|panic| log::error(&panic.to_string())));
        let configured = T::Configured::configure(&config)?;
        T::configured()
            .set(configured)
            .map_err(|_| "the configuration was set before".to_owned())
    }

    fn describe() -> rules::Description {
        let description = T::Configured::describe();
        rules::Description {
            name: description.name.to_owned(),
            version: description.version.to_owned(),
            summary: description.summary.to_owned(),
            config_schema: description.config_schema.to_owned(),
        }
    }
}

impl<T: Exported> records::Guest for Component<T> {
    fn transform(record: records::SourceRecord) -> Result<Vec<records::Event>, rules::Rejection> {
        let metadata = MetadataLists {
            partition_keys: &record.partition_key,
            partition_key_ends: &[offset(record.partition_key.len())],
            sequence_numbers: &record.sequence_number,
            sequence_number_ends: &[offset(record.sequence_number.len())],
            arrived_at: &[record.arrived_at],
            shard: &record.shard,
        };
        let events = configured::<T>().transform(record.data, &metadata)?;
        Ok(events.into_iter().map(records::Event::from).collect())
    }
}

impl<T: Exported> batch::Guest for Component<T> {
    fn transform_batch(records: batch::RecordBatch) -> batch::OutcomeBatch {
        let metadata = MetadataLists {
            partition_keys: &records.partition_keys,
            partition_key_ends: &records.partition_key_ends,
            sequence_numbers: &records.sequence_numbers,
            sequence_number_ends: &records.sequence_number_ends,
            arrived_at: &records.arrived_at,
            shard: &records.shard,
        };
        let rules = configured::<T>();
        let outcome = rules.transform_batch(records.data, &records.data_ends, metadata);
        batch::OutcomeBatch {
            event_counts: outcome.event_counts,
            data: outcome.data,
            data_ends: outcome.data_ends,
            partitions: outcome.partitions,
            partition_indexes: outcome.partition_indexes,
            routes: outcome
                .routes
                .into_iter()
                .map(rules::Routes::from)
                .collect(),
            rejections: rejections(outcome.rejections),
        }
    }
}

impl<T, R> fields::Guest for Component<T>
where
    T: Exported<Configured = Configured<R>>,
    R: Transform,
{
    fn declare() -> fields::Declaration {
        let declaration = configured::<T>().declaration();
        let read = |read: &crate::Read| fields::Read {
            name: read.name().to_owned(),
            wanted: if read.wants_value() {
                fields::Wanted::Value
            } else {
                fields::Wanted::Kind
            },
        };
        let writes = declaration.writes().iter();
        fields::Declaration {
            reads: declaration.reads().iter().map(read).collect(),
            writes: writes.map(|write| write.name().to_owned()).collect(),
            metadata: declaration.metadata().into(),
        }
    }

    fn transform_fields(batch: fields::FieldBatch) -> fields::EditBatch {
        let batch = FieldBatch {
            records: batch.records,
            values: &batch.values,
            ends: &batch.ends,
            repeated: &batch.repeated,
            metadata: MetadataLists {
                partition_keys: &batch.partition_keys,
                partition_key_ends: &batch.partition_key_ends,
                sequence_numbers: &batch.sequence_numbers,
                sequence_number_ends: &batch.sequence_number_ends,
                arrived_at: &batch.arrived_at,
                shard: &batch.shard,
            },
        };
        let edits = transform_fields(configured::<T>(), &batch);
        let destinations = edits.destinations.into_iter();
        fields::EditBatch {
            event_counts: edits.event_counts,
            values: edits.values,
            ends: edits.ends,
            removed: edits.removed,
            empty_events: edits.empty_events,
            destinations: destinations
                .map(|destination| fields::Destination {
                    partition: destination.partition,
                    routes: destination.routes.into(),
                })
                .collect(),
            destination_indexes: edits.destination_indexes,
            rejections: rejections(edits.rejections),
        }
    }
}

fn rejections(rejections: Vec<(u32, Rejection)>) -> Vec<(u32, rules::Rejection)> {
    let rejections = rejections.into_iter();
    rejections
        .map(|(index, rejection)| (index, rejection.into()))
        .collect()
}

impl From<Rejection> for rules::Rejection {
    fn from(rejection: Rejection) -> Self {
        let (code, message) = rejection.into_parts();
        Self { code, message }
    }
}

impl From<Routes> for rules::Routes {
    fn from(routes: Routes) -> Self {
        Self::from_bits_retain(routes.bits())
    }
}

impl From<Metadata> for fields::Metadata {
    fn from(metadata: Metadata) -> Self {
        Self::from_bits_retain(metadata.bits())
    }
}

impl From<OutputEvent> for records::Event {
    fn from(event: OutputEvent) -> Self {
        Self {
            data: event.data,
            partition: event.destination.partition,
            routes: event.destination.routes.into(),
        }
    }
}
