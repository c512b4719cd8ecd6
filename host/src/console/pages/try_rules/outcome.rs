//! The outcome of a run, as HTML.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::HumanCount;
use maud::{Markup, html};
use sluice_release::admission::AdmissionError;
use sluice_release::compare::Comparison;
use sluice_release::rollback_policy::RollbackPolicy;

use super::form::TryForm;
use super::loaded::Loaded;
use super::place::marked;
use super::rules::not_admitted;
use super::run::{Against, Compared, Ran};
use super::{effects, releases};
use crate::console::components::{count, empty, facts, of, problem, short, short_decimal, table};
use crate::console::payload::inert;
use crate::output;
use crate::tools::author::try_rules::summary::Summary;

/// The most fields that are listed; the rest is counted.
const FIELDS: usize = 20;

/// The step of an admission that checks the transform configuration.
const CONFIG_STEP: &str = "transform_config";

/// What is shown before the first run.
pub(super) fn nothing_yet(form: &TryForm) -> Markup {
    let advice = match form.is_pasted() {
        true => "Paste records, one JSON object a line, or load the sample; then press Run.",
        false => "Press Run to try the rules on the records that you have chosen.",
    };
    empty("Nothing was run yet.", advice)
}

/// What came of a run. `redrive` says how the records can be redriven.
pub(super) fn outcome(ran: &Ran, loaded: &Loaded, redrive: &Markup) -> Markup {
    html! {
        @if let Some(notice) = lost(ran) { (notice) }
        (summary(&ran.summary))
        @for note in &loaded.notes { p.note { (inert(note)) } }
        @if ran.ended_early {
            p.problem role="alert" {
                "The run ended after 20 seconds with " (of(ran.summary.records(), loaded.len() as u64))
                " records. Try fewer records, or rules that take less time."
            }
        }
        h3 { "Compared with" }
        (against(&ran.against, loaded.is_shown, ran.summary.time().median))
        @if let Against::Compared(_) = &ran.against { (effects::compared(&ran.effects)) }
        (redrive)
        h3 { "Records" }
        (ran.rejections.shown())
        ol.try-records { @for record in ran.records() { li { (record) } } }
        @let left = ran.summary.records().saturating_sub(ran.records().count() as u64);
        @if left > 0 {
            p { "The outcome above counts all records. " (count(left)) " of them are not shown." }
        }
    }
}

/// What is said of partitions that events lack.
fn lost(ran: &Ran) -> Option<Markup> {
    let replaced = match &ran.against {
        Against::Compared(compared) => Some(releases::name(&compared.rules.bundle)),
        Against::Nothing(_) | Against::Failed(_) => None,
    };
    effects::notice(&ran.effects, replaced.as_deref(), ran.rules)
}

/// The counts of all records, and what they took.
fn summary(summary: &Summary) -> Markup {
    let (fuel, time) = (summary.fuel(), summary.time());
    let pair = |median: String, max: String| html! { (median) " median, " (max) " largest" };
    facts(&[
        ("Records", count(summary.records())),
        (
            "With events",
            html! { (count(summary.with_events)) " (" (output::counted(summary.events, "event")) ")" },
        ),
        (
            "Quarantined",
            html! {
                (count(summary.quarantined_records()))
                @for (code, records) in &summary.quarantined { br; code { (code) } " " (count(*records)) }
            },
        ),
        ("Dropped", count(summary.dropped)),
        (
            "Fuel of a record",
            pair(
                HumanCount(fuel.median).to_string(),
                HumanCount(fuel.max).to_string(),
            ),
        ),
        ("Time of a record", pair(took(time.median), took(time.max))),
    ])
}

/// A time as short as a record takes.
pub(super) fn took(time: Duration) -> String {
    format!("{time:.1?}")
}

/// How much longer a record takes than with the compared rules, for the page that follows a publication.
pub(super) fn times(ran: &Ran) -> Option<String> {
    let Against::Compared(compared) = &ran.against else {
        return None;
    };
    (compared.comparison.records > 0).then(|| {
        let times = times_as_long(ran.summary.time().median, compared.time);
        let role = inert(&compared.rules.role);
        format!("{times} Try has measured that, compared with {role}.")
    })
}

/// How long a record takes, compared with other rules.
fn times_as_long(found: Duration, before: Duration) -> String {
    let times = format!("{} against {}, the medians", took(found), took(before));
    let ratio = found.as_secs_f64() / before.as_secs_f64().max(f64::EPSILON);
    match (0.8..1.25).contains(&ratio) {
        true => format!("A record takes about as long: {times}."),
        false => {
            let ratio = short_decimal(ratio);
            format!("A record takes about {ratio} times as long: {times}.")
        }
    }
}

/// How long a record takes, and what workers would do for it. A worker compares the means of more records.
fn slower(found: Duration, before: Duration) -> Markup {
    let policy = RollbackPolicy::default();
    let times = times_as_long(found, before);
    let [found, before] = [found, before].map(|time| time.as_secs_f64());
    html! {
        p { (times) }
        @if policy.is_slower(found * 1e9, before * 1e9) {
            p.caution {
                "Workers would roll these rules back for their time, unless other limits are given with their activation: a \
                 record takes more than " (policy.slower) " times as long, and more than 100 µs."
            }
        }
    }
}

fn against(against: &Against, is_shown: bool, time: Duration) -> Markup {
    match against {
        Against::Nothing(why) => html! { p { strong { "Nothing." } " " (inert(why)) } },
        Against::Failed(why) => problem(&format!("cannot compare with {why}")),
        Against::Compared(compared) => {
            let Compared {
                rules, comparison, ..
            } = &**compared;
            html! {
                p.compared {
                    (inert(&rules.role))
                    @if rules.is_release { " " (short(&rules.bundle.manifest().id().to_string())) }
                    ": " (releases::described(&rules.bundle)) "."
                    @if !rules.why.is_empty() { " " (inert(&rules.why)) }
                }
                p {
                    strong { (of(comparison.differ, comparison.records)) " differ" } "."
                    @if comparison.differ > 0 { " These are listed first." }
                }
                (compared_by(comparison, is_shown))
                @if comparison.records > 0 { (slower(time, compared.time)) }
            }
        }
    }
}

/// The differences by change of outcome and by field, the most frequent first. The names of fields are parts of records.
fn compared_by(comparison: &Comparison, is_shown: bool) -> Markup {
    let list = |title: &str, counts: &BTreeMap<String, u64>| {
        let mut counts: Vec<_> = counts.iter().collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let left = counts.len().saturating_sub(FIELDS);
        let rows: Vec<_> = counts
            .iter()
            .take(FIELDS)
            .map(|(name, number)| vec![html! { code { (inert(name)) } }, count(**number)])
            .collect();
        html! {
            @if !rows.is_empty() {
                (table(title, &[title, "Number"], &rows))
                @if left > 0 { p { "and " (left) " more" } }
            }
        }
    };
    html! {
        (list("Records whose outcome changed", &comparison.outcomes))
        @if is_shown { (list("Results that differ in a field", &comparison.fields)) }
    }
}

/// Why there is no outcome. An error in a program is shown with its line. What else fails can quote a record: if
/// those are not shown, it is not either.
pub(super) fn failed(error: &anyhow::Error, program: Option<&str>, is_shown: bool) -> Markup {
    let Some(error) = error.downcast_ref::<AdmissionError>() else {
        return match is_shown {
            true => problem(&output::with_causes(error)),
            false => problem(
                "The rules failed outside of any record. To see why, start the console with --show-payloads.",
            ),
        };
    };
    let why = not_admitted(error);
    let marked = program.and_then(|program| marked(program, &why));
    html! {
        div.problem role="alert" {
            p { "The rules are not admitted. " (inert(&why)) }
            @if error.step() == CONFIG_STEP { p { a href="#try-config" { "The transform configuration" } } }
        }
        @if let Some(marked) = marked {
            pre.marked tabindex="0" aria-label="The line of the program with a mark below the place" { (inert(&marked)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(found: u64, before: u64) -> String {
        let [found, before] = [found, before].map(Duration::from_nanos);
        slower(found, before).into_string()
    }

    #[test]
    fn times_are_compared_and_what_a_worker_would_do_is_said() {
        let html = says(9_400, 940);
        assert!(
            html.contains("about 10 times as long: 9.4µs against 940.0ns"),
            "{html}"
        );
        assert!(!html.contains("roll these rules back"), "{html}");
        let html = says(500_000, 100_000);
        assert!(
            html.contains("about 5 times as long") && html.contains("more than 3 times as long"),
            "{html}"
        );
        assert!(
            says(290_000, 100_000).contains("2.9 times")
                && !says(290_000, 100_000).contains("roll these")
        );
        assert!(says(1_000, 1_100).contains("about as long"));
        assert!(says(1_000, 4_000).contains("0.25 times as long"));
    }
}
