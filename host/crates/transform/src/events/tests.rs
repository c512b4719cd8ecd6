use proptest::prelude::*;

use super::*;

const WRITES: [Write; 3] = [Write::new(0, "a"), Write::new(1, "b"), Write::new(2, "c")];

fn events() -> Events {
    Events::new(&WRITES, 1, 0)
}

fn items(events: &Events) -> Vec<&str> {
    let items = 0..events.ends.len();
    items
        .map(|item| std::str::from_utf8(events.value(item)).unwrap())
        .collect()
}

/// The only value that `set` makes.
fn value(set: impl for<'a, 'e> FnOnce(&'a mut Event<'e>) -> &'a mut Event<'e>) -> String {
    let mut events = events();
    set(&mut events.event(Routes::LAKE, &[]));
    String::from_utf8(events.values).unwrap()
}

#[test]
fn values_are_json() {
    let [a, ..] = &WRITES;
    assert_eq!(value(|e| e.set_text(a, "x\n\"é")), r#""x\n\"é""#);
    let raw = RawText::new(br"\u0061\/").unwrap();
    assert_eq!(value(|e| e.set_raw_text(a, raw)), r#""\u0061\/""#);
    assert_eq!(value(|e| e.set_json(a, b"[1, 2]")), "[1, 2]");
    assert_eq!(value(|e| e.set_json(a, "1")), "1");
    assert_eq!(value(|e| e.set_json(a, String::from("{}"))), "{}");
    assert_eq!(value(|e| e.set_bool(a, true)), "true");
    assert_eq!(value(|e| e.set_bool(a, false)), "false");
    assert_eq!(value(|e| e.set_null(a)), "null");
    let time = Timestamp::new(0, 500_000_000).unwrap();
    let expected = r#""1970-01-01T00:00:00.5Z""#;
    assert_eq!(value(|e| e.set_time(a, &time)), expected);
}

#[test]
fn numbers_are_json() {
    let [a, ..] = &WRITES;
    assert_eq!(value(|e| e.set_number(a, u64::MAX)), "18446744073709551615");
    assert_eq!(value(|e| e.set_number(a, i64::MIN)), "-9223372036854775808");
    assert_eq!(value(|e| e.set_number(a, 1.5)), "1.5");
    let of_record = NumberText(b"1.50e0");
    assert_eq!(value(|e| e.set_number(a, of_record)), "1.50e0");
    for number in [0.0, -0.0, 1e300, -1e-300, f64::MIN_POSITIVE, f64::MAX, 0.1] {
        let text = value(|e| e.set_number(a, number));
        assert_eq!(text.parse(), Ok(number), "{text}");
        assert_eq!(
            json_scan::check(text.as_bytes()),
            Ok(json_scan::Kind::Number)
        );
    }
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let text = value(|e| e.set_number(a, number));
        assert!(json_scan::check(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn a_value_that_is_no_json_is_not_taken_for_no_edit() {
    let text = value(|e| e.set_json(&WRITES[0], b""));
    assert!(!text.is_empty() && json_scan::check(text.as_bytes()).is_err());
}

#[test]
fn members_that_are_not_named_are_empty_items() {
    let mut events = events();
    let mark = events.mark();
    events.event(Routes::LAKE, &[]).set_null(&WRITES[1]);
    events.event(Routes::LAKE, &[]);
    events.event(Routes::BUS, &[]).set_null(&WRITES[2]);
    assert_eq!(events.end_record(mark), 3);
    assert_eq!(events.ends, [0, 4, 4, 4, 4, 4, 4, 4, 8]);
    assert_eq!(events.destination_indexes, [0, 0, 1]);
    assert!(events.removed.is_empty() && events.empty_events.is_empty());
}

#[test]
fn a_rejected_record_leaves_nothing() {
    let mut events = events();
    let mark = events.mark();
    events
        .event(Routes::LAKE, &[("x", "kept")])
        .set_null(&WRITES[0])
        .remove(&WRITES[2]);
    assert_eq!(events.end_record(mark), 1);
    let mark = events.mark();
    events
        .empty_event(Routes::LAKE, &[("x", "gone")])
        .set_json(&WRITES[1], b"{}");
    events
        .event(Routes::LAKE, &[("x", "kept")])
        .remove(&WRITES[0]);
    events.take_back(mark);
    assert_eq!(items(&events), ["null", "", ""]);
    assert_eq!(events.removed, [2]);
    assert!(events.empty_events.is_empty() && events.unchecked.is_empty());
    assert_eq!(events.destination_indexes, [0]);
    assert_eq!(events.destinations.len(), 1);
    let mark = events.mark();
    events.event(Routes::LAKE, &[("x", "new")]);
    assert_eq!(events.end_record(mark), 1);
    assert_eq!(events.destination_indexes, [0, 1]);
    assert_eq!(events.ends, [4; 6]);
}

#[test]
#[should_panic(
    expected = "`d` is set or removed, but is not the item 3 of the list that `writes` returns"
)]
fn a_write_that_is_not_declared_is_a_panic() {
    events()
        .event(Routes::LAKE, &[])
        .set_null(&Write::new(3, "d"));
}

#[test]
#[should_panic(expected = "`secret` is set or removed, but is not the item 0")]
fn a_write_with_the_number_of_another_member_is_a_panic() {
    events()
        .event(Routes::LAKE, &[])
        .set_null(&Write::new(0, "secret"));
}

#[test]
#[should_panic(expected = "`secret` is set or removed, but is not the item 2")]
fn a_removal_with_the_number_of_another_member_is_a_panic() {
    events()
        .event(Routes::LAKE, &[])
        .remove(&Write::new(2, "secret"));
}

/// An edit of an event: a value, or the removal.
type Edit = (usize, Option<String>);

fn edits() -> impl Strategy<Value = Vec<Vec<Edit>>> {
    let edit = (0..WRITES.len(), prop::option::of("[a-z]{0,12}"));
    prop::collection::vec(prop::collection::vec(edit, 0..8), 0..5)
}

proptest! {
    /// In whatever order members are set and removed, the last edit of each counts.
    #[test]
    fn the_last_edit_counts(all in edits()) {
        let mut events = events();
        let (mut values, mut removed) = (Vec::new(), Vec::new());
        let mark = events.mark();
        for edits in &all {
            let mut expected = [const { None }; WRITES.len()];
            let mut event = events.event(Routes::BUS, &[]);
            for (write, value) in edits {
                match value {
                    Some(text) => event.set_text(&WRITES[*write], text),
                    None => event.remove(&WRITES[*write]),
                };
                expected[*write] = Some(value);
            }
            for value in expected {
                if value == Some(&None) {
                    removed.push(offset(values.len()));
                }
                let text = value.and_then(Option::as_ref);
                values.push(text.map_or(String::new(), |text| format!("{text:?}")));
            }
        }
        prop_assert_eq!(events.end_record(mark) as usize, all.len());
        prop_assert_eq!(items(&events), values);
        prop_assert_eq!(events.removed, removed);
    }
}
