//! What is inferred from events.

use super::{map, schema};
use crate::inference::{
    ALL_PATHS_MAX, EVENT_TYPES_MAX, MAP_NAMES_MAX, PATHS_MAX, PathReport, ValueKind,
};
use crate::{Inference, Mapper, Schema};

fn inferred<S: AsRef<str>>(events: &[S]) -> Inference {
    let mut inference = Inference::default();
    for event in events {
        inference.add(event.as_ref().as_bytes(), None).unwrap();
    }
    inference
}

/// The type of the column of these values, as a report names it.
fn type_of(values: &[&str]) -> String {
    let events: Vec<_> = values
        .iter()
        .map(|value| format!("{{\"v\":{value}}}"))
        .collect();
    let schema = inferred(&events).schema();
    let mapper = Mapper::new(&schema);
    events.iter().for_each(|event| drop(map(&mapper, event)));
    schema
        .columns()
        .first()
        .map_or("none".into(), |column| column.column_type().to_string())
}

#[test]
fn a_type_has_all_values_that_were_seen() {
    for (values, expected) in [
        (vec!["1", "-2", "null"], "long"),
        (vec!["1", "9223372036854775808"], "decimal(38,0)"),
        (vec!["1", "1.5", "2e3"], "double"),
        (vec!["7.0", "1.5"], "double"),
        (vec!["12.50", "7.25"], "decimal(18,2)"),
        (vec!["12.50", "7.2"], "double"),
        (vec!["12.50", "7"], "double"),
        (vec!["1767225600.500", "1767225601"], "double"),
        (vec!["12345678901234.50"], "decimal(38,2)"),
        (vec!["9007199254740993", "1.5"], "decimal(38,1)"),
        (vec!["0.1000000000000000055", "1"], "decimal(38,19)"),
        (vec!["0.1000000000000000055", "1e5"], "json"),
        (vec!["1e400"], "json"),
        (vec!["123456789012345678901234567890123456789"], "json"),
        (vec!["true", "false"], "boolean"),
        (vec!["true", "1"], "json"),
        (vec!["\"a\"", "1"], "json"),
        (vec!["\"2026-01-31\"", "\"2026-02-28\""], "date"),
        (vec!["\"2026-01-31\"", "\"2026-02-30\""], "string"),
        (
            vec![
                "\"2026-01-31T12:00:00.250Z\"",
                "\"2026-01-31T12:00:00.251Z\"",
                "\"2026-01-31T12:00:00Z\"",
            ],
            "timestamp(3)",
        ),
        (
            vec!["\"2026-01-31T12:00:00.250123+00:00\""],
            "timestamp(6,+00:00)",
        ),
        (vec!["\"2026-01-31T12:00:00+02:00\""], "timestamp(0)"),
        (vec!["\"2026-01-31T12:00:00\""], "string"),
        (vec!["\"0001-01-01T00:00:00+01:00\""], "string"),
        (vec!["\"2026-01-31T12:00:00Z\"", "\"\""], "string"),
        (vec!["\"0b6c6e5a-1f0e-4f3b-9c1e-0123456789ab\""], "uuid"),
        (vec!["\"0B6C6E5A-1F0E-4F3B-9C1E-0123456789AB\""], "string"),
        (vec!["\"c2x1aWNl\"", "\"c2x1aWN5\""], "string"),
        (vec!["null", "null"], "none"),
        (vec!["[]"], "json"),
        (vec!["[]", "[1,null]"], "list<long>"),
        (vec!["[[1],[]]", "[[2.5]]"], "list<list<double>>"),
        (vec!["[1,\"a\"]"], "list<json>"),
        (vec!["{}"], "json"),
        (vec!["{\"a\":null}"], "json"),
        (vec!["{\"a\":1}"], "struct"),
        (vec!["{\"1\":1,\"2\":2}"], "map<long>"),
        (
            vec!["{\"2026-01-01\":1.5,\"2026-01-02\":null}"],
            "map<double>",
        ),
        (vec!["{\"1\":1}"], "struct"),
    ] {
        assert_eq!(type_of(&values), expected, "{values:?}");
    }
}

#[test]
fn the_kind_of_nearly_all_values_gets_the_column() {
    let longs = |count: usize| vec!["1"; count];
    assert_eq!(type_of(&[longs(9), vec!["\"x\""]].concat()), "long");
    assert_eq!(type_of(&[longs(8), vec!["\"x\""]].concat()), "json");
}

#[test]
fn a_decimal_is_how_nearly_all_numbers_are_written() {
    let amounts = |count: usize| [vec!["12.50"], vec!["7.25"; count - 1]].concat();
    for (others, expected) in [
        (vec!["7"], "decimal(18,2)"),
        (vec!["7.5"], "decimal(18,2)"),
        (vec!["7", "7.5"], "double"),
        (vec!["7.125"], "double"),
        (vec!["7e1"], "double"),
        (vec!["9007199254740993"], "decimal(38,2)"),
    ] {
        let values = [amounts(9), others].concat();
        assert_eq!(type_of(&values), expected, "{values:?}");
        let merged = values.iter().map(|value| format!("{{\"v\":{value}}}"));
        let mut all = Inference::default();
        merged.for_each(|event| all.merge(inferred(&[event])));
        let column_type = all.schema().columns()[0].column_type().to_string();
        assert_eq!(column_type, expected, "{values:?}");
    }
}

#[test]
fn objects_with_many_names_are_maps_and_their_values_are_one_path() {
    let object = |from: usize, to: usize| {
        let members = (from..to).map(|number| format!("\"id-{number}\":{{\"n\":{number}}}"));
        format!("{{\"o\":{{{}}}}}", members.collect::<Vec<_>>().join(","))
    };
    let few = inferred(&[object(0, MAP_NAMES_MAX)]).schema();
    assert_eq!(few.columns()[0].column_type().to_string(), "struct");
    let events = [object(0, MAP_NAMES_MAX), object(50, MAP_NAMES_MAX + 50)];
    let inference = inferred(&events);
    let expected = schema(r#"{"name":"o","type":{"map":{"struct":[{"name":"n","type":"long"}]}}}"#);
    assert_eq!(inference.schema(), expected);
    let paths: Vec<_> = inference.types()[0]
        .paths
        .iter()
        .map(|path| path.path.clone())
        .collect();
    assert_eq!(paths, ["o", "o{}", "o{}.n"]);
}

#[test]
fn types_of_events_have_reports_of_their_own_and_one_schema() {
    let inference = inferred(&[
        r#"{"event_type":"a","n":1,"x":1}"#,
        r#"{"event_type":"a","n":2}"#,
        r#"{"event_type":"b","n":"two"}"#,
        r#"{"event_type":7,"n":null}"#,
    ]);
    let types = inference.types();
    let names: Vec<_> = types
        .iter()
        .map(|of_type| (of_type.event_type.as_deref(), of_type.events))
        .collect();
    assert_eq!(names, [(Some("a"), 2), (Some(""), 1), (Some("b"), 1)]);
    let [event_type, n, x] = &types[0].paths[..] else {
        panic!("{types:?}");
    };
    assert_eq!(
        (
            event_type.path.as_str(),
            event_type.present,
            event_type.out_of
        ),
        ("event_type", 2, Some(2))
    );
    assert_eq!((x.path.as_str(), x.present, x.out_of), ("x", 1, Some(2)));
    assert_eq!(n.kinds, [(ValueKind::Long, 2)]);
    assert_eq!(n.examples[0].text, "1");
    let types: Vec<_> = inference
        .schema()
        .columns()
        .iter()
        .map(|c| c.column_type().to_string())
        .collect();
    assert_eq!(types, ["json", "json", "long"]);
}

#[test]
fn one_type_of_events_can_be_asked_for() {
    let mut inference = Inference::new(Some("a".into()));
    assert_eq!(
        inference.add(br#"{"event_type":"a","n":1}"#, None),
        Ok(true)
    );
    assert_eq!(
        inference.add(br#"{"event_type":"b","m":1}"#, None),
        Ok(false)
    );
    assert_eq!(
        inference.add(br#"{"event_type":"b","m":1}"#, Some("a")),
        Ok(true)
    );
    assert!(inference.add(b"[]", None).is_err());
    assert_eq!((inference.events(), inference.left_out()), (2, 1));
}

fn path<'r>(paths: &'r [PathReport], name: &str) -> &'r PathReport {
    paths.iter().find(|path| path.path == name).unwrap()
}

#[test]
fn conflicts_and_members_without_a_column_are_reported() {
    let mut events = vec![r#"{"n":1,"id":1,"ID":1,"_rest":1,"":1,"z":null,"m":[1,"x"]}"#; 10];
    events.push(r#"{"n":"x","id":2}"#);
    let inference = inferred(&events);
    let paths = &inference.types()[0].paths;
    assert_eq!(path(paths, "n").conflicts(), [(ValueKind::String, 1)]);
    assert_eq!(path(paths, "id").conflicts(), []);
    assert_eq!(
        path(paths, "m[]").conflicts(),
        [(ValueKind::Long, 10), (ValueKind::String, 10)]
    );
    for (name, why) in [
        ("ID", "differs from \"id\" only in case"),
        ("_rest", "is reserved"),
        (".\"\"", "the name is empty"),
        ("z", "only null"),
    ] {
        let path = path(paths, name);
        assert!(path.no_column.as_deref().unwrap().contains(why), "{path:?}");
        assert_eq!(path.column_type, None);
    }
    let names: Vec<_> = inference
        .schema()
        .columns()
        .iter()
        .map(|c| c.name().to_owned())
        .collect();
    assert_eq!(names, ["id", "m", "n"]);
}

#[test]
fn memory_is_bounded_and_what_exceeds_is_counted() {
    let wide = |from: usize| {
        let members = (from..from + PATHS_MAX).map(|number| format!("\"m{number}\":1"));
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    };
    let inference = inferred(&[wide(0), wide(10)]);
    let report = &inference.types()[0];
    assert_eq!((report.paths.len(), report.untracked), (PATHS_MAX, 10));
    let many = EVENT_TYPES_MAX + 5;
    let events: Vec<_> = (0..many)
        .map(|number| format!("{{\"event_type\":\"t{number}\"}}"))
        .collect();
    let inference = inferred(&events);
    assert_eq!(inference.events_of_further_types(), 5);
    assert_eq!(inference.types().len(), EVENT_TYPES_MAX + 1);
    assert_eq!(inference.types().last().unwrap().event_type, None);
    assert_eq!(inference.events(), many as u64);
    let mut inference = Inference::default();
    for number in 0..=ALL_PATHS_MAX / PATHS_MAX {
        let event_type = number.to_string();
        inference
            .add(wide(0).as_bytes(), Some(&event_type))
            .unwrap();
    }
    let types = inference.types();
    let paths: usize = types.iter().map(|of_type| of_type.paths.len()).sum();
    assert_eq!(paths, ALL_PATHS_MAX);
    let untracked: u64 = types.iter().map(|of_type| of_type.untracked).sum();
    assert_eq!(untracked, PATHS_MAX as u64);
}

/// Each thread has a bound of its own, so a type that one of them tells apart can be beyond the bound of another.
#[test]
fn a_type_that_is_listed_has_all_its_events_or_is_partial() {
    let events = |types: std::ops::Range<usize>| {
        let events = types.map(|number| format!("{{\"event_type\":\"t{number}\"}}"));
        inferred(&events.collect::<Vec<_>>())
    };
    let listed = |all: &Inference| {
        let types = all.types().into_iter();
        let named = types.filter(|of_type| of_type.event_type.is_some());
        let counts = named.map(|of_type| (of_type.events, of_type.is_partial));
        counts.collect::<Vec<_>>()
    };
    let mut all = events(0..EVENT_TYPES_MAX + 10);
    assert_eq!(listed(&all), [(1, false); EVENT_TYPES_MAX]);
    all.merge(events(5..EVENT_TYPES_MAX + 5));
    let mut expected = [(2, false); EVENT_TYPES_MAX];
    expected[EVENT_TYPES_MAX - 5..].fill((1, false));
    assert_eq!(listed(&all), expected);
    all.merge(events(10..EVENT_TYPES_MAX + 20));
    // The third part has further types, and did not tell the first ten apart.
    let partial = listed(&all).iter().filter(|(_, partial)| *partial).count();
    assert_eq!(partial, 10);
    assert_eq!(all.events_of_further_types(), 10 + 5 + 20);
    // What is partial stays so in another merge.
    let mut whole = Inference::default();
    whole.merge(all);
    let partial = listed(&whole)
        .iter()
        .filter(|(_, partial)| *partial)
        .count();
    assert_eq!(partial, 10);
}

#[test]
fn tens_of_thousands_of_names_are_reported_with_why_they_get_no_column() {
    let mut inference = Inference::default();
    for of_type in 0..40 {
        let members = (0..1_000).map(|number| format!("\"m{of_type}-{number}\":1"));
        let event = format!("{{{}}}", members.collect::<Vec<_>>().join(","));
        let event_type = of_type.to_string();
        inference.add(event.as_bytes(), Some(&event_type)).unwrap();
    }
    let paths = inference.all_types().paths;
    let without = paths.iter().filter(|path| path.no_column.is_some());
    assert_eq!((paths.len(), without.count()), (40_000, 30_000));
}

#[test]
fn a_schema_has_room_for_what_is_most_frequent() {
    let mut inference = Inference::default();
    for number in 0..6 {
        let members: String = (0..95).map(|member| format!(",\"m{member}\":1")).collect();
        let objects = (0..20).map(|object| format!(",\"o{number}-{object}\":{{\"x\":1{members}}}"));
        let event = format!("{{\"all\":1{}}}", objects.collect::<String>());
        let event_type = number.to_string();
        for _ in 0..=number {
            inference.add(event.as_bytes(), Some(&event_type)).unwrap();
        }
    }
    let schema = inference.schema();
    let count = |wanted: &str| {
        let types = schema
            .columns()
            .iter()
            .map(|column| column.column_type().to_string());
        types.filter(|column_type| column_type == wanted).count()
    };
    // A struct is a column and has 96. After the member of all events, 103 of them fit, and 8 columns of text.
    assert_eq!((count("long"), count("json"), count("struct")), (1, 8, 103));
    let first = schema
        .columns()
        .iter()
        .find(|column| column.name() == "o5-0")
        .unwrap();
    assert_eq!(first.column_type().to_string(), "struct");
    assert!(Schema::parse(schema.document().as_bytes()).is_ok());
}

#[test]
fn deep_values_become_text() {
    let deep = |levels: usize| format!("{{\"a\":{}1{}}}", "[".repeat(levels), "]".repeat(levels));
    for levels in [3, 15, 16, 17, 40, 100_000] {
        let event = deep(levels);
        let schema = inferred(&[&event]).schema();
        map(&Mapper::new(&schema), &event);
        assert!(Schema::parse(schema.document().as_bytes()).is_ok());
    }
}

#[test]
fn an_example_is_short() {
    let inference = inferred(&[format!("{{\"a\":\"{}\"}}", "é".repeat(100))]);
    let example = &inference.types()[0].paths[0].examples[0].text;
    assert!(example.len() <= 64 && example.ends_with('…'), "{example}");
}
