//! What the documentation says about files is what the program reads and writes.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::local::events;
use crate::rules::blocks;
use crate::support::lake;
use crate::support::program::{Place, Ran, shell};

fn page(name: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs");
    fs::read_to_string(format!("{folder}/{name}")).unwrap()
}

/// The part of a page between two texts.
fn between<'a>(page: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = page.split_once(start).unwrap();
    rest.split_once(end).unwrap().0
}

#[test]
fn the_example_of_the_settings_file_is_valid() {
    let page = page("operate.md");
    let example = between(&page, "```toml\n# sluice.toml\n", "```");
    let place = Place::new();
    place.write("monday.ndjson", events(0..1));
    place.write("tuesday.ndjson.gz", events(1..2));
    place.write("sluice.toml", example);
    place.run(&["config", "check"]).succeeded();
    let schema = place.run(&["config", "schema"]).succeeded().stdout;
    let document: toml::Table = toml::from_str(example).unwrap();
    let document = serde_json::to_string(&document).unwrap();
    sluice_engine::schema::check(&schema, &document).unwrap();
}

/// Records that are quarantined for all kinds of reasons have the columns of the page, and the query names all.
#[test]
fn the_columns_of_quarantine_are_those_of_the_page() {
    let page = page("lake.md");
    let section = between(&page, "### Quarantine\n", "\n### ");
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    let columns: BTreeSet<_> = rows.map(|row| row.split_once('`').unwrap().0).collect();
    for column in &columns {
        assert!(section.contains(&format!("{column}: '")), "{column}");
    }
    let place = Place::new();
    place.write("events.ndjson", b"no json\n{}\n\xff\n");
    place.land(&[]);
    let mut found = BTreeSet::new();
    for (path, content) in lake::objects(&place.lake()) {
        if path.starts_with("_sluice/quarantine/") {
            for line in content.lines() {
                let line: Value = serde_json::from_str(line).unwrap();
                found.extend(line.as_object().unwrap().keys().cloned());
            }
        }
    }
    let of_streams = ["arrived_at", "backtrace", "partition_key"];
    let expected = columns
        .into_iter()
        .filter(|column| !of_streams.contains(column));
    assert_eq!(found, expected.map(ToOwned::to_owned).collect());
}

/// The first rules that the page shows are those of a new package, which its own test builds.
#[test]
fn the_rules_of_the_page_are_those_of_a_new_package() {
    let page = page("transforms.md");
    let shown = between(&page, "## The rules\n", "export!(Rules);");
    let (_, shown) = shown.split_once("```rust\n").unwrap();
    let place = Place::new();
    place.run(&["transform", "new", "my-rules"]).succeeded();
    let rules = fs::read_to_string(place.path("my-rules/src/lib.rs")).unwrap();
    let (rules, _) = rules.split_once("export!(Rules);").unwrap();
    let code = rules.lines().filter(|line| !line.starts_with("//"));
    let code: Vec<_> = code.skip_while(|line| line.is_empty()).collect();
    assert_eq!(shown.lines().collect::<Vec<_>>(), code);
}

/// From an empty folder, the commands for rules as text do what the page says.
#[test]
fn the_commands_for_rules_as_text_serve() {
    let page = page("releases.md");
    let section = between(&page, "## Rules as text\n", "\n## ");
    let blocks = section.split("```sh\n").skip(1);
    let script: String = blocks
        .map(|block| block.split_once("```").unwrap().0)
        .collect();
    let mut place = Place::new();
    place.install();
    let installed = place.path("");
    let path = std::env::var("PATH").unwrap();
    // What it would run, for its environment: no setting of the test reaches the commands.
    let usual = place.command::<&str>(&[]);
    let mut shell = Command::new("sh");
    for (name, value) in usual.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let path = format!("{}:{path}", installed.display());
    shell.env("PATH", path).current_dir(&installed);
    shell.args(["-euc", &script]).stdin(Stdio::null());
    Ran::from(shell.output().unwrap()).succeeded();

    let events = lake::events(&place.path("my-rules/lake"));
    assert_eq!(events.values().map(Vec::len).sum::<usize>(), 2_000);
    // The second text gives all of its events one type.
    assert_eq!(events["event_type=all"].len(), 1_000);
    assert!(events.len() > 2, "{:?}", events.keys());
}

/// The records that the newcomer's rules take leave quarantine, and the audit at the end proves the lake.
#[test]
fn the_commands_of_the_readme_for_repair_work() {
    let page = page("../README.md");
    let section = between(&page, "### Repair\n", "\n### ");
    let commands = between(section, "```sh\n", "```");
    let place = Place::new();
    let generate = ["generate", "--events", "2000", "--malformed", "0.05"];
    let generate = [&generate[..], &["--to", "file:events.ndjson"]].concat();
    place.run(&generate).succeeded();
    place.land(&[]);
    let before = lake::all_events(&place.lake()).len();
    let ran = shell(&place, &place.command::<&str>(&[]), commands).succeeded();
    assert!(lake::all_events(&place.lake()).len() > before, "{ran:?}");
    assert!(ran.stdout.contains("proven"), "{ran:?}");
}

/// The rules of the page make events like those of the pipeline, in its partitions.
#[test]
fn the_commands_of_the_page_for_repair_work() {
    let page = page("repair.md");
    let section = between(&page, "## Try it on files\n", "\n## ");
    let place = Place::new();
    place.write("fixed.jq", blocks(section, "jq").concat());
    let commands = blocks(section, "sh").concat();
    let ran = shell(&place, &place.command::<&str>(&[]), &commands).succeeded();
    assert!(ran.stdout.contains("proven"), "{ran:?}");
    let objects = lake::objects(&place.lake()).into_iter();
    let is_redriven = |key: &str| key.contains("/redrive-first-") && !key.starts_with("_sluice/");
    let redriven: Vec<_> = objects.filter(|(key, _)| is_redriven(key)).collect();
    assert!(!redriven.is_empty(), "{ran:?}");
    for (key, lines) in redriven {
        for line in lines.lines() {
            let event: Value = serde_json::from_str(line).unwrap();
            assert!(event["created_at"].is_number(), "{line}");
            let time = event["created_datetime"].as_str().unwrap();
            assert!(time.starts_with("2026-"), "{line}");
            let partition = format!("event_type={}/", event["event_type"].as_str().unwrap());
            assert!(key.starts_with(&partition), "{key}: {line}");
        }
    }
}

#[test]
fn completions_and_manual_pages_name_each_command() {
    let place = Place::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = place.run(&["completions", shell]).succeeded().stdout;
        for word in ["sluice", "limits-fuel", "quick"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    place.run(&["man", "new/manual"]).succeeded();
    for name in [
        "sluice",
        "sluice-run",
        "sluice-transform-publish",
        "sluice-transform-try",
        "sluice-redrive",
        "sluice-quarantine-list",
        "sluice-config-schema",
    ] {
        let page = fs::read_to_string(place.path(format!("new/manual/{name}.1"))).unwrap();
        assert!(page.contains(".SH NAME"), "{name}: {page}");
    }
    place.run(&["completions", "cmd"]).failed(2, &["bash"]);
}

#[test]
fn an_exported_transform_is_put_into_a_new_folder() {
    let place = Place::new();
    let args = ["transform", "export", "a/new/enrich.wasm"];
    place.run(&args).succeeded();
    let exported = fs::read(place.path("a/new/enrich.wasm")).unwrap();
    assert_eq!(exported, sluice::ENRICH);
}
