//! Declarations: those at the limits of the contract, and those over them, which fail admission.

use serde_json::{Map, Value};

use super::value;
use crate::support::guests::{Tiny, rogue};
use crate::support::outcomes::{
    CallMode, batch, by_each_call, limits, obeyed, record_outcomes, shared, try_admit,
};

/// Checks that admission fails at the step `declare` with these parts in its message.
fn fails(component: &[u8], config: &str, parts: &[&str]) {
    let error = try_admit(component, config, &limits());
    let error = error
        .err()
        .unwrap_or_else(|| panic!("{config} was admitted"));
    assert_eq!(error.step(), "declare", "{config}: {error}");
    let error = error.to_string();
    assert!(error.starts_with("declare: "), "{error}");
    assert!(error.len() < 4_096, "{} bytes: {error:.200}", error.len());
    for part in parts {
        assert!(error.contains(part), "{config}: {part:?} is not in {error}");
    }
}

#[test]
fn a_declaration_over_the_limits_fails_admission() {
    for (declare, parts) in [
        ("read_twice", &[r#""n""#][..]),
        ("write_twice", &[r#""also""#]),
        ("too_many_reads", &["257", "256"]),
        ("too_many_writes", &["257", "256"]),
        ("long_read", &["1025", "1024"]),
        ("long_write", &["1025", "1024"]),
        ("trap", &["declare", "trap"]),
        ("loop", &["declare", "out_of_fuel"]),
    ] {
        let config = format!(r#"{{"declare":"{declare}"}}"#);
        fails(&rogue().by_fields, &config, parts);
        fails(&rogue().by_all, &config, parts);
    }
}

/// `declare` comes after `configure`.
#[test]
fn a_rejected_configuration_is_found_first() {
    let config = r#"{"configure":"reject","declare":"read_twice"}"#;
    let error = try_admit(&rogue().by_fields, config, &limits())
        .err()
        .unwrap();
    assert_eq!(error.step(), "configure", "{error}");
}

/// Results of `declare` that are not values of the contract. Memory from 64 on is zero.
const MISDEEDS: &[&str] = &[
    "i32.const -4",
    "i32.const 66",
    "i32.const 655360",
    // Reads: 4 Gi, over the end of the memory, not aligned.
    "(i32.store (i32.const 68) (i32.const -1)) i32.const 64",
    "(i32.store (i32.const 64) (i32.const 655350)) (i32.store (i32.const 68) (i32.const 1))
        i32.const 64",
    "(i32.store (i32.const 64) (i32.const 129)) (i32.store (i32.const 68) (i32.const 1))
        i32.const 64",
    // A name that is not UTF-8, and one of 4 GiB.
    "(i32.store (i32.const 64) (i32.const 128)) (i32.store (i32.const 68) (i32.const 1))
        (i32.store (i32.const 128) (i32.const 200)) (i32.store (i32.const 132) (i32.const 1))
        (i32.store8 (i32.const 200) (i32.const 255)) i32.const 64",
    "(i32.store (i32.const 64) (i32.const 128)) (i32.store (i32.const 68) (i32.const 1))
        (i32.store (i32.const 132) (i32.const -1)) i32.const 64",
    // `wanted` of no case.
    "(i32.store (i32.const 64) (i32.const 128)) (i32.store (i32.const 68) (i32.const 1))
        (i32.store8 (i32.const 136) (i32.const 7)) i32.const 64",
    // 40,000 empty names, as reads and as writes.
    "(i32.store (i32.const 64) (i32.const 1024)) (i32.store (i32.const 68) (i32.const 40000))
        i32.const 64",
    "(i32.store (i32.const 72) (i32.const 1024)) (i32.store (i32.const 76) (i32.const 40000))
        i32.const 64",
    // Two empty names.
    "(i32.store (i32.const 64) (i32.const 1024)) (i32.store (i32.const 68) (i32.const 2))
        i32.const 64",
    // A name of 600,000 bytes.
    "(i32.store (i32.const 72) (i32.const 128)) (i32.store (i32.const 76) (i32.const 1))
        (memory.fill (i32.const 1024) (i32.const 10) (i32.const 600000))
        (i32.store (i32.const 128) (i32.const 1024)) (i32.store (i32.const 132) (i32.const 600000))
        i32.const 64",
];

#[test]
fn a_result_that_is_not_a_declaration_fails_admission() {
    for misdeed in MISDEEDS {
        fails(&Tiny::declaring(misdeed).component(), "{}", &[]);
    }
    let nothing = Tiny::declaring("i32.const 64").component();
    assert!(try_admit(&nothing, "{}", &limits()).is_ok());
}

#[test]
fn a_transform_may_read_and_write_nothing() {
    let release = shared(&rogue().by_fields, r#"{"declare":"nothing"}"#);
    let records = batch(&[r#"{"command":"trap"}"#, " { } ", "[", r#"{"n":1}"#]);
    for (call, outcome) in by_each_call(&release, &records) {
        let outcome = outcome.unwrap();
        let found = record_outcomes(&records, &outcome);
        let landed = outcome.events.iter();
        let landed: Vec<_> = landed.map(|event| outcome.event_data(event)).collect();
        let expected: [&[u8]; 3] = [br#"{"command":"trap"}"#, b" { } ", br#"{"n":1}"#];
        assert_eq!(landed, expected, "{call}");
        assert_eq!(found[2].word(), "invalid_json", "{call}");
    }
}

#[test]
fn a_transform_may_read_and_write_256_members() {
    let release = shared(&rogue().by_fields, r#"{"declare":"most"}"#);
    let mut record = Map::new();
    for n in (0..300).rev() {
        record.insert(format!("r{n}"), n.into());
    }
    record.insert("w0".to_owned(), "old".into());
    record.insert("w256".to_owned(), "kept".into());
    let text = Value::from(record.clone()).to_string();
    let mut expected = record;
    for n in 0..256 {
        expected.insert(format!("w{n}"), n.into());
    }
    for mode in [CallMode::Usual, CallMode::PerFieldRecord] {
        let found = obeyed(&release, mode, &[&text, &text]);
        for outcome in &found {
            assert_eq!(value(outcome), Value::from(expected.clone()), "{mode:?}");
        }
    }
}

/// Names are escaped in the event, and compared decoded in the record.
#[test]
fn names_may_be_any_text() {
    let release = shared(&rogue().by_fields, r#"{"declare":"odd"}"#);
    let names = ["", "\"", "\\", "a\nb", "\u{0}", "é", "😀", "\u{2028}", " "];
    let longest = "x".repeat(1_020);
    let names: Vec<_> = names.into_iter().chain([&*longest]).collect();
    let mut members = Map::new();
    for (n, name) in names.iter().enumerate() {
        members.insert((*name).to_owned(), n.into());
        members.insert(format!("new {name}"), "old".into());
    }
    // As serde_json escapes it, and with all escaped that can be.
    let short = Value::from(members.clone()).to_string();
    let member = |(name, value): (&String, &Value)| format!("\"{}\":{value}", escaped(name));
    let long: Vec<_> = members.iter().map(member).collect();
    let long = format!("{{{}}}", long.join(","));
    for (n, name) in names.iter().enumerate() {
        members.insert(format!("new {name}"), n.into());
    }
    for record in [short, long] {
        let found = obeyed(&release, CallMode::Usual, &[&record]);
        assert_eq!(value(&found[0]), Value::from(members.clone()), "{record}");
    }
}

fn escaped(text: &str) -> String {
    let units = text.encode_utf16();
    units.map(|unit| format!("\\u{unit:04x}")).collect()
}
