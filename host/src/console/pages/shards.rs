//! The pages "Shards" and "Shard": what ledgers, workers and the stream say of each shard.

mod list;
mod one;
mod rows;
mod tree;
mod words;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::future::{self, OptionFuture};
use maud::{Markup, html};
use sluice_engine::record::ShardId;

use self::rows::{Row, RowSources};
use crate::console::Console;
use crate::console::cached::View;
use crate::console::components::{problem, viewed};
use crate::console::ledgers::LedgersView;
use crate::console::page::{Page, PageError, PageRequest, Section};
use crate::console::recent_chunks::RecentChunks;
use crate::console::stream::{StreamShard, StreamShards};
use crate::console::words::further;
use crate::console::workers::WorkerView;
use crate::ledger::Ledger;

/// The most problems of ledgers that are shown.
const PROBLEMS_MAX: usize = 10;

/// What the pages keep between requests.
#[derive(Default)]
pub(super) struct State {
    chunks: RecentChunks,
}

/// What the pages are made from.
struct Views {
    /// `None` without a lake.
    ledgers: Option<View<LedgersView>>,
    pending_since: BTreeMap<ShardId, DateTime<Utc>>,
    workers: Vec<WorkerView>,
    /// `None` without a source.
    stream: Option<View<Vec<StreamShard>>>,
    now: DateTime<Utc>,
}

impl Views {
    async fn read(console: &Console) -> Self {
        let ledgers = console.lake.as_ref().map(|_| console.ledgers.view());
        let stream = console.stream.as_ref().map(StreamShards::view);
        let (ledgers, stream) =
            future::join(OptionFuture::from(ledgers), OptionFuture::from(stream)).await;
        Self {
            ledgers,
            pending_since: console.ledgers.pending_since(),
            workers: console.workers.views(),
            stream,
            now: Utc::now(),
        }
    }

    fn ledgers(&self) -> &[Ledger] {
        let seen = self.ledgers.as_ref().and_then(View::ready);
        seen.map_or(&[], |seen| &seen.value.ledgers[..])
    }

    fn stream(&self) -> &[StreamShard] {
        let seen = self.stream.as_ref().and_then(View::ready);
        seen.map_or(&[], |seen| &seen.value[..])
    }

    /// Whether the ledgers of the lake have not been read, so that there may be shards that are not known.
    fn is_incomplete(&self) -> bool {
        matches!(self.ledgers, Some(View::Reading | View::Failed(_)))
    }

    /// All shards, the worst first.
    fn rows(&self) -> Vec<Row<'_>> {
        rows::rows(&RowSources {
            ledgers: self.ledgers(),
            pending_since: &self.pending_since,
            workers: &self.workers,
            stream: self.stream(),
            now: self.now,
        })
    }

    /// What could not be read. Why the ledgers cannot be read is above, as on all pages.
    fn problems(&self) -> Markup {
        html! {
            @match &self.ledgers {
                Some(View::Reading) => p.reading { "Reading the ledgers…" },
                Some(View::Ready(seen)) => (ledger_problems(&seen.value.problems)),
                Some(View::Failed(_)) | None => {},
            }
            @if let Some(stream) = &self.stream {
                (viewed(stream, "the shards of the stream", |_| Markup::default()))
            }
        }
    }
}

fn ledger_problems(problems: &[String]) -> Markup {
    html! {
        @for why in problems.iter().take(PROBLEMS_MAX) { (problem(why)) }
        (further(PROBLEMS_MAX, problems.len(), "problem"))
    }
}

/// The list of shards, or their tree.
///
/// # Errors
/// [`PageError`]
pub(super) async fn page(console: &Arc<Console>, request: &PageRequest) -> Result<Page, PageError> {
    let views = Views::read(console).await;
    let is_tree = request.get("view") == Some("tree");
    let choice = list::choice(is_tree);
    let problems = Section::live("shards-problems", views.problems());
    let mut sections = vec![Section::fixed("shards-views", choice), problems];
    if is_tree {
        let tree = match &views.stream {
            Some(_) => tree::tree(views.stream(), &views.rows()),
            None => tree::unknown(),
        };
        sections.push(Section::live("shards-tree", tree));
    } else {
        sections.push(Section::fixed("shards-filter", list::filter_form(request)));
        let rows = views.rows();
        let list = match rows.is_empty() {
            true if views.is_incomplete() => Markup::default(),
            true => list::nothing(console.lake.is_some()),
            false => list::list(&rows, request),
        };
        sections.push(Section::live("shards-list", list));
        if views.stream.is_none() {
            sections.push(Section::fixed("shards-no-tree", tree::note()));
        }
    }
    Ok(Page {
        title: "Shards".into(),
        sections,
    })
}

/// One shard.
///
/// # Errors
/// [`PageError`]
pub(super) async fn one(console: &Arc<Console>, request: &PageRequest) -> Result<Page, PageError> {
    let Some(id) = request.get("id") else {
        let why = "Which shard? Choose one on the page Shards.";
        return Err(PageError::Wrong(why.into()));
    };
    let views = Views::read(console).await;
    one::page(console, &views, id).await
}
