//! The built-in transform `jq`: a program in the language jq makes the events of a record.

mod compare;
mod errors;
mod hostile;
mod results;
mod runs;
mod values;

use std::sync::OnceLock;

use serde_json::{Value, json};
use sluice::builtin::Builtin;
use sluice_release::admission::{AdmissionError, Release, compile, validate_compiled};
use sluice_release::bundle::ReleaseBundle;
use wasmtime::component::Component;

use crate::support::outcomes::{
    RecordOutcome, batch, by_each_call, limits, record_outcomes, shared_engine,
};

/// The component, compiled once for all programs.
fn component() -> &'static Component {
    static COMPONENT: OnceLock<Component> = OnceLock::new();
    COMPONENT.get_or_init(|| compile(shared_engine(), Builtin::Jq.component()).unwrap())
}

/// A release with this configuration.
fn try_release(config: &Value) -> Result<Release, AdmissionError> {
    let component_bytes = Builtin::Jq.component().to_vec();
    let bundle = ReleaseBundle::new(component_bytes, &config.to_string()).unwrap();
    validate_compiled(shared_engine(), component(), &bundle, &limits())
}

fn release(config: &Value) -> Release {
    try_release(config).unwrap_or_else(|error| panic!("{config}: {error}"))
}

/// A release with this program and no other settings.
fn program(program: &str) -> Release {
    release(&json!({ "program": program }))
}

/// The outcomes of records, which must be the same by each call.
fn outcomes<R: AsRef<[u8]>>(release: &Release, records: &[R]) -> Vec<RecordOutcome> {
    let records = batch(records);
    let mut found = by_each_call(release, &records).into_iter();
    let mut next = || {
        let (call, outcome) = found.next()?;
        // A batch call that costs too much fails as a whole, and then the host calls record by record.
        Some((call, record_outcomes(&records, &outcome?)))
    };
    let (_, usual) = next().unwrap();
    let (_, per_record) = next().unwrap();
    assert_eq!(usual, per_record, "per record");
    if let Some((call, outcomes)) = next() {
        assert_eq!(usual, outcomes, "{call}");
    }
    usual
}

/// The outcome of one record.
fn outcome(release: &Release, record: &str) -> RecordOutcome {
    let mut outcomes = outcomes(release, &[record]);
    outcomes.pop().unwrap()
}

/// The events of one record, as text.
fn events(release: &Release, record: &str) -> Vec<String> {
    match outcome(release, record) {
        RecordOutcome::Events(events) => events.into_iter().map(|event| event.json).collect(),
        RecordOutcome::Dropped => Vec::new(),
        rejected => panic!("{record}: {rejected:?}"),
    }
}

/// The code and the message of the rejection of one record.
fn rejection(release: &Release, record: &str) -> (String, String) {
    let found = outcome(release, record);
    (found.word().to_owned(), found.message().to_owned())
}
