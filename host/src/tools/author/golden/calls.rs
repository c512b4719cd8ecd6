//! Runs the records of a case by each call that the component exports, and each record in a new instance, and
//! compares the results.

use indicatif::{HumanBytes, HumanCount};
use sluice_engine::limits::Limits;
use sluice_engine::outcome::Fault;
use sluice_engine::record::Batch;
use sluice_engine::sandbox::{Program, SandboxError};
use sluice_release::compare::record_result::{RecordResult, record_results};

use super::input::Input;
use super::report;

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

/// Two ways to transform the same record, in the words of a report.
struct Ways<'a> {
    expected: &'a str,
    got: &'a str,
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
    let calls = program.calls();
    let call = if calls.records {
        Call::Transform
    } else {
        Call::FieldsOfOne
    };
    let alone = call.run(program, batch)?.unwrap_or_default();
    let comparison = Comparison {
        program,
        input,
        batch,
        call,
        alone,
    };
    let others = [
        (calls.fields && calls.records, Call::FieldsOfOne),
        (calls.batch, Call::Batch),
        (calls.fields, Call::Fields),
    ];
    let mut differences = comparison.with_new_instances(new_instances)?;
    let mut over_limit = Vec::new();
    // Each further call would repeat the differences of a transform that keeps state.
    if differences.is_empty() {
        let all: Vec<_> = (0..batch.len()).collect();
        for (_, other) in others.into_iter().filter(|(exported, _)| *exported) {
            match comparison.with_call(other, &all)? {
                Ok(Fit::All) => {}
                Ok(Fit::Fewer) => over_limit.push(other.name()),
                Err(difference) => differences += &difference,
            }
        }
    }
    let results = if differences.is_empty() {
        Ok(comparison.alone)
    } else {
        Err(differences)
    };
    Ok(Compared {
        results,
        over_limit,
    })
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
                return Ok(self.state(self.call, index, new.as_ref(), &self.alone[index]));
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
            return Ok(Err(self.failure(call, indexes)));
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
                return Ok(Some(self.state(call, index, new.as_ref(), got)));
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
    fn state(
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
        let differences = ways.report(self.program.limits(), new, got);
        format!(
            "    {place}: the outcome depends on the records before it: the transform keeps state between records, \
             which the contract forbids; keep nothing of a record in a static or thread-local variable\n    {call} \
             {differences}"
        )
    }

    fn failure(&self, call: Call, indexes: &[usize]) -> String {
        let (first, last) = (indexes.first(), indexes.last());
        let [first, last] = [first, last].map(|index| self.place(index.copied().unwrap_or(0)));
        let call = call.name();
        if let [_] = indexes {
            return format!("    {first}: {call} fails as a whole, and no record fails alone\n");
        }
        format!(
            "    {call} fails as a whole, and no record fails alone, with the {} from {first} to {last}\n",
            crate::output::counted(indexes.len() as u64, "record")
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

impl Ways<'_> {
    /// What differs between the results of a record.
    fn report(
        &self,
        limits: &Limits,
        expected: Option<&RecordResult>,
        got: &RecordResult,
    ) -> String {
        let exceeded = [expected, Some(got)].map(|result| exceeded(limits, result?));
        let why = match exceeded {
            [Some(limit), None] => Some((self.expected, limit)),
            [None, Some(limit)] => Some((self.got, limit)),
            _ => None,
        };
        let why = why.map_or_else(String::new, |(way, limit)| {
            format!(": only {way} exceeds a limit of resources, {limit}")
        });
        let lines = expected.map_or_else(String::new, |expected| expected.lines.join("\n"));
        let differences = report::differences("result", &lines, &got.lines);
        let Self { expected, got } = self;
        format!("{expected} (expected) and {got} (got) differ{why}\n{differences}")
    }
}

/// The fault of a record, if it has one.
fn fault(result: &RecordResult) -> Option<Fault> {
    let is_of = |fault: &Fault| {
        let code = fault.code();
        let begin = format!(r#"{{"quarantined":{{"code":"{code}","#);
        result.lines.iter().any(|line| line.starts_with(&begin))
    };
    Fault::ALL.into_iter().find(is_of)
}

/// Whether a record has a fault for which a call with more records fails as a whole.
fn fails_a_batch(result: &RecordResult) -> bool {
    fault(result).is_some_and(|fault| {
        fault.is_of_resource() || matches!(fault, Fault::Trap | Fault::RecordTooLarge)
    })
}

/// The limit of resources that a record exceeds.
fn exceeded(limits: &Limits, result: &RecordResult) -> Option<String> {
    Some(match fault(result)? {
        Fault::OutOfFuel => format!("`--limits-fuel`, {}", HumanCount(limits.fuel)),
        Fault::OutOfMemory => {
            let bytes = limits.memory_bytes as u64;
            format!("`--limits-memory`, {}", HumanBytes(bytes))
        }
        Fault::OutOfTime => format!("`--limits-time`, {:?}", limits.time),
        Fault::StackOverflow => "the stack".to_owned(),
        _ => return None,
    })
}

/// Enough for two batches that fit `limits` each. A call that fails with them as well has another fault.
fn higher(limits: &Limits) -> Limits {
    Limits {
        memory_bytes: limits.memory_bytes.saturating_mul(4),
        ..limits.for_repetition()
    }
}

#[cfg(test)]
mod tests {
    use sluice_release::compare::record_result::ResultKind;

    use super::*;

    fn result(line: &str) -> RecordResult {
        RecordResult {
            kind: ResultKind::Events,
            lines: vec![line.to_owned()],
        }
    }

    #[test]
    fn a_batch_may_fail_as_a_whole_only_where_a_record_does() {
        for (line, fails) in [
            (r#"{"quarantined":{"code":"trap","message":"x"}}"#, true),
            (
                r#"{"quarantined":{"code":"out_of_fuel","message":"x"}}"#,
                true,
            ),
            (
                r#"{"quarantined":{"code":"not_wanted","message":"trap"}}"#,
                false,
            ),
            (
                r#"{"quarantined":{"code":"not_interoperable","message":"x"}}"#,
                false,
            ),
        ] {
            assert_eq!(fails_a_batch(&result(line)), fails, "{line}");
        }
    }

    #[test]
    fn a_result_that_only_one_way_cannot_afford_names_the_limit() {
        let ways = Ways {
            expected: "`transform`",
            got: "`transform-fields`",
        };
        let limits = Limits::default();
        let event = result(r#"{"event":1}"#);
        let over = result(r#"{"quarantined":{"code":"out_of_memory","message":"x"}}"#);
        let report = ways.report(&limits, Some(&event), &over);
        let limit =
            "only `transform-fields` exceeds a limit of resources, `--limits-memory`, 32.00 MiB\n";
        assert!(report.contains(limit), "{report}");
        let report = ways.report(&limits, Some(&over), &event);
        assert!(report.contains("only `transform` exceeds"), "{report}");
        let other = result(r#"{"event":2}"#);
        let report = ways.report(&limits, Some(&event), &other);
        assert!(report.contains("differ\n    result 1: event\n"), "{report}");
    }
}
