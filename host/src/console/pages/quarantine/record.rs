//! The page of one record: where it was quarantined, which redrives have taken it from there, and what came of it.

use std::sync::Arc;

use maud::{Markup, html};

use super::shown_record::ShownRecord;
use crate::console::components::{Tone, badge, empty, facts, field, problem, shard_link};
use crate::console::page::{Page, PageError, PageRequest, Section};
use crate::console::payload::inert;
use crate::console::tasks::{OBJECT_MAX_BYTES, read_contents};
use crate::console::{Console, Lake};
use crate::output::counted;
use crate::quarantine::{ListProblem, Quarantine};
use crate::tools::quarantine::show::{RecordId, parse_rid, redriven_text};

/// The most places that are shown.
const PLACES_MAX: usize = 50;

/// The history of a record, in words.
#[derive(Default)]
struct RecordView {
    places: Vec<PlaceView>,
    /// The places that are not shown.
    more: usize,
    left_out: Vec<String>,
    problems: Vec<ListProblem>,
}

/// A place of a record in quarantine.
struct PlaceView {
    record: ShownRecord,
    shard: String,
    is_current: bool,
    redriven: String,
}

/// The page.
///
/// # Errors
/// [`PageError`]
pub(in crate::console::pages) async fn record(
    console: &Arc<Console>,
    request: &PageRequest,
) -> Result<Page, PageError> {
    let form = Section::fixed("record-form", form(request.get("rid").unwrap_or_default()));
    let title = "Record".to_owned();
    let Some(rid) = request.get("rid") else {
        let sections = vec![form];
        return Ok(Page { title, sections });
    };
    let Some(lake) = console.lake.clone() else {
        return Err(PageError::NotFound(
            "The console shows no lake. Start it with --lake to follow a record.".into(),
        ));
    };
    let id = parse_rid(rid.trim());
    let id = id.map_err(|why| PageError::Wrong(format!("The id is wrong: {}.", inert(&why))))?;
    let view = read_contents(move || read(lake, id)).await?;
    let body = html! {
        h2 { code { (inert(rid)) } }
        (history(&view, console.permissions.payloads))
    };
    let sections = vec![form, Section::fixed("record-history", body)];
    Ok(Page { title, sections })
}

/// Follows a record.
///
/// # Errors
/// The lake cannot be read.
async fn read(lake: Lake, id: RecordId) -> anyhow::Result<RecordView> {
    let quarantine = Quarantine::open(&lake.store, lake.reads_at_once).await?;
    let quarantine = quarantine.with_object_max_bytes(OBJECT_MAX_BYTES);
    let mut history = quarantine.history(&id.shard, id.position).await?;
    // Files of others cannot have the record.
    history.left_out.unrecognized = Default::default();
    let mut view = RecordView {
        more: history.places.len().saturating_sub(PLACES_MAX),
        left_out: history.left_out.messages(lake.store.as_ref()).collect(),
        problems: history.problems,
        ..RecordView::default()
    };
    for place in history.places.iter().take(PLACES_MAX) {
        let Some(record) = place.record() else {
            continue;
        };
        let object = lake.store.place(&place.object.key);
        view.places.push(PlaceView {
            record: ShownRecord::new(&record, &object, place.line),
            shard: place.object.shard.to_string(),
            is_current: place.is_current(),
            redriven: redriven_text(&lake.location, &quarantine, place).await?,
        });
    }
    Ok(view)
}

fn form(rid: &str) -> Markup {
    html! {
        form method="get" action="/record" {
            (field("rid", "Id of a record: shard:sequence, or shard:sequence:number", rid, true))
            button type="submit" { "Show the record" }
        }
    }
}

fn history(view: &RecordView, is_shown: bool) -> Markup {
    let number = view.places.len();
    html! {
        (problems(view))
        @if number == 0 {
            (empty(
                "No record with this id is or was quarantined.",
                "If its range is committed, it has landed or was dropped. Otherwise, correct the id.",
            ))
        } @else {
            p { (outcome(view)) }
        }
        @for (at, place) in view.places.iter().enumerate() {
            article.record {
                h3 { "Place " (at + 1) " of " (number + view.more) ": " code { (inert(&place.record.rid)) } }
                p {
                    @if place.is_current {
                        (badge(Tone::Warning, "quarantined here now"))
                    } @else {
                        (badge(Tone::Neutral, "was quarantined here"))
                    }
                }
                (facts(&[("Chunk of the shard", shard_link(&place.shard)), ("Redriven", html! { (inert(&place.redriven)) })]))
                (place.record.body(is_shown))
            }
        }
        @if view.more > 0 {
            p.note { (counted(view.more as u64, "place")) " more are not shown; " code { "sluice quarantine show" } " prints all." }
        }
    }
}

/// What came of the record, in words.
fn outcome(view: &RecordView) -> String {
    let current = view.places.iter().filter(|place| place.is_current).count();
    match (current, view.places.len()) {
        (0, 1) => "A redrive has taken it out of quarantine.".into(),
        (0, places) => format!("Redrives have taken it out of all {places} places."),
        (1, 1) => "It is quarantined, and no redrive has committed it.".into(),
        (current, places) => {
            format!("It is quarantined now in {current} of {places} places, the oldest first.")
        }
    }
}

fn problems(view: &RecordView) -> Markup {
    html! {
        @for wrong in view.problems.iter().take(PLACES_MAX) { (problem(&wrong.to_string())) }
        @if !view.problems.is_empty() {
            p { "There may be more places. " code { "sluice audit" } " names all that is wrong with a lake." }
        }
        @if !view.left_out.is_empty() {
            ul { @for message in &view.left_out { li { (inert(message)) } } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::pages::quarantine::view::tests;
    use crate::quarantine::tests::lake::Chunk;

    async fn html(test: &crate::quarantine::tests::lake::Lake, rid: &str) -> String {
        let view = read(tests::lake(test), parse_rid(rid).unwrap())
            .await
            .unwrap();
        history(&view, true).into_string()
    }

    #[tokio::test]
    async fn a_quarantined_record_has_its_place() {
        let html = html(&tests::example(), "s:3").await;
        for part in [
            "Place 1 of 1",
            "quarantined here now",
            "no redrive has committed it",
            "by none",
            "missing_field",
            "data of 3",
            "/shard?id=s",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
    }

    #[tokio::test]
    async fn a_redriven_record_is_followed() {
        let mut test = tests::example();
        let view = crate::console::pages::quarantine::view::read(tests::lake(&test));
        let view = view.await.unwrap();
        let fields = view.current.iter().map(|listed| &listed.object);
        let fields: Vec<_> = fields
            .filter(|object| object.reason.as_str() == "missing_field")
            .collect();
        let id = test.begin_redrive("r1", &fields);
        test.claim(&id, fields[0]);
        let html_before = html(&test, "s:3").await;
        assert!(
            html_before.contains("has not committed it"),
            "{html_before}"
        );
        test.commit(&Chunk {
            shard: "redrive-r1",
            first: 0,
            last: 0,
            release: b"new",
            lines: &[("3", "not_wanted")],
            of: Some("s"),
            ..Chunk::default()
        });
        let html = html(&test, "s:3").await;
        for part in [
            "Place 2 of 2",
            "was quarantined here",
            "quarantined again",
            "now in 1 of 2 places",
            "not_wanted",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
    }

    #[tokio::test]
    async fn a_record_that_is_not_there_is_said() {
        let html = html(&tests::example(), "s:7").await;
        assert!(html.contains("No record with this id"), "{html}");
    }

    #[test]
    fn the_form_has_the_id_and_it_cannot_act() {
        let html = form("\"><script>").into_string();
        assert!(html.contains("&quot;&gt;&lt;script&gt;"), "{html}");
    }
}
