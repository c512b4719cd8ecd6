//! How much flows now, and what was landed.

use std::time::Duration;

use maud::{Markup, html};

use super::Overview;
use crate::console::components::{count, decimal, duration, facts as shown, short};
use crate::console::history::Point;
use crate::console::pages::measures::{Measures, RECENT_SECONDS, total};
use crate::console::payload::inert;
use crate::console::plot::amount;
use crate::console::releases::STARTED_WITH;
use crate::console::words::read_age;
use crate::console::workers::{WorkerShard, WorkerTotals};
use crate::ledger::Ledger;
use crate::output::counted;
use crate::redrive::RedriveId;

/// The facts, under a headline.
pub(super) fn facts(overview: &Overview, measures: Option<&Measures>) -> Markup {
    let mut facts = Vec::new();
    // A run that has finished has no rate any more, and nobody knows that of a lake that cannot be read.
    let has_rates = overview.finished_run().is_none() && !overview.is_old();
    if let Some(measures) = measures {
        facts.extend(has_rates.then(|| rates(measures)).into_iter().flatten());
        facts.extend(objects(measures));
    }
    facts.extend(landed(overview));
    facts.extend(of_workers(overview));
    facts.push(("Active release", release(overview)));
    html! {
        h2 { "Now" }
        (shown(&facts))
        @if let Some(measures) = measures {
            p.more {
                @if has_rates {
                    "Rates are means of a minute, "
                    @if measures.is_of_lake {
                        "by when records arrived, up to the newest chunk of the lake. "
                    } @else {
                        "by what workers have committed. "
                    }
                }
                @if measures.is_of_lake {
                    "Sizes of objects are those of their events as lines, before compression."
                } @else {
                    "Sizes of objects are compressed."
                }
            }
        }
    }
}

type Fact = (&'static str, Markup);

fn rates(measures: &Measures) -> Vec<Fact> {
    let rate =
        |points: &[Point], unit: &str| text(measures.rate(points).map(|rate| amount(rate, unit)));
    let share = measures.quarantined_share();
    let minutes = RECENT_SECONDS / 60;
    let share = share.map(|share| format!(" ({} % in {minutes} min)", decimal(share * 100.0)));
    let quarantined = html! { (rate(&measures.quarantined, "/s")) (share.unwrap_or_default()) };
    vec![
        ("Records", rate(&measures.records, "/s")),
        ("Events", rate(&measures.events, "/s")),
        ("Quarantined", quarantined),
        ("Bytes of records", rate(&measures.bytes, "B/s")),
    ]
}

fn objects(measures: &Measures) -> Vec<Fact> {
    let (objects, bytes) = (total(&measures.objects), total(&measures.object_bytes));
    let size = (objects > 0.0).then_some(bytes / objects);
    let size = size.map_or_else(String::new, |size| format!(", {} each", amount(size, "B")));
    let messages = total(&measures.messages);
    let last_hour = |count: f64, more: &str| {
        html! {
            span.number { (amount(count.round(), "")) } (more)
            // What workers did before is not known.
            @if !measures.is_of_lake { div.more { "since the console started, at most an hour" } }
        }
    };
    vec![
        ("Objects in the last hour", last_hour(objects, &size)),
        ("Messages in the last hour", last_hour(messages, "")),
    ]
}

/// What was landed: by the lake since its beginning, by workers since they were started.
fn landed(overview: &Overview) -> Vec<Fact> {
    let mut facts = Vec::new();
    if let Some(seen) = overview.read_ledgers() {
        facts.push(("Committed records", count(records(&seen.value.ledgers))));
    }
    let total = |of: fn(&WorkerTotals) -> u64| {
        let totals = overview.statuses().map(|(_, status)| of(&status.totals));
        count(totals.fold(0, u64::saturating_add))
    };
    if overview.statuses().next().is_some() {
        facts.push((
            "Records since workers started",
            total(|totals| totals.records),
        ));
        facts.push((
            "Events since workers started",
            total(|totals| totals.events),
        ));
        facts.push((
            "Quarantined since workers started",
            total(|totals| totals.quarantined),
        ));
    }
    facts
}

/// The committed records. Those that a redrive has committed are counted where they were committed first.
fn records(ledgers: &[Ledger]) -> u64 {
    let first = ledgers
        .iter()
        .filter(|ledger| RedriveId::of_shard(ledger.shard()).is_none());
    let committed = first.filter_map(|ledger| ledger.committed());
    committed.map(|committed| committed.records).sum()
}

fn of_workers(overview: &Overview) -> Vec<Fact> {
    if overview.workers.is_empty() {
        return Vec::new();
    }
    let shards = overview.shards();
    let lag = largest(&shards, |shard| shard.lag_seconds).map(|(seconds, shard)| {
        let lag = Duration::try_from_secs_f64(seconds.floor()).unwrap_or_default();
        html! { span.number { (duration(lag)) } div.more { (inert(&shard.shard)) } }
    });
    let age = largest(&shards, |shard| shard.read_age_seconds);
    let age = age.map(|(seconds, shard)| {
        html! { span.number { (read_age(seconds)) } div.more { (inert(&shard.shard)) } }
    });
    let limits = overview
        .statuses()
        .map(|(_, status)| status.resources.bus_calls_limit);
    let limit = limits.max().filter(|limit| *limit > 0);
    let mut facts = vec![("Largest lag", lag.unwrap_or_else(unknown))];
    facts.extend(age.map(|age| ("Oldest last read of a shard", age)));
    facts.extend(limit.map(|limit| ("Bus calls at once, at most", count(limit))));
    facts
}

/// The largest of these times, in seconds, and its shard.
fn largest<'a>(
    shards: &[&'a WorkerShard],
    seconds: impl Fn(&WorkerShard) -> Option<f64>,
) -> Option<(f64, &'a WorkerShard)> {
    let shards = shards.iter().copied();
    let times = shards.filter_map(|shard| Some((seconds(shard)?, shard)));
    times.max_by(|(a, _), (b, _)| a.total_cmp(b))
}

/// The active release and those on trial: by the registry, or else by the workers.
fn release(overview: &Overview) -> Markup {
    if let Some(seen) = overview.read_releases() {
        let rollout = &seen.value.rollout;
        let trials = [("canary", &rollout.canary), ("shadow", &rollout.shadow)];
        return html! {
            @match rollout.active {
                Some(active) => { a href="/releases" { (short(&active.to_string())) } }
                None => (STARTED_WITH),
            }
            @for (name, trial) in trials {
                @if let Some(trial) = trial {
                    ", " (name) " " (short(&trial.release.to_string())) " of " (trial.share)
                }
            }
        };
    }
    let mut used: Vec<_> = overview
        .statuses()
        .map(|(_, status)| (&status.release, &status.transform))
        .collect();
    used.sort_by_key(|(release, _)| *release);
    used.dedup_by_key(|(release, _)| *release);
    let Some((release, transform)) = used.first() else {
        let is_told = overview.releases.is_some() || !overview.workers.is_empty();
        return match is_told {
            true => unknown(),
            false => {
                html! { span.more { "unknown: start the console with --registry or --worker" } }
            }
        };
    };
    html! {
        (short(release)) " " (inert(&transform.name)) " " (inert(&transform.version))
        @if used.len() > 1 { " and " (counted(used.len() as u64 - 1, "other")) }
    }
}

fn text(text: Option<String>) -> Markup {
    match text {
        Some(text) => html! { span.number { (text) } },
        None => unknown(),
    }
}

fn unknown() -> Markup {
    html! { span.more { "not known yet" } }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sluice_engine::digest::Digest;
    use sluice_engine::record::{SequenceNumber, ShardId};
    use sluice_release::rollout::{Rollout, Trial};

    use super::super::tests::{now, overview, seen};
    use super::*;
    use crate::console::cached::View;
    use crate::console::flow::FlowView;
    use crate::console::ledgers::LedgersView;
    use crate::console::pages::measures::WorkerMeasures;
    use crate::console::releases::ReleasesView;
    use crate::console::workers::status;
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
}
