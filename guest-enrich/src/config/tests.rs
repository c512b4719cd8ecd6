use super::*;
use crate::enrich;

fn partition(config: &str) -> Vec<(String, String)> {
    let event = br#"{"event_uuid":"u","event_name":"a\u003db:c","created_at":1700000000}"#;
    let event = enrich(event, &mut Vec::new()).unwrap();
    Config::parse(config).unwrap().partition(&event)
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = pairs.iter().map(|&(n, v)| (n.to_owned(), v.to_owned()));
    owned.collect()
}

#[test]
fn partitions_by_type_and_by_configured_columns() {
    let by_type = ("event_type", "a=b");
    let date = ("date", "2023-11-14");
    let hour = ("hour", "22");
    assert_eq!(partition("{}"), pairs(&[by_type]));
    assert_eq!(partition(r#"{"partition_by":[]}"#), pairs(&[by_type]));
    assert_eq!(
        partition(r#"{"partition_by":["date"]}"#),
        pairs(&[by_type, date])
    );
    let both = r#" {"partition_by": ["hour", "date"]} "#;
    assert_eq!(partition(both), pairs(&[by_type, hour, date]));
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
        let error = Config::parse(config).unwrap_err();
        assert!(error.contains(part), "{config}: {error}");
    }
}

#[test]
fn schema_is_json() {
    assert_eq!(check(Config::SCHEMA.as_bytes()), Ok(Kind::Object));
}

#[test]
fn different_partitions_have_different_keys() {
    let config = Config::parse(r#"{"partition_by":["date","hour"]}"#).unwrap();
    let key = |name: &str, at: &str| {
        let event = format!(r#"{{"event_uuid":"u","event_name":"a","created_at":{at}}}"#);
        let mut key = Vec::new();
        let event = enrich(event.as_bytes(), &mut Vec::new())
            .map(|e| e.created)
            .map(|created| Enriched {
                event_type: name.as_bytes().to_owned().into(),
                created,
            });
        config.partition_key(&event.unwrap(), &mut key);
        key
    };
    assert_eq!(key("a", "0"), key("a", "3599"));
    assert_ne!(key("a", "0"), key("a", "3600"));
    assert_ne!(key("a", "0"), key("a", "86400"));
    assert_ne!(key("a", "0"), key("b", "0"));
    assert_ne!(key("", "0"), key("1970-01-0100", "0"));
}
