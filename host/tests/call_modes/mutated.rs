//! The enrichment has the same outcomes by each call, for JSON of which bytes and members were changed. Whole
//! records and their fields are read by different code, in the component and in the host.

use std::sync::OnceLock;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use sluice::ENRICH;
use sluice_release::admission::Release;

use super::outcomes_by_call;
use crate::support::outcomes::{batch, enrichment, limits_of_any_json, shared_with};

/// The enrichment with the default profile for the lake, and without one.
fn releases() -> [&'static Release; 2] {
    static ANY: OnceLock<Release> = OnceLock::new();
    let config = r#"{"partition_by":["date","hour"]}"#;
    let any = ANY.get_or_init(|| shared_with(ENRICH, config, &limits_of_any_json()));
    [enrichment(), any]
}

/// Members that the enrichment reads.
const READ: [&str; 3] = ["event_uuid", "event_name", "created_at"];

/// Members that it writes.
const WRITTEN: [&str; 3] = ["created_datetime", "event_type", "event_subtype"];

/// White space between tokens.
fn space() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        8 => Just(""),
        1 => select(vec![" ", "\t", "\n", "\r\n", " \r \n\t "]),
    ]
}

/// The JSON text of a name: as it is, or with some characters escaped, or in another case.
fn spelled(name: &'static str) -> impl Strategy<Value = String> {
    let escaped = any::<u32>().prop_map(move |bits| {
        let spell = |(index, c): (usize, char)| match bits >> (index % 16 * 2) & 3 {
            0 => format!("\\u{:04x}", u32::from(c)),
            1 => format!("\\u{:04X}", u32::from(c)),
            _ => c.to_string(),
        };
        name.chars().enumerate().map(spell).collect::<String>()
    });
    let other_case = any::<u32>().prop_map(move |bits| {
        let spell = |(index, c): (usize, char)| match bits >> (index % 32) & 1 {
            0 => c.to_ascii_uppercase(),
            _ => c,
        };
        name.chars().enumerate().map(spell).collect::<String>()
    });
    let longer = select(vec!["\\ud800", "\\udc00", "\\u0000", " ", "s", "\\n", "é"])
        .prop_map(move |more| format!("{name}{more}"));
    let spelled = prop_oneof![
        12 => Just(name.to_owned()),
        4 => escaped,
        2 => other_case,
        1 => longer,
    ];
    spelled.prop_map(|name| format!("\"{name}\""))
}

/// Valid values for a member that the enrichment reads.
fn fitting(name: &str) -> BoxedStrategy<String> {
    let texts = match name {
        "event_uuid" => select(vec![r#""u""#, r#""""#, r#""\u0000\ud83d\ude00""#]).boxed(),
        "event_name" => select(vec![
            r#""lesson""#,
            r#""lesson:done""#,
            r#""a:b:c""#,
            r#""a:""#,
            r#""\u006cesson\u003adone""#,
            r#""a\/b: \"é\"""#,
            r#""\u0000\u001f%=/:\\""#,
        ])
        .boxed(),
        _ => select(vec![
            "1767225600.5",
            "1767225599",
            "-0",
            "1.7672256e9",
            "1767225600.123456789012345678901234567890",
            "-62167219200",
            "253402300799.999",
            "1E5",
        ])
        .boxed(),
    };
    texts.prop_map(str::to_owned).boxed()
}

/// Values for any member, of each kind.
const VALUES: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-1.50e+2",
    r#""""#,
    "[]",
    "{}",
    "[ ]",
    "{ }",
    r#"[1,[2,{"a":3}]]"#,
    r#"{"event_name":1,"event_type":{"created_at":null}}"#,
    "[{\n\"a\"\r\n:\n1\n}\n]",
    r#""\ud83d\ude00""#,
    r#"":x""#,
    r#"":""#,
    r#""__HIVE_DEFAULT_PARTITION__""#,
    r#""\u005f_HIVE_DEFAULT_PARTITION__:a""#,
    "1767225600000",
    "1e15",
    "1e-400",
    "\"\u{2028}\u{feff}\"",
];

/// Values that only some readers take.
const UNREADABLE: &[&str] = &[
    r#"{"a":1,"A":2}"#,
    r#"{"a":1,"\u0061":2}"#,
    r#""\ud800""#,
    r#""\udc00\ud800""#,
    r#""a\ud800:b""#,
    r#"{"\udfff":1}"#,
    "1e400",
    "-1e400",
    "0e999999999",
    "12345678901234567890123456789012345678901234567890",
];

/// Values that are not one JSON value.
const INVALID: &[&str] = &[
    "",
    "01",
    "1.",
    "nul",
    "'a'",
    "\"\t\"",
    "\"\n\"",
    r#""\x""#,
    "[1,]",
    r#"{"a"}"#,
    "1 2",
    "}",
    r#"1,"x":2"#,
    "[1",
    "\"",
];

fn any_value() -> impl Strategy<Value = String> {
    let nested = |open: &'static str, close: &'static str| {
        (90..140_usize).prop_map(move |levels| open.repeat(levels) + "1" + &close.repeat(levels))
    };
    prop_oneof![
        40 => select(VALUES).prop_map(str::to_owned),
        6 => select(UNREADABLE).prop_map(str::to_owned),
        2 => select(INVALID).prop_map(str::to_owned),
        1 => nested("[", "]"),
        1 => nested(r#"{"a":"#, "}"),
        1 => Just("[".repeat(20_000) + &"]".repeat(20_000)),
        2 => (0..400_usize).prop_map(|length| format!("\"{}\"", "é".repeat(length))),
        2 => (200..300_usize).prop_map(|length| format!("\"{}:\"", "x".repeat(length))),
    ]
}

/// One member, with white space around its tokens.
fn spaced(
    name: impl Strategy<Value = String>,
    value: impl Strategy<Value = String>,
) -> impl Strategy<Value = String> {
    (space(), name, space(), space(), value, space())
        .prop_map(|(a, name, b, c, value, d)| format!("{a}{name}{b}:{c}{value}{d}"))
}

/// A member that the enrichment reads, nearly always there and nearly always valid.
fn read_member(name: &'static str) -> impl Strategy<Value = Option<String>> {
    let value = prop_oneof![15 => fitting(name), 1 => any_value()];
    prop_oneof![
        30 => spaced(spelled(name), value).prop_map(Some),
        1 => Just(None),
    ]
}

/// Any other member, or one of them again.
fn other_member() -> impl Strategy<Value = String> {
    let written = select(&WRITTEN[..]).prop_flat_map(spelled);
    let read = select(&READ[..]).prop_flat_map(spelled);
    let unknown = select(vec![
        r#""a""#,
        r#""A""#,
        r#""""#,
        r#""é""#,
        r#""value""#,
        r#""\ud800""#,
        r#""\n\"""#,
        r#""event""#,
        r#""event_names""#,
    ])
    .prop_map(str::to_owned);
    let name = prop_oneof![6 => written, 1 => read, 8 => unknown];
    spaced(name, any_value())
}

fn object() -> impl Strategy<Value = String> {
    let read = READ.map(read_member);
    let others = prop::collection::vec(other_member(), 0..5);
    let members = (read, others).prop_map(|(read, mut members)| {
        members.extend(read.into_iter().flatten());
        members
    });
    (space(), members.prop_shuffle(), space())
        .prop_map(|(a, members, b)| format!("{a}{{{}}}{b}", members.join(",")))
}

/// A change of the bytes of a record.
#[derive(Clone, Debug)]
enum Change {
    Insert(u8),
    Delete,
    Replace(u8),
    /// The bytes from here to the end.
    Truncate,
    /// The bytes from here to the end, again.
    Repeat,
}

impl Change {
    fn make(&self, at: Index, record: &mut Vec<u8>) {
        if record.is_empty() {
            return;
        }
        let at = at.index(record.len());
        match self {
            Self::Insert(byte) => record.insert(at, *byte),
            Self::Delete => drop(record.remove(at)),
            Self::Replace(byte) => record[at] = *byte,
            Self::Truncate => record.truncate(at),
            Self::Repeat => record.extend_from_within(at..),
        }
    }
}

fn change() -> impl Strategy<Value = Change> {
    let byte = || {
        prop_oneof![
            4 => select(&b"{}[]:,\"\\ \n\r\t0123456789-+.eEu_ntf\0\x1f\x7f\x80\xc3\xff"[..]),
            1 => any::<u8>(),
        ]
    };
    prop_oneof![
        3 => byte().prop_map(Change::Insert),
        3 => Just(Change::Delete),
        4 => byte().prop_map(Change::Replace),
        1 => Just(Change::Truncate),
        1 => Just(Change::Repeat),
    ]
}

/// Changes of one record. Most records are not changed further, because most changes make them invalid.
fn changes() -> impl Strategy<Value = Vec<(Index, Change)>> {
    prop_oneof![
        3 => Just(Vec::new()),
        2 => prop::collection::vec((any::<Index>(), change()), 1..4),
    ]
}

fn changed(object: &str, changes: Vec<(Index, Change)>) -> Vec<u8> {
    let mut record = object.as_bytes().to_vec();
    for (at, change) in changes {
        change.make(at, &mut record);
    }
    record
}

fn record() -> impl Strategy<Value = Vec<u8>> {
    let mutated = (object(), changes()).prop_map(|(object, changes)| changed(&object, changes));
    let others = select(vec![
        "", " ", "{}", " { } ", "[]", "null", "1", "\"a\"", "{}{}", "{\n}",
    ]);
    prop_oneof![
        20 => mutated,
        1 => others.prop_map(|other| other.as_bytes().to_vec()),
    ]
}

/// Records that have little in common, or that are changed copies of one: the host expects the members of a record
/// where those of the record before it were.
fn records() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let copies = (object(), prop::collection::vec(changes(), 1..25));
    let copies = copies.prop_map(|(object, all)| {
        let copies = all.into_iter().map(|changes| changed(&object, changes));
        copies.collect()
    });
    prop_oneof![prop::collection::vec(record(), 1..25), copies]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_enrichment_of_mutated_records_is_the_same_by_each_call(records in records()) {
        let batch = batch(&records);
        for release in releases() {
            let calls = outcomes_by_call(release, &batch);
            let (first, expected) = &calls[0];
            for (call, found) in &calls[1..] {
                for (index, record) in records.iter().enumerate() {
                    prop_assert_eq!(
                        &found[index], &expected[index],
                        "by {} and by {}: {:?}", call, first, String::from_utf8_lossy(record)
                    );
                }
            }
        }
    }
}

/// The generator is worth something only if all kinds of outcomes are common.
#[test]
fn mutated_records_have_all_kinds_of_outcomes() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;
    use std::collections::BTreeMap;

    let mut runner = TestRunner::deterministic();
    let records: Vec<_> = (0..3_000)
        .map(|_| record().new_tree(&mut runner).unwrap().current())
        .collect();
    let mut found = BTreeMap::<String, usize>::new();
    for records in records.chunks(500) {
        let batch = batch(records);
        for (_, outcomes) in outcomes_by_call(enrichment(), &batch).into_iter().take(1) {
            for outcome in outcomes {
                *found.entry(outcome.word().to_owned()).or_default() += 1;
            }
        }
    }
    println!("{found:?}");
    for word in [
        "events",
        "invalid_json",
        "not_an_object",
        "missing_field",
        "invalid_field",
        "duplicate_field",
        "not_interoperable",
        "invalid_output",
    ] {
        assert!(found.contains_key(word), "{word} is not in {found:?}");
    }
    assert!(found["events"] > 100, "{found:?}");
}
