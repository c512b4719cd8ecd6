//! How much of its limits a transform uses, for its author.

use std::sync::Arc;

use wasmtime::Store;

use super::limits::Limits;
use super::state::{LogBudget, State};

/// What the calls of a batch used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Fuel of all calls that transformed records, also of those that failed.
    pub fuel: u64,
    /// The largest linear memory of their instances, in bytes.
    pub peak_memory_bytes: usize,
}

impl Usage {
    /// Adds a call that began with the fuel of `limits`. Returns its fuel.
    pub(super) fn add_call(&mut self, store: &Store<State>, limits: &Limits) -> u64 {
        let fuel = limits.fuel - store.get_fuel().unwrap_or(limits.fuel);
        self.fuel += fuel;
        self.peak_memory_bytes = self.peak_memory_bytes.max(store.data().memory.peak_bytes);
        fuel
    }
}

/// What the instances of one batch share.
#[derive(Debug, Default)]
pub(super) struct Account {
    pub(super) usage: Usage,
    pub(super) log: Arc<LogBudget>,
}
