//! The forms that browsers send, and the routes that receive them.

use std::sync::Arc;

use axum::extract::{Form, FromRequest, Request};
use axum::handler::Handler;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{MethodRouter, post};
use serde::de::DeserializeOwned;

use super::respond;
use crate::console::Console;
use crate::console::components::problem;
use crate::console::page::PageError;

/// The largest form, bytes.
pub(super) const FORM_MAX_BYTES: usize = 8 << 20;

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
