//! Why a release fails as a whole.

use thiserror::Error;
use wasmtime::Trap;

use super::outcome::Reason;
use super::sanitize::sanitize;

/// Why a release fails as a whole; never the fault of a record.
#[derive(Debug, Error)]
pub enum SandboxError {
    /// No instance could be made.
    #[error("cannot create an instance of the component: {}", cause(.0))]
    Instantiate(wasmtime::Error),
    /// Its functions do not have the types of the contract.
    #[error("the component does not implement the contract: {0:#}")]
    Contract(wasmtime::Error),
    /// `configure` returned an error.
    #[error("the component rejected its configuration: {0}")]
    TransformConfig(String),
    /// `declare` breaks the contract.
    #[error("the component's declaration is invalid: {0}")]
    Declaration(String),
    /// The deadline has passed.
    #[error("the batch took too long")]
    Late,
    /// A call outside of any record trapped or exceeded a limit.
    #[error("`{function}` failed: {}: {}", .reason.code, .reason.message)]
    Call {
        /// The function of the contract.
        function: &'static str,
        /// Why it failed.
        reason: Reason,
    },
}

/// The cause, without the component's own function names.
fn cause(error: &wasmtime::Error) -> String {
    match error.downcast_ref::<Trap>() {
        Some(trap) => trap.to_string(),
        None => sanitize(&format!("{error:#}")),
    }
}
