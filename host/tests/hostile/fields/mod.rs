//! Transforms of fields: what their edits do, and those that misbehave.

mod answers;
mod batches;
mod declarations;
mod edits;
mod limits;
mod misuse;
mod reads;

use sluice_release::admission::Release;

use crate::support::outcomes::{
    CallMode, RecordOutcome, batch, obeyed, record_outcomes, rogue_by_fields,
};

/// The outcome of a record between two good ones, which must be the same in one batch and in batches of one
/// record.
fn outcome_of(record: impl AsRef<[u8]>) -> RecordOutcome {
    outcome_by(rogue_by_fields(), record)
}

fn outcome_by(release: &Release, record: impl AsRef<[u8]>) -> RecordOutcome {
    let record = record.as_ref();
    let records: [&[u8]; 3] = [br#"{"n":1}"#, record, br#"{"n":3}"#];
    let mut found = obeyed(release, CallMode::Usual, &records);
    for mode in [CallMode::PerRecord, CallMode::PerFieldRecord] {
        assert_eq!(found, obeyed(release, mode, &records), "{mode:?}");
    }
    let records = batch(&records);
    if let Some(together) = release.program().run_fields(&records).unwrap() {
        assert_eq!(found, record_outcomes(&records, &together));
    }
    let [first, result, last] = found.as_mut_slice() else {
        panic!("three records, three outcomes");
    };
    assert_eq!(json(first), [r#"{"n":1,"set":1}"#]);
    assert_eq!(json(last), [r#"{"n":3,"set":3}"#]);
    result.clone()
}

/// The events of a record.
fn json(result: &RecordOutcome) -> Vec<&str> {
    match result {
        RecordOutcome::Events(events) => events.iter().map(|event| event.json.as_str()).collect(),
        other => panic!("no events but {other:?}"),
    }
}

/// The only event of a record, parsed.
fn value(result: &RecordOutcome) -> serde_json::Value {
    let [event] = json(result)[..] else {
        panic!("one event, not {result:?}");
    };
    serde_json::from_str(event).unwrap()
}
