//! What is wrong by what workers say.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta};

use super::Overview;
use super::findings::{
    Finding, Link, RELEASES, SHARDS, Severity, WORKERS, lost_ranges, named, rolled_back, was_within,
};
use crate::console::components::duration;
use crate::console::pages::measures::total;
use crate::console::workers::{LAGGING_SECONDS, WorkerShard};
use crate::output::counted;

/// A shard that is further behind than this, seconds, stands rather than lags.
const LAG_BAD: f64 = 600.0;

/// What is wrong by what workers say, that of one severity in the order of its weight.
pub(super) fn of_workers(overview: &Overview) -> Vec<Finding> {
    let shards = overview.shards();
    let findings = [
        unreachable(overview),
        failed(&shards),
        lost(overview, &shards),
        lagging(&shards, LAG_BAD, f64::INFINITY),
        not_ready(overview),
        unread(&shards),
        not_admitted(overview),
        unpolled_registry(overview),
        lagging(&shards, LAGGING_SECONDS, LAG_BAD),
    ];
    findings.into_iter().flatten().collect()
}

/// A finding of several things, if there are any.
fn finding(
    severity: Severity,
    things: Vec<String>,
    what: impl FnOnce(u64) -> String,
    advice: &'static str,
    link: Link,
) -> Option<Finding> {
    let count = things.len() as u64;
    (count > 0).then(|| Finding {
        severity,
        what: what(count),
        details: named(things),
        as_of: None,
        advice,
        link,
    })
}

fn are(count: u64) -> &'static str {
    if count == 1 { "is" } else { "are" }
}

fn unreachable(overview: &Overview) -> Option<Finding> {
    let workers = overview.workers.iter().filter_map(|worker| {
        let problem = worker.problem.as_deref()?;
        Some(format!("{}: {problem}", worker.url))
    });
    let all = overview.workers.len();
    finding(
        Severity::Broken,
        workers.collect(),
        |count| {
            format!(
                "{count} of {} cannot be polled.",
                counted(all as u64, "worker")
            )
        },
        "Check that the worker runs, its option --http, the network, and that --worker is the address of its metrics: the one \
         that it prints.",
        WORKERS,
    )
}

fn failed(shards: &[&WorkerShard]) -> Option<Finding> {
    let failed = shards.iter().filter(|shard| shard.has_failed());
    finding(
        Severity::Broken,
        failed.map(|shard| with_error(shard)).collect(),
        |count| format!("{} stopped with an error.", counted(count, "shard")),
        "Repair what the error says; the worker tries again by itself. See docs/operate.md, \"A shard stands\".",
        SHARDS,
    )
}

/// Shards that a worker works on and cannot read at the moment.
fn unread(shards: &[&WorkerShard]) -> Option<Finding> {
    let unread = shards.iter().filter(|shard| shard.is_unread());
    finding(
        Severity::Warning,
        unread.map(|shard| with_error(shard)).collect(),
        |count| format!("{} cannot be read at the moment.", counted(count, "shard")),
        "The worker tries again by itself. If this stays, check the stream and its limits.",
        SHARDS,
    )
}

fn with_error(shard: &WorkerShard) -> String {
    let error = shard.error.as_deref().unwrap_or("no error given");
    format!("{}: {error}", shard.shard)
}

/// The lost ranges that workers count. A lake says more of them.
fn lost(overview: &Overview, shards: &[&WorkerShard]) -> Option<Finding> {
    if overview.ledgers.is_some() {
        return None;
    }
    let lost = shards.iter().filter(|shard| shard.lost_ranges > 0);
    let lost =
        lost.map(|shard| format!("{}: {}", shard.shard, counted(shard.lost_ranges, "range")));
    lost_ranges(lost.collect())
}

/// The shards that are more than `above` and at most `most` seconds behind, the worst first.
fn lagging(shards: &[&WorkerShard], above: f64, most: f64) -> Option<Finding> {
    let lags = shards
        .iter()
        .filter_map(|shard| Some((shard.behind_seconds()?, shard)));
    let mut lags: Vec<_> = lags
        .filter(|(lag, _)| *lag > above && *lag <= most)
        .collect();
    lags.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let severity = if above < LAG_BAD {
        Severity::Warning
    } else {
        Severity::Broken
    };
    let lags = lags.into_iter().map(|(lag, shard)| {
        let lag = Duration::try_from_secs_f64(lag.floor()).map_or("unknown".into(), duration);
        format!("{}: {lag} behind", shard.shard)
    });
    let above = Duration::try_from_secs_f64(above).map_or(String::new(), duration);
    finding(
        severity,
        lags.collect(),
        |count| {
            let shards = counted(count, "shard");
            format!(
                "{shards} {} more than {above} behind, by the lag or the age of the last read.",
                are(count)
            )
        },
        "If nothing else is wrong, more records come than are landed: add shards or workers, or give the workers more \
         memory and processor time.",
        SHARDS,
    )
}

fn not_ready(overview: &Overview) -> Option<Finding> {
    let workers = overview.statuses().filter(|(_, status)| !status.ready);
    let workers = workers.map(|(worker, status)| {
        let reason = status.reason.as_deref().unwrap_or("no reason given");
        format!("{}: {reason}", worker.url)
    });
    finding(
        Severity::Broken,
        workers.collect(),
        |count| format!("{} {} not ready.", counted(count, "worker"), are(count)),
        "The reason says what the worker waits for. After a start, that is its first poll.",
        WORKERS,
    )
}

/// The releases that failed admission: those that the registry has as the active one, and those of the last hour.
fn not_admitted(overview: &Overview) -> Option<Finding> {
    let mut releases = BTreeMap::new();
    for (worker, status) in overview.statuses() {
        let Some(rollouts) = &status.rollouts else {
            continue;
        };
        for error in &rollouts.admission_errors {
            let at = DateTime::parse_from_rfc3339(&error.at);
            let is_new =
                at.is_ok_and(|at| was_within(at.to_utc(), TimeDelta::hours(1), overview.now));
            if is_new || rollouts.active.as_ref() == Some(&error.release) {
                let text = format!(
                    "{} at {}: {}: {}",
                    error.release, worker.url, error.step, error.why
                );
                releases.insert(error.release.as_str(), text);
            }
        }
    }
    finding(
        Severity::Warning,
        releases.into_values().collect(),
        |count| {
            format!(
                "{} failed admission; the one before stays in use.",
                counted(count, "release")
            )
        },
        "Publish a release that passes, or roll back.",
        RELEASES,
    )
}

fn unpolled_registry(overview: &Overview) -> Option<Finding> {
    let workers = overview.statuses().filter_map(|(worker, status)| {
        let rollouts = status.rollouts.as_ref()?;
        let error = rollouts.error.as_deref()?;
        Some(format!("{}, {}: {error}", worker.url, rollouts.registry))
    });
    finding(
        Severity::Warning,
        workers.collect(),
        |count| {
            format!(
                "{} cannot poll the registry; the release before stays in use.",
                counted(count, "worker")
            )
        },
        "The error says why: the service, a key, or a release that was removed. Publish it again, or roll back.",
        RELEASES,
    )
}

/// The rollbacks that workers count, if no registry says more of them.
pub(super) fn of_rollbacks(overview: &Overview) -> Option<Finding> {
    let rollbacks = total(&overview.worker_measures.rollbacks);
    (rollbacks >= 0.5).then(|| {
        let text = "a worker did it, by the rollback policy of the release".to_owned();
        rolled_back(vec![text])
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::overview;
    use super::*;
    use crate::console::workers::{WorkerStatus, status};

    /// What is wrong with workers of these statuses, in words.
    fn words(statuses: Vec<WorkerStatus>) -> Vec<(Severity, String, Vec<String>)> {
        let findings = of_workers(&overview(statuses)).into_iter();
        let words = findings.map(|finding| (finding.severity, finding.what, finding.details));
        words.collect()
    }

    #[test]
    fn nothing_is_wrong_with_a_good_worker() {
        assert!(words(vec![status("a b c")]).is_empty());
    }

    #[test]
    fn a_worker_that_does_not_answer_is_broken_and_its_old_status_is_not_used() {
        let mut old = status("a");
        old.shards[0].state = "failed".into();
        let mut overview = overview(vec![old, status("b")]);
        overview.workers[0].problem = Some("no answer".into());
        let findings = of_workers(&overview);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].what, "1 of 2 workers cannot be polled.");
        assert_eq!(findings[0].details, ["http://worker-0:9464: no answer"]);
    }

    #[test]
    fn failed_and_lagging_shards_are_told_by_how_bad_they_are() {
        let mut status = status("a b c d e f");
        status.shards[0].state = "failed".into();
        status.shards[0].error = Some("denied".into());
        status.shards[1].lag_seconds = Some(61.0);
        status.shards[2].lag_seconds = Some(3_700.9);
        status.shards[3].error = Some("throttled".into());
        status.shards[4].lag_seconds = Some(900.0);
        status.shards[5].read_age_seconds = Some(300.0);
        let words = words(vec![status]);
        let expected = [
            (
                Severity::Broken,
                "1 shard stopped with an error.",
                vec!["a: denied"],
            ),
            (
                Severity::Broken,
                "2 shards are more than 10 min behind, by the lag or the age of the last read.",
                vec!["c: 1 h 1 min behind", "e: 15 min behind"],
            ),
            (
                Severity::Warning,
                "1 shard cannot be read at the moment.",
                vec!["d: throttled"],
            ),
            (
                Severity::Warning,
                "2 shards are more than 1 min behind, by the lag or the age of the last read.",
                vec!["f: 5 min behind", "b: 1 min 1 s behind"],
            ),
        ];
        assert_eq!(words.len(), expected.len(), "{words:?}");
        for (words, expected) in words.iter().zip(expected) {
            assert_eq!((words.0, words.1.as_str()), (expected.0, expected.1));
            assert_eq!(words.2, expected.2);
        }
    }

    #[test]
    fn a_worker_that_is_not_ready_says_why() {
        let mut status = status("a");
        (status.ready, status.reason) = (false, Some("the stream is denied".into()));
        let words = words(vec![status]);
        assert_eq!(words[0].1, "1 worker is not ready.");
        assert_eq!(words[0].2, ["http://worker-0:9464: the stream is denied"]);
    }

    #[test]
    fn old_admission_errors_are_said_only_of_the_active_release() {
        let failed = |release: &str, at: &str| {
            let mut status = status("a");
            let rollouts = status.rollouts.as_mut().unwrap();
            rollouts.admission_errors = serde_json::from_value(serde_json::json!([
                { "release": release, "step": "cases", "why": "case 3 differs", "at": at },
            ]))
            .unwrap();
            words(vec![status.clone(), status])
        };
        let old = "2026-11-27T07:00:00.000Z";
        assert!(failed("5e6f7a8b", old).is_empty());
        assert_eq!(failed("1a2b3c4d", old).len(), 1);
        let new = failed("5e6f7a8b", "2026-11-27T08:59:00.000Z");
        assert_eq!(
            new[0].1,
            "1 release failed admission; the one before stays in use."
        );
        assert!(new[0].2[0].ends_with("cases: case 3 differs"), "{new:?}");
    }

    #[test]
    fn lost_ranges_polls_of_the_registry_and_rollbacks_are_said() {
        let mut status = status("a");
        status.shards[0].lost_ranges = 2;
        status.rollouts.as_mut().unwrap().error = Some("throttled".into());
        let mut overview = overview(vec![status]);
        let findings = of_workers(&overview);
        assert_eq!(findings[0].details, ["a: 2 ranges"]);
        assert_eq!(
            findings[1].details,
            ["http://worker-0:9464, file:registry: throttled"]
        );
        assert_eq!(of_rollbacks(&overview), None);
        overview.worker_measures.rollbacks = vec![(overview.now.timestamp() - 60, 0.05)];
        assert_eq!(of_rollbacks(&overview).unwrap().severity, Severity::Warning);
    }
}
