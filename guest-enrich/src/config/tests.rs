use sluice_transform::Transform as _;
use sluice_transform::testing::Tester;

use crate::Enrichment;

/// The partitions of two events, the second of which is an hour later.
fn partitions(config: &str) -> [String; 2] {
    let tester = Tester::<Enrichment>::new(config).unwrap();
    [1_700_000_000, 1_700_003_600].map(|created_at| {
        let event =
            format!(r#"{{"event_uuid":"u","event_name":"a\u003db:c","created_at":{created_at}}}"#);
        tester.transform(event).unwrap().remove(0).partition
    })
}

#[test]
fn partitions_by_type_and_by_configured_columns() {
    for (config, first, second) in [
        ("{}", "event_type=a%3Db", "event_type=a%3Db"),
        (
            r#"{"partition_by":[]}"#,
            "event_type=a%3Db",
            "event_type=a%3Db",
        ),
        (
            r#"{"partition_by":["date"]}"#,
            "event_type=a%3Db/date=2023-11-14",
            "event_type=a%3Db/date=2023-11-14",
        ),
        (
            r#" {"partition_by": ["hour", "date"]} "#,
            "event_type=a%3Db/hour=22/date=2023-11-14",
            "event_type=a%3Db/hour=23/date=2023-11-14",
        ),
    ] {
        assert_eq!(partitions(config), [first, second], "{config}");
    }
}

#[test]
fn rejects_unknown_configuration() {
    for (config, part) in [
        (r#"{"colour":1}"#, "colour"),
        (
            r#"{"partition_by":["week"]}"#,
            "partition_by: unknown variant `week`",
        ),
        (
            r#"{"partition_by":["date","date"]}"#,
            "partition_by: `date` is given more than once",
        ),
        (r#"{"partition_by":"date"}"#, "partition_by: invalid type"),
        (r#"{"partition_by":null}"#, "partition_by: invalid type"),
        (
            r#"{"partition_by":[],"partition_by":[]}"#,
            "duplicate field `partition_by`",
        ),
        ("[]", "expected a JSON object, found an array"),
        ("null", "expected a JSON object, found null"),
        ("", "EOF"),
    ] {
        let error = Enrichment::configure(config).unwrap_err();
        assert!(error.contains(part), "{config}: {error}");
    }
}

#[test]
fn schema_is_json() {
    let schema = Enrichment::describe().config_schema;
    assert_eq!(
        json_scan::check(schema.as_bytes()),
        Ok(json_scan::Kind::Object)
    );
}
