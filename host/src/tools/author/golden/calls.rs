//! Runs the records of a case by each call that the component exports, and each record in a new instance, and
//! compares the results.

use sluice_engine::limits::Limits;
use sluice_engine::record::Batch;
use sluice_engine::sandbox::{Calls, Program, SandboxError};
use sluice_release::compare::record_result::{RecordResult, record_results};

use super::input::Input;
use super::ways::{Ways, fails_a_batch};
use crate::output;

/// How records are given to a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    /// Calls per record.
    Transform,
    /// Calls by fields with one record each. They show what differs in calls by fields, apart from how records share
    /// them.
    FieldsOfOne,
    /// A batch call.
    Batch,
    /// Calls by fields with many records.
    Fields,
}

impl Call {
    fn name(self) -> &'static str {
        match self {
            Self::Transform => "`transform`",
            Self::FieldsOfOne => "`transform-fields` with one record",
            Self::Batch => "`transform-batch`",
            Self::Fields => "`transform-fields`",
        }
    }

    /// The results of a batch in one instance; `None` if a call fails as a whole.
    fn run(
        self,
        program: &Program,
        batch: &Batch,
    ) -> Result<Option<Vec<RecordResult>>, SandboxError> {
        let outcome = match self {
            Self::Transform => Some(program.run_per_record(batch)?),
            Self::FieldsOfOne => program.run_per_field_record(batch)?,
            Self::Batch => program.run_batch(batch)?,
            Self::Fields => program.run_fields(batch)?,
        };
        Ok(outcome.map(|outcome| record_results(batch.len(), &outcome)))
    }
}

/// How many records of a batch fit the limits of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    /// All of them.
    All,
    /// Fewer: they were compared with higher limits, or in smaller batches.
    Fewer,
}

/// What comes of a batch of a case.
pub(super) struct Compared {
    /// The results of its records, or the differences between the ways to run them, line by line.
    pub(super) results: Result<Vec<RecordResult>, String>,
    /// The calls that exceed a limit with records that have an outcome alone.
    pub(super) over_limit: Vec<&'static str>,
}

/// Runs a batch by all calls, and its first `new_instances` records in a new instance each.
///
/// # Errors
/// A fault of the component as a whole.
pub(super) fn compare(
    program: &Program,
    input: &Input<'_>,
    batch: &Batch,
    new_instances: usize,
) -> Result<Compared, SandboxError> {
    let (call, others) = exported(program.calls());
    let comparison = Comparison {
        program,
        input,
        batch,
        call,
        alone: call.run(program, batch)?.unwrap_or_default(),
    };
    let mut differences = comparison.with_new_instances(new_instances)?;
    let mut over_limit = Vec::new();
    // Each further call would repeat the differences of a transform that keeps state.
    if differences.is_empty() {
        let all: Vec<_> = (0..batch.len()).collect();
        for other in others {
            match comparison.with_call(other, &all)? {
                Ok(Fit::All) => {}
                Ok(Fit::Fewer) => over_limit.push(other.name()),
                Err(difference) => differences += &difference,
            }
        }
    }
    let results = match differences.is_empty() {
        true => Ok(comparison.alone),
        false => Err(differences),
    };
    Ok(Compared {
        results,
        over_limit,
    })
}

/// The call with one record that a component exports, and all other calls.
fn exported(calls: Calls) -> (Call, Vec<Call>) {
    let others = [
        (calls.records && calls.fields, Call::FieldsOfOne),
        (calls.batch, Call::Batch),
        (calls.fields, Call::Fields),
    ];
    let others = others.into_iter().filter(|(is_exported, _)| *is_exported);
    let first = match calls.records {
        true => Call::Transform,
        false => Call::FieldsOfOne,
    };
    (first, others.map(|(_, call)| call).collect())
}

/// The results that all other ways are compared with.
struct Comparison<'a> {
    program: &'a Program,
    input: &'a Input<'a>,
    batch: &'a Batch,
    /// A call for each record, in one instance.
    call: Call,
    alone: Vec<RecordResult>,
}

impl Comparison<'_> {
    /// How the first record differs that has another result in a new instance; empty if there is none.
    fn with_new_instances(&self, records: usize) -> Result<String, SandboxError> {
        // The first record of a batch is in a new instance anyway.
        for index in 1..self.batch.len().min(records) {
            let new = self.alone_by(self.call, index)?;
            if new.as_ref() != Some(&self.alone[index]) {
                return Ok(self.report_state(self.call, index, new.as_ref(), &self.alone[index]));
            }
        }
        Ok(String::new())
    }

    /// Compares these records, at least one, with another call. The inner error is the first difference.
    ///
    /// A call with many records has the budget of one. So it may fail as a whole although no record fails alone. Then
    /// its records are compared in smaller batches, and if each half of a batch fits, with higher limits.
    fn with_call(
        &self,
        call: Call,
        indexes: &[usize],
    ) -> Result<Result<Fit, String>, SandboxError> {
        let batch = self.batch_of(indexes);
        if let Some(results) = call.run(self.program, &batch)? {
            let difference = self.difference(call, indexes, &results)?;
            return Ok(difference.map_or(Ok(Fit::All), Err));
        }
        let has_outcome = |index: &&usize| !fails_a_batch(&self.alone[**index]);
        let others: Vec<_> = indexes.iter().filter(has_outcome).copied().collect();
        match others.len() {
            0 => return Ok(Ok(Fit::All)),
            some if some < indexes.len() => return self.with_call(call, &others),
            _ => {}
        }
        match self.with_halves(call, indexes)? {
            Ok(Fit::All) => {}
            fewer_or_difference => return Ok(fewer_or_difference),
        }
        let with_more = self.program.with_limits(higher(self.program.limits()));
        let Some(results) = call.run(&with_more, &batch)? else {
            return Ok(Err(self.report_failure(call, indexes)));
        };
        let difference = self.difference(call, indexes, &results)?;
        Ok(difference.map_or(Ok(Fit::Fewer), Err))
    }

    /// Compares each half of these records with another call. One record has no halves.
    fn with_halves(
        &self,
        call: Call,
        indexes: &[usize],
    ) -> Result<Result<Fit, String>, SandboxError> {
        let mut fit = Fit::All;
        if indexes.len() > 1 {
            let (first, second) = indexes.split_at(indexes.len() / 2);
            for half in [first, second] {
                match self.with_call(call, half)? {
                    Ok(Fit::All) => {}
                    Ok(Fit::Fewer) => fit = Fit::Fewer,
                    Err(difference) => return Ok(Err(difference)),
                }
            }
        }
        Ok(Ok(fit))
    }

    /// How the first record differs that has another result than alone.
    fn difference(
        &self,
        call: Call,
        indexes: &[usize],
        results: &[RecordResult],
    ) -> Result<Option<String>, SandboxError> {
        let mut pairs = indexes.iter().zip(results);
        let Some((&index, got)) = pairs.find(|(index, got)| self.alone[**index] != **got) else {
            return Ok(None);
        };
        let expected = &self.alone[index];
        if indexes.len() > 1 {
            let new = self.alone_by(call, index)?;
            if new.as_ref() == Some(expected) {
                return Ok(Some(self.report_state(call, index, new.as_ref(), got)));
            }
        }
        let ways = Ways {
            expected: self.call.name(),
            got: call.name(),
        };
        let begin = self.place(index);
        Ok(Some(format!(
            "    {begin}: {}",
            ways.report(self.program.limits(), Some(expected), got)
        )))
    }

    /// The report of a record whose result in a new instance is another one than after other records.
    fn report_state(
        &self,
        call: Call,
        index: usize,
        new: Option<&RecordResult>,
        got: &RecordResult,
    ) -> String {
        let (place, call) = (self.place(index), call.name());
        let ways = Ways {
            expected: "in a new instance",
            got: "after other records",
        };
        // How much fuel and memory a record takes may depend on what the allocator did before.
        if let Some((way, limit)) = ways.over_limit(self.program.limits(), new, got) {
            let differences = Ways::differences(new, got);
            return format!(
                "    {place}: {call} exceeds a limit of resources, {limit}, only {way}: the record is close to the \
                 limit, or the transform keeps memory of the records before it\n{differences}"
            );
        }
        let differences = ways.report(self.program.limits(), new, got);
        format!(
            "    {place}: the outcome depends on the records before it: the transform keeps state between records, \
             which the contract forbids; keep nothing of a record in a static or thread-local variable\n    {call} \
             {differences}"
        )
    }

    fn report_failure(&self, call: Call, indexes: &[usize]) -> String {
        let (first, last) = (indexes.first(), indexes.last());
        let [first, last] = [first, last].map(|index| self.place(index.copied().unwrap_or(0)));
        let call = call.name();
        if let [_] = indexes {
            return format!("    {first}: {call} fails as a whole, and no record fails alone\n");
        }
        format!(
            "    {call} fails as a whole, and no record fails alone, with the {} from {first} to {last}\n",
            output::counted(indexes.len() as u64, "record")
        )
    }

    /// The result of one record in a new instance; `None` if the call fails as a whole.
    fn alone_by(&self, call: Call, index: usize) -> Result<Option<RecordResult>, SandboxError> {
        let results = call.run(self.program, &self.batch_of(&[index]))?;
        Ok(results.and_then(|results| results.into_iter().next()))
    }

    fn batch_of(&self, indexes: &[usize]) -> Batch {
        let mut batch = Batch::new(self.batch.shard().clone());
        for index in indexes {
            batch.push(self.batch.record(*index));
        }
        batch
    }

    fn place(&self, index: usize) -> String {
        self.input.place(self.batch.positions()[index])
    }
}

/// Enough for two batches that fit `limits` each. A call that fails with them as well has another fault.
fn higher(limits: &Limits) -> Limits {
    Limits {
        memory_bytes: limits.memory_bytes.saturating_mul(4),
        ..limits.for_repetition()
    }
}
