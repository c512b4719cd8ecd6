//! The active release, the canary and the shadow.

use chrono::{DateTime, Utc};
use maud::{Markup, html};
use sluice_release::bundle::ReleaseId;
use sluice_release::rollout::{Change, ChangeKind};

use super::ended::Ended;
use super::forms::SHADOW;
use super::{OnTrial, is_unused, linked, linked_or_own, name, trials};
use crate::console::components::{Tone, badge, duration, empty, facts, problem, table, time_text};
use crate::console::payload::inert;
use crate::console::releases::ReleasesView;

/// The active release and the trials.
pub(super) fn section(view: &ReleasesView, now: DateTime<Utc>) -> Markup {
    let rollout = &view.rollout;
    html! {
        h2 { "Active release" }
        @for damaged in &view.problems {
            (problem(&format!("A release cannot be read: {}. Restore its file, or publish the release again.", inert(damaged))))
        }
        @match rollout.active {
            Some(active) => (active_release(view, active, now)),
            None => (no_release(view)),
        }
        (on_trial(view))
    }
}

fn no_release(view: &ReleasesView) -> Markup {
    if is_unused(view) {
        return empty(
            "No release was ever published to this registry.",
            "Check that it is the right one. Publish a release with `sluice transform publish`, or on the page \"Try\".",
        );
    }
    empty(
        "No release is active.",
        "Workers run the transform that they were started with. Activate a release below.",
    )
}

fn active_release(view: &ReleasesView, active: ReleaseId, now: DateTime<Utc>) -> Markup {
    let rollout = &view.rollout;
    let change = rollout.history.iter().rev().find(|change| {
        let is_swap = matches!(change.what, ChangeKind::Activate | ChangeKind::Rollback);
        is_swap && change.release == Some(active)
    });
    html! {
        (facts(&[
            ("Active release", linked(view, active)),
            ("Transform", html! { (name(view, active)) }),
            ("Since", time_text(&rollout.since)),
            ("Activated by", html! { (change.map_or_else(unknown, |change| inert(&change.by))) }),
            ("Reason", html! { (why(change)) }),
        ]))
        p { (watched(view, now)) }
    }
}

/// Whether workers roll the active release back.
fn watched(view: &ReleasesView, now: DateTime<Utc>) -> Markup {
    let rollout = &view.rollout;
    let before = rollout.previous.last().copied();
    html! {
        @match (rollout.rollback_policy.is_some(), rollout.policy_at(now).zip(before)) {
            (_, Some((policy, before))) => {
                "For " (duration(policy.watch.into())) " after the activation, workers compare it with " (linked_or_own(view, before))
                ", and roll it back if it does worse than " a href="#budgets" { "the limits" } " allow."
            }
            (true, None) => "Workers do not compare it with the release before any more, and do not roll it back automatically.",
            (false, None) => "Workers do not roll it back automatically.",
        }
    }
}

/// The canary and the shadow.
fn on_trial(view: &ReleasesView) -> Markup {
    let rows: Vec<_> = trials(&view.rollout).map(|it| row(view, &it)).collect();
    let columns = [
        "Trial",
        "Release",
        "Transform",
        "Share",
        "Since",
        "By",
        "Reason",
        "Rollback",
    ];
    html! {
        h3 { "Trials" }
        @if rows.is_empty() {
            p { "There is no canary and no shadow." }
            @if let Some((release, ended)) = ended(view) { p.caution { (linked(view, release)) ": " (ended.shown()) } }
        } @else {
            (table("The canary and the shadow", &columns, &rows))
        }
    }
}

/// The canary that a worker has ended, if nothing was changed since.
fn ended(view: &ReleasesView) -> Option<(ReleaseId, Ended<'_>)> {
    let last = view.rollout.history.last();
    let last = last.filter(|it| it.what == ChangeKind::EndTrial && it.is_by_host());
    let release = last?.release?;
    Some((release, Ended::of(&view.rollout, release)?))
}

fn row(view: &ReleasesView, on_trial: &OnTrial<'_>) -> Vec<Markup> {
    let OnTrial { role, trial, began } = on_trial;
    let what = match (*role, &trial.rollback_policy) {
        (SHADOW, _) => html! { "None is needed: its output is compared and discarded." },
        (_, Some(_)) => {
            html! { "Workers end it if it does worse than " a href="#budgets" { "the limits" } " allow." }
        }
        (_, None) => html! { "Workers do not end it automatically." },
    };
    let since = began.map(|change| time_text(&change.at));
    vec![
        badge(Tone::Neutral, role),
        linked(view, trial.release),
        html! { (name(view, trial.release)) },
        html! { (trial.share.to_string()) " of the chunks" },
        since.unwrap_or_else(|| html! { "unknown" }),
        html! { (began.map_or_else(unknown, |change| inert(&change.by))) },
        html! { (why(*began)) },
        what,
    ]
}

/// Who made a change that the history does not have any more.
fn unknown() -> String {
    "unknown".into()
}

fn why(change: Option<&Change>) -> String {
    let why = change.and_then(|change| change.why.as_deref());
    inert(why.unwrap_or("none was given"))
}

#[cfg(test)]
mod tests {
    use sluice_release::rollout::{Rollout, host_name};

    use super::super::tests::view;
    use super::*;
    use crate::console::releases::tests::author;

    #[test]
    fn what_serves_is_said_with_its_policy_and_nothing_in_a_reason_acts() {
        let view = view();
        let html = section(&view, Utc::now()).into_string();
        let active = view.rollout.active.unwrap();
        assert!(html.contains(&format!("/release?id={active}")), "{html}");
        assert!(
            html.contains("&lt;b&gt;faster&lt;/b&gt;\\u{202e}"),
            "{html}"
        );
        assert!(
            html.contains("me@here") && html.contains("jq 1.0.0"),
            "{html}"
        );
        // The limits are said once, in a section of their own.
        assert_eq!(html.matches("href=\"#budgets\"").count(), 2, "{html}");
        assert!(html.contains("For 15 min after the activation"), "{html}");
        let later = Utc::now() + chrono::TimeDelta::hours(1);
        let old = section(&view, later).into_string();
        assert!(old.contains("any more, and do not roll it back"), "{old}");
        assert!(html.contains("100 % of the chunks"), "{html}");
    }

    #[test]
    fn the_end_of_a_canary_by_a_worker_is_said_where_the_canary_was() {
        let mut view = view();
        view.rollout.shadow = None;
        let canary = view.rollout.canary.as_ref().unwrap().release;
        let author = author(&host_name(None, 7), "too slow");
        let ended = view.rollout.roll_back_release(canary, &author).unwrap();
        assert!(
            !section(&view, Utc::now())
                .into_string()
                .contains("A worker ended")
        );
        view.rollout = ended;
        let html = section(&view, Utc::now()).into_string();
        assert!(html.contains("no canary and no shadow"), "{html}");
        assert!(html.contains("A worker ended its trial"), "{html}");
    }

    #[test]
    fn a_registry_without_releases_says_what_to_do() {
        let mut view = view();
        view.rollout = Rollout::new();
        let html = section(&view, Utc::now()).into_string();
        assert!(html.contains("No release is active."), "{html}");
        view.releases.clear();
        let html = section(&view, Utc::now()).into_string();
        assert!(
            html.contains("ever published") && html.contains("transform publish"),
            "{html}"
        );
        view.problems.push("release 1: <file> is missing".into());
        let html = section(&view, Utc::now()).into_string();
        assert!(html.contains("&lt;file&gt; is missing. Restore"), "{html}");
    }
}
