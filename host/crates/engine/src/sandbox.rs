//! Runs one batch in the sandbox, in a new instance: in calls by fields or a batch call if the component exports them,
//! and record by record if it does not, or if a call fails as a whole.

mod calls;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use wasmtime::component::{HasSelf, InstancePre, Linker};
use wasmtime::{Engine, Store};

use super::bindings::exports::sluice::transform::rules;
use super::bindings::sluice::transform::log;
use super::drive::{arm, drive};
use super::fields::{Declared, ScannedBatch};
use super::instance::Instance;
use super::interfaces::Interfaces;
use super::limits::Limits;
use super::log_budget::LogBudget;
use super::outcome::{ResourceFault, Transformed};
use super::sanitize::sanitize;
use super::state::State;
use super::usage::{Account, RecordUsage, Usage};

use crate::record::Batch;

pub use super::interfaces::Calls;
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
    interfaces: Interfaces,
    calls: Calls,
    transform_config: String,
    limits: Limits,
    declared: OnceLock<Arc<Declared>>,
    /// The fuel of a record in the last calls by fields; 0 if there was none.
    fuel_per_record: AtomicU64,
}

impl Program {
    /// A component that has been linked, with its configuration and limits.
    ///
    /// # Errors
    /// An interface that `calls` names, or `rules`, has other types than in the contract.
    pub fn new(
        pre: InstancePre<State>,
        calls: Calls,
        transform_config: String,
        limits: Limits,
    ) -> wasmtime::Result<Self> {
        Ok(Self {
            interfaces: Interfaces::new(&pre, calls)?,
            pre,
            calls,
            transform_config,
            limits,
            declared: OnceLock::new(),
            fuel_per_record: AtomicU64::new(0),
        })
    }

    /// The same component and configuration with other limits.
    #[must_use]
    pub fn with_limits(&self, limits: Limits) -> Self {
        Self {
            pre: self.pre.clone(),
            interfaces: self.interfaces.clone(),
            calls: self.calls,
            transform_config: self.transform_config.clone(),
            limits,
            declared: self.declared.clone(),
            fuel_per_record: AtomicU64::new(self.fuel_per_record.load(Relaxed)),
        }
    }

    /// The limits.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The interfaces by which records can be given to the component.
    #[must_use]
    pub fn calls(&self) -> Calls {
        self.calls
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

    /// Checks what the component declares to read and write, if it takes fields.
    ///
    /// # Errors
    /// The error that each batch would get.
    pub fn check_declaration(&self) -> Result<(), SandboxError> {
        if self.calls.fields {
            self.declared().map(drop)?;
        }
        Ok(())
    }

    /// What the component declares, for all batches: it depends on the configuration only.
    fn declared(&self) -> Result<&Declared, SandboxError> {
        if let Some(declared) = self.declared.get() {
            return Ok(declared);
        }
        let mut instance = self.configured(&Arc::default())?;
        let declaration = instance.declare();
        let declaration = declaration.map_err(|error| instance.call_error("declare", &error))?;
        let declared =
            Declared::new(declaration).map_err(|why| SandboxError::Declaration(sanitize(&why)))?;
        Ok(self.declared.get_or_init(|| Arc::new(declared)))
    }

    /// Transforms a batch. `known` are the resource faults of an earlier run of the same batch, in order: these
    /// records are not transformed again. After `deadline`, no further call is started.
    ///
    /// # Errors
    /// A fault of the component as a whole; a fault of a record is its outcome.
    pub fn run(
        &self,
        batch: &Batch,
        known: &[ResourceFault],
        deadline: Option<Instant>,
    ) -> Result<Transformed, SandboxError> {
        self.run_with(batch, known, deadline, &mut Account::default())
    }

    /// Transforms a batch as [`run`](Self::run) does, and measures what it uses.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn measure(&self, batch: &Batch) -> Result<(Transformed, Usage), SandboxError> {
        let mut account = Account::default();
        let transformed = self.run_with(batch, &[], None, &mut account)?;
        Ok((transformed, account.usage))
    }

    /// Measures each record of a batch alone: in a call of its own, by the interface that [`run`](Self::run) uses.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn measure_each(&self, batch: &Batch) -> Result<Vec<RecordUsage>, SandboxError> {
        if !batch.undecoded().is_empty() {
            let (decoded, indexes) = batch.decoded();
            let mut used = vec![RecordUsage::default(); batch.len()];
            for (index, of_record) in indexes.into_iter().zip(self.measure_each(&decoded)?) {
                used[index as usize] = of_record;
            }
            return Ok(used);
        }
        let mut account = Account::of_each_record();
        if self.calls.fields {
            let scanned = ScannedBatch::new(batch, self.declared()?, &self.limits);
            self.call_per_object(batch, &scanned, &[], None, &mut account)?;
        } else {
            self.call_per_record(batch, &[], None, &mut account)?;
        }
        Ok(account.into_records())
    }

    /// Transforms the records of a batch that are decoded; the others have their outcome.
    fn run_with(
        &self,
        batch: &Batch,
        known: &[ResourceFault],
        deadline: Option<Instant>,
        account: &mut Account,
    ) -> Result<Transformed, SandboxError> {
        if batch.undecoded().is_empty() {
            return self.run_decoded(batch, known, deadline, account);
        }
        let (decoded, indexes) = batch.decoded();
        let known: Vec<_> = known
            .iter()
            .filter_map(|known| known.among(&indexes))
            .collect();
        let transformed = match decoded.is_empty() {
            true => Transformed::default(),
            false => self.run_decoded(&decoded, &known, deadline, account)?,
        };
        Ok(transformed.with_undecoded(&indexes, batch.undecoded()))
    }

    fn run_decoded(
        &self,
        batch: &Batch,
        known: &[ResourceFault],
        deadline: Option<Instant>,
        account: &mut Account,
    ) -> Result<Transformed, SandboxError> {
        if self.calls.fields {
            let scanned = ScannedBatch::new(batch, self.declared()?, &self.limits);
            if known.is_empty()
                && let Some(transformed) = self.call_fields(&scanned, deadline, account)?
            {
                return Ok(transformed);
            }
            return self.call_per_object(batch, &scanned, known, deadline, account);
        }
        if known.is_empty()
            && let Some(transformed) = self.call_batch(batch, account)?
        {
            return Ok(transformed);
        }
        self.call_per_record(batch, known, deadline, account)
    }

    /// Transforms a batch in calls by fields alone; `None` if the component does not export them, or if a call fails as
    /// a whole.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_fields(&self, batch: &Batch) -> Result<Option<Transformed>, SandboxError> {
        if !self.calls.fields {
            return Ok(None);
        }
        let scanned = ScannedBatch::new(batch, self.declared()?, &self.limits);
        self.call_fields(&scanned, None, &mut Account::default())
    }

    /// Transforms a batch in calls by fields with one record each; `None` if the component does not export them.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_per_field_record(&self, batch: &Batch) -> Result<Option<Transformed>, SandboxError> {
        if !self.calls.fields {
            return Ok(None);
        }
        let scanned = ScannedBatch::new(batch, self.declared()?, &self.limits);
        let account = &mut Account::default();
        self.call_per_object(batch, &scanned, &[], None, account)
            .map(Some)
    }

    /// Transforms a batch by a batch call alone; `None` if the component exports none, if a record is
    /// too large for it, or if the batch fails as a whole.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_batch(&self, batch: &Batch) -> Result<Option<Transformed>, SandboxError> {
        self.call_batch(batch, &mut Account::default())
    }

    /// Transforms a batch with one record in each call: by `transform` if the component exports it, and otherwise
    /// in calls by fields.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_per_record(&self, batch: &Batch) -> Result<Transformed, SandboxError> {
        if !self.calls.records
            && let Some(transformed) = self.run_per_field_record(batch)?
        {
            return Ok(transformed);
        }
        self.call_per_record(batch, &[], None, &mut Account::default())
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
        self.interfaces
            .load(store, &raw)
            .map_err(SandboxError::Contract)
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
