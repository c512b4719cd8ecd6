//! The page "Try": what the outcome is compared with, what is lost, and the way from records with another time to a canary.

use std::fs;

use serde_json::{Value, json};

use super::client::Response;
use super::html::Form;
use super::{Console, console, html, publish, transform};
use crate::local::events;
use crate::support::lake;
use crate::support::program::Place;

/// The path of the records that are rejected for their time, and how many there are.
const PATH: &str = "/try?reason=invalid_field";
const REJECTED: usize = 3;

/// A folder with a lake that has events, and records that are rejected because their time is a text.
fn place() -> Place {
    let place = Place::new();
    let rejected = (0..REJECTED).map(|n| {
        let record = json!({
            "event_uuid": format!("t-{n}"), "event_name": "lesson:done", "created_at": "2026-01-01T00:00:00Z",
        });
        format!("{record}\n")
    });
    let rejected: String = rejected.collect();
    place.write("events.ndjson", events(0..5) + &rejected);
    let landed = place.land(&[]);
    assert_eq!(landed.count("quarantined"), REJECTED as u64);
    place
}

/// The form of the page.
fn form(page: &Response) -> Form {
    let forms = html::forms(&page.body).into_iter();
    let mut forms = forms.filter(|form| form.fields.contains_key("jq"));
    forms.next().unwrap_or_else(|| panic!("{}", page.text()))
}

/// The form of a new page, once it has the rules that have rejected the records.
fn begun(console: &Console) -> Form {
    let page = console.until(PATH, |page| form(page).fields["rules"] == "enrich");
    form(&page)
}

fn submitted(console: &Console, form: &Form, button: &str, filled: &[(&str, &str)]) -> Response {
    let page = console.followed(console.submit(form, button, filled));
    assert_eq!(page.status, 200, "{}", page.text());
    html::assert_inert(&page.body);
    page
}

fn assert_says(page: &Response, parts: &[&str]) {
    for part in parts {
        assert!(page.says(part), "{part}: {}", page.text());
    }
}

#[test]
fn without_a_registry_records_are_compared_with_the_rules_that_rejected_them() {
    let place = place();
    let console = console(&place, &["--lake", "file:lake", "--show-payloads"]);
    let begun = begun(&console);
    let page = submitted(&console, &begun, "Run", &[]);
    let compared = [
        "the release that has rejected the records",
        "builtin:enrich with its default configuration",
        "0 of 3 differ",
        "The console shows no registry",
        "3 of 3 for the format of their time",
    ];
    assert_says(&page, &compared);
    // Rules that take the records without a partition.
    let copied = submitted(&console, &begun, "Run", &[("rules", "copy")]);
    let lost = [
        "These rules replace builtin:enrich: 3 of 3 events have no event_type",
        "3 of 3 differ",
    ];
    assert_says(&copied, &lost);
    let taken = submitted(&console, &form(&page), "Take times", &[]);
    let config = &form(&taken).fields["config_enrich"];
    let config: Value = serde_json::from_str(config).unwrap();
    assert_eq!(config, json!({ "time_format": "auto" }));
    assert_says(&taken, &["3 (3 events)", "3 of 3 differ"]);
    // What the times are now, and what they are in the lake.
    console.says("/schema", &["lesson"]);
    let taken = submitted(&console, &form(&taken), "Run", &[]);
    let types = [
        "Fields have other types than before: 1.",
        "text 3",
        "number",
    ];
    assert_says(&taken, &types);
    assert!(!taken.says("events have no"), "{}", taken.text());
}

/// Without a script: the page that a button leads to has an address of its own.
#[test]
fn what_was_sent_can_be_gone_back_to_and_loaded_again() {
    let place = place();
    let console = console(&place, &["--lake", "file:lake", "--show-payloads"]);
    let begun = begun(&console);
    let address = |button: &str, filled: &[(&str, &str)]| {
        let response = console.submit(&begun, button, filled);
        assert_eq!(response.status, 303, "{}", response.text());
        response.headers["location"].clone()
    };
    let copied = address("Run", &[("rules", "copy"), ("jq", ".a < <b>")]);
    let sample = address("Load a sample", &[]);
    for _ in 0..2 {
        let page = console.get(&copied);
        assert_says(&page, &["3 (3 events)", "3 of 3 differ"]);
        let fields = form(&page).fields;
        assert_eq!((&*fields["rules"], &*fields["jq"]), ("copy", ".a < <b>"));
        let page = console.get(&sample);
        assert_eq!(form(&page).fields["source"], "pasted");
        assert!(form(&page).fields["records"].contains("event_uuid"));
    }
    // A case is saved once, however often the page is loaded.
    let page = console.get(&copied);
    let saved = console.submit(&form(&page), "Save as golden case", &[]);
    assert_eq!(saved.status, 303, "{}", saved.text());
    let saved = &saved.headers["location"];
    assert!(console.get(saved).says("Saved events-1."));
    let again = console.get(saved);
    assert!(!again.says("Saved events-1") && again.says("1 case, kept until"));
    let gone = console.get("/try?form=0123456789abcdef");
    assert_eq!(gone.status, 200);
    assert_says(&gone, &["is not kept any more", "Nothing was run yet"]);
}

/// What is configured for one kind of rules is no error of another.
#[test]
fn a_configuration_belongs_to_one_kind_of_rules() {
    let place = place();
    let console = console(&place, &["--lake", "file:lake", "--show-payloads"]);
    let begun = begun(&console);
    let filled = [("config_enrich", r#"{"time_format":"auto"}"#)];
    let page = submitted(&console, &begun, "Run", &filled);
    assert_says(&page, &["3 (3 events)"]);
    let jq = [("rules", "jq"), ("jq", ".event_name |= ascii_upcase")];
    let page = submitted(&console, &form(&page), "Run", &jq);
    assert_says(&page, &["3 (3 events)", "LESSON:DONE"]);
    let config = &form(&page).fields["config_enrich"];
    assert!(config.contains("auto"), "{config}");
    // An error of a configuration leads to it.
    let filled = [("config_enrich", r#"{"no_such":1}"#)];
    let page = submitted(&console, &begun, "Run", &filled);
    assert_says(&page, &["The rules are not admitted", "no_such"]);
    let link = "<a href=\"#try-config\">";
    assert!(page.body.contains(link), "{}", page.text());
}

#[test]
fn what_to_compare_with_can_be_chosen() {
    let place = place();
    let active = publish(&place, r#"{"partition_by":["date"]}"#, "by day");
    let other = publish(&place, r#"{"partition_by":["hour"]}"#, "by hour");
    transform(&place, &["activate", &active, "--why", "to begin"]).succeeded();
    let args = ["--lake", "file:lake", "--registry", "file:registry"];
    let console = console(&place, &[&args[..], &["--show-payloads"]].concat());
    console.says("/schema", &["lesson"]);
    let begun = begun(&console);
    for (against, parts) in [
        ("", ["the active release", r#"{"partition_by":["date"]}"#]),
        ("active", ["the active release", &active[..8]]),
        (
            "rejected",
            ["the release that has rejected", "default configuration"],
        ),
        (
            "last",
            ["the release that has written to the lake last", "enrich"],
        ),
        ("builtin:copy", ["a built-in transform", "builtin:copy"]),
        (&*other, ["that you have chosen", "hour"]),
        ("nothing", ["Nothing.", "compare with nothing"]),
        ("0123456789", ["cannot compare with", "0123456789"]),
    ] {
        let page = submitted(&console, &begun, "Run", &[("against", against)]);
        assert_says(&page, &parts);
    }
}

#[test]
fn records_with_another_time_lead_to_a_canary() {
    let place = place();
    let active = publish(&place, "{}", "the first rules");
    transform(&place, &["activate", &active, "--why", "to begin"]).succeeded();
    let args = ["--lake", "file:lake", "--registry", "file:registry"];
    let more = ["--show-payloads", "--allow-publish"];
    let console = console(&place, &[&args[..], &more].concat());
    let page = submitted(&console, &begun(&console), "Run", &[]);
    let taken = submitted(&console, &form(&page), "Take times", &[]);
    let why = [("why", "times as texts"), ("note", "any time")];
    let published = console.submit(&form(&taken), "Publish and canary", &why);
    assert_eq!(published.status, 303, "{}", published.text());
    let text = fs::read(place.path("registry").join("active.json")).unwrap();
    let rollout: Value = serde_json::from_slice(&text).unwrap();
    let canary = rollout["canary"]["release"].as_str().unwrap();
    let page = format!("/release?id={canary}&note=");
    let location = &published.headers["location"];
    assert!(location.starts_with(&page));
    let measured = "Try has measured that, compared with the active release";
    assert_says(
        &console.get(location),
        &["It is the canary now", "A record takes about", measured],
    );
    let release = place.path(format!("registry/releases/{canary}.json"));
    let release: Value = serde_json::from_slice(&fs::read(release).unwrap()).unwrap();
    assert_eq!(release["transform_config"], r#"{"time_format":"auto"}"#);
}

/// The commands of a page, without the name of the program.
fn commands(page: &Response) -> Vec<Vec<String>> {
    let (_, block) = page.body.split_once("<pre class=\"copy\"").unwrap();
    let (_, code) = block.split_once("<code>").unwrap();
    let (code, _) = code.split_once("</code>").unwrap();
    let code = html::unescaped(code);
    let lines = code.lines();
    let words = lines.map(|line| line.split(' ').skip(1).map(str::to_owned).collect());
    words.collect()
}

/// Without a byte of a record being shown.
#[test]
fn a_redrive_is_previewed_and_done_by_the_commands_of_the_page() {
    let place = place();
    let active = publish(&place, r#"{"time_format":"auto"}"#, "any time");
    transform(&place, &["activate", &active, "--why", "times as texts"]).succeeded();
    let args = ["--lake", "file:lake", "--registry", "file:registry"];
    let console = console(&place, &args);
    let page = console.says("/quarantine?reason=invalid_field", &["Preview a redrive"]);
    let links = html::links(&page.body);
    let preview = links.iter().find(|link| link.contains("release=active"));
    let begun = form(&console.get(preview.unwrap()));
    let before = lake::tree(&place.lake());
    let page = submitted(&console, &begun, "Run", &[]);
    let taken = [
        "3 of 3 records that are quarantined now are tried, of 1 of 1 objects, chosen evenly.",
        "3 (3 events)",
        "The contents are hidden",
        "Run the redrive",
    ];
    assert_says(&page, &taken);
    assert!(!page.says("lesson"), "{}", page.text());
    assert_eq!(lake::tree(&place.lake()), before);
    // The commands name the release that was tried, whichever is active when they are run.
    let flag = format!("--release {}", &active[..8]);
    assert_says(&page, &[&*flag]);
    // No redrive can name rules that nobody has published.
    let copied = submitted(&console, &begun, "Run", &[("rules", "copy")]);
    assert_says(&copied, &["publish them first"]);
    let commands = commands(&page);
    assert_eq!(
        (commands.len(), commands[0].last().unwrap().as_str()),
        (2, "--dry-run")
    );
    for command in commands {
        place.run(&command).succeeded();
    }
    // Another choice, so that the records are read again.
    let page = submitted(&console, &begun, "Run", &[("choice", "newest")]);
    assert_says(
        &page,
        &["No record is quarantined now that the filter takes"],
    );
}

/// Without an active release, the preview says so where its outcome would be.
#[test]
fn a_preview_needs_an_active_release() {
    let place = place();
    let release = publish(&place, "{}", "the first rules");
    let args = ["--lake", "file:lake", "--registry", "file:registry"];
    let console = console(&place, &args);
    let preview = "/try?reason=invalid_field&release=active&choice=even";
    let begun = form(&console.get(preview));
    let page = submitted(&console, &begun, "Run", &[]);
    let why = "No release of the registry is active. Choose a release.";
    assert_says(&page, &[why]);
    let page = submitted(&console, &begun, "Run", &[("release", &*release)]);
    assert_says(&page, &["3 of 3 records", "invalid_field"]);
}

/// A manifest that cannot be read keeps nobody from trying the records of others.
#[test]
fn a_damaged_manifest_is_said_and_the_other_records_are_tried() {
    let place = place();
    place.write("more.ndjson", "broken\n");
    place
        .try_land(&["--source", "file:more.ndjson"])
        .succeeded();
    let manifests = lake::tree(&place.lake().join("_sluice/chunks"));
    let sizes = manifests.iter().filter(|(path, _)| path.ends_with(".json"));
    let more = sizes
        .map(|(path, _)| path)
        .find(|path| path.contains("more"));
    place.write(&format!("lake/_sluice/chunks/{}", more.unwrap()), "{}");
    let console = console(&place, &["--lake", "file:lake", "--show-payloads"]);
    let page = console.until("/try?source=quarantine", |page| {
        form(page).fields["rules"] == "enrich"
    });
    let page = submitted(&console, &form(&page), "Run", &[]);
    let parts = ["3 of 3 records", "cannot be used as a chunk manifest"];
    assert_says(&page, &parts);
}

/// A byte that is not UTF-8 is marked on the page of the record, and in Try.
#[test]
fn a_byte_that_is_no_text_is_marked() {
    let place = Place::new();
    place.write("events.ndjson", b"{\"event_uuid\":\"\xff\"}\n");
    assert_eq!(place.land(&[]).count("quarantined"), 1);
    let console = console(&place, &["--lake", "file:lake", "--show-payloads"]);
    let pages = super::visit(&console);
    let mut records = pages
        .iter()
        .filter(|(path, _)| path.starts_with("/record?"));
    let (_, page) = records.next().unwrap();
    assert!(page.body.contains("<mark>\\xff</mark>"), "{}", page.text());
    let mut tries = pages.keys().filter(|path| path.starts_with("/try?"));
    let page = console.until(tries.next().unwrap(), |page| {
        form(page).fields["source"] == "quarantine" && form(page).fields["rules"] == "enrich"
    });
    let ran = submitted(&console, &form(&page), "Run", &[]);
    assert!(ran.body.contains("<mark>\\xff</mark>"), "{}", ran.text());
    assert_says(&ran, &["Not UTF-8: 1 byte marked"]);
}
