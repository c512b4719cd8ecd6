//! Runs one batch in the sandbox: in a new instance, by a batch call if the component exports it, and record
//! by record if it does not, or if the batch fails as a whole.

use std::sync::Arc;
use std::time::Instant;

use wasmtime::component::{HasSelf, InstancePre, Linker};
use wasmtime::{Engine, Store};

use super::bindings::exports::sluice::transform::{batch, rules};
use super::bindings::sluice::transform::log;
use super::drive::{arm, drive};
use super::instance::Instance;
use super::limits::Limits;
use super::outcome::{Fault, Reason, ResourceFault, Transformed};
use super::output_validation::OutputValidator;
use super::sanitize::sanitize;
use super::state::{LogBudget, State};
use super::usage::{Account, Usage};

use crate::record::{Batch, Record, SequenceNumber};

pub use super::sandbox_error::SandboxError;

/// How much memory lifting the results of one call may allocate on the host. An instance's memory cannot
/// hold more unless its lists overlap.
pub(crate) const HOST_LIFT_BYTES: usize = 64 << 20;

/// Adds what the contract lets a component import.
pub fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    log::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)?;
    Ok(linker)
}

/// A compiled component that exports the contract, with its configuration and limits.
pub struct Program {
    pre: InstancePre<State>,
    rules: rules::GuestIndices,
    batch: Option<batch::GuestIndices>,
    transform_config: String,
    limits: Limits,
}

impl Program {
    /// A component that has been linked, with its configuration and limits.
    ///
    /// # Errors
    /// It does not export the contract.
    pub fn new(
        pre: InstancePre<State>,
        transform_config: String,
        limits: Limits,
    ) -> wasmtime::Result<Self> {
        Ok(Self {
            rules: rules::GuestIndices::new(&pre)?,
            batch: batch::GuestIndices::new(&pre).ok(),
            pre,
            transform_config,
            limits,
        })
    }

    /// The same component and configuration with other limits.
    #[must_use]
    pub fn with_limits(&self, limits: Limits) -> Self {
        Self {
            pre: self.pre.clone(),
            rules: self.rules.clone(),
            batch: self.batch.clone(),
            transform_config: self.transform_config.clone(),
            limits,
        }
    }

    /// The limits.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether the component exports the batch call.
    #[must_use]
    pub fn has_batch_call(&self) -> bool {
        self.batch.is_some()
    }

    /// Calls `describe`.
    ///
    /// # Errors
    /// The component cannot be instantiated, or the call traps or exceeds a limit.
    pub fn describe(&self) -> Result<rules::Description, SandboxError> {
        let mut instance = self.instantiate(Arc::default())?;
        instance.arm(&self.limits);
        let rules = &instance.rules;
        drive(&mut instance.store, async |store| {
            rules.call_describe(store).await
        })
        .map_err(|error| instance.call_error("describe", &error))
    }

    /// Checks that a new instance accepts its configuration.
    ///
    /// # Errors
    /// The error that each batch would get.
    pub fn check_transform_config(&self) -> Result<(), SandboxError> {
        self.configured(&Arc::default()).map(drop)
    }

    /// Transforms a batch. `known` are the resource faults of an earlier run of the same batch, in order: these
    /// records are not transformed again. After `deadline`, no further record is started.
    ///
    /// # Errors
    /// A fault of the component as a whole; a fault of a record is its outcome.
    pub fn run(
        &self,
        batch: &Batch,
        known: &[ResourceFault],
        deadline: Option<Instant>,
    ) -> Result<Transformed, SandboxError> {
        let account = &mut Account::default();
        if known.is_empty()
            && let Some(transformed) = self.call_batch(batch, account)?
        {
            return Ok(transformed);
        }
        self.call_per_record(batch, known, deadline, account)
    }

    /// Transforms a batch as [`run`](Self::run) does, and measures what it uses.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn measure(&self, batch: &Batch) -> Result<(Transformed, Usage), SandboxError> {
        let mut account = Account::default();
        let transformed = match self.call_batch(batch, &mut account)? {
            Some(transformed) => transformed,
            None => self.call_per_record(batch, &[], None, &mut account)?,
        };
        Ok((transformed, account.usage))
    }

    /// Transforms a batch by a batch call alone; `None` if the component exports none, if a record is
    /// too large for it, or if the batch fails as a whole.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_batch(&self, batch: &Batch) -> Result<Option<Transformed>, SandboxError> {
        self.call_batch(batch, &mut Account::default())
    }

    /// Transforms a batch record by record, even if the component exports the batch call.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_per_record(&self, batch: &Batch) -> Result<Transformed, SandboxError> {
        self.call_per_record(batch, &[], None, &mut Account::default())
    }

    /// The batch call; `None` if the component exports none, if a record is too large, or if the batch
    /// fails as a whole. The whole batch has the budget of one record, so that no record passes here
    /// with more than it would be allowed alone.
    fn call_batch(
        &self,
        records: &Batch,
        account: &mut Account,
    ) -> Result<Option<Transformed>, SandboxError> {
        if self.batch.is_none() || records.largest() > self.limits.record_bytes {
            return Ok(None);
        }
        let mut instance = self.configured(&account.log)?;
        let Some(guest) = &instance.batch else {
            return Ok(None);
        };
        let (sequence_numbers, sequence_number_ends) = pack_sequence_numbers(records);
        let packed = batch::RecordBatch {
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
            guest.call_transform_batch(store, packed).await
        });
        account.usage.add_call(&instance.store, &self.limits);
        match called {
            Ok(outcome) => Ok(OutputValidator::new(&self.limits).batch(records.len(), outcome)),
            Err(error) => {
                tracing::debug!(error = %format!("{error:#}"), "the batch call failed, continuing record by record");
                Ok(None)
            }
        }
    }

    fn call_per_record(
        &self,
        batch: &Batch,
        known: &[ResourceFault],
        deadline: Option<Instant>,
        account: &mut Account,
    ) -> Result<Transformed, SandboxError> {
        let mut validator = OutputValidator::new(&self.limits);
        let mut instance = None;
        let mut known = known.iter().peekable();
        for (index, record) in (0..).zip(batch.records()) {
            if deadline.is_some_and(|deadline| Instant::now() > deadline) {
                return Err(SandboxError::Late);
            }
            if record.data.len() > self.limits.record_bytes {
                validator.reject(self.too_large(record.data.len()));
            } else if let Some(known) = known.next_if(|known| known.record == index) {
                // As after the fault itself, so that the next record finds no memory of this one.
                instance = None;
                let why = "an earlier attempt at this chunk came to this result, which is pinned";
                validator.reject_resource_fault(known.fault, Reason::fault(known.fault, why));
            } else {
                self.run_record(&mut instance, batch, &record, &mut validator, account)?;
            }
        }
        Ok(validator.finish())
    }

    /// Transforms one record in `instance`, or in a new one if there is none; drops the instance if it
    /// trapped.
    fn run_record(
        &self,
        instance: &mut Option<Instance>,
        batch: &Batch,
        record: &Record<'_>,
        validator: &mut OutputValidator<'_>,
        account: &mut Account,
    ) -> Result<(), SandboxError> {
        let mut timed_out = false;
        loop {
            let mut live = match instance.take() {
                Some(live) => live,
                None => self.configured(&account.log)?,
            };
            live.arm(&self.limits);
            let called = live.transform(batch, record);
            account.usage.add_call(&live.store, &self.limits);
            match called {
                Ok(Ok(events)) => validator.events(&events),
                Ok(Err(rejection)) => {
                    validator.reject(Reason::rejected(&rejection.code, rejection.message));
                }
                Err(error) => {
                    match live.failure(&error) {
                        (Fault::OutOfTime, _) if !timed_out => {
                            timed_out = true;
                            continue;
                        }
                        (fault @ Fault::OutOfTime, _) => {
                            validator.reject_resource_fault(fault, self.out_of_time());
                        }
                        // WebAssembly defines what traps.
                        (Fault::Trap, reason) => validator.reject(reason),
                        (fault, reason) => validator.reject_resource_fault(fault, reason),
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

    /// Has no backtrace, because that depends on the moment of the timeout.
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
        let batch = match &self.batch {
            Some(indices) => Some(indices.load(&mut store, &raw).map_err(other)?),
            None => None,
        };
        Ok(Instance {
            store,
            rules,
            batch,
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
            Ok(Err(message)) => Err(SandboxError::TransformConfig(sanitize(&message))),
            Err(error) => Err(instance.call_error("configure", &error)),
        }
    }
}

fn pack_sequence_numbers(batch: &Batch) -> (String, Vec<u32>) {
    let mut text = String::with_capacity(batch.len() * SequenceNumber::MAX_DIGITS);
    let mut ends = Vec::with_capacity(batch.len());
    for position in batch.positions() {
        position.sequence.push_to(&mut text);
        ends.push(u32::try_from(text.len()).unwrap_or(u32::MAX));
    }
    (text, ends)
}
