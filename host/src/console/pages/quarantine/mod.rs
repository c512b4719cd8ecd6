//! The page "Quarantine": what is quarantined, why, samples with the place of the fault, the history of a record, and what a
//! redrive would make of it.
//!
//! ```text
//! ledgers, list of quarantine, chunk manifests ─▶ view (kept for 30 s) ─▶ filter ─▶ counts, times, samples, preview
//! ```

mod arrivals;
mod command;
mod fault_place;
pub(super) mod filter;
mod json_place;
mod marked;
mod preview;
mod preview_page;
mod record;
mod samples;
mod shown_record;
mod summary;
mod view;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::Redirect;
use axum::routing::post;
use maud::{Markup, html};
use tokio::sync::Semaphore;

pub(super) use self::record::record;
use self::samples::SampleCache;
use self::view::QuarantineView;
use crate::console::cached::{Cached, View};
use crate::console::components::{empty, viewed};
use crate::console::page::{Page, PageError, PageRequest, Section};
use crate::console::tasks::on_a_thread;
use crate::console::{Console, Lake};
use crate::quarantine::QuarantineFilter;

/// How long what was read of quarantine is shown.
const MAX_AGE: Duration = Duration::from_secs(30);

/// How long a page waits for the first read. Its live sections show it when it ends later.
const WAIT: Duration = Duration::from_secs(3);

/// What the page keeps between requests.
pub(super) struct State {
    view: Cached<QuarantineView>,
    samples: SampleCache,
    /// Previews run one at a time: each takes a core.
    previews: Arc<Semaphore>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            view: Cached::new(MAX_AGE),
            samples: SampleCache::default(),
            previews: Arc::new(Semaphore::new(1)),
        }
    }
}

/// The requests that try or change something.
pub(super) fn actions() -> Router<Arc<Console>> {
    let to_the_form = || async { Redirect::to("/quarantine") };
    let preview = post(preview_page::respond_to).get(to_the_form);
    Router::new().route("/quarantine/preview", preview)
}

/// What is in the quarantine of the lake.
async fn view(console: &Console, lake: &Lake, wait: Duration) -> View<QuarantineView> {
    let read = || {
        let (lake, ledgers) = (lake.clone(), Arc::clone(&console.ledgers));
        async move {
            let view = on_a_thread(move || view::read(lake)).await?;
            ledgers.check_present(view.has_commits).await?;
            Ok(view)
        }
    };
    console.pages.quarantine.view.view(wait, read).await
}

/// The page.
///
/// # Errors
/// [`PageError`]
pub(super) async fn page(console: &Arc<Console>, request: &PageRequest) -> Result<Page, PageError> {
    let title = "Quarantine".to_owned();
    let filter = filter::parse(|name| request.get(name))?;
    let Some(lake) = &console.lake else {
        let sections = vec![Section::fixed("quarantine", without_lake())];
        return Ok(Page { title, sections });
    };
    let view = view(console, lake, WAIT).await;
    let mut sections = vec![Section::once("quarantine-filter", request, || {
        filter::form(&filter)
    })];
    sections.extend(counts(console, &view, &filter, request));
    let samples = samples::section(console, lake, &filter, &view).await;
    sections.push(Section::live("quarantine-samples", samples));
    if !request.is_live {
        let form = preview_page::form(console, &filter).await;
        sections.push(Section::fixed("quarantine-redrive", form));
    }
    Ok(Page { title, sections })
}

/// What is counted: how many records, what is left out, and when they came.
fn counts(
    console: &Console,
    view: &View<QuarantineView>,
    filter: &QuarantineFilter,
    request: &PageRequest,
) -> [Section; 3] {
    let mut left_out = html! {};
    let mut over_time = html! {};
    let summary = viewed(view, "the quarantine", |seen| {
        let selected = seen.value.select(filter);
        left_out = summary::left_out(&seen.value);
        over_time = arrivals::over_time(&selected);
        summary::summary(seen, &selected, filter, request)
    });
    let arrivals = html! {
        (arrivals::last_hour(console, filter))
        (over_time)
    };
    [
        Section::live("quarantine-summary", summary),
        Section::live("quarantine-left-out", left_out),
        Section::live("quarantine-arrivals", arrivals),
    ]
}

fn without_lake() -> Markup {
    empty(
        "The console shows no lake.",
        "Start it with --lake and the lake that `sluice run` writes, such as --lake file:lake.",
    )
}
