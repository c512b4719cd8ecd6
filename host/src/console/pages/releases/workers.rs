//! What each worker uses.

use maud::{Markup, html};
use sluice_release::rollout::Rollout;

use super::linked_text;
use super::scores::no_worker;
use crate::console::components::{Tone, badge, table, time, time_text};
use crate::console::payload::inert;
use crate::console::releases::ReleasesView;
use crate::console::words::percent;
use crate::console::workers::{WorkerStatus, WorkerView};

/// How a worker stands to the registry, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    /// The last poll of the worker failed, or it was not polled yet.
    Unknown,
    /// The worker cannot read the registry.
    NoRegistry,
    /// The worker knows the active release and uses another one.
    OtherRelease,
    /// A trial failed admission there.
    NoTrial,
    /// The worker has not seen the last change yet.
    Behind,
    /// The worker has seen a later change than the page: the page is old, or the worker follows another registry.
    Ahead,
    UpToDate,
    /// The worker follows no registry.
    Alone,
}

/// What each worker uses; `view` is the registry that the page shows.
pub(super) fn section(view: Option<&ReleasesView>, workers: &[WorkerView]) -> Markup {
    let rollout = view.map(|view| &view.rollout);
    let standings = workers
        .iter()
        .map(|worker| (standing(rollout, worker), worker));
    let mut standings: Vec<_> = standings.collect();
    standings.sort_by_key(|(standing, _)| *standing);
    let rows: Vec<_> = standings
        .into_iter()
        .map(|(standing, worker)| row(view, standing, worker))
        .collect();
    let columns = [
        "Worker",
        "State",
        "Release",
        "Transform",
        "Canary",
        "Shadow",
        "Errors",
    ];
    html! {
        h2 { "What each worker uses" }
        @if rows.is_empty() {
            (no_worker())
        } @else {
            (table("What each worker uses", &columns, &rows))
        }
    }
}

fn standing(rollout: Option<&Rollout>, worker: &WorkerView) -> Standing {
    let (Some(status), None) = (&worker.status, &worker.problem) else {
        return Standing::Unknown;
    };
    let Some(rollouts) = &status.rollouts else {
        return Standing::Alone;
    };
    if rollouts.error.is_some() {
        return Standing::NoRegistry;
    }
    let is_other = |active: &String| *active != status.release;
    if rollouts.active.as_ref().is_some_and(is_other) {
        return Standing::OtherRelease;
    }
    let Some(rollout) = rollout else {
        return Standing::UpToDate;
    };
    if rollouts.number < rollout.number {
        return Standing::Behind;
    }
    if rollouts.number > rollout.number {
        return Standing::Ahead;
    }
    let lacks_canary = rollout.canary.is_some() && rollouts.canary.is_none();
    let lacks_shadow = rollout.shadow.is_some() && rollouts.shadow.is_none();
    match lacks_canary || lacks_shadow {
        true => Standing::NoTrial,
        false => Standing::UpToDate,
    }
}

fn row(view: Option<&ReleasesView>, standing: Standing, worker: &WorkerView) -> Vec<Markup> {
    let last = view.map_or(0, |view| view.rollout.number);
    let url = html! { code { (inert(&worker.url)) } };
    let Some(status) = worker.status.as_deref() else {
        let none = || html! { "–" };
        let state = state(last, standing, None);
        return vec![
            url,
            state,
            none(),
            none(),
            none(),
            none(),
            errors(view, worker),
        ];
    };
    let rollouts = status.rollouts.as_ref();
    let canary = rollouts.and_then(|rollouts| rollouts.canary.as_ref());
    let shadow = rollouts.and_then(|rollouts| rollouts.shadow.as_ref());
    let transform = &status.transform;
    vec![
        url,
        state(last, standing, Some(status)),
        linked_text(view, &status.release),
        html! { (inert(&transform.name)) " " (inert(&transform.version)) },
        trial(
            view,
            canary.map(|trial| (trial.release.as_str(), trial.share)),
        ),
        trial(
            view,
            shadow.map(|trial| (trial.release.as_str(), trial.share)),
        ),
        errors(view, worker),
    ]
}

/// A release on trial, and its share of the chunks.
fn trial(view: Option<&ReleasesView>, trial: Option<(&str, f64)>) -> Markup {
    match trial {
        Some((release, share)) => html! { (linked_text(view, release)) " on " (percent(share)) },
        None => html! { "none" },
    }
}

/// `last` is the number of the last change of the registry.
fn state(last: u64, standing: Standing, status: Option<&WorkerStatus>) -> Markup {
    let seen = status.and_then(|status| status.rollouts.as_ref());
    let seen = seen.map_or(0, |rollouts| rollouts.number);
    match standing {
        Standing::Unknown => badge(Tone::Bad, "no answer"),
        Standing::NoRegistry => badge(Tone::Bad, "cannot read the registry"),
        Standing::OtherRelease => badge(Tone::Bad, "does not use the active release"),
        Standing::NoTrial => badge(Tone::Bad, "does not use a trial"),
        Standing::Behind => badge(Tone::Warning, &format!("behind: change {seen} of {last}")),
        Standing::Ahead => badge(
            Tone::Neutral,
            &format!("has seen change {seen}; this page shows {last}"),
        ),
        Standing::UpToDate => badge(Tone::Good, &format!("up to date: change {seen}")),
        Standing::Alone => badge(Tone::Neutral, "follows no registry"),
    }
}

/// Why a worker cannot be polled, or why it does not use what it should.
fn errors(view: Option<&ReleasesView>, worker: &WorkerView) -> Markup {
    let rollouts = worker.status.as_ref();
    let rollouts = rollouts.and_then(|status| status.rollouts.as_ref());
    let failures = rollouts.into_iter();
    let failures = failures.flat_map(|rollouts| rollouts.admission_errors.iter().rev());
    html! {
        @if let Some(problem) = &worker.problem {
            p { (inert(problem)) }
            @match worker.seen_at {
                Some(at) => { p { "It last answered at " (time(at)) ". The rest is as of then." } }
                None => { p { "It has not answered since the console started." } }
            }
        }
        @if let Some(error) = rollouts.and_then(|rollouts| rollouts.error.as_deref()) {
            p { "The registry: " (inert(error)) }
        }
        @for failure in failures {
            p {
                (time_text(&failure.at)) ": " (linked_text(view, &failure.release)) " failed admission at the step "
                code { (inert(&failure.step)) } ": " (inert(&failure.why))
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::super::tests::view;
    use super::*;
    use crate::console::workers::nothing_done;

    /// A worker that uses a release and has seen this many changes; `more` are other members of its status.
    pub(in super::super) fn worker(release: &str, number: u64, more: &Value) -> WorkerView {
        let (totals, resources) = nothing_done();
        let mut status = json!({
            "version": "0.1.0", "mode": "stream", "since": "2026-01-31T12:00:00Z", "release": release,
            "transform": { "name": "jq", "version": "1.0.0" },
            "rollouts": {
                "registry": "file:registry", "number": number, "active": release, "canary": null, "shadow": null,
                "admission_errors": [], "error": null,
            },
            "shadow": null, "ready": true, "reason": null, "shards": [], "totals": totals, "resources": resources, "scores": [],
        });
        for (name, value) in more.as_object().unwrap() {
            status[name.as_str()] = value.clone();
        }
        WorkerView {
            url: "http://127.0.0.1:9464".into(),
            status: Some(Arc::new(serde_json::from_value(status).unwrap())),
            problem: None,
            seen_at: None,
        }
    }

    #[test]
    fn a_worker_that_is_behind_or_uses_another_release_is_first() {
        let view = view();
        let rollout = &view.rollout;
        let active = rollout.active.unwrap().to_string();
        let trial = json!({ "release": view.releases[2].id.to_string(), "share": 0.05 });
        let rollouts = |active: &str, trial: &Value, error: &Value| {
            json!({ "rollouts": {
                "registry": "r", "number": rollout.number, "active": active, "canary": trial, "shadow": trial,
                "admission_errors": [{ "release": active, "step": "cases", "why": "<case>", "at": "2026-01-31T12:00:00Z" }],
                "error": error,
            }})
        };
        let null = Value::Null;
        let workers = [
            (
                worker(&active, rollout.number, &rollouts(&active, &trial, &null)),
                Standing::UpToDate,
            ),
            (
                worker("own", 0, &json!({ "rollouts": null })),
                Standing::Alone,
            ),
            (worker(&active, 1, &json!({})), Standing::Behind),
            (
                worker(&active, rollout.number + 1, &json!({})),
                Standing::Ahead,
            ),
            (
                worker(&active, rollout.number, &json!({})),
                Standing::NoTrial,
            ),
            (
                worker("own", rollout.number, &rollouts(&active, &trial, &null)),
                Standing::OtherRelease,
            ),
            (
                worker("own", 1, &rollouts(&active, &trial, &json!("no bucket"))),
                Standing::NoRegistry,
            ),
            (
                WorkerView {
                    status: None,
                    problem: Some("refused".into()),
                    ..worker("own", 1, &json!({}))
                },
                Standing::Unknown,
            ),
        ];
        for (worker, expected) in &workers {
            assert_eq!(standing(Some(rollout), worker), *expected);
        }
        let workers = workers.map(|(worker, _)| worker);
        let html = section(Some(&view), &workers).into_string();
        let order = [
            "refused",
            "The registry: no bucket",
            "does not use the active",
            "does not use a trial",
            "behind: change 1 of 4",
            "has seen change 5; this page shows 4",
            "up to date: change 4",
            "follows no registry",
        ];
        let places = order.map(|text| html.find(text).unwrap_or_else(|| panic!("{text}: {html}")));
        assert!(places.is_sorted(), "{places:?}");
        assert!(
            html.contains("&lt;case&gt;") && html.contains("on 5 %"),
            "{html}"
        );
        assert!(
            section(None, &[])
                .into_string()
                .contains("No worker is polled.")
        );
    }
}
