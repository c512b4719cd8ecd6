//! The rollback policies against what was measured: how much worse than another release one is, and how much worse it may
//! be.

use chrono::{DateTime, Utc};
use indicatif::HumanCount;
use maud::{Markup, html};
use sluice_release::bundle::ReleaseId;
use sluice_release::rollback_policy::RollbackPolicy;

use super::scores::{Measured, NO_WORKER, score, sum};
use super::{linked, linked_or_own, name};
use crate::console::components::{Tone, badge, count, empty, table};
use crate::console::releases::ReleasesView;
use crate::console::words::percent;
use crate::console::workers::{WorkerScore, WorkerView};

/// A release, what it is compared with, and how much worse it may be.
struct Compared<'a> {
    /// What the release is.
    role: &'static str,
    release: ReleaseId,
    /// `None` is the transform that workers were started with.
    before: Option<ReleaseId>,
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

/// The policies that apply at this moment.
pub(super) fn section(view: &ReleasesView, workers: &[WorkerView], now: DateTime<Utc>) -> Markup {
    let compared = compared(view, now);
    html! {
        h2 { "Limits of automatic rollback" }
        @if compared.is_empty() {
            @match view.rollout.canary {
                Some(_) => { (empty("The canary has no limits.", "It was activated without automatic rollback, so no worker ends it.")) }
                None => { (empty("No release is compared with another one now.", "A canary is, and an activated release for some time after its activation.")) }
            }
        } @else if workers.is_empty() {
            p.caution {
                (NO_WORKER) " These limits apply all the same: each worker compares the releases by its own records. Without "
                "--worker, the console does not know how near they are."
            }
        } @else {
            p {
                "Each worker decides by its own records. These are the sums of the workers that answer, each since it began "
                "to use the release."
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
    let canary = rollout.canary.as_ref().and_then(|canary| {
        Some(Compared {
            role: "Canary",
            release: canary.release,
            before: rollout.active,
            policy: canary.rollback_policy.as_ref()?,
        })
    });
    let before = rollout.previous.last().copied();
    let watched = rollout.policy_at(now).zip(rollout.active).zip(before);
    let watched = watched.map(|((policy, release), before)| Compared {
        role: "Active release",
        release,
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
    let answering = || workers.iter().filter(|it| it.current().is_some());
    let found = Measured::of(answering().filter_map(|it| score(it, *release)));
    let other = Measured::of(answering().filter_map(|it| before_score(view, it, compared)));
    let is_enough = found.records >= policy.records && other.records >= policy.records;
    let is_known = answering().next().is_some();
    let rows = measures(policy, found, other);
    let rows = rows.iter().map(|measure| row(measure, is_enough, is_known));
    let columns = ["Measure", "Limit", "This release", "Compared with", "State"];
    let columns = if is_known {
        &columns[..]
    } else {
        &columns[..2]
    };
    html! {
        h3 { (role) ": " (linked(view, *release)) " " (name(view, *release)) }
        p {
            "It is compared with " (linked_or_own(view, *before))
            @if let Some(before) = before { " " (name(view, *before)) }
            "."
            @if is_known {
                " It has transformed " (sum(found.records)) " records, and the other one " (sum(other.records)) "."
            }
            @if !is_enough {
                " A worker compares them once both have transformed " (count(policy.records)) " records there."
            }
        }
        (table(role, columns, &rows.collect::<Vec<_>>()))
    }
}

/// What a worker has measured of what a release is compared with there. The transform that the worker was started with is
/// what it uses while a release is a canary, and then one that the registry does not have.
fn before_score<'a>(
    view: &ReleasesView,
    worker: &'a WorkerView,
    compared: &Compared<'_>,
) -> Option<&'a WorkerScore> {
    if let Some(before) = compared.before {
        return score(worker, before);
    }
    let status = worker.status.as_deref()?;
    let used = status
        .scores
        .iter()
        .filter(|it| it.release == status.release);
    let own = status.scores.iter().filter(|it| {
        let release: Result<ReleaseId, _> = it.release.parse();
        release.is_ok_and(|release| view.find(release).is_none())
    });
    let is_other = |it: &&WorkerScore| it.release != compared.release.to_string();
    used.chain(own).find(is_other)
}

fn measures(policy: &RollbackPolicy, found: Measured, other: Measured) -> [Measure; 3] {
    let share = |what, part: fn(Measured) -> u64, limit: f64| {
        let [now, before] = [found, other].map(|it| it.share(part(it)));
        Measure {
            what,
            limit: format!("{} higher", points(limit)),
            found: found.percent(part(found)),
            before: other.percent(part(other)),
            is_exceeded: now > before + limit,
        }
    };
    [
        share("Records rejected", |it| it.rejected, policy.rejected),
        share("Records it failed on", |it| it.failed, policy.failed),
        Measure {
            what: "Time a record",
            limit: format!("{} times as long, and above 100 µs", policy.slower),
            found: found.time(),
            before: other.time(),
            is_exceeded: policy.is_slower(found.ns_per_record(), other.ns_per_record()),
        },
    ]
}

/// A rollback policy in words: when workers roll a release back that is compared with another one.
pub(super) fn policy_in_words(policy: &RollbackPolicy, other: &str) -> String {
    let RollbackPolicy {
        rejected,
        failed,
        slower,
        records,
        watch: _,
    } = policy;
    format!(
        "A worker compares it with {other} once both have transformed {} records there. The worker rolls it back if its share \
         of rejected records is more than {} higher, if its share of failures is more than {} higher, or if a record takes \
         more than {slower} times as long and more than 100 µs.",
        HumanCount(*records),
        points(*rejected),
        points(*failed),
    )
}

/// A difference of two shares.
fn points(difference: f64) -> String {
    let percent = percent(difference);
    match percent.trim_end_matches(" %") {
        "1" => "1 percentage point".to_owned(),
        number => format!("{number} percentage points"),
    }
}

/// A line of the table. What was found is left out if it is not known.
fn row(measure: &Measure, is_enough: bool, is_known: bool) -> Vec<Markup> {
    let state = match (is_enough, measure.is_exceeded) {
        (false, _) => badge(Tone::Neutral, "too few records"),
        (true, false) => badge(Tone::Good, "within the limit"),
        (true, true) => badge(Tone::Bad, "over the limit"),
    };
    let mut cells = vec![html! { (measure.what) }, html! { (measure.limit) }];
    if is_known {
        cells.extend([&measure.found, &measure.before].map(|it| html! { span.number { (it) } }));
        cells.push(state);
    }
    cells
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{listed, view};
    use super::super::workers::tests::worker;
    use super::*;
    use crate::console::releases::STARTED_WITH;

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
            html.contains("6 %") && html.contains("1 percentage point higher"),
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
        // What a worker had measured before it stopped is no part of a comparison that goes on.
        let silent = WorkerView {
            problem: Some("no answer".into()),
            ..scores(500)
        };
        let html = section(&view, &[scores(500), silent], later).into_string();
        assert!(html.contains("too few records"), "{html}");
    }

    #[test]
    fn what_was_not_measured_is_a_dash() {
        let policy = RollbackPolicy::default();
        let measures = measures(&policy, Measured::default(), Measured::default());
        for measure in measures {
            assert_eq!((&*measure.found, &*measure.before), ("–", "–"));
            assert!(!measure.is_exceeded, "{}", measure.what);
        }
    }

    #[test]
    fn a_policy_names_what_a_release_is_compared_with() {
        let text = policy_in_words(&RollbackPolicy::default(), "the active release");
        for part in [
            "with the active release once both have transformed 1,000 records",
            "rejected records is more than 1 percentage point higher",
            "failures is more than 0.1 percentage points higher",
            "more than 3 times as long and more than 100 µs",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert_eq!(points(0.1), "10 percentage points");
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

    #[test]
    fn without_workers_the_limits_are_shown_and_nothing_is_said_of_records() {
        let html = section(&view(), &[], Utc::now()).into_string();
        assert!(
            html.contains("No worker is polled.") && html.contains("Canary: "),
            "{html}"
        );
        assert!(html.contains("1 percentage point higher"), "{html}");
        assert!(!html.contains("No release is compared"), "{html}");
        assert!(
            !html.contains("too few records") && !html.contains("has transformed"),
            "{html}"
        );
    }

    #[test]
    fn a_canary_without_an_active_release_is_compared_with_the_own_transform() {
        let mut view = view();
        let canary = view.releases[2].id;
        (view.rollout.active, view.rollout.rollback_policy) = (None, None);
        let own = listed("own").id;
        let scores = [score(own, 4_321, 0, 400), score(canary, 2_000, 0, 400)];
        let workers = [worker(&own.to_string(), 4, &json!({ "scores": scores }))];
        let html = section(&view, &workers, Utc::now()).into_string();
        assert!(html.contains(STARTED_WITH), "{html}");
        assert!(
            html.contains("4,321") && html.contains("within the limit"),
            "{html}"
        );
    }

    #[test]
    fn a_canary_without_limits_is_no_release_that_is_not_compared() {
        let mut view = view();
        view.rollout.rollback_policy = None;
        view.rollout.canary.as_mut().unwrap().rollback_policy = None;
        let html = section(&view, &[], Utc::now()).into_string();
        assert!(html.contains("The canary has no limits"), "{html}");
    }
}
