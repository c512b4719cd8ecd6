//! What an error of Glue means, and what to do.

use std::error::Error as _;

use aws_sdk_glue::config::http::HttpResponse;
use aws_sdk_glue::error::{BuildError, ProvideErrorMetadata, SdkError};
use iceberg::{Error, ErrorKind};
use sluice_storage::aws::errors::ServiceErrors;
use sluice_storage::error::{ErrorKind as AwsErrorKind, RequestError};

use super::super::guarded::{Call, Service};

const ERRORS: ServiceErrors = ServiceErrors {
    service: "GLUE",
    kind_of: kind_of_code,
    if_not_found: "create the database and the table with `sluice table create`, or correct table.name",
};

fn kind_of_code(code: &str) -> Option<AwsErrorKind> {
    Some(match code {
        "EntityNotFoundException" => AwsErrorKind::NotFound,
        "AlreadyExistsException" | "ConcurrentModificationException" => AwsErrorKind::Conflict,
        "GlueEncryptionException" => AwsErrorKind::Denied,
        "InternalServiceException" | "OperationTimeoutException" => AwsErrorKind::Unavailable,
        "InvalidInputException" => AwsErrorKind::Invalid,
        _ => return None,
    })
}

/// The actions of IAM that a call needs.
fn actions(call: Call) -> &'static str {
    match call {
        Call::Load => "glue:GetTable",
        Call::Create => "glue:CreateTable",
        Call::Commit => "glue:GetTable and glue:UpdateTable",
        Call::Drop => "glue:DeleteTable",
        Call::Rename => "glue:GetTable, glue:CreateTable and glue:DeleteTable",
        Call::List => "glue:GetTables",
        Call::Namespace => "glue:GetDatabase and glue:CreateDatabase",
    }
}

/// The error of a request of a call. Its source is what [`Answers`] gives to the user.
pub(super) fn failed<E>(call: Call, error: &SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let kind = error.code().and_then(|code| kind_of(call, code));
    let kind = kind.unwrap_or(ErrorKind::Unexpected);
    let why = ERRORS.classify(error, actions(call));
    Error::new(kind, "a request to Glue has failed").with_source(why)
}

/// What a code says about the table or the namespace of a call.
fn kind_of(call: Call, code: &str) -> Option<ErrorKind> {
    Some(match (code, call) {
        ("EntityNotFoundException", Call::Load | Call::Commit | Call::Drop | Call::Rename) => {
            ErrorKind::TableNotFound
        }
        ("EntityNotFoundException", Call::Create | Call::List | Call::Namespace) => {
            ErrorKind::NamespaceNotFound
        }
        ("AlreadyExistsException", Call::Create | Call::Rename) => ErrorKind::TableAlreadyExists,
        ("AlreadyExistsException", Call::Namespace) => ErrorKind::NamespaceAlreadyExists,
        ("ConcurrentModificationException", Call::Commit) => ErrorKind::CatalogCommitConflicts,
        _ => return None,
    })
}

/// The error of what is built for a request and lacks a member.
pub(super) fn incomplete(error: BuildError) -> Error {
    Error::new(ErrorKind::Unexpected, "a request to Glue is incomplete").with_source(error)
}

/// Explains the errors of requests.
#[derive(Debug)]
pub(super) struct Answers;

impl Service for Answers {
    fn explain(&self, _: Call, error: &Error) -> Option<(ErrorKind, String)> {
        let answer = error.source()?.downcast_ref::<RequestError>()?;
        Some((error.kind(), answer.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_a_request_says_what_to_do() {
        let error = SdkError::<aws_sdk_glue::Error, HttpResponse>::construction_failure("no name");
        let error = failed(Call::Load, &error);
        let (kind, why) = Answers.explain(Call::Load, &error).unwrap();
        assert_eq!(kind, ErrorKind::Unexpected);
        assert!(why.contains("invalid configuration"), "{why}");
    }

    #[test]
    fn other_errors_explain_themselves() {
        let other = Error::new(ErrorKind::Unexpected, "s3://b/x does not exist");
        assert_eq!(Answers.explain(Call::Load, &other), None);
    }

    #[test]
    fn a_code_means_what_the_call_was_for() {
        for (call, code, kind) in [
            (
                Call::Load,
                "EntityNotFoundException",
                ErrorKind::TableNotFound,
            ),
            (
                Call::List,
                "EntityNotFoundException",
                ErrorKind::NamespaceNotFound,
            ),
            (
                Call::Create,
                "AlreadyExistsException",
                ErrorKind::TableAlreadyExists,
            ),
            (
                Call::Namespace,
                "AlreadyExistsException",
                ErrorKind::NamespaceAlreadyExists,
            ),
            (
                Call::Commit,
                "ConcurrentModificationException",
                ErrorKind::CatalogCommitConflicts,
            ),
        ] {
            assert_eq!(kind_of(call, code), Some(kind), "{call}: {code}");
            assert_eq!(kind_of(call, "AccessDeniedException"), None);
        }
    }
}
