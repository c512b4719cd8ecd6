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
    assert_eq!(rejection.code, "missing_field");
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

/// Declares its only write with a wrong number, or returns what the contract does not allow.
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
        let partition: &[(&str, &str)] = match self.0.as_str() {
            "code" => return Err(Rejection::new("Wrong Code", "")),
            "name" => &[("1a", "")],
            "names" => &[("a", "1"), ("a", "2")],
            "value" => &[("a", "__HIVE_DEFAULT_PARTITION__")],
            _ => &[],
        };
        events.event(BOTH, partition);
        Ok(())
    }
}

fn run(config: &str) {
    let _ = Tester::<Wrong>::new(config).unwrap().transform("{}");
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
    run("code");
}

#[test]
#[should_panic(expected = "the partition column \"1a\" is not")]
fn a_wrong_column_is_found() {
    run("name");
}

#[test]
#[should_panic(expected = "the partition has the column \"a\" twice")]
fn a_repeated_column_is_found() {
    run("names");
}

#[test]
#[should_panic(expected = "stands for no value")]
fn a_forbidden_value_is_found() {
    run("value");
}
