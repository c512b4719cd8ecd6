//! When quarantined records came: a plot of the last hour, and a table of all.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use maud::{Markup, html};
use sluice_engine::outcome::ReasonCode;

use super::view::{Selected, times};
use crate::console::Console;
use crate::console::components::{ROWS, count, problem, table, time};
use crate::console::flow::FlowView;
use crate::console::pages::measures::quarantined_by_reason;
use crate::console::payload::inert;
use crate::console::plot::{Line, Span, plot};
use crate::console::words::{further, moment};
use crate::quarantine::QuarantineFilter;

/// The most reasons that have a line or a column of their own.
const REASONS_MAX: usize = 5;

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

/// A longer time is shown by day.
const BY_HOUR_MAX: u64 = 3 * DAY;

/// The plot of the last hour, of the reasons that the filter takes.
pub(super) fn last_hour(console: &Console, filter: &QuarantineFilter) -> Markup {
    let flow = console.flow.view();
    flow.map_or_else(|| html! {}, |flow| of_flow(&flow, filter, Utc::now()))
}

fn of_flow(flow: &FlowView, filter: &QuarantineFilter, now: DateTime<Utc>) -> Markup {
    let is_taken = |code: &str| {
        let reasons = &filter.reasons;
        reasons.is_empty() || reasons.iter().any(|reason| reason.as_str() == code)
    };
    let rates = quarantined_by_reason(flow, now, REASONS_MAX, is_taken);
    let lines = rates.iter().map(|(name, points)| Line { name, points });
    let lines: Vec<_> = lines.collect();
    let span = Span::of(lines.iter().flat_map(|line| line.points), now);
    html! {
        h2 { "Over time" }
        @if let Some(why) = &flow.problem { (problem(why)) }
        @if let Some(left_out) = &flow.left_out { p.note { (inert(left_out)) } }
        @if lines.is_empty() {
            p { (none(flow, filter)) }
        } @else {
            div.plots {
                (plot("Quarantined records", "/s", &lines, &flow.reshards, span))
            }
            p.note { "Rates are means of a minute. Records that a redrive has quarantined again count once." }
        }
        @if has_more_than_reasons(filter) {
            p.note { "This is of all shards and releases: of the filter, it takes the reason only." }
        }
    }
}

/// What is said if the plot has no line.
fn none(flow: &FlowView, filter: &QuarantineFilter) -> String {
    let reason = filter.reasons.first().map(ReasonCode::as_str);
    if let Some(reason) = reason.filter(|reason| !flow.is_told_apart(reason)) {
        return format!(
            "Too many reasons came for a line of each, and {reason} has none. The tables have it."
        );
    }
    let is_whole = flow.problem.is_none() && flow.left_out.is_none();
    let read = if is_whole { "" } else { " that were read" };
    let reason = reason.map_or_else(String::new, |reason| format!(" as {reason}"));
    format!("Of the records of the last hour{read}, none is quarantined{reason}.")
}

fn has_more_than_reasons(filter: &QuarantineFilter) -> bool {
    let of_reasons = QuarantineFilter {
        reasons: filter.reasons.clone(),
        ..QuarantineFilter::default()
    };
    *filter != of_reasons
}

/// The counts of records by the time of the first record of their chunk.
struct Arrivals<'a> {
    /// The width of a row, in milliseconds.
    width: u64,
    /// The reasons with the most records, and whether there are others.
    reasons: Vec<&'a ReasonCode>,
    has_others: bool,
    /// The counts of each row, by its time.
    rows: BTreeMap<u64, BTreeMap<&'a ReasonCode, u64>>,
}

impl<'a> Arrivals<'a> {
    fn of(selected: &Selected<'a>) -> Self {
        let all = selected.total.times;
        let all = all.map_or(0, |times| times.max.saturating_sub(times.min));
        let width = if all <= BY_HOUR_MAX { HOUR } else { DAY };
        let reasons = selected.by_reason.iter();
        let reasons = reasons.filter(|(_, group)| group.records > 0);
        let mut reasons: Vec<_> = reasons.map(|(reason, _)| *reason).collect();
        let has_others = reasons.len() > REASONS_MAX;
        reasons.truncate(REASONS_MAX);
        let mut rows = BTreeMap::<u64, BTreeMap<&ReasonCode, u64>>::new();
        for listed in selected.current.iter().copied() {
            let at = times(&listed.object).min / width * width;
            let row = rows.entry(at).or_default();
            *row.entry(&listed.object.reason).or_default() += listed.records;
        }
        Self {
            width,
            reasons,
            has_others,
            rows,
        }
    }

    /// The cells of a row: its time, its sum, the counts of the reasons, and of the other ones.
    fn cells(&self, at: u64, counts: &BTreeMap<&ReasonCode, u64>) -> Vec<Markup> {
        let sum: u64 = counts.values().sum();
        let of = |reason: &&ReasonCode| counts.get(*reason).copied().unwrap_or_default();
        let of_reasons: Vec<u64> = self.reasons.iter().map(of).collect();
        let others = sum - of_reasons.iter().sum::<u64>();
        let mut cells = vec![match (moment(at), self.width) {
            (None, _) => html! { "unknown" },
            (Some(at), HOUR) => time(at),
            (Some(at), _) => html! { (at.format("%Y-%m-%d").to_string()) },
        }];
        cells.push(count(sum));
        cells.extend(of_reasons.into_iter().map(count));
        cells.extend(self.has_others.then(|| count(others)));
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
    columns.extend(arrivals.has_others.then_some("Other reasons"));
    html! {
        @if !rows.is_empty() {
            h3 { (title) }
            (table(title, &columns, &rows))
            (further(ROWS, arrivals.rows.len(), "row"))
            p.note {
                "All records of a chunk count when its first record arrived, or, if they come from a file, when the chunk landed."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::history::{Kind, Series};
    use crate::console::pages::quarantine::view::{read, tests};
    use crate::layout::chunk::ArrivalTimes;
    use crate::quarantine::tests::lake::{Chunk, Lake, Line, code, shard};

    fn commit(test: &mut Lake, first: u64, at: u64, lines: &[Line<'_>]) {
        test.commit(&Chunk {
            first,
            last: first + 9,
            arrived_at: Some(ArrivalTimes { min: at, max: at }),
            lines,
            ..Chunk::default()
        });
    }

    async fn html(test: &Lake) -> String {
        let view = read(tests::lake(test)).await.unwrap();
        over_time(&view.select(&QuarantineFilter::default())).into_string()
    }

    #[tokio::test]
    async fn records_are_counted_by_hour_or_by_day() {
        let mut test = Lake::new();
        let first = 1_767_225_600_000;
        commit(
            &mut test,
            0,
            first,
            &[("1", "trap"), ("2", "missing_field")],
        );
        let by_hour = html(&test).await;
        for part in ["by hour", "2026-01-01T00:00:00Z", ">trap</th>"] {
            assert!(by_hour.contains(part), "{part}: {by_hour}");
        }
        commit(&mut test, 20, first + 10 * DAY + 5, &[("21", "trap")]);
        let by_day = html(&test).await;
        let (new, old) = (by_day.find("2026-01-11"), by_day.find("2026-01-01"));
        assert!(
            new.is_some() && new < old,
            "the newest comes first: {by_day}"
        );
        // A clock can be wrong by anything.
        commit(&mut test, 40, u64::MAX, &[("41", "trap")]);
        let html = html(&test).await;
        assert!(html.contains("<td>unknown</td>"), "{html}");
    }

    fn traps() -> QuarantineFilter {
        QuarantineFilter {
            reasons: vec![code("trap")],
            ..QuarantineFilter::default()
        }
    }

    #[test]
    fn that_no_record_came_is_said_only_of_what_is_known() {
        let now = Utc::now();
        let mut flow = FlowView::new(now);
        let html = |flow: &FlowView| of_flow(flow, &traps(), now).into_string();
        let none = "Of the records of the last hour, none is quarantined as trap.";
        assert!(html(&flow).contains(none), "{}", html(&flow));
        flow.problem = Some("chunk manifests cannot be read: <b>".into());
        let part = html(&flow);
        assert!(part.contains("last hour that were read, none"), "{part}");
        assert!(part.contains("be read: &lt;b&gt;"), "{part}");
        let others = Series::new(Kind::PerSecond);
        flow.by_reason.insert("(others)".into(), others);
        let html = html(&flow);
        assert!(html.contains("and trap has none"), "{html}");
    }

    #[test]
    fn what_the_plot_does_not_filter_is_said() {
        let flow = FlowView::new(Utc::now());
        let html = |filter: &QuarantineFilter| of_flow(&flow, filter, Utc::now()).into_string();
        let note = "takes the reason only";
        assert!(!html(&traps()).contains(note));
        let of_shard = QuarantineFilter {
            shards: vec![shard("s")],
            ..traps()
        };
        assert!(html(&of_shard).contains(note));
    }

    #[tokio::test]
    async fn records_of_files_are_counted_when_their_chunk_landed() {
        let mut test = Lake::new();
        test.commit(&Chunk {
            lines: &[("1", "trap"), ("2", "trap")],
            ..Chunk::default()
        });
        let landed = html(&test).await;
        let records = "<td class=\"numbers\"><span class=\"number\">2</span></td>";
        assert!(
            landed.contains("by hour") && landed.contains(records),
            "{landed}"
        );
    }
}
