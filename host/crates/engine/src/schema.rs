//! Validates a transform's configuration against the JSON Schema that its `describe` returns.

use std::fmt::Write as _;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use jsonschema::error::ValidationErrorKind;
use jsonschema::paths::{Location, LocationSegment};
use jsonschema::{ReferencingError, ValidationError, Validator};
use serde_json::Value;
use thiserror::Error;

/// A longer schema is not read.
pub const SCHEMA_MAX_BYTES: usize = 64 << 10;

/// The timeout of a validation. A schema that refers to itself in many ways can make it endless; a usual
/// one takes a few milliseconds.
const TIME: Duration = Duration::from_secs(10);

/// The number of faults that are reported; an operator fixes them one by one anyway.
const SHOWN: usize = 5;

/// The number of allowed values that a message lists. More are no help.
const LISTED: usize = 8;

/// Why a configuration is invalid, or cannot be validated.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SchemaError {
    /// The component's fault: the schema is not JSON, not a JSON Schema, too long, or refers to something
    /// outside of itself.
    #[error("schema: the component's configuration schema cannot be used: {0}")]
    Unusable(String),
    /// The component's fault: the validation exceeded its timeout.
    #[error(
        "schema: validating the configuration against the component's schema takes more than {TIME:?}"
    )]
    Timeout,
    /// The validation panicked: a fault of the library.
    #[error("schema: validating the configuration against the component's schema failed")]
    Panicked,
    /// The operator's fault: each fault with the dotted path of the setting.
    #[error("transform_config: {0}")]
    TransformConfig(String),
}

/// Validates a configuration, a JSON document, against a schema of the draft that it names, 2020-12 by default. An
/// empty schema allows everything. Nothing is ever fetched.
///
/// # Errors
/// See [`SchemaError`]. Messages do not contain values: they may be secret.
pub fn check(schema: &str, transform_config: &str) -> Result<(), SchemaError> {
    if schema.trim().is_empty() {
        return Ok(());
    }
    if schema.len() > SCHEMA_MAX_BYTES {
        let bytes = schema.len();
        let why = format!("it has {bytes} bytes, at most {SCHEMA_MAX_BYTES} are allowed");
        return Err(SchemaError::Unusable(why));
    }
    let (schema, transform_config) = (schema.to_owned(), transform_config.to_owned());
    let (verdict, waiting) = mpsc::channel();
    let checker = thread::Builder::new().name("schema".to_owned());
    let started = checker.spawn(move || verdict.send(validate(&schema, &transform_config)));
    started.map_err(|error| SchemaError::Unusable(format!("no thread to check it: {error}")))?;
    match waiting.recv_timeout(TIME) {
        Ok(verdict) => verdict,
        Err(RecvTimeoutError::Timeout) => Err(SchemaError::Timeout),
        Err(RecvTimeoutError::Disconnected) => Err(SchemaError::Panicked),
    }
}

fn validate(schema: &str, transform_config: &str) -> Result<(), SchemaError> {
    let schema: Value = serde_json::from_str(schema)
        .map_err(|error| SchemaError::Unusable(format!("it is not JSON: {error}")))?;
    let transform_config: Value = serde_json::from_str(transform_config)
        .map_err(|error| SchemaError::TransformConfig(format!("not JSON: {error}")))?;
    let validator = validator(&schema)?;
    let faults: Vec<_> = validator
        .iter_errors(&transform_config)
        .take(SHOWN)
        .map(|fault| describe(&fault, &transform_config))
        .collect();
    if faults.is_empty() {
        return Ok(());
    }
    Err(SchemaError::TransformConfig(faults.join("; ")))
}

fn validator(schema: &Value) -> Result<Validator, SchemaError> {
    jsonschema::options().build(schema).map_err(|error| {
        let place = dotted(error.instance_path());
        let why = unusable(&error);
        SchemaError::Unusable(if place.is_empty() {
            why
        } else {
            format!("{place}: {why}")
        })
    })
}

/// Why a schema cannot be used.
fn unusable(error: &ValidationError<'_>) -> String {
    match error.kind() {
        ValidationErrorKind::Referencing(ReferencingError::Unretrievable { uri, .. }) => {
            format!(
                "it refers to {uri:?}, which is not in it, and nothing is fetched; copy that schema into its `$defs`"
            )
        }
        _ => error.to_string(),
    }
}

/// A fault with the dotted path of its field, also of one that is missing or unknown.
fn describe(fault: &ValidationError<'_>, transform_config: &Value) -> String {
    let place = dotted(fault.instance_path());
    let below = |name: &str| {
        let mut path = place.clone();
        step(&mut path, name);
        path
    };
    let unknown = unknown(fault, transform_config);
    match fault.kind() {
        _ if !unknown.is_empty() => {
            let names: Vec<_> = unknown.iter().map(|name| below(name)).collect();
            format!("{}: there is no such field", names.join(", "))
        }
        ValidationErrorKind::Required {
            property: Value::String(name),
        } => format!("{}: the field is missing", below(name)),
        _ if place.is_empty() => problem(fault),
        _ => format!("{place}: {}", problem(fault)),
    }
}

/// What is wrong with a value, which is not named. Of values that are allowed, the validator names three at most.
fn problem(fault: &ValidationError<'_>) -> String {
    if let ValidationErrorKind::Enum { options } = fault.kind()
        && let Some([first @ .., last]) = options.as_array().map(Vec::as_slice)
        && (1..LISTED).contains(&first.len())
    {
        let first: Vec<_> = first.iter().map(Value::to_string).collect();
        return format!("value is not one of {} or {last}", first.join(", "));
    }
    fault.masked().to_string()
}

/// The unknown names in the object at a fault.
fn unknown(fault: &ValidationError<'_>, transform_config: &Value) -> Vec<String> {
    match fault.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => unexpected.clone(),
        // A schema without any property; the fault does not name the unknown ones.
        ValidationErrorKind::FalseSchema
            if fault
                .schema_path()
                .as_str()
                .ends_with("/additionalProperties") =>
        {
            let object = transform_config.pointer(fault.instance_path().as_str());
            let fields = object.and_then(Value::as_object);
            fields.map_or_else(Vec::new, |fields| fields.keys().cloned().collect())
        }
        _ => Vec::new(),
    }
}

/// `a.b[2]` of `/a/b/2`.
fn dotted(location: &Location) -> String {
    let mut path = String::new();
    for segment in location {
        match segment {
            LocationSegment::Property(name) => step(&mut path, &name),
            LocationSegment::Index(index) => {
                let _infallible = write!(path, "[{index}]");
            }
        }
    }
    path
}

fn step(path: &mut String, name: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(name);
}

#[cfg(test)]
mod tests;
