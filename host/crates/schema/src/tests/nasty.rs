//! Values that are easily damaged: what is in the column, and what is in `_rest`.

use super::{map, schema, unmapped};
use crate::{AssembleError, ColumnValue, Mapper, Reason};

/// The type of the column `v`, its value in an event, whether the column has it, and why it is in `_rest`.
const TABLE: [(&str, &str, bool, Option<Reason>); 79] = {
    use Reason::{Misfit, Notation, Null};
    [
        ("\"string\"", r#""a\"b\\c\/d\b\f\n\r\t""#, true, None),
        ("\"string\"", r#""\ud83d\ude00""#, true, None),
        ("\"string\"", r#""\ud83d""#, false, Some(Misfit)),
        ("\"string\"", r#""a\udc00b""#, false, Some(Misfit)),
        ("\"string\"", r#""\u0000""#, true, None),
        ("\"string\"", r#""""#, true, None),
        ("\"string\"", "\"\u{2028}\u{feff}\u{10ffff}\"", true, None),
        ("\"string\"", "1", false, Some(Misfit)),
        ("\"string\"", "null", false, Some(Null)),
        ("\"string\"", "{}", false, Some(Misfit)),
        ("\"boolean\"", "true", true, None),
        ("\"boolean\"", "false", true, None),
        ("\"boolean\"", "0", false, Some(Misfit)),
        ("\"boolean\"", "\"true\"", false, Some(Misfit)),
        ("\"long\"", "0", true, None),
        ("\"long\"", "-0", true, Some(Notation)),
        ("\"long\"", "1.0", true, Some(Notation)),
        ("\"long\"", "0.1e1", true, Some(Notation)),
        ("\"long\"", "1e3", true, Some(Notation)),
        ("\"long\"", "9223372036854775807", true, None),
        ("\"long\"", "-9223372036854775808", true, None),
        ("\"long\"", "9223372036854775808", false, Some(Misfit)),
        ("\"long\"", "1.5", false, Some(Misfit)),
        ("\"long\"", "1e400", false, Some(Misfit)),
        ("\"long\"", "\"1\"", false, Some(Misfit)),
        ("\"double\"", "1.5", true, None),
        ("\"double\"", "7", true, None),
        ("\"double\"", "7.0", true, Some(Notation)),
        ("\"double\"", "1.50", true, Some(Notation)),
        ("\"double\"", "-0", true, None),
        ("\"double\"", "-0.0", true, Some(Notation)),
        ("\"double\"", "1e21", true, Some(Notation)),
        ("\"double\"", "1e+21", true, None),
        ("\"double\"", "1E400", false, Some(Misfit)),
        ("\"double\"", "1e-400", false, Some(Misfit)),
        ("\"double\"", "0.1000000000000000055", false, Some(Misfit)),
        ("\"double\"", "9007199254740993", false, Some(Misfit)),
        ("\"double\"", "5e-324", true, None),
        ("\"decimal(5,2)\"", "1.50", true, None),
        ("\"decimal(5,2)\"", "1.5", true, Some(Notation)),
        ("\"decimal(5,2)\"", "-0.00", true, Some(Notation)),
        ("\"decimal(5,2)\"", "999.99", true, None),
        ("\"decimal(5,2)\"", "1000.00", false, Some(Misfit)),
        ("\"decimal(5,2)\"", "1.505", false, Some(Misfit)),
        ("\"decimal(5,2)\"", "15e-1", true, Some(Notation)),
        (
            "\"decimal(38,0)\"",
            "99999999999999999999999999999999999999",
            true,
            None,
        ),
        (
            "\"decimal(38,0)\"",
            "100000000000000000000000000000000000000",
            false,
            Some(Misfit),
        ),
        ("\"date\"", "\"2024-02-29\"", true, None),
        ("\"date\"", "\"2026-02-30\"", false, Some(Misfit)),
        ("\"date\"", "\"2026-1-1\"", false, Some(Misfit)),
        ("\"date\"", "\"2026\\u002d01-01\"", true, None),
        (
            "\"timestamp(3)\"",
            "\"2026-01-31T12:00:00.250Z\"",
            true,
            None,
        ),
        (
            "\"timestamp(3)\"",
            "\"2026-01-31T12:00:00Z\"",
            true,
            Some(Notation),
        ),
        (
            "\"timestamp(3)\"",
            "\"2026-01-31T14:00:00.250+02:00\"",
            true,
            Some(Notation),
        ),
        (
            "\"timestamp(3)\"",
            "\"2026-01-31t12:00:00.250z\"",
            true,
            Some(Notation),
        ),
        (
            "\"timestamp(3)\"",
            "\"2026-01-31T12:00:00.250\"",
            false,
            Some(Misfit),
        ),
        (
            "\"timestamp(3)\"",
            "\"2026-01-31T12:00:00.123456789Z\"",
            false,
            Some(Misfit),
        ),
        (
            "\"timestamp(3)\"",
            "\"9999-12-31T23:59:59.000-01:00\"",
            false,
            Some(Misfit),
        ),
        (
            "\"timestamp(3)\"",
            "\"2026-12-31T23:59:60.000Z\"",
            false,
            Some(Misfit),
        ),
        ("\"timestamp(3)\"", "1769860800", false, Some(Misfit)),
        (
            "\"timestamp(6,+00:00)\"",
            "\"2026-01-31T12:00:00.000001+00:00\"",
            true,
            None,
        ),
        (
            "\"uuid\"",
            "\"0b6c6e5a-1f0e-4f3b-9c1e-0123456789ab\"",
            true,
            None,
        ),
        (
            "\"uuid\"",
            "\"0B6C6E5A-1F0E-4F3B-9C1E-0123456789AB\"",
            true,
            Some(Notation),
        ),
        (
            "\"uuid\"",
            "\"0b6c6e5a1f0e4f3b9c1e0123456789ab\"",
            false,
            Some(Misfit),
        ),
        (
            "\"uuid\"",
            "\"0b6c6e5a-1f0e-4f3b-9c1e-0123456789ag\"",
            false,
            Some(Misfit),
        ),
        ("\"binary\"", "\"c2x1aWNl\"", true, None),
        ("\"binary\"", "\"\"", true, None),
        ("\"binary\"", "\"c2x1aWN\"", false, Some(Misfit)),
        ("\"binary\"", "\"c2x1aW5=\"", false, Some(Misfit)),
        ("\"json\"", "{\"a\" : [1.0, {\"a\":1,\"a\":2}]}", true, None),
        ("\"json\"", "null", true, None),
        ("\"json\"", "\"\\ud800\"", true, None),
        ("{\"list\":\"long\"}", "[]", true, None),
        ("{\"list\":\"long\"}", "[1,null,3]", true, None),
        (
            "{\"list\":{\"list\":\"long\"}}",
            "[[],[1],null,[[2]]]",
            true,
            Some(Misfit),
        ),
        ("{\"list\":\"long\"}", "{}", false, Some(Misfit)),
        ("{\"map\":\"long\"}", "{}", true, None),
        ("{\"map\":\"long\"}", "{\"\":1,\"a.b\":null}", true, None),
        ("{\"map\":\"long\"}", "[]", false, Some(Misfit)),
    ]
};

#[test]
fn each_value_is_in_its_column_or_in_rest() {
    for (column_type, value, in_column, reason) in TABLE {
        let mapper = Mapper::new(&schema(&format!(
            "{{\"name\":\"v\",\"type\":{column_type}}}"
        )));
        let event = format!("{{\"v\":{value}}}");
        let row = map(&mapper, &event);
        let found: Vec<_> = row
            .unmapped
            .iter()
            .map(|unmapped| unmapped.reason)
            .collect();
        assert_eq!(row.values[0].is_some(), in_column, "{column_type} {value}");
        assert_eq!(found, Vec::from_iter(reason), "{column_type} {value}");
    }
}

#[test]
fn what_is_missing_is_told_from_null() {
    let mapper = Mapper::new(&schema(
        r#"{"name":"a","type":"long"},{"name":"b","type":{"struct":[{"name":"c","type":"long"}]}},
        {"name":"d","type":"long","path":["o","d"]},{"name":"j","type":"json"}"#,
    ));
    for (event, rest) in [
        ("{}", None),
        (r#"{"a":null}"#, Some(r#"{"a":null}"#)),
        (r#"{"b":{}}"#, None),
        (r#"{"b":null}"#, Some(r#"{"b":null}"#)),
        (r#"{"b":{"c":null}}"#, Some(r#"{"b":{"c":null}}"#)),
        (r#"{"o":{}}"#, Some(r#"{"o":{}}"#)),
        (r#"{"o":null}"#, Some(r#"{"o":null}"#)),
        (r#"{"o":{"d":null}}"#, Some(r#"{"o":{"d":null}}"#)),
        (r#"{"o":{"d":1}}"#, None),
        (r#"{"j":null}"#, None),
    ] {
        assert_eq!(map(&mapper, event).rest.as_deref(), rest, "{event}");
    }
}

#[test]
fn rest_has_the_nesting_of_the_event_and_the_text_as_it_came() {
    let mapper = Mapper::new(&schema(
        r#"{"name":"items","type":{"list":{"struct":[
            {"name":"id","type":"long"},{"name":"price","type":"decimal(18,2)"}]}}},
        {"name":"tags","type":{"map":"long"}},
        {"name":"city","type":"string","path":["address","city"]}"#,
    ));
    let event = r#"{"items":[{"id":1,"price":1.50},{"id":"x","note":"\u0061"},null,7,{"price":1.5}],
        "tags":{"a":1,"b":"two","c":null},"address":{"city":"Bonn","zip": [ 5 ]},"new\u0020one":{"x":1e5}}"#;
    let row = map(&mapper, event);
    let rest = concat!(
        r#"{"items":{"1":{"id":"x","note":"\u0061"},"3":7,"4":{"price":1.5}},"tags":{"b":"two"},"#,
        r#""address":{"zip":[ 5 ]},"new\u0020one":{"x":1e5}}"#
    );
    assert_eq!(row.rest.as_deref(), Some(rest));
    let expected = [
        ("items[].id", Reason::Misfit),
        ("items[].note", Reason::NoColumn),
        ("items[]", Reason::Misfit),
        ("items[].price", Reason::Notation),
        ("tags{}", Reason::Misfit),
        ("address.zip", Reason::NoColumn),
        (".\"new one\"", Reason::NoColumn),
    ];
    assert_eq!(
        unmapped(&row),
        expected.map(|(path, reason)| (path.to_owned(), reason))
    );
    let [city, items, tags] = &row.values[..] else {
        panic!("{row:?}");
    };
    assert_eq!(*city, Some(ColumnValue::String("Bonn".into())));
    let item = |id: Option<i64>, price: Option<i128>| {
        let values = vec![id.map(ColumnValue::Long), price.map(ColumnValue::Decimal)];
        Some(ColumnValue::Struct(values))
    };
    let list = vec![
        item(Some(1), Some(150)),
        item(None, None),
        None,
        None,
        item(None, Some(150)),
    ];
    assert_eq!(*items, Some(ColumnValue::List(list)));
    let entries = vec![
        ("a".into(), Some(ColumnValue::Long(1))),
        ("b".into(), None),
        ("c".into(), None),
    ];
    assert_eq!(*tags, Some(ColumnValue::Map(entries)));
}

#[test]
fn a_name_that_is_repeated_goes_to_rest_with_all_its_values() {
    let mapper = Mapper::new(&schema(
        r#"{"name":"a","type":"long"},{"name":"b","type":"long"},{"name":"x","type":"long","path":["o","x"]},
        {"name":"y","type":"long","path":["o","y"]},{"name":"m","type":{"map":"long"}},
        {"name":"s","type":{"struct":[{"name":"a","type":"long"},{"name":"b","type":"long"}]}}"#,
    ));
    for (event, rest) in [
        (r#"{"a":1,"b":2,"\u0061":3}"#, r#"{"a":1,"\u0061":3}"#),
        (
            r#"{"o":{"x":1,"y":2},"b":2,"o":{"x":3}}"#,
            r#"{"o":{"x":1,"y":2},"o":{"x":3}}"#,
        ),
        (r#"{"o":{"x":1,"x":2,"y":3}}"#, r#"{"o":{"x":1,"x":2}}"#),
        (
            r#"{"s":{"a":1,"b":2,"a":null}}"#,
            r#"{"s":{"a":1,"a":null}}"#,
        ),
        (
            r#"{"m":{"k":1,"l":2,"k":3,"\ud800":4}}"#,
            r#"{"m":{"k":1,"k":3,"\ud800":4}}"#,
        ),
        (r#"{"z":1,"z":2}"#, r#"{"z":1,"z":2}"#),
        (r#"{"s":1,"s":{"a":1}}"#, r#"{"s":1,"s":{"a":1}}"#),
    ] {
        assert_eq!(map(&mapper, event).rest.as_deref(), Some(rest), "{event}");
    }
    let row = map(&mapper, r#"{"a":1,"b":2,"a":3}"#);
    assert_eq!(row.values[..2], [None, Some(ColumnValue::Long(2))]);
}

#[test]
fn very_deep_values_are_kept() {
    let levels = 100_000;
    let deep = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let event = format!("{{\"a\":{deep},\"b\":{deep}}}");
    let mapper = Mapper::new(&schema(
        r#"{"name":"a","type":{"list":{"list":"long"}}},{"name":"c","type":"json"}"#,
    ));
    map(&mapper, &event);
}

#[test]
fn other_texts_are_no_events() {
    let mapper = Mapper::new(&schema(""));
    for (text, expected) in [
        ("[]", "an array, and an event is an object"),
        ("null", "null, and an event is an object"),
        ("{\"a\":1", "not JSON: "),
        ("", "not JSON: "),
        ("{} {}", "not JSON: "),
    ] {
        let error = mapper.map(text.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    assert!(mapper.map(b"{\"a\":\"\xff\"}").is_err());
}

#[test]
fn values_that_are_no_row_are_an_error() {
    let mapper = Mapper::new(&schema(
        r#"{"name":"a","type":"long"},{"name":"b","type":{"list":"long"}}"#,
    ));
    let error = |values: Vec<Option<ColumnValue<'_>>>, rest| {
        mapper.assemble(&values, rest).unwrap_err().to_string()
    };
    assert!(error(vec![None], None).contains("has 1 values, and the schema has 2 columns"));
    assert!(error(vec![Some(ColumnValue::Boolean(true)), None], None).contains("column, long"));
    assert!(error(vec![None, Some(ColumnValue::Long(1))], None).contains("column, list"));
    assert!(error(vec![None, None], Some("[]")).contains("_rest is no JSON object"));
}

/// Nothing of `_rest` is left out, even if it belongs to another row.
#[test]
fn what_does_not_belong_to_the_columns_is_an_error() {
    let mapper = Mapper::new(&schema(
        r#"{"name":"a","type":"long"},{"name":"l","type":{"list":"long"}},{"name":"m","type":{"map":"long"}},
        {"name":"x","type":"json","path":["o","x"]}"#,
    ));
    let event = r#"{"a":1,"l":[1],"m":{"k":1,"l":2},"o":{"x":1}}"#;
    let row = map(&mapper, event);
    for rest in [
        r#"{"a":2}"#,
        r#"{"a":1}"#,
        r#"{"a":1.0,"a":1.0}"#,
        r#"{"l":[1]}"#,
        r#"{"l":{"1":1}}"#,
        r#"{"m":1}"#,
        r#"{"m":{"l":2.0,"k":1.0}}"#,
        r#"{"o":1}"#,
        r#"{"o":{"x":1}}"#,
        r#"{"o":{},"o":{}}"#,
    ] {
        let error = mapper.assemble(&row.values, Some(rest)).unwrap_err();
        assert!(
            matches!(error, AssembleError::Conflict(_)),
            "{rest}: {error}"
        );
    }
    for rest in [
        r#"{"a":1.0}"#,
        r#"{"m":{"z":"y","l":2.0}}"#,
        r#"{"o":{"y":1}}"#,
        "{}",
    ] {
        assert!(mapper.assemble(&row.values, Some(rest)).is_ok(), "{rest}");
    }
}
