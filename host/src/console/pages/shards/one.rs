//! The page of one shard.

use std::sync::Arc;

use maud::{Markup, html};
use sluice_storage::location::StoreLocation;

use super::list::{lag, read_age, sequence};
use super::rows::Row;
use super::{Views, words};
use crate::config::{shell_word, store_setting};
use crate::console::Console;
use crate::console::cached::View;
use crate::console::components::{
    badge, bytes, count, empty, of, release_link, table, time, time_text, viewed,
};
use crate::console::page::{Page, PageError, Section};
use crate::console::payload::inert;
use crate::console::recent_chunks::{ChunkSummary, ChunksView};
use crate::console::stream::StreamShards;
use crate::console::words::moment;
use crate::console::workers::WorkerSight;
use crate::ledger::heads::LedgerHead;

const CHUNK_COLUMNS: [&str; 9] = [
    "First and last record",
    "Records",
    "Arrived",
    "Release",
    "Events",
    "Quarantined",
    "Dropped, on the bus only",
    "Messages",
    "Objects",
];

/// The page of the shard with this id.
///
/// # Errors
/// There is no such shard.
pub(super) async fn page(
    console: &Arc<Console>,
    views: &Views,
    id: &str,
) -> Result<Page, PageError> {
    let rows = views.rows();
    let Some(row) = rows.iter().find(|row| row.id == id) else {
        return missing(views, id);
    };
    let mut sections = vec![
        Section::live("shards-problems", views.problems()),
        Section::live("shard-state", state(row)),
    ];
    let ledger = match row.ledger {
        Some(ledger) => words::ledger(ledger, row.pending_since),
        None => empty(
            "The lake has no ledger of this shard.",
            "No run has begun it. A shard of a stream begins when its parents are finished.",
        ),
    };
    sections.push(Section::live("shard-ledger", ledger));
    if let Some(lake) = &console.lake {
        let chunks = match row.ledger.and_then(LedgerHead::of) {
            Some(head) => Some(console.pages.shards.chunks.view(lake, &head).await),
            None => None,
        };
        sections.push(Section::live("shard-chunks", chunks_of(chunks.as_ref())));
        let source = console.stream.as_ref().map(StreamShards::source);
        let audit = audit(&lake.location, source.as_deref());
        sections.push(Section::fixed("shard-audit", audit));
    }
    Ok(Page {
        title: format!("Shard {}", inert(id)),
        sections,
    })
}

/// The page while it is not known whether there is such a shard, or that there is none.
fn missing(views: &Views, id: &str) -> Result<Page, PageError> {
    let id = inert(id);
    if !views.is_incomplete() {
        let why = format!("There is no shard {id}. Choose one on the page Shards.");
        return Err(PageError::NotFound(why));
    }
    Ok(Page {
        title: format!("Shard {id}"),
        sections: vec![Section::live("shards-problems", views.problems())],
    })
}

fn state(row: &Row<'_>) -> Markup {
    html! {
        p { (badge(row.state.tone(), row.state.words())) " " (row.state.meaning()) }
        h2 { "Workers" }
        @if row.sights.is_empty() {
            p { "No worker that the console polls knows this shard. Name workers with --worker URL." }
        } @else {
            (workers(&row.sights))
        }
    }
}

/// What the workers say of the shard.
fn workers(sights: &[WorkerSight<'_>]) -> Markup {
    let rows = sights.iter().map(|WorkerSight { url, shard }| {
        vec![
            html! { (inert(url)) },
            html! { (inert(&shard.state.replace('_', " "))) },
            time_text(&shard.since),
            lag(shard.lag_seconds),
            read_age(shard.read_age_seconds),
            html! { code { (inert(shard.committed.as_deref().unwrap_or_default())) } },
            html! { (inert(shard.error.as_deref().unwrap_or_default())) },
        ]
    });
    let rows: Vec<_> = rows.collect();
    let columns = [
        "Worker",
        "State",
        "Since",
        "Lag",
        "Last read",
        "Last committed record",
        "Last error",
    ];
    table("Workers that know the shard", &columns, &rows)
}

/// The newest chunks; `None` if nothing is committed.
fn chunks_of(chunks: Option<&View<ChunksView>>) -> Markup {
    html! {
        h2 { "Chunks" }
        @match chunks {
            None => p { "Nothing is committed yet." },
            Some(view) => (viewed(view, "the chunk manifests", |seen| chunks_table(&seen.value))),
        }
    }
}

fn chunks_table(view: &ChunksView) -> Markup {
    let rows = view.chunks.iter().map(|chunk| match chunk {
        Ok(chunk) => cells(chunk),
        Err(why) => {
            let why = html! { (inert(why)) };
            let others = CHUNK_COLUMNS.iter().skip(1).map(|_| Markup::default());
            [why].into_iter().chain(others).collect()
        }
    });
    let rows: Vec<_> = rows.collect();
    html! {
        p {
            @if view.has_older {
                "The newest " (rows.len()) " chunks, by their chunk manifests. The shard has older ones, which are not counted."
            } @else {
                "The newest " (of(rows.len() as u64, view.all)) " chunks, by their chunk manifests."
            }
        }
        (table("The newest chunks", &CHUNK_COLUMNS, &rows))
    }
}

fn cells(chunk: &ChunkSummary) -> Vec<Markup> {
    let (range, counts) = (&chunk.range, &chunk.counts);
    let arrived = chunk.arrived_at;
    let [min, max] = [
        arrived.map(|times| times.min),
        arrived.map(|times| times.max),
    ];
    vec![
        html! { (sequence(range.first)) br; (sequence(range.last)) },
        html! { (count(range.count)) div.dim { (bytes(counts.bytes)) } },
        html! {
            @if let Some(min) = min.filter(|_| min != max).and_then(moment) { (time(min)) br; }
            @if let Some(max) = max.and_then(moment) { (time(max)) }
        },
        release_link(&chunk.release.to_string()),
        count(counts.events),
        count(counts.quarantined),
        html! { (count(counts.dropped)) ", " (count(counts.bus_only)) },
        count(counts.messages),
        html! {
            (count(chunk.objects))
            @if chunk.quarantine_objects > 0 {
                div.dim { (count(chunk.quarantine_objects)) " of quarantine" }
            }
        },
    ]
}

/// The commands that prove what the lake says of its shards.
fn audit(lake: &StoreLocation, source: Option<&str>) -> Markup {
    let lake = shell_word(&store_setting(lake));
    html! {
        h2 { "Audit" }
        p {
            "An audit compares the ledgers, the chunk manifests and the names of the objects of all shards of the lake: "
        }
        pre { code { "sluice audit --quick --lake " (lake) } }
        @match source {
            Some(source) => {
                p { "This one also reads each record and each object, and compares them:" }
                pre { code { "sluice audit --source " (shell_word(source)) " --lake " (lake) } }
            },
            None => p {
                "To compare each record with the objects too, leave " code { "--quick" } " out and give "
                code { "--source" } " and what else the run was given."
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use sluice_engine::digest::Digest;

    use super::super::rows::tests::{pending, sight};
    use super::*;
    use crate::console::workers::WorkerShard;
    use crate::layout::arrival_times::ArrivalTimes;
    use crate::layout::chunk_manifest::ManifestCounts;

    #[test]
    fn chunks_are_shown_with_those_that_cannot_be_read() {
        let chunk = ChunkSummary {
            range: pending(20, 29).range,
            arrived_at: Some(ArrivalTimes { min: 0, max: 1_000 }),
            release: Digest::of(b"release"),
            counts: ManifestCounts {
                events: 1_234,
                ..ManifestCounts::default()
            },
            objects: 2,
            quarantine_objects: 1,
        };
        let chunks = [Ok(chunk), Err("x.json: <b>damaged</b>".to_owned())];
        let view = ChunksView {
            chunks: VecDeque::from(chunks),
            all: 70,
            ..ChunksView::default()
        };
        let html = chunks_table(&view).into_string();
        for part in [
            "<code title=\"20\">20</code>",
            "1970-01-01T00:00:01Z",
            "1,234",
            "of quarantine",
            "x.json: &lt;b&gt;damaged",
            "2 of 70",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        let has_older = true;
        let older = chunks_table(&ChunksView { has_older, ..view }).into_string();
        assert!(older.contains("newest 2 chunks, by"), "{older}");
        assert!(older.contains("The shard has older ones"), "{older}");
        assert!(
            !html.contains("1970-01-01T00:00:00Z"),
            "an unknown time is not shown: {html}"
        );
    }

    #[test]
    fn workers_and_their_errors_do_not_act() {
        let hostile = "<script>\u{202e}";
        let shard = WorkerShard {
            committed: Some(hostile.into()),
            error: Some(hostile.into()),
            ..sight(hostile, hostile)
        };
        let sight = WorkerSight {
            url: hostile,
            shard: &shard,
        };
        let html = workers(&[sight]).into_string();
        assert!(
            !html.contains("<script") && !html.contains('\u{202e}'),
            "{html}"
        );
    }

    #[test]
    fn the_audit_command_is_one_for_a_shell() {
        let lake = StoreLocation::Folder("/lake of 'x'".into());
        let html = audit(&lake, Some("kinesis:events")).into_string();
        let quoted = "--lake 'file:/lake of '\\''x'\\'''";
        assert!(html.contains(quoted), "{html}");
        assert!(
            html.contains("sluice audit --source kinesis:events --lake"),
            "{html}"
        );
        assert!(
            !audit(&lake, None)
                .into_string()
                .contains("--source kinesis")
        );
    }
}
