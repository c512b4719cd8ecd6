//! An instance of a component: its functions, the limits of a call, and why a call failed.

use std::fmt::Write as _;

use wasmtime::{Store, Trap, WasmBacktrace};

use super::bindings::exports::sluice::transform::{batch, rules};
use super::drive::{arm, drive};
use super::limits::Limits;
use super::outcome::{Fault, Reason};
use super::sandbox_error::SandboxError;
use super::sanitize::truncate_to;
use super::state::State;

use crate::record::{Batch, Record};

/// An instance, which transforms one batch or several records one by one.
pub(super) struct Instance {
    pub(super) store: Store<State>,
    pub(super) rules: rules::Guest,
    pub(super) batch: Option<batch::Guest>,
}

impl Instance {
    /// Calls [`arm`] with its store.
    pub(super) fn arm(&mut self, limits: &Limits) {
        arm(&mut self.store, limits);
    }

    /// Calls `transform` with one record.
    pub(super) fn transform(
        &mut self,
        batch: &Batch,
        record: &Record<'_>,
    ) -> wasmtime::Result<Result<Vec<rules::Event>, rules::Rejection>> {
        let sequence_number = record.position.sequence.to_string();
        let record = rules::SourceRecord {
            data: record.data,
            partition_key: record.partition_key,
            sequence_number: &sequence_number,
            shard: batch.shard().as_str(),
            arrived_at: record.arrived_at,
        };
        let rules = &self.rules;
        drive(&mut self.store, async |store| {
            rules.call_transform(store, record).await
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
        // A panic traps without a message of its own, but a transform can log it before.
        let message = match &self.store.data().last_error {
            Some(error) if fault == Fault::Trap => {
                format!("{trap}; the last error that the transform logged: {error}")
            }
            _ => trap.to_string(),
        };
        let mut reason = Reason::fault(fault, message);
        reason.backtrace = error.downcast_ref::<WasmBacktrace>().map(render);
        (fault, reason)
    }
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
