//! An event has the same hash however it is written, and another one than other events.

use proptest::prelude::*;

use super::events::{event, schema};
use crate::{EventHasher, Mapper, is_same_event};

fn hash(event: &str) -> u128 {
    EventHasher::default().hash(1, event.as_bytes())
}

#[test]
fn how_an_event_is_written_makes_no_difference() {
    let one = r#"{"a":{"x":"é/","y":[1.50,null]},"b":"","a\u0062":true}"#;
    let other =
        "{ \"ab\" : true, \"b\":\"\" ,\t\"a\":{\"y\":[ 1.50 , null],\"x\":\"\\u00e9\\/\"}}\n";
    assert!(is_same_event(one.as_bytes(), other.as_bytes()));
    assert_eq!(hash(one), hash(other));
}

#[test]
fn each_difference_counts() {
    let events = [
        r#"{"a":1,"b":[1,[2]]}"#,
        r#"{"a":1,"b":[[1],2]}"#,
        r#"{"a":1,"b":[1,2]}"#,
        r#"{"a":1.0,"b":[1,2]}"#,
        r#"{"a":"1","b":[1,2]}"#,
        r#"{"a":1,"a":2}"#,
        r#"{"a":2,"a":1}"#,
        r#"{"a":{"b":1}}"#,
        r#"{"a":{},"b":1}"#,
        r#"{"a":"\ud800"}"#,
        r#"{"a":"\ud801"}"#,
        r#"{"a":null}"#,
        "{}",
        "[]",
        "1",
        "",
        "{",
    ];
    for (at, one) in events.iter().enumerate() {
        for other in &events[at + 1..] {
            assert_ne!(hash(one), hash(other), "{one} {other}");
        }
    }
    let mut hasher = EventHasher::default();
    assert_ne!(hasher.hash(1, b"{}"), hasher.hash(2, b"{}"));
}

/// As deep as JSON can be, and different only there.
#[test]
fn deep_events_are_hashed_by_their_bytes() {
    let deep = |inner: &str| format!("{{\"a\":{}{inner}{}}}", "[".repeat(300), "]".repeat(300));
    let (one, other, spaced) = (deep("1"), deep("2"), deep(" 1"));
    for (one, other) in [(&one, &one), (&one, &other), (&one, &spaced)] {
        let is_same = is_same_event(one.as_bytes(), other.as_bytes());
        assert_eq!(hash(one) == hash(other), is_same);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn events_have_the_same_hash_if_they_are_the_same(one in event(), other in event()) {
        let is_same = is_same_event(one.as_bytes(), other.as_bytes());
        prop_assert_eq!(hash(&one) == hash(&other), is_same, "{}\n{}", one, other);
    }

    #[test]
    fn an_event_that_was_put_together_again_has_its_hash(schema in schema(), event in event()) {
        let mapper = Mapper::new(&schema);
        let row = mapper.map(event.as_bytes()).unwrap();
        let again = mapper.assemble(&row.values, row.rest.as_deref()).unwrap();
        prop_assert_eq!(hash(&event), hash(&again), "{}\n{}", event, again);
    }
}
