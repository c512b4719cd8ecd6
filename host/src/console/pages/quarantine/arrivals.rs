//! When quarantined records arrived: a plot of the last hour, and a table of all.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use maud::{Markup, html};
use sluice_engine::outcome::ReasonCode;

use super::view::Selected;
use crate::console::Console;
use crate::console::components::{ROWS, count, problem, table, time};
use crate::console::history::{BUCKET_SECONDS, Point};
use crate::console::plot::{Line, Span, plot};
use crate::console::words::moment;
use crate::output::counted;
use crate::quarantine::QuarantineFilter;

/// The most reasons that have a line or a column of their own.
const REASONS_MAX: usize = 5;

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

/// A longer time is shown by day.
const BY_HOUR_MAX: u64 = 3 * DAY;

/// The plot of the last hour, of the reasons that the filter takes.
pub(super) fn last_hour(console: &Console, filter: &QuarantineFilter) -> Markup {
    let Some(flow) = console.flow.view() else {
        return html! {};
    };
    // Within a bucket, the plot stays the same.
    let now = Utc::now().timestamp().div_euclid(BUCKET_SECONDS) * BUCKET_SECONDS;
    let now = DateTime::from_timestamp(now, 0).unwrap_or_default();
    let is_taken = |code: &str| {
        let reasons = &filter.reasons;
        reasons.is_empty() || reasons.iter().any(|reason| reason.as_str() == code)
    };
    let series = flow.by_reason.iter().filter(|(code, _)| is_taken(code));
    let series = series.map(|(code, series)| (code.as_str(), series.points(now)));
    let series = largest(series.collect());
    let lines: Vec<_> = series
        .iter()
        .map(|(name, points)| Line { name, points })
        .collect();
    let span = Span::of(lines.iter().flat_map(|line| line.points), now);
    html! {
        h2 { "Arrivals" }
        @if let Some(why) = &flow.problem { (problem(why)) }
        @if lines.is_empty() {
            p { "Of the records of the last hour, none is quarantined" (for_reasons(filter)) "." }
        } @else {
            div.plots {
                (plot("Quarantined records by the time of their arrival", "/s", &lines, &flow.reshards, span))
            }
            p.note { "The plot has the records of all shards and releases, redriven ones too." }
        }
    }
}

fn for_reasons(filter: &QuarantineFilter) -> String {
    let reason = filter.reasons.first();
    reason.map_or_else(String::new, |reason| format!(" as {reason}"))
}

/// The series with the largest sums, those that are zero left out.
fn largest(mut series: Vec<(&str, Vec<Point>)>) -> Vec<(&str, Vec<Point>)> {
    let sum = |points: &[Point]| points.iter().map(|(_, value)| value).sum::<f64>();
    series.retain(|(_, points)| sum(points) > 0.0);
    series.sort_by(|(_, a), (_, b)| sum(b).total_cmp(&sum(a)));
    series.truncate(REASONS_MAX);
    series
}

/// The counts of records by the time when the first record of their chunk arrived.
struct Arrivals<'a> {
    /// The width of a row, in milliseconds.
    width: u64,
    /// The reasons with the most records.
    reasons: Vec<&'a ReasonCode>,
    /// The counts of each row, by its time.
    rows: BTreeMap<u64, BTreeMap<&'a ReasonCode, u64>>,
    /// The records without a time.
    undated: u64,
}

impl<'a> Arrivals<'a> {
    fn of(selected: &Selected<'a>) -> Self {
        let current = selected.current.iter().copied();
        let times = current
            .clone()
            .filter_map(|listed| listed.object.arrived_at);
        let times: Vec<_> = times.map(|times| times.min).collect();
        let first = times.iter().min().copied().unwrap_or_default();
        let last = times.iter().max().copied().unwrap_or_default();
        let width = if last - first <= BY_HOUR_MAX {
            HOUR
        } else {
            DAY
        };
        let reasons = selected.by(|object| &object.reason).into_iter();
        let reasons = reasons.filter(|(_, group)| group.sums.records > 0);
        let mut arrivals = Self {
            width,
            reasons: reasons.map(|(reason, _)| reason).collect(),
            rows: BTreeMap::new(),
            undated: 0,
        };
        arrivals.reasons.truncate(REASONS_MAX);
        for listed in current {
            let Some(times) = listed.object.arrived_at else {
                arrivals.undated += listed.records;
                continue;
            };
            let row = arrivals.rows.entry(times.min / width * width).or_default();
            *row.entry(&listed.object.reason).or_default() += listed.records;
        }
        arrivals
    }

    /// The cells of a row: its time, its sum, the counts of the reasons, and of the other ones.
    fn cells(&self, at: u64, counts: &BTreeMap<&ReasonCode, u64>) -> Vec<Markup> {
        let sum: u64 = counts.values().sum();
        let of = |reason: &&ReasonCode| counts.get(*reason).copied().unwrap_or_default();
        let of_reasons: Vec<u64> = self.reasons.iter().map(of).collect();
        let others = sum - of_reasons.iter().sum::<u64>();
        let at = moment(at).unwrap_or_default();
        let mut cells = vec![match self.width {
            HOUR => time(at),
            _ => html! { (at.format("%Y-%m-%d").to_string()) },
        }];
        cells.push(count(sum));
        cells.extend(of_reasons.into_iter().map(count));
        cells.push(count(others));
        cells
    }
}

/// The table of all that is quarantined now, the newest rows first.
pub(super) fn over_time(selected: &Selected<'_>) -> Markup {
    let arrivals = Arrivals::of(selected);
    let newest = arrivals.rows.iter().rev().take(ROWS);
    let rows: Vec<_> = newest
        .map(|(at, counts)| arrivals.cells(*at, counts))
        .collect();
    let (title, first) = match arrivals.width {
        HOUR => ("Quarantined now, by hour", "Hour"),
        _ => ("Quarantined now, by day", "Day (UTC)"),
    };
    let mut columns = vec![first, "Records"];
    columns.extend(arrivals.reasons.iter().map(|reason| reason.as_str()));
    columns.push("Other reasons");
    html! {
        @if !rows.is_empty() {
            h3 { (title) }
            (table(title, &columns, &rows))
            p.note {
                "A chunk counts with the time when its first record arrived."
                @if arrivals.rows.len() > ROWS {
                    " These are the newest " (ROWS) " of " (arrivals.rows.len()) " rows."
                }
            }
        }
        @if arrivals.undated > 0 {
            p.note { (counted(arrivals.undated, "record")) " without a time of arrival, as those of files, are not in a table." }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::pages::quarantine::view::{read, tests};
    use crate::layout::chunk::ArrivalTimes;
    use crate::quarantine::tests::lake::Chunk;

    async fn html(test: &crate::quarantine::tests::lake::Lake) -> String {
        let view = read(tests::lake(test)).await.unwrap();
        over_time(&view.select(&QuarantineFilter::default())).into_string()
    }

    #[tokio::test]
    async fn records_are_counted_by_hour_or_by_day() {
        let mut test = tests::example();
        let by_hour = html(&test).await;
        for part in [
            "by hour",
            "2026-01-01T00:00:00Z",
            "<th scope=\"col\">trap</th>",
            "1 record without",
        ] {
            assert!(by_hour.contains(part), "{part}: {by_hour}");
        }
        let later = 1_767_225_600_000 + 10 * DAY + 5;
        test.commit(&Chunk {
            first: 20,
            last: 29,
            arrived_at: Some(ArrivalTimes {
                min: later,
                max: later,
            }),
            lines: &[("21", "trap")],
            ..Chunk::default()
        });
        let by_day = html(&test).await;
        let (new, old) = (by_day.find("2026-01-11"), by_day.find("2026-01-01"));
        assert!(
            new.is_some() && new < old,
            "the newest comes first: {by_day}"
        );
    }

    #[test]
    fn the_largest_series_are_plotted() {
        let name = ["a", "b", "c", "d", "e", "f", "g"];
        let values = [1.0, 7.0, 0.0, 3.0, 4.0, 5.0, 6.0];
        let series = name.iter().zip(values);
        let series = series.map(|(name, value)| (*name, vec![(0, value)]));
        let largest = largest(series.collect());
        let names: Vec<_> = largest.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["b", "g", "f", "e", "d"]);
    }
}
