//! How the releases have done over the last hour, all workers together, by the scores in their statuses.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::status::{WorkerScore, WorkerStatus};
use crate::console::history::{BUCKET_SECONDS, Kind, Point, Series};

/// How the releases have done.
#[derive(Default)]
pub(super) struct ReleaseSeries(BTreeMap<String, OfRelease>);

/// How a release has done.
struct OfRelease {
    records: Series,
    rejected: Series,
    nanoseconds: Series,
}

/// What plots show of a release.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::console) struct ReleasePoints {
    /// The share of records that it rejected, per cent.
    pub(in crate::console) rejected: Vec<Point>,
    /// The mean time for a record, microseconds.
    pub(in crate::console) time: Vec<Point>,
}

/// The counts of a score: records, rejected records, and nanoseconds for all records.
#[allow(clippy::cast_precision_loss, reason = "a plot is no finer than that")]
fn counts(score: &WorkerScore) -> [f64; 3] {
    let records = score.records as f64;
    [records, score.rejected as f64, records * score.ns as f64]
}

impl ReleaseSeries {
    /// Adds what a worker has counted between two statuses. A score that has gone down began again.
    pub(super) fn add(&mut self, old: &WorkerStatus, new: &WorkerStatus, now: DateTime<Utc>) {
        for score in &new.scores {
            let before = old.scores.iter().find(|it| it.release == score.release);
            let before = before.filter(|before| before.records <= score.records);
            let before = before.map_or([0.0; 3], counts);
            let series = self.0.entry(score.release.clone());
            let series = series.or_insert_with(|| OfRelease {
                records: Series::new(Kind::PerSecond),
                rejected: Series::new(Kind::PerSecond),
                nanoseconds: Series::new(Kind::PerSecond),
            });
            let each = [
                &mut series.records,
                &mut series.rejected,
                &mut series.nanoseconds,
            ];
            for ((series, value), before) in each.into_iter().zip(counts(score)).zip(before) {
                series.add(now, (value - before).max(0.0));
            }
        }
        // The bucket that is not over yet counts too: another worker may use the release.
        let soon = now + TimeDelta::seconds(BUCKET_SECONDS);
        let is_scored = |release: &String| new.scores.iter().any(|it| it.release == *release);
        self.0.retain(|release, series| {
            is_scored(release) || !series.records.points(soon).is_empty()
        });
    }

    /// What plots show of a release.
    pub(super) fn points(&self, release: &str, now: DateTime<Utc>) -> ReleasePoints {
        let Some(series) = self.0.get(release) else {
            return ReleasePoints::default();
        };
        let records = series.records.points(now);
        let by_record = |part: &Series, factor: f64| {
            let parts = part.points(now).into_iter().zip(&records);
            let parts = parts.filter(|(_, (_, records))| *records > 0.0);
            let shares = parts.map(|((at, part), (_, records))| (at, factor * part / records));
            shares.collect::<Vec<Point>>()
        };
        ReleasePoints {
            rejected: by_record(&series.rejected, 100.0),
            time: by_record(&series.nanoseconds, 1e-3),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::status::tests::status;
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(100_000 + seconds, 0).unwrap()
    }

    /// A status with a score of the release `a`.
    fn scored(records: u64, rejected: u64, ns: u64) -> WorkerStatus {
        let mut status = status("s");
        status.scores = vec![WorkerScore {
            release: "a".into(),
            records,
            rejected,
            failed: 0,
            ns,
        }];
        status
    }

    #[test]
    fn shares_and_times_are_those_of_what_came_between_two_polls() {
        let mut series = ReleaseSeries::default();
        series.add(&scored(100, 50, 1_000), &scored(200, 60, 1_500), at(5));
        // The worker began to count again.
        series.add(&scored(200, 60, 1_500), &scored(10, 5, 3_000), at(25));
        // No record came.
        series.add(&scored(10, 5, 3_000), &scored(10, 5, 3_000), at(45));
        let points = series.points("a", at(300));
        assert_eq!(points.rejected, [(100_000, 10.0), (100_020, 50.0)]);
        assert_eq!(points.time, [(100_000, 2.0), (100_020, 3.0)]);
        assert_eq!(series.points("b", at(300)), ReleasePoints::default());
    }

    #[test]
    fn a_release_that_is_not_used_any_more_is_forgotten() {
        let mut series = ReleaseSeries::default();
        series.add(&scored(0, 0, 0), &scored(5, 0, 9), at(5));
        // Another worker does not use it.
        series.add(&status("s"), &status("s"), at(6));
        assert!(!series.0.is_empty());
        series.add(&status("s"), &status("s"), at(4_000));
        assert!(series.0.is_empty());
    }
}
