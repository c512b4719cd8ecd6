//! `sluice transform try`: what a terminal may act on is escaped, and paths have one meaning.

use serde_json::Value;

use crate::author::try_rules::{results, try_rules};
use crate::support::program::Place;

/// Control characters that JSON has as they are.
const CONTROLS: &str = "\u{7f}\u{85}\u{9b}";

#[test]
fn json_has_no_control_characters_and_the_same_values() {
    let place = Place::new();
    let record = format!(r#"{{"{CONTROLS}":"{CONTROLS}é","n":1.50}}"#);
    place.write("events.ndjson", format!("{record}\n"));
    let args = ["events.ndjson", "--json", "--full", "--jq", ".m = .n"];
    let ran = try_rules(&place, &args).succeeded();
    let is_control = |c: char| c.is_control() && c != '\n';
    assert!(!ran.stdout.contains(is_control), "{ran:#?}");
    assert!(ran.stdout.contains(r"\u007f\u0085\u009bé"), "{ran:#?}");
    let (lines, _) = results(ran);
    assert_eq!(lines[0].data.as_deref(), Some(&*record));
    let event: Value = serde_json::from_str(lines[0].events[0].event.get()).unwrap();
    assert_eq!(event[CONTROLS], format!("{CONTROLS}é"));
    assert_eq!(lines[0].events[0].differences[0]["path"], CONTROLS);
}

#[test]
fn a_missing_file_cannot_write_to_the_terminal() {
    let place = Place::new();
    let name = "no\u{1b}[31m\nwhere\u{9b}.ndjson";
    let shown = [r"cannot read no\u{1b}[31m", r"where\u{9b}.ndjson: "];
    let source = format!("file:{name}");
    for ran in [
        try_rules(&place, &[name]),
        place.try_land(&["--source", &source]),
    ] {
        let ran = ran.failed(1, &shown);
        let is_control = |c: char| c.is_control() && c != '\n';
        assert!(!ran.stderr.contains(is_control), "{ran:#?}");
    }
}

#[test]
fn a_path_has_one_meaning() {
    let place = Place::new();
    let record = r#"{"":1,"a.b":2,"a":{"b":3,"c.d":[4]}}"#;
    place.write("events.ndjson", format!("{record}\n"));
    let program = r#".a |= (del(.b) | ."c.d"[0] = 5) | del(.[""], ."a.b")"#;
    let args = ["events.ndjson", "--jq", program];
    let ran = try_rules(&place, &args).succeeded();
    for line in [
        "    - .\"\": 1\n",
        "    - .\"a.b\": 2\n",
        "    - a.b: 3\n",
        "    - a.\"c.d\"[0]: 4\n    + a.\"c.d\"[0]: 5\n",
    ] {
        assert!(ran.stdout.contains(line), "{line:?} is not in {ran:#?}");
    }
}
