//! The component: the functions of the contract, thin wrappers around [`enrich`].

use std::sync::OnceLock;

use crate::config::Config;
use crate::enrich::enrich;
use crate::enrich_batch::enrich_batch;
use crate::rejection::Rejection;

use bindings::exports::sluice::transform::batch::{Guest as Batch, OutcomeBatch, RecordBatch};
use bindings::exports::sluice::transform::rules::{
    Description, Event, Guest as Rules, Rejection as WireRejection, Routes, SourceRecord,
};

/// Generated bindings, which read and write raw memory and have a style of their own.
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
mod bindings {
    wit_bindgen::generate!({ path: "../wit", world: "transform-batch" });
    use super::Component;
    export!(Component with_types_in self);
}

/// The standard library's allocator, in a version that uses the component's initial memory: growing the
/// memory costs the host several system calls for each instance.
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

struct Component;

/// Written once by `configure`, before any record.
static CONFIG: OnceLock<Config> = OnceLock::new();

fn config() -> &'static Config {
    CONFIG.get_or_init(Config::default)
}

/// Every event goes to the lake and to the bus.
fn routes() -> Routes {
    Routes::LAKE | Routes::BUS
}

impl Rules for Component {
    fn configure(config: String) -> Result<(), String> {
        CONFIG
            .set(Config::parse(&config)?)
            .map_err(|_| "the configuration was set before".to_owned())
    }

    fn describe() -> Description {
        Description {
            name: "enrich".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Adds created_datetime, event_type and event_subtype to JSON events"
                .to_owned(),
            config_schema: Config::SCHEMA.to_owned(),
        }
    }

    fn transform(record: SourceRecord) -> Result<Vec<Event>, WireRejection> {
        let mut data = Vec::new();
        let event = enrich(&record.data, &mut data)?;
        let partition = config().partition(&event);
        Ok(vec![Event {
            data,
            partition,
            routes: routes(),
        }])
    }
}

impl Batch for Component {
    fn transform_batch(records: RecordBatch) -> OutcomeBatch {
        let outcome = enrich_batch(&records.data, &records.data_ends, config());
        let rejections = outcome.rejections.into_iter();
        OutcomeBatch {
            event_counts: outcome.event_counts,
            routes: vec![routes(); outcome.data_ends.len()],
            data: outcome.data,
            data_ends: outcome.data_ends,
            partitions: outcome.partitions,
            partition_indexes: outcome.partition_indexes,
            rejections: rejections.map(|(index, r)| (index, r.into())).collect(),
        }
    }
}

impl From<Rejection> for WireRejection {
    fn from(rejection: Rejection) -> Self {
        Self {
            code: rejection.code.as_str().to_owned(),
            message: rejection.message,
        }
    }
}
