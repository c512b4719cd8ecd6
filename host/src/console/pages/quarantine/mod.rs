//! The page "Quarantine": what is quarantined, why, samples with the place of the fault, and the history of a record. What a
//! redrive would make of records is on the page Try.
//!
//! ```text
//! ledgers, list of quarantine, chunk manifests ─▶ view (kept until ledgers move) ─▶ filter ─▶ counts, times, samples
//! ```

mod arrivals;
pub(super) mod command;
mod fault_place;
pub(super) mod filter;
mod json_place;
mod marked;
mod record;
mod samples;
mod shown_record;
mod summary;
mod view;

use std::sync::Arc;
use std::time::Duration;

use maud::{Markup, html};

pub(super) use self::record::record;
use self::samples::SampleCache;
use self::view::QuarantineView;
use crate::console::cached::{Cached, View};
use crate::console::components::{empty, viewed};
use crate::console::page::{Page, PageError, PageRequest, Section};
use crate::console::payload::inert;
use crate::console::tasks::on_a_thread;
use crate::console::{Console, Lake};
use crate::quarantine::QuarantineFilter;

/// How old what was read of quarantine may be, if ledgers have committed more since, and if they have not: there, only the
/// claims of redrives can be new.
#[derive(Clone, Copy)]
struct Ages {
    moved: Duration,
    still: Duration,
}

const AGES: Ages = Ages {
    moved: Duration::from_secs(5),
    still: Duration::from_secs(15),
};

/// Those of the number of records, which the page shows that is open most of the time: each read costs as much as there is in
/// quarantine.
const TOTAL_AGES: Ages = Ages {
    moved: Duration::from_secs(60),
    still: Duration::from_secs(600),
};

/// How long a page waits for the first read. Its live sections show it when it ends later.
const WAIT: Duration = Duration::from_secs(3);

/// What the page keeps between requests.
pub(super) struct State {
    view: Cached<QuarantineView>,
    samples: SampleCache,
}

impl Default for State {
    fn default() -> Self {
        Self {
            view: Cached::new(AGES.still),
            samples: SampleCache::default(),
        }
    }
}

/// What is in the quarantine of the lake.
async fn view(console: &Console, lake: &Lake, ages: Ages, wait: Duration) -> View<QuarantineView> {
    let cached = &console.pages.quarantine.view;
    let ledgers = console.ledgers.view().await;
    let is_behind = ledgers.ready().zip(cached.last());
    let is_behind = is_behind.is_some_and(|(seen, last)| last.is_behind(&seen.value.ledgers));
    let max_age = if is_behind { ages.moved } else { ages.still };
    let read = || {
        let (lake, ledgers) = (lake.clone(), Arc::clone(&console.ledgers));
        async move {
            let view = on_a_thread(move || view::read(lake)).await?;
            ledgers.check_present(view.has_commits).await?;
            Ok(view)
        }
    };
    cached.view_of_age(max_age, wait, read).await
}

/// How many records are quarantined now. This waits for no read: of many chunks, it can take minutes.
pub(super) async fn total(console: &Console, lake: &Lake) -> View<u64> {
    let view = view(console, lake, TOTAL_AGES, Duration::ZERO).await;
    view.map(|view| view.current.iter().map(|listed| listed.records).sum())
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
    let view = view(console, lake, AGES, WAIT).await;
    let mut sections = Vec::from(counts(console, &view, &filter, request));
    // On a narrow screen, the first numbers come before the fields.
    let form = Section::once("quarantine-filter", request, || filter::form(&filter));
    sections.insert(1, form);
    let samples = samples::section(console, lake, &filter, &view).await;
    sections.push(Section::live("quarantine-samples", samples));
    sections.push(Section::once("quarantine-redrive", request, || {
        redrive(console.registry.is_some(), &filter)
    }));
    Ok(Page { title, sections })
}

/// What is counted: how many records, what is left out, and when they came.
fn counts(
    console: &Console,
    view: &View<QuarantineView>,
    filter: &QuarantineFilter,
    request: &PageRequest,
) -> [Section; 4] {
    let [mut groups, mut left_out, mut over_time] = [html! {}, html! {}, html! {}];
    let totals = viewed(view, "the quarantine", |seen| {
        let selected = seen.value.select(filter);
        groups = summary::groups(&selected, filter, request);
        left_out = summary::left_out(&seen.value);
        over_time = arrivals::over_time(&selected);
        summary::totals(seen, &selected, filter)
    });
    let arrivals = html! {
        (arrivals::last_hour(console, filter))
        (over_time)
    };
    [
        Section::live("quarantine-totals", totals),
        Section::live("quarantine-groups", groups),
        Section::live("quarantine-left-out", left_out),
        Section::live("quarantine-arrivals", arrivals),
    ]
}

/// Leads to what a redrive would make of the records that a filter takes.
fn redrive(has_registry: bool, filter: &QuarantineFilter) -> Markup {
    html! {
        h2 { "Redrive" }
        @if has_registry {
            p {
                "A redrive transforms quarantined records again. The preview tries some of the records "
                (inert(&filter::words(filter)))
                " with the active release or another one, says what would become of them, and names the commands. It writes nothing."
            }
            p { a href={ (filter::try_link(filter)) "&release=active&choice=even" } { "Preview a redrive" } }
        } @else {
            (empty(
                "The console shows no registry, so there are no rules to try a redrive with.",
                "Start it with --registry, or try other rules on quarantined records on the page Try.",
            ))
        }
    }
}

fn without_lake() -> Markup {
    empty(
        "The console shows no lake.",
        "Start it with --lake and the lake that `sluice run` writes, such as --lake file:lake.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_takes_what_the_filter_takes() {
        let request = PageRequest::parse("/quarantine?reason=trap&release=01234567");
        let filter = filter::parse(|name| request.get(name)).unwrap();
        let html = redrive(true, &filter).into_string();
        let link =
            "/try?reason=trap&amp;quarantined_by=01234567&amp;release=active&amp;choice=even";
        assert!(html.contains(link), "{html}");
        assert!(html.contains("of the reason trap"), "{html}");
        let html = redrive(false, &filter).into_string();
        assert!(
            html.contains("--registry") && !html.contains("<a"),
            "{html}"
        );
    }
}
