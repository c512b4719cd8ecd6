//! The measures of all workers over the last hour.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::counter::Counter;
use super::release_series::{ReleasePoints, ReleaseSeries};
use super::status::WorkerStatus;
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
        status: &WorkerStatus,
        previous: Option<(DateTime<Utc>, &WorkerStatus)>,
        now: DateTime<Utc>,
    ) {
        self.add_gauges(worker, status, now);
        let previous = previous.filter(|(at, _)| now - *at <= GAP_MAX);
        if let Some((_, previous)) = previous {
            self.add_counts(worker, previous, status, now);
            self.releases.add(previous, status, now);
        }
    }

    fn add_counts(
        &mut self,
        worker: &str,
        old: &WorkerStatus,
        new: &WorkerStatus,
        now: DateTime<Utc>,
    ) {
        for counter in Counter::ALL {
            let counted = increase(float(counter.of(old)), float(counter.of(new)));
            let series = self.counters.entry(counter);
            series.or_insert_with(rate).add(now, counted);
        }
        let old_reasons = &old.totals.quarantined_reasons;
        for (reason, records) in &new.totals.quarantined_reasons {
            let before = old_reasons.get(reason).copied().unwrap_or_default();
            let series = self.quarantined.entry(reason.clone());
            let series = series.or_insert_with(rate);
            series.add(now, increase(float(before), float(*records)));
        }
        if let (Some(old), Some(new)) = (old.resources.cpu_seconds, new.resources.cpu_seconds) {
            let series = self.cpu.entry(worker.to_owned());
            series.or_insert_with(rate).add(now, increase(old, new));
        }
    }

    fn add_gauges(&mut self, worker: &str, status: &WorkerStatus, now: DateTime<Utc>) {
        if let Some(bytes) = status.resources.resident_bytes {
            let series = self.memory.entry(worker.to_owned());
            series.or_insert_with(gauge).add(now, float(bytes));
        }
        let mut shown = BTreeSet::new();
        for shard in &status.shards {
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

/// What was counted between two polls. A count that goes down began again from 0: the worker was started again.
fn increase(old: f64, new: f64) -> f64 {
    if old <= new { new - old } else { new }
}

#[allow(clippy::cast_precision_loss, reason = "a plot is no finer than that")]
fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::super::status::tests::status;
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(100_000 + seconds, 0).unwrap()
    }

    /// The status of a worker with these shards that has committed these records, and quarantined a tenth of them.
    fn polled(records: u64, shards: &str) -> WorkerStatus {
        let mut status = status(shards);
        status.totals.records = records;
        status.totals.quarantined_reasons = [("bad".to_owned(), records / 10)].into();
        status
    }

    /// The series after these polls of one worker: the seconds, and the records.
    fn series(polls: &[(i64, u64)]) -> WorkerSeries {
        let mut series = WorkerSeries::new();
        let mut previous: Option<(DateTime<Utc>, WorkerStatus)> = None;
        for (seconds, records) in polls {
            let status = polled(*records, "a");
            let before = previous.as_ref().map(|(at, status)| (*at, status));
            series.add("w", &status, before, at(*seconds));
            previous = Some((at(*seconds), status));
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
        assert_eq!(series.rate(Counter::Messages, at(300))[0].1, 0.0);
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
        let (first, second) = (polled(0, "b"), polled(300, "b"));
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
