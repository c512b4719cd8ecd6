//! The figures of the last hour, by chunk manifests.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::console::history::{BUCKET_SECONDS, KEPT_SECONDS, Kind, Mark, Series};
use crate::console::words::moment;
use crate::layout::arrival_times::ArrivalTimes;
use crate::layout::chunk_manifest::ChunkManifest;

/// The most reasons that have a series of their own. A transform can give any number of them.
const REASONS_MAX: usize = 50;

/// The series of all other reasons.
const OTHER_REASONS: &str = "(others)";

/// What has flowed through the lake in the last hour. Its times are those when records arrived: a chunk counts as if its
/// records had come evenly between the first and the last of them. Records of files have no such time; they count when
/// their manifest was put. What a redrive has landed is not in it, since these records are not new.
#[derive(Clone, Debug)]
pub(in crate::console) struct FlowView {
    /// Committed records.
    pub(in crate::console) records: Series,
    /// Events made of them.
    pub(in crate::console) events: Series,
    /// Quarantined records.
    pub(in crate::console) quarantined: Series,
    /// Quarantined records by the code of their reason.
    pub(in crate::console) by_reason: BTreeMap<String, Series>,
    /// The bytes of the records.
    pub(in crate::console) bytes: Series,
    /// Objects of events.
    pub(in crate::console) objects: Series,
    /// The bytes of their events as lines, before compression.
    pub(in crate::console) object_bytes: Series,
    /// Messages for the bus.
    pub(in crate::console) messages: Series,
    /// The splits and merges of shards, as ledgers show them: a shard of a stream was finished.
    pub(in crate::console) reshards: Vec<Mark>,
    /// When the console began to read manifests. It also reads those of the hour before.
    pub(in crate::console) since: DateTime<Utc>,
    /// What is not in the figures because of limits, or because the ledgers cannot be read at the moment.
    pub(in crate::console) left_out: Option<String>,
    /// What is not in the figures because its chunk manifests cannot be read: they are too low.
    pub(in crate::console) problem: Option<String>,
}

impl FlowView {
    pub(in crate::console) fn new(since: DateTime<Utc>) -> Self {
        let series = || Series::new(Kind::PerSecond);
        Self {
            records: series(),
            events: series(),
            quarantined: series(),
            by_reason: BTreeMap::new(),
            bytes: series(),
            objects: series(),
            object_bytes: series(),
            messages: series(),
            reshards: Vec::new(),
            since,
            left_out: None,
            problem: None,
        }
    }

    /// Adds a chunk whose manifest was put at a moment.
    pub(super) fn add(
        &mut self,
        manifest: &ChunkManifest,
        put_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) {
        let moments = moments(manifest.arrived_at, put_at, now);
        let counts = &manifest.counts;
        let object_bytes = manifest.objects.iter().map(|object| object.bytes);
        let sums = [
            (&mut self.records, manifest.range.count),
            (&mut self.events, counts.events),
            (&mut self.quarantined, counts.quarantined),
            (&mut self.bytes, counts.bytes),
            (&mut self.objects, manifest.objects.len() as u64),
            (
                &mut self.object_bytes,
                object_bytes.fold(0, u64::saturating_add),
            ),
            (&mut self.messages, counts.messages),
        ];
        for (series, sum) in sums {
            add(series, &moments, sum);
        }
        for object in &manifest.quarantine {
            add(self.of_reason(&object.reason), &moments, object.records);
        }
    }

    /// Whether a reason has a series of its own, if it came.
    pub(in crate::console) fn is_told_apart(&self, reason: &str) -> bool {
        self.by_reason.contains_key(reason) || !self.by_reason.contains_key(OTHER_REASONS)
    }

    fn of_reason(&mut self, reason: &str) -> &mut Series {
        let is_full = self.by_reason.len() >= REASONS_MAX;
        let name = match is_full && !self.by_reason.contains_key(reason) {
            true => OTHER_REASONS,
            false => reason,
        };
        let series = self.by_reason.entry(name.to_owned());
        series.or_insert_with(|| Series::new(Kind::PerSecond))
    }
}

/// A moment, and the part of a chunk's records that came in its bucket.
type Moment = (DateTime<Utc>, f64);

fn add(series: &mut Series, moments: &[Moment], sum: u64) {
    #[allow(clippy::cast_precision_loss, reason = "it is for a plot")]
    let sum = sum as f64;
    for (at, part) in moments {
        series.add(*at, sum * part);
    }
}

/// When the records of a chunk came, as far as it was in the last hour.
fn moments(
    arrived_at: Option<ArrivalTimes>,
    put_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Vec<Moment> {
    let Some(times) = arrived_at else {
        return vec![(put_at.min(now), 1.0)];
    };
    // The clocks of producers may be ahead.
    let last = moment(times.max).map_or(now, |last| last.min(now));
    let first = moment(times.min).map_or(last, |first| first.min(last));
    let bucket = |moment: DateTime<Utc>| moment.timestamp().div_euclid(BUCKET_SECONDS);
    let oldest = bucket(now) - KEPT_SECONDS / BUCKET_SECONDS;
    let buckets = bucket(first).max(oldest)..=bucket(last);
    let whole = (last - first).as_seconds_f64();
    if whole <= 0.0 {
        return vec![(last, 1.0)];
    }
    let moments = buckets.filter_map(|bucket| {
        let begin = DateTime::from_timestamp(bucket * BUCKET_SECONDS, 0)?;
        let end = (begin + TimeDelta::seconds(BUCKET_SECONDS)).min(last);
        let begin = begin.max(first);
        Some((begin, (end - begin).as_seconds_f64() / whole))
    });
    moments.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::flow::test_manifest;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_000_000 + seconds, 0).unwrap()
    }

    fn arrived(min: i64, max: i64) -> Option<ArrivalTimes> {
        let ms = |at: DateTime<Utc>| u64::try_from(at.timestamp_millis()).unwrap();
        Some(ArrivalTimes {
            min: ms(at(min)),
            max: ms(at(max)),
        })
    }

    #[test]
    fn a_chunk_counts_evenly_over_the_time_in_which_its_records_came() {
        let moments = moments(arrived(10, 50), at(60), at(60));
        assert_eq!(moments, [(at(10), 0.25), (at(20), 0.5), (at(40), 0.25)]);
    }

    #[test]
    fn old_and_future_times_are_kept_within_the_hour() {
        let now = at(KEPT_SECONDS);
        let old = moments(arrived(-100_000, -50_000), now, now);
        assert!(old.is_empty(), "{old:?}");
        let far = Some(ArrivalTimes {
            min: 0,
            max: u64::MAX,
        });
        assert_eq!(moments(far, now, now), [(now, 1.0)]);
        let since_long_ago = moments(arrived(-999_000, KEPT_SECONDS), now, now);
        assert_eq!(since_long_ago.len(), 181);
        assert_eq!(moments(None, at(5), now), [(at(5), 1.0)]);
    }

    #[test]
    fn a_manifest_counts_in_all_series() {
        let mut view = FlowView::new(at(0));
        let manifest = test_manifest("s", 1, 9, Some((at(0), at(0))));
        view.add(&manifest, at(1), at(1));
        let last = |series: &Series| series.last(at(40));
        assert_eq!(last(&view.records), Some(10.0 / 20.0));
        assert_eq!(last(&view.events), Some(8.0 / 20.0));
        assert_eq!(last(&view.quarantined), Some(2.0 / 20.0));
        assert_eq!(last(&view.by_reason["bad_json"]), Some(2.0 / 20.0));
        assert_eq!(last(&view.objects), Some(1.0 / 20.0));
        assert_eq!(last(&view.object_bytes), Some(800.0 / 20.0));
        assert_eq!(last(&view.bytes), Some(1_000.0 / 20.0));
        assert_eq!(last(&view.messages), Some(3.0 / 20.0));
    }

    #[test]
    fn reasons_beyond_the_most_share_a_series() {
        let mut view = FlowView::new(at(0));
        for number in 0..REASONS_MAX + 5 {
            assert_eq!(view.is_told_apart("never"), number <= REASONS_MAX);
            view.of_reason(&format!("reason_{number}")).add(at(0), 1.0);
        }
        assert_eq!(view.by_reason.len(), REASONS_MAX + 1);
        assert!(view.is_told_apart("reason_0"));
        assert_eq!(view.by_reason[OTHER_REASONS].last(at(20)), Some(0.25));
    }
}
