//! The calls for a batch: by fields, one for the whole batch, and one for each record.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use super::Program;
use crate::bindings::exports::sluice::transform::batch;
use crate::fields::ScannedBatch;
use crate::instance::Instance;
use crate::outcome::{Fault, Reason, ResourceFault, Transformed};
use crate::output_validation::{OutputValidator, too_large};
use crate::record::{BATCH_MAX_RECORDS, Batch, SequenceNumber};
use crate::sandbox_error::SandboxError;
use crate::usage::Account;

impl Program {
    /// Makes calls by fields; `None` if a call fails as a whole. Each call has the budget of one record, so that no
    /// record passes here with more than it would be allowed alone.
    pub(super) fn call_fields(
        &self,
        scanned: &ScannedBatch<'_>,
        deadline: Option<Instant>,
        account: &mut Account,
    ) -> Result<Option<Transformed>, SandboxError> {
        let mut validator = OutputValidator::new(&self.limits, scanned.records());
        validator.reserve(scanned.len(), scanned.likely_output_bytes());
        let mut instance = None;
        let mut start = 0;
        while start < scanned.len() {
            let end = scanned.len().min(start + self.objects_of_a_call());
            if start > 0 && deadline.is_some_and(|deadline| Instant::now() > deadline) {
                return Err(SandboxError::Late);
            }
            let mut live = match instance.take() {
                Some(live) => live,
                None => self.configured(&account.log)?,
            };
            live.arm(&self.limits);
            let called = live.transform_fields(scanned, start..end);
            let fuel = account.usage.add_call(&live.store, &self.limits);
            let output = match called {
                Ok(output) => output,
                Err(error) => {
                    tracing::debug!(error = %format!("{error:#}"), "a call by fields failed, continuing record by record");
                    return Ok(None);
                }
            };
            if let Err(why) = validator.add_edits(scanned, start..end, &output) {
                tracing::warn!("{why}, continuing record by record");
                return Ok(None);
            }
            self.fuel_per_record
                .store(fuel / (end - start) as u64, Relaxed);
            instance = Some(live);
            start = end;
        }
        validator.reject_before(scanned, u32::MAX);
        Ok(Some(validator.finish()))
    }

    /// How many records share a call: so many that the call probably uses half of its fuel at most. A transform
    /// that takes much fuel would fail on every whole batch.
    fn objects_of_a_call(&self) -> usize {
        let fuel = self.fuel_per_record.load(Relaxed).max(1);
        let objects = self.limits.fuel / 2 / fuel;
        usize::try_from(objects).map_or(BATCH_MAX_RECORDS, |objects| {
            objects.clamp(1, BATCH_MAX_RECORDS)
        })
    }

    /// Makes calls by fields with one record each.
    pub(super) fn call_per_object(
        &self,
        batch: &Batch,
        scanned: &ScannedBatch<'_>,
        known: &[ResourceFault],
        deadline: Option<Instant>,
        account: &mut Account,
    ) -> Result<Transformed, SandboxError> {
        let before = account.usage.fuel;
        let transformed = self.one_by_one(
            batch,
            known,
            deadline,
            account,
            |record, live, validator| match scanned.object_of(record) {
                None => {
                    validator.reject_before(scanned, record + 1);
                    Ok(())
                }
                Some(object) => {
                    let objects = object..object + 1;
                    let output = live.transform_fields(scanned, objects.clone())?;
                    if let Err(why) = validator.add_edits(scanned, objects, &output) {
                        validator.reject(Reason::fault(Fault::InvalidOutput, why));
                    }
                    Ok(())
                }
            },
        )?;
        if scanned.len() > 0 {
            let fuel = (account.usage.fuel - before) / scanned.len() as u64;
            self.fuel_per_record.store(fuel, Relaxed);
        }
        Ok(transformed)
    }

    /// Makes the batch call; `None` if the component exports none, if a record is too large, or if the batch
    /// fails as a whole. The whole batch has the budget of one record, so that no record passes here
    /// with more than it would be allowed alone.
    pub(super) fn call_batch(
        &self,
        records: &Batch,
        account: &mut Account,
    ) -> Result<Option<Transformed>, SandboxError> {
        if !self.calls.batch || records.largest() > self.limits.record_bytes {
            return Ok(None);
        }
        let mut instance = self.configured(&account.log)?;
        let (sequence_numbers, sequence_number_ends) = pack_sequence_numbers(records);
        let called = instance.transform_batch(batch::RecordBatch {
            data: records.data(),
            data_ends: records.data_ends(),
            partition_keys: records.partition_keys(),
            partition_key_ends: records.partition_key_ends(),
            sequence_numbers: &sequence_numbers,
            sequence_number_ends: &sequence_number_ends,
            arrived_at: records.arrived_at(),
            shard: records.shard().as_str(),
        });
        account.usage.add_call(&instance.store, &self.limits);
        match called {
            Ok(outcome) => {
                Ok(OutputValidator::new(&self.limits, records.len()).batch(records.len(), outcome))
            }
            Err(error) => {
                tracing::debug!(error = %format!("{error:#}"), "the batch call failed, continuing record by record");
                Ok(None)
            }
        }
    }

    pub(super) fn call_per_record(
        &self,
        batch: &Batch,
        known: &[ResourceFault],
        deadline: Option<Instant>,
        account: &mut Account,
    ) -> Result<Transformed, SandboxError> {
        self.one_by_one(
            batch,
            known,
            deadline,
            account,
            |record, live, validator| {
                let record = batch.record(record as usize);
                live.transform(batch, &record, validator)
            },
        )
    }

    /// Transforms record by record. `call` adds the outcome of a record, or fails with the fault of the call.
    fn one_by_one(
        &self,
        batch: &Batch,
        known: &[ResourceFault],
        deadline: Option<Instant>,
        account: &mut Account,
        mut call: impl FnMut(u32, &mut Instance, &mut OutputValidator<'_>) -> wasmtime::Result<()>,
    ) -> Result<Transformed, SandboxError> {
        let mut validator = OutputValidator::new(&self.limits, batch.len());
        let mut instance = None;
        let mut known = known.iter().peekable();
        for (index, record) in (0..).zip(batch.records()) {
            if deadline.is_some_and(|deadline| Instant::now() > deadline) {
                return Err(SandboxError::Late);
            }
            account.begin_record();
            if record.data.len() > self.limits.record_bytes {
                validator.reject(too_large(record.data.len(), &self.limits));
            } else if let Some(known) = known.next_if(|known| known.record == index) {
                // As after the fault itself, so that the next record finds no memory of this one.
                instance = None;
                let why = "an earlier attempt at this chunk came to this result, which is pinned";
                validator.reject_resource_fault(known.fault, Reason::fault(known.fault, why));
            } else {
                let call = |live: &mut Instance, validator: &mut OutputValidator<'_>| {
                    call(index, live, validator)
                };
                self.run_record(&mut instance, &mut validator, account, call)?;
            }
        }
        Ok(validator.finish())
    }

    /// Transforms one record in `instance`, or in a new one if there is none; drops the instance if it
    /// trapped.
    fn run_record(
        &self,
        instance: &mut Option<Instance>,
        validator: &mut OutputValidator<'_>,
        account: &mut Account,
        mut call: impl FnMut(&mut Instance, &mut OutputValidator<'_>) -> wasmtime::Result<()>,
    ) -> Result<(), SandboxError> {
        let mut timed_out = false;
        loop {
            let mut live = match instance.take() {
                Some(live) => live,
                None => self.configured(&account.log)?,
            };
            live.arm(&self.limits);
            let begun = account.begin_call();
            let called = call(&mut live, validator);
            account.end_call(begun, &live.store, &self.limits);
            let Err(error) = called else {
                *instance = Some(live);
                return Ok(());
            };
            match live.failure(&error) {
                (Fault::OutOfTime, _) if !timed_out => timed_out = true,
                (fault, reason) => {
                    self.reject_failed(fault, reason, validator);
                    return Ok(());
                }
            }
        }
    }

    /// Quarantines a record on which the component failed.
    fn reject_failed(&self, fault: Fault, reason: Reason, validator: &mut OutputValidator<'_>) {
        match fault {
            // WebAssembly defines what traps.
            Fault::Trap => validator.reject(reason),
            Fault::OutOfTime => validator.reject_resource_fault(fault, self.out_of_time()),
            _ => validator.reject_resource_fault(fault, reason),
        }
    }

    /// Has no backtrace, because that depends on the moment of the timeout.
    fn out_of_time(&self) -> Reason {
        let limit = self.limits.time;
        Reason::fault(
            Fault::OutOfTime,
            format!("took more than limits.time, {limit:?}, twice"),
        )
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
