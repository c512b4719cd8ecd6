//! The answer to "is all well?", in words.

use maud::{Markup, html};

use super::findings::{Finding, Severity, findings};
use super::{FinishedRun, Overview};
use crate::console::cached::View;
use crate::console::components::{Tone, badge, count, empty, time};
use crate::console::pages::measures::Measures;
use crate::console::payload::inert;
use crate::output::{counted, plural};

/// What is wrong, the worst first, or that all is well; and what that was said of.
pub(super) fn verdict(overview: &Overview, measures: Option<&Measures>) -> Markup {
    let findings = findings(overview, measures);
    let waits = awaited(overview);
    let finished = overview.finished_run();
    html! {
        div.verdict {
            @if !findings.is_empty() {
                h2 { (counted(findings.len() as u64, "problem")) }
                ul.findings {
                    @for finding in &findings { li { (one(finding)) } }
                }
            } @else if has_empty_lake(overview) {
                h2 { "Nothing has landed yet" }
                p {
                    "The lake has no ledger. Start " code { "sluice run" } " with it, or correct --lake. If it had ledgers \
                     before, it was moved or removed."
                }
            } @else if waits.is_empty() {
                h2 {
                    (badge(Tone::Good, "OK")) " "
                    @if finished.is_some() { "The run has finished" } @else { "All is well" }
                }
            } @else {
                h2 { "No problem so far" }
            }
            @if let Some(run) = finished { (of_finished(run, findings.is_empty() && waits.is_empty())) }
            @if !waits.is_empty() { p.reading { "Reading " (waits.join(", ")) "…" } }
            p.more { (checked(overview)) }
            @for silent in silent(overview) { p.more { (silent) } }
        }
        @for (what, advice) in left_out(overview) { (empty(what, advice)) }
    }
}

/// What a run of files has landed. `is_said`: that it has finished is said above.
fn of_finished(run: FinishedRun, is_said: bool) -> Markup {
    html! {
        p {
            @if !is_said { "The run has finished: " }
            (count(run.records)) " " (plural(run.records, "record")) " of "
            (counted(run.files, "file")) ", all have their outcome. If a file grows or another one comes, run it again."
        }
    }
}

fn one(finding: &Finding) -> Markup {
    let badge = match finding.severity {
        Severity::Broken => badge(Tone::Bad, "Broken"),
        Severity::Warning => badge(Tone::Warning, "Warning"),
    };
    html! {
        p { (badge) " " strong { (finding.what) } }
        @if !finding.details.is_empty() {
            ul.details { @for detail in &finding.details { li { (detail) } } }
        }
        @if let Some(at) = finding.as_of { p { "What you see of it is as of " (time(at)) "." } }
        p { (finding.advice) " " a href=(finding.link.target) { "See " (finding.link.text) } }
    }
}

/// Whether the lake was read and has no ledger: no run has begun, or it is not the lake that was meant.
fn has_empty_lake(overview: &Overview) -> bool {
    overview
        .read_ledgers()
        .is_some_and(|seen| seen.value.ledgers.is_empty())
}

/// What is not known yet.
fn awaited(overview: &Overview) -> Vec<&'static str> {
    let is_unpolled = overview
        .workers
        .iter()
        .any(|worker| worker.status.is_none() && worker.problem.is_none());
    let waits = [
        (is_unpolled, "the workers"),
        (
            matches!(overview.ledgers, Some(View::Reading)),
            "the ledgers",
        ),
        (
            matches!(overview.releases, Some(View::Reading)),
            "the registry",
        ),
        (is_flow_awaited(overview), "the chunk manifests"),
        #[cfg(feature = "table")]
        (matches!(overview.table, View::Reading), "the table"),
    ];
    let waits = waits.into_iter().filter(|(is_awaited, _)| *is_awaited);
    waits.map(|(_, what)| what).collect()
}

/// Whether the ledgers were read, and the chunk manifests after them were not.
fn is_flow_awaited(overview: &Overview) -> bool {
    overview.read_ledgers().is_some() && overview.flow.is_none()
}

/// What the answer was made from.
fn checked(overview: &Overview) -> String {
    let workers = overview.statuses().count();
    let ledgers = overview.read_ledgers().map(|seen| seen.value.ledgers.len());
    let parts = [
        (workers > 0).then(|| counted(workers as u64, "worker")),
        ledgers.map(|ledgers| counted(ledgers as u64, "ledger")),
        overview.read_releases().map(|_| "the registry".to_owned()),
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    match parts.is_empty() {
        true if awaited(overview).is_empty() => "Nothing could be checked.".into(),
        true => "Nothing was checked yet.".into(),
        false => format!("Checked: {}.", parts.join(", ")),
    }
}

/// The most workers that do not answer and are named.
const SILENT_MAX: usize = 5;

/// The workers that do not answer, and since when.
fn silent(overview: &Overview) -> Vec<Markup> {
    let silent = overview.workers.iter().filter(|it| it.problem.is_some());
    let silent = silent.take(SILENT_MAX).map(|worker| {
        html! {
            "Not checked: " code { (inert(&worker.url)) }
            @match worker.seen_at {
                Some(at) => { " does not answer since " (time(at)) "." }
                None => " has not answered since the console started.",
            }
        }
    });
    let mut silent: Vec<_> = silent.collect();
    let all = overview.workers.iter().filter(|it| it.problem.is_some());
    let others = all.count() - silent.len();
    if others > 0 {
        silent.push(html! { "Not checked: " (others) " more workers that do not answer." });
    }
    silent
}

/// What the console was not told of, and the option that shows it.
fn left_out(overview: &Overview) -> Vec<(&'static str, &'static str)> {
    let options = [
        (
            overview.ledgers.is_none(),
            "No lake is checked",
            "Start the console with --lake TARGET, such as file:lake, to see ledgers, lost ranges and what flows also if \
             no worker can be polled.",
        ),
        (
            overview.releases.is_none(),
            "No registry is checked",
            "Start the console with --registry TARGET, such as file:registry, to see releases and rollbacks.",
        ),
    ];
    let options = options.into_iter().filter(|(is_left_out, ..)| *is_left_out);
    options.map(|(_, what, advice)| (what, advice)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{overview, seen};
    use super::*;
    use crate::console::flow::FlowView;
    use crate::console::ledgers::LedgersView;
    use crate::console::ledgers::tests::of_file;
    use crate::console::workers::status;
    use crate::ledger::Ledger;
    use sluice_engine::record::ShardId;

    fn html(overview: &Overview) -> String {
        verdict(overview, None).into_string()
    }

    #[test]
    fn a_lake_without_ledgers_is_not_well() {
        let mut overview = overview(vec![status("a")]);
        overview.ledgers = seen(LedgersView {
            ledgers: Vec::new(),
            problems: Vec::new(),
        });
        overview.flow = Some(FlowView::new(overview.now));
        let html = html(&overview);
        assert!(html.contains("Nothing has landed yet"), "{html}");
        assert!(!html.contains("All is well"), "{html}");
    }

    #[test]
    fn all_is_well_if_all_that_was_read_is() {
        let mut overview = overview(vec![status("a")]);
        overview.ledgers = seen(LedgersView {
            ledgers: vec![Ledger::new(ShardId::new("a").unwrap())],
            problems: Vec::new(),
        });
        let unread = html(&overview);
        assert!(
            unread.contains("Reading the chunk manifests…") && !unread.contains("All is well"),
            "{unread}"
        );
        overview.flow = Some(FlowView::new(overview.now));
        let html = html(&overview);
        assert!(
            html.contains("All is well") && html.contains("Checked: 1 worker, 1 ledger."),
            "{html}"
        );
        assert!(
            html.contains("--registry TARGET") && !html.contains("--lake TARGET"),
            "{html}"
        );
    }

    #[test]
    fn a_run_of_files_that_has_finished_is_not_a_live_one() {
        let mut overview = overview(Vec::new());
        overview.flow = Some(FlowView::new(overview.now));
        let with = |overview: &mut Overview, ledgers| {
            overview.ledgers = seen(LedgersView {
                ledgers,
                problems: Vec::new(),
            });
        };
        with(&mut overview, vec![of_file(10)]);
        let finished = html(&overview);
        for part in [
            "The run has finished</h2>",
            "3</span> records of 1 file, all have their outcome",
        ] {
            assert!(finished.contains(part), "{part}: {finished}");
        }
        assert_eq!(finished.matches("The run has finished").count(), 1);
        assert!(!finished.contains("All is well"), "{finished}");
        let other = Ledger::new(ShardId::new("b").unwrap());
        for ledgers in [vec![of_file(9)], vec![of_file(10), other]] {
            with(&mut overview, ledgers);
            let html = html(&overview);
            assert!(html.contains("All is well"), "{html}");
        }
        with(&mut overview, vec![of_file(10)]);
        overview.workers = super::super::tests::overview(vec![status("a")]).workers;
        assert_eq!(overview.finished_run(), None);
    }

    #[test]
    fn nothing_is_well_before_it_was_read() {
        let mut overview = overview(vec![status("a")]);
        overview.workers[0].status = None;
        overview.ledgers = Some(View::Reading);
        let html = html(&overview);
        assert!(
            !html.contains("All is well") && html.contains("Reading the workers, the ledgers…"),
            "{html}"
        );
        assert!(html.contains("Nothing was checked yet"), "{html}");
    }

    #[test]
    fn a_worker_that_does_not_answer_is_named_with_the_time() {
        let mut overview = overview(vec![status("a"), status("b")]);
        overview.workers[0].problem = Some("no answer".into());
        let text = html(&overview);
        assert!(
            text.contains("worker-0:9464</code> does not answer since <time"),
            "{text}"
        );
        assert!(text.contains("Checked: 1 worker."), "{text}");
        overview.workers.truncate(1);
        (overview.workers[0].status, overview.workers[0].seen_at) = (None, None);
        let text = html(&overview);
        assert!(
            text.contains("has not answered since the console started"),
            "{text}"
        );
        assert!(text.contains("Nothing could be checked."), "{text}");
        assert!(!text.contains("Nothing was checked yet"), "{text}");
    }

    #[test]
    fn problems_are_counted_and_their_texts_cannot_act() {
        let mut status = status("a");
        (status.ready, status.reason) = (false, Some("<script>\u{202e}".into()));
        let html = html(&overview(vec![status]));
        assert!(
            html.contains("1 problem<") && html.contains("&lt;script&gt;\\u{202e}"),
            "{html}"
        );
        assert!(
            html.contains("href=\"#workers\"") && html.contains("Broken"),
            "{html}"
        );
    }
}
