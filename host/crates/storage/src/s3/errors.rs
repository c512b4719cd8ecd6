//! Classifies the errors of S3 (API reference, "Error responses").

use crate::aws::errors::ServiceErrors;
use crate::error::{ErrorKind, Operation};

/// The errors of S3.
pub(super) const S3_ERRORS: ServiceErrors = ServiceErrors {
    service: "S3",
    kind_of,
    if_not_found: "create the bucket, or correct its name in the settings",
};

fn kind_of(code: &str) -> Option<ErrorKind> {
    Some(match code {
        "NoSuchBucket" => ErrorKind::NotFound,
        // A write with `If-Match` on an object that was removed is answered with `NoSuchKey`.
        "PreconditionFailed" | "NoSuchKey" => ErrorKind::Conflict,
        "SlowDown" | "BandwidthLimitExceeded" => ErrorKind::Throttled,
        // Two requests met, or bytes were damaged on their way.
        "ConditionalRequestConflict"
        | "OperationAborted"
        | "BadDigest"
        | "IncompleteBody"
        | "XAmzContentSHA256Mismatch"
        | "XAmzContentChecksumMismatch"
        | "TemporaryRedirect" => ErrorKind::Unavailable,
        "AllAccessDisabled" | "AccountProblem" => ErrorKind::Denied,
        "InvalidBucketName" => ErrorKind::Invalid,
        _ => return None,
    })
}

/// The actions of IAM that an operation needs. A read needs a second one: S3 answers "access denied" instead of
/// "not found" to those who may not list.
pub(super) fn actions(operation: Operation) -> &'static str {
    match operation {
        Operation::Put | Operation::Write => {
            "s3:PutObject (and, if the bucket has a KMS key, kms:GenerateDataKey and kms:Decrypt)"
        }
        Operation::Check | Operation::Read => {
            "s3:GetObject and s3:ListBucket (and, if the bucket has a KMS key, kms:Decrypt)"
        }
        Operation::List => "s3:ListBucket",
        Operation::Remove => "s3:DeleteObject",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_kinds() {
        for (status, code, kind) in [
            (404, "NoSuchBucket", ErrorKind::NotFound),
            (404, "NoSuchKey", ErrorKind::Conflict),
            (412, "PreconditionFailed", ErrorKind::Conflict),
            (409, "ConditionalRequestConflict", ErrorKind::Unavailable),
            (503, "SlowDown", ErrorKind::Throttled),
            (500, "InternalError", ErrorKind::Unavailable),
            (400, "BadDigest", ErrorKind::Unavailable),
            (403, "AccessDenied", ErrorKind::Denied),
            (400, "KMS.DisabledException", ErrorKind::Denied),
            (400, "KMS.KMSInvalidStateException", ErrorKind::Denied),
            (403, "InvalidAccessKeyId", ErrorKind::Invalid),
            (400, "InvalidBucketName", ErrorKind::Invalid),
            (301, "PermanentRedirect", ErrorKind::Invalid),
            (400, "EntityTooLarge", ErrorKind::Other),
        ] {
            assert_eq!(S3_ERRORS.of_code(code, status), kind, "{code}");
        }
    }

    #[test]
    fn a_denied_read_names_both_actions() {
        let error = S3_ERRORS.of_answer(403, Some("AccessDenied"), None, actions(Operation::Read));
        let message = error.to_string();
        for action in ["s3:GetObject", "s3:ListBucket"] {
            assert!(message.contains(action), "{message}");
        }
    }
}
