//! The page "Schema": which types of events the lake has, the columns of its schemas, and what drifts from them.

mod chunks;
mod columns;
mod drift;
mod event_type;
mod of_release;
mod recent;
mod sample;
#[cfg(test)]
mod test_lake;
mod types;

use std::sync::Arc;
use std::time::{Duration, Instant};

use maud::{Markup, html};
use sluice_schema::inference::TypeReport;

use self::drift::WorkerDrift;
use self::event_type::PartitionType;
pub(super) use self::of_release::ChunksOfRelease;
use self::recent::{KnownLake, RecentLake};
use crate::console::cached::{Cached, View};
use crate::console::components::{empty, problem, viewed};
use crate::console::latest::Latest;
use crate::console::page::{Page, PageError, PageRequest, Section};
use crate::console::tasks::on_a_thread;
use crate::console::workers::WorkerView;
use crate::console::{Console, Lake};
use crate::layout::object_key::ShortId;

/// How long what was read of the lake is shown before it is read again.
const MAX_AGE: Duration = Duration::from_secs(30);

/// The time that a page waits for what is read first.
const WAIT: Duration = Duration::from_secs(2);
const INFER_WAIT: Duration = Duration::from_secs(20);

/// How long other pages use a sample of the events of a type, and the most bytes of the object that it is read from.
const SAMPLE_MAX_AGE: Duration = Duration::from_secs(120);
const SAMPLE_MAX_BYTES: u64 = 16 << 20;

/// What the page keeps between requests.
pub(super) struct State {
    known: Arc<KnownLake>,
    recent: Cached<RecentLake>,
    /// The samples that other pages have used last, and when each was read.
    samples: Latest<PartitionType, (Instant, Arc<TypeReport>), 8>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            known: Arc::default(),
            recent: Cached::new(MAX_AGE),
            samples: Latest::default(),
        }
    }
}

impl State {
    async fn view(&self, console: &Console, lake: &Lake, wait: Duration) -> View<RecentLake> {
        let (lake, known) = (lake.clone(), Arc::clone(&self.known));
        let ledgers = Arc::clone(&console.ledgers);
        let read = || on_a_thread(move || recent::read(lake, ledgers, known));
        self.recent.view(wait, read).await
    }
}

/// What the newest chunks of a lake say to other pages.
pub(super) struct Newest {
    /// The release of the newest one.
    pub(super) release: Option<ShortId>,
    /// The columns that most events are partitioned by.
    pub(super) columns: Vec<String>,
}

/// What the newest chunks of a lake say; `None` if they are not read yet.
pub(super) async fn newest(console: &Console, lake: &Lake) -> Option<Newest> {
    let View::Ready(seen) = console.pages.schema.view(console, lake, WAIT).await else {
        return None;
    };
    let chunks = &seen.value.chunks;
    Some(Newest {
        release: chunks.release(),
        columns: chunks.usual_columns(),
    })
}

/// The fields of the events of the lake that have the same type as those of a partition, by a sample; `None` if there are
/// none, or if they cannot be read now.
pub(super) async fn fields_of_type(
    console: &Console,
    lake: &Lake,
    partition: &str,
) -> Option<Arc<TypeReport>> {
    let state = &console.pages.schema;
    let wanted = PartitionType::of_partition(partition);
    if let Some((read_at, known)) = state.samples.find(|event_type| *event_type == wanted)
        && read_at.elapsed() < SAMPLE_MAX_AGE
    {
        return Some(known);
    }
    let View::Ready(seen) = state.view(console, lake, WAIT).await else {
        return None;
    };
    let of_type = types::find(&seen.value, &wanted).ok()?;
    if of_type.newest.1.bytes > SAMPLE_MAX_BYTES {
        return None;
    }
    let sample = sample::read(lake, &state.known, of_type).await.ok()?;
    let report = Arc::new(sample.report);
    let value = (Instant::now(), Arc::clone(&report));
    state.samples.insert(wanted, value);
    Some(report)
}

/// The page.
///
/// # Errors
/// [`PageError`]
pub(super) async fn page(console: &Arc<Console>, request: &PageRequest) -> Result<Page, PageError> {
    let Some(lake) = &console.lake else {
        return Ok(without_lake(console).await);
    };
    let infers = request.get("infer").is_some();
    // Such a page has no live section.
    let wait = if infers { INFER_WAIT } else { WAIT };
    let view = console.pages.schema.view(console, lake, wait).await;
    if let Some(digest) = request.get("schema") {
        return schema(&view, digest, request);
    }
    match PartitionType::of_request(request) {
        Some(wanted) if infers => inferred(console, lake, &view, &wanted, request).await,
        Some(wanted) => event_type(&view, &wanted, request),
        None => Ok(overview(console, &view, request).await),
    }
}

/// The page without a lake: what workers say.
async fn without_lake(console: &Console) -> Page {
    let advice = "To see types of events and schemas, start the console with --lake, such as --lake file:lake.";
    let mut sections = vec![Section::fixed(
        "no-lake",
        empty("No lake is shown.", advice),
    )];
    sections.extend(drift_and_table(console).await);
    Page {
        title: "Schema".into(),
        sections,
    }
}

/// All types of events, the schemas over time, the drift, and the table.
async fn overview(console: &Console, view: &View<RecentLake>, request: &PageRequest) -> Page {
    let types = html! {
        h2 { "Event types" }
        (viewed(view, WHAT, |seen| types::types(&seen.value, request)))
    };
    let schemas = html! {
        h2 { "Schemas" }
        (viewed(view, WHAT, |seen| columns::schemas(&seen.value)))
    };
    let mut sections = vec![
        Section::live("event-types", types),
        Section::live("schemas", schemas),
    ];
    sections.extend(drift_and_table(console).await);
    Page {
        title: "Schema".into(),
        sections,
    }
}

/// What is read, as messages name it.
const WHAT: &str = "the newest chunks and the schemas of the lake";

/// What workers say of drift, and the table of the lake.
async fn drift_and_table(console: &Console) -> Vec<Section> {
    let workers = console.workers.views();
    let statuses = workers.iter().filter_map(WorkerView::current);
    let totals = statuses.map(|status| (status.since.as_str(), &status.totals));
    let drift = WorkerDrift::of(totals);
    let location = console.lake.as_ref().map(|lake| &lake.location);
    let drift = html! {
        h2 { "Drift and values in no column" }
        (drift::section(&drift, console.workers.count(), location))
    };
    let mut sections = vec![Section::live("drift", drift)];
    sections.extend(table(console).await);
    sections
}

/// The table of the lake, if this program has tables.
#[cfg(feature = "table")]
async fn table(console: &Console) -> Option<Section> {
    let table = crate::console::table::section(&console.table.view().await);
    Some(Section::live("table", table))
}

/// This program has no tables.
#[cfg(not(feature = "table"))]
async fn table(_console: &Console) -> Option<Section> {
    None
}

/// One schema.
fn schema(view: &View<RecentLake>, digest: &str, request: &PageRequest) -> Result<Page, PageError> {
    let body = one_of(view, |lake| columns::one(lake, digest, request))?;
    Ok(Page {
        title: "Schema of the lake".into(),
        sections: vec![Section::live("schema", body)],
    })
}

/// One type of events.
fn event_type(
    view: &View<RecentLake>,
    wanted: &PartitionType,
    request: &PageRequest,
) -> Result<Page, PageError> {
    let body = one_of(view, |lake| types::one(lake, wanted, request))?;
    Ok(Page {
        title: title(wanted),
        sections: vec![Section::live("event-type", body)],
    })
}

/// The fields of one type, inferred. No section is live: the object is read once.
async fn inferred(
    console: &Console,
    lake: &Lake,
    view: &View<RecentLake>,
    wanted: &PartitionType,
    request: &PageRequest,
) -> Result<Page, PageError> {
    let body = match view {
        View::Ready(seen) => {
            let of_type = types::find(&seen.value, wanted)?;
            let sample = sample::read(lake, &console.pages.schema.known, of_type).await;
            html! {
                h2 { "Fields" }
                @match &sample {
                    Ok(sample) => { (sample::shown(sample, request, console.permissions.payloads)) }
                    Err(error) => { (problem(&error.to_string())) }
                }
                p { a href=(wanted.link()) { "All partitions of this type" } }
            }
        }
        View::Reading | View::Failed(_) => html! {
            (one_of(view, |_| Ok(html! {}))?)
            p { "Load the page again in a moment." }
        },
    };
    Ok(Page {
        title: title(wanted),
        sections: vec![Section::fixed("fields", body)],
    })
}

fn title(wanted: &PartitionType) -> String {
    format!("Events: {}", wanted.text())
}

/// What a view has of one thing, which it may not have.
///
/// # Errors
/// It does not have it.
fn one_of(
    view: &View<RecentLake>,
    shown: impl FnOnce(&RecentLake) -> Result<Markup, PageError>,
) -> Result<Markup, PageError> {
    let found = match view {
        View::Ready(seen) => Some(shown(&seen.value)?),
        View::Reading | View::Failed(_) => None,
    };
    Ok(viewed(view, WHAT, |_| found.unwrap_or_default()))
}
