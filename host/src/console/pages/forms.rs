//! The forms that browsers send, the routes that receive them, and the choice between releases that several have.

use std::sync::Arc;

use axum::extract::{Form, FromRequest, Request};
use axum::handler::Handler;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{MethodRouter, post};
use indicatif::HumanCount;
use maud::{Markup, html};
use serde::de::DeserializeOwned;
use sluice_release::bundle::{Manifest, ReleaseId};

use super::respond;
use crate::console::Console;
use crate::console::components::problem;
use crate::console::page::PageError;
use crate::console::payload::inert;

/// The largest form, bytes.
pub(super) const FORM_MAX_BYTES: usize = 8 << 20;

/// The most releases of a choice, besides a chosen one.
const RELEASES_MAX: usize = 100;

/// The header by which a script asks for a piece of the page instead of all of it.
const FRAGMENT: &str = "x-fragment";

/// The route of a form. Who opens its address instead, such as by a reload, gets the page that has the form.
pub(super) fn action<H, T>(handler: H) -> MethodRouter<Arc<Console>>
where
    H: Handler<T, Arc<Console>>,
    T: 'static,
{
    post(handler).get(to_page)
}

async fn to_page(uri: Uri) -> Redirect {
    Redirect::to(page_of(uri.path()))
}

/// The page with the form that is sent to this path: `/try` of `/try/run`.
fn page_of(path: &str) -> &str {
    let end = path.match_indices('/').nth(1);
    end.map_or(path, |(end, _)| &path[..end])
}

/// The options of a choice between releases: the newest ones of a list that begins with them, and the chosen one if it is
/// an older one.
pub(super) fn release_options(releases: &[&Manifest], chosen: &str) -> Markup {
    let (newest, older) = releases.split_at(releases.len().min(RELEASES_MAX));
    let is_chosen = |release: &&&Manifest| release.id().to_string() == chosen;
    let older = older.iter().filter(is_chosen);
    html! {
        @for release in newest.iter().chain(older) {
            @let id = release.id();
            option value=(id) selected[id.to_string() == chosen] { (in_words(id, release)) }
        }
    }
}

/// Says that a choice has not all of the releases.
pub(super) fn newest_only(releases: usize) -> Markup {
    html! {
        @if releases > RELEASES_MAX {
            " " span {
                "These are the newest " (RELEASES_MAX) " of " (HumanCount(releases as u64)) " releases. The page "
                a href="/releases" { "Releases" } " lists all."
            }
        }
    }
}

/// A release as a choice names it.
fn in_words(id: ReleaseId, release: &Manifest) -> String {
    let parts = [&release.transform, &release.note, &release.published_at];
    let parts = parts.into_iter().flatten().map(|part| inert(part));
    let parts: Vec<_> = [id.short()].into_iter().chain(parts).collect();
    parts.join(" · ")
}

/// Whether a script asks for a piece of the page.
pub(super) fn is_fragment(headers: &HeaderMap) -> bool {
    headers.contains_key(FRAGMENT)
}

/// A form that was sent. One that is too large or malformed gets an error in place of its page, or of the piece of it that a
/// script asks for.
pub(super) struct Received<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Arc<Console>> for Received<T> {
    type Rejection = Response;

    async fn from_request(request: Request, console: &Arc<Console>) -> Result<Self, Response> {
        let is_fragment = is_fragment(request.headers());
        let page = page_of(request.uri().path()).to_owned();
        let rejected = match Form::from_request(request, console).await {
            Ok(Form(form)) => return Ok(Self(form)),
            Err(rejected) => rejected,
        };
        let why = match rejected.status() {
            StatusCode::PAYLOAD_TOO_LARGE => format!(
                "The form takes more than {} MiB as it is sent. Send less, such as fewer records.",
                FORM_MAX_BYTES >> 20
            ),
            _ => rejected.body_text(),
        };
        let error = PageError::Wrong(why);
        Err(match is_fragment {
            true => (error.status(), problem(&error.to_string())).into_response(),
            false => respond(console, &page, Err(error)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::releases::tests::bundle;

    fn manifest(number: usize) -> Manifest {
        let config = format!("{{\"n\":{number}}}");
        let bundle = bundle(&config, "2026-01-31T12:00:00Z");
        Manifest {
            note: Some("a <b>".into()),
            ..bundle.manifest().clone()
        }
    }

    #[test]
    fn a_choice_has_the_newest_releases_and_the_chosen_one() {
        let all: Vec<_> = (0..RELEASES_MAX + 30).map(manifest).collect();
        let all: Vec<_> = all.iter().collect();
        let options = |releases: &[&Manifest], chosen: &str| {
            let html = html! { (release_options(releases, chosen)) (newest_only(releases.len())) };
            html.into_string()
        };
        let html = options(&all, "");
        assert_eq!(html.matches("<option").count(), 100, "{html}");
        assert!(html.contains("newest 100 of 130 releases"), "{html}");
        assert!(
            html.contains(" · jq 1.0.0 · a &lt;b&gt; · 2026-01-31"),
            "{html}"
        );
        assert!(!html.contains("selected"), "{html}");
        let chosen = all[120].id().to_string();
        let html = options(&all, &chosen);
        assert!(
            html.contains(&format!("value=\"{chosen}\" selected")),
            "{html}"
        );
        assert_eq!(html.matches("<option").count(), 101, "{html}");
        let html = options(&all[..100], "");
        assert!(!html.contains("newest"), "{html}");
    }

    #[test]
    fn a_form_belongs_to_a_page() {
        for (path, page) in [
            ("/try/run", "/try"),
            ("/try/cases.tar", "/try"),
            ("/try", "/try"),
            ("/", "/"),
            ("", ""),
        ] {
            assert_eq!(page_of(path), page);
        }
    }
}
