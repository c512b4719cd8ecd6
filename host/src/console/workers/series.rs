//! The measures of all workers over the last hour.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::metrics::{Counter, Metrics};
use super::poll::Poll;
use super::release_series::{ReleasePoints, ReleaseSeries};
use crate::console::history::{BUCKET_SECONDS, Kind, Point, Series};

/// If a worker was not seen for longer, what it has counted meanwhile is in no series: nobody knows when it was.
const GAP_MAX: TimeDelta = TimeDelta::seconds(60);

/// The measures of all workers over the last hour.
pub(in crate::console) struct WorkerSeries {
    counters: BTreeMap<Counter, Series>,
    quarantined: BTreeMap<String, Series>,
    /// By worker.
    memory: BTreeMap<String, Series>,
    cpu: BTreeMap<String, Series>,
    /// By shard.
    lag: BTreeMap<String, Series>,
    releases: ReleaseSeries,
}

impl WorkerSeries {
    pub(super) fn new() -> Self {
        Self {
            counters: BTreeMap::new(),
            quarantined: BTreeMap::new(),
            memory: BTreeMap::new(),
            cpu: BTreeMap::new(),
            lag: BTreeMap::new(),
            releases: ReleaseSeries::default(),
        }
    }

    /// Adds what a worker shows now, and what it has counted since the previous poll of it.
    pub(super) fn add(
        &mut self,
        worker: &str,
        polled: &Poll,
        previous: Option<(DateTime<Utc>, &Poll)>,
        now: DateTime<Utc>,
    ) {
        self.add_gauges(worker, polled, now);
        let previous = previous.filter(|(at, _)| now - *at <= GAP_MAX);
        if let Some((_, previous)) = previous {
            self.add_counts(worker, &previous.metrics, &polled.metrics, now);
            self.releases.add(&previous.status, &polled.status, now);
        }
    }

    fn add_counts(&mut self, worker: &str, old: &Metrics, new: &Metrics, now: DateTime<Utc>) {
        for (counter, value) in &new.counters {
            let counted = increase(old.counter(*counter), *value);
            let series = self.counters.entry(*counter);
            series.or_insert_with(rate).add(now, counted);
            if *counter == Counter::CpuSeconds {
                let series = self.cpu.entry(worker.to_owned());
                series.or_insert_with(rate).add(now, counted);
            }
        }
        for (reason, value) in &new.quarantined {
            let counted = increase(old.quarantined.get(reason).copied(), *value);
            let series = self.quarantined.entry(reason.clone());
            series.or_insert_with(rate).add(now, counted);
        }
    }

    fn add_gauges(&mut self, worker: &str, polled: &Poll, now: DateTime<Utc>) {
        if let Some(bytes) = polled.metrics.resident_bytes {
            let series = self.memory.entry(worker.to_owned());
            series.or_insert_with(gauge).add(now, bytes);
        }
        let mut shown = BTreeSet::new();
        for shard in &polled.status.shards {
            if let Some(lag) = shard.lag_seconds {
                let series = self.lag.entry(shard.shard.clone());
                series.or_insert_with(gauge).add(now, lag);
                shown.insert(shard.shard.as_str());
            }
        }
        // Shards end, and workers give them back.
        self.lag
            .retain(|shard, series| shown.contains(shard.as_str()) || has_points(series, now));
    }

    /// The increases of a counter a second, of all workers.
    pub(in crate::console) fn rate(&self, counter: Counter, now: DateTime<Utc>) -> Vec<Point> {
        let series = self.counters.get(&counter);
        series.map(|series| series.points(now)).unwrap_or_default()
    }

    /// The quarantined records a second, by reason.
    pub(in crate::console) fn quarantined(&self, now: DateTime<Utc>) -> Vec<(String, Vec<Point>)> {
        points(&self.quarantined, now)
    }

    /// The lag of the shards that had the largest, at most this many, seconds. There can be thousands.
    pub(in crate::console) fn lag(
        &self,
        now: DateTime<Utc>,
        most: usize,
    ) -> Vec<(String, Vec<Point>)> {
        let peaks = self.lag.iter();
        let peaks = peaks.filter_map(|(shard, series)| Some((series.peak(now)?, shard, series)));
        let mut peaks: Vec<_> = peaks.collect();
        peaks.sort_by(|(a, ..), (b, ..)| b.total_cmp(a));
        let largest = peaks.into_iter().take(most);
        let points = largest.map(|(_, shard, series)| (shard.clone(), series.points(now)));
        points.collect()
    }

    /// The resident memory of each worker, bytes.
    pub(in crate::console) fn memory(&self, now: DateTime<Utc>) -> Vec<(String, Vec<Point>)> {
        points(&self.memory, now)
    }

    /// The processor time of each worker, in seconds a second: how many cores it uses.
    pub(in crate::console) fn cpu(&self, now: DateTime<Utc>) -> Vec<(String, Vec<Point>)> {
        points(&self.cpu, now)
    }

    /// How a release has done.
    pub(in crate::console) fn release(&self, release: &str, now: DateTime<Utc>) -> ReleasePoints {
        self.releases.points(release, now)
    }
}

fn rate() -> Series {
    Series::new(Kind::PerSecond)
}

fn gauge() -> Series {
    Series::new(Kind::Largest)
}

/// Whether a series has a point that a plot shows, or will have one.
fn has_points(series: &Series, now: DateTime<Utc>) -> bool {
    let soon = now + TimeDelta::seconds(BUCKET_SECONDS);
    !series.points(soon).is_empty()
}

fn points(series: &BTreeMap<String, Series>, now: DateTime<Utc>) -> Vec<(String, Vec<Point>)> {
    let points = series
        .iter()
        .map(|(name, series)| (name.clone(), series.points(now)));
    points.filter(|(_, points)| !points.is_empty()).collect()
}

/// What was counted between two polls. A counter that goes down began again from 0: the worker was started again. One
/// that was not there before is new.
fn increase(old: Option<f64>, new: f64) -> f64 {
    match old {
        Some(old) if old <= new => new - old,
        _ => new,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::status::tests::status;
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(100_000 + seconds, 0).unwrap()
    }

    fn polled(records: u32, reason: u32, shards: &str) -> Poll {
        let text = format!(
            "sluice_records_committed_total {records}\nsluice_records_quarantined_total{{reason=\"bad\"}} {reason}\n\
             process_resident_memory_bytes {records}\n# EOF\n"
        );
        Poll {
            status: Arc::new(status(shards)),
            metrics: Metrics::parse(&text).unwrap(),
        }
    }

    /// The series after these polls of one worker: the seconds, and the records.
    fn series(polls: &[(i64, u32)]) -> WorkerSeries {
        let mut series = WorkerSeries::new();
        let mut previous: Option<(DateTime<Utc>, Poll)> = None;
        for (seconds, records) in polls {
            let poll = polled(*records, records / 10, "a");
            let before = previous.as_ref().map(|(at, poll)| (*at, poll));
            series.add("w", &poll, before, at(*seconds));
            previous = Some((at(*seconds), poll));
        }
        series
    }

    fn records(series: &WorkerSeries) -> Vec<f64> {
        let points = series.rate(Counter::Records, at(300));
        points.into_iter().map(|(_, value)| value).collect()
    }

    #[test]
    fn rates_begin_with_the_second_poll() {
        let series = series(&[(0, 1_000), (5, 1_100), (10, 1_300), (20, 1_400)]);
        assert_eq!(records(&series), [15.0, 5.0]);
        let quarantined = series.quarantined(at(300));
        assert_eq!(quarantined.len(), 1);
        assert_eq!(quarantined[0].1[0].1, 1.5);
        assert_eq!(series.memory(at(300))[0].1.len(), 2);
        assert!(series.rate(Counter::Events, at(300)).is_empty());
    }

    #[test]
    fn a_counter_that_goes_down_began_again() {
        assert_eq!(records(&series(&[(0, 1_000), (5, 1_020), (10, 60)])), [4.0]);
    }

    #[test]
    fn what_was_counted_while_nobody_looked_is_in_no_series() {
        assert_eq!(
            records(&series(&[(0, 0), (5, 20), (120, 90_000), (125, 90_040)])),
            [1.0, 2.0]
        );
    }

    #[test]
    fn workers_are_summed_and_shards_that_are_gone_are_forgotten() {
        let mut series = series(&[(0, 0), (5, 100)]);
        let (first, second) = (polled(0, 0, "b"), polled(300, 0, "b"));
        series.add("x", &first, None, at(0));
        series.add("x", &second, Some((at(0), &first)), at(6));
        assert_eq!(records(&series), [20.0]);
        assert_eq!(
            (series.lag(at(300), 9).len(), series.memory(at(300)).len()),
            (2, 2)
        );
        series
            .lag
            .entry("c".into())
            .or_insert_with(gauge)
            .add(at(6), 9.0);
        let largest = series.lag(at(300), 1);
        assert_eq!(largest, [("c".to_owned(), vec![(at(0).timestamp(), 9.0)])]);
        series.add("x", &second, None, at(4_000));
        assert_eq!(series.lag.keys().collect::<Vec<_>>(), ["b"]);
    }
}
