//! The list of shards.

use std::collections::BTreeMap;
use std::time::Duration;

use maud::{Markup, html};
use sluice_engine::record::SequenceNumber;

use super::rows::{Row, ShardState};
use crate::console::components::{
    badge, count, duration, empty, pager, rows_of_page, shard_link, short, table, time,
};
use crate::console::page::PageRequest;
use crate::console::payload::{cut, inert};
use crate::console::words;
use crate::ledger::Ledger;

/// Numbers of Kinesis have 56 digits, of which the last ones tell records apart.
const SHOWN_DIGITS: usize = 12;

/// The most characters of an error in the list.
const ERROR_MAX: usize = 200;

const COLUMNS: [&str; 9] = [
    "Shard",
    "State",
    "Owner",
    "Committed",
    "Pending",
    "Lag",
    "Last read",
    "Lost ranges",
    "Last error",
];

/// The choice between the list and the tree.
pub(super) fn choice(is_tree: bool) -> Markup {
    let current = |is_current: bool| is_current.then_some("page");
    html! {
        nav.choice aria-label="Views of the shards" {
            a href="/shards" aria-current=[current(!is_tree)] { "List" }
            a href="/shards?view=tree" aria-current=[current(is_tree)] { "Tree" }
        }
    }
}

/// The form that filters the list.
pub(super) fn filter_form(request: &PageRequest) -> Markup {
    let state = request.get("state");
    html! {
        form.filter method="get" action="/shards" {
            p.field {
                label for="filter-text" { "The id or the file contains" }
                input #filter-text name="filter" value=(inert(request.get("filter").unwrap_or_default())) autocomplete="off";
            }
            p.field {
                label for="filter-state" { "State" }
                select #filter-state name="state" {
                    option value="" { "any" }
                    @for known in ShardState::ALL {
                        option value=(known.key()) selected[state == Some(known.key())] { (known.words()) }
                    }
                }
            }
            button { "Filter the shards" }
        }
    }
}

/// The counts by state, and a page of the shards that the filter takes.
pub(super) fn list(rows: &[Row<'_>], request: &PageRequest) -> Markup {
    let filtered = filtered(rows, request);
    html! {
        (counts(rows, request))
        @if filtered.is_empty() {
            (empty("No shard is like this.", "Change the filter, or choose another state."))
        } @else {
            @let (columns, cells) = filled(cells(rows_of_page(request, &filtered)));
            (table("Shards, the worst first", &columns, &cells))
            (pager(request, filtered.len()))
        }
    }
}

/// What is said if there is no shard.
pub(super) fn nothing(has_lake: bool) -> Markup {
    match has_lake {
        true => empty(
            "No shard has been begun.",
            "Start `sluice run` with this lake; its shards appear here within seconds.",
        ),
        false => empty(
            "No lake is given, and no worker names a shard.",
            "Start the console with --lake file:lake or --lake s3://BUCKET/PREFIX, or with --worker URL.",
        ),
    }
}

/// The shards that the query asks for.
fn filtered<'a, 'b>(rows: &'b [Row<'a>], request: &PageRequest) -> Vec<&'b Row<'a>> {
    let (state, text) = (request.get("state"), request.get("filter"));
    let has = |name: &str| text.is_none_or(|text| name.contains(text));
    let rows = rows.iter().filter(|row| {
        let file = row.ledger.and_then(Ledger::file);
        let is_named = has(row.id) || file.is_some_and(|file| has(file.as_str()));
        is_named && state.is_none_or(|state| row.state.key() == state)
    });
    rows.collect()
}

/// How many shards have each state. Each count is a link to its shards.
fn counts(rows: &[Row<'_>], request: &PageRequest) -> Markup {
    let mut counts = BTreeMap::<ShardState, u64>::new();
    for row in rows {
        *counts.entry(row.state).or_default() += 1;
    }
    let first_page = PageRequest::parse(&request.with("page", ""));
    html! {
        ul.counts aria-label="Shards by state" {
            li { a href=(first_page.with("state", "")) { (count(rows.len() as u64)) " in all" } }
            @for (state, shards) in &counts {
                li title=(state.meaning()) {
                    a href=(first_page.with("state", state.key())) { (count(*shards)) } " "
                    (badge(state.tone(), state.words()))
                }
            }
        }
    }
}

/// The columns in which some row has something, and their cells, so that a table of few things is narrow.
fn filled(mut rows: Vec<Vec<Markup>>) -> (Vec<&'static str>, Vec<Vec<Markup>>) {
    let is_filled = |column: usize| {
        let mut cells = rows.iter().filter_map(|row| row.get(column));
        cells.any(|cell| !cell.0.is_empty())
    };
    let is_filled: Vec<_> = (0..COLUMNS.len()).map(is_filled).collect();
    for row in &mut rows {
        let mut is_filled = is_filled.iter();
        row.retain(|_| is_filled.next() == Some(&true));
    }
    let columns = COLUMNS.iter().zip(is_filled);
    let columns = columns.filter_map(|(column, is_filled)| is_filled.then_some(*column));
    (columns.collect(), rows)
}

fn cells(rows: &[&Row<'_>]) -> Vec<Vec<Markup>> {
    let rows = rows.iter().map(|row| {
        let latest = row.latest();
        vec![
            name(row),
            html! { span title=(row.state.meaning()) { (badge(row.state.tone(), row.state.words())) } },
            owner(row),
            committed(row),
            pending(row),
            lag(latest.and_then(|shard| shard.lag_seconds)),
            read_age(latest.and_then(|shard| shard.read_age_seconds)),
            lost(row),
            error(latest.and_then(|shard| shard.error.as_deref())),
        ]
    });
    rows.collect()
}

/// The shard, and the file that it is read from.
fn name(row: &Row<'_>) -> Markup {
    let file = row.ledger.and_then(Ledger::file);
    html! {
        (shard_link(row.id))
        @if let Some(file) = file { div.dim { (inert(&file.to_string())) } }
    }
}

fn owner(row: &Row<'_>) -> Markup {
    let lease = row.ledger.and_then(Ledger::lease);
    html! {
        @if let Some(lease) = lease {
            @match &lease.owner {
                Some(owner) => (inert(owner)),
                None => span.dim { "none" },
            }
            div.dim { "fence " (lease.fence) }
        }
    }
}

fn committed(row: &Row<'_>) -> Markup {
    let committed = row.ledger.and_then(Ledger::committed);
    html! {
        @if let Some(committed) = committed {
            (count(committed.records)) " records" br;
            span.dim { "up to " (sequence(committed.last)) }
        }
    }
}

fn pending(row: &Row<'_>) -> Markup {
    let pending = row.ledger.and_then(Ledger::pending);
    html! {
        @if let Some(pending) = pending {
            (count(pending.range.count)) " records" br;
            span.dim { (sequence(pending.range.first)) " to " (sequence(pending.range.last)) } br;
            span.dim {
                "release " (short(&pending.release.to_string()))
                @if let Some(since) = row.pending_since { ", at least since " (time(since)) }
            }
        }
    }
}

/// A number of seconds as a worker tells it.
pub(super) fn lag(seconds: Option<f64>) -> Markup {
    let lag = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    html! { @if let Some(lag) = lag { span.number { (duration(lag)) } } }
}

/// How long ago the last read was.
pub(super) fn read_age(seconds: Option<f64>) -> Markup {
    html! { @if let Some(seconds) = seconds { span.number { (words::read_age(seconds)) } } }
}

fn lost(row: &Row<'_>) -> Markup {
    let lost = row.ledger.map_or(&[][..], Ledger::lost);
    html! {
        @if let Some(last) = lost.last() {
            (count(lost.len() as u64))
            div.dim { (inert(&last.describe())) }
        }
    }
}

fn error(error: Option<&str>) -> Markup {
    let Some(error) = error else {
        return Markup::default();
    };
    let (shown, left) = cut(error, ERROR_MAX);
    html! { (inert(shown)) @if left > 0 { "…" } }
}

/// A record of a shard, by its last digits if the number is long.
pub(super) fn sequence(number: SequenceNumber) -> Markup {
    let text = number.to_string();
    let begin = text.len().saturating_sub(SHOWN_DIGITS);
    html! {
        code title=(text) {
            @if number.as_offset().is_some() { (text) } @else { "…" (&text[begin..]) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::tests::{committed, new_ledger, now, pending, sight, workers};
    use super::super::rows::{RowSources, rows};
    use super::*;
    use crate::console::workers::WorkerShard;
    use crate::ledger::source_file::FileName;

    fn shown(ledgers: &[Ledger], sights: &[WorkerShard], query: &str) -> String {
        let sources = RowSources {
            ledgers,
            pending_since: &BTreeMap::new(),
            workers: &workers(sights),
            stream: &[],
            now: now(),
        };
        let request = PageRequest::parse(&format!("/shards?{query}"));
        list(&rows(&sources), &request).into_string()
    }

    #[test]
    fn a_row_says_what_is_committed_and_pending() {
        let ledger = committed("s").assign_to("host-1").pin(pending(20, 29));
        let html = shown(&[ledger.unwrap()], &[], "");
        for part in [
            "href=\"/shard?id=s\"",
            "host-1",
            "fence 1",
            "up to ",
            "working",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
    }

    #[test]
    fn a_column_without_anything_is_left_out() {
        let html = shown(&[committed("s")], &[], "");
        let has =
            |html: &str, column: &str| html.contains(&format!("<th scope=\"col\">{column}</th>"));
        for (column, is_shown) in [("State", true), ("Committed", true), ("Pending", false)] {
            assert_eq!(has(&html, column), is_shown, "{column}: {html}");
        }
        assert_eq!(html.matches("<td").count(), 3, "{html}");
        let pinned = committed("t").pin(pending(20, 29)).unwrap();
        let html = shown(&[committed("s"), pinned], &[], "");
        assert!(has(&html, "Pending") && !has(&html, "Owner"), "{html}");
        assert_eq!(html.matches("<td").count(), 8, "{html}");
    }

    #[test]
    fn what_comes_from_outside_does_not_act() {
        let hostile = "<script>alert(1)</script>\u{202e}";
        let file = FileName::Path(hostile.into());
        let ledger = committed("s").read_from(Some(&file)).assign_to(hostile);
        let failed = WorkerShard {
            error: Some(hostile.repeat(100)),
            ..sight("failed", hostile)
        };
        let other = WorkerShard {
            shard: hostile.to_owned(),
            ..failed.clone()
        };
        let sights = [failed, other];
        let html = shown(&[ledger], &sights, "");
        assert!(
            !html.contains("<script") && !html.contains('\u{202e}'),
            "{html}"
        );
        assert!(
            html.contains("&lt;script&gt;") && html.contains("id=%3Cscript%3E"),
            "{html}"
        );
        assert!(html.contains("…"), "a long error is cut: {html}");
    }

    #[test]
    fn a_filter_takes_states_ids_and_files() {
        let file = FileName::Path("/in/orders.ndjson".into());
        let ledgers = [
            committed("a-1"),
            committed("b-2").finish().unwrap(),
            committed("c-3").read_from(Some(&file)),
        ];
        let ids = |query: &str| {
            let html = shown(&ledgers, &[], query);
            let ids = ["a-1", "b-2", "c-3"].into_iter();
            let ids = ids.filter(|id| html.contains(&format!("/shard?id={id}")));
            ids.collect::<Vec<_>>()
        };
        assert_eq!(ids("").len(), 3);
        assert_eq!(ids("state=finished"), ["b-2"]);
        assert_eq!(ids("filter=orders"), ["c-3"]);
        assert_eq!(ids("filter=-1&state=idle"), ["a-1"]);
        assert!(shown(&ledgers, &[], "filter=x").contains("No shard is like this"));
    }

    #[test]
    fn the_form_keeps_what_was_asked_for() {
        let request = PageRequest::parse("/shards?filter=%22%3E%E2%80%AEx&state=idle");
        let html = filter_form(&request).into_string();
        assert!(html.contains("value=\"&quot;&gt;\\u{202e}x\""), "{html}");
        assert!(html.contains("value=\"idle\" selected"), "{html}");
    }

    #[test]
    fn a_thousand_shards_have_pages() {
        let ledgers: Vec<_> = (0..1_000)
            .map(|n| new_ledger(&format!("s{n:04}")))
            .collect();
        let html = shown(&ledgers, &[], "page=10&state=idle");
        assert_eq!(html.matches("/shard?id=").count(), 100);
        assert!(html.contains("Page 10 of 10") && html.contains("1,000"));
        assert!(html.contains("href=\"/shards?state=idle\""), "{html}");
    }

    #[test]
    fn a_long_number_is_shown_by_its_end() {
        let number = "49590338271490256608559692538361571095921575989136588898";
        let html = sequence(number.parse().unwrap()).into_string();
        assert!(
            html.contains(">…989136588898<") && html.contains(number),
            "{html}"
        );
        assert_eq!(lag(Some(f64::NAN)).into_string(), "");
        assert!(lag(Some(90.0)).into_string().contains("1 min 30 s"));
    }

    #[test]
    fn a_row_says_how_old_the_last_read_is() {
        let of_age = |age| WorkerShard {
            read_age_seconds: age,
            ..sight("working", "2026-01-01T00:00:00.000Z")
        };
        for (age, expected) in [
            (Some(0.2), "less than 10 s ago"),
            (Some(9.9), "less than 10 s ago"),
            (Some(125.7), "2 min 5 s ago"),
        ] {
            let html = shown(&[committed("s")], &[of_age(age)], "");
            assert!(html.contains(expected), "{expected}: {html}");
        }
        assert!(!shown(&[committed("s")], &[of_age(None)], "").contains(" ago"));
    }
}
