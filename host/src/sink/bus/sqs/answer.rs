//! Which messages of a batch to send again after an answer. Pure, so that every kind of answer can be
//! tested.

use std::collections::HashSet;

use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchOutput as Answer;
use aws_sdk_sqs::types::{
    BatchResultErrorEntry as Failed, SendMessageBatchRequestEntry as Entry,
    SendMessageBatchResultEntry as Sent,
};
use sluice_storage::error::{ErrorKind, RequestError};

use super::errors::{SEND, SQS_ERRORS};
use super::message::RID;
use crate::sink::SinkError;

/// The status of a fault of the sender, and of one of the service.
const SENDER_FAULT: u16 = 400;
const SERVICE_FAULT: u16 = 500;

/// Keeps the messages of a batch that were not accepted. Returns why they must be sent again; `None` if
/// none is left.
///
/// # Errors
/// [`SinkError::MessageRejected`] if the queue rejects a message permanently.
pub(super) fn retain_unsent(
    queue: &str,
    batch: &mut Vec<Entry>,
    answer: &Answer,
) -> Result<Option<RequestError>, SinkError> {
    let accepted: HashSet<_> = answer.successful().iter().map(Sent::id).collect();
    batch.retain(|entry| !accepted.contains(entry.id()));
    if batch.is_empty() {
        return Ok(None);
    }
    let failed = answer.failed();
    if let Some(rejected) = failed.iter().find(|failed| is_final(failed)) {
        let message = batch.iter().find(|entry| entry.id() == rejected.id());
        return Err(SinkError::MessageRejected {
            queue: queue.to_owned(),
            message: message.map(described).unwrap_or_default(),
            why: why(rejected),
        });
    }
    let cause = failed.first().map(cause);
    Ok(Some(cause.unwrap_or_else(|| {
        let why = "not all messages were accepted";
        RequestError::new(ErrorKind::Unavailable, why)
    })))
}

/// Whether the queue would reject the same message again. SQS also blames the sender for transient faults,
/// such as an exceeded rate, and for those that an operator corrects, such as a missing permission.
fn is_final(failed: &Failed) -> bool {
    match cause(failed).kind() {
        ErrorKind::Throttled | ErrorKind::Unavailable | ErrorKind::Denied => false,
        ErrorKind::NotFound | ErrorKind::Conflict | ErrorKind::Invalid | ErrorKind::Other => {
            failed.sender_fault()
        }
    }
}

fn cause(failed: &Failed) -> RequestError {
    let status = if failed.sender_fault() {
        SENDER_FAULT
    } else {
        SERVICE_FAULT
    };
    SQS_ERRORS.of_answer(status, Some(failed.code()), failed.message(), SEND)
}

fn why(failed: &Failed) -> String {
    match failed.message() {
        Some(message) => format!("{} ({})", message, failed.code()),
        None => failed.code().to_owned(),
    }
}

/// The record of a message; or, of a message about an object, its body.
fn described(entry: &Entry) -> String {
    let attributes = entry.message_attributes();
    let rid = attributes.and_then(|all| all.get(RID)?.string_value());
    rid.map_or_else(
        || entry.message_body().to_owned(),
        |rid| format!("record {rid}"),
    )
}

#[cfg(test)]
mod tests {
    use aws_sdk_sqs::types::MessageAttributeValue;

    use super::*;

    fn batch(size: usize) -> Vec<Entry> {
        let entry = |n: usize| {
            let rid = MessageAttributeValue::builder().data_type("String");
            let rid = rid.string_value(format!("shard:{n}")).build().unwrap();
            let entry = Entry::builder().id(n.to_string()).message_body("{}");
            entry.message_attributes(RID, rid).build().unwrap()
        };
        (0..size).map(entry).collect()
    }

    fn accepted(id: usize) -> Sent {
        let sent = Sent::builder().id(id.to_string()).message_id("m");
        sent.md5_of_message_body("0").build().unwrap()
    }

    fn failed(id: usize, code: &str, sender_fault: bool) -> Failed {
        let failed = Failed::builder().id(id.to_string()).code(code);
        let failed = failed.message("it broke").sender_fault(sender_fault);
        failed.build().unwrap()
    }

    fn answer(accepted: Vec<Sent>, failed: Vec<Failed>) -> Answer {
        let answer = Answer::builder().set_successful(Some(accepted));
        answer.set_failed(Some(failed)).build().unwrap()
    }

    #[test]
    fn only_what_was_not_taken_is_sent_again() {
        let mut batch = batch(3);
        let answer = answer(
            vec![accepted(0), accepted(2)],
            vec![failed(1, "InternalError", false)],
        );
        let cause = retain_unsent("bus", &mut batch, &answer).unwrap().unwrap();
        assert_eq!(cause.kind(), ErrorKind::Unavailable);
        let message = "unavailable (InternalError: it broke)";
        assert_eq!(cause.to_string(), message);
        assert_eq!(batch.iter().map(Entry::id).collect::<Vec<_>>(), ["1"]);
    }

    #[test]
    fn nothing_is_left_when_all_is_taken() {
        let answer = answer(vec![accepted(1), accepted(0)], vec![]);
        assert_eq!(retain_unsent("bus", &mut batch(2), &answer).unwrap(), None);
    }

    #[test]
    fn what_the_answer_leaves_out_is_sent_again() {
        let answer = answer(vec![accepted(0)], vec![]);
        let why = retain_unsent("bus", &mut batch(2), &answer).unwrap();
        assert!(why.is_some());
    }

    #[test]
    fn a_permanent_rejection_names_its_record() {
        for code in [
            "InvalidMessageContents",
            "InvalidParameterValue",
            "Unheard-of",
        ] {
            let failures = vec![failed(0, "InternalError", false), failed(1, code, true)];
            let rejected =
                retain_unsent("bus", &mut batch(2), &answer(vec![], failures)).unwrap_err();
            let SinkError::MessageRejected { message, why, .. } = rejected else {
                panic!("{rejected}");
            };
            assert_eq!(message, "record shard:1");
            assert_eq!(why, format!("it broke ({code})"));
        }
    }

    #[test]
    fn a_transient_fault_is_not_final_even_if_it_is_the_senders() {
        for code in [
            "RequestThrottled",
            "KMS.ThrottlingException",
            "KMS.NotFoundException",
            "KMS.InvalidStateException",
            "KmsAccessDenied",
            "AccessDenied",
        ] {
            let answer = answer(vec![], vec![failed(0, code, true)]);
            let why = retain_unsent("bus", &mut batch(1), &answer).unwrap();
            assert!(why.is_some(), "{code}");
        }
    }
}
