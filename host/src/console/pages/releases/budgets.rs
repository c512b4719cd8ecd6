//! The rollback policies against what was measured: how much worse than another release one is, and how much worse it may
//! be.

use chrono::{DateTime, Utc};
use maud::{Markup, html};
use sluice_release::bundle::ReleaseId;
use sluice_release::rollback_policy::RollbackPolicy;

use super::{linked, name};
use crate::console::components::{Tone, badge, count, decimal, empty, table};
use crate::console::releases::ReleasesView;
use crate::console::words::percent;
use crate::console::workers::WorkerView;

/// What the workers have measured of a release, a sum.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Measured {
    records: u64,
    rejected: u64,
    failed: u64,
    /// The time for all records, nanoseconds.
    ns: f64,
}

/// A release, what it is compared with, and how much worse it may be.
struct Compared<'a> {
    /// What the release is.
    role: &'static str,
    release: ReleaseId,
    before: ReleaseId,
    policy: &'a RollbackPolicy,
}

/// A line of a budget.
struct Measure {
    what: &'static str,
    limit: String,
    found: String,
    before: String,
    is_exceeded: bool,
}

impl Measured {
    fn share(self, part: u64) -> f64 {
        as_float(part) / as_float(self.records.max(1))
    }

    fn ns_per_record(self) -> f64 {
        self.ns / as_float(self.records.max(1))
    }
}

#[allow(clippy::cast_precision_loss, reason = "rates are no finer than that")]
fn as_float(count: u64) -> f64 {
    count as f64
}

/// The policies that apply at this moment.
pub(super) fn section(view: &ReleasesView, workers: &[WorkerView], now: DateTime<Utc>) -> Markup {
    let compared = compared(view, now);
    html! {
        h2 { "Limits of automatic rollback" }
        @if compared.is_empty() {
            (empty("No release is compared with another one now.", "A canary is, and an activated release for some time after its activation."))
        } @else {
            p {
                "Each worker decides by its own records. These are the sums of the workers that are polled, since each of "
                "them began to use the release."
            }
        }
        @for compared in &compared {
            (budget(view, compared, workers))
        }
    }
}

/// The releases that workers compare.
fn compared(view: &ReleasesView, now: DateTime<Utc>) -> Vec<Compared<'_>> {
    let rollout = &view.rollout;
    let Some(active) = rollout.active else {
        return Vec::new();
    };
    let canary = rollout.canary.as_ref().and_then(|canary| {
        Some(Compared {
            role: "Canary",
            release: canary.release,
            before: active,
            policy: canary.rollback_policy.as_ref()?,
        })
    });
    let before = rollout.previous.last().copied().flatten();
    let watched = rollout
        .policy_at(now)
        .zip(before)
        .map(|(policy, before)| Compared {
            role: "Active release",
            release: active,
            before,
            policy,
        });
    canary.into_iter().chain(watched).collect()
}

fn budget(view: &ReleasesView, compared: &Compared<'_>, workers: &[WorkerView]) -> Markup {
    let Compared {
        role,
        release,
        before,
        policy,
    } = compared;
    let [found, other] = [*release, *before].map(|release| measured(workers, release));
    let is_enough = found.records >= policy.records && other.records >= policy.records;
    let rows = measures(policy, found, other);
    let rows = rows.iter().map(|measure| row(measure, is_enough));
    let columns = ["Measure", "Limit", "This release", "Compared with", "State"];
    html! {
        h3 { (role) ": " (linked(view, *release)) " " (name(view, *release)) }
        p {
            "It has transformed " (count(found.records)) " records, and " (linked(view, *before)) " " (name(view, *before))
            ", with which it is compared, " (count(other.records)) "."
            @if !is_enough {
                " A worker compares them once both have transformed " (count(policy.records)) " records there."
            }
        }
        (table(role, &columns, &rows.collect::<Vec<_>>()))
    }
}

/// The sum of what all workers have measured of a release.
fn measured(workers: &[WorkerView], release: ReleaseId) -> Measured {
    let release = release.to_string();
    let statuses = workers.iter().filter_map(|worker| worker.status.as_ref());
    let scores = statuses.flat_map(|status| status.scores.iter());
    let scores = scores.filter(|score| score.release == release);
    scores.fold(Measured::default(), |sum, score| Measured {
        records: sum.records + score.records,
        rejected: sum.rejected + score.rejected,
        failed: sum.failed + score.failed,
        ns: sum.ns + as_float(score.ns) * as_float(score.records),
    })
}

fn measures(policy: &RollbackPolicy, found: Measured, other: Measured) -> [Measure; 3] {
    let share = |what, found: f64, before: f64, limit: f64| Measure {
        what,
        limit: format!("{} in addition", percent(limit)),
        found: percent(found),
        before: percent(before),
        is_exceeded: found > before + limit,
    };
    let rejected = [found, other].map(|it| it.share(it.rejected));
    let failed = [found, other].map(|it| it.share(it.failed));
    let [found_ns, before_ns] = [found, other].map(Measured::ns_per_record);
    [
        share(
            "Records rejected",
            rejected[0],
            rejected[1],
            policy.rejected,
        ),
        share("Records it failed on", failed[0], failed[1], policy.failed),
        Measure {
            what: "Time a record",
            limit: format!("{} times as long", policy.slower),
            found: time(found_ns),
            before: time(before_ns),
            is_exceeded: found_ns > before_ns * policy.slower,
        },
    ]
}

/// A number of nanoseconds, in the unit that fits.
fn time(ns: f64) -> String {
    match ns {
        ns if ns >= 1e6 => format!("{} ms", decimal(ns / 1e6)),
        ns if ns >= 1e3 => format!("{} µs", decimal(ns / 1e3)),
        ns => format!("{} ns", decimal(ns)),
    }
}

fn row(measure: &Measure, is_enough: bool) -> Vec<Markup> {
    let state = match (is_enough, measure.is_exceeded) {
        (false, _) => badge(Tone::Neutral, "too few records"),
        (true, false) => badge(Tone::Good, "within the limit"),
        (true, true) => badge(Tone::Bad, "over the limit"),
    };
    vec![
        html! { (measure.what) },
        html! { (measure.limit) },
        html! { span.number { (measure.found) } },
        html! { span.number { (measure.before) } },
        state,
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::view;
    use super::super::workers::tests::worker;
    use super::*;

    fn score(release: ReleaseId, records: u64, rejected: u64, ns: u64) -> serde_json::Value {
        json!({ "release": release.to_string(), "records": records, "rejected": rejected, "failed": 0, "ns": ns })
    }

    #[test]
    fn a_canary_is_measured_against_the_active_release() {
        let view = view();
        let (active, canary) = (view.rollout.active.unwrap(), view.releases[2].id);
        let scores = |canary_records: u64| {
            let scores = [
                score(active, 5_000, 50, 400),
                score(canary, canary_records, 30, 2_500),
            ];
            worker("a", 4, &json!({ "scores": scores }))
        };
        let later = Utc::now() + chrono::TimeDelta::hours(1);
        let html = section(&view, &[scores(500), scores(500)], later).into_string();
        assert!(
            html.contains("Canary: ") && !html.contains("Active release: "),
            "{html}"
        );
        assert!(
            html.contains("6 %") && html.contains("1 % in addition"),
            "{html}"
        );
        assert!(
            html.contains("over the limit") && html.contains("within the limit"),
            "{html}"
        );
        assert!(
            html.contains("2.50 µs") && html.contains("400 ns"),
            "{html}"
        );
        let html = section(&view, &[scores(100)], later).into_string();
        assert!(
            html.contains("too few records") && !html.contains("over the limit"),
            "{html}"
        );
    }

    #[test]
    fn an_activated_release_is_watched_for_some_time() {
        let mut view = view();
        view.rollout.canary = None;
        let html = section(&view, &[], Utc::now()).into_string();
        assert!(html.contains("Active release: "), "{html}");
        let later = Utc::now() + chrono::TimeDelta::hours(1);
        let html = section(&view, &[], later).into_string();
        assert!(html.contains("No release is compared"), "{html}");
    }
}
