//! How many records are quarantined, by reason and by release, and what is left out of that.

use maud::{Markup, html};
use sluice_engine::outcome::ReasonCode;
use sluice_release::bundle::ReleaseId;

use super::filter;
use super::view::{Group, QuarantineView, Selected, TIME_RULE};
use crate::console::cached::Seen;
use crate::console::components::{
    ROWS, bytes, count, empty, facts, pager, problem, rows_of_page, short, table, time,
};
use crate::console::page::PageRequest;
use crate::console::payload::inert;
use crate::console::words::{further, moment_or_dash};
use crate::output::counted;
use crate::quarantine::QuarantineFilter;

/// The columns that both tables have at their end.
const SUMS: [&str; 7] = [
    "Records", "Bytes", "Objects", "Earliest", "Latest", "Claimed", "Redriven",
];

/// How many records are quarantined now, and how many were redriven.
pub(super) fn totals(
    seen: &Seen<QuarantineView>,
    selected: &Selected<'_>,
    filter: &QuarantineFilter,
) -> Markup {
    let (view, total) = (&*seen.value, &selected.total);
    html! {
        h2 { "Quarantined now" }
        @if *filter != QuarantineFilter::default() {
            p { "Only records " (inert(&filter::words(filter))) "." }
        }
        (facts(&[
            ("Records", count(total.records)),
            ("Bytes", bytes(total.bytes)),
            ("Objects", count(total.objects)),
            ("Releases", count(total.releases.len() as u64)),
            ("Shards", count(total.shards.len() as u64)),
            ("Claimed by redrives", count(total.claimed)),
            ("Redriven", count(total.redriven)),
        ]))
        @if selected.is_empty() { (nothing(view, filter)) }
        p.note {
            "Read at " (time(seen.at)) " from the manifests of " (counted(view.chunks, "chunk")) ", and again within "
            "seconds after a commit. "
            "Claimed records belong to a redrive that has not committed them. "
            "Redriven records are no longer quarantined here."
            @if selected.undated > 0 {
                " The filter leaves out " (counted(selected.undated, "record")) " without a time of arrival."
            }
        }
    }
}

/// The same by reason and by release; nothing if there is no record.
pub(super) fn groups(
    selected: &Selected<'_>,
    filter: &QuarantineFilter,
    request: &PageRequest,
) -> Markup {
    html! {
        @if !selected.is_empty() {
            (by_reason(selected, filter))
            (by_release(selected, filter, request))
            p.note { (TIME_RULE) }
        }
    }
}

fn nothing(view: &QuarantineView, filter: &QuarantineFilter) -> Markup {
    if !view.has_commits {
        return empty(
            "No run has committed anything in this lake.",
            "Start the console with --lake and the lake that `sluice run` writes.",
        );
    }
    match *filter == QuarantineFilter::default() {
        true => empty(
            "No record is quarantined.",
            "Records that the rules reject or fail on appear here.",
        ),
        false => empty(
            "The filter takes nothing that is or was quarantined.",
            "Correct the filter, or show all.",
        ),
    }
}

fn by_reason(selected: &Selected<'_>, filter: &QuarantineFilter) -> Markup {
    let groups = &selected.by_reason;
    let rows = groups.iter().take(ROWS).map(|(reason, group)| {
        let mut row = vec![reason_cell(reason, filter)];
        row.push(count(group.releases.len() as u64));
        row.push(count(group.shards.len() as u64));
        row.extend(cells(group));
        row.push(try_cell(reason, filter));
        row
    });
    let rows: Vec<_> = rows.collect();
    let mut columns = vec!["Reason", "Releases", "Shards"];
    columns.extend(SUMS);
    columns.push("Rules");
    html! {
        h2 { "By reason" }
        (table("Quarantined records by reason", &columns, &rows))
        (further(ROWS, groups.len(), "reason"))
    }
}

fn by_release(selected: &Selected<'_>, filter: &QuarantineFilter, request: &PageRequest) -> Markup {
    let groups = &selected.by_release;
    let rows = rows_of_page(request, groups).iter();
    let rows = rows.map(|((reason, release), group)| {
        let mut row = vec![
            reason_cell(reason, filter),
            release_cell(release, reason, filter),
        ];
        row.extend(cells(group));
        row
    });
    let rows: Vec<_> = rows.collect();
    let mut columns = vec!["Reason", "Release"];
    columns.extend(SUMS);
    html! {
        h2 { "By reason and release" }
        (table("Quarantined records by reason and release", &columns, &rows))
        (pager(request, groups.len()))
    }
}

/// The reason, with a link to its samples.
fn reason_cell(reason: &ReasonCode, filter: &QuarantineFilter) -> Markup {
    let narrowed = QuarantineFilter {
        reasons: vec![reason.clone()],
        ..filter.clone()
    };
    html! { a href=(filter::link(&narrowed)) { code { (reason.as_str()) } } }
}

/// The release, with a link to what it has quarantined for a reason.
fn release_cell(release: &ReleaseId, reason: &ReasonCode, filter: &QuarantineFilter) -> Markup {
    let id = release.to_string();
    let narrowed = QuarantineFilter {
        reasons: vec![reason.clone()],
        quarantined_by: id.parse().ok(),
        ..filter.clone()
    };
    html! { a href=(filter::link(&narrowed)) { (short(&id)) } }
}

fn try_cell(reason: &ReasonCode, filter: &QuarantineFilter) -> Markup {
    let narrowed = QuarantineFilter {
        reasons: vec![reason.clone()],
        ..filter.clone()
    };
    html! { a href=(filter::try_link(&narrowed)) { "Try rules" } }
}

/// The cells of [`SUMS`].
fn cells(group: &Group<'_>) -> Vec<Markup> {
    let times = group.times;
    vec![
        count(group.records),
        bytes(group.bytes),
        count(group.objects),
        moment_or_dash(times.map(|times| times.min)),
        moment_or_dash(times.map(|times| times.max)),
        count(group.claimed),
        count(group.redriven),
    ]
}

/// What is not in the counts, and what is wrong.
pub(super) fn left_out(view: &QuarantineView) -> Markup {
    let objects: u64 = view.problems.iter().map(|problem| problem.objects).sum();
    html! {
        @if !view.problems.is_empty() {
            h2 { "Problems" }
            p {
                (counted(view.problems.len() as u64, "file")) " cannot be used, which leaves out "
                (counted(objects, "object")) " of quarantine. "
                code { "sluice audit" } " names all that is wrong with a lake."
            }
            @for wrong in view.problems.iter().take(ROWS) { (problem(&wrong.to_string())) }
            (further(ROWS, view.problems.len(), "problem"))
        }
        @if !view.left_out.is_empty() {
            h2 { "Left out" }
            ul { @for message in &view.left_out { li { (inert(message)) } } }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::DateTime;

    use super::*;
    use crate::console::pages::quarantine::view::{read, tests};
    use crate::quarantine::ListProblem;
    use crate::quarantine::tests::lake::code;

    fn html(view: QuarantineView, filter: &QuarantineFilter) -> String {
        let seen = Seen {
            value: Arc::new(view),
            at: DateTime::from_timestamp(0, 0).unwrap(),
            problem: None,
        };
        let request = PageRequest::parse("/quarantine");
        let selected = seen.value.select(filter);
        let totals = totals(&seen, &selected, filter).into_string();
        totals + &groups(&selected, filter, &request).into_string()
    }

    #[tokio::test]
    async fn records_are_counted_by_reason_and_release() {
        let view = read(tests::lake(&tests::example())).await.unwrap();
        let html = html(view, &QuarantineFilter::default());
        for part in [
            "Quarantined now",
            "/quarantine?reason=trap",
            "/try?reason=missing_field",
            "manifests of 2 chunks",
            "2026-01-01T00:01:40Z",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        let (traps, others) = (html.find("reason=trap"), html.find("reason=missing_field"));
        assert!(traps < others, "the most records come first: {html}");
    }

    #[test]
    fn an_empty_quarantine_says_what_to_do() {
        let html_of = |has_commits, filter: &QuarantineFilter| {
            let view = QuarantineView {
                has_commits,
                ..QuarantineView::default()
            };
            html(view, filter)
        };
        let all = QuarantineFilter::default();
        let traps = QuarantineFilter {
            reasons: vec![code("trap")],
            ..QuarantineFilter::default()
        };
        assert!(html_of(false, &all).contains("No run has committed"));
        assert!(html_of(true, &all).contains("No record is quarantined"));
        assert!(html_of(true, &traps).contains("The filter takes nothing"));
    }

    #[test]
    fn what_is_left_out_is_named_and_cannot_act() {
        let view = QuarantineView {
            left_out: vec!["leaving out 1 file <b>\u{202e}".into()],
            problems: vec![ListProblem {
                place: "a\u{7}<i>".into(),
                why: "it is damaged".into(),
                objects: 3,
            }],
            ..QuarantineView::default()
        };
        let html = left_out(&view).into_string();
        for part in [
            "leaving out 1 file &lt;b&gt;\\u{202e}",
            "a\\u{7}&lt;i&gt;: it is damaged",
            "1 file cannot be used, which leaves out 3 objects",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        assert_eq!(left_out(&QuarantineView::default()).into_string(), "");
    }
}
