//! Interprets the response of a function.

use serde_json::Value;

use super::super::FunctionError;

/// Lambda's conclusion from an invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The whole batch is processed.
    Success,
    /// The records before the one with this sequence number are processed.
    Partial(String),
    /// Nothing is processed.
    Failure,
}

/// "Configuring partial batch response with Kinesis Data Streams and Lambda". `report` says whether
/// `ReportBatchItemFailures` is turned on; without it, any response is a success.
///
/// A response without `batchItemFailures` counts as empty and so as a success, even if it has a key
/// that differs only in case. Where that page defines nothing, the rules of "Handling errors for an
/// SQS event source in Lambda" apply: an identifier that is not in the batch, or a response of
/// another form, is a complete failure.
pub(super) fn verdict(
    response: &Result<Value, FunctionError>,
    batch: &[String],
    report: bool,
) -> Verdict {
    match response {
        Err(_) => Verdict::Failure,
        Ok(_) if !report => Verdict::Success,
        Ok(Value::Null) => Verdict::Success,
        Ok(Value::Object(response)) => match response.get("batchItemFailures") {
            None | Some(Value::Null) => Verdict::Success,
            Some(Value::Array(items)) if items.is_empty() => Verdict::Success,
            Some(Value::Array(items)) => lowest(items, batch),
            Some(_) => Verdict::Failure,
        },
        Ok(_) => Verdict::Failure,
    }
}

/// The batch is in the order of its sequence numbers, so the lowest is the first.
fn lowest(items: &[Value], batch: &[String]) -> Verdict {
    let position = |item: &Value| {
        let identifier = item.get("itemIdentifier")?.as_str()?;
        batch.iter().position(|number| number == identifier)
    };
    let positions: Option<Vec<_>> = items.iter().map(position).collect();
    let first = positions.and_then(|positions| positions.into_iter().min());
    first.map_or(Verdict::Failure, |first| {
        Verdict::Partial(batch[first].clone())
    })
}
