//! The responses of the endpoints.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{ALLOW, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use chrono::{DateTime, Utc};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::observe::process::Process;

const JSON: &str = "application/json";

/// The media type of the text format, "`OpenMetrics` 1.0".
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What has pages: a run, or a builder of a table.
pub trait Observed: Send + Sync {
    /// When it began.
    fn began_at(&self) -> DateTime<Utc>;

    /// Registers its metrics, whose names get the prefix `sluice_`.
    fn register(&self, registry: &mut Registry);

    /// Whether it is live.
    ///
    /// # Errors
    /// Why it is not.
    fn live(&self) -> Result<(), String>;

    /// Whether it is ready.
    ///
    /// # Errors
    /// Why it is not.
    fn ready(&self) -> Result<(), String>;

    /// The status at the moment, as JSON.
    ///
    /// # Errors
    /// None is expected: it is written to memory.
    fn status_json(&self) -> serde_json::Result<String>;
}

/// What the pages are made from.
struct Pages {
    observed: Arc<dyn Observed>,
    registry: Registry,
}

impl Pages {
    fn new(observed: Arc<dyn Observed>) -> Self {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Process::new(observed.began_at())));
        let own = registry.sub_registry_with_prefix("sluice");
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        own.register("build", "The program", build);
        observed.register(own);
        Self { observed, registry }
    }
}

/// The pages, which can only be read. A `HEAD` request gets the headers of a `GET` request.
pub(super) fn router(observed: Arc<dyn Observed>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/livez", get(live))
        .route("/readyz", get(ready))
        .route("/status", get(status))
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(not_found)
        .with_state(Arc::new(Pages::new(observed)))
}

async fn metrics(State(pages): State<Arc<Pages>>) -> Response {
    let mut text = String::new();
    match encode(&mut text, &pages.registry) {
        Ok(()) => ([(CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(fmt::Error) => error_page(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

async fn live(State(pages): State<Arc<Pages>>) -> Response {
    verdict(pages.observed.live())
}

async fn ready(State(pages): State<Arc<Pages>>) -> Response {
    verdict(pages.observed.ready())
}

async fn status(State(pages): State<Arc<Pages>>) -> Response {
    match pages.observed.status_json() {
        Ok(status) => ([(CONTENT_TYPE, JSON)], status + "\n").into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

async fn not_found() -> Response {
    error_page(StatusCode::NOT_FOUND)
}

async fn method_not_allowed() -> impl IntoResponse {
    let read = [(ALLOW, "GET, HEAD")];
    (read, error_page(StatusCode::METHOD_NOT_ALLOWED))
}

fn verdict(verdict: Result<(), String>) -> Response {
    match verdict {
        Ok(()) => "ok\n".into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, why + "\n").into_response(),
    }
}

fn error_page(status: StatusCode) -> Response {
    (status, format!("{status}\n")).into_response()
}
