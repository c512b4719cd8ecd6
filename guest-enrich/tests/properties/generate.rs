//! Strategies for JSON texts that are similar to events, and for damage.

use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Bytes that mean something to a JSON reader.
const MEANINGFUL: &[u8] =
    b"{}[]:,\"\\ \n\t0123456789-+.eEutrfalsn/bx\x00\x1f\x7f\x80\xc3\xa9\xed\xff";

const NAMES: &[&str] = &[
    "event_uuid",
    "event_name",
    "created_at",
    "created_datetime",
    "event_type",
    "event_subtype",
    r"event\u005ftype",
    r"\u0065vent_name",
    r"created\u005Fat",
    r"event_uui\u0064",
    "event_typ",
    "created_at ",
    "other",
    "",
];

/// White space between tokens, usually none.
pub(crate) fn space() -> impl Strategy<Value = String> {
    prop_oneof![5 => Just(String::new()), 1 => "[ \t\r\n]{1,3}"]
}

/// The characters between the quotes of a string.
fn characters() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-zA-Z0-9_:/.-]{0,12}",
        1 => select(vec![
            r#"\""#, r"\\", r"\/", r"\b", r"\n", r"\t", r"\u003a", r"\u003A", r"\u0000", r"\u00e9",
            r"\ud83d\ude00", r"\ud800", r"\udc00",
        ]).prop_map(str::to_owned),
        1 => "[é€😀\u{2028}\u{ffff}:]{1,3}",
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

fn string() -> impl Strategy<Value = String> {
    characters().prop_map(|text| format!("\"{text}\""))
}

/// A number of the grammar, often a likely time.
pub(crate) fn number() -> impl Strategy<Value = String> {
    let free = "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,15})?([eE][+-]?[0-9]{1,2})?";
    prop_oneof![
        3 => (-62_200_000_000_i64..253_500_000_000).prop_map(|seconds| seconds.to_string()),
        3 => "1[0-9]{9}(\\.[0-9]{1,12})?",
        2 => "-?1[0-9]{12}e-3",
        4 => free,
        1 => select(vec!["-0", "0e99", "1e400", "-1e400", "1e-400", "-1e-400", "9007199254740993"])
            .prop_map(str::to_owned),
    ]
}

/// The text of any value.
pub(crate) fn value() -> impl Strategy<Value = String> {
    let literal = select(vec!["true", "false", "null"]).prop_map(str::to_owned);
    let leaf = prop_oneof![number(), string(), literal];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let item = (space(), inner, space())
            .prop_map(|(a, v, b)| a + &v + &b)
            .boxed();
        let member = (string(), space(), item.clone(), space());
        let member = member.prop_map(|(key, a, value, b)| format!("{b}{key}{a}:{value}"));
        prop_oneof![
            prop::collection::vec(item, 1..4).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec(member, 1..4).prop_map(|m| format!("{{{}}}", m.join(","))),
            space().prop_map(|space| format!("[{space}]")),
            space().prop_map(|space| format!("{{{space}}}")),
        ]
    })
}

fn member() -> impl Strategy<Value = String> {
    let key = prop_oneof![
        1 => select(NAMES).prop_map(|name| format!("\"{name}\"")),
        3 => string(),
    ];
    (space(), key, space(), space(), value(), space())
        .prop_map(|(a, key, b, c, value, d)| format!("{a}{key}{b}:{c}{value}{d}"))
}

/// An object that is usually an event: the fields that are read, among others, in any order.
pub(crate) fn event() -> impl Strategy<Value = String> {
    let uuid = string().prop_map(|text| format!("\"event_uuid\":{text}"));
    let name = string().prop_map(|text| format!("\"event_name\" :{text}"));
    let created = number().prop_map(|number| format!("\"created_at\": {number}"));
    let others = prop::collection::vec(member(), 0..6);
    (uuid, name, created, others, space(), space())
        .prop_map(|(uuid, name, created, mut members, a, b)| {
            members.extend([uuid, name, created]);
            (members, a, b)
        })
        .prop_flat_map(|(members, a, b)| (Just(members).prop_shuffle(), Just(a), Just(b)))
        .prop_map(|(members, a, b)| format!("{a}{{{}}}{b}", members.join(",")))
}

/// A text with a few bytes inserted, replaced or removed.
pub(crate) fn damaged(text: impl Strategy<Value = String>) -> impl Strategy<Value = Vec<u8>> {
    let damage = (any::<Index>(), select(MEANINGFUL), 0..3_u8);
    (text, prop::collection::vec(damage, 0..3)).prop_map(|(text, damages)| {
        let mut bytes = text.into_bytes();
        for (index, byte, how) in damages {
            let at = index.index(bytes.len() + 1);
            match how {
                0 => bytes.insert(at, byte),
                1 if at < bytes.len() => bytes[at] = byte,
                _ if at < bytes.len() => drop(bytes.remove(at)),
                _ => {}
            }
        }
        bytes
    })
}

/// Bytes that are rarely JSON but use many branches of a reader.
pub(crate) fn soup() -> impl Strategy<Value = Vec<u8>> {
    let tokens = select(vec![
        "{", "}", "[", "]", ",", ":", "\"", "\"a\":", "true", "null", "1", "-0.5e1", " ", "\\u00",
        "\"x\"", "é",
    ]);
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..64),
        prop::collection::vec(select(MEANINGFUL), 0..64),
        prop::collection::vec(tokens, 0..16).prop_map(|tokens| tokens.concat().into_bytes()),
    ]
}
