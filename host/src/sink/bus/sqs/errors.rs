//! Classifies the errors of SQS (API reference, "Common errors" and those of each action).

use aws_sdk_sqs::error::SdkError;
use sluice_storage::aws::errors::ServiceErrors;
use sluice_storage::error::ErrorKind;

/// The errors of SQS.
pub(super) const SQS_ERRORS: ServiceErrors = ServiceErrors {
    service: "SQS",
    kind_of,
    if_not_found: "create the queue, or correct its name in the settings (bus) and the region",
};

/// The actions of IAM for looking up a queue.
pub(super) const LOOK_UP: &str = "sqs:GetQueueUrl and sqs:GetQueueAttributes";

/// The actions of IAM for sending messages.
pub(super) const SEND: &str =
    "sqs:SendMessage (and, if the queue has a KMS key, kms:GenerateDataKey and kms:Decrypt)";

/// Whether a call got no answer, or no connection, in time: the queue may have too many calls.
pub(super) fn is_timeout<E>(error: &SdkError<E>) -> bool {
    match error {
        SdkError::TimeoutError(_) => true,
        SdkError::DispatchFailure(failure) => failure.is_timeout(),
        _ => false,
    }
}

fn kind_of(code: &str) -> Option<ErrorKind> {
    Some(match code {
        "QueueDoesNotExist" | "NonExistentQueue" => ErrorKind::NotFound,
        "OverLimit" | "KmsThrottled" => ErrorKind::Throttled,
        "InvalidAddress" | "InvalidSecurity" => ErrorKind::Invalid,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use aws_sdk_sqs::error::ConnectorError;

    use super::*;

    #[test]
    fn only_what_takes_too_long_is_a_timeout() {
        let late = SdkError::<()>::timeout_error("late");
        let unconnected = SdkError::<()>::dispatch_failure(ConnectorError::timeout("late".into()));
        assert!(is_timeout(&late) && is_timeout(&unconnected));
        let reset = SdkError::<()>::dispatch_failure(ConnectorError::io("reset".into()));
        let unmade = SdkError::<()>::construction_failure("no queue");
        assert!(!is_timeout(&reset) && !is_timeout(&unmade));
    }

    #[test]
    fn codes_have_kinds() {
        for (status, code, kind) in [
            (400, "QueueDoesNotExist", ErrorKind::NotFound),
            (
                400,
                "AWS.SimpleQueueService.NonExistentQueue",
                ErrorKind::NotFound,
            ),
            (400, "RequestThrottled", ErrorKind::Throttled),
            (400, "KMS.ThrottlingException", ErrorKind::Throttled),
            (400, "KmsAccessDenied", ErrorKind::Denied),
            (400, "KMS.AccessDeniedException", ErrorKind::Denied),
            (400, "KMS.NotFoundException", ErrorKind::Denied),
            (400, "KMS.InvalidStateException", ErrorKind::Denied),
            (400, "KMS.InvalidKeyUsageException", ErrorKind::Denied),
            (400, "KmsOptInRequired", ErrorKind::Denied),
            (400, "InvalidAddress", ErrorKind::Invalid),
            (403, "InvalidClientTokenId", ErrorKind::Invalid),
            (403, "AccessDenied", ErrorKind::Denied),
            (500, "InternalError", ErrorKind::Unavailable),
            (400, "InvalidMessageContents", ErrorKind::Other),
        ] {
            assert_eq!(SQS_ERRORS.of_code(code, status), kind, "{code}");
        }
    }
}
