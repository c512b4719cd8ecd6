//! What a page says before a change, and instead of it; and of a release that no registry has.

use std::fs;

use super::rollout::{CONFIGS, NOTES, form_of_rules};
use super::{BROKEN, LANDED, MISSING, console, html, transform};
use crate::support::lake;
use crate::support::program::Place;

#[test]
fn what_is_refused_names_its_field_and_keeps_what_was_typed() {
    let place = Place::new();
    let release = super::publish(&place, CONFIGS[0], NOTES[0]);
    let args = ["--registry", "file:registry", "--allow-publish"];
    let console = console(&place, &args);
    let before = lake::tree(&place.path("registry"));
    let refused = |response: &super::Response, parts: &[&str]| {
        assert_eq!(response.status, 400, "{}", response.text());
        html::assert_inert(&response.body);
        for part in parts {
            assert!(response.body.contains(part), "{part}: {}", response.body);
        }
        let note = response.body.find("role=\"alert\"").unwrap();
        assert!(
            Some(note) < response.body.find("<form"),
            "{}",
            response.body
        );
        assert_eq!(lake::tree(&place.path("registry")), before);
    };
    // A canary needs a reason.
    let (form, enrich) = form_of_rules(&console);
    let filled = [("rules", &*enrich), ("note", "my <note>")];
    let response = console.submit(&form, "Publish and canary", &filled);
    let kept = [
        "href=\"#try-why\"",
        "value=\"my &lt;note&gt;\"",
        "aria-invalid",
    ];
    refused(&response, &kept);
    // Rules must be some.
    let filled = [
        ("rules", &*enrich),
        ("config_enrich", "[1]"),
        ("why", "a reason"),
    ];
    let response = console.submit(&form, "Publish", &filled);
    refused(
        &response,
        &[
            "href=\"#try-config\"",
            "[1]</textarea>",
            "value=\"a reason\"",
        ],
    );
    // A share is at most all.
    console.says("/releases", &[NOTES[0]]);
    let fields = [
        ("action", "canary"),
        ("release", release.as_str()),
        ("share", "700%"),
        ("why", "a reason"),
    ];
    let response = console.post("/releases/confirm", &fields);
    let kept = [
        "href=\"#activate-share\"",
        "value=\"700%\"",
        "value=\"a reason\"",
        "&quot;700%&quot; is not a share",
    ];
    refused(&response, &kept);
    // The form of the page of a release is shown there again.
    let of_release = [&fields[..], &[("page", "release")]].concat();
    let response = console.post("/releases/confirm", &of_release);
    let title = format!("<h1>Release {}</h1>", &release[..8]);
    refused(&response, &[&kept[..], &[title.as_str()]].concat());
}

#[test]
fn a_canary_of_which_nothing_is_known_is_not_activated_without_a_word() {
    let place = super::place();
    let [first, second] = [0, 1].map(|n| super::publish(&place, CONFIGS[n], NOTES[n]));
    transform(&place, &["activate", &first]).succeeded();
    transform(&place, &["activate", &second, "--canary", "5%"]).succeeded();
    let args = ["--registry", "file:registry", "--allow-publish"];
    let console = console(&place, &args);
    let page = console.says("/releases", &["Limits of automatic rollback", "Canary: "]);
    assert!(!page.says("No release is compared"), "{}", page.text());
    let asked = |release: &str| {
        let fields = [("action", "activate"), ("release", release), ("why", "now")];
        let asked = console.post("/releases/confirm", &fields);
        assert_eq!(asked.status, 200, "{}", asked.text());
        asked
    };
    let page = asked(&second);
    let warning = "the console does not know what the canary did";
    assert!(
        page.says("No worker is polled") && page.says(warning),
        "{}",
        page.text()
    );
    // The lake knows what the first rules have transformed.
    let args = [&args[..], &["--lake", "file:lake"]].concat();
    let console = super::console(&place, &args);
    let page = console.says(&format!("/release?id={first}"), &["chunks of the lake"]);
    let records = format!("{} records", LANDED + MISSING + BROKEN);
    assert!(page.says(&records), "{}", page.text());
}

#[test]
fn a_canary_that_the_publisher_has_not_seen_is_not_replaced() {
    let place = Place::new();
    let [first, second] = [0, 1].map(|n| super::publish(&place, CONFIGS[n], NOTES[n]));
    transform(&place, &["activate", &first]).succeeded();
    let args = ["--registry", "file:registry", "--allow-publish"];
    let console = console(&place, &args);
    console.says("/try", &["There is no canary now"]);
    let (form, enrich) = form_of_rules(&console);
    // Somebody else is faster.
    transform(&place, &["activate", &second, "--canary", "5%"]).succeeded();
    let active = place.path("registry/active.json");
    let before = fs::read(&active).unwrap();
    let filled = [
        ("rules", &*enrich),
        ("config_enrich", r#"{"time_format":"auto"}"#),
        ("why", "a reason"),
    ];
    let refused = console.submit(&form, "Publish and canary", &filled);
    assert_eq!(refused.status, 400, "{}", refused.text());
    for part in [
        "The release is published, but is not the canary",
        "nothing was changed",
        "A new canary replaces it",
    ] {
        assert!(refused.says(part), "{part}: {}", refused.text());
    }
    assert_eq!(fs::read(&active).unwrap(), before);
    // Now the publisher has seen it.
    let form = html::forms(&refused.body).into_iter();
    let mut form = form.filter(|form| form.fields.contains_key("jq"));
    let again = console.submit(&form.next().unwrap(), "Publish and canary", &[]);
    assert_eq!(again.status, 303, "{}", again.text());
    assert_ne!(fs::read(&active).unwrap(), before);
}

#[test]
fn a_release_without_a_registry_says_what_it_is() {
    let place = super::place();
    let release = super::publish(&place, CONFIGS[0], NOTES[0]);
    // The run had no registry, and this console shows none.
    let lake = console(&place, &["--lake", "file:lake"]);
    let path = format!("/release?id={release}");
    let records = format!("{} records", LANDED + MISSING + BROKEN);
    let command = "sluice transform publish builtin:enrich --registry file:registry";
    let parts = ["builtin:enrich of this program", &records, command];
    let page = lake.says(&path, &parts);
    html::assert_inert(&page.body);
    // Neither a lake nor a registry is needed to know a built-in transform.
    let other = console(&place, &["--registry", "file:other"]);
    other.says(
        &path,
        &[
            "builtin:enrich of this program",
            "does not have this release",
        ],
    );
}
