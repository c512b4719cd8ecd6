//! States of made-up shards.

use std::sync::Arc;

use sluice_engine::digest::Digest;

use super::*;
use crate::console::ledgers::tests::of_file;
use crate::console::workers::status;
use crate::ledger::lost_range::{LossCause, LostRange};
use crate::ledger::pins::Pins;
use crate::ledger::resource_faults::ResourceFaults;
use crate::ledger::{Pending, Range};

pub(in crate::console::pages::shards) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap()
}

pub(in crate::console::pages::shards) fn new_ledger(shard: &str) -> Ledger {
    Ledger::new(ShardId::new(shard).unwrap())
}

pub(in crate::console::pages::shards) fn pending(first: u64, last: u64) -> Pending {
    Pending {
        range: Range {
            first: first.into(),
            last: last.into(),
            count: 10,
        },
        release: Digest::of(b"release"),
        pins: Pins::default(),
        resource_faults: ResourceFaults::default(),
    }
}

/// A ledger that has committed 10 records up to 19.
pub(in crate::console::pages::shards) fn committed(shard: &str) -> Ledger {
    let pending = pending(10, 19);
    let range = pending.range;
    let pinned = new_ledger(shard).pin(pending).unwrap();
    pinned.commit(range, Digest::of(b"last")).unwrap()
}

/// The shard `s` as a worker sees it.
pub(in crate::console::pages::shards) fn sight(state: &str, since: &str) -> WorkerShard {
    WorkerShard {
        shard: "s".into(),
        state: state.into(),
        since: since.into(),
        lag_seconds: None,
        read_age_seconds: None,
        committed: None,
        lost_ranges: 0,
        error: None,
    }
}

/// Workers, of which each sees one of these shards.
pub(in crate::console::pages::shards) fn workers(shards: &[WorkerShard]) -> Vec<WorkerView> {
    let workers = shards.iter().map(|shard| {
        let mut status = status("");
        status.shards.push(shard.clone());
        WorkerView {
            url: "http://127.0.0.1:9464".into(),
            status: Some(Arc::new(status)),
            problem: None,
            seen_at: None,
        }
    });
    workers.collect()
}

pub(in crate::console::pages::shards) fn stream_shard(
    id: &str,
    parents: &[&str],
    is_closed: bool,
) -> StreamShard {
    let named = |id: &str| ShardId::new(id).unwrap();
    StreamShard {
        id: named(id),
        parents: parents.iter().map(|parent| named(parent)).collect(),
        is_closed,
    }
}

/// The state of a shard with this ledger and these sights.
fn state(ledger: Option<&Ledger>, sights: &[WorkerShard], pending_minutes: i64) -> ShardState {
    let ledgers: Vec<_> = ledger.cloned().into_iter().collect();
    let shard = ShardId::new("s").unwrap();
    let pending_since = now() - TimeDelta::minutes(pending_minutes);
    let pending_since = BTreeMap::from([(shard, pending_since)]);
    let workers = workers(sights);
    let rows = rows(&RowSources {
        ledgers: &ledgers,
        pending_since: &pending_since,
        workers: &workers,
        stream: &[],
        now: now(),
    });
    assert_eq!(rows.len(), 1);
    rows[0].state
}

/// A ledger with an owner that has reached the end of the shard this long ago.
fn owned(ledger: &Ledger, caught_up: TimeDelta) -> Ledger {
    let moment = (now() - caught_up).timestamp_millis();
    ledger.assign_to("host-1").with_caught_up_to(Some(moment))
}

#[test]
fn a_ledger_alone_has_a_state() {
    let idle = committed("s");
    let pinned = idle.pin(pending(20, 29)).unwrap();
    let minutes = TimeDelta::minutes;
    for (ledger, pending_minutes, expected) in [
        (&idle, 0, ShardState::Idle),
        (&pinned, 0, ShardState::Working),
        (&pinned, 2, ShardState::PendingLong),
        (&idle.finish().unwrap(), 0, ShardState::Finished),
        (&of_file(10), 0, ShardState::Finished),
        (&of_file(9), 0, ShardState::Idle),
        (&owned(&idle, minutes(0)), 0, ShardState::CaughtUp),
        (&owned(&idle, minutes(3)), 0, ShardState::Working),
        (&owned(&pinned, minutes(0)), 0, ShardState::Working),
        (&owned(&idle, minutes(6)), 0, ShardState::Lagging),
        (&idle.assign_to("host-1"), 0, ShardState::Working),
    ] {
        assert_eq!(state(Some(ledger), &[], pending_minutes), expected);
    }
}

#[test]
fn a_loss_that_no_run_has_gone_on_behind_is_a_failure() {
    for (continued, expected) in [(false, ShardState::Failed), (true, ShardState::Idle)] {
        let loss = LostRange {
            cause: LossCause::Expired,
            parent: None,
            after: None,
            before: None,
            pinned: None,
            found_at: 1,
            continued,
        };
        let ledger = committed("s").with_loss(loss, 1);
        assert_eq!(state(Some(&ledger), &[], 0), expected);
    }
}

#[test]
fn a_worker_knows_more_than_the_ledger() {
    let ledger = committed("s");
    let with_lag = |lag| WorkerShard {
        lag_seconds: Some(lag),
        ..sight("working", "2026-01-01T00:00:00.000Z")
    };
    let with_age = |age| WorkerShard {
        read_age_seconds: Some(age),
        ..with_lag(0.0)
    };
    let with_error = WorkerShard {
        error: Some("throttled".into()),
        ..sight("working", "2026-01-01T00:00:00.000Z")
    };
    let failed = sight("failed", "2026-01-01T00:00:01.000Z");
    let later = sight("working", "2026-01-01T00:00:02.000Z");
    for (sights, expected) in [
        (vec![with_lag(61.0)], ShardState::Lagging),
        (vec![with_lag(5.0)], ShardState::Working),
        (vec![with_lag(0.0)], ShardState::CaughtUp),
        (vec![with_age(1.0)], ShardState::CaughtUp),
        (vec![with_age(61.0)], ShardState::Lagging),
        (vec![with_error], ShardState::Unread),
        (vec![with_lag(900.0), later.clone()], ShardState::Working),
        (vec![with_lag(0.0), failed.clone()], ShardState::Failed),
        (vec![failed, later], ShardState::Working),
        (vec![sight("lost", "")], ShardState::Idle),
        (vec![sight("finished", "")], ShardState::Finished),
    ] {
        assert_eq!(state(Some(&ledger), &sights, 0), expected, "{sights:?}");
    }
    assert_eq!(
        state(None, &[sight("given_back", "")], 0),
        ShardState::NotBegun
    );
}

#[test]
fn the_worst_shard_comes_first_and_all_sources_count() {
    let stream = [stream_shard("d", &[], false), stream_shard("a", &[], false)];
    let ledgers = [committed("a"), committed("b").finish().unwrap()];
    let of = |shard: &str, state: &str, lag: Option<f64>| WorkerShard {
        shard: shard.into(),
        lag_seconds: lag,
        ..sight(state, "")
    };
    let workers = workers(&[
        of("c", "failed", None),
        of("e", "working", Some(100.0)),
        of("f", "working", Some(200.0)),
    ]);
    let pending_since = BTreeMap::new();
    let rows = rows(&RowSources {
        ledgers: &ledgers,
        pending_since: &pending_since,
        workers: &workers,
        stream: &stream,
        now: now(),
    });
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    assert_eq!(ids, ["c", "f", "e", "d", "a", "b"]);
}
