//! The pages. Each is made of sections; a section that is live is sent again when it changes.

mod forms;
mod lake_notice;
mod measures;
mod notes;
mod overview;
mod quarantine;
mod releases;
mod schema;
mod shards;
mod try_rules;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

use super::Console;
use super::components::problem;
use super::page::{Page, PageError, PageRequest, Section};
use super::payload::inert;

/// The files that pages load.
const ASSETS: [(&str, &str, &str); 3] = [
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
    (
        "icon.svg",
        "image/svg+xml",
        include_str!("../assets/icon.svg"),
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
    notes: notes::Notes,
    quarantine: quarantine::State,
    schema: schema::State,
    shards: shards::State,
    try_rules: try_rules::State,
}

/// Makes a page. It begins with what keeps the console from reading the lake, if there is such a thing.
///
/// # Errors
/// [`PageError`]
pub(super) async fn render(
    console: &Arc<Console>,
    request: &PageRequest,
) -> Result<Page, PageError> {
    let mut page = page(console, request).await?;
    if let Some(lake) = &console.lake {
        let notice = lake_notice::notice(console, lake, &request.path).await;
        let notice = match page.has_live() {
            true => Section::live("lake", notice),
            false => Section::fixed("lake", notice),
        };
        page.sections.insert(0, notice);
    }
    Ok(page)
}

async fn page(console: &Arc<Console>, request: &PageRequest) -> Result<Page, PageError> {
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
        .merge(releases::actions())
        .merge(try_rules::actions())
        .layer(DefaultBodyLimit::max(forms::FORM_MAX_BYTES))
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
                title { (inert(&page.title)) " – Sluice" }
                link rel="icon" type="image/svg+xml" href="/assets/icon.svg";
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
                    h1 { (inert(&page.title)) }
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
