use sluice_transform::MetadataLists;
use sluice_transform::batch::Outcome;
use sluice_transform::testing::RecordTester;
use sluice_transform::whole_records::transform_batch;

use super::*;

fn transform(program: &str, record: &str) -> Result<Vec<String>, Rejection> {
    let config = serde_json::json!({ "program": program }).to_string();
    let tester = RecordTester::<JqTransform>::new(&config).unwrap();
    let events = tester.transform(record)?;
    Ok(events.into_iter().map(|event| event.json).collect())
}

fn batch(config: &str, data: &str, ends: &[u32]) -> Outcome {
    let rules = JqTransform::configure(config).unwrap();
    let data = data.as_bytes().to_vec();
    transform_batch(&rules, data, ends, &MetadataLists::default())
}

#[test]
fn the_description_is_that_of_the_package() {
    let description = JqTransform::describe();
    assert_eq!(description.name, "jq");
    let schema: serde_json::Value = serde_json::from_str(description.config_schema).unwrap();
    assert_eq!(schema["required"], serde_json::json!(["program"]));
}

#[test]
fn a_configuration_is_an_object_with_a_program() {
    for (config, error) in [
        ("[\".\"]", "expected a JSON object"),
        ("{}", "missing field `program`"),
        (r#"{"program":".","x":1}"#, "unknown field `x`"),
        (r#"{"program":".","routes":[]}"#, "routes: expected"),
        (r#"{"program":".","partition_by":["a","a"]}"#, "given twice"),
        (r#"{"program":"nope"}"#, "program: line 1, column 1"),
    ] {
        let found = JqTransform::configure(config).unwrap_err();
        assert!(found.contains(error), "{config}: {found}");
    }
}

#[test]
fn a_rejected_record_leaves_nothing_in_a_batch() {
    let config = r#"{"program":".[] | if . == 0 then error(\"zero: no\") else {n: .} end","partition_by":["n"]}"#;
    let records = ["[1,2]", "[3,0,4]", "[]", "[2]"];
    let outcome = batch(config, &records.concat(), &[5, 12, 14, 17]);
    assert_eq!(outcome.event_counts, [2, 0, 0, 1]);
    assert_eq!(outcome.data, br#"{"n":1}{"n":2}{"n":2}"#);
    assert_eq!(outcome.data_ends, [7, 14, 21]);
    let partition = |value: &str| vec![("n".to_owned(), value.to_owned())];
    assert_eq!(outcome.partitions, [partition("1"), partition("2")]);
    assert_eq!(outcome.partition_indexes, [0, 1, 1]);
    let [(1, rejection)] = &outcome.rejections[..] else {
        panic!("{:?}", outcome.rejections);
    };
    assert_eq!((rejection.code(), rejection.message()), ("zero", "no"));
}

#[test]
fn ends_that_do_not_fit_are_empty_records() {
    let outcome = batch(r#"{"program":"."}"#, "{}", &[2, 1, 9]);
    assert_eq!(outcome.event_counts, [1, 0, 0]);
    assert_eq!(outcome.rejections.len(), 2);
}

#[test]
fn the_enrichment_can_be_written_in_jq() {
    let program = r#"(.event_name / ":") as [$type, $subtype]
        | . + {created_datetime: (.created_at | todate), event_type: $type, event_subtype: $subtype}"#;
    let record = r#"{"event_name":"lesson:started","created_at":1700000000.250}"#;
    let event = r#"{"event_name":"lesson:started","created_at":1700000000.250,"created_datetime":"2023-11-14T22:13:20.25Z","event_type":"lesson","event_subtype":"started"}"#;
    assert_eq!(transform(program, record).unwrap(), [event]);
}
