use crate::sample::{BOTH, Sample};
use crate::{Description, Events, Read, Record, Write};

use super::*;

#[test]
fn shows_events_and_rejections() {
    let tester = Tester::<Sample>::new("{}").unwrap();
    let events = tester.transform(r#"{"id":"x","do":"keep"}"#).unwrap();
    let expected = TestEvent {
        json: r#"{"id":"x","do":"keep"}"#.to_owned(),
        partition: "do=keep".to_owned(),
        routes: BOTH,
    };
    assert_eq!(events, [expected]);
    let rejection = tester.transform("{}").unwrap_err();
    assert_eq!(rejection.code(), "missing_field");
    assert!(
        tester
            .transform(r#"{"id":"x","do":"drop"}"#)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_configuration_can_be_wrong() {
    let error = Tester::<Sample>::new("[]").unwrap_err();
    assert_eq!(error, "this transform has no configuration");
}

/// Declares its only write with a wrong number, or does what a record says.
#[derive(Debug)]
struct Wrong(String);

impl Transform for Wrong {
    fn describe() -> Description {
        Sample::describe()
    }

    fn configure(config: &str) -> Result<Self, String> {
        Ok(Self(config.to_owned()))
    }

    fn reads(&self) -> Vec<Read> {
        Vec::new()
    }

    fn writes(&self) -> Vec<Write> {
        let number = if self.0 == "number" { 1 } else { 0 };
        vec![Write::new(number, "x")]
    }

    fn transform(&self, _record: &Record<'_>, events: &mut Events) -> Result<(), Rejection> {
        let (long, longest) = ("x".repeat(250), "x".repeat(253));
        let partition: &[(&str, &str)] = match self.0.as_str() {
            "code" => return Err(Rejection::new("Wrong Code", "")),
            "message" => return Err(Rejection::new("long", "é".repeat(600))),
            "name" => &[("1a", "")],
            "names" => &[("a", "1"), ("a", "2")],
            "value" => &[("a", "__HIVE_DEFAULT_PARTITION__")],
            "encoded" => &[("a", "a/b%\n é"), ("b", "")],
            "longest" => &[("a", &longest)],
            "too long" => &[("ab", &longest)],
            "too deep" => &[("a", &long), ("b", &long), ("c", &long)],
            _ => &[],
        };
        let routes = if self.0 == "bus" { Routes::BUS } else { BOTH };
        events.event(routes, partition);
        Ok(())
    }
}

fn run_with(config: &str, record: &str) -> Result<TestEvent, Rejection> {
    let events = Tester::<Wrong>::new(config).unwrap().transform(record)?;
    let [event] = events.try_into().unwrap();
    Ok(event)
}

/// The partition, or the code and the message of the rejection.
fn run(config: &str) -> Result<String, String> {
    match run_with(config, "{}") {
        Ok(event) => Ok(event.partition),
        Err(rejection) => Err(format!("{}: {}", rejection.code(), rejection.message())),
    }
}

fn fails(config: &str, expected: &str) {
    assert_eq!(run(config), Err(expected.to_owned()), "{config}");
}

#[test]
fn a_wrong_number_is_found() {
    let error = Tester::<Wrong>::new("number").unwrap_err();
    assert_eq!(
        error,
        "writes: `x` has the number 1, but place 0 in the list"
    );
}

#[test]
#[should_panic(expected = "the code \"Wrong Code\" is not")]
fn a_wrong_code_is_found() {
    let _ = run("code");
}

#[test]
fn a_partition_is_encoded_as_in_the_lake() {
    let path = "a=a%2Fb%25%0A é/b=__HIVE_DEFAULT_PARTITION__";
    assert_eq!(run("encoded"), Ok(path.to_owned()));
    assert_eq!(run("longest").unwrap().len(), 255);
}

#[test]
fn an_invalid_partition_is_what_a_run_makes_of_it() {
    let name = "invalid_output: partition name \"1a\" is not a letter followed by up to 63 letters, digits and '_'";
    fails("name", name);
    fails("names", "invalid_output: partition name \"a\" occurs twice");
    let value = "invalid_output: partition \"a\": its value is __HIVE_DEFAULT_PARTITION__, which readers take for NULL; \
                 return an empty value if there is none, and another text if there is one";
    fails("value", value);
    let long =
        "invalid_output: partition \"ab\": its value takes 256 bytes in a path, at most 255 fit";
    fails("too long", long);
    let deep = "invalid_output: the partition's path takes 758 bytes or more, at most 624 fit";
    fails("too deep", deep);
}

#[test]
fn an_event_that_readers_fail_on_is_what_a_run_makes_of_it() {
    let twice = r#"{"o":{"a":1,"A":2}}"#;
    let rejection = run_with("", twice).unwrap_err();
    assert_eq!(rejection.code(), "not_interoperable");
    let start = "readers of the lake fail on the event at $.o.A: ";
    assert!(rejection.message().starts_with(start), "{rejection:?}");
    assert_eq!(run_with("bus", twice).unwrap().json, twice);
    let rejection = run_with("", r#"{"n":1e400}"#).unwrap_err();
    assert_eq!(rejection.code(), "not_interoperable");
}

#[test]
fn an_event_is_one_line() {
    let event = run_with("", "{\r\n \"a\": \"\\n\",\n\"b\": [\n]}").unwrap();
    assert_eq!(event.json, r#"{   "a": "\n", "b": [ ]}"#);
}

#[test]
fn a_long_message_is_truncated() {
    let message = run("message").unwrap_err();
    assert_eq!(message, format!("long: {}…", "é".repeat(512)));
}
