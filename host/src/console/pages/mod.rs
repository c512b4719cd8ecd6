//! The pages. Each is made of sections; a section that is live is sent again when it changes.

mod overview;
mod quarantine;
mod releases;
mod schema;
mod shards;
mod try_rules;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

use super::Console;
use super::components::problem;
use crate::output;

/// The files that pages load.
const ASSETS: [(&str, &str, &str); 2] = [
    (
        "style.css",
        "text/css; charset=utf-8",
        include_str!("../assets/style.css"),
    ),
    (
        "script.js",
        "text/javascript; charset=utf-8",
        include_str!("../assets/script.js"),
    ),
];

/// The pages that the navigation names: the path, and the title.
const NAVIGATION: [(&str, &str); 6] = [
    ("/", "Overview"),
    ("/shards", "Shards"),
    ("/releases", "Releases"),
    ("/quarantine", "Quarantine"),
    ("/schema", "Schema"),
    ("/try", "Try"),
];

/// What pages keep between requests.
#[derive(Default)]
pub(super) struct States {
    quarantine: quarantine::State,
    schema: schema::State,
    try_rules: try_rules::State,
}

/// A page, without what all pages have.
pub(super) struct Page {
    pub(super) title: String,
    pub(super) sections: Vec<Section>,
}

/// A part of a page.
pub(super) struct Section {
    /// The id of its element.
    pub(super) id: &'static str,
    pub(super) body: Markup,
    /// Whether it is sent to the browser again when it changes.
    pub(super) is_live: bool,
}

impl Section {
    /// A section that is sent again when it changes.
    pub(super) fn live(id: &'static str, body: Markup) -> Self {
        let is_live = true;
        Self { id, body, is_live }
    }

    /// A section that stays as it is, such as one with a form.
    pub(super) fn fixed(id: &'static str, body: Markup) -> Self {
        let is_live = false;
        Self { id, body, is_live }
    }
}

/// Which page, and of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PageRequest {
    path: String,
    query: BTreeMap<String, String>,
}

impl PageRequest {
    /// Parses a path with a query.
    pub(super) fn parse(path_and_query: &str) -> Self {
        let (path, query) = path_and_query
            .split_once('?')
            .unwrap_or((path_and_query, ""));
        let uri = format!("/?{query}").parse();
        let pairs = uri.ok().and_then(|uri| {
            let query = axum::extract::Query::<BTreeMap<String, String>>::try_from_uri(&uri);
            query.ok()
        });
        Self {
            path: path.to_owned(),
            query: pairs.map(|pairs| pairs.0).unwrap_or_default(),
        }
    }

    /// A value of the query, unless it is empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let value = self.query.get(name).map(String::as_str);
        value.filter(|value| !value.is_empty())
    }

    /// The number of the page of a list, from 1.
    pub(super) fn page(&self) -> usize {
        let page = self.get("page").and_then(|page| page.parse().ok());
        page.unwrap_or(1).max(1)
    }

    /// The path and query of the same page with another value.
    pub(super) fn with(&self, name: &str, value: &str) -> String {
        let mut query = self.query.clone();
        query.insert(name.to_owned(), value.to_owned());
        let pairs = query.iter().filter(|(_, value)| !value.is_empty());
        let pairs = pairs.map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
        format!("{}?{}", self.path, pairs.collect::<Vec<_>>().join("&"))
    }
}

/// A text as a part of a query: all but letters, digits, `-`, `.`, `_` and `~` is percent-encoded (RFC 3986, 2.3).
pub(super) fn encoded(text: &str) -> String {
    let encoded = text.bytes().map(|byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    });
    encoded.collect()
}

/// Why there is no page.
#[derive(Debug)]
pub(super) enum PageError {
    /// There is no such page, shard, release or record.
    NotFound(String),
    /// The request is wrong: what, and what to do.
    Wrong(String),
    /// The console does not allow this.
    NotAllowed(String),
    /// What the page is made from cannot be read, or a change failed.
    Failed(anyhow::Error),
}

impl fmt::Display for PageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(why) | Self::Wrong(why) | Self::NotAllowed(why) => f.write_str(why),
            Self::Failed(error) => f.write_str(&output::with_causes(error)),
        }
    }
}

impl From<anyhow::Error> for PageError {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

impl PageError {
    fn status(&self) -> StatusCode {
        match self {
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Wrong(_) => StatusCode::BAD_REQUEST,
            Self::NotAllowed(_) => StatusCode::FORBIDDEN,
            Self::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// Makes a page.
///
/// # Errors
/// [`PageError`]
pub(super) async fn render(
    console: &Arc<Console>,
    request: &PageRequest,
) -> Result<Page, PageError> {
    match request.path.as_str() {
        "/" => overview::page(console, request).await,
        "/shards" => shards::page(console, request).await,
        "/shard" => shards::one(console, request).await,
        "/releases" => releases::page(console, request).await,
        "/release" => releases::one(console, request).await,
        "/quarantine" => quarantine::page(console, request).await,
        "/record" => quarantine::record(console, request).await,
        "/schema" => schema::page(console, request).await,
        "/try" => try_rules::page(console, request).await,
        _ => Err(PageError::NotFound("There is no such page.".into())),
    }
}

/// The requests that are no pages: they try or change something.
pub(super) fn actions() -> Router<Arc<Console>> {
    Router::new()
        .merge(quarantine::actions())
        .merge(releases::actions())
        .merge(try_rules::actions())
}

/// Responds with a page.
pub(super) async fn show(State(console): State<Arc<Console>>, uri: Uri) -> Response {
    let path_and_query = uri.path_and_query().map_or("/", |it| it.as_str());
    let request = PageRequest::parse(path_and_query);
    let page = render(&console, &request).await;
    respond(&console, &request.path, page)
}

/// The response with a page, or with the error in its place.
pub(super) fn respond(console: &Console, path: &str, page: Result<Page, PageError>) -> Response {
    match page {
        Ok(page) => document(console, path, &page).into_response(),
        Err(error) => {
            let page = Page {
                title: "Error".into(),
                sections: vec![Section::fixed("error", problem(&error.to_string()))],
            };
            (error.status(), document(console, path, &page)).into_response()
        }
    }
}

/// Responds with a file that pages load.
pub(super) async fn asset(Path(name): Path<String>) -> Response {
    let found = ASSETS.iter().find(|(asset, _, _)| *asset == name);
    match found {
        Some((_, media_type, text)) => {
            ([(header::CONTENT_TYPE, *media_type)], *text).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The whole document.
fn document(console: &Console, path: &str, page: &Page) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (page.title) " – Sluice" }
                link rel="stylesheet" href="/assets/style.css";
                script src="/assets/script.js" defer {}
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                header {
                    strong.brand { "Sluice" }
                    nav aria-label="Pages" {
                        @for (target, title) in NAVIGATION {
                            a href=(target) aria-current=[(target == path).then_some("page")] { (title) }
                        }
                    }
                    (shown(console))
                }
                main #main {
                    h1 { (page.title) }
                    div #live-problem aria-live="polite" {}
                    @for section in &page.sections {
                        section id=(section.id) data-live[section.is_live] { (section.body) }
                    }
                }
                footer {
                    (permissions(console))
                }
            }
        }
    }
}

/// What the console shows.
fn shown(console: &Console) -> Markup {
    html! {
        dl.shown {
            @if let Some(lake) = &console.lake {
                div { dt { "Lake" } dd { code { (lake.location) } } }
            }
            @if let Some(registry) = &console.registry {
                div { dt { "Registry" } dd { code { (registry.target) } } }
            }
            div { dt { "Workers" } dd { (console.workers.count()) } }
        }
    }
}

/// What the console is allowed.
fn permissions(console: &Console) -> Markup {
    let permissions = console.permissions;
    html! {
        p {
            @if permissions.publish {
                "This console may publish and activate releases."
            } @else {
                "This console only reads. To publish and activate releases here, start it with "
                code { "--allow-publish" } "."
            }
            " "
            @if permissions.payloads {
                "It shows the contents of records and events."
            } @else {
                "It hides the contents of records and events. To see them, start it with "
                code { "--show-payloads" } "."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_keeps_its_query() {
        let request = PageRequest::parse("/shards?filter=a%26b%3D%C3%A9&page=2&empty=");
        assert_eq!(request.path, "/shards");
        assert_eq!(request.get("filter"), Some("a&b=é"));
        assert_eq!((request.page(), request.get("empty")), (2, None));
        assert_eq!(
            request.with("page", "3"),
            "/shards?filter=a%26b%3D%C3%A9&page=3"
        );
        assert_eq!(
            PageRequest::parse(&request.with("page", "2")).get("filter"),
            Some("a&b=é")
        );
        assert_eq!(PageRequest::parse("/").page(), 1);
    }
}
