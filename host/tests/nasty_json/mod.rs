//! JSON that is difficult for readers: each line lands or goes to quarantine, with its bytes
//! intact.

use std::collections::BTreeMap;

use crate::support::lake;
use crate::support::program::Place;

/// Valid JSON values that all readers can read. An event with one of them must land.
const VALUES: &[&str] = &[
    "0",
    "-0",
    "-0.0",
    "1e-400",
    "5e-324",
    "9007199254740993",
    "-9223372036854775809",
    "18446744073709551616",
    "0.1000000000000000055511151231257827021181583404541015625",
    "1.0",
    "1E5",
    "true",
    "null",
    "\"\"",
    r#""\"""#,
    r#""\\""#,
    r#""\\\"}""#,
    r#""\/\b\f\n\r\t""#,
    r#""\u0000""#,
    r#""\u001f\u007F""#,
    r#""\ud83d\ude00""#,
    r#""\uFFFF\ufffe""#,
    "\"\u{7f}\"",
    "\"\u{80}\u{85}\u{a0}\"",
    "\"\u{2028}\u{2029}\"",
    "\"\u{feff}\"",
    "\"\u{fffe}\u{ffff}\u{10ffff}\"",
    "\"\u{202e}desrever\"",
    "\"e\u{301}\u{301}\u{301}\u{301}\"",
    "\"👩‍👩‍👧‍👦\"",
    "\"$(reboot) `id` '; DROP TABLE events; -- ${jndi:ldap://x}\"",
    "\"</script><!--\"",
    "\"{\\\"event_name\\\":\\\"other:name\\\"}\"",
    "[]",
    "{}",
    "[[],[[]],{}]",
    r#"{"":{"":{"":""}}}"#,
    r#"{"event_name":1,"created_at":"no","event_uuid":null}"#,
    "{\"__proto__\":{\"constructor\":null}}",
    "{\"$ref\":\"#\",\"@type\":\"java.lang.Runtime\"}",
    " \t 1 \t ",
    "[ 1 , 2 ]",
];

/// Valid JSON values that readers of a lake fail on, and what is wrong with them. An event with one of
/// them lands only if any JSON may land.
const UNREADABLE: &[(&str, &str)] = &[
    ("1e400", "range of a double"),
    ("-1E+400", "range of a double"),
    ("1.7976931348623159e308", "range of a double"),
    ("0e99999999999", "exponent"),
    ("1e-99999999999999999999", "exponent"),
    ("[1,[2,{\"b\":1e309}]]", "at $.value[1][1].b: "),
    (
        "123456789012345678901234567890123456789012345678901234567890",
        "the limit is 38",
    ),
    (r#""\uD800""#, "at $.value: a \\u escape"),
    (r#""\udc00\ud800""#, "surrogate"),
    (r#"{"\ud800":1}"#, "surrogate"),
    (
        r#"{"a":1,"a":2}"#,
        "at $.value.a: the object has this name twice",
    ),
    (
        r#"{"a":1,"A":2}"#,
        "at $.value.A: the object has this name twice",
    ),
    (r#"[{"a":{"b":1,"\u0062":2}}]"#, r#"$.value[0].a["\u0062"]"#),
    (r#"1,"Event_UUID":2"#, "$.Event_UUID"),
    (r#"1,"VALUE":2"#, "$.VALUE"),
];

/// Invalid JSON values. An event with one of them must not land.
const NO_VALUES: &[&str] = &[
    "",
    "NaN",
    "-NaN",
    "Infinity",
    "-Infinity",
    "undefined",
    "True",
    "nul",
    "nulll",
    "01",
    "-01",
    "+1",
    "1.",
    ".5",
    "-.5",
    "-",
    "1e",
    "1e+",
    "1.e5",
    "0x1F",
    "1_000",
    "1,000",
    "'single'",
    "\"",
    "\"\\\"",
    r#""\x41""#,
    r#""\a""#,
    r#""\u12""#,
    r#""\u12G4""#,
    r#""\U0041""#,
    "\"\t\"",
    "\"\u{0}\"",
    "\"\u{1f}\"",
    "\"a\rb\"",
    "[1,]",
    "[,1]",
    "[1 2]",
    "[1",
    "1]",
    "{\"a\":1,}",
    "{\"a\"}",
    "{\"a\":}",
    "{a:1}",
    "{'a':1}",
    "{1:1}",
    "{\"a\":1 \"b\":2}",
    "{\"a\"::1}",
    "[}",
    "{]",
    "// comment\n1",
    "/* comment */ 1",
    "# comment",
    "\u{a0}1",
    "\u{feff}1",
    "\u{c}1",
    "１",
    "“quoted”",
];

/// Whole lines, and the reason of each rejection; `None` if the line lands.
const LINES: &[(&[u8], Option<&str>)] = &[
    (b"null", Some("not_an_object")),
    (b"1", Some("not_an_object")),
    (b"\"{}\"", Some("not_an_object")),
    (b"[]", Some("not_an_object")),
    (b"{}", Some("missing_field")),
    (b"{", Some("invalid_json")),
    (b"}", Some("invalid_json")),
    (b"{{}}", Some("invalid_json")),
    (b" ", Some("invalid_json")),
    (b"\x00", Some("invalid_json")),
    (b"\x1b[31mred\x1b[0m", Some("invalid_json")),
    (b"\xef\xbb\xbf{}", Some("invalid_json")),
    (b"\xff\xfe{\x00}\x00", Some("invalid_json")),
    (b"\xfe\xff\x00{\x00}", Some("invalid_json")),
    (b"\x80", Some("invalid_json")),
    (b"\xc0\xaf", Some("invalid_json")),
    (b"{\"a\":\"\xed\xa0\x80\"}", Some("invalid_json")),
    (b"{\"a\":\"\xf4\x90\x80\x80\"}", Some("invalid_json")),
    (b"{\"a\":\"\xe2\x82\"}", Some("invalid_json")),
    (b"{\"\xff\":1}", Some("invalid_json")),
    (
        br#"{"event_uuid":"u","event_name":"a:b","created_at":1}{}"#,
        Some("invalid_json"),
    ),
    (
        br#"{"event_uuid":"u","event_name":"a:b","created_at":1},"#,
        Some("invalid_json"),
    ),
    (
        b"{\"event_uuid\":\"u\",\"event_name\":\"a:b\",\"created_at\":1}\x00",
        Some("invalid_json"),
    ),
    (
        br#"{"event_uuid":"u","event_name":"a:b","created_at":1,"created_at":2}"#,
        Some("duplicate_field"),
    ),
    (
        br#"{"event_uuid":"u","event_name":"a:b","event\u005fname":"c","created_at":1}"#,
        Some("duplicate_field"),
    ),
    (
        br#"{"event_uuid":"u","event_name":"\ud800","created_at":1}"#,
        Some("invalid_field"),
    ),
    (
        br#"{"event_uuid":"u","event_name":"a:b","created_at":1e400}"#,
        Some("invalid_field"),
    ),
    (
        br#"{"event_uuid":"u","event_name":"a:b","created_at":"1"}"#,
        Some("invalid_field"),
    ),
    (
        br#"{"event_uuid":7,"event_name":"a:b","created_at":1}"#,
        Some("invalid_field"),
    ),
    (
        br#"{"event_uuid":"u","Event_Name":"a:b","created_at":1}"#,
        Some("missing_field"),
    ),
    (
        br#"{"event_uuid":"u","event_name":"../../etc/passwd:x","created_at":1}"#,
        None,
    ),
    (
        br#"{"event_uuid":"u","event_name":"\u0000\u001b/=%","created_at":-62167219200}"#,
        None,
    ),
    (
        br#"{"event_uuid":"","event_name":"a","created_at":253402300799.999}"#,
        None,
    ),
    (
        br#"{"event\u005fuuid":"u","event_name":"a:::","created_at":0}"#,
        None,
    ),
    (
        br#"{"event_uuid":"u","event_name":"","created_at":0}"#,
        Some("invalid_field"),
    ),
    (
        br#"{"event_uuid":"u","event_name":"\u003aa","created_at":0}"#,
        Some("invalid_field"),
    ),
    (
        br#"{"event_uuid":"u","event_name":"__HIVE_DEFAULT_PARTITION__:a","created_at":0}"#,
        Some("invalid_output"),
    ),
    (
        b"\t { \"event_uuid\" : \"u\" , \"event_name\" : \"a\" , \"created_at\" : 1 } \t",
        None,
    ),
];

pub(crate) fn event(value: &str) -> Vec<u8> {
    format!(
        r#"{{"event_uuid":"u","event_name":"nasty:json","created_at":1767225600,"value":{value}}}"#
    )
    .into_bytes()
}

/// A line, the reason for which it is quarantined, and a part of the message. A line without a reason
/// lands.
struct Case {
    line: Vec<u8>,
    reason: Option<&'static str>,
    message: &'static str,
}

fn case(line: Vec<u8>, reason: Option<&'static str>) -> Case {
    let message = "";
    Case {
        line,
        reason,
        message,
    }
}

fn unreadable(value: &str, message: &'static str) -> Case {
    let reason = Some("not_interoperable");
    Case {
        message,
        ..case(event(value), reason)
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    cases.extend(VALUES.iter().map(|value| case(event(value), None)));
    cases.extend(
        UNREADABLE
            .iter()
            .map(|(value, part)| unreadable(value, part)),
    );
    let no_values = NO_VALUES.iter().filter(|value| !value.contains('\n'));
    cases.extend(no_values.map(|value| case(event(value), Some("invalid_json"))));
    cases.extend(
        LINES
            .iter()
            .map(|(line, reason)| case(line.to_vec(), *reason)),
    );
    let nested = |open: &str, inner: &str, close: &str, depth: usize| {
        format!("{}{inner}{}", open.repeat(depth), close.repeat(depth))
    };
    // The event itself is a level too.
    for depth in [1, 98, 99, 100, 127, 128, 129, 1_000, 100_000] {
        for (open, inner, close) in [("[", "", "]"), ("{\"a\":", "1", "}")] {
            let value = nested(open, inner, close, depth);
            cases.push(match depth {
                ..100 => case(event(&value), None),
                100.. => unreadable(&value, "the limit is 100"),
            });
        }
        let open = nested("[", "", "", depth);
        cases.push(case(open.into_bytes(), Some("invalid_json")));
    }
    cases.push(case(
        event(&format!("\"{}\"", "\\\\".repeat(500_000))),
        None,
    ));
    cases.push(unreadable(&"9".repeat(1_000_000), "the limit is 38"));
    cases
}

/// All lines of the cases.
pub(crate) fn lines() -> Vec<Vec<u8>> {
    cases().into_iter().map(|case| case.line).collect()
}

/// JSON values that are difficult for readers, most of them valid.
pub(crate) fn values() -> Vec<&'static str> {
    let unreadable = UNREADABLE.iter().map(|(value, _)| *value);
    let invalid = NO_VALUES.iter().copied().step_by(8);
    let values = VALUES.iter().copied().chain(unreadable).chain(invalid);
    values.collect()
}

/// The event without the fields that the enrichment added.
fn without_added_fields(event: &str) -> String {
    let start = event.rfind(r#","created_datetime":""#).unwrap();
    let end = event.rfind('}').unwrap();
    let blanks = event[..end].trim_end_matches([' ', '\t']).len();
    format!("{}{}", &event[..start], &event[blanks..])
}

#[test]
fn every_nasty_line_ends_in_one_place_with_its_bytes_intact() {
    check_all(&cases(), &[]);
}

#[test]
fn what_readers_fail_on_lands_if_any_json_may() {
    let mut cases = cases();
    for case in &mut cases {
        case.reason = case.reason.filter(|reason| *reason != "not_interoperable");
    }
    check_all(&cases, &["--lake-json", "any"]);
}

/// A fault in a field that the rules replace is none.
#[test]
fn only_the_finished_event_matters() {
    let place = Place::new();
    let line = String::from_utf8(event("1")).unwrap();
    let line = line.replace('}', r#","event_type":1e400,"event_subtype":{"a":1,"a":2}}"#);
    place.write("events.ndjson", line);
    assert_eq!(place.land(&[]).counts(["events", "quarantined"]), [1, 0]);
}

fn check_all(cases: &[Case], args: &[&str]) {
    assert!(cases.len() > 120);
    let place = Place::new();
    let lines: Vec<_> = cases.iter().map(|case| case.line.as_slice()).collect();
    place.write("events.ndjson", lines.join(&b'\n'));
    let summary = place.land(args);
    assert_eq!(summary.count("records"), cases.len() as u64);

    let messages = lake::messages(&place.bus());
    let landed: BTreeMap<_, _> = messages
        .iter()
        .map(|m| (m.offset(), m.body.get()))
        .collect();
    let quarantined: BTreeMap<u64, _> = lake::quarantine(&place.lake())
        .into_iter()
        .map(|q| (q.sequence_number.parse().unwrap(), q))
        .collect();
    assert_eq!(landed.len() + quarantined.len(), cases.len());
    let mut offset = 0;
    for case in cases {
        check(case, landed.get(&offset), quarantined.get(&offset));
        offset += case.line.len() as u64 + 1;
    }

    let mut of_lake = lake::all_events(&place.lake());
    let mut of_bus: Vec<_> = messages.iter().map(|m| m.body.get().to_owned()).collect();
    of_lake.sort_unstable();
    of_bus.sort_unstable();
    // White space around an event is not part of the JSON value on the bus.
    let of_lake: Vec<_> = of_lake.iter().map(|event| event.trim()).collect();
    assert_eq!(of_lake.len(), of_bus.len());
    for event in &of_bus {
        assert!(of_lake.contains(&event.trim()), "{event:.200}");
    }
}

fn check(case: &Case, landed: Option<&&str>, quarantined: Option<&lake::Quarantined>) {
    let line = String::from_utf8_lossy(&case.line);
    match (landed, quarantined) {
        (Some(event), None) => {
            assert_eq!(case.reason, None, "{line:.200} landed");
            assert!(
                without_added_fields(event) == line.trim(),
                "{line:.200} became {event:.300}"
            );
        }
        (None, Some(record)) => {
            assert_eq!(
                Some(record.reason.as_str()),
                case.reason,
                "{line:.200}: {record:.500?}"
            );
            assert!(record.message.contains(case.message), "{record:.500?}");
            assert!(
                record.bytes() == case.line,
                "{line:.200} became {record:.300?}"
            );
        }
        both_or_none => panic!("{line:.200}: {both_or_none:?}"),
    }
}
