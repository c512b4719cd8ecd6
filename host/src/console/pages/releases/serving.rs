//! The active release, the canary and the shadow.

use indicatif::HumanCount;
use maud::{Markup, html};
use sluice_release::bundle::ReleaseId;
use sluice_release::rollback_policy::RollbackPolicy;
use sluice_release::rollout::{Change, ChangeKind};

use super::ended::Ended;
use super::forms::SHADOW;
use super::{OnTrial, is_unused, linked, name, trials};
use crate::console::components::{Tone, badge, duration, empty, facts, problem, table, time_text};
use crate::console::payload::inert;
use crate::console::releases::ReleasesView;
use crate::console::words::percent;

/// The active release and the trials.
pub(super) fn section(view: &ReleasesView) -> Markup {
    let rollout = &view.rollout;
    html! {
        h2 { "Active release" }
        @for damaged in &view.problems {
            (problem(&format!("A release cannot be read: {}. Restore its file, or publish the release again.", inert(damaged))))
        }
        @match rollout.active {
            Some(active) => (active_release(view, active)),
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

fn active_release(view: &ReleasesView, active: ReleaseId) -> Markup {
    let rollout = &view.rollout;
    let change = rollout.history.iter().rev().find(|change| {
        let is_swap = matches!(change.what, ChangeKind::Activate | ChangeKind::Rollback);
        is_swap && change.release == Some(active)
    });
    let policy = rollout.rollback_policy.as_ref();
    html! {
        (facts(&[
            ("Active release", linked(view, active)),
            ("Transform", html! { (name(view, active)) }),
            ("Since", time_text(&rollout.since)),
            ("Activated by", html! { (change.map_or_else(unknown, |change| inert(&change.by))) }),
            ("Reason", html! { (why(change)) }),
        ]))
        p {
            @match policy {
                Some(policy) => {
                    (policy_in_words(policy)) " The comparison ends " (duration(policy.watch.into())) " after the activation."
                }
                None => "Workers do not roll it back automatically.",
            }
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
        (SHADOW, _) => "None is needed: its output is compared and discarded.".to_owned(),
        (_, Some(policy)) => policy_in_words(policy),
        (_, None) => "Workers do not end it automatically.".to_owned(),
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
        html! { (what) },
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

/// A rollback policy in words.
pub(super) fn policy_in_words(policy: &RollbackPolicy) -> String {
    let RollbackPolicy {
        rejected,
        failed,
        slower,
        records,
        watch: _,
    } = policy;
    format!(
        "A worker compares it with the other release once both have transformed {} records there. The worker rolls it back \
         if the share of rejected records is more than {} higher, the share of failures more than {} higher, or the time a \
         record more than {slower} times as long and above 100 µs.",
        HumanCount(*records),
        points(*rejected),
        points(*failed),
    )
}

/// A difference of two shares.
pub(super) fn points(difference: f64) -> String {
    let percent = percent(difference);
    match percent.trim_end_matches(" %") {
        "1" => "1 percentage point".to_owned(),
        number => format!("{number} percentage points"),
    }
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
        let html = section(&view).into_string();
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
        assert!(
            html.contains("rejected records is more than 1 percentage point higher"),
            "{html}"
        );
        assert!(
            html.contains("failures more than 0.1 percentage points higher"),
            "{html}"
        );
        assert!(html.contains("transformed 1,000 records"), "{html}");
        assert!(html.contains("15 min after the activation"), "{html}");
        assert!(html.contains("100 % of the chunks"), "{html}");
    }

    #[test]
    fn the_end_of_a_canary_by_a_worker_is_said_where_the_canary_was() {
        let mut view = view();
        view.rollout.shadow = None;
        let canary = view.rollout.canary.as_ref().unwrap().release;
        let author = author(&host_name(None, 7), "too slow");
        let ended = view.rollout.roll_back_release(canary, &author).unwrap();
        assert!(!section(&view).into_string().contains("A worker ended"));
        view.rollout = ended;
        let html = section(&view).into_string();
        assert!(html.contains("no canary and no shadow"), "{html}");
        assert!(html.contains("A worker ended its trial"), "{html}");
    }

    #[test]
    fn differences_of_shares_are_in_percentage_points() {
        for (difference, text) in [
            (0.01, "1 percentage point"),
            (0.001, "0.1 percentage points"),
            (0.1, "10 percentage points"),
        ] {
            assert_eq!(points(difference), text);
        }
    }

    #[test]
    fn a_registry_without_releases_says_what_to_do() {
        let mut view = view();
        view.rollout = Rollout::new();
        let html = section(&view).into_string();
        assert!(html.contains("No release is active."), "{html}");
        view.releases.clear();
        let html = section(&view).into_string();
        assert!(
            html.contains("ever published") && html.contains("transform publish"),
            "{html}"
        );
        view.problems.push("release 1: <file> is missing".into());
        let html = section(&view).into_string();
        assert!(html.contains("&lt;file&gt; is missing. Restore"), "{html}");
    }
}
