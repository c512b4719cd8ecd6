//! A stand-in for Lambda: the Runtime API over HTTP, a process with it as in an execution
//! environment, and an event source mapping that reads from the stand-in for Kinesis.
//!
//! It models what AWS documents, each rule with the title of its page. It does not model time:
//! nothing is throttled, no retry waits, and no batching window collects records.

mod environment;
mod function;
mod logs;
mod mapping;
mod runtime;
mod self_test;

pub(crate) use self::function::{Function, Invoked};
pub(crate) use self::logs::Lines;
pub(crate) use self::mapping::{
    Delivered, Mapping, Settings, StartingPosition, Step, Target, Then, Verdict,
};
pub(crate) use self::runtime::FunctionError;

use testkit::{ACCOUNT, REGION};

/// The name of the function.
pub(crate) const FUNCTION: &str = "sluice";

/// "Lambda quotas": the largest event, and the largest response, of a synchronous invocation, bytes.
pub(crate) const PAYLOAD_MAX_BYTES: usize = 6 << 20;

/// The ARN of the function.
pub(crate) fn function_arn() -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{FUNCTION}")
}

/// The request id of the invocation with this number.
fn request_id(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}
