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
#[cfg(target_arch = "wasm32")]
mod component;
mod config;
mod destination;
mod envelope;
mod language;
mod natives;
mod outcome;
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

use std::rc::Rc;

use sluice_transform::batch::{Outcome, OutputEvent};
use sluice_transform::destination_rule::DestinationRule;
use sluice_transform::{Description, Rejection};

use outcome::Outputs;
use program::Program;

/// The transform with its configuration: a compiled program, and where its events go.
#[derive(Debug)]
pub struct JqTransform {
    program: Program,
    rule: DestinationRule,
}

impl JqTransform {
    /// What the transform says of itself.
    pub fn describe() -> Description {
        Description {
            name: "jq",
            version: env!("CARGO_PKG_VERSION"),
            summary: "Transforms each record with a program in the language jq",
            config_schema: include_str!("config.schema.json"),
        }
    }

    /// Reads a configuration and compiles its program.
    ///
    /// # Errors
    /// What is wrong with the configuration or where in the program, for the operator.
    pub fn configure(config: &str) -> Result<Self, String> {
        let (program, rule) = config::parse(config)?;
        let program = Program::compile(&program)?;
        Ok(Self { program, rule })
    }

    /// Transforms one record.
    ///
    /// # Errors
    /// Why the record is rejected.
    pub fn transform(&self, record: Vec<u8>) -> Result<Vec<OutputEvent>, Rejection> {
        let mut outputs = Outputs::new(record.len(), 1);
        let end = record.len();
        self.record(&Rc::new(record), 0, end, &mut outputs)?;
        Ok(outputs.into_events())
    }

    /// Transforms a batch of records: all their data, and the end offset of each. What it returns for a record is what
    /// [`transform`](Self::transform) returns for it.
    pub fn transform_batch(&self, data: Vec<u8>, ends: &[u32]) -> Outcome {
        let mut outputs = Outputs::new(data.len(), ends.len());
        let data = Rc::new(data);
        let mut start = 0;
        for (index, &end) in (0..).zip(ends) {
            let end = end as usize;
            if let Err(rejection) = self.record(&data, start, end, &mut outputs) {
                outputs.reject(index, rejection);
            }
            start = end;
        }
        outputs.into_outcome()
    }

    /// Adds the events of a record. If it is rejected, `outputs` is as it was before.
    fn record(
        &self,
        data: &Rc<Vec<u8>>,
        start: usize,
        end: usize,
        outputs: &mut Outputs,
    ) -> Result<(), Rejection> {
        let mark = outputs.mark();
        let added = read::value(data, start, end).and_then(|value| {
            let mut values = self.program.run(value);
            values.try_for_each(|value| envelope::add(&value?, &self.rule, outputs))
        });
        match added {
            Ok(()) => outputs.end_record(mark),
            Err(_) => outputs.roll_back(mark),
        }
        added
    }
}

#[cfg(test)]
mod tests;
