//! Which messages of a batch to send again after an answer. Pure, so that every kind of answer can be
//! tested.

use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchOutput as Answer;
use aws_sdk_sqs::types::{BatchResultErrorEntry as Failed, SendMessageBatchResultEntry as Sent};
use sluice_storage::error::{ErrorKind, RequestError};

use super::errors::{SEND, SQS_ERRORS};
use crate::sink::SinkError;

/// The status of a fault of the sender, and of one of the service.
const SENDER_FAULT: u16 = 400;
const SERVICE_FAULT: u16 = 500;

/// Keeps the places of a batch whose messages were not accepted. Returns why they must be sent again; `None` if
/// none is left. If a message was throttled, that is why, whatever else happened to others: fewer calls must be made at
/// once. `described` says what the message at a place is about.
///
/// # Errors
/// [`SinkError::MessageRejected`] if the queue rejects a message permanently.
pub(super) fn unsent(
    queue: &str,
    left: &mut Vec<usize>,
    answer: &Answer,
    described: impl Fn(usize) -> String,
) -> Result<Option<RequestError>, SinkError> {
    let accepted: Vec<_> = answer.successful().iter().map(Sent::id).collect();
    let is_accepted = |place: &usize| accepted.iter().any(|id| place_of(id) == Some(*place));
    left.retain(|place| !is_accepted(place));
    if left.is_empty() {
        return Ok(None);
    }
    let failed = answer.failed();
    if let Some(rejected) = failed.iter().find(|failed| is_final(failed)) {
        return Err(SinkError::MessageRejected {
            queue: queue.to_owned(),
            message: place_of(rejected.id())
                .map_or_else(|| format!("entry {}", rejected.id()), described),
            why: why(rejected),
        });
    }
    let causes = failed.iter().map(cause);
    let cause = causes.min_by_key(|cause| cause.kind() != ErrorKind::Throttled);
    Ok(Some(cause.unwrap_or_else(|| {
        let why = "not all messages were accepted";
        RequestError::new(ErrorKind::Unavailable, why)
    })))
}

/// The place of a message in its batch, which is its id.
fn place_of(id: &str) -> Option<usize> {
    id.parse().ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn described(place: usize) -> String {
        format!("record shard:{place}")
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
        let mut left = vec![0, 1, 2];
        let answer = answer(
            vec![accepted(0), accepted(2)],
            vec![failed(1, "InternalError", false)],
        );
        let cause = unsent("bus", &mut left, &answer, described);
        let cause = cause.unwrap().unwrap();
        assert_eq!(cause.kind(), ErrorKind::Unavailable);
        let message = "unavailable (InternalError: it broke)";
        assert_eq!(cause.to_string(), message);
        assert_eq!(left, [1]);
    }

    #[test]
    fn a_throttled_message_is_the_cause_whatever_is_first() {
        let others = |ids: [usize; 2]| {
            let codes = ["InternalError", "KmsAccessDenied"];
            let failures = ids.into_iter().zip(codes);
            failures.map(|(id, code)| failed(id, code, true))
        };
        for place in 0..3 {
            let mut failures: Vec<_> = others([7, 8]).collect();
            failures.insert(place, failed(9, "RequestThrottled", true));
            let cause = unsent(
                "bus",
                &mut vec![7, 8, 9],
                &answer(vec![], failures),
                described,
            );
            assert_eq!(cause.unwrap().unwrap().kind(), ErrorKind::Throttled);
        }
        let failures = others([7, 8]).collect();
        let cause = unsent("bus", &mut vec![7, 8], &answer(vec![], failures), described);
        let first = cause.unwrap().unwrap();
        assert_eq!(first.kind(), ErrorKind::Unavailable, "otherwise the first");
    }

    #[test]
    fn nothing_is_left_when_all_is_taken() {
        let answer = answer(vec![accepted(1), accepted(0)], vec![]);
        assert_eq!(
            unsent("bus", &mut vec![0, 1], &answer, described).unwrap(),
            None
        );
    }

    #[test]
    fn what_the_answer_leaves_out_is_sent_again() {
        let answer = answer(vec![accepted(0)], vec![]);
        let why = unsent("bus", &mut vec![0, 1], &answer, described).unwrap();
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
                unsent("bus", &mut vec![0, 1], &answer(vec![], failures), described).unwrap_err();
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
            let why = unsent("bus", &mut vec![0], &answer, described).unwrap();
            assert!(why.is_some(), "{code}");
        }
    }
}
