use sluice_schema::{Mapper, Schema};

use super::*;

const SCHEMA: &str = r#"{"version": 1, "columns": [
    {"name": "any", "type": "json"},
    {"name": "city", "type": "string", "path": ["address", "city"]},
    {"name": "items", "type": {"list": {"struct": [{"name": "price", "type": "double"}]}}},
    {"name": "n", "type": "long"},
    {"name": "order", "type": {"struct": [{"name": "id", "type": "string"}, {"name": "total", "type": "double"}]}}
]}"#;

/// Samples all of these events.
fn sample(event_type: Option<&str>, events: &[&str]) -> DriftSample {
    let schema = Schema::parse(SCHEMA.as_bytes()).unwrap();
    let (mapper, watched) = (Mapper::new(&schema), Arc::new(WatchedColumns::new(&schema)));
    let sampling = Sampling {
        event_type,
        events_max: OBJECT_EVENTS_MAX,
    };
    let mut sampler = DriftSampler::new(&watched, sampling, events.len(), 0);
    for event in events {
        sampler.add(event.as_bytes(), &mapper.map_valid(event.as_bytes()));
    }
    sampler.finish()
}

/// The sample of the only type.
fn of_type(events: &[&str]) -> TypeSample {
    let mut types = sample(Some("t"), events).types;
    assert_eq!(types.len(), 1);
    types.remove(0)
}

/// What drifts, as text.
fn drifting(sample: &TypeSample) -> Vec<String> {
    let described = sample.drifting.iter().map(|values| {
        let DriftingValues {
            path,
            drift,
            column_type,
            kind,
            values,
        } = values;
        let column_type = column_type.as_deref().unwrap_or("-");
        format!(
            "{path} {} {column_type} {} {values}",
            drift.name(),
            kind.name()
        )
    });
    described.collect()
}

/// The columns by number: present, absent in a row, structs.
fn columns(sample: &TypeSample) -> Vec<(u32, [u32; 3])> {
    let columns = sample.columns.iter();
    columns
        .map(|column| {
            let counts = [column.present, column.absent_in_row, column.structs];
            (column.column, counts)
        })
        .collect()
}

#[test]
fn members_without_a_column_and_values_of_other_types_are_told_apart() {
    let sample = of_type(&[
        r#"{"n":1,"items":[{"price":1},{"price":"2","note":"x"}],"new":{"a":1}}"#,
        r#"{"n":"1","items":[{"note":"y"},{"note":3}],"address":"x","order":{"id":5}}"#,
        r#"{"n":2.5}"#,
    ]);
    assert_eq!(
        drifting(&sample),
        [
            "address new_type object string 1",
            "items[].note new_path - string 3",
            "items[].price new_type double string 1",
            "n new_type long string 2",
            "new new_path - object 1",
            "order.id new_type string long 1",
        ]
    );
}

#[test]
fn what_queries_do_not_miss_is_no_drift() {
    let sample = of_type(&[
        r#"{"n":null,"items":null,"new":null,"address":{},"order":{"total":1.50}}"#,
        r#"{"n":1.0,"n2":null,"address":{"city":null},"any":"x"}"#,
        r#"{"n":1,"n":2}"#,
    ]);
    assert_eq!(drifting(&sample), [""; 0]);
}

#[test]
fn columns_are_present_unless_they_are_missing_or_null() {
    let sample = of_type(&[
        r#"{"n":1,"any":1,"address":{"city":"x"}}"#,
        r#"{"n":"x","any":null,"order":{"id":"a"}}"#,
        r#"{"n":null,"order":{"total":1,"id":null}}"#,
    ]);
    assert_eq!(sample.events, 3);
    // In the order of the schema: any, city, items, n, order, order.id, order.total.
    assert_eq!(
        columns(&sample),
        [
            (0, [1, 2, 0]),
            (1, [1, 2, 0]),
            (3, [2, 1, 0]),
            (4, [2, 0, 2]),
            (5, [1, 1, 0]),
            (6, [1, 0, 0]),
        ]
    );
}

/// A name that is there twice has a value, if none that a column can have.
#[test]
fn a_column_with_values_of_another_type_has_not_vanished() {
    let sample = of_type(&[
        r#"{"order":[1]}"#,
        r#"{"order":{"id":1}}"#,
        r#"{"n":1,"n":1}"#,
    ]);
    assert_eq!(
        columns(&sample),
        [(3, [1, 0, 0]), (4, [2, 1, 1]), (5, [1, 0, 0])]
    );
}

#[test]
fn the_type_is_that_of_the_object_or_else_of_each_event() {
    let events = [
        r#"{"event_type":"b"}"#,
        "{}",
        r#"{"event_type":"a","n":1}"#,
        "[1]",
    ];
    let found = |of_object| {
        let types = sample(of_object, &events).types.into_iter();
        types
            .map(|of_type| (of_type.event_type, of_type.events))
            .collect::<Vec<_>>()
    };
    let of = |name: &str, events| (name.to_owned(), events);
    assert_eq!(found(Some("t")), [of("t", 3)]);
    assert_eq!(found(None), [of("b", 1), of("", 1), of("a", 1)]);
    let of_array = sample(Some("t"), &["[1]"]).types.remove(0);
    assert_eq!(drifting(&of_array), ["$ new_type object list 1"]);
}

#[test]
fn paths_and_types_that_a_producer_makes_up_are_counted() {
    let member = |n: usize| format!("\"m{n}\":1");
    let members: Vec<_> = (0..1_000).map(member).collect();
    let event = format!("{{{}}}", members.join(","));
    let of_type = of_type(&[&event, &event]);
    assert_eq!(of_type.drifting.len(), PATHS_MAX);
    assert_eq!(of_type.further_values, 2 * (1_000 - PATHS_MAX as u64));

    let event = |n: usize| format!(r#"{{"event_type":"t{n}"}}"#);
    let schema = Schema::parse(SCHEMA.as_bytes()).unwrap();
    let (mapper, watched) = (Mapper::new(&schema), Arc::new(WatchedColumns::new(&schema)));
    let sampling = Sampling {
        event_type: None,
        events_max: 200,
    };
    let mut sampler = DriftSampler::new(&watched, sampling, 200, 0);
    for event in (0..200).map(event) {
        sampler.add(event.as_bytes(), &mapper.map_valid(event.as_bytes()));
    }
    let sample = sampler.finish();
    assert_eq!(sample.types.len(), TYPES_MAX);
    assert_eq!(sample.further_events, 200 - TYPES_MAX as u64);
}
