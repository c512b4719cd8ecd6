//! What holds for any events and any schema.

use proptest::prelude::*;

use super::events::{SCALARS, event, schema, value};
use super::map;
use crate::{
    Column, ColumnChangeKind, ColumnType, Inference, Mapper, Reason, Schema, difference, evolve,
    is_same_event,
};

fn inferred<S: AsRef<str>>(events: &[S]) -> Inference {
    let mut inference = Inference::default();
    for event in events {
        assert_eq!(inference.add(event.as_ref().as_bytes(), Some("")), Ok(true));
    }
    inference
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn every_value_is_in_a_column_or_in_rest_whatever_the_schema(schema in schema(), event in event()) {
        map(&Mapper::new(&schema), &event);
    }

    #[test]
    fn events_map_to_a_schema_that_is_inferred_from_others(
        seen in prop::collection::vec(event(), 0..12),
        later in prop::collection::vec(event(), 0..6),
    ) {
        let schema = inferred(&seen).schema();
        let mapper = Mapper::new(&schema);
        for event in seen.iter().chain(&later) {
            map(&mapper, event);
        }
        prop_assert_eq!(Schema::parse(schema.document().as_bytes()), Ok(schema));
    }

    #[test]
    fn values_of_one_kind_are_all_in_the_column(value in value(), times in 1..4_usize) {
        let event = format!("{{\"v\":{value}}}");
        let mapper = Mapper::new(&inferred(&vec![event.clone(); times]).schema());
        let row = map(&mapper, &event);
        for unmapped in row.unmapped.iter().filter(|unmapped| unmapped.path == "v") {
            let is_no_unicode = unmapped.text == b"\"\\ud800\"";
            prop_assert!(
                is_no_unicode || !unmapped.reason.is_in_no_column() || unmapped.text == b"null",
                "{unmapped:?}"
            );
        }
    }

    #[test]
    fn an_evolution_only_adds_columns(old in schema(), events in prop::collection::vec(event(), 0..8)) {
        let evolution = evolve(&old, &inferred(&events).schema()).unwrap();
        let changes = difference(&old, &evolution.schema);
        let is_added = |kind: &ColumnChangeKind| matches!(kind, ColumnChangeKind::Added(_));
        prop_assert!(changes.iter().all(|change| is_added(&change.kind)), "{changes:?}");
        prop_assert_eq!(changes.is_empty(), evolution.added.is_empty());
        let mapper = Mapper::new(&evolution.schema);
        for event in &events {
            let row = map(&mapper, event);
            for (added, _) in &evolution.added {
                let without = row.unmapped.iter().find(|unmapped| {
                    unmapped.path == *added && unmapped.reason == Reason::NoColumn
                });
                prop_assert_eq!(without, None);
            }
        }
    }

    #[test]
    fn any_document_of_a_schema_is_read_as_it_was_written(schema in schema()) {
        let document = schema.document();
        let read = Schema::parse(document.as_bytes()).unwrap();
        prop_assert_eq!(&read, &schema);
        prop_assert_eq!(read.document(), document);
    }

    #[test]
    fn an_inference_in_parts_gives_the_same_schema(
        events in prop::collection::vec(event(), 0..12),
        at in any::<prop::sample::Index>(),
    ) {
        let whole = inferred(&events);
        let (first, second) = events.split_at(at.index(events.len() + 1));
        let mut merged = inferred(first);
        merged.merge(inferred(second));
        prop_assert_eq!(merged.events(), whole.events());
        prop_assert_eq!(merged.schema(), whole.schema());
        prop_assert_eq!(merged.types(), whole.types());
    }

    #[test]
    fn an_inference_in_parts_finds_the_same_maps(
        objects in prop::collection::vec(prop::collection::vec((0..160_u8, 0..4_usize), 0..60), 1..8),
        at in any::<prop::sample::Index>(),
    ) {
        let values = ["1", "1.5", "\"x\"", "null"];
        let event = |members: &Vec<(u8, usize)>| {
            let members = members.iter().map(|(name, value)| {
                let value = values[*value];
                format!("\"n{name}\":{{\"v\":{value}}}")
            });
            format!("{{\"o\":{{\"p\":{{{}}}}}}}", members.collect::<Vec<_>>().join(","))
        };
        let events: Vec<_> = objects.iter().map(event).collect();
        let whole = inferred(&events);
        let (first, second) = events.split_at(at.index(events.len() + 1));
        let mut merged = inferred(first);
        merged.merge(inferred(second));
        let schema = whole.schema();
        prop_assert_eq!(merged.schema(), schema.clone());
        let mapper = Mapper::new(&schema);
        events.iter().for_each(|event| drop(map(&mapper, event)));
    }

    #[test]
    fn an_event_is_the_same_only_as_itself(one in event(), other in event()) {
        prop_assert!(is_same_event(one.as_bytes(), one.as_bytes()));
        if is_same_event(one.as_bytes(), other.as_bytes()) {
            let mapper = Mapper::new(&Schema::default());
            prop_assert_eq!(map(&mapper, &one).unmapped.len(), map(&mapper, &other).unmapped.len());
        }
    }

    #[test]
    fn without_columns_all_members_are_in_rest(event in event()) {
        let row = map(&Mapper::new(&Schema::default()), &event);
        prop_assert!(row.unmapped.iter().all(|unmapped| unmapped.reason == Reason::NoColumn));
    }
}

/// Every value that is in a column is also in one of a type that the column can change to.
#[test]
fn a_compatible_type_has_all_values() {
    let types = [
        "boolean",
        "long",
        "double",
        "decimal(5,2)",
        "decimal(19,0)",
        "decimal(38,0)",
        "decimal(38,19)",
        "string",
        "timestamp(0)",
        "timestamp(6,+00:00)",
        "date",
        "uuid",
        "binary",
        "json",
    ];
    let types = types.map(|name| name.parse::<ColumnType>().unwrap());
    let is_in_column = |column_type: &ColumnType, event: &str| {
        let column = Column::new("v", column_type.clone());
        let mapper = Mapper::new(&Schema::new(vec![column]).unwrap());
        map(&mapper, event).values[0].is_some()
    };
    let mut compared = 0;
    for (old, new) in types
        .iter()
        .flat_map(|old| types.iter().map(move |new| (old, new)))
    {
        for value in SCALARS.iter().filter(|_| old.is_part_of(new)) {
            let event = format!("{{\"v\":{value}}}");
            if is_in_column(old, &event) {
                assert!(is_in_column(new, &event), "{value} is {old} and not {new}");
                compared += 1;
            }
        }
    }
    assert!(compared > 200, "{compared}");
}
