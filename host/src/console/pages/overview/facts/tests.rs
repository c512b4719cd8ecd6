//! Facts of made-up views.

use std::sync::Arc;

use chrono::TimeDelta;
use sluice_engine::digest::Digest;
use sluice_engine::record::{SequenceNumber, ShardId};
use sluice_release::rollout::{Rollout, Trial};

use super::super::tests::{now, overview, seen};
use super::*;
use crate::console::flow::FlowView;
use crate::console::ledgers::LedgersView;
use crate::console::pages::measures::WorkerMeasures;
use crate::console::releases::ReleasesView;
use crate::console::workers::{WorkerStatus, status};
use crate::ledger::pins::Pins;
use crate::ledger::resource_faults::ResourceFaults;
use crate::ledger::{Pending, Range};

#[test]
fn facts_say_rates_totals_and_the_release_of_workers() {
    let at = now().timestamp() - 20;
    let workers = WorkerMeasures::made_up(vec![(at, 1_500.0)], vec![(at, 15.0)]);
    let measures = Measures::of_workers(&workers, now());
    let html = facts(&overview(vec![status("a"), status("b")]), Some(&measures)).into_string();
    for text in [
        "1.5k /s",
        "15 /s</span> (1.00 % in 5 min)",
        "Rates are means of a minute, by what workers",
        "Records since workers started</dt><dd><span class=\"number\">20<",
        "Messages in the last hour</dt><dd><span class=\"number\">0</span><div class=\"more\">since the console started",
        "2 s</span><div class=\"more\">b<",
        "Oldest last read of a shard</dt><dd><span class=\"number\">less than 10 s ago</span><div class=\"more\">b<",
        "enrich 1.2.3",
        "not known yet",
    ] {
        assert!(html.contains(text), "{text}: {html}");
    }
}

#[test]
fn the_limit_of_bus_calls_is_that_of_workers_that_answer() {
    let mut overview = overview(vec![status("a"), status("b"), status("c")]);
    for (worker, limit) in overview.workers.iter_mut().zip([64, 16, 0]) {
        let status = Arc::make_mut(worker.status.as_mut().unwrap());
        status.resources.bus_calls_limit = limit;
    }
    let has = |overview: &Overview, limit: &str| {
        let html = facts(overview, None).into_string();
        html.contains(&format!("at most</dt><dd><span class=\"number\">{limit}<"))
    };
    assert!(has(&overview, "64"));
    overview.workers[0].problem = Some("no answer".into());
    assert!(has(&overview, "16"));
    overview.workers[1].problem = Some("no answer".into());
    assert!(!has(&overview, "0") && !has(&overview, "16"));
}

#[test]
fn a_redriven_record_is_one_record_of_the_lake() {
    let committed = |shard: &str, count: u64| {
        let pending = Pending {
            range: Range {
                first: SequenceNumber::from(1),
                last: SequenceNumber::from(count),
                count,
            },
            release: Digest::of(b"release"),
            pins: Pins::default(),
            resource_faults: ResourceFaults::default(),
        };
        let ledger = Ledger::new(ShardId::new(shard).unwrap());
        let ledger = ledger.pin(pending.clone()).unwrap();
        ledger.commit(pending.range, Digest::of(b"last")).unwrap()
    };
    let ledgers = [
        committed("events-shardId-000000000000", 40),
        committed("events-shardId-000000000001", 2),
        committed("redrive-20261127-125358-1b22", 5),
    ];
    assert_eq!(records(&ledgers), 42);
}

#[test]
fn what_is_quarantined_now_is_a_number_with_a_link() {
    let mut overview = overview(Vec::new());
    let html = |overview: &Overview| facts(overview, None).into_string();
    assert!(!html(&overview).contains("Quarantined now"));
    overview.quarantined = Some(View::Reading);
    let unread = html(&overview);
    let name = "Quarantined now</dt><dd>";
    assert!(
        unread.contains(&format!("{name}<span class=\"more\">not known yet")),
        "{unread}"
    );
    overview.quarantined = Some(View::Failed("denied".into()));
    let failed = html(&overview);
    assert!(failed.contains(">cannot be read</a>"), "{failed}");
    overview.quarantined = seen(1_234);
    let html = html(&overview);
    let link = "<a href=\"/quarantine\"><span class=\"number\">1,234<";
    assert!(html.contains(&format!("{name}{link}")), "{html}");
    assert!(html.contains("at <time"), "{html}");
}

#[test]
fn a_lake_that_cannot_be_read_has_no_rates() {
    let mut overview = overview(Vec::new());
    overview.flow = Some(FlowView::new(now()));
    overview.ledgers = seen(LedgersView::default());
    let html = |overview: &Overview| {
        let measures = overview.measures();
        facts(overview, measures.as_ref()).into_string()
    };
    let shown = html(&overview);
    assert!(shown.contains("Bytes of records"), "{shown}");
    assert!(!shown.contains("since the console started"), "{shown}");
    // Neither a registry nor a worker is given.
    let option = "unknown: start the console with --registry or --worker";
    assert!(shown.contains(option), "{shown}");
    if let Some(View::Ready(seen)) = &mut overview.ledgers {
        seen.problem = Some("it is gone".into());
    }
    let html = html(&overview);
    assert!(html.contains("Committed records"), "{html}");
    assert!(
        !html.contains("Bytes of records") && !html.contains("Rates"),
        "{html}"
    );
}

#[test]
fn the_registry_says_which_releases_are_on_trial() {
    let release = Digest::of(b"release");
    let mut rollout = Rollout::new();
    rollout.active = Some(release);
    rollout.canary = Some(Trial {
        release,
        share: "5%".parse().unwrap(),
        rollback_policy: None,
    });
    let mut overview = overview(Vec::new());
    let registry = |rollout| {
        seen(ReleasesView {
            rollout,
            releases: Vec::new(),
            problems: Vec::new(),
        })
    };
    overview.releases = registry(Rollout::new());
    let html = facts(&overview, None).into_string();
    assert!(html.contains(STARTED_WITH), "{html}");
    overview.releases = registry(rollout);
    let html = facts(&overview, None).into_string();
    assert!(
        html.contains(", canary <code") && html.contains("</code> of 5 %"),
        "{html}"
    );
    assert!(
        html.contains("href=\"/releases\"") && !html.contains("shadow"),
        "{html}"
    );
}

#[test]
fn rates_of_a_young_worker_are_not_known_yet() {
    let mut young = status("a");
    young.since = "2026-11-27T08:59:50.000Z".into();
    let mut flow = FlowView::new(now());
    let html = |statuses: Vec<_>, flow: &FlowView| {
        let measures = Measures::of_flow(flow, now());
        facts(&overview(statuses), Some(&measures)).into_string()
    };
    let rate = "Records</dt><dd><span class=\"number\">";
    let old = html(vec![status("a")], &flow);
    assert!(old.contains(&format!("{rate}0 /s")), "{old}");
    let unknown = html(vec![young.clone()], &flow);
    assert!(!unknown.contains("/s<"), "{unknown}");
    flow.records.add(now() - TimeDelta::seconds(30), 120.0);
    let known = html(vec![young], &flow);
    assert!(known.contains(rate), "{known}");
}

#[test]
fn only_streams_have_a_lag() {
    let mut status = status("a");
    let html = |status: &WorkerStatus| {
        let overview = overview(vec![status.clone()]);
        facts(&overview, None).into_string()
    };
    assert!(html(&status).contains("Largest lag"));
    status.shards[0].lag_seconds = None;
    let unknown = html(&status);
    assert!(
        unknown.contains("Largest lag</dt><dd><span class=\"more\">not known yet"),
        "{unknown}"
    );
    status.mode = "files".into();
    assert!(!html(&status).contains("Largest lag"));
}
