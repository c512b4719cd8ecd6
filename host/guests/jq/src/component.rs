//! The component: the functions of the contract, each a thin wrapper around its native counterpart.

use std::panic;
use std::sync::OnceLock;

use sluice_transform::batch::OutputEvent;

use crate::JqTransform;
use crate::allocator::SizedBlocks;

use bindings::exports::sluice::transform::{batch, records, rules};
use bindings::sluice::transform::log::{Level, log};

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
    wit_bindgen::generate!({
        path: "../../../wit",
        world: "transform-batch",
    });
    use super::Component;
    export!(Component);
}

#[global_allocator]
static GLOBAL: SizedBlocks = SizedBlocks::new();

/// Written once by `configure`, before any record.
static CONFIGURED: OnceLock<JqTransform> = OnceLock::new();

/// Implements the contract.
struct Component;

/// The host always calls `configure` first.
#[allow(
    clippy::expect_used,
    reason = "the host quarantines the record with this message"
)]
fn configured() -> &'static JqTransform {
    CONFIGURED.get().expect("the transform is not configured")
}

impl rules::Guest for Component {
    /// A panic ends in quarantine with the last error that was logged before, so its message is logged.
    fn configure(config: String) -> Result<(), String> {
        panic::set_hook(Box::new(|panic| log(Level::Error, &panic.to_string())));
        CONFIGURED
            .set(JqTransform::configure(&config)?)
            .map_err(|_| "the configuration was set before".to_owned())
    }

    fn describe() -> rules::Description {
        let description = JqTransform::describe();
        rules::Description {
            name: description.name.to_owned(),
            version: description.version.to_owned(),
            summary: description.summary.to_owned(),
            config_schema: description.config_schema.to_owned(),
        }
    }
}

impl records::Guest for Component {
    fn transform(record: records::SourceRecord) -> Result<Vec<records::Event>, rules::Rejection> {
        match configured().transform(record.data) {
            Ok(events) => Ok(events.into_iter().map(event).collect()),
            Err(rejection) => Err(self::rejection(rejection)),
        }
    }
}

impl batch::Guest for Component {
    fn transform_batch(records: batch::RecordBatch) -> batch::OutcomeBatch {
        let outcome = configured().transform_batch(records.data, &records.data_ends);
        let routes = outcome.routes.into_iter();
        let rejections = outcome.rejections.into_iter();
        batch::OutcomeBatch {
            event_counts: outcome.event_counts,
            data: outcome.data,
            data_ends: outcome.data_ends,
            partitions: outcome.partitions,
            partition_indexes: outcome.partition_indexes,
            routes: routes.map(self::routes).collect(),
            rejections: rejections
                .map(|(index, rejection)| (index, self::rejection(rejection)))
                .collect(),
        }
    }
}

fn event(event: OutputEvent) -> records::Event {
    records::Event {
        data: event.data,
        partition: event.destination.partition,
        routes: routes(event.destination.routes),
    }
}

fn routes(routes: sluice_transform::Routes) -> rules::Routes {
    let mut flags = rules::Routes::empty();
    flags.set(
        rules::Routes::LAKE,
        routes.contains(sluice_transform::Routes::LAKE),
    );
    flags.set(
        rules::Routes::BUS,
        routes.contains(sluice_transform::Routes::BUS),
    );
    flags
}

fn rejection(rejection: sluice_transform::Rejection) -> rules::Rejection {
    rules::Rejection {
        code: rejection.code.into_owned(),
        message: rejection.message,
    }
}
