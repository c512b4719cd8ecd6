//! The Runtime API of one execution environment, over HTTP ("Using the Lambda runtime API for
//! custom runtimes").

mod state;

use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::{Method, Request, Response};
use serde_json::{Value, json};
use tokio::sync::Notify;

pub(crate) use self::state::FunctionError;
pub(super) use self::state::{Invocation, State};
use super::{PAYLOAD_MAX_BYTES, function_arn};
use testkit::http::{Answer, Server, collected, full};
use testkit::rpc::Failure;

/// The tracing header of every invocation, which is not sampled.
pub(super) const TRACE: &str =
    "Root=1-00000000-000000000000000000000001;Parent=0000000000000001;Sampled=0";

const PREFIX: &str = "/2018-06-01/runtime/";

/// A running Runtime API. It stops when it is dropped.
pub(super) struct RuntimeApi {
    server: Server,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Notified of an event that waits for the runtime.
    offered: Notify,
    /// Notified of every request of the runtime.
    answered: Condvar,
}

/// The requests of a runtime.
enum Call {
    Next,
    Response(String),
    Error(String),
    InitError,
}

impl RuntimeApi {
    /// Starts the API for one runtime.
    pub(super) fn start() -> Self {
        let shared = Arc::new(Shared {
            state: Mutex::new(State::default()),
            offered: Notify::new(),
            answered: Condvar::new(),
        });
        let serving = Arc::clone(&shared);
        let server = Server::start(move |request| {
            let shared = Arc::clone(&serving);
            async move { shared.serve(request).await }
        });
        Self { server, shared }
    }

    /// Host and port, in the format of `AWS_LAMBDA_RUNTIME_API`.
    pub(super) fn address(&self) -> &str {
        self.server.endpoint().trim_start_matches("http://")
    }

    /// Offers an event to the runtime, with `time` for the response.
    pub(super) fn offer(&self, id: &str, event: &Value, time: Duration) {
        let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + time;
        self.shared.state.lock().unwrap().offer(Invocation {
            id: id.to_owned(),
            event: event.to_string().into(),
            deadline_ms: deadline.as_millis(),
        });
        self.shared.offered.notify_waiters();
    }

    /// Blocks the thread until `look` returns something, at most for this long.
    pub(super) fn wait<T>(
        &self,
        timeout: Duration,
        mut look: impl FnMut(&mut State) -> Option<T>,
    ) -> Option<T> {
        let mut found = None;
        let state = self.shared.state.lock().unwrap();
        let nothing = |state: &mut State| {
            found = look(state);
            found.is_none()
        };
        let waited = self
            .shared
            .answered
            .wait_timeout_while(state, timeout, nothing);
        drop(waited.unwrap());
        found
    }
}

impl Shared {
    async fn serve(&self, request: Request<Incoming>) -> Answer {
        let Some(call) = call(request.method(), request.uri().path()) else {
            return error_response(&Failure {
                status: 404,
                ..Failure::new("NotFound", "the Runtime API has no such path")
            });
        };
        let kind = error_kind(&request);
        let body = collected(request.into_body()).await?;
        let taken = match call {
            Call::Next => return self.next().await,
            Call::Response(id) => self.change_state(|state| responded(state, &id, &body)),
            Call::Error(id) => {
                let error = FunctionError::read(&body, &kind);
                self.change_state(|state| state.answer(&id, Err(error)))
            }
            Call::InitError => {
                let error = FunctionError::read(&body, &kind);
                self.change_state(|state| state.init_failed(error))
            }
        };
        match taken {
            Ok(()) => json_answer(202, &json!({ "status": "OK" })),
            Err(failure) => error_response(&failure),
        }
    }

    fn change_state(
        &self,
        change: impl FnOnce(&mut State) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let taken = change(&mut self.state.lock().unwrap());
        self.answered.notify_all();
        taken
    }

    /// Responds as soon as there is an event.
    async fn next(&self) -> Answer {
        loop {
            let offered = self.offered.notified();
            let next = self.state.lock().unwrap().next();
            self.answered.notify_all();
            match next {
                Ok(Some(invocation)) => return event(invocation),
                Ok(None) => offered.await,
                Err(failure) => return error_response(&failure),
            }
        }
    }
}

fn call(method: &Method, path: &str) -> Option<Call> {
    let parts: Vec<_> = path.strip_prefix(PREFIX)?.split('/').collect();
    match (method, parts.as_slice()) {
        (&Method::GET, ["invocation", "next"]) => Some(Call::Next),
        (&Method::POST, ["invocation", id, "response"]) => Some(Call::Response((*id).to_owned())),
        (&Method::POST, ["invocation", id, "error"]) => Some(Call::Error((*id).to_owned())),
        (&Method::POST, ["init", "error"]) => Some(Call::InitError),
        _ => None,
    }
}

/// The type of an error whose body does not name one.
fn error_kind(request: &Request<Incoming>) -> String {
    let header = request.headers().get("lambda-runtime-function-error-type");
    let named = header.and_then(|value| value.to_str().ok());
    named.unwrap_or("Runtime.Unknown").to_owned()
}

/// "Lambda quotas": a response that is too large fails the invocation, and its sender gets a 413.
fn responded(state: &mut State, id: &str, body: &Bytes) -> Result<(), Failure> {
    let bytes = body.len();
    if bytes <= PAYLOAD_MAX_BYTES {
        return state.answer(id, Ok(response(body)));
    }
    let message = format!(
        "Response payload size ({bytes} bytes) exceeded maximum allowed payload size ({PAYLOAD_MAX_BYTES} bytes)."
    );
    let error = FunctionError::new("Function.ResponseSizeTooLarge", &message);
    state.answer(id, Err(error))?;
    Err(Failure {
        status: 413,
        ..Failure::new("RequestEntityTooLarge", message)
    })
}

/// A body that is not JSON is text; an empty one is null.
fn response(body: &Bytes) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    let text = || String::from_utf8_lossy(body).into();
    serde_json::from_slice(body).unwrap_or_else(|_| Value::String(text()))
}

fn event(invocation: Invocation) -> Answer {
    let response = Response::builder()
        .header(CONTENT_TYPE, "application/json")
        .header("Lambda-Runtime-Aws-Request-Id", invocation.id)
        .header(
            "Lambda-Runtime-Deadline-Ms",
            invocation.deadline_ms.to_string(),
        )
        .header("Lambda-Runtime-Invoked-Function-Arn", function_arn())
        .header("Lambda-Runtime-Trace-Id", TRACE);
    Ok(response.body(full(invocation.event))?)
}

fn error_response(failure: &Failure) -> Answer {
    let body = json!({ "errorType": failure.code, "errorMessage": failure.message });
    json_answer(failure.status, &body)
}

fn json_answer(status: u16, body: &Value) -> Answer {
    let response = Response::builder().status(status);
    let response = response.header(CONTENT_TYPE, "application/json");
    Ok(response.body(full(body.to_string()))?)
}
