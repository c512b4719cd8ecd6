//! The transform `jq`: a program in the language jq makes the events of a record.
//!
//! ```text
//! record ─▶ read ─▶ program ─▶ values ─▶ event (envelope, partition, routes) ─▶ write
//! ```
//!
//! The program is compiled once in each instance. It runs on [jaq](https://github.com/01mf02/jaq), without everything that
//! could make a result depend on more than the record: the clock, the environment, other inputs and the time zone.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")
)]

#[cfg(target_arch = "wasm32")]
mod allocator;
mod config;
mod destination;
mod envelope;
mod language;
mod natives;
mod place;
mod prelude;
mod program;
mod program_error;
mod read;
mod regexes;
mod rejection;
mod shortcuts;
mod syntax_tree;
mod value;
mod write;

use sluice_transform::destination_rule::DestinationRule;
use sluice_transform::{
    Description, Outputs, RecordTransform, Rejection, WholeRecord, export_records,
};

use program::Program;

/// The transform with its configuration: a compiled program, and where its events go.
#[derive(Debug)]
pub struct JqTransform {
    program: Program,
    rule: DestinationRule,
    /// Whether the program names `$event`. If it does not, only a record can have put it into an object, and producers
    /// do not choose destinations.
    envelopes: bool,
}

impl RecordTransform for JqTransform {
    fn describe() -> Description {
        Description {
            name: "jq",
            version: env!("CARGO_PKG_VERSION"),
            summary: "Transforms each record with a program in the language jq",
            config_schema: include_str!("config.schema.json"),
        }
    }

    fn configure(config: &str) -> Result<Self, String> {
        let (program, rule) = config::parse(config)?;
        Ok(Self {
            envelopes: program.contains(envelope::EVENT),
            program: Program::compile(&program)?,
            rule,
        })
    }

    #[inline(always)]
    fn transform(&self, record: &WholeRecord<'_>, outputs: &mut Outputs) -> Result<(), Rejection> {
        let (buffer, range) = record.shared_data();
        read::value(buffer, range.start, range.end).and_then(|value| {
            let mut values = self.program.run(value);
            values.try_for_each(|value| envelope::add(&value?, &self.rule, self.envelopes, outputs))
        })
    }
}

export_records!(
    JqTransform,
    allocator::SizedBlocks = allocator::SizedBlocks::new()
);

#[cfg(test)]
mod tests;
