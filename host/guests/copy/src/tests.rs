use sluice_transform::Routes;
use sluice_transform::testing::{TestEvent, Tester};

use super::*;

fn run(config: &str, record: &str) -> Result<TestEvent, Rejection> {
    let tester = Tester::<CopyTransform>::new(config).unwrap();
    let [event] = tester.transform(record)?.try_into().unwrap();
    Ok(event)
}

/// The code and the message of the rejection.
fn rejected(config: &str, record: &str) -> String {
    let rejection = run(config, record).unwrap_err();
    format!("{}: {}", rejection.code(), rejection.message())
}

#[test]
fn an_event_is_its_record() {
    for record in [
        "{}",
        r#" {"n" : 1.50,"big":9007199254740993,"a":[ 1,{"\u0061":"\/"} ],"e":1E5} "#,
    ] {
        let event = run("{}", record).unwrap();
        assert_eq!(event.json, record);
        assert_eq!(event.partition, "");
        assert_eq!(event.routes, Routes::LAKE | Routes::BUS);
    }
    assert_eq!(run("{}", "{\n\"a\":1}").unwrap().json, r#"{ "a":1}"#);
}

#[test]
fn members_are_columns() {
    let record = r#"{"eventType":"a/b","hour":7,"ok":true}"#;
    for (config, partition) in [
        (r#"{"partition_by":["hour"]}"#, "hour=7"),
        (r#"{"partition_by":["ok","hour"]}"#, "ok=true/hour=7"),
        (
            r#"{"partition_by":[{"column":"event_type","member":"eventType"},"hour"]}"#,
            "event_type=a%2Fb/hour=7",
        ),
        (r#"{"partition_by":[]}"#, ""),
    ] {
        let event = run(config, record).unwrap();
        assert_eq!(event.partition, partition, "{config}");
        assert_eq!(event.json, record);
    }
}

#[test]
fn routes_are_those_of_the_configuration() {
    for (config, routes) in [
        (r#"{"routes":["lake"]}"#, Routes::LAKE),
        (r#"{"routes":["bus"]}"#, Routes::BUS),
        (r#"{"routes":["bus","lake"]}"#, Routes::LAKE | Routes::BUS),
    ] {
        assert_eq!(run(config, "{}").unwrap().routes, routes);
    }
}

#[test]
fn records_without_a_partition_are_rejected() {
    let config = r#"{"partition_by":["a","b"]}"#;
    for (record, expected) in [
        (
            r#"{"a":1}"#,
            "missing_partition_field: b: missing, and events are partitioned by it",
        ),
        (
            r#"{"b":1,"a":{"b":1}}"#,
            "invalid_partition_field: a: expected a text, a number or a boolean, found an object",
        ),
        (
            r#"{"a":1,"b":2,"a":1}"#,
            "duplicate_field: a: found more than once",
        ),
        (
            "[]",
            "not_an_object: expected a JSON object, found an array",
        ),
    ] {
        assert_eq!(rejected(config, record), expected);
    }
    assert!(rejected(config, "{").starts_with("invalid_json: "));
}

#[test]
fn a_configuration_that_is_wrong_is_rejected() {
    for (config, part) in [
        (r#"{"partition":["a"]}"#, "unknown field `partition`"),
        (r#"{"partition_by":"a"}"#, "expected a sequence"),
        (
            r#"{"partition_by":[1]}"#,
            "partition_by: expected the name of a member, or an object with",
        ),
        (
            r#"{"partition_by":[{"column":"a","member":"b","more":1}]}"#,
            "partition_by: expected the name of a member, or an object with",
        ),
        (
            r#"{"partition_by":["a","eventType"]}"#,
            "partition_by[1]: \"eventType\" is no column: ",
        ),
        (r#"{"routes":[]}"#, "routes: "),
        (r#"{"routes":["sea"]}"#, "routes: "),
    ] {
        let error = CopyTransform::configure(config).unwrap_err();
        assert!(error.contains(part), "{config}: {error}");
    }
}
