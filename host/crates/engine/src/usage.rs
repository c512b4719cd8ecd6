//! How much of its limits a transform uses, for its author.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::Store;

use super::limits::Limits;
use super::log_budget::{LogBudget, LogMessage};
use super::state::State;

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

/// What the call for one record used: the last one, if it was repeated. Nothing, if the record was not given to the transform.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordUsage {
    /// Fuel.
    pub fuel: u64,
    /// Wall time, without that of starting and configuring an instance.
    pub time: Duration,
    /// The first messages that the transform logged, each bounded and on one line.
    pub log: Vec<LogMessage>,
    /// How many messages it logged besides.
    pub log_suppressed: u64,
}

/// What the instances of one batch share.
#[derive(Debug, Default)]
pub(super) struct Account {
    pub(super) usage: Usage,
    pub(super) log: Arc<LogBudget>,
    /// The usage of each record so far; `None` if it is not measured.
    records: Option<Vec<RecordUsage>>,
}

impl Account {
    /// An account that measures each record.
    pub(super) fn of_each_record() -> Self {
        Self {
            log: Arc::new(LogBudget::collecting()),
            records: Some(Vec::new()),
            ..Self::default()
        }
    }

    /// Begins the next record.
    pub(super) fn begin_record(&mut self) {
        if let Some(records) = &mut self.records {
            records.push(RecordUsage::default());
        }
    }

    /// The moment at which a call begins, if it is measured. What was logged before is forgotten: by `configure`, or by
    /// a call that is repeated.
    pub(super) fn begin_call(&self) -> Option<Instant> {
        self.records.as_ref()?;
        let _before = self.log.take_collected();
        Some(Instant::now())
    }

    /// Adds a call for the record that was begun last.
    pub(super) fn end_call(
        &mut self,
        begun: Option<Instant>,
        store: &Store<State>,
        limits: &Limits,
    ) {
        let fuel = self.usage.add_call(store, limits);
        let record = self.records.as_mut().and_then(|records| records.last_mut());
        if let (Some(begun), Some(record)) = (begun, record) {
            let time = begun.elapsed();
            let (log, log_suppressed) = self.log.take_collected();
            *record = RecordUsage {
                fuel,
                time,
                log,
                log_suppressed,
            };
        }
    }

    /// The usage of each record, in order.
    pub(super) fn into_records(self) -> Vec<RecordUsage> {
        self.records.unwrap_or_default()
    }
}
