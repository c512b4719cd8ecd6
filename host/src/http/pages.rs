//! The responses of the endpoints.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Response, StatusCode};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::process::Process;
use super::routes::{Route, route};
use crate::pipeline::RunContext;

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

/// The media type of the text format, "`OpenMetrics` 1.0".
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The pages of a run.
pub(super) struct Pages {
    context: Arc<RunContext>,
    registry: Registry,
}

type Answer = Response<Full<Bytes>>;

impl Pages {
    pub(super) fn new(context: Arc<RunContext>) -> Self {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Process::new(context.health.began_at())));
        let own = registry.sub_registry_with_prefix("sluice");
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        own.register("build", "The program", build);
        own.register_collector(Box::new(context.health.clone()));
        context.progress.register(own);
        Self { context, registry }
    }

    /// Answers a request. The server omits the body of a `HEAD` response.
    pub(super) fn answer(&self, method: &Method, path: &str) -> Answer {
        match route(method, path) {
            Ok(Route::Metrics) => self.metrics(),
            Ok(Route::Live) => verdict(self.context.health.live()),
            Ok(Route::Ready) => verdict(self.context.health.ready()),
            Ok(Route::Status) => self.status(),
            Err(status) => error_page(status),
        }
    }

    fn metrics(&self) -> Answer {
        let mut text = String::new();
        match encode(&mut text, &self.registry) {
            Ok(()) => page(StatusCode::OK, OPEN_METRICS, text),
            Err(fmt::Error) => error_page(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    fn status(&self) -> Answer {
        let status = self
            .context
            .health
            .status(self.context.summary(), self.context.shadow.report());
        match serde_json::to_string_pretty(&status) {
            Ok(status) => page(StatusCode::OK, JSON, status + "\n"),
            Err(error) => page(
                StatusCode::INTERNAL_SERVER_ERROR,
                TEXT,
                format!("{error}\n"),
            ),
        }
    }
}

fn verdict(verdict: Result<(), String>) -> Answer {
    match verdict {
        Ok(()) => page(StatusCode::OK, TEXT, "ok\n".into()),
        Err(why) => page(StatusCode::SERVICE_UNAVAILABLE, TEXT, why + "\n"),
    }
}

fn error_page(status: StatusCode) -> Answer {
    let mut answer = page(status, TEXT, format!("{status}\n"));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        let read = HeaderValue::from_static("GET, HEAD");
        answer.headers_mut().insert(ALLOW, read);
    }
    answer
}

fn page(status: StatusCode, kind: &'static str, text: String) -> Answer {
    let mut answer = Response::new(Full::from(text));
    *answer.status_mut() = status;
    let kind = HeaderValue::from_static(kind);
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}
