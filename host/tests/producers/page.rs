//! The page shows the rules as they are, and its commands, cases and tables are right.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::recipe::{RECIPES, page, section};
use crate::rules::blocks;
use crate::support::cases::at_once;
use crate::support::lake;
use crate::support::program::{Place, shell};

/// The commands for files that are no lines of JSON.
#[test]
fn the_commands_that_convert_files_work() {
    if Command::new("jq").arg("--version").output().is_err() {
        println!("NOT tested: the commands need jq, which is not installed");
        return;
    }
    let page = page();
    let (_, section) = page.split_once("\n**In a file**").unwrap();
    let [commands] = blocks(section.split("\n### ").next().unwrap(), "sh")[..] else {
        panic!("one block of commands")
    };
    let place = Place::new();
    place.write("array.json", "[\n  {\"n\": 1},\n  {\"n\": 2}\n]\n");
    place.write("pretty.json", "{\n  \"n\": 3\n}\n{\n  \"n\": 4\n}\n");
    shell(&place, &place.command::<&str>(&[]), commands).succeeded();
    let expected = [1, 2, 3, 4].map(|n| format!("{{\"n\":{n}}}"));
    assert_eq!(lake::all_events(&place.lake()), expected);
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/producers")
}

/// The names of the rules.
fn names() -> Vec<String> {
    let entries = fs::read_dir(folder()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names
}

#[test]
fn the_cases_of_each_rule_pass() {
    let cases = names().into_iter().map(|name| {
        let cases = folder().join(&name);
        let case = move || {
            let [rule, config, cases] = [cases.join("rule.jq"), cases.join("config.json"), cases]
                .map(|path| path.into_os_string().into_string().unwrap());
            let args = ["transform", "test", "--jq", &rule, "--cases", &cases];
            let config = ["--transform-config", &config];
            Place::new().run(&[&args[..], &config].concat()).succeeded();
        };
        (name, case)
    });
    at_once(cases);
}

#[test]
fn the_page_shows_each_rule_as_it_is() {
    let page = page();
    let mut found = Vec::new();
    for title in RECIPES {
        let section = section(&page, title);
        let Some((_, link)) = section.split_once("](../host/examples/producers/") else {
            assert!(blocks(section, "jq").is_empty(), "{title}");
            continue;
        };
        let name = link.split_once(')').unwrap().0.to_owned();
        let text = |file: &str| fs::read_to_string(folder().join(&name).join(file)).unwrap();
        assert_eq!(blocks(section, "jq"), [text("rule.jq")], "{title}");
        assert_eq!(
            blocks(section, "json"),
            [text("shown.in.json"), text("shown.out.ndjson")],
            "{title}"
        );
        let config = format!("--transform-config '{}'", text("config.json").trim_end());
        assert!(section.contains(&config), "{title}: {config}");
        found.push(name);
    }
    found.sort_unstable();
    assert_eq!(found, names());
}

#[test]
fn each_recipe_of_the_page_has_a_test() {
    let page = page();
    let (_, producers) = page.split_once("\n## Producers\n").unwrap();
    let sections = producers.split("\n### ").skip(1);
    let titles: Vec<_> = sections
        .map(|section| section.lines().next().unwrap())
        .collect();
    assert_eq!(titles, RECIPES);
}

/// The tables name the values that the settings have, in their order.
#[test]
fn the_page_has_each_value_of_the_settings() {
    let page = page();
    for (flag, heading) in [
        ("--record-encoding", "what it accepts"),
        ("--record-format", "a record is"),
    ] {
        let (_, table) = page
            .split_once(&format!("| `{flag}` | {heading} |\n"))
            .unwrap();
        let rows = table.split("\n\n").next().unwrap().lines().skip(1);
        let values: Vec<_> = rows.map(|row| row.split('`').nth(1).unwrap()).collect();
        let values = format!("[possible values: {}]", values.join(", "));
        let place = Place::new();
        let args = ["run", "--source", "-", "--lake", "file:lake", flag, "other"];
        place.run(&args).failed(2, &[&values]);
    }
}
