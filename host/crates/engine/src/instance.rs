//! An instance of a component: its functions, the limits of a call, and why a call failed.

use std::fmt::Write as _;
use std::ops::Range;

use wasmtime::{Store, Trap, WasmBacktrace};

use super::bindings::exports::sluice::transform::{batch, fields, records, rules};
use super::drive::{arm, drive};
use super::fields::ScannedBatch;
use super::limits::{Limits, WASM_STACK_BYTES};
use super::outcome::{Fault, Reason};
use super::output_validation::OutputValidator;
use super::sandbox_error::SandboxError;
use super::sanitize::truncate_to;
use super::state::State;

use crate::record::{Batch, Record};

/// An instance, which transforms the records of one batch, in one call or in several.
pub(super) struct Instance {
    pub(super) store: Store<State>,
    pub(super) rules: rules::Guest,
    pub(super) records: Option<records::Guest>,
    pub(super) batch: Option<batch::Guest>,
    pub(super) fields: Option<fields::Guest>,
}

impl Instance {
    /// Calls [`arm`] with its store.
    pub(super) fn arm(&mut self, limits: &Limits) {
        arm(&mut self.store, limits);
    }

    /// Calls `transform` with one record, and adds its outcome.
    pub(super) fn transform(
        &mut self,
        batch: &Batch,
        record: &Record<'_>,
        validator: &mut OutputValidator<'_>,
    ) -> wasmtime::Result<()> {
        let records = exported(self.records.as_ref())?;
        let sequence_number = record.position.sequence.to_string();
        let record = records::SourceRecord {
            data: record.data,
            partition_key: record.partition_key,
            sequence_number: &sequence_number,
            shard: batch.shard().as_str(),
            arrived_at: record.arrived_at,
        };
        let transformed = drive(&mut self.store, async |store| {
            records.call_transform(store, record).await
        })?;
        match transformed {
            Ok(events) => validator.events(&events),
            Err(rejection) => {
                validator.reject(Reason::rejected(&rejection.code, rejection.message));
            }
        }
        Ok(())
    }

    /// Calls `transform-batch`.
    pub(super) fn transform_batch(
        &mut self,
        records: batch::RecordBatch<'_>,
    ) -> wasmtime::Result<batch::OutcomeBatch> {
        let batch = exported(self.batch.as_ref())?;
        drive(&mut self.store, async |store| {
            batch.call_transform_batch(store, records).await
        })
    }

    /// Calls `transform-fields` with some objects of a batch.
    pub(super) fn transform_fields(
        &mut self,
        scanned: &ScannedBatch<'_>,
        objects: Range<usize>,
    ) -> wasmtime::Result<fields::EditBatch> {
        let fields = exported(self.fields.as_ref())?;
        let store = &mut self.store;
        scanned.with_fields(objects, |batch| {
            drive(store, async |store| {
                fields.call_transform_fields(store, batch).await
            })
        })
    }

    /// Calls `declare`.
    pub(super) fn declare(&mut self) -> wasmtime::Result<fields::Declaration> {
        let fields = exported(self.fields.as_ref())?;
        drive(&mut self.store, async |store| {
            fields.call_declare(store).await
        })
    }

    /// The error of a failed call outside of any record.
    pub(super) fn call_error(
        &self,
        function: &'static str,
        error: &wasmtime::Error,
    ) -> SandboxError {
        let (_, reason) = self.failure(error);
        SandboxError::Call { function, reason }
    }

    /// Why a call failed. If it did not trap, a value could not be lifted: a string that is not UTF-8, a list
    /// that is out of bounds or too large.
    pub(super) fn failure(&self, error: &wasmtime::Error) -> (Fault, Reason) {
        let Some(trap) = error.downcast_ref::<Trap>() else {
            let why = format!("{:#}", error.root_cause());
            let fault = Fault::InvalidOutput;
            return (fault, Reason::fault(fault, why));
        };
        let out_of_memory = self.store.data().memory.exceeded;
        let fault = match trap {
            Trap::OutOfFuel => Fault::OutOfFuel,
            Trap::Interrupt => Fault::OutOfTime,
            Trap::StackOverflow => Fault::StackOverflow,
            _ if out_of_memory => Fault::OutOfMemory,
            _ => Fault::Trap,
        };
        // A limit is named without its value: golden cases have the message, and hosts have different limits.
        let message = match (fault, &self.store.data().last_error) {
            // A panic traps without a message of its own, but a transform can log it before.
            (Fault::Trap, Some(error)) => {
                format!("{trap}; the last error that the transform logged: {error}")
            }
            (Fault::OutOfFuel, _) => {
                "used more than limits.fuel; make the transform cheaper, or raise the limit"
                    .to_owned()
            }
            (Fault::OutOfMemory, _) => {
                "needed more than limits.memory; make the transform need less, or raise the limit"
                    .to_owned()
            }
            (Fault::StackOverflow, _) => {
                let kib = WASM_STACK_BYTES >> 10;
                format!("used more than the {kib} KiB of the stack; make its recursion less deep")
            }
            _ => trap.to_string(),
        };
        let mut reason = Reason::fault(fault, message);
        reason.backtrace = error.downcast_ref::<WasmBacktrace>().map(render);
        (fault, reason)
    }
}

/// An interface that the component exports, which the caller has checked.
fn exported<T>(interface: Option<&T>) -> wasmtime::Result<&T> {
    interface.ok_or_else(|| wasmtime::Error::msg("the component does not export this interface"))
}

/// A longer backtrace is truncated: its names are the component's own, and each record that it traps on has
/// one.
const BACKTRACE_MAX_BYTES: usize = 8 << 10;

/// The functions of a backtrace, innermost first; an index if a name is missing.
fn render(backtrace: &WasmBacktrace) -> String {
    let mut text = String::new();
    for frame in backtrace.frames() {
        if text.len() > BACKTRACE_MAX_BYTES {
            break;
        }
        if !text.is_empty() {
            text.push_str(" < ");
        }
        let offset = frame.module_offset().unwrap_or_default();
        let _infallible = match frame.func_name() {
            Some(name) => write!(text, "{:#}+{offset:#x}", rustc_demangle::demangle(name)),
            None => write!(text, "function {}+{offset:#x}", frame.func_index()),
        };
    }
    truncate_to(text, BACKTRACE_MAX_BYTES)
}
