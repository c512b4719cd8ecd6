//! Live sections: whenever what a section says changes, its HTML is sent to the browser, as a server-sent event.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::{self, StreamExt as _};
use maud::html;
use serde::Deserialize;
use serde_json::json;

use super::Console;
use super::components::problem;
use super::connections::InProgress;
use super::page::{Page, PageError, PageRequest};
use super::pages;

/// How often a page is made again.
const INTERVAL: Duration = Duration::from_secs(2);

/// The most streams at once: fewer than connections, so that pages can still be loaded.
pub(super) const STREAMS_MAX: usize = 100;

/// When a browser may ask again for a stream that it did not get, seconds.
const RETRY_AFTER: &str = "10";

/// Which page a browser shows.
#[derive(Deserialize)]
pub(super) struct Shown {
    /// Its path and query.
    page: String,
}

/// Sends the sections of a page that change, until the browser leaves it. A page without live sections has no stream.
pub(super) async fn stream(
    State(console): State<Arc<Console>>,
    Extension(in_progress): Extension<InProgress>,
    Query(shown): Query<Shown>,
) -> Response {
    let Ok(permit) = Arc::clone(&console.streams).try_acquire_owned() else {
        return too_many_streams();
    };
    let until_the_end = (permit, in_progress);
    let request = PageRequest::live(&shown.page);
    let start = (console, request, HashMap::new(), until_the_end);
    let rounds = stream::unfold(start, |(console, request, mut sent, held)| async move {
        tokio::time::sleep(INTERVAL).await;
        let page = pages::render(&console, &request).await;
        if page.as_ref().is_ok_and(|page| !page.has_live()) {
            return None;
        }
        let events = changed(page, &mut sent);
        Some((stream::iter(events), (console, request, sent, held)))
    });
    Sse::new(rounds.flatten())
        .keep_alive(KeepAlive::default())
        .into_response()
}

fn too_many_streams() -> Response {
    let text = format!(
        "{STREAMS_MAX} pages of the console are open and updated live, the most at once. Close some of them.\n"
    );
    let headers = [(header::RETRY_AFTER, RETRY_AFTER)];
    (StatusCode::SERVICE_UNAVAILABLE, headers, text).into_response()
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
