//! What flows, in the last hour: by the chunk manifests of the lake, or by what workers count.

use chrono::{DateTime, Utc};

use crate::console::flow::FlowView;
use crate::console::history::{BUCKET_SECONDS, KEPT_SECONDS, Point, Series};
use crate::console::workers::{Counter, WorkerSeries};

/// The records of a moment are in no chunk of the lake yet. What came before the newest chunk is taken for complete, and
/// all of it if nothing came for this long, seconds.
const LANDS_WITHIN: i64 = 600;

/// The time of which the share of quarantined records is said, seconds: longer than that of a rate, so that a few records
/// do not look like many.
pub(super) const RECENT_SECONDS: i64 = 300;

/// A worker's measures are old if they end before this, seconds.
const OLD_SECONDS: i64 = 120;

/// The time that all rates are the mean of, seconds: chunks come at once, records do not.
const RATE_SECONDS: i64 = 60;

/// The lines of a plot of many things: those with the largest values.
pub(super) const LINES_MAX: usize = 5;

/// A line with its name.
pub(super) type NamedLine = (String, Vec<Point>);

/// The measures of all workers.
#[derive(Default)]
pub(super) struct WorkerMeasures {
    records: Vec<Point>,
    events: Vec<Point>,
    bytes: Vec<Point>,
    objects: Vec<Point>,
    object_bytes: Vec<Point>,
    messages: Vec<Point>,
    quarantined: Vec<Point>,
    by_reason: Vec<NamedLine>,
    pub(super) bus_calls: Vec<Point>,
    pub(super) retries: Vec<Point>,
    pub(super) rollbacks: Vec<Point>,
    /// By shard, seconds: of the shards with the largest.
    pub(super) lag: Vec<NamedLine>,
    /// By worker, bytes.
    pub(super) memory: Vec<NamedLine>,
    /// By worker, cores.
    pub(super) cpu: Vec<NamedLine>,
}

impl WorkerMeasures {
    pub(super) fn of(series: &WorkerSeries, now: DateTime<Utc>) -> Self {
        let rate = |counter| series.rate(counter, now);
        Self {
            records: rate(Counter::Records),
            events: rate(Counter::Events),
            bytes: rate(Counter::SourceBytes),
            objects: rate(Counter::Objects),
            object_bytes: rate(Counter::ObjectBytes),
            messages: rate(Counter::Messages),
            bus_calls: rate(Counter::BusCalls),
            retries: rate(Counter::Retries),
            rollbacks: rate(Counter::Rollbacks),
            quarantined: rate(Counter::Quarantined),
            by_reason: series.quarantined(now),
            lag: series.lag(now, LINES_MAX),
            memory: series.memory(now),
            cpu: series.cpu(now),
        }
    }
}

#[cfg(test)]
impl WorkerMeasures {
    /// Those of workers that commit these records, and quarantine these of them.
    pub(super) fn made_up(records: Vec<Point>, quarantined: Vec<Point>) -> Self {
        Self {
            records,
            by_reason: vec![("bad".into(), quarantined.clone())],
            quarantined,
            ..Self::default()
        }
    }
}

/// What flows, each a second.
pub(super) struct Measures {
    /// Whether this is what the lake says. If not, it is what workers count.
    pub(super) is_of_lake: bool,
    /// Until when measures are complete, seconds since the Unix epoch.
    until: i64,
    pub(super) records: Vec<Point>,
    pub(super) events: Vec<Point>,
    pub(super) quarantined: Vec<Point>,
    pub(super) by_reason: Vec<NamedLine>,
    pub(super) bytes: Vec<Point>,
    pub(super) objects: Vec<Point>,
    /// Of the lake: before compression. Of workers: compressed.
    pub(super) object_bytes: Vec<Point>,
    pub(super) messages: Vec<Point>,
}

impl Measures {
    /// What the lake says. It knows all of the hour, so where it has nothing, nothing came.
    pub(super) fn of_flow(flow: &FlowView, now: DateTime<Utc>) -> Self {
        let until = complete_until(&flow.records.points(now), now);
        let all = |series: &Series| filled(&series.points(now), until, now);
        Self {
            is_of_lake: true,
            until,
            records: all(&flow.records),
            events: all(&flow.events),
            quarantined: all(&flow.quarantined),
            by_reason: by_reason(flow, until, now),
            bytes: all(&flow.bytes),
            objects: all(&flow.objects),
            object_bytes: all(&flow.object_bytes),
            messages: all(&flow.messages),
        }
    }

    /// What workers count. Nobody knows what they did while they were not polled.
    pub(super) fn of_workers(workers: &WorkerMeasures, now: DateTime<Utc>) -> Self {
        let newest = workers.records.last().map(|(at, _)| *at);
        Self {
            is_of_lake: false,
            until: newest
                .unwrap_or_default()
                .max(now.timestamp() - OLD_SECONDS),
            records: workers.records.clone(),
            events: workers.events.clone(),
            quarantined: workers.quarantined.clone(),
            by_reason: workers.by_reason.clone(),
            bytes: workers.bytes.clone(),
            objects: workers.objects.clone(),
            object_bytes: workers.object_bytes.clone(),
            messages: workers.messages.clone(),
        }
    }

    /// The present rate, a mean of the last minute; `None` if nobody knows it.
    pub(super) fn rate(&self, points: &[Point]) -> Option<f64> {
        self.recent(points, RATE_SECONDS)
    }

    /// The mean of the last seconds.
    fn recent(&self, points: &[Point], seconds: i64) -> Option<f64> {
        let since = self.until - seconds;
        let recent = points
            .iter()
            .filter(|(at, _)| since < *at && *at <= self.until);
        mean(recent)
    }

    /// The share of the records of the last five minutes that were quarantined.
    pub(super) fn quarantined_share(&self) -> Option<f64> {
        let records = self.recent(&self.records, RECENT_SECONDS)?;
        let quarantined = self.recent(&self.quarantined, RECENT_SECONDS)?;
        (records > 0.0).then_some(quarantined / records)
    }

    /// The mean size of objects, at each moment that has some.
    pub(super) fn object_sizes(&self) -> Vec<Point> {
        let (objects, bytes) = (smoothed(&self.objects), smoothed(&self.object_bytes));
        let both = objects.iter().zip(&bytes);
        let both = both.filter(|((at, objects), (same, _))| at == same && *objects > 0.0);
        both.map(|((at, objects), (_, bytes))| (*at, bytes / objects))
            .collect()
    }
}

/// The quarantined records of the lake by reason, as plots show them: the rates of the reasons with the most.
pub(super) fn quarantined_by_reason(
    flow: &FlowView,
    now: DateTime<Utc>,
    reasons: usize,
    is_wanted: impl Fn(&str) -> bool,
) -> Vec<NamedLine> {
    let until = complete_until(&flow.records.points(now), now);
    let mut lines = by_reason(flow, until, now);
    lines.retain(|(reason, _)| is_wanted(reason));
    rates(&largest(&lines, reasons))
}

fn by_reason(flow: &FlowView, until: i64, now: DateTime<Utc>) -> Vec<NamedLine> {
    let lines = flow.by_reason.iter();
    let lines =
        lines.map(|(reason, series)| (reason.clone(), filled(&series.points(now), until, now)));
    lines.collect()
}

/// Lines as means of a minute.
pub(super) fn rates(lines: &[&NamedLine]) -> Vec<NamedLine> {
    let rates = lines.iter();
    let rates = rates.map(|(name, points)| (name.clone(), smoothed(points)));
    rates.collect()
}

/// Until when the measures of the lake are complete.
fn complete_until(points: &[Point], now: DateTime<Utc>) -> i64 {
    let current = now.timestamp().div_euclid(BUCKET_SECONDS) * BUCKET_SECONDS;
    let newest = points.last().map(|(at, _)| *at);
    let newest = newest.filter(|newest| current - newest <= LANDS_WITHIN);
    newest.unwrap_or(current - BUCKET_SECONDS)
}

/// The points of the hour up to a moment, with a zero where there is none.
fn filled(points: &[Point], until: i64, now: DateTime<Utc>) -> Vec<Point> {
    let current = now.timestamp().div_euclid(BUCKET_SECONDS) * BUCKET_SECONDS;
    let buckets = (1..=KEPT_SECONDS / BUCKET_SECONDS).rev();
    let moments = buckets.map(|bucket| current - bucket * BUCKET_SECONDS);
    let mut points = points.iter().peekable();
    let filled = moments.take_while(|at| *at <= until).map(|at| {
        while points.next_if(|(earlier, _)| *earlier < at).is_some() {}
        let value = points.next_if(|(same, _)| *same == at);
        (at, value.map_or(0.0, |(_, value)| *value))
    });
    filled.collect()
}

/// The means over the minute until each point, of what is known of it.
pub(super) fn smoothed(points: &[Point]) -> Vec<Point> {
    let means = points.iter().enumerate().map(|(index, (at, value))| {
        let since = at - RATE_SECONDS;
        let before = points[..=index].iter().rev();
        let known = before.take_while(|(earlier, _)| *earlier > since);
        (*at, mean(known).unwrap_or(*value))
    });
    means.collect()
}

/// What came in the hour of a rate.
pub(super) fn total(points: &[Point]) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "it is a small constant")]
    let seconds = BUCKET_SECONDS as f64;
    // The sum of nothing is -0.
    points.iter().map(|(_, value)| value * seconds).sum::<f64>() + 0.0
}

/// The lines with the largest values, the largest first. Lines that are always 0 are left out.
pub(super) fn largest(lines: &[NamedLine], count: usize) -> Vec<&NamedLine> {
    let peak = |points: &[Point]| {
        let values = points.iter().map(|(_, value)| *value);
        values.fold(0.0, f64::max)
    };
    let mut lines: Vec<_> = lines
        .iter()
        .map(|line| (peak(&line.1), line))
        .filter(|(peak, _)| *peak > 0.0)
        .collect();
    lines.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    lines
        .into_iter()
        .take(count)
        .map(|(_, line)| line)
        .collect()
}

fn mean<'a>(points: impl Iterator<Item = &'a Point>) -> Option<f64> {
    let (sum, count) = points.fold((0.0, 0.0), |(sum, count), (_, value)| {
        (sum + value, count + 1.0)
    });
    (count > 0.0).then_some(sum / count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::history::Kind;

    const NOW: i64 = 1_000_000_000;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(NOW, 0).unwrap()
    }

    #[test]
    fn what_the_lake_does_not_have_did_not_come() {
        let points = [(NOW - 100, 3.0), (NOW - 60, 6.0)];
        assert_eq!(complete_until(&points, now()), NOW - 60);
        let filled = filled(&points, NOW - 60, now());
        assert_eq!(filled.len(), 178);
        assert_eq!(
            filled[175..],
            [(NOW - 100, 3.0), (NOW - 80, 0.0), (NOW - 60, 6.0)]
        );
        assert_eq!(smoothed(&filled)[177], (NOW - 60, 3.0));
        assert_eq!(total(&points), 180.0);
        let long_ago = [(NOW - 1_000, 3.0)];
        assert_eq!(complete_until(&long_ago, now()), NOW - 20);
        assert_eq!(complete_until(&[], now()), NOW - 20);
    }

    fn workers() -> WorkerMeasures {
        WorkerMeasures {
            records: vec![(NOW - 600, 900.0), (NOW - 40, 10.0), (NOW - 20, 30.0)],
            quarantined: vec![(NOW - 40, 1.0), (NOW - 20, 3.0)],
            by_reason: vec![
                ("bad".into(), vec![(NOW - 40, 1.0), (NOW - 20, 0.0)]),
                ("worse".into(), vec![(NOW - 20, 3.0)]),
                ("never".into(), vec![(NOW - 20, 0.0)]),
            ],
            objects: vec![(NOW - 40, 0.0), (NOW - 20, 2.0)],
            object_bytes: vec![(NOW - 40, 0.0), (NOW - 20, 500.0)],
            ..WorkerMeasures::default()
        }
    }

    #[test]
    fn present_rates_are_means_of_the_last_minute() {
        let measures = Measures::of_workers(&workers(), now());
        assert_eq!(measures.rate(&measures.records), Some(20.0));
        assert_eq!(measures.quarantined_share(), Some(0.1));
        assert_eq!(measures.object_sizes(), [(NOW - 20, 250.0)]);
        assert_eq!(measures.rate(&measures.events), None);
        let later = now() + chrono::TimeDelta::seconds(2 * RECENT_SECONDS);
        let measures = Measures::of_workers(&workers(), later);
        assert_eq!(measures.rate(&measures.records), None);
    }

    #[test]
    fn all_pages_plot_the_same_rates_of_quarantine() {
        let at = |seconds: i64| DateTime::from_timestamp(NOW - seconds, 0).unwrap();
        let mut flow = FlowView::new(now());
        for (reason, seconds) in [("bad", 100), ("worse", 40), ("worse", 30)] {
            let series = flow.by_reason.entry(reason.into());
            let series = series.or_insert_with(|| Series::new(Kind::PerSecond));
            series.add(at(seconds), 60.0);
            flow.records.add(at(seconds), 60.0);
        }
        let lines = quarantined_by_reason(&flow, now(), 5, |_| true);
        let all = Measures::of_flow(&flow, now()).by_reason;
        assert_eq!(lines, rates(&largest(&all, 5)));
        let last = lines
            .iter()
            .map(|(name, points)| (name.as_str(), points.last()));
        let last: Vec<_> = last.collect();
        assert_eq!(last[0], ("worse", Some(&(NOW - 40, 2.0))));
        let one = quarantined_by_reason(&flow, now(), 5, |reason| reason == "bad");
        assert_eq!(one.len(), 1);
    }

    #[test]
    fn the_largest_lines_come_first() {
        let lines = workers().by_reason;
        let names = |count| -> Vec<_> {
            let lines = largest(&lines, count).into_iter();
            lines.map(|(name, _)| name.as_str()).collect()
        };
        assert_eq!(names(5), ["worse", "bad"]);
        assert_eq!(names(1), ["worse"]);
    }
}
