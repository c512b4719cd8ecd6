//! Classifies the errors of AWS. What all services share is here; each service adds its own codes and what to
//! do about a resource that does not exist.

use std::error::Error;
use std::io;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use super::endpoint;
use crate::error::{ErrorKind, RequestError};

/// How the errors of a service are classified.
#[derive(Clone, Copy, Debug)]
pub struct ServiceErrors {
    /// The name of the service at the end of the variable with its endpoint, such as `S3`.
    pub service: &'static str,
    /// The kinds of the codes that are the service's own.
    pub kind_of: fn(&str) -> Option<ErrorKind>,
    /// What to do if a resource does not exist.
    pub if_not_found: &'static str,
}

impl ServiceErrors {
    /// Classifies the error of a request that needs the `actions` of IAM.
    #[must_use]
    pub fn classify<E>(&self, error: &SdkError<E, HttpResponse>, actions: &str) -> RequestError
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        match error {
            SdkError::ServiceError(answer) => {
                let status = answer.raw().status().as_u16();
                let (code, message) = (answer.err().code(), answer.err().message());
                self.of_answer(status, code, message, actions)
            }
            // The request was never made: a name or an endpoint does not fit into it.
            SdkError::ConstructionFailure(_) => {
                self.error(ErrorKind::Invalid, None, why(error), actions)
            }
            SdkError::DispatchFailure(failure) if failure.is_user() => {
                self.error(ErrorKind::Invalid, None, why(error), actions)
            }
            SdkError::DispatchFailure(failure) => {
                let cause = failure.as_connector_error().map(|error| cause_of(error));
                let cause = cause.unwrap_or_else(|| why(error));
                let detail = no_answer(endpoint::host_in_environment(self.service), &cause);
                self.error(ErrorKind::Unavailable, None, detail, actions)
            }
            // No answer in time, or one that cannot be read.
            _ => self.error(ErrorKind::Unavailable, None, why(error), actions),
        }
    }

    /// Classifies an error by its HTTP status and by its code, which the answer to a `HEAD` lacks.
    #[must_use]
    pub fn of_answer(
        &self,
        status: u16,
        code: Option<&str>,
        message: Option<&str>,
        actions: &str,
    ) -> RequestError {
        let kind = match code {
            None => of_status_alone(status),
            Some(_) if message.is_some_and(is_about_time) => ErrorKind::Unavailable,
            Some(code) => self.of_code(code, status),
        };
        let detail = match (code, message) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (Some(code), None) => code.to_owned(),
            (None, _) => format!("HTTP status {status}"),
        };
        self.error(kind, code.map(plain), detail, actions)
    }

    /// The kind of a code; by its status if the code is unknown.
    #[must_use]
    pub fn of_code(&self, code: &str, status: u16) -> ErrorKind {
        let name = plain(code);
        (self.kind_of)(name)
            .or_else(|| kind_of(name))
            .or_else(|| is_about_key(code, status).then_some(ErrorKind::Denied))
            .unwrap_or_else(|| of_status(status))
    }

    fn error(
        &self,
        kind: ErrorKind,
        code: Option<&str>,
        detail: String,
        actions: &str,
    ) -> RequestError {
        let advice = match kind {
            ErrorKind::NotFound => self.if_not_found.to_owned(),
            ErrorKind::Denied => format!("allow {actions} to the role or the user"),
            ErrorKind::Invalid if code.is_some_and(is_about_credentials) => {
                "correct the credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, the profile, or the role"
                    .into()
            }
            ErrorKind::Invalid if code.is_some_and(is_about_region) => {
                "set AWS_REGION to the region of the resource".into()
            }
            ErrorKind::Invalid => "correct the name in the settings, the region, or the endpoint".into(),
            ErrorKind::Conflict
            | ErrorKind::Throttled
            | ErrorKind::Unavailable
            | ErrorKind::Other => String::new(),
        };
        RequestError::new(kind, detail).with_advice(advice)
    }
}

fn no_answer(host: Option<String>, cause: &str) -> String {
    match host {
        Some(host) => format!("no answer from {host}: {cause}"),
        None => format!("no answer: {cause}"),
    }
}

/// What the network says, without the layers of the client around it.
fn cause_of(error: &(dyn Error + 'static)) -> String {
    let (mut last, mut cause) = (None, Some(error));
    while let Some(error) = cause {
        last = error.downcast_ref::<io::Error>().or(last);
        cause = error.source();
    }
    let Some(last) = last else {
        return why(error);
    };
    let text = last.to_string();
    match text.split_once(" (os error") {
        Some((text, _)) => text.to_owned(),
        None => text,
    }
}

/// A code without the prefix that some protocols have: `AWS.SimpleQueueService.NonExistentQueue`.
fn plain(code: &str) -> &str {
    code.rsplit(['.', '#']).next().unwrap_or(code)
}

/// The codes that services share ("Common errors" of each API reference).
fn kind_of(code: &str) -> Option<ErrorKind> {
    if is_about_credentials(code) || is_about_region(code) {
        return Some(ErrorKind::Invalid);
    }
    Some(match code {
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "RequestLimitExceeded"
        | "KMSThrottlingException"
        | "TooManyRequests"
        | "TooManyRequestsException" => ErrorKind::Throttled,
        // Credentials that have expired are replaced, and the clock is corrected by the client.
        "ExpiredToken"
        | "ExpiredTokenException"
        | "TokenRefreshRequired"
        | "RequestExpired"
        | "RequestTimeTooSkewed"
        | "RequestTimeout"
        | "RequestTimeoutException"
        | "InternalError"
        | "InternalFailure"
        | "ServiceUnavailable" => ErrorKind::Unavailable,
        "AccessDenied"
        | "AccessDeniedException"
        | "NotAuthorized"
        | "UnauthorizedOperation"
        | "OptInRequired" => ErrorKind::Denied,
        "ValidationError" | "ValidationException" => ErrorKind::Invalid,
        _ => return None,
    })
}

/// Whether the KMS key of a resource cannot be used, such as `KMS.NotFoundException` or `KmsInvalidState`. An
/// operator can correct it while requests are retried.
fn is_about_key(code: &str, status: u16) -> bool {
    let prefix = code.get(..3);
    prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case("kms")) && status < 500
}

/// Whether a signature was too old or too new when it arrived, because the process or its clock stood still. The
/// code is that of a wrong signature, and the next attempt is signed again.
fn is_about_time(message: &str) -> bool {
    message.starts_with("Signature expired") || message.starts_with("Signature not yet current")
}

/// Whether the credentials themselves are wrong.
fn is_about_credentials(code: &str) -> bool {
    matches!(
        code,
        "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "InvalidSignatureException"
            | "UnrecognizedClient"
            | "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "InvalidToken"
            | "IncompleteSignature"
            | "IncompleteSignatureException"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException"
    )
}

/// Whether the resource is in another region.
fn is_about_region(code: &str) -> bool {
    matches!(
        code,
        "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException"
    )
}

/// The kind of an error with an unknown code.
fn of_status(status: u16) -> ErrorKind {
    match status {
        301 => ErrorKind::Invalid,
        401 | 403 => ErrorKind::Denied,
        404 => ErrorKind::NotFound,
        412 => ErrorKind::Conflict,
        429 => ErrorKind::Throttled,
        // 409: two requests met, and neither is known to have won.
        307 | 408 | 409 | 500.. => ErrorKind::Unavailable,
        _ => ErrorKind::Other,
    }
}

/// The kind of an error without a code. `400` without one is mostly a token that has expired.
fn of_status_alone(status: u16) -> ErrorKind {
    match status {
        400 => ErrorKind::Unavailable,
        other => of_status(other),
    }
}

/// The full message of an error with all its causes, each once.
#[must_use]
pub fn why(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVICE: ServiceErrors = ServiceErrors {
        service: "NONE",
        kind_of: |code| (code == "OwnCode").then_some(ErrorKind::Throttled),
        if_not_found: "create it",
    };

    #[test]
    fn codes_decide_before_the_status() {
        for (status, code, kind) in [
            (400, "OwnCode", ErrorKind::Throttled),
            (400, "ThrottlingException", ErrorKind::Throttled),
            (429, "TooManyRequests", ErrorKind::Throttled),
            (500, "InternalError", ErrorKind::Unavailable),
            (503, "ServiceUnavailable", ErrorKind::Unavailable),
            (500, "unknown", ErrorKind::Unavailable),
            (409, "unknown", ErrorKind::Unavailable),
            (400, "ExpiredToken", ErrorKind::Unavailable),
            (400, "TokenRefreshRequired", ErrorKind::Unavailable),
            (403, "AccessDenied", ErrorKind::Denied),
            (403, "unknown", ErrorKind::Denied),
            (403, "InvalidAccessKeyId", ErrorKind::Invalid),
            (403, "SignatureDoesNotMatch", ErrorKind::Invalid),
            (400, "UnrecognizedClientException", ErrorKind::Invalid),
            (403, "InvalidClientTokenId", ErrorKind::Invalid),
            (404, "unknown", ErrorKind::NotFound),
            (412, "PreconditionFailed", ErrorKind::Conflict),
            (400, "unknown", ErrorKind::Other),
        ] {
            assert_eq!(SERVICE.of_code(code, status), kind, "{status} {code}");
        }
        assert_eq!(
            SERVICE.of_code("AWS.Service.OwnCode", 400),
            ErrorKind::Throttled
        );
    }

    #[test]
    fn a_key_that_cannot_be_used_is_denied_under_every_name() {
        for code in [
            "KMS.NotFoundException",
            "KMS.InvalidStateException",
            "KMS.KMSInvalidStateException",
            "KMS.DisabledException",
            "KMS.InvalidKeyUsageException",
            "KmsNotFound",
        ] {
            assert_eq!(SERVICE.of_code(code, 400), ErrorKind::Denied, "{code}");
        }
        for (status, code, kind) in [
            (400, "KMS.ThrottlingException", ErrorKind::Throttled),
            (400, "KMSThrottlingException", ErrorKind::Throttled),
            (500, "KMS.InternalException", ErrorKind::Unavailable),
        ] {
            assert_eq!(SERVICE.of_code(code, status), kind, "{code}");
        }
    }

    #[test]
    fn a_signature_that_arrived_too_late_is_transient() {
        let kind = |message| {
            let code = Some("InvalidSignatureException");
            SERVICE.of_answer(400, code, Some(message), "").kind()
        };
        for message in [
            "Signature expired: 20260101T000000Z is now earlier than 20260101T000500Z",
            "Signature not yet current: 20260101T001000Z is still later than 20260101T000500Z",
        ] {
            assert_eq!(kind(message), ErrorKind::Unavailable, "{message}");
        }
        let wrong = "The request signature we calculated does not match the signature you provided";
        assert_eq!(kind(wrong), ErrorKind::Invalid);
    }

    #[test]
    fn an_answer_without_a_code_is_classified_by_its_status() {
        for (status, kind) in [
            (400, ErrorKind::Unavailable),
            (403, ErrorKind::Denied),
            (404, ErrorKind::NotFound),
            (503, ErrorKind::Unavailable),
        ] {
            let error = SERVICE.of_answer(status, None, None, "s3:GetObject");
            assert_eq!(error.kind(), kind, "{status}");
            assert!(error.to_string().contains(&format!("status {status}")));
        }
    }

    #[test]
    fn a_connection_that_fails_is_said_without_the_layers_of_the_client() {
        let refused = io::Error::from_raw_os_error(111);
        let layers = io::Error::other(refused);
        let cause = cause_of(&layers);
        assert_eq!(cause, "Connection refused");
        let detail = no_answer(Some("127.0.0.1:1".into()), &cause);
        assert_eq!(detail, "no answer from 127.0.0.1:1: Connection refused");
        assert_eq!(no_answer(None, "timed out"), "no answer: timed out");
    }

    #[test]
    fn an_error_says_what_to_do() {
        let message = |status, code| {
            let error = SERVICE.of_answer(status, Some(code), Some("no"), "s3:PutObject");
            error.to_string()
        };
        assert_eq!(
            message(403, "AccessDenied"),
            "access denied (AccessDenied: no); allow s3:PutObject to the role or the user"
        );
        assert_eq!(message(404, "Gone"), "not found (Gone: no); create it");
        assert!(message(403, "SignatureDoesNotMatch").contains("AWS_SECRET_ACCESS_KEY"));
        assert!(message(301, "PermanentRedirect").contains("AWS_REGION"));
    }
}
