use sluice_transform::partition::check_column;
use sluice_transform::testing::Tester;
use sluice_transform::{TimeFormat, Transform as _};

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
        (r#"{"id_member":null}"#, "invalid type: null"),
        (r#"{"name_member":1}"#, "invalid type: integer"),
        (
            r#"{"time_format":"days"}"#,
            r#"time_format: expected one of "seconds", "milliseconds", "microseconds", "iso8601", "auto", found "days""#,
        ),
        (
            r#"{"id_member":"x","name_member":"x"}"#,
            r#"name_member: "x" is the name of id_member too; each needs a member of its own"#,
        ),
        (
            r#"{"id_member":"created_at"}"#,
            r#"time_member: "created_at" is the name of id_member too"#,
        ),
        (
            r#"{"id_member":"event_type"}"#,
            r#"id_member: events would lose their id, because the transform sets "event_type""#,
        ),
        ("[]", "expected a JSON object, found an array"),
        ("null", "expected a JSON object, found null"),
        ("", "EOF"),
    ] {
        let error = Enrichment::configure(config).unwrap_err();
        assert!(error.contains(part), "{config}: {error}");
    }
}

/// The event of a record, or the code and the message of its rejection.
fn run(config: &str, record: &str) -> String {
    match Tester::<Enrichment>::new(config).unwrap().transform(record) {
        Ok(mut events) => events.remove(0).json,
        Err(rejection) => format!("{}: {}", rejection.code(), rejection.message()),
    }
}

const NAMES: &str = r#"{"id_member":"id","name_member":"type","time_member":"my time"}"#;

#[test]
fn members_have_the_names_of_the_configuration() {
    let record =
        r#"{"id":"u","type":"a:b","my time":0,"event_uuid":1,"event_name":[],"created_at":"x"}"#;
    let added =
        r#","created_datetime":"1970-01-01T00:00:00Z","event_type":"a","event_subtype":"b"}"#;
    assert_eq!(run(NAMES, record), record.replace('}', added));
    // Names can be exchanged.
    let config = r#"{"id_member":"event_name","name_member":"event_uuid"}"#;
    let record = r#"{"event_name":"u","event_uuid":"a:b","created_at":0}"#;
    assert_eq!(run(config, record), record.replace('}', added));
}

#[test]
fn rejections_name_the_configured_members() {
    for (record, expected) in [
        ("{}", "missing_field: id: missing"),
        (
            r#"{"id":"u","type":"a","my time":0,"id":1}"#,
            "duplicate_field: id: found more than once",
        ),
        (
            r#"{"id":1}"#,
            "invalid_field: id: expected a string, found a number",
        ),
        (
            r#"{"id":"u","type":{}}"#,
            "invalid_field: type: expected a string, found an object",
        ),
        (
            r#"{"id":"u","type":":b"}"#,
            "invalid_field: type: expected an event type before the first colon, found none",
        ),
        (
            r#"{"id":"u","type":"\ud800"}"#,
            "invalid_field: type: expected text, found an unpaired surrogate escape",
        ),
        (
            r#"{"id":"u","type":"a"}"#,
            r#"missing_field: "my time": missing"#,
        ),
        (
            r#"{"id":"u","type":"a","my time":"0"}"#,
            r#"invalid_field: "my time": expected a number of seconds since 1970, found a string"#,
        ),
        (
            r#"{"id":"u","type":"a","my time":1700000000000}"#,
            "invalid_field: \"my time\": out of range, it looks like milliseconds; a number of seconds since 1970 is \
             expected",
        ),
    ] {
        assert_eq!(run(NAMES, record), expected, "{record}");
    }
}

/// A member that is both read and set has the new value in the event.
#[test]
fn a_name_and_a_time_can_be_replaced() {
    let config =
        r#"{"name_member":"event_type","time_member":"created_datetime","time_format":"iso8601"}"#;
    let record = r#"{"event_uuid":"u","event_type":"a:b","created_datetime":"1970-01-01 01:00:00.50+01:00"}"#;
    let event = r#"{"event_uuid":"u","created_datetime":"1970-01-01T00:00:00.5Z","event_type":"a","event_subtype":"b"}"#;
    assert_eq!(run(config, record), event);
    let twice = r#"{"event_uuid":"u","event_type":"a","created_datetime":1,"event_type":"b"}"#;
    assert_eq!(
        run(config, twice),
        "duplicate_field: event_type: found more than once"
    );
}

#[test]
fn times_have_the_format_of_the_configuration() {
    for (format, time) in [
        ("seconds", "1700000000.5"),
        ("milliseconds", "1700000000500"),
        ("microseconds", "1700000000500000"),
        ("iso8601", r#""2023-11-14T23:13:20.5+01:00""#),
        ("auto", "1700000000.5"),
        ("auto", "1700000000500"),
        ("auto", "1700000000500000"),
        ("auto", r#""2023-11-14T22:13:20.500Z""#),
    ] {
        let config = format!(r#"{{"time_format":"{format}","partition_by":["date","hour"]}}"#);
        let tester = Tester::<Enrichment>::new(&config).unwrap();
        let record = format!(r#"{{"event_uuid":"u","event_name":"a","created_at":{time}}}"#);
        let [event] = tester.transform(&record).unwrap().try_into().unwrap();
        let created = r#""created_datetime":"2023-11-14T22:13:20.5Z""#;
        assert!(event.json.contains(created), "{config}: {}", event.json);
        assert_eq!(event.partition, "event_type=a/date=2023-11-14/hour=22");
    }
}

#[test]
fn a_time_in_another_format_is_rejected_with_its_value() {
    for (format, time, why) in [
        ("iso8601", "0", "found 0"),
        ("iso8601", r#""yesterday""#, r#"found "yesterday""#),
        (
            "milliseconds",
            r#""1700000000500""#,
            r#"found "1700000000500""#,
        ),
        (
            "microseconds",
            "1e400",
            "in the years 0000 to 9999, found 1e400",
        ),
        ("auto", "null", "found null"),
        ("auto", "1e17", "found 1e17"),
    ] {
        let config = format!(r#"{{"time_format":"{format}"}}"#);
        let record = format!(r#"{{"event_uuid":"u","event_name":"a","created_at":{time}}}"#);
        let found = run(&config, &record);
        assert!(found.starts_with("invalid_field: created_at: "), "{found}");
        assert!(found.ends_with(why), "{found}");
    }
}

/// Without these members, the configuration is that of before.
#[test]
fn the_defaults_are_those_of_the_schema() {
    let defaults = r#"{"id_member":"event_uuid","name_member":"event_name","time_member":"created_at","time_format":"seconds"}"#;
    let schema: serde_json::Value =
        serde_json::from_str(Enrichment::describe().config_schema).unwrap();
    let given: serde_json::Value = serde_json::from_str(defaults).unwrap();
    for (name, value) in given.as_object().unwrap() {
        assert_eq!(schema["properties"][name]["default"], *value, "{name}");
    }
    let formats = TimeFormat::ALL.map(TimeFormat::name);
    assert_eq!(
        schema["properties"]["time_format"]["enum"],
        serde_json::json!(formats)
    );
    let rules = [
        Enrichment::configure("{}").unwrap(),
        Enrichment::configure(defaults).unwrap(),
    ];
    assert_eq!(rules[0], rules[1]);
}

/// Catalogs fold the names of columns to lower case.
#[test]
fn columns_are_names_that_catalogs_keep() {
    let tester = Tester::<Enrichment>::new(r#"{"partition_by":["date","hour"]}"#).unwrap();
    let record = r#"{"event_uuid":"u","event_name":"A","created_at":0}"#;
    let [event] = tester.transform(record).unwrap().try_into().unwrap();
    assert_eq!(event.partition, "event_type=A/date=1970-01-01/hour=00");
    for pair in event.partition.split('/') {
        let (column, _) = pair.split_once('=').unwrap();
        assert_eq!(check_column(column), Ok(()));
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
