//! The library of rules: each rule that the page shows is a file of `examples/rules`, with cases that pass.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::cases::at_once;
use crate::support::lake;
use crate::support::program::{Place, Ran, program};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/rules")
}

/// The names of the rules.
fn names() -> Vec<String> {
    let entries = fs::read_dir(folder()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names
}

/// A file of a rule, if there is one.
fn file(name: &str, file: &str) -> Option<String> {
    fs::read_to_string(folder().join(name).join(file)).ok()
}

/// `transform test` with a rule or another transform, on the cases of a folder.
fn test(transform: [&str; 2], config: Option<String>, cases: &Path) -> Ran {
    let place = Place::new();
    let mut args = vec!["transform".to_owned(), "test".to_owned()];
    args.extend(transform.map(ToOwned::to_owned));
    if let Some(config) = config {
        args.extend(["--transform-config".to_owned(), config]);
    }
    args.extend(["--cases".to_owned(), cases.to_str().unwrap().to_owned()]);
    place.run(&args)
}

#[test]
fn the_cases_of_each_rule_pass() {
    let cases = names().into_iter().map(|name| {
        let case = {
            let name = name.clone();
            move || {
                let cases = folder().join(&name);
                let rule = cases.join("rule.jq");
                let rule = ["--jq", rule.to_str().unwrap()];
                test(rule, file(&name, "config.json"), &cases).succeeded();
            }
        };
        (name, case)
    });
    at_once(cases);
}

/// A part of the page: its blocks of code by language, in order.
pub(crate) fn blocks<'p>(section: &'p str, language: &str) -> Vec<&'p str> {
    let start = format!("```{language}\n");
    let blocks = section.split(start.as_str()).skip(1);
    blocks
        .map(|block| block.split("```").next().unwrap())
        .collect()
}

/// The parts of the page that link to a rule, by the name of the rule.
fn sections(page: &str) -> BTreeMap<String, &str> {
    let mut sections = BTreeMap::new();
    for section in page.split("\n## ").skip(1) {
        let Some((_, link)) = section.split_once("(../host/examples/rules/") else {
            assert!(
                blocks(section, "jq").is_empty(),
                "a rule without a link: {section}"
            );
            continue;
        };
        let name = link.split_once(')').unwrap().0.to_owned();
        assert!(
            sections.insert(name.clone(), section).is_none(),
            "{name} has two parts"
        );
    }
    sections
}

#[test]
fn the_page_shows_each_rule_as_it_is() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/rules.md");
    let page = fs::read_to_string(path).unwrap();
    let sections = sections(&page);
    assert_eq!(sections.keys().cloned().collect::<Vec<_>>(), names());
    for (name, section) in sections {
        let text = |of: &str| file(&name, of).unwrap_or_else(|| panic!("{name}/{of}"));
        assert_eq!(blocks(section, "jq"), [text("rule.jq")], "{name}");
        let mut shown: Vec<_> = file(&name, "config.json").into_iter().collect();
        shown.extend([text("shown.in.json"), text("shown.out.ndjson")]);
        assert_eq!(blocks(section, "json"), shown, "{name}");
    }
}

/// The cases of the enrichment, except those that show a difference, are those of the built-in transform.
#[test]
fn the_enrichment_in_jq_differs_from_the_built_in_one_only_where_the_page_says() {
    let (same, different) = (Place::new(), Place::new());
    for entry in fs::read_dir(folder().join("enrich")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let place = if name.starts_with("different-") {
            &different
        } else {
            &same
        };
        place.write(&format!("cases/{name}"), fs::read(entry.path()).unwrap());
    }
    let run = |place: &Place| {
        let args = ["transform", "test", "builtin:enrich", "--cases", "cases"];
        place.run(&args)
    };
    run(&same).succeeded();
    let ran = run(&different).failed(1, &["cases failed"]);
    let passed = ran.stdout.lines().find(|line| line.starts_with("ok "));
    assert_eq!(passed, None, "{ran:#?}");
}

/// The first commands that a reader runs with events of their own.
#[test]
fn the_commands_of_the_readme_for_own_events_work() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
    let readme = fs::read_to_string(path).unwrap();
    let (_, section) = readme.split_once("### Your own events\n").unwrap();
    let section = section.split("\n#").next().unwrap();
    let [commands] = blocks(section, "sh")[..] else {
        panic!("one block of commands: {section}")
    };
    let place = Place::new();
    let records = [
        r#"{"level":"info","n":1.50,"ip":"192.0.2.1"}"#,
        r#"{"level":"debug","n":2}"#,
    ];
    place.write("mine.ndjson", records.join("\n") + "\n");
    let program = program().into_os_string().into_string().unwrap();
    let script = format!("set -e\nsluice() {{ '{program}' \"$@\"; }}\n{commands}");
    let ran: Ran = without_settings("sh", &["-c", &script], &place).into();
    ran.succeeded();
    let copied = [("level=debug", records[1]), ("level=info", records[0])];
    let copied = copied.map(|(partition, event)| (partition.to_owned(), vec![event.to_owned()]));
    assert_eq!(lake::events(&place.path("copied")), BTreeMap::from(copied));
    let changed = r#"{"level":"info","n":1.50,"team":"web"}"#;
    let changed = BTreeMap::from([(String::new(), vec![changed.to_owned()])]);
    assert_eq!(lake::events(&place.path("changed")), changed);
}

/// Runs a command in a folder, without settings from the environment of the test.
fn without_settings(command: &str, args: &[&str], place: &Place) -> std::process::Output {
    let mut command = Command::new(command);
    command.args(args).current_dir(place.path(""));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SLUICE_") {
            command.env_remove(name);
        }
    }
    command.output().unwrap()
}
