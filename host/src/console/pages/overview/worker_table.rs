//! The workers.

use maud::{Markup, html};

use super::Overview;
use crate::console::components::{Tone, badge, empty, of, short, table, time, time_text};
use crate::console::pages::measures::NamedLine;
use crate::console::payload::inert;
use crate::console::plot::amount;
use crate::console::words::percent;
use crate::console::workers::{WorkerStatus, WorkerView};

const COLUMNS: [&str; 10] = [
    "Worker",
    "State",
    "Version",
    "Mode",
    "Running since",
    "Release",
    "Shards",
    "Memory",
    "Processor",
    "Last seen",
];

/// The workers, under a headline.
pub(super) fn workers(overview: &Overview) -> Markup {
    let rows = overview.workers.iter().map(|worker| row(overview, worker));
    let rows: Vec<_> = rows.collect();
    html! {
        h2 { "Workers" }
        @if rows.is_empty() {
            (empty(
                "No worker is checked",
                "Start the console with --worker URL, the address of a worker's metrics such as http://127.0.0.1:9464, to \
                 see whether workers are ready, and lag, memory and calls of the bus. Give it once for each worker.",
            ))
        } @else {
            (table("Workers", &COLUMNS, &rows))
        }
    }
}

fn row(overview: &Overview, worker: &WorkerView) -> Vec<Markup> {
    let status = worker.status.as_deref();
    let of_status = |shown: fn(&WorkerStatus) -> Markup| status.map_or_else(none, shown);
    let measures = &overview.worker_measures;
    let memory = last(&measures.memory, worker).map(|bytes| amount(bytes, "B"));
    let cores = last(&measures.cpu, worker).map(|cores| amount(cores, "cores"));
    vec![
        html! { code { (inert(&worker.url)) } },
        state(worker),
        of_status(|status| html! { (inert(&status.version)) }),
        of_status(|status| html! { (inert(&status.mode)) }),
        of_status(|status| time_text(&status.since)),
        of_status(release),
        of_status(|status| html! { (of(status.owned() as u64, status.shards.len() as u64)) }),
        memory.map_or_else(none, |memory| html! { span.number { (memory) } }),
        cores.map_or_else(none, |cores| html! { span.number { (cores) } }),
        match (&worker.problem, worker.seen_at) {
            (None, Some(_)) => html! { "now" },
            (Some(_), Some(at)) => time(at),
            (_, None) => html! { "never" },
        },
    ]
}

/// Whether it answers and is ready, and what is wrong.
fn state(worker: &WorkerView) -> Markup {
    let (badge, why) = match (&worker.problem, &worker.status) {
        (Some(problem), _) => (badge(Tone::Bad, "No answer"), Some(problem)),
        (None, None) => (badge(Tone::Neutral, "Not polled yet"), None),
        (None, Some(status)) if status.ready => (badge(Tone::Good, "Ready"), None),
        (None, Some(status)) => (badge(Tone::Bad, "Not ready"), status.reason.as_ref()),
    };
    html! { (badge) @if let Some(why) = why { " " (inert(why)) } }
}

/// The release that it uses, with trials.
fn release(status: &WorkerStatus) -> Markup {
    let rollouts = status.rollouts.as_ref();
    let trials =
        rollouts.map(|rollouts| [("canary", &rollouts.canary), ("shadow", &rollouts.shadow)]);
    html! {
        (short(&status.release)) " " (inert(&status.transform.name))
        @for (name, trial) in trials.into_iter().flatten() {
            @if let Some(trial) = trial {
                ", " (name) " " (short(&trial.release)) " of " (percent(trial.share))
            }
        }
        @if let Some(rollouts) = rollouts {
            div.more { "change " (rollouts.number) " of " (inert(&rollouts.registry)) }
        }
    }
}

/// The last value of a worker that answers.
fn last(lines: &[NamedLine], worker: &WorkerView) -> Option<f64> {
    worker.current()?;
    let line = lines.iter().find(|(name, _)| *name == worker.url);
    line.and_then(|(_, points)| points.last())
        .map(|(_, value)| *value)
}

fn none() -> Markup {
    html! { "–" }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{now, overview};
    use super::*;
    use crate::console::workers::status;

    #[test]
    fn a_worker_is_shown_with_its_state() {
        let mut overview = overview(vec![status("a b"), status("c"), status("d")]);
        let at = now().timestamp() - 20;
        let memory = |worker: usize| (format!("http://worker-{worker}:9464"), vec![(at, 3e8)]);
        overview.worker_measures.memory = vec![memory(0), memory(1)];
        overview.workers[1].problem = Some("no answer: <b>refused</b>".into());
        (overview.workers[2].status, overview.workers[2].seen_at) = (None, None);
        let html = workers(&overview).into_string();
        assert_eq!(html.matches("286 MiB").count(), 1, "{html}");
        assert!(
            html.contains(">Ready<") && html.contains("2 of 2"),
            "{html}"
        );
        assert!(
            html.contains("of 5 %") && html.contains("change 3 of file:registry"),
            "{html}"
        );
        assert!(
            html.contains("no answer: &lt;b&gt;refused") && html.contains("Not polled yet"),
            "{html}"
        );
        assert!(
            html.contains("2026-11-27T09:00:00Z") && html.contains("never"),
            "{html}"
        );
    }

    #[test]
    fn without_workers_the_option_is_said() {
        let html = workers(&overview(Vec::new())).into_string();
        assert!(html.contains("--worker URL"), "{html}");
    }
}
