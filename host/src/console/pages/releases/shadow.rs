//! What shadows have shown: the comparisons of all workers.

use std::collections::BTreeMap;

use maud::{Markup, html};
use serde::Deserialize;
use sluice_release::bundle::ReleaseId;

use super::linked_text;
use super::scores::{NO_WORKER, sum};
use crate::console::components::{count, empty, facts, of, table};
use crate::console::payload::inert;
use crate::console::releases::ReleasesView;
use crate::console::words::{further, percent};
use crate::console::workers::WorkerView;

/// How many differing records are shown.
const SAMPLES_MAX: usize = 40;

/// How many fields are shown.
const FIELDS_MAX: usize = 100;

/// What a worker reports of a shadow, a `ShadowReport`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct ShadowSeen {
    release: String,
    records: u64,
    differ: u64,
    results: ResultsSeen,
    outcomes: BTreeMap<String, u64>,
    fields: BTreeMap<String, u64>,
    active_ns: u64,
    shadow_ns: u64,
    late_batches: u64,
    failed_batches: u64,
    samples: Vec<SampleSeen>,
}

/// Results by kind of difference.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct ResultsSeen {
    same: u64,
    changed: u64,
    added: u64,
    missing: u64,
    outcome_changed: u64,
}

/// A record whose results differ.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct SampleSeen {
    rid: String,
    fields: Vec<String>,
}

impl ShadowSeen {
    /// Adds what another worker has seen of the same shadow.
    fn add(&mut self, other: Self) {
        self.active_ns = mean(
            (self.active_ns, self.records),
            (other.active_ns, other.records),
        );
        self.shadow_ns = mean(
            (self.shadow_ns, self.records),
            (other.shadow_ns, other.records),
        );
        let (results, others) = (&mut self.results, other.results);
        let numbers = [
            (&mut self.records, other.records),
            (&mut self.differ, other.differ),
            (&mut results.same, others.same),
            (&mut results.changed, others.changed),
            (&mut results.added, others.added),
            (&mut results.missing, others.missing),
            (&mut results.outcome_changed, others.outcome_changed),
            (&mut self.late_batches, other.late_batches),
            (&mut self.failed_batches, other.failed_batches),
        ];
        for (sum, number) in numbers {
            *sum = sum.saturating_add(number);
        }
        let counts = [
            (&mut self.outcomes, other.outcomes),
            (&mut self.fields, other.fields),
        ];
        for (sums, others) in counts {
            for (name, count) in others {
                let sum: &mut u64 = sums.entry(name).or_default();
                *sum = sum.saturating_add(count);
            }
        }
        self.samples.extend(other.samples);
    }
}

/// The mean of two means, each over a number of records.
fn mean(one: (u64, u64), other: (u64, u64)) -> u64 {
    let sum = |(mean, records): (u64, u64)| u128::from(mean) * u128::from(records);
    let records = u128::from(one.1) + u128::from(other.1);
    let mean = (sum(one) + sum(other)) / records.max(1);
    u64::try_from(mean).unwrap_or(u64::MAX)
}

/// What the shadows of the workers have shown, the current one first.
pub(super) fn section(view: &ReleasesView, workers: &[WorkerView]) -> Markup {
    let current = view.rollout.shadow.as_ref();
    let current = current.map(|shadow| shadow.release.to_string());
    let mut seen = seen(workers);
    seen.sort_by_key(|seen| current.as_ref() != Some(&seen.release));
    html! {
        h2 { "What the shadow has shown" }
        @if seen.is_empty() {
            @if current.is_some() && workers.is_empty() {
                (empty(NO_WORKER, "Start the console with --worker http://127.0.0.1:9464, once for each worker."))
            } @else if current.is_some() {
                (empty("No worker has compared a record yet.", "Wait until a chunk of its share has arrived, and check that the workers are polled."))
            } @else {
                (empty("There is no shadow.", "Activate a release as a shadow: it transforms the same records, and its output is compared and discarded."))
            }
        }
        @for seen in &seen {
            (comparison(view, seen, current.as_ref() == Some(&seen.release)))
        }
    }
}

/// What the workers report, a sum for each shadow.
fn seen(workers: &[WorkerView]) -> Vec<ShadowSeen> {
    let mut all: BTreeMap<String, ShadowSeen> = BTreeMap::new();
    for worker in workers {
        let status = worker.current();
        let report = status.and_then(|status| status.shadow.clone());
        let report: Option<ShadowSeen> =
            report.and_then(|report| serde_json::from_value(report).ok());
        if let Some(report) = report {
            all.entry(report.release.clone()).or_default().add(report);
        }
    }
    for (release, seen) in &mut all {
        seen.release.clone_from(release);
    }
    all.into_values().collect()
}

/// How many records of a shadow the workers have compared, and how many of these differ.
pub(super) fn compared(workers: &[WorkerView], release: ReleaseId) -> (u64, u64) {
    let release = release.to_string();
    let seen = seen(workers).into_iter().find(|it| it.release == release);
    seen.map_or((0, 0), |seen| (seen.records, seen.differ))
}

fn comparison(view: &ReleasesView, seen: &ShadowSeen, is_current: bool) -> Markup {
    let results = &seen.results;
    html! {
        h3 { "Shadow " (linked_text(Some(view), &seen.release)) @if !is_current { " (has ended)" } }
        (facts(&[
            ("Records compared", sum(seen.records)),
            ("Records that differ", html! { (of(seen.differ, seen.records)) " (" (share(seen.differ, seen.records)) ")" }),
            ("Results the same", sum(results.same)),
            ("Results changed", sum(results.changed)),
            ("Results added", sum(results.added)),
            ("Results missing", sum(results.missing)),
            ("Outcomes changed", sum(results.outcome_changed)),
            ("Active release, a record", html! { (count(seen.active_ns)) " ns" }),
            ("Shadow, a record", html! { (count(seen.shadow_ns)) " ns" }),
            ("Late batches", sum(seen.late_batches)),
            ("Failed batches", sum(seen.failed_batches)),
        ]))
        @if seen.late_batches > 0 {
            p { "A late batch was not compared, since the shadow took more than ten times as long as the active release." }
        }
        @if seen.failed_batches > 0 {
            p { "A failed batch was not compared, since the shadow failed as a whole. The log of the worker says why." }
        }
        (counts("Outcomes that changed, from the active release to the shadow", "Outcome", &seen.outcomes))
        (counts("Results that differ, by field", "Field", &seen.fields))
        (samples(&seen.samples))
    }
}

/// A share in percent.
fn share(part: u64, all: u64) -> String {
    #[allow(clippy::cast_precision_loss, reason = "a share is no finer than that")]
    let share = part as f64 / all.max(1) as f64;
    percent(share)
}

/// Counts by name, the largest first.
fn counts(caption: &str, name: &str, counts: &BTreeMap<String, u64>) -> Markup {
    let mut sorted: Vec<_> = counts.iter().collect();
    sorted.sort_by(|a, b| b.1.cmp(a.1));
    let rows = sorted.iter().take(FIELDS_MAX);
    let rows: Vec<_> = rows
        .map(|(name, results)| vec![html! { code { (inert(name)) } }, sum(**results)])
        .collect();
    html! {
        @if !rows.is_empty() {
            h4 { (caption) }
            (table(caption, &[name, "Results"], &rows))
            (further(rows.len(), counts.len(), "row"))
        }
    }
}

fn samples(samples: &[SampleSeen]) -> Markup {
    let rows = samples.iter().take(SAMPLES_MAX);
    let rows: Vec<_> = rows
        .map(|sample| {
            let fields: Vec<_> = sample.fields.iter().map(|field| inert(field)).collect();
            vec![
                html! { code { (inert(&sample.rid)) } },
                html! { (fields.join(", ")) },
            ]
        })
        .collect();
    html! {
        @if !rows.is_empty() {
            h4 { "Records that differ" }
            (table("Records that differ", &["Record", "Fields"], &rows))
            (further(rows.len(), samples.len(), "record"))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::view;
    use super::super::workers::tests::worker;
    use super::*;

    #[test]
    fn the_comparisons_of_all_workers_are_added() {
        let view = view();
        let shadow = view.releases[2].id.to_string();
        let report = |records: u64, active_ns: u64| {
            json!({ "shadow": {
                "release": shadow, "records": records, "differ": 3, "active_ns": active_ns, "shadow_ns": 900,
                "results": { "same": 7, "changed": 2, "added": 0, "missing": 0, "outcome_changed": 1 },
                "outcomes": { "events to quarantined": 1 }, "fields": { "event.<b>": 2 },
                "late_batches": 1, "failed_batches": 0,
                "samples": [{ "rid": "shard-0:7", "fields": ["event.a", "partition"] }],
            }})
        };
        let old = json!({ "shadow": { "release": "5e6f7a8b", "records": 1 } });
        let silent = WorkerView {
            problem: Some("no answer".into()),
            ..worker("a", 1, &report(9_000, 1))
        };
        let workers = [
            worker("a", 1, &old),
            worker("a", 1, &report(1_000, 400)),
            worker("a", 1, &report(3_000, 800)),
            silent,
            worker("a", 1, &json!({})),
        ];
        let html = section(&view, &workers).into_string();
        assert!(html.contains("6 of 4,000 (0.15 %)"), "{html}");
        assert_eq!(compared(&workers, view.releases[2].id), (4_000, 6));
        assert!(
            html.contains("700</span> ns") && html.contains("900</span> ns"),
            "{html}"
        );
        assert!(
            html.contains("event.&lt;b&gt;") && html.contains("shard-0:7"),
            "{html}"
        );
        assert!(
            html.contains("event.a, partition") && html.contains("A late batch"),
            "{html}"
        );
        let (current, ended) = (html.find(&shadow), html.find("(has ended)"));
        assert!(current < ended, "{html}");
    }

    #[test]
    fn a_sum_that_is_too_large_is_said() {
        let view = view();
        let report = json!({ "shadow": { "release": "a", "records": u64::MAX, "results": { "same": u64::MAX } } });
        let workers = [worker("a", 1, &report), worker("a", 1, &report)];
        let html = section(&view, &workers).into_string();
        assert!(html.contains("at least <span"), "{html}");
    }

    #[test]
    fn without_a_report_the_page_says_why() {
        let mut view = view();
        let html = section(&view, &[]).into_string();
        assert!(html.contains("No worker is polled"), "{html}");
        let html = section(&view, &[worker("a", 1, &json!({}))]).into_string();
        assert!(html.contains("No worker has compared"), "{html}");
        view.rollout.shadow = None;
        let html = section(&view, &[]).into_string();
        assert!(html.contains("There is no shadow."), "{html}");
    }
}
