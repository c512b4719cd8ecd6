//! One slice in the sandbox: a fresh instance, the quick way in where the component has it, and
//! record by record where it does not or where the slab failed as a whole.

use std::sync::Arc;
use std::time::Instant;

use thiserror::Error;
use wasmtime::component::{HasSelf, InstancePre, Linker};
use wasmtime::{Engine, Store, Trap};

use super::bindings::exports::sluice::transform::{rules, slice};
use super::bindings::sluice::transform::log;
use super::drive::{arm, drive};
use super::instance::Instance;
use super::judge::Judge;
use super::limits::Limits;
use super::outcome::{Fault, Reason, Transformed};
use super::said;
use super::state::{LogBudget, State};
use super::usage::{Account, Usage};

use crate::record::{Position, Record, SequenceNumber, Slice};

/// What lifting one call's results may allocate on the host: an instance's memory cannot hold more
/// unless its lists overlap.
const HOST_LIFT_BYTES: usize = 64 << 20;

/// Adds what the contract lets a component import.
pub(super) fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    log::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)?;
    Ok(linker)
}

/// A compiled component that exports the contract, with its configuration: all that it takes to make an
/// instance.
pub struct Program {
    pre: InstancePre<State>,
    rules: rules::GuestIndices,
    slice: Option<slice::GuestIndices>,
    transform_config: String,
    limits: Limits,
}

/// Why an instance could not be made ready; the component's or the machine's fault, never a
/// record's.
#[derive(Debug, Error)]
pub enum SandboxError {
    /// No instance could be made.
    #[error("cannot make an instance of the component: {}", cause(.0))]
    Instantiate(wasmtime::Error),
    /// Its functions have other types than the contract's.
    #[error("the component does not hold to the contract: {0:#}")]
    Contract(wasmtime::Error),
    /// `configure` returned an error.
    #[error("the component refused its configuration: {0}")]
    TransformConfig(String),
    /// It took longer than somebody was to wait for it.
    #[error("the slice took too long")]
    Late,
    /// A function outside of any record trapped or ran into a limit.
    #[error("`{function}` failed: {}: {}", .reason.code, .reason.message)]
    Call {
        /// The function of the contract.
        function: &'static str,
        /// How it failed.
        reason: Reason,
    },
}

/// Why, without the component's own names for its functions.
fn cause(error: &wasmtime::Error) -> String {
    match error.downcast_ref::<Trap>() {
        Some(trap) => trap.to_string(),
        None => said::line(&format!("{error:#}")),
    }
}

impl Program {
    pub(super) fn new(
        pre: InstancePre<State>,
        transform_config: String,
        limits: Limits,
    ) -> wasmtime::Result<Self> {
        Ok(Self {
            rules: rules::GuestIndices::new(&pre)?,
            slice: slice::GuestIndices::new(&pre).ok(),
            pre,
            transform_config,
            limits,
        })
    }

    /// Whether the component has the quick way in.
    #[must_use]
    pub fn has_slice(&self) -> bool {
        self.slice.is_some()
    }

    /// What the component says of itself.
    ///
    /// # Errors
    /// When it cannot be instantiated, or when `describe` traps or runs into a limit.
    pub fn describe(&self) -> Result<rules::Description, SandboxError> {
        let mut instance = self.instantiate(Arc::default())?;
        instance.arm(&self.limits);
        let rules = &instance.rules;
        drive(&mut instance.store, async |store| {
            rules.call_describe(store).await
        })
        .map_err(|error| instance.call_error("describe", &error))
    }

    /// Makes an instance and gives it its configuration, to see whether it accepts it.
    ///
    /// # Errors
    /// What a slice would run into.
    pub fn check_transform_config(&self) -> Result<(), SandboxError> {
        self.configured(&Arc::default()).map(drop)
    }

    /// Transforms a slice. `condemned` are records that an earlier run of the same chunk saw run out
    /// of wall time; they are not tried again. After `deadline` no further record is begun.
    ///
    /// # Errors
    /// Only what is wrong with the component as a whole; whatever a record does becomes its outcome.
    pub fn run(
        &self,
        slice: &Slice,
        condemned: &[Position],
        deadline: Option<Instant>,
    ) -> Result<Transformed, SandboxError> {
        let account = &mut Account::default();
        if condemned.is_empty()
            && let Some(transformed) = self.run_slab(slice, account)?
        {
            return Ok(transformed);
        }
        self.run_records(slice, condemned, deadline, account)
    }

    /// Transforms a slice by the way in that [`run`](Self::run) takes, and says what it took.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn measure(&self, slice: &Slice) -> Result<(Transformed, Usage), SandboxError> {
        let mut account = Account::default();
        let transformed = match self.run_slab(slice, &mut account)? {
            Some(transformed) => transformed,
            None => self.run_records(slice, &[], None, &mut account)?,
        };
        Ok((transformed, account.usage))
    }

    /// Transforms a slice by the quick way in alone; `None` where the component lacks it, the slice
    /// is not offered to it, or it failed as a whole.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_quick(&self, slice: &Slice) -> Result<Option<Transformed>, SandboxError> {
        self.run_slab(slice, &mut Account::default())
    }

    /// Transforms a slice record by record, also where the component has the quick way in.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_singly(&self, slice: &Slice) -> Result<Transformed, SandboxError> {
        self.run_records(slice, &[], None, &mut Account::default())
    }

    /// The quick way in; `None` where the component lacks it, a record is too large to be offered, or
    /// the slab failed as a whole. The slab's budget is that of a single record, so that no record
    /// passes here with more than it would be allowed alone.
    fn run_slab(
        &self,
        records: &Slice,
        account: &mut Account,
    ) -> Result<Option<Transformed>, SandboxError> {
        if self.slice.is_none() || records.largest() > self.limits.record_bytes {
            return Ok(None);
        }
        let mut instance = self.configured(&account.log)?;
        let Some(guest) = &instance.slice else {
            return Ok(None);
        };
        let (sequence_numbers, sequence_number_ends) = pack_sequence_numbers(records);
        let slab = slice::RecordSlab {
            data: records.data(),
            data_ends: records.data_ends(),
            partition_keys: records.partition_keys(),
            partition_key_ends: records.partition_key_ends(),
            sequence_numbers: &sequence_numbers,
            sequence_number_ends: &sequence_number_ends,
            arrived_at: records.arrived_at(),
            shard: records.shard().as_str(),
        };
        let called = drive(&mut instance.store, async |store| {
            guest.call_transform_slice(store, slab).await
        });
        account.usage.add_call(&instance.store, &self.limits);
        match called {
            Ok(outcome) => Ok(Judge::new(&self.limits).slab(records.len(), outcome)),
            Err(error) => {
                tracing::debug!(error = %format!("{error:#}"), "slab failed, going record by record");
                Ok(None)
            }
        }
    }

    fn run_records(
        &self,
        slice: &Slice,
        condemned: &[Position],
        deadline: Option<Instant>,
        account: &mut Account,
    ) -> Result<Transformed, SandboxError> {
        let mut judge = Judge::new(&self.limits);
        let mut instance = None;
        for record in slice.records() {
            if deadline.is_some_and(|deadline| Instant::now() > deadline) {
                return Err(SandboxError::Late);
            }
            if record.data.len() > self.limits.record_bytes {
                judge.reject(self.too_large(record.data.len()));
            } else if condemned.contains(&record.position) {
                judge.condemn(self.out_of_time());
            } else {
                self.run_record(&mut instance, slice, &record, &mut judge, account)?;
            }
        }
        Ok(judge.finish())
    }

    /// Runs one record in `instance`, or in a fresh one where there is none; takes the instance away
    /// when it died.
    fn run_record(
        &self,
        instance: &mut Option<Instance>,
        slice: &Slice,
        record: &Record<'_>,
        judge: &mut Judge<'_>,
        account: &mut Account,
    ) -> Result<(), SandboxError> {
        let mut timed_out = false;
        loop {
            let mut live = match instance.take() {
                Some(live) => live,
                None => self.configured(&account.log)?,
            };
            live.arm(&self.limits);
            let called = live.transform(slice, record);
            account.usage.add_call(&live.store, &self.limits);
            match called {
                Ok(Ok(events)) => judge.events(&events),
                Ok(Err(rejection)) => {
                    judge.reject(Reason::rejected(&rejection.code, rejection.message));
                }
                Err(error) => {
                    let reason = live.reason(&error);
                    if reason.code != Fault::OutOfTime.code() {
                        judge.reject(reason);
                    } else if timed_out {
                        judge.condemn(self.out_of_time());
                    } else {
                        timed_out = true;
                        continue;
                    }
                    return Ok(());
                }
            }
            *instance = Some(live);
            return Ok(());
        }
    }

    fn too_large(&self, bytes: usize) -> Reason {
        let limit = self.limits.record_bytes;
        let message = format!("the record has {bytes} bytes, limits.record_bytes is {limit}");
        Reason::fault(Fault::RecordTooLarge, message)
    }

    /// Without a backtrace, which differs from run to run.
    fn out_of_time(&self) -> Reason {
        let limit = self.limits.time;
        Reason::fault(
            Fault::OutOfTime,
            format!("took more than limits.time, {limit:?}, twice"),
        )
    }

    fn instantiate(&self, log: Arc<LogBudget>) -> Result<Instance, SandboxError> {
        let state = State::new(self.limits.memory_bytes, log);
        let mut store = Store::new(self.pre.engine(), state);
        store.limiter(|state| &mut state.memory);
        store.set_hostcall_fuel(HOST_LIFT_BYTES);
        arm(&mut store, &self.limits);
        let raw = drive(&mut store, async |store| {
            self.pre.instantiate_async(store).await
        })
        .map_err(SandboxError::Instantiate)?;
        let other = SandboxError::Contract;
        let rules = self.rules.load(&mut store, &raw).map_err(other)?;
        let slice = match &self.slice {
            Some(indices) => Some(indices.load(&mut store, &raw).map_err(other)?),
            None => None,
        };
        Ok(Instance {
            store,
            rules,
            slice,
        })
    }

    fn configured(&self, log: &Arc<LogBudget>) -> Result<Instance, SandboxError> {
        let mut instance = self.instantiate(log.clone())?;
        let rules = &instance.rules;
        let called = drive(&mut instance.store, async |store| {
            rules.call_configure(store, &self.transform_config).await
        });
        match called {
            Ok(Ok(())) => {
                instance.arm(&self.limits);
                Ok(instance)
            }
            Ok(Err(message)) => Err(SandboxError::TransformConfig(said::line(&message))),
            Err(error) => Err(instance.call_error("configure", &error)),
        }
    }
}

fn pack_sequence_numbers(slice: &Slice) -> (String, Vec<u32>) {
    let mut text = String::with_capacity(slice.len() * SequenceNumber::MAX_DIGITS);
    let mut ends = Vec::with_capacity(slice.len());
    for position in slice.positions() {
        position.sequence.push_to(&mut text);
        ends.push(u32::try_from(text.len()).unwrap_or(u32::MAX));
    }
    (text, ends)
}
