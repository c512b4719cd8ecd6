//! The state of one runtime: waiting, processing, or done.

use std::time::Instant;

use bytes::Bytes;
use serde_json::Value;

use testkit::rpc::Failure;

/// An error of a function, as its invoker gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FunctionError {
    /// `errorType`.
    pub(crate) error_type: String,
    /// `errorMessage`.
    pub(crate) message: String,
}

impl FunctionError {
    /// An error of this type.
    pub(crate) fn new(error_type: &str, message: impl Into<String>) -> Self {
        Self {
            error_type: error_type.to_owned(),
            message: message.into(),
        }
    }

    /// Parses an error that a runtime reports. `kind` is its type if the body has none.
    pub(super) fn read(body: &Bytes, kind: &str) -> Self {
        let error: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |field: &str| error[field].as_str().map(ToOwned::to_owned);
        Self {
            error_type: text("errorType").unwrap_or_else(|| kind.to_owned()),
            message: text("errorMessage").unwrap_or_default(),
        }
    }
}

/// An event for the runtime.
pub(in super::super) struct Invocation {
    pub(super) id: String,
    pub(super) event: Bytes,
    /// Milliseconds since the Unix epoch.
    pub(super) deadline_ms: u128,
}

/// The state of one runtime.
#[derive(Default)]
pub(in super::super) struct State {
    first_asked: Option<Instant>,
    /// Whether the runtime waits for an event.
    asking: bool,
    offered: Option<Invocation>,
    /// The request that the runtime is processing.
    current: Option<String>,
    outcome: Option<Result<Value, FunctionError>>,
    init_error: Option<FunctionError>,
}

impl State {
    /// When the runtime requested an event for the first time, which ends its initialization.
    pub(in super::super) fn first_asked(&self) -> Option<Instant> {
        self.first_asked
    }

    /// Whether the runtime waits for an event.
    pub(in super::super) fn is_asking(&self) -> bool {
        self.asking
    }

    /// The error of the initialization, if it failed.
    pub(in super::super) fn init_error(&self) -> Option<&FunctionError> {
        self.init_error.as_ref()
    }

    /// Takes the result of the invocation.
    pub(in super::super) fn take_outcome(&mut self) -> Option<Result<Value, FunctionError>> {
        self.outcome.take()
    }

    /// Offers an event.
    pub(super) fn offer(&mut self, invocation: Invocation) {
        self.outcome = None;
        self.offered = Some(invocation);
    }

    /// The runtime requests an event. It may do so only after its last response.
    pub(super) fn next(&mut self) -> Result<Option<Invocation>, Failure> {
        if let Some(id) = &self.current {
            return Err(forbidden(format!("{id} is not answered yet")));
        }
        self.first_asked.get_or_insert_with(Instant::now);
        let next = self.offered.take();
        self.asking = next.is_none();
        self.current = next.as_ref().map(|invocation| invocation.id.clone());
        Ok(next)
    }

    /// The runtime responds to the request that it is processing, once. The page has the codes of
    /// errors and not their messages, which are those of AWS's own emulator of the Runtime API.
    pub(super) fn answer(
        &mut self,
        id: &str,
        outcome: Result<Value, FunctionError>,
    ) -> Result<(), Failure> {
        if self.current.as_deref() != Some(id) {
            let message = format!("Invalid request ID {id}");
            return Err(Failure::new("InvalidRequestID", message));
        }
        self.current = None;
        self.outcome = Some(outcome);
        Ok(())
    }

    /// The runtime reports that its initialization failed, which is possible before it requests its
    /// first event.
    pub(super) fn init_failed(&mut self, error: FunctionError) -> Result<(), Failure> {
        if self.first_asked.is_some() {
            return Err(forbidden("the initialization is over"));
        }
        self.init_error = Some(error);
        Ok(())
    }
}

fn forbidden(message: impl Into<String>) -> Failure {
    Failure {
        status: 403,
        ..Failure::new("InvalidStateTransition", message)
    }
}
