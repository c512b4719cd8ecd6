//! Writes a transform for Sluice as one function from fields to edits.
//!
//! A transform declares the members of a record that it reads and those that it writes. [`Transform::transform`] gets
//! the first and makes events of a record: each is the record, with members set or removed. All other bytes stay as
//! they are. [`export!`] makes a component of it that exports all interfaces of the contract, and [`testing`] runs it
//! in tests. Rules that need more of a record than its members are in [`whole_records`].
//!
//! ```
//! use sluice_transform::{Description, Events, Read, Record, Rejection, Routes, Transform, Write};
//!
//! const EVENT_NAME: Read = Read::value(0, "event_name");
//! const EVENT_TYPE: Write = Write::new(0, "event_type");
//!
//! struct Rules;
//!
//! impl Transform for Rules {
//!     fn describe() -> Description {
//!         Description {
//!             name: "rules",
//!             version: "0.1.0",
//!             summary: "Adds event_type to events",
//!             config_schema: r#"{"type":"object","additionalProperties":false}"#,
//!         }
//!     }
//!
//!     fn configure(_config: &str) -> Result<Self, String> {
//!         Ok(Self)
//!     }
//!
//!     fn reads(&self) -> Vec<Read> {
//!         vec![EVENT_NAME]
//!     }
//!
//!     fn writes(&self) -> Vec<Write> {
//!         vec![EVENT_TYPE]
//!     }
//!
//!     fn transform(&self, record: &Record<'_>, events: &mut Events) -> Result<(), Rejection> {
//!         let name = record.text(&EVENT_NAME)?;
//!         let event_type = name.split(':').next().unwrap_or_default();
//!         events
//!             .event(Routes::LAKE | Routes::BUS, &[("event_type", event_type)])
//!             .set_text(&EVENT_TYPE, event_type);
//!         Ok(())
//!     }
//! }
//!
//! sluice_transform::export!(Rules);
//!
//! let tester = sluice_transform::testing::Tester::<Rules>::new("{}").unwrap();
//! let events = tester.transform(r#"{"event_name":"lesson:started","n":1.50}"#).unwrap();
//! assert_eq!(events[0].json, r#"{"event_name":"lesson:started","n":1.50,"event_type":"lesson"}"#);
//! assert_eq!(events[0].partition, "event_type=lesson");
//! ```

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::cast_possible_truncation,
        reason = "a test may panic"
    )
)]

pub mod batch;
mod bytes;
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod component;
mod configured;
mod declaration;
pub mod destination_rule;
mod destinations;
mod events;
pub mod fields;
pub mod json;
pub mod log;
mod number_text;
pub mod partition;
mod raw_text;
mod record;
mod rejection;
#[cfg(test)]
mod sample;
pub mod testing;
pub mod time;
pub mod whole_records;

pub use configured::Configured;
pub use declaration::{Declaration, Metadata, Read, Write};
pub use destinations::{Destination, Destinations, Routes};
pub use events::{Event, Events, Number};
pub use json_scan::Kind;
pub use number_text::NumberText;
pub use raw_text::RawText;
pub use record::{MetadataLists, Record};
pub use rejection::Rejection;
pub use time::{TimeFormat, Timestamp};
pub use whole_records::{Outputs, RecordTransform, WholeRecord};

/// What a transform says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Description {
    /// Its name, such as `enrich`.
    pub name: &'static str,
    /// Its own semantic version.
    pub version: &'static str,
    /// One sentence for a list of transforms.
    pub summary: &'static str,
    /// The JSON Schema of its configuration. The host checks a configuration against it before it calls
    /// [`Transform::configure`]. An empty text allows everything.
    pub config_schema: &'static str,
}

/// The rules of a pipeline: a pure function of a configuration and one record.
///
/// A transform must give the same events for the same record, and must not keep anything from one record to the next.
pub trait Transform: Sized + Send + Sync + 'static {
    /// Describes the transform.
    fn describe() -> Description;

    /// Reads the configuration, a JSON document, or `{}` if the operator gives none.
    ///
    /// # Errors
    /// What is wrong with the configuration, for the operator.
    fn configure(config: &str) -> Result<Self, String>;

    /// The members of a record that the transform reads, in the order of their numbers.
    fn reads(&self) -> Vec<Read>;

    /// The members of an event that the transform sets or removes, in the order of their numbers. It may read them too.
    fn writes(&self) -> Vec<Write>;

    /// What the transform wants to know about a record besides its members. By default, nothing.
    fn metadata(&self) -> Metadata {
        Metadata::NONE
    }

    /// Transforms one record: adds its events, in order. A record without events is dropped.
    ///
    /// # Errors
    /// Why the record cannot be transformed. It is quarantined with its bytes, and has no events.
    fn transform(&self, record: &Record<'_>, events: &mut Events) -> Result<(), Rejection>;
}

/// Exports a transform as a component, with all interfaces of the contract: `records`, `batch` and `fields`. Call it
/// once, with the type that implements [`Transform`]. It does nothing in a native build.
///
/// The component logs the message of a panic, so that it is in quarantine with the record.
#[macro_export]
macro_rules! export {
    ($transform:ty) => {
        $crate::export_component!(
            $transform as $crate::Configured<$transform>,
            $crate::component::Allocator = $crate::component::ALLOCATOR,
            {
                $crate::component::bindings::export!(
                    Component with_types_in $crate::component::bindings
                );
            }
        );
    };
}

/// Exports a transform of whole records as a component, with the interfaces `records` and `batch` of the contract. Call
/// it once, with the type that implements [`RecordTransform`]. It does nothing in a native build.
///
/// `export_records!(Rules, Blocks = Blocks::new())` also gives the component an allocator of its own.
///
/// As with [`export!`], the component logs the message of a panic.
#[macro_export]
macro_rules! export_records {
    ($transform:ty) => {
        $crate::export_records!(
            $transform,
            $crate::component::Allocator = $crate::component::ALLOCATOR
        );
    };
    ($transform:ty, $allocator:ty = $new:expr) => {
        $crate::export_component!($transform as $transform, $allocator = $new, {
            use $crate::component::bindings::exports::sluice::transform::{batch, records, rules};

            rules::__export_sluice_transform_rules_1_0_0_cabi!(Component with_types_in rules);
            records::__export_sluice_transform_records_1_0_0_cabi!(Component with_types_in records);
            batch::__export_sluice_transform_batch_1_0_0_cabi!(Component with_types_in batch);

            // Links the custom section that names these interfaces.
            #[used]
            static WORLD: fn() = $crate::component::record_world::__link_custom_section_describing_imports;
        });
    };
}

/// What both kinds of exports share: the transform and what its configuration makes of it, the allocator, and the
/// exports of `Component`.
#[doc(hidden)]
#[macro_export]
macro_rules! export_component {
    ($transform:ty as $configured:ty, $allocator:ty = $new:expr, {$($exports:tt)*}) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "exported functions")]
        const _: () = {
            #[global_allocator]
            static ALLOCATOR: $allocator = $new;

            impl $crate::component::Exported for $transform {
                type Configured = $configured;

                fn configured() -> &'static ::std::sync::OnceLock<$configured> {
                    static CONFIGURED: ::std::sync::OnceLock<$configured> =
                        ::std::sync::OnceLock::new();
                    &CONFIGURED
                }
            }

            type Component = $crate::component::Component<$transform>;
            $($exports)*
        };
    };
}
