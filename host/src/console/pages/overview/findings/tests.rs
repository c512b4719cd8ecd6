//! What is wrong with made-up views.

use sluice_engine::record::ShardId;
use sluice_release::rollout::{Change, Rollout, host_name};

use super::super::tests::{now, overview, seen};
use super::*;
use crate::console::ledgers::LedgersView;
use crate::console::pages::measures::WorkerMeasures;
use crate::console::releases::ReleasesView;
use crate::ledger::lost_range::{LossCause, LostRange};

fn only(overview: &Overview) -> Finding {
    let mut findings = findings(overview, None);
    assert_eq!(findings.len(), 1, "{findings:?}");
    findings.remove(0)
}

#[test]
fn nothing_is_wrong_without_a_reason() {
    assert!(findings(&overview(Vec::new()), None).is_empty());
    let mut overview = overview(Vec::new());
    overview.ledgers = seen(LedgersView {
        ledgers: Vec::new(),
        problems: Vec::new(),
    });
    overview.releases = Some(View::Reading);
    assert!(findings(&overview, None).is_empty());
}

#[test]
fn many_things_are_counted_and_cannot_act() {
    let things = ["a\u{202e}", "b", "c", "d", "e"].map(str::to_owned);
    assert_eq!(named(things), ["a\\u{202e}", "b", "c", "and 2 more"]);
}

#[test]
fn what_cannot_be_read_is_worse_than_what_is_old() {
    let mut overview = overview(Vec::new());
    overview.ledgers = Some(View::Failed("no bucket".into()));
    let finding = only(&overview);
    assert_eq!((finding.severity, finding.link), (Severity::Broken, SHARDS));
    assert_eq!(finding.details, ["no bucket"]);
    overview.ledgers = seen(LedgersView {
        ledgers: Vec::new(),
        problems: Vec::new(),
    });
    if let Some(View::Ready(seen)) = &mut overview.ledgers {
        seen.problem = Some("throttled".into());
    }
    let brief = only(&overview);
    assert_eq!(
        (brief.severity, brief.as_of),
        (Severity::Warning, Some(now()))
    );
    assert!(
        !brief.what.contains("2026-"),
        "a browser shows the time in its zone: {}",
        brief.what
    );
    overview.now += TimeDelta::minutes(2);
    assert_eq!(only(&overview).severity, Severity::Broken);
    overview.now = now();
    if let Some(View::Ready(seen)) = &mut overview.ledgers {
        seen.problem = Some(GONE.into());
    }
    assert_eq!(only(&overview).severity, Severity::Broken);
}

#[test]
fn a_damaged_ledger_is_named() {
    let mut overview = overview(Vec::new());
    let problems = vec!["ledger/a.json: damaged".to_owned()];
    overview.ledgers = seen(LedgersView {
        ledgers: Vec::new(),
        problems,
    });
    let finding = only(&overview);
    assert!(
        finding.what.contains("1 problem of the ledgers"),
        "{}",
        finding.what
    );
    assert_eq!(finding.details, ["ledger/a.json: damaged"]);
}

#[test]
fn chunk_manifests_that_cannot_be_read_are_a_problem_and_limits_are_none() {
    let mut overview = overview(Vec::new());
    let mut flow = FlowView::new(now());
    flow.left_out = Some("3 chunks of the last hour are left out".into());
    overview.flow = Some(flow.clone());
    assert!(findings(&overview, None).is_empty());
    flow.problem = Some("chunk manifests cannot be read: a\u{202e}".into());
    overview.flow = Some(flow);
    let finding = only(&overview);
    assert_eq!(
        (finding.severity, finding.link),
        (Severity::Warning, SHARDS)
    );
    assert_eq!(
        finding.details,
        ["chunk manifests cannot be read: a\\u{202e}"]
    );
}

#[test]
fn a_lost_range_is_said_until_a_run_has_gone_on_for_a_day() {
    let found = |days: i64, continued| {
        let lost = LostRange {
            cause: LossCause::Expired,
            parent: None,
            after: None,
            before: None,
            pinned: None,
            found_at: (now() - TimeDelta::days(days)).timestamp_millis(),
            continued,
        };
        let ledger = Ledger::new(ShardId::new("events-0").unwrap()).with_loss(lost, 1);
        of_lost_ranges(&[ledger], now()).is_some()
    };
    assert!(found(0, false) && found(9, false) && found(0, true));
    assert!(!found(2, true));
}

/// A registry with one change.
fn changed(what: ChangeKind, at: &str, by: &str) -> Overview {
    let mut rollout = Rollout::new();
    rollout.history.push(Change {
        number: 1,
        at: at.into(),
        what,
        release: None,
        by: by.into(),
        why: Some("too many rejections".into()),
    });
    let mut overview = overview(Vec::new());
    overview.releases = seen(ReleasesView {
        rollout,
        releases: Vec::new(),
        problems: Vec::new(),
    });
    overview
}

#[test]
fn a_canary_that_a_worker_has_ended_is_said_for_an_hour() {
    let ended = |at: &str, by: &str| changed(ChangeKind::EndTrial, at, by);
    let host = host_name(None, 7);
    let finding = only(&ended("2026-11-27T08:30:00Z", &host));
    assert_eq!(finding.what, "A worker ended a canary in the last hour.");
    assert!(
        finding.details[0].ends_with(": too many rejections"),
        "{finding:?}"
    );
    for (at, by) in [
        ("2026-11-27T07:30:00Z", host.as_str()),
        ("2026-11-27T08:30:00Z", "ada"),
    ] {
        assert!(findings(&ended(at, by), None).is_empty(), "{at}, {by}");
    }
}

#[test]
fn a_rollback_is_said_for_an_hour() {
    let rollback = |at: &str| changed(ChangeKind::Rollback, at, "ada");
    let finding = only(&rollback("2026-11-27T08:30:00Z"));
    assert_eq!(finding.severity, Severity::Warning);
    assert!(
        finding.details[0].ends_with("by ada: too many rejections"),
        "{finding:?}"
    );
    assert!(findings(&rollback("2026-11-27T07:30:00Z"), None).is_empty());
}

#[test]
fn much_quarantine_is_worse_than_some() {
    let share = |quarantined: f64| {
        let at = now().timestamp() - 20;
        let workers = WorkerMeasures::made_up(vec![(at, 100.0)], vec![(at, quarantined)]);
        let finding = of_quarantine(&Measures::of_workers(&workers, now()));
        finding.map(|finding| (finding.severity, finding.what))
    };
    assert_eq!(share(1.0), None);
    let (severity, what) = share(2.5).unwrap();
    assert_eq!(severity, Severity::Warning);
    assert!(
        what.starts_with("2.5 % of the records of the last 5 min"),
        "{what}"
    );
    assert_eq!(share(11.0).unwrap().0, Severity::Broken);
}

#[test]
fn the_worst_comes_first() {
    let mut overview = overview(Vec::new());
    overview.releases = Some(View::Failed("denied".into()));
    overview.ledgers = seen(LedgersView {
        ledgers: Vec::new(),
        problems: Vec::new(),
    });
    if let Some(View::Ready(seen)) = &mut overview.ledgers {
        seen.problem = Some("throttled".into());
    }
    let findings = findings(&overview, None);
    let severities = findings.iter().map(|finding| finding.severity);
    assert_eq!(
        severities.collect::<Vec<_>>(),
        [Severity::Broken, Severity::Warning]
    );
}
