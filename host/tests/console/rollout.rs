//! Releases that are published, tried, activated and rolled back in a browser: the registry changes as by the commands.

use std::fs;

use serde_json::{Value, json};

use super::{Console, console, html, transform};
use crate::support::lake;
use crate::support::program::Place;

/// The configurations of the two releases, and what is written about them.
pub(super) const CONFIGS: [&str; 2] = ["{}", r#"{"partition_by":["date"]}"#];
pub(super) const NOTES: [&str; 2] = ["the first rules", "by day"];

/// A change: what, whether it is of the second release, and why.
const CHANGES: [(&str, bool, &str); 4] = [
    ("activate", false, "to begin"),
    ("canary", true, "to compare"),
    ("activate", true, "it is better"),
    ("rollback", false, "queries fail"),
];

/// The releases of a registry in a folder, without the time of their publication.
pub(super) fn releases(place: &Place, registry: &str) -> Vec<Value> {
    let tree = lake::tree(&place.path(registry)).into_iter();
    let documents =
        tree.filter(|(path, _)| path.starts_with("releases/") && path.ends_with(".json"));
    let documents = documents.map(|(path, text)| {
        let mut document: Value = serde_json::from_slice(&text).unwrap();
        assert!(document["published_at"].take().is_string(), "{path}");
        json!([path, document])
    });
    documents.collect()
}

/// The rollout of a registry, without what differs between two who make the same changes, and who made them.
fn rollout(place: &Place, registry: &str) -> (Value, Vec<String>) {
    let text = fs::read(place.path(registry).join("active.json")).unwrap();
    let mut rollout: Value = serde_json::from_slice(&text).unwrap();
    for name in ["nonce", "since"] {
        rollout[name] = Value::Null;
    }
    let mut authors = Vec::new();
    for change in rollout["history"].as_array_mut().unwrap() {
        change["at"] = Value::Null;
        authors.push(change["by"].take().as_str().unwrap().to_owned());
    }
    (rollout, authors)
}

/// Publishes the releases and makes the changes by commands; returns the ids.
fn by_commands(place: &Place) -> [String; 2] {
    let ids = [0, 1].map(|n| super::publish(place, CONFIGS[n], NOTES[n]));
    for (what, is_second, why) in CHANGES {
        let id = ids[usize::from(is_second)].as_str();
        let args = match what {
            "canary" => vec!["activate", id, "--canary", "5%"],
            "rollback" => vec![what],
            _ => vec![what, id],
        };
        transform(place, &[&args[..], &["--why", why]].concat()).succeeded();
    }
    ids
}

/// Publishes rules on the page "Try".
pub(super) fn publish(console: &Console, config: &str, note: &str) {
    let (form, enrich) = form_of_rules(console);
    let filled = [
        ("rules", &*enrich),
        ("config_enrich", config),
        ("note", note),
    ];
    let response = console.submit(&form, "Publish", &filled);
    assert_eq!(response.status, 303, "{}", response.text());
    let location = &response.headers["location"];
    let done = console.get(location);
    html::assert_inert(&done.body);
    for part in ["was published", "It transforms nothing yet", note] {
        assert!(done.says(part), "{part}: {}", done.text());
    }
    assert!(!console.get(location).says("was published"));
}

/// The form of the page "Try", and its value for the built-in enrichment.
pub(super) fn form_of_rules(console: &Console) -> (html::Form, String) {
    let page = console.says("/try", &["Publish"]);
    let form = html::forms(&page.body);
    let mut forms = form.into_iter();
    let form = forms.find(|form| form.fields.contains_key("jq")).unwrap();
    let tags = html::tags(&page.body);
    let mut values = tags.iter().filter_map(|tag| tag.attributes.get("value"));
    let enrich = values.find(|value| value.as_str() == "enrich").unwrap();
    (form, enrich.clone())
}

/// Makes a change on the page "Releases": first the form, then the page that says what will change.
pub(super) fn change(console: &Console, what: &str, release: &str, why: &str) {
    let page = console.says("/releases", &["Activate or roll back"]);
    let forms = html::forms(&page.body);
    let is_rollback = what == "rollback";
    let form = forms
        .iter()
        .find(|form| form.fields.contains_key("release") != is_rollback);
    let form = form.unwrap_or_else(|| panic!("{forms:#?}"));
    let mut filled = vec![("action", what), ("why", why)];
    if !is_rollback {
        filled.push(("release", release));
    }
    let asked = console.submit(form, "Review", &filled);
    assert_eq!(asked.status, 200, "{}", asked.text());
    html::assert_inert(&asked.body);
    assert!(asked.says(why), "{}", asked.text());
    let forms = html::forms(&asked.body);
    let [form] = &*forms else {
        panic!("{forms:#?}")
    };
    let made = console.submit(form, &form.buttons[0].text, &[]);
    assert_eq!(made.status, 303, "{}", made.text());
    let location = &made.headers["location"];
    assert!(location.starts_with("/releases?note="), "{made:#?}");
    // What was done is said once.
    let done = console.get(location);
    html::assert_inert(&done.body);
    assert!(done.says("The change was written"), "{}", done.text());
    assert!(!console.get(location).says("The change was written"));
    console.says("/releases", &[why]);
}

#[test]
fn a_registry_changes_as_by_the_commands() {
    let place = Place::new();
    let ids = by_commands(&place);
    let args = ["--registry", "file:clicked", "--allow-publish"];
    let console = console(&place, &args);
    for (config, note) in CONFIGS.iter().zip(NOTES) {
        publish(&console, config, note);
    }
    assert_eq!(releases(&place, "clicked"), releases(&place, "registry"));
    for (what, is_second, why) in CHANGES {
        change(&console, what, &ids[usize::from(is_second)], why);
    }
    let (clicked, clicked_by) = rollout(&place, "clicked");
    let (typed, typed_by) = rollout(&place, "registry");
    assert_eq!(clicked, typed);
    for (clicked, typed) in clicked_by.iter().zip(&typed_by) {
        assert_eq!(*clicked, format!("{typed} (console)"));
    }
    console.says("/releases", &[NOTES[0], NOTES[1], "(console)"]);
}

#[test]
fn a_change_without_a_reason_or_of_what_was_not_seen_changes_nothing() {
    let place = Place::new();
    let release = super::publish(&place, CONFIGS[0], NOTES[0]);
    let args = ["--registry", "file:registry", "--allow-publish"];
    let console = console(&place, &args);
    let before = lake::tree(&place.path("registry"));
    let refused = |fields: &[(&str, &str)], part: &str| {
        for path in ["/releases/confirm", "/releases/change"] {
            let response = console.post(path, fields);
            assert_eq!(response.status, 400, "{}", response.text());
        }
        let response = console.post("/releases/change", fields);
        assert!(response.says(part), "{}", response.text());
        assert_eq!(lake::tree(&place.path("registry")), before);
    };
    let whole = [
        ("action", "activate"),
        ("release", release.as_str()),
        ("why", "a reason"),
        ("seen", "0"),
    ];
    let with = |name: &str, value: &'static str| {
        let mut fields = whole;
        for field in fields.iter_mut().filter(|field| field.0 == name) {
            field.1 = value;
        }
        fields
    };
    refused(&with("why", " "), "reason");
    refused(&with("why", "a\u{1b}[31mreason"), "control character");
    refused(&with("action", "nothing"), "choose");
    refused(&with("release", "nothing"), "release");
    let long: &'static str = "x".repeat(501).leak();
    refused(&with("why", long), "501");
    // Somebody else has changed it since the page was shown.
    for seen in ["7", ""] {
        let response = console.post("/releases/change", &with("seen", seen));
        assert_eq!(response.status, 400, "{}", response.text());
        assert_eq!(lake::tree(&place.path("registry")), before);
    }
    let made = console.post("/releases/change", &whole);
    assert_eq!(made.status, 303, "{}", made.text());
    assert_ne!(lake::tree(&place.path("registry")), before);
}
