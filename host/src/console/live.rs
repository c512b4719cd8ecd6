//! Live sections: whenever what a section says changes, its HTML is sent to the browser, as a server-sent event.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream, StreamExt as _};
use maud::html;
use serde::Deserialize;
use serde_json::json;

use super::Console;
use super::components::problem;
use super::page::{Page, PageError, PageRequest};
use super::pages;

/// How often a page is made again.
const INTERVAL: Duration = Duration::from_secs(2);

/// Which page a browser shows.
#[derive(Deserialize)]
pub(super) struct Shown {
    /// Its path and query.
    page: String,
}

/// Sends the sections of a page that change, until the browser leaves it. A page without live sections has no stream.
pub(super) async fn stream(
    State(console): State<Arc<Console>>,
    Query(shown): Query<Shown>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let start = (console, PageRequest::live(&shown.page), HashMap::new());
    let rounds = stream::unfold(start, |(console, request, mut sent)| async move {
        tokio::time::sleep(INTERVAL).await;
        let page = pages::render(&console, &request).await;
        if page.as_ref().is_ok_and(|page| !page.has_live()) {
            return None;
        }
        let events = changed(page, &mut sent);
        Some((stream::iter(events), (console, request, sent)))
    });
    Sse::new(rounds.flatten()).keep_alive(KeepAlive::default())
}

/// The sections of a page whose HTML is not the one that was sent last, and whether the page could be made.
fn changed(
    page: Result<Page, PageError>,
    sent: &mut HashMap<&'static str, String>,
) -> Vec<Result<Event, Infallible>> {
    let mut sections = Vec::new();
    match page {
        Ok(page) => {
            let live = page.sections.into_iter().filter(|section| section.is_live);
            sections.extend(live.map(|section| (section.id, section.body.into_string())));
            sections.push(("live-problem", String::new()));
        }
        Err(error) => {
            let text = html! { (problem(&error.to_string())) };
            sections.push(("live-problem", text.into_string()));
        }
    }
    let mut events = Vec::new();
    for (id, html) in sections {
        if sent.get(id) != Some(&html) {
            let data = json!({ "id": id, "html": html }).to_string();
            events.push(Ok(Event::default().event("section").data(data)));
            sent.insert(id, html);
        }
    }
    events
}
