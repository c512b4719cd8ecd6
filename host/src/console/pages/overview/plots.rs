//! Plots of the last hour.

use maud::{Markup, html};

use super::Overview;
use crate::console::cached::View;
use crate::console::components::time;
use crate::console::history::{Mark, Point};
use crate::console::pages::measures::{LINES_MAX, Measures, NamedLine, largest, rates, smoothed};
use crate::console::payload::inert;
use crate::console::plot::{Line, Span, marks_in_words, plot};

/// What all plots show alike.
struct Frame<'a> {
    marks: &'a [Mark],
    span: Span,
}

impl<'a> Frame<'a> {
    /// The time since something came.
    fn of(overview: &Overview, measures: &Measures, marks: &'a [Mark]) -> Self {
        let memory = overview.worker_measures.memory.iter();
        let memory = memory.flat_map(|(_, points)| points);
        let span = Span::of(measures.records.iter().chain(memory), overview.now);
        Self { marks, span }
    }
}

/// All plots, under a headline. Without a lake and without workers, there are none.
pub(super) fn plots(overview: &Overview, measures: Option<&Measures>) -> Markup {
    let marks = overview.marks();
    html! {
        @if let Some(measures) = measures {
            h2 { "The last hour" }
            @let frame = Frame::of(overview, measures, &marks);
            div.plots {
                (of_flow(overview, measures, &frame))
                @if !overview.workers.is_empty() { (of_workers(overview, &frame)) }
            }
            p.more {
                "Plots show less than an hour if nothing came before. Rates are means of a minute. Dashed lines: S is another \
                 active release or the begin of a trial, R a rollback or the end of a trial, # a split or a merge of shards."
            }
            @if let Some(flow) = &overview.flow {
                p.more { "The figures of the lake are counted since " (time(flow.since)) "; those of the hour before were read then." }
                @for missing in flow.left_out.iter().chain(&flow.problem) { p.more { (inert(missing)) } }
            }
        } @else if matches!(overview.ledgers, Some(View::Reading | View::Ready(_))) {
            h2 { "The last hour" }
            p.reading { "Reading the chunk manifests…" }
        }
        (marks_in_words(&marks, overview.now))
    }
}

/// A line with its name, as means of a minute.
fn rate(name: &str, points: &[Point]) -> NamedLine {
    (name.to_owned(), smoothed(points))
}

/// What flows: by the lake, or else by the workers.
fn of_flow(overview: &Overview, measures: &Measures, frame: &Frame<'_>) -> Markup {
    let records = [
        rate("records", &measures.records),
        rate("events", &measures.events),
    ];
    let reasons = rates(&largest(&measures.by_reason, LINES_MAX));
    let bytes = [rate("bytes", &measures.bytes)];
    let (_, mut objects) = rate("objects", &measures.objects);
    for (_, value) in &mut objects {
        *value *= 60.0;
    }
    let objects = [("objects".to_owned(), objects)];
    let sizes = [("mean size".to_owned(), measures.object_sizes())];
    let mut messages = vec![rate("messages", &measures.messages)];
    if !overview.workers.is_empty() {
        messages.push(rate("bus calls", &overview.worker_measures.bus_calls));
        messages.push(rate("retries", &overview.worker_measures.retries));
    }
    let plotted = |title, unit, lines: &[NamedLine]| drawn(title, unit, lines, frame);
    html! {
        (plotted("Records and events", "/s", &records))
        (plotted("Quarantined, by reason", "/s", &reasons))
        (plotted("Bytes of records", "B/s", &bytes))
        (plotted("Objects", "/min", &objects))
        (plotted("Mean size of objects", "B", &sizes))
        (plotted("Messages", "/s", &messages))
    }
}

/// What only workers know.
fn of_workers(overview: &Overview, frame: &Frame<'_>) -> Markup {
    let measures = &overview.worker_measures;
    let plotted = |title, unit, lines: &[NamedLine]| {
        let mut shown = largest(lines, LINES_MAX);
        // If all are 0, one of them says so.
        if shown.is_empty() {
            shown.extend(lines.first());
        }
        let shown: Vec<_> = shown.into_iter().cloned().collect();
        drawn(title, unit, &shown, frame)
    };
    html! {
        (plotted("Lag, by shard", "s", &measures.lag))
        (plotted("Memory, by worker", "B", &measures.memory))
        (plotted("Processor cores in use, by worker", "", &measures.cpu))
    }
}

fn drawn(title: &str, unit: &str, lines: &[NamedLine], frame: &Frame<'_>) -> Markup {
    let lines = lines.iter().map(|(name, points)| Line { name, points });
    let lines: Vec<_> = lines.collect();
    plot(title, unit, &lines, frame.marks, frame.span)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{now, overview};
    use super::*;
    use crate::console::pages::measures::WorkerMeasures;
    use crate::console::workers::status;

    #[test]
    fn workers_have_plots_and_a_console_without_anything_has_none() {
        let at = now().timestamp() - 20;
        let mut overview = overview(vec![status("a")]);
        overview.worker_measures = WorkerMeasures::made_up(vec![(at, 5.0)], vec![(at, 1.0)]);
        overview.worker_measures.lag = (0..9)
            .map(|shard| (format!("shard-{shard}"), vec![(at, f64::from(shard))]))
            .collect();
        let measures = overview.measures();
        let html = plots(&overview, measures.as_ref()).into_string();
        assert_eq!(html.matches("<figure").count(), 9, "{html}");
        assert!(
            html.contains("bad: last 1 /s") && html.contains("No values in the last hour"),
            "{html}"
        );
        assert!(
            html.contains("shard-8") && html.contains("shard-4") && !html.contains("shard-3"),
            "{html}"
        );
        overview.worker_measures.lag = vec![("calm".into(), vec![(at, 0.0)])];
        let html = plots(&overview, measures.as_ref()).into_string();
        assert!(html.contains("calm: last 0 s"), "{html}");
        overview.workers.clear();
        assert_eq!(plots(&overview, None).into_string(), "");
    }
}
