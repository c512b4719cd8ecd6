//! Classifies the errors of Kinesis (API reference, "Errors" of each action).

use sluice_storage::aws::errors::ServiceErrors;
use sluice_storage::error::ErrorKind;

/// The errors of Kinesis.
pub(super) const KINESIS_ERRORS: ServiceErrors = ServiceErrors {
    service: "KINESIS",
    kind_of,
    if_not_found: "create the stream, or correct its name in the settings (source) and the region",
};

fn kind_of(code: &str) -> Option<ErrorKind> {
    Some(match code {
        "ResourceNotFoundException" => ErrorKind::NotFound,
        "ProvisionedThroughputExceededException" | "LimitExceededException" => ErrorKind::Throttled,
        // The stream is being created or resharded.
        "ResourceInUseException" | "InternalFailureException" => ErrorKind::Unavailable,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_kinds() {
        for (status, code, kind) in [
            (400, "ResourceNotFoundException", ErrorKind::NotFound),
            (
                400,
                "ProvisionedThroughputExceededException",
                ErrorKind::Throttled,
            ),
            (400, "LimitExceededException", ErrorKind::Throttled),
            (400, "ThrottlingException", ErrorKind::Throttled),
            (400, "KMSThrottlingException", ErrorKind::Throttled),
            (400, "AccessDeniedException", ErrorKind::Denied),
            (400, "KMSAccessDeniedException", ErrorKind::Denied),
            (400, "KMSDisabledException", ErrorKind::Denied),
            (400, "KMSOptInRequired", ErrorKind::Denied),
            (400, "UnrecognizedClientException", ErrorKind::Invalid),
            (400, "InvalidSignatureException", ErrorKind::Invalid),
            (400, "ValidationException", ErrorKind::Invalid),
            (500, "InternalFailureException", ErrorKind::Unavailable),
            (400, "InvalidArgumentException", ErrorKind::Other),
        ] {
            assert_eq!(KINESIS_ERRORS.of_code(code, status), kind, "{code}");
        }
    }
}
