//! `sluice transform try`: what becomes of records, without landing them.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::author::place;
use crate::support::program::{Place, Ran};

/// A line of `--json` about a record.
#[derive(Debug, Deserialize)]
pub(super) struct Line {
    pub(super) source: String,
    pub(super) line: Option<u64>,
    pub(super) rid: String,
    pub(super) outcome: String,
    #[serde(default)]
    pub(super) events: Vec<TriedEvent>,
    pub(super) quarantined: Option<Reason>,
    pub(super) was_quarantined: Option<Reason>,
    pub(super) fuel: u64,
    pub(super) time_ns: u64,
    #[serde(default)]
    pub(super) log: Vec<Value>,
    #[serde(default)]
    pub(super) log_suppressed: u64,
    pub(super) data: Option<String>,
    pub(super) data_base64: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct TriedEvent {
    pub(super) event: Box<RawValue>,
    pub(super) partition: String,
    pub(super) routes: Vec<String>,
    pub(super) differences: Vec<Value>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Reason {
    pub(super) code: String,
    pub(super) message: String,
}

/// The lines about records, and the counts.
pub(super) fn results(ran: Ran) -> (Vec<Line>, Value) {
    let ran = ran.succeeded();
    let mut lines: Vec<_> = ran.stdout.lines().collect();
    let summary: Value = serde_json::from_str(lines.pop().unwrap()).unwrap();
    let records = lines.into_iter();
    let records = records.map(|line| serde_json::from_str(line).unwrap());
    (records.collect(), summary["summary"].clone())
}

pub(super) fn try_rules(place: &Place, args: &[&str]) -> Ran {
    place.run(&[&["transform", "try"], args].concat())
}

/// An event that the enrichment takes, and how the event differs.
pub(super) const EVENT: &str =
    r#"{"event_uuid":"u","event_name":"a:b","created_at":0,"event_type":"old","n":[1,{"x":2.50}]}"#;
const DIFFERENCES: &str = concat!(
    "  event_type=a  to lake, bus\n",
    "    - event_type: \"old\"\n",
    "    + event_type: \"a\"\n",
    "    + created_datetime: \"1970-01-01T00:00:00Z\"\n",
    "    + event_subtype: \"b\"\n",
);

#[test]
fn each_record_shows_where_it_is_and_what_becomes_of_it() {
    let place = Place::new();
    let long = "x".repeat(1_000);
    place.write("events.ndjson", format!("{EVENT}\n\nno json {long}\n"));
    let ran = try_rules(&place, &["events.ndjson"]).succeeded();
    assert!(
        ran.stdout.starts_with("events.ndjson:1  1 event  "),
        "{ran:#?}"
    );
    for part in [
        DIFFERENCES,
        "events.ndjson:3  quarantined as invalid_json  0 fuel, ",
        "\n  byte 0: expected true, false or null\n  record no json xxx",
        "x… (848 more bytes)\n",
        "2 records: 1 with 1 event, 0 dropped, 1 quarantined\n         1  invalid_json\n",
        "a record takes ",
    ] {
        assert!(ran.stdout.contains(part), "{part:?} is not in {ran:#?}");
    }
    assert!(!ran.stdout.contains("  n: "), "{ran:#?}");
    assert_eq!(ran.stderr, "");
    let full = try_rules(&place, &["events.ndjson", "--full"]).succeeded();
    for part in [
        "      n: [1,{\"x\":2.50}]\n",
        &format!("record no json {long}\n"),
    ] {
        assert!(full.stdout.contains(part), "{part:?} is not in {full:#?}");
    }
}

#[test]
fn all_kinds_of_outcomes_are_shown_and_counted() {
    let place = place();
    let records = "many_events 2\ndrop x\nreject why\ntrap\nlake_only\npartition a/b\n{\"x\":\"\u{1b}[31m\"}\n";
    place.write("records", records);
    let args = ["--transform", "single.wasm", "records"];
    let ran = try_rules(&place, &args).succeeded();
    for part in [
        "records:1  2 events  ",
        "  no partition  to lake, bus\n    - the record: many_events 2\n    + the record: {\"n\":0}\n",
        "records:2  dropped  ",
        "records:3  quarantined as not_wanted  ",
        "\n  why\n  record reject why\n",
        "records:4  quarantined as trap  ",
        "  no partition  to lake\n",
        "  place=a%2Fb  to lake, bus\n",
        "7 records: 4 with 5 events, 1 dropped, 2 quarantined\n",
        "         1  not_wanted\n         1  trap\n",
    ] {
        assert!(ran.stdout.contains(part), "{part:?} is not in {ran:#?}");
    }
    assert!(!ran.stdout.contains('\u{1b}'), "{ran:#?}");
}

#[test]
fn what_the_rules_log_is_shown_with_its_record() {
    let place = place();
    place.write(
        "records",
        "log hello\nx\nlog_flood\nlog_and_trap\nlog_lines\n",
    );
    let args = ["--transform", "single.wasm", "records"];
    let ran = try_rules(&place, &args).succeeded();
    for part in [
        "\n  log error: hello\n  no partition  to lake, bus\n",
        "\n  log error: flood éé",
        "more bytes)\n  log … 4,980 more messages\n",
        "\n  log error: first\\nsecond\\rthird\\u{1b}[31m\n",
    ] {
        assert!(ran.stdout.contains(part), "{part:?} is not in {ran:#?}");
    }
    assert_eq!(ran.stdout.matches("\n  log error: flood ").count(), 20);
    let (lines, _) = results(try_rules(&place, &[&args[..], &["--json"]].concat()));
    let hello = serde_json::json!([{"level": "error", "message": "hello"}]);
    assert_eq!(Value::from(lines[0].log.clone()), hello);
    assert!(lines[1].log.is_empty() && lines[1].log_suppressed == 0);
    assert_eq!((lines[2].log.len(), lines[2].log_suppressed), (20, 4_980));
    assert_eq!((lines[3].log.len(), lines[3].log_suppressed), (20, 180));
    assert_eq!(lines[3].outcome, "quarantined");
}

#[test]
fn colours_are_for_terminals() {
    let place = Place::new();
    place.write("events.ndjson", EVENT);
    let shown = |variables: &[(&str, &str)]| {
        let mut command = place.command(&["transform", "try", "events.ndjson"]);
        command.env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
        command.envs(variables.iter().copied());
        Ran::from(command.output().unwrap()).succeeded().stdout
    };
    assert!(!shown(&[]).contains('\u{1b}'), "a pipe is no terminal");
    let forced = shown(&[("CLICOLOR_FORCE", "1")]);
    for part in [
        "\u{1b}[31m    - event_type: \"old\"\u{1b}[0m\n",
        "\u{1b}[32m    + event_type: \"a\"\u{1b}[0m\n",
    ] {
        assert!(forced.contains(part), "{part:?} is not in {forced}");
    }
    let both = [("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")];
    assert!(!shown(&both).contains('\u{1b}'), "NO_COLOR wins");
}

#[test]
fn scripts_get_a_line_for_each_record_and_the_counts() {
    let place = Place::new();
    place.write("events.ndjson", [EVENT.as_bytes(), b"\n\n\xff\n"].concat());
    let (lines, summary) = results(try_rules(&place, &["events.ndjson", "--json"]));
    let [event, broken] = &*lines else {
        panic!("{lines:#?}")
    };
    assert_eq!((&*event.source, event.line), ("events.ndjson", Some(1)));
    assert_eq!(
        (&*event.outcome, &*event.data.clone().unwrap()),
        ("events", EVENT)
    );
    assert!(event.rid.ends_with(":0"), "{event:?}");
    assert!(event.fuel > 0 && event.time_ns > 0, "{event:?}");
    assert!(event.quarantined.is_none() && event.was_quarantined.is_none());
    let made = &event.events[0];
    assert_eq!(made.routes, ["lake", "bus"]);
    let expected = r#"{"new":"\"a\"","old":"\"old\"","path":"event_type"}"#;
    let differs: Value = serde_json::from_str(expected).unwrap();
    assert_eq!(made.differences.len(), 3, "{made:?}");
    assert_eq!(made.differences[0], differs);
    assert_eq!((&*broken.outcome, broken.line), ("quarantined", Some(3)));
    assert_eq!(broken.quarantined.as_ref().unwrap().code, "invalid_json");
    assert_eq!(
        (&broken.data, broken.data_base64.as_deref()),
        (&None, Some("/w=="))
    );
    assert_eq!(summary["records"], 2);
    assert_eq!(summary["records_with_events"], 1);
    assert_eq!(summary["events"], 1);
    assert_eq!(summary["dropped"], 0);
    assert_eq!(
        summary["quarantined"],
        serde_json::json!({"invalid_json": 1})
    );
    assert_eq!(summary["fuel"]["max"], event.fuel);
    assert_eq!(summary["time_ns"]["max"], event.time_ns.max(broken.time_ns));
    assert_eq!(summary["release"].as_str().unwrap().len(), 64);
    assert_eq!(summary.get("limit"), None);
    let (full, _) = results(try_rules(&place, &["events.ndjson", "--json", "--full"]));
    assert_eq!(full[0].events[0].differences.len(), 7);
}

#[test]
fn only_some_records_are_printed_and_all_are_counted() {
    let place = place();
    let commands = ["keep", "drop", "two", "other"];
    let records = commands.map(|command| format!(r#"{{"command":"{command}","n":1}}"#));
    place.write("records", format!("{{\n{}\n", records.join("\n")));
    let options = ["--transform", "fields.wasm", "records"];
    let shown = |only: &str| {
        let more = ["--json", "--only", only];
        let (lines, summary) = results(try_rules(&place, &[&options[..], &more].concat()));
        assert_eq!(summary["records"], 5);
        let lines = lines.into_iter().map(|line| line.line.unwrap());
        lines.collect::<Vec<_>>()
    };
    assert_eq!(shown("quarantined"), [1]);
    assert_eq!(shown("events"), [2, 4, 5]);
    assert_eq!(shown("dropped"), [3]);
    assert_eq!(shown("changed"), [4, 5]);
    let ran = try_rules(&place, &options).succeeded();
    for part in [
        "\n    the record as it is\nrecords:3  dropped  ",
        "records:4  2 events  ",
        "\n    + set: 1\n",
    ] {
        assert!(ran.stdout.contains(part), "{part:?} is not in {ran:#?}");
    }
    let unknown = [&options[..], &["--only", "rejected"]].concat();
    try_rules(&place, &unknown).failed(2, &["quarantined"]);
}

/// The program is text or a file.
#[test]
fn a_jq_program_is_tried() {
    let place = Place::new();
    place.write("events.ndjson", EVENT);
    let program = r#".event_type = "x""#;
    place.write("rules.jq", program);
    let expected = concat!(
        "  no partition  to lake, bus\n",
        "    - event_type: \"old\"\n",
        "    + event_type: \"x\"\n",
        "1 record: 1 with 1 event, 0 dropped, 0 quarantined\n",
    );
    for rules in [program, "rules.jq"] {
        let ran = try_rules(&place, &["--jq", rules, "events.ndjson"]).succeeded();
        assert!(ran.stdout.contains(expected), "{ran:#?}");
    }
    let partitioned = ["--transform-config", r#"{"partition_by":["event_type"]}"#];
    let with = |rules| [&["--jq", rules, "events.ndjson"], &partitioned[..]].concat();
    let ran = try_rules(&place, &with(".event_uuid |= 1")).succeeded();
    assert!(ran.stdout.contains("  event_type=old  to lake"), "{ran:#?}");
    let ran = try_rules(&place, &with(r#"error("too_old: why")"#)).succeeded();
    assert!(ran.stdout.contains("quarantined as too_old  "), "{ran:#?}");
    let ran = try_rules(&place, &with("null")).succeeded();
    assert!(
        ran.stdout.contains("events.ndjson:1  dropped  "),
        "{ran:#?}"
    );
    try_rules(&place, &with(".a |")).failed(2, &["jq: cannot admit", "--jq"]);
    try_rules(&place, &with("nowhere.jq")).failed(2, &["nowhere.jq"]);
    let both = ["--jq", ".", "--transform", "builtin:copy", "events.ndjson"];
    try_rules(&place, &both).failed(2, &["--jq", "--transform"]);
}
