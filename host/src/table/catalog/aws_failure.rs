//! Errors of AWS that the crate of a catalog gives as the text of the client's own error.

use iceberg::Error;
use sluice_storage::aws::errors::ServiceErrors;

/// What the catalogs write before the error of a client.
pub(super) const MARK: &str = "aws sdk error: ";

/// The error of a client.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AwsFailure {
    /// Its code; `None` if there was no answer.
    pub(super) code: Option<String>,
    message: Option<String>,
    status: u16,
}

impl AwsFailure {
    /// The failure in an error of a catalog, if it is one of AWS.
    pub(super) fn of(error: &Error) -> Option<Self> {
        let text = error.to_string();
        let (_, text) = text.split_once(MARK)?;
        Some(Self {
            code: quoted(text, "code: Some(\""),
            message: quoted(text, "message: Some(\"").or_else(|| quoted(text, "message: \"")),
            status: status(text),
        })
    }

    /// Whether the failure has a code.
    pub(super) fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// What went wrong and what to do, for a call that needs the `actions` of IAM.
    pub(super) fn explain(&self, errors: &ServiceErrors, actions: &str) -> String {
        match &self.code {
            Some(code) => {
                let message = self.message.as_deref();
                let error = errors.of_answer(self.status, Some(code), message, actions);
                error.to_string()
            }
            None => {
                let why = self
                    .message
                    .as_deref()
                    .unwrap_or("it has timed out, or ended early");
                let service = errors.service;
                format!(
                    "no answer ({why}); check the network, the credentials, AWS_REGION and AWS_ENDPOINT_URL_{service}"
                )
            }
        }
    }
}

/// The text in quotes that a mark opens.
fn quoted(text: &str, mark: &str) -> Option<String> {
    let (_, text) = text.split_once(mark)?;
    let (mut found, mut characters) = (String::new(), text.chars());
    loop {
        match characters.next()? {
            '"' => return Some(found),
            '\\' => found.push(characters.next()?),
            character => found.push(character),
        }
    }
}

/// The status of an answer. One that is not told was that of a request that AWS has refused.
fn status(text: &str) -> u16 {
    let (_, text) = text.split_once("StatusCode(").unwrap_or_default();
    let digits = text.split(')').next().unwrap_or_default();
    digits.parse().unwrap_or(400)
}

#[cfg(test)]
mod tests {
    use iceberg::ErrorKind;

    use super::*;

    const ERRORS: ServiceErrors = ServiceErrors {
        service: "S3TABLES",
        kind_of: |_| None,
        if_not_found: "create it",
    };

    fn failure(text: &str) -> Option<AwsFailure> {
        AwsFailure::of(&Error::new(ErrorKind::Unexpected, text))
    }

    #[test]
    fn a_denial_names_the_actions() {
        let text = r#"aws sdk error: ServiceError(ServiceError { source: Unhandled(Unhandled { source: ErrorMetadata { code: Some("AccessDeniedException"), message: Some("no \"you\""), extras: None }, meta: ErrorMetadata { code: Some("AccessDeniedException") } }), raw: Response { status: StatusCode(400), headers: Headers } })"#;
        let failure = failure(text).unwrap();
        assert!(failure.is("AccessDeniedException"));
        let why = failure.explain(&ERRORS, "s3tables:GetTable");
        assert!(why.contains("access denied"), "{why}");
        assert!(why.contains(r#"no "you""#), "{why}");
        assert!(why.contains("allow s3tables:GetTable"), "{why}");
    }

    #[test]
    fn no_answer_is_no_code() {
        let text = r#"aws sdk error: DispatchFailure(DispatchFailure { source: ConnectorError { kind: Io, source: hyper_util::client::legacy::Error(Connect, ConnectError("tcp connect error", 127.0.0.1:1, Os { code: 111, kind: ConnectionRefused, message: "Connection refused" })) } })"#;
        let failure = failure(text).unwrap();
        assert_eq!(failure.code, None);
        let why = failure.explain(&ERRORS, "s3tables:GetTable");
        assert!(why.contains("no answer (Connection refused)"), "{why}");
        assert!(why.contains("AWS_ENDPOINT_URL_S3TABLES"), "{why}");
    }

    #[test]
    fn other_errors_are_not_those_of_aws() {
        assert_eq!(failure("s3://b/x does not exist"), None);
    }
}
