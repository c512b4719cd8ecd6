//! The last hour: measures in buckets of time, and what happened in it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

/// The width of a bucket, seconds.
pub(super) const BUCKET_SECONDS: i64 = 20;

/// What is kept, seconds.
pub(super) const KEPT_SECONDS: i64 = 3_600;

/// How the values of a bucket become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Their sum, shown as a rate: of counts.
    PerSecond,
    /// The largest: of gauges.
    Largest,
}

/// A measure over the last hour.
#[derive(Clone, Debug)]
pub(super) struct Series {
    kind: Kind,
    /// The value of each bucket, by its number since the Unix epoch.
    buckets: BTreeMap<i64, f64>,
}

/// A point of a plot: seconds since the Unix epoch, and the value.
pub(super) type Point = (i64, f64);

impl Series {
    pub(super) fn new(kind: Kind) -> Self {
        let buckets = BTreeMap::new();
        Self { kind, buckets }
    }

    /// Adds a value: what was counted until `at`, or what a gauge showed.
    pub(super) fn add(&mut self, at: DateTime<Utc>, value: f64) {
        let bucket = at.timestamp().div_euclid(BUCKET_SECONDS);
        let kept = self.buckets.entry(bucket).or_insert(0.0);
        *kept = match self.kind {
            Kind::PerSecond => *kept + value,
            Kind::Largest => kept.max(value),
        };
        let newest = self.buckets.keys().next_back().copied().unwrap_or_default();
        let oldest = newest - KEPT_SECONDS / BUCKET_SECONDS;
        self.buckets = self.buckets.split_off(&oldest);
    }

    /// The points of the hour until `now`. The bucket that is not over yet is left out, since a rate of it would be too
    /// low.
    pub(super) fn points(&self, now: DateTime<Utc>) -> Vec<Point> {
        self.each_point(now).collect()
    }

    /// The largest value of its points; `None` if there are none.
    pub(super) fn peak(&self, now: DateTime<Utc>) -> Option<f64> {
        let values = self.each_point(now).map(|(_, value)| value);
        values.reduce(f64::max)
    }

    fn each_point(&self, now: DateTime<Utc>) -> impl Iterator<Item = Point> {
        let current = now.timestamp().div_euclid(BUCKET_SECONDS);
        let oldest = current - KEPT_SECONDS / BUCKET_SECONDS;
        let buckets = self.buckets.range(oldest..current);
        #[allow(clippy::cast_precision_loss, reason = "it is a small constant")]
        let seconds = BUCKET_SECONDS as f64;
        buckets.map(move |(bucket, value)| {
            let value = match self.kind {
                Kind::PerSecond => value / seconds,
                Kind::Largest => *value,
            };
            (bucket * BUCKET_SECONDS, value)
        })
    }

    /// The newest point.
    #[cfg(test)]
    pub(super) fn last(&self, now: DateTime<Utc>) -> Option<f64> {
        self.points(now).last().map(|(_, value)| *value)
    }
}

/// Something that happened, which plots show as a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) at: DateTime<Utc>,
    pub(super) kind: MarkKind,
    /// What happened, in words.
    pub(super) text: String,
}

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MarkKind {
    /// Another release became active, or a trial began.
    Swap,
    /// A release was rolled back.
    Rollback,
    /// A shard was split or merged.
    Reshard,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn counts_become_rates_and_old_buckets_go() {
        let mut series = Series::new(Kind::PerSecond);
        for second in 0..40 {
            series.add(at(100_000 + second), 5.0);
        }
        assert_eq!(series.points(at(100_040)), [(100_000, 5.0), (100_020, 5.0)]);
        assert_eq!(series.points(at(100_039)).len(), 1);
        series.add(at(100_000 + 2 * KEPT_SECONDS), 1.0);
        assert_eq!(series.points(at(100_100 + 2 * KEPT_SECONDS)).len(), 1);
    }

    #[test]
    fn gauges_keep_the_largest_value() {
        let mut series = Series::new(Kind::Largest);
        for value in [1.0, 7.0, 3.0] {
            series.add(at(100_000), value);
        }
        assert_eq!(series.last(at(100_020)), Some(7.0));
        assert_eq!(series.last(at(100_010)), None);
        series.add(at(100_020), 2.0);
        assert_eq!(series.peak(at(100_040)), Some(7.0));
        assert_eq!(series.peak(at(100_010)), None);
    }
}
