//! How two results of the same record differ, and whether one of them exceeds a limit of resources.

use indicatif::{HumanBytes, HumanCount};
use sluice_engine::limits::Limits;
use sluice_engine::outcome::Fault;
use sluice_release::compare::record_result::RecordResult;

use super::report;

/// Two ways to transform the same record, in the words of a report.
pub(super) struct Ways<'a> {
    pub(super) expected: &'a str,
    pub(super) got: &'a str,
}

impl Ways<'_> {
    /// The way that exceeds a limit of resources with a record, and the limit, if the other way does not.
    pub(super) fn over_limit(
        &self,
        limits: &Limits,
        expected: Option<&RecordResult>,
        got: &RecordResult,
    ) -> Option<(&str, String)> {
        match [expected, Some(got)].map(|result| exceeded(limits, result?)) {
            [Some(limit), None] => Some((self.expected, limit)),
            [None, Some(limit)] => Some((self.got, limit)),
            _ => None,
        }
    }

    /// Says that the results of a record differ, and how.
    pub(super) fn report(
        &self,
        limits: &Limits,
        expected: Option<&RecordResult>,
        got: &RecordResult,
    ) -> String {
        let limit = self.over_limit(limits, expected, got);
        let why = limit.map_or_else(String::new, |(way, limit)| {
            format!(": only {way} exceeds a limit of resources, {limit}")
        });
        let differences = Self::differences(expected, got);
        let Self { expected, got } = self;
        format!("{expected} (expected) and {got} (got) differ{why}\n{differences}")
    }

    /// What differs between the results of a record.
    pub(super) fn differences(expected: Option<&RecordResult>, got: &RecordResult) -> String {
        let lines = expected.map_or_else(String::new, |expected| expected.lines.join("\n"));
        report::differences("result", &lines, &got.lines)
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
pub(super) fn fails_a_batch(result: &RecordResult) -> bool {
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
