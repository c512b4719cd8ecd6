//! The function that a mapping invokes.

use std::time::Duration;

use serde_json::Value;

use super::super::{Function, FunctionError, Invoked, Lines, request_id};

/// A function in the test itself.
type Closure<'a> = Box<dyn FnMut(&Value) -> Result<Value, FunctionError> + 'a>;

/// The function that a mapping invokes.
pub(crate) enum Target<'a> {
    /// A function in a process.
    Process(&'a Function),
    /// A function in the test itself, without a time limit.
    Closure(Closure<'a>),
}

impl<'a> Target<'a> {
    /// A function in the test itself.
    pub(crate) fn closure(
        function: impl FnMut(&Value) -> Result<Value, FunctionError> + 'a,
    ) -> Self {
        Self::Closure(Box::new(function))
    }

    /// Invokes it.
    pub(super) fn invoke(&mut self, event: &Value, timeout: Duration) -> Invoked {
        match self {
            Self::Process(function) => function.invoke(event, timeout),
            Self::Closure(function) => Invoked {
                request_id: request_id(0),
                response: function(event),
                timed_out: false,
                logs: Lines::default(),
            },
        }
    }
}
