//! How much flows now, and what was landed.

use std::time::Duration;

use maud::{Markup, html};

use super::Overview;
use crate::console::cached::View;
use crate::console::components::{count, decimal, duration, facts as shown, short, time};
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
        let rates = has_rates.then(|| rates(measures, overview.has_young_worker()));
        facts.extend(rates.into_iter().flatten());
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

/// The rates. If a worker is young, nothing may be known of its records yet, so 0 of them is not said.
fn rates(measures: &Measures, has_young_worker: bool) -> Vec<Fact> {
    let records = measures.rate(&measures.records).unwrap_or_default();
    let is_known = records > 0.0 || !has_young_worker;
    let rate = |points: &[Point], unit: &str| {
        let rate = measures.rate(points).filter(|_| is_known);
        text(rate.map(|rate| amount(rate, unit)))
    };
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
    if let Some(view) = &overview.quarantined {
        facts.push(("Quarantined now", quarantined(view)));
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

/// How many records are quarantined now, with a link to them.
fn quarantined(view: &View<u64>) -> Markup {
    html! {
        @match view {
            View::Ready(seen) => {
                a href="/quarantine" { (count(*seen.value)) }
                div.more { "at " (time(seen.at)) }
            }
            View::Failed(_) => a href="/quarantine" { "cannot be read" },
            View::Reading => (unknown()),
        }
    }
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
    let mut facts = Vec::new();
    // A file has no lag.
    let are_of_files = overview.statuses().count() > 0
        && overview
            .statuses()
            .all(|(_, status)| status.mode == "files");
    if lag.is_some() || !are_of_files {
        facts.push(("Largest lag", lag.unwrap_or_else(unknown)));
    }
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
mod tests;
