use crate::testing::Tester;
use crate::{Description, Events, Read, Record, Rejection, Routes, TimeFormat, Transform, Write};

const AT: Read = Read::value(0, "at");
const NAME: Read = Read::value(1, "name");
/// A constant with a format of its own.
const DONE_AT: Read = Read::value(2, "done_at").with_time_format(TimeFormat::Milliseconds);
const TIMES: Write = Write::new(0, "times");

/// Shows the moments of a record. Its configuration is the name of the first member and its format.
#[derive(Debug)]
struct Show(Read);

impl Transform for Show {
    fn describe() -> Description {
        Description {
            name: "show",
            version: "1.0.0",
            summary: "Shows moments",
            config_schema: "",
        }
    }

    fn configure(config: &str) -> Result<Self, String> {
        let Some((name, format)) = config.split_once(' ') else {
            return Ok(Self(AT));
        };
        let read = AT
            .with_name(name.to_owned())
            .with_time_format(format.parse()?);
        Ok(Self(read))
    }

    fn reads(&self) -> Vec<Read> {
        vec![self.0, NAME.with_name("title".to_owned()), DONE_AT]
    }

    fn writes(&self) -> Vec<Write> {
        vec![TIMES]
    }

    fn transform(&self, record: &Record<'_>, events: &mut Events) -> Result<(), Rejection> {
        let at = record.time(&AT)?;
        let title = record.optional_text(&NAME)?.unwrap_or_default();
        let done = record.optional_time(&DONE_AT)?;
        let done = done.map_or_else(String::new, |done| done.to_string());
        let mut event = events.empty_event(Routes::LAKE, &[]);
        event.set_text(&TIMES, &format!("{at} {title} {done}"));
        Ok(())
    }
}

fn shown(config: &str, record: &str) -> String {
    match Tester::<Show>::new(config).unwrap().transform(record) {
        Ok(events) => {
            let event: serde_json::Value = serde_json::from_str(&events[0].json).unwrap();
            event["times"].as_str().unwrap().to_owned()
        }
        Err(rejection) => format!("{}: {}", rejection.code(), rejection.message()),
    }
}

#[test]
fn a_constant_reads_the_member_that_it_is_declared_as() {
    let moment = "2023-11-14T22:13:20.25Z";
    for (config, record) in [
        ("", r#"{"at":1700000000.25}"#),
        ("at seconds", r#"{"at":1700000000.25}"#),
        ("ts seconds", r#"{"ts":1700000000.25,"at":"another"}"#),
        ("ts milliseconds", r#"{"ts":1700000000250}"#),
        ("ts microseconds", r#"{"ts":1700000000250000}"#),
        ("ts iso8601", r#"{"ts":"2023-11-14 23:13:20.25+01:00"}"#),
        ("ts auto", r#"{"ts":1700000000250}"#),
        ("ts auto", r#"{"ts":"2023-11-14T22:13:20.25Z"}"#),
    ] {
        assert_eq!(shown(config, record), format!("{moment}  "), "{config}");
    }
    let record = r#"{"at":0,"name":1,"title":"x","done_at":1500}"#;
    let expected = "1970-01-01T00:00:00Z x 1970-01-01T00:00:01.5Z";
    assert_eq!(shown("", record), expected);
}

#[test]
fn rejections_name_the_member_and_the_value() {
    let iso = "a time in ISO 8601 with an offset, such as 2023-11-14T22:13:20Z or 2023-11-14T23:13:20+01:00";
    let auto = "a number of seconds, milliseconds or microseconds since 1970, or a time in ISO 8601 with an offset, \
                such as 2023-11-14T22:13:20Z";
    let milliseconds = "a number of milliseconds since 1970";
    for (config, record, expected) in [
        ("ts iso8601", r#"{"at":"x"}"#, "missing_field: ts: missing".to_owned()),
        (
            "ts iso8601",
            r#"{"ts":1,"ts":2}"#,
            "duplicate_field: ts: found more than once".to_owned(),
        ),
        (
            "ts seconds",
            r#"{"ts":"1"}"#,
            "invalid_field: ts: expected a number of seconds since 1970, found a string".to_owned(),
        ),
        (
            "ts seconds",
            r#"{"ts":1e400}"#,
            "invalid_field: ts: out of range, the years 0000 to 9999 are supported".to_owned(),
        ),
        (
            "ts iso8601",
            r#"{"ts":"2023-11-14"}"#,
            format!(r#"invalid_field: ts: expected {iso}, found "2023-11-14""#),
        ),
        (
            "my\tts iso8601",
            r#"{"my\tts":null}"#,
            format!(r#"invalid_field: "my\tts": expected {iso}, found null"#),
        ),
        (
            "ts iso8601",
            r#"{"ts":"9999-12-31T23:59:59-00:01"}"#,
            format!(
                r#"invalid_field: ts: out of range, expected {iso}, in the years 0000 to 9999, found "9999-12-31T23:59:59-00:01""#
            ),
        ),
        (
            "ts milliseconds",
            r#"{"ts":{"a":1}}"#,
            format!("invalid_field: ts: expected {milliseconds}, found an object"),
        ),
        (
            "ts milliseconds",
            r#"{"ts":1700000000000000000}"#,
            format!(
                "invalid_field: ts: out of range, expected {milliseconds}, in the years 0000 to 9999, \
                 found 1700000000000000000"
            ),
        ),
        (
            "ts auto",
            r#"{"ts":1700000000000000000}"#,
            "invalid_field: ts: out of range, numbers below 10^17 in the years 0000 to 9999 are supported, \
             found 1700000000000000000"
                .to_owned(),
        ),
        (
            "ts auto",
            r#"{"ts":"9999-12-31T23:59:59-00:01"}"#,
            format!(
                r#"invalid_field: ts: out of range, expected {auto}, in the years 0000 to 9999, found "9999-12-31T23:59:59-00:01""#
            ),
        ),
        (
            "ts auto",
            r#"{"ts":"\ud800"}"#,
            format!(r#"invalid_field: ts: expected {auto}, found "\ud800""#),
        ),
        (
            "",
            r#"{"at":0,"title":7}"#,
            "invalid_field: title: expected a string, found a number".to_owned(),
        ),
        (
            "",
            r#"{"at":0,"title":"\udc00"}"#,
            "invalid_field: title: expected text, found an unpaired surrogate escape".to_owned(),
        ),
        (
            "",
            r#"{"at":0,"done_at":"x"}"#,
            format!(r#"invalid_field: done_at: expected {milliseconds}, found "x""#),
        ),
        (
            "",
            r#"{"at":0,"done_at":null,"done_at":1}"#,
            "duplicate_field: done_at: found more than once".to_owned(),
        ),
    ] {
        assert_eq!(shown(config, record), expected, "{config}");
    }
}

#[test]
fn a_long_value_is_cut_in_a_message() {
    for letter in ["x", "é", "😀"] {
        let record = format!(r#"{{"ts":"{}"}}"#, letter.repeat(1_000));
        let message = shown("ts iso8601", &record);
        assert!(message.ends_with(&format!("{letter}…")), "{message}");
        assert!(message.len() < 250, "{message}");
    }
    let record = format!(r#"{{"ts":{}}}"#, "9".repeat(1_000));
    assert!(shown("ts milliseconds", &record).ends_with("999…"));
}

#[test]
fn a_constant_is_declared_with_another_name_or_format() {
    let declared = [AT.with_time_format(TimeFormat::Iso8601)];
    assert!(AT.is_in(&declared) && !AT.is_seconds_in(&declared));
    assert!(AT.is_seconds_in(&[AT.with_name("ts".to_owned())]));
    let other = Read::value(0, "ts");
    assert!(!other.is_in(&[AT.with_name("ts".to_owned())]));
    assert!(!other.is_in(&declared) && !other.is_seconds_in(&declared));
    let kind = Read::kind(0, "at");
    assert!(!AT.is_seconds_in(&[kind]) && !kind.is_in(&declared));
}

const WRONG: Read = Read::value(0, "name");

/// Declares another read than it uses.
struct Wrong;

impl Transform for Wrong {
    fn describe() -> Description {
        Show::describe()
    }

    fn configure(_config: &str) -> Result<Self, String> {
        Ok(Self)
    }

    fn reads(&self) -> Vec<Read> {
        vec![WRONG.with_time_format(TimeFormat::Auto)]
    }

    fn writes(&self) -> Vec<Write> {
        Vec::new()
    }

    fn transform(&self, record: &Record<'_>, _events: &mut Events) -> Result<(), Rejection> {
        record.time(&AT).map(|_| ())
    }
}

#[test]
#[should_panic(expected = "`at` is read, but is not the item 0")]
fn a_time_that_is_not_declared_is_a_panic() {
    let _ = Tester::<Wrong>::new("").unwrap().transform(r#"{"name":1}"#);
}
