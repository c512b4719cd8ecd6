//! The common part of stand-ins that use JSON: the protocols awsJson 1.0 and 1.1, and planned
//! failures.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyper::body::Incoming;
use hyper::{Request, Response};
use serde_json::{Value, json};

use super::http::{Answer, Body, Failed, collected, full};

/// The result of a call: its output, or an error of the service.
pub type Outcome = Result<Value, Failure>;

/// An error of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The HTTP status.
    pub status: u16,
    /// The error's code in the service's documentation.
    pub code: String,
    /// The message.
    pub message: String,
}

impl Failure {
    /// An error for which the sender is responsible.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            status: 400,
            code: code.to_owned(),
            message: message.into(),
        }
    }

    /// A planned error of the service.
    pub fn on_command() -> Self {
        Self {
            status: 500,
            ..Self::new("InternalError", "on command")
        }
    }
}

/// A call: the name of the action, which follows the dot in `X-Amz-Target`, and its input.
pub struct Call {
    pub action: String,
    pub input: Value,
}

/// The action of a request; `None` if it uses another protocol.
pub fn action<B>(request: &Request<B>) -> Option<String> {
    let target = request.headers().get("x-amz-target")?.to_str().ok()?;
    Some(target.rsplit_once('.')?.1.to_owned())
}

/// Parses a call.
pub async fn call(request: Request<Incoming>) -> Result<Call, Failed> {
    let action = action(&request).ok_or("a request without X-Amz-Target")?;
    let body = collected(request.into_body()).await?;
    let input = serde_json::from_slice(&body)?;
    Ok(Call { action, input })
}

/// Writes a response. `version` is that of awsJson. Codes of errors get their namespace as a
/// prefix.
pub fn answer(version: &str, namespace: &str, outcome: &Outcome) -> Answer {
    let response = Response::builder()
        .header("content-type", format!("application/x-amz-json-{version}"))
        .header("x-amzn-requestid", "00000000-0000-0000-0000-000000000000");
    let response = match outcome {
        Ok(output) => response.body(full(output.to_string())),
        Err(failure) => {
            let Failure {
                status,
                code,
                message,
            } = failure;
            let body = json!({ "__type": format!("{namespace}{code}"), "message": message });
            response
                .status(*status)
                .header("x-amzn-errortype", code)
                .body(full(body.to_string()))
        }
    };
    Ok(response?)
}

/// Adds a header to a response.
pub fn with_header(mut response: Response<Body>, name: &'static str, value: &str) -> Answer {
    response.headers_mut().insert(name, value.parse()?);
    Ok(response)
}

/// The text in this field of an input.
pub fn text<'a>(input: &'a Value, field: &str) -> Option<&'a str> {
    input.get(field)?.as_str()
}

/// The number in this field of an input.
pub fn number(input: &Value, field: &str) -> Option<usize> {
    usize::try_from(input.get(field)?.as_u64()?).ok()
}

/// The list in this field of an input; empty if there is none.
pub fn list<'a>(input: &'a Value, field: &str) -> &'a [Value] {
    let list = input.get(field).and_then(Value::as_array);
    list.map_or(&[], Vec::as_slice)
}

/// The calls so far, and the planned failures.
#[derive(Debug, Default)]
pub struct Commands {
    calls: HashMap<String, usize>,
    failures: HashMap<String, VecDeque<Failure>>,
    entries: VecDeque<HashMap<usize, Failure>>,
}

impl Commands {
    /// Makes the next `times` calls of this action fail.
    pub fn fail(&mut self, action: &str, times: usize, failure: &Failure) {
        let failures = self.failures.entry(action.to_owned()).or_default();
        failures.extend(std::iter::repeat_n(failure.clone(), times));
    }

    /// Makes the entries at these positions fail in the next call with many entries that has no
    /// plan yet.
    pub fn fail_entries(&mut self, positions: &[usize], failure: &Failure) {
        let failing = positions
            .iter()
            .map(|position| (*position, failure.clone()));
        self.entries.push_back(failing.collect());
    }

    /// The same with an error for each of these positions.
    pub fn fail_entries_each(&mut self, failures: &[(usize, Failure)]) {
        self.entries.push_back(failures.iter().cloned().collect());
    }

    /// The positions that fail in the current call, and how.
    pub fn failing_entries(&mut self) -> HashMap<usize, Failure> {
        self.entries.pop_front().unwrap_or_default()
    }

    /// Notes a call and returns how it fails, if it does.
    pub fn begin(&mut self, action: &str) -> Result<(), Failure> {
        *self.calls.entry(action.to_owned()).or_default() += 1;
        let failure = self.failures.get_mut(action).and_then(VecDeque::pop_front);
        failure.map_or(Ok(()), Err)
    }

    /// The number of calls of an action, failures included.
    pub fn calls(&self, action: &str) -> usize {
        self.calls.get(action).copied().unwrap_or(0)
    }
}

/// A clock that a test can move forward.
#[derive(Debug, Default)]
pub struct Clock {
    ahead: Duration,
}

impl Clock {
    /// Moves it forward.
    pub fn advance(&mut self, by: Duration) {
        self.ahead += by;
    }

    /// Milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + self.ahead;
        u64::try_from(now.as_millis()).unwrap()
    }
}
