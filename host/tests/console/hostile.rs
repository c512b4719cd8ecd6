//! What producers and publishers write is shown as text, whatever it is, and only if it may be shown.

use super::client::Response;
use super::html::Form;
use super::{Console, console, html, publish, transform, visit};
use crate::local::events;
use crate::support::program::Place;

/// Part of each value of a member, which no page has without `--show-payloads`.
const SECRET: &str = "secret-value";

/// What a browser would run if it were not text.
const SCRIPT: &str = "<script>alert(1)</script>";
const IMAGE: &str = "\"><img src=x onerror=alert(1)>";

/// Turns the direction of writing, hides what follows, and ends a terminal's line.
const TURNED: &str = "\u{202e}\u{2066}\u{200f}\u{0}\u{1b}[31m";

/// The length of a string that no page shows as a whole.
const LONG: usize = 1_000_000;

/// A lake of events, and of records that are quarantined, with hostile names, values and bytes.
fn place() -> Place {
    let place = Place::new();
    let quoted = |text: &str| serde_json::to_string(text).unwrap();
    let with = |value: &str| quoted(&format!("{value} {SECRET}"));
    let long = SECRET.repeat(LONG / SECRET.len());
    let mut lines = events(0..5).into_bytes();
    for line in [
        // These land.
        format!(
            r#"{{"event_uuid":{},"event_name":"<b>x</b>:y","created_at":1767225600,{}:{},{}:1,"long":{}}}"#,
            with(SCRIPT),
            quoted(SCRIPT),
            with(IMAGE),
            quoted(TURNED),
            quoted(&long)
        ),
        // These are quarantined.
        format!(
            r#"{{"event_uuid":{},"event_name":{}}}"#,
            with(SCRIPT),
            with(IMAGE)
        ),
        format!(
            r#"{{"event_uuid":"a","event_name":"a:b","created_at":{}}}"#,
            with(TURNED)
        ),
        format!(r#"{{"event_uuid":{},"event_name":"a:b"}}"#, quoted(&long)),
        format!("{SCRIPT}{TURNED}{SECRET}"),
        format!("{{\"a\":\"{SECRET}\",\"{SCRIPT}\":"),
    ] {
        lines.extend(line.into_bytes());
        lines.push(b'\n');
    }
    lines.extend(b"\xff\xfe<script>secret-value\n");
    place.write("events.ndjson", lines);
    let landed = place.land(&[]);
    assert_eq!(landed.counts(["records", "quarantined"]), [12, 6]);
    place
}

#[test]
fn contents_are_text_where_they_may_be_shown() {
    let place = place();
    let console = console(&place, &["--lake", "file:lake", "--show-payloads"]);
    console.says("/quarantine", &["missing_field", "invalid_json"]);
    console.says("/schema", &["lesson"]);
    let pages = visit(&console);
    for (path, page) in &pages {
        assert!(page.body.len() < LONG, "{path}: {} bytes", page.body.len());
    }
    let says = |part: &str| pages.values().any(|page| page.text().contains(part));
    for part in [SCRIPT, IMAGE, "more bytes", "\\u{202e}", SECRET] {
        assert!(says(part), "{part}");
    }
    assert!(pages.keys().any(|path| path.starts_with("/record?")));
}

#[test]
fn contents_are_absent_where_they_may_not_be_shown() {
    let place = place();
    let console = console(&place, &["--lake", "file:lake"]);
    console.says("/quarantine", &["missing_field", "invalid_json"]);
    console.says("/schema", &["lesson"]);
    for (path, page) in visit(&console) {
        assert!(!page.body.contains(SECRET), "{path}: {}", page.text());
    }
    let mut live = console.live("/quarantine");
    let (_, html) = live.section();
    html::assert_inert(&html);
    assert!(!html.contains(SECRET));
}

/// Posts the form of Try with other fields than it has, as a browser that obeys nobody does.
fn posted(console: &Console, path: &str, form: &Form, fields: &[(&str, &str)]) -> Response {
    let mut all = form.fields.clone();
    let given = fields
        .iter()
        .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
    all.extend(given);
    let all: Vec<_> = all.iter().map(|(a, b)| (&**a, &**b)).collect();
    let page = console.followed(console.post(path, &all));
    html::assert_inert(&page.body);
    assert!(!page.body.contains("secret"), "{fields:?}: {}", page.text());
    page
}

/// A console that hides contents, with an active release, and the form of Try with all that is quarantined.
fn hiding(place: &Place) -> (Console, Form) {
    let release = publish(place, "{}", "as it was");
    transform(place, &["activate", &release, "--why", "to begin"]).succeeded();
    let args = ["--lake", "file:lake", "--registry", "file:registry"];
    let console = console(place, &[&args[..], &["--allow-publish"]].concat());
    let page = console.get("/try?source=quarantine&release=active&choice=even");
    assert!(!page.body.contains(SECRET), "{}", page.text());
    let forms = html::forms(&page.body).into_iter();
    let mut forms = forms.filter(|form| form.fields.contains_key("jq"));
    let form = forms.next().unwrap();
    assert_eq!(
        (&*form.fields["rules"], &*form.fields["release"]),
        ("release", "active")
    );
    (console, form)
}

#[test]
fn contents_are_absent_from_what_rules_make_of_hidden_records() {
    let place = place();
    let (console, form) = hiding(&place);
    let counted = "6 of 6 records that are quarantined now are tried";
    for fields in [
        &[("against", "builtin:copy")][..],
        &[("rules", "copy"), ("against", "builtin:enrich")],
        &[("rules", "enrich"), ("choice", "newest")],
        // Data that no run could decode is taken apart.
        &[("rules", "copy"), ("encoding", "none"), ("format", "lines")],
        &[("start", "rejected")],
        &[("start", "time")],
    ] {
        let page = posted(&console, "/try/run", &form, fields);
        assert_eq!(page.status, 200, "{fields:?}");
        for part in [counted, "The contents are hidden", "Was quarantined as"] {
            assert!(page.says(part), "{fields:?}: {part}: {}", page.text());
        }
        let saves = html::forms(&page.body)
            .into_iter()
            .flat_map(|form| form.buttons);
        let mut saves = saves.filter(|button| button.text.starts_with("Save"));
        assert!(saves.next().is_none(), "{fields:?}");
    }
    let as_it_is = posted(&console, "/try/run", &form, &[]);
    for part in [
        "missing_field",
        "invalid_json",
        "sluice redrive --lake",
        "--dry-run",
    ] {
        assert!(as_it_is.says(part), "{part}: {}", as_it_is.text());
    }
}

/// A user who may not see records must not write rules either: rules could tell a record byte by byte.
#[test]
fn rules_that_could_tell_hidden_records_are_refused() {
    let place = place();
    let (console, form) = hiding(&place);
    let as_code = r#"error("\(.event_uuid | tostring | explode | map(tostring) | join("_")): x")"#;
    let refused = "hides the contents of records of the lake";
    for fields in [
        &[("rules", "jq"), ("jq", ".")][..],
        &[("rules", "jq"), ("jq", as_code)],
        &[("rules", ""), ("jq", as_code)],
        &[
            ("rules", "enrich"),
            ("config_enrich", r#"{"partition_by":["event_uuid"]}"#),
        ],
        &[("rules", "enrich"), ("config_enrich", "{}")],
        &[
            ("rules", "release"),
            ("config_release", r#"{"time_member":"event_uuid"}"#),
        ],
        &[("rules", "component"), ("component", "0123")],
    ] {
        let page = posted(&console, "/try/run", &form, fields);
        assert!(page.says(refused), "{fields:?}: {}", page.text());
        assert!(
            !page.says("records that are quarantined now are tried"),
            "{fields:?}"
        );
    }
    let archive = [("source", "archive"), ("archive", "file:lake")];
    let page = posted(&console, "/try/run", &form, &archive);
    assert!(
        page.says("Records of an archive are tried only"),
        "{}",
        page.text()
    );
    for case in ["0:00000000", "5:", ""] {
        let page = posted(&console, "/try/cases", &form, &[("case", case)]);
        assert_eq!(page.status, 403, "{}", page.text());
        assert!(page.says("which this console hides"), "{}", page.text());
    }
    // What a user pastes is the user's own.
    let pasted = [
        ("source", "pasted"),
        ("records", "{\"a\":\"my own\"}"),
        ("rules", "jq"),
        ("jq", "."),
    ];
    let page = posted(&console, "/try/run", &form, &pasted);
    assert!(
        page.says("my own") && page.says("1 (1 event)"),
        "{}",
        page.text()
    );
}

#[test]
fn what_publishers_write_is_text() {
    let place = Place::new();
    let release = publish(&place, "{}", &format!("note {SCRIPT}{IMAGE}"));
    let why = format!("reason {IMAGE}\u{202e}");
    transform(&place, &["activate", &release, "--why", &why]).succeeded();
    let console = console(&place, &["--registry", "file:registry", "--allow-publish"]);
    let page = console.says("/releases", &["note <script>", "reason \"><img"]);
    html::assert_inert(&page.body);
    visit(&console);
}

/// The console shows the commands that list the same texts.
#[test]
fn what_publishers_write_cannot_control_a_terminal() {
    let place = Place::new();
    let acts = "\u{1b}[31m\u{9b}32m\u{7f}\n";
    let release = publish(&place, "{}", &format!("note {acts}\u{202e}"));
    let why = format!("reason {acts}\u{202e}");
    transform(&place, &["activate", &release, "--why", &why]).succeeded();
    for (args, is_json) in [
        (&["list"][..], false),
        (&["list", "--json"][..], true),
        (&["show", &release][..], false),
    ] {
        let printed = transform(&place, args).succeeded().stdout;
        assert!(printed.contains("note "), "{printed}");
        let is_safe = |c: char| (!c.is_control() || c == '\n') && (is_json || c != '\u{202e}');
        assert!(printed.chars().all(is_safe), "{args:?}: {printed:?}");
    }
}

/// What a request says of itself comes back as text too.
#[test]
fn what_an_address_says_is_text() {
    let place = super::place();
    let args = ["--lake", "file:lake", "--show-payloads"];
    let console = console(&place, &args);
    let value = super::client::encoded(&format!("{SCRIPT}{IMAGE}\u{202e}\u{0}"));
    let mut paths: Vec<_> = ["/shard?id=", "/release?id=", "/record?rid=", "/nothing?x="]
        .map(|path| format!("{path}{value}"))
        .into();
    let names = "choice filter form from id infer note page quarantined_by reason release rid schema shard source state to type \
                 view";
    for name in names.split(' ') {
        paths.extend(super::PAGES.map(|page| format!("{page}?{name}={value}")));
    }
    for path in paths {
        let page = console.get(&path);
        assert!(page.status < 500, "{path}: {page:#?}");
        html::assert_inert(&page.body);
    }
}
