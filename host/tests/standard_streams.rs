//! Standard output and standard error: a reader that has gone, and a disk that is full.

use std::fs::OpenOptions;
use std::io::pipe;
use std::process::Stdio;

use crate::support::cloud::{Cloud, events, signal};
use crate::support::lake;
use crate::support::program::{Place, Ran, Running};

const EVENTS: u64 = 200;

/// A pipe that nobody reads.
fn closed() -> Stdio {
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    writer.into()
}

fn full() -> Stdio {
    let full = OpenOptions::new().write(true).open("/dev/full");
    full.unwrap().into()
}

/// A folder with events, golden cases, and the enrichment in a registry, as two releases.
struct Prepared {
    place: Place,
    releases: [String; 2],
}

impl Prepared {
    fn new() -> Self {
        let place = Place::new();
        let text = events(EVENTS, 7).join(&b'\n');
        place.write("events.ndjson", &text);
        place.write("cases/events.in.ndjson", &text);
        place.write("schema.json", r#"{"version":1,"columns":[]}"#);
        place
            .run(&["transform", "export", "rules.wasm"])
            .succeeded();
        let releases = ["{}", r#"{"partition_by":["date"]}"#].map(|config| {
            let args = ["transform", "publish", "rules.wasm", "--registry"];
            let more = ["file:registry", "--transform-config", config];
            let ran = place.run(&[&args[..], &more[..]].concat()).succeeded();
            ran.stdout.trim().to_owned()
        });
        Self { place, releases }
    }

    fn run(&self, command: &str, stdout: Stdio, stderr: Stdio) -> Ran {
        let args = command.split(' ').map(|word| match word {
            "OLD" => &self.releases[0],
            "NEW" => &self.releases[1],
            word => word,
        });
        let mut command = self.place.command(&args.collect::<Vec<_>>());
        command.stdout(stdout).stderr(stderr);
        command.output().unwrap().into()
    }

    fn has_landed(&self) {
        let landed = lake::all_events(&self.place.lake());
        assert_eq!(landed.len() as u64, EVENTS);
    }
}

/// Whether a line of standard error is a message of the program. A slow machine shows the progress of a run too.
fn is_message(line: &&str) -> bool {
    let text = line.strip_prefix("sluice: ");
    text.is_some_and(|text| !is_progress(text))
}

/// Whether a text begins with a number of records that are read.
fn is_progress(text: &str) -> bool {
    let counted = [" record read", " records read"];
    let counted = counted.iter().find_map(|what| text.split_once(what));
    let is_number = |text: &str| text.chars().all(|c| c.is_ascii_digit() || c == ',');
    counted.is_some_and(|(number, _)| is_number(number))
}

/// Every command that prints a result, in an order in which each one succeeds.
const COMMANDS: &[&str] = &[
    "--help",
    "--version",
    "help transform",
    "run --help",
    "config check --source file:events.ndjson --lake file:lake",
    "config check --connect --source file:events.ndjson --lake file:lake",
    "config show --source file:events.ndjson --lake file:lake",
    "config schema",
    "completions bash",
    "run --source file:events.ndjson --lake file:lake",
    "run --source file:events.ndjson --lake file:json --summary json",
    "replay --source file:events.ndjson --lake file:again",
    "audit --source file:events.ndjson --lake file:lake",
    "audit --source file:events.ndjson --lake file:lake --summary json",
    "audit --quick --lake file:lake",
    "generate --events 20000 --to -",
    "transform new rules",
    "transform inspect rules.wasm",
    "transform inspect rules.wasm --json",
    "transform test rules.wasm --cases cases --bless",
    "transform diff rules.wasm rules.wasm events.ndjson",
    "transform diff rules.wasm rules.wasm events.ndjson --json",
    "transform bench rules.wasm --sample events.ndjson --rounds 1",
    "transform try --transform rules.wasm events.ndjson",
    "transform try --transform rules.wasm events.ndjson --json",
    "transform precompile compiled",
    "transform publish rules.wasm --registry file:registry",
    "transform list --registry file:registry",
    "transform list --registry file:registry --json",
    "transform activate OLD --registry file:registry",
    "transform activate NEW --registry file:registry",
    "transform show NEW --registry file:registry",
    "transform rollback --registry file:registry",
    "transform gc --registry file:registry",
    "schema infer events.ndjson",
    "schema infer --lake file:lake --json",
    "schema diff schema.json schema.json",
    "schema evolve schema.json events.ndjson",
    "schema check schema.json events.ndjson",
];

#[test]
fn a_command_succeeds_if_the_reader_of_its_output_has_gone() {
    let prepared = Prepared::new();
    for command in COMMANDS {
        let ran = prepared.run(command, closed(), Stdio::piped());
        assert_eq!(ran.code, Some(0), "{command}: {ran:#?}");
        assert!(!ran.stderr.contains("panicked"), "{command}: {ran:#?}");
        let message = ran.stderr.lines().find(is_message);
        assert_eq!(message, None, "{command}: {ran:#?}");
    }
    prepared.has_landed();
}

#[test]
fn a_worker_that_is_stopped_succeeds_if_the_reader_of_its_output_has_gone() {
    let cloud = Cloud::new(1);
    let sent = events(20, 3);
    cloud.put_all(&sent);
    let mut command = cloud.command(&[]);
    command.stdout(closed()).stderr(closed());
    let mut worker = Running(command.spawn().unwrap());
    worker.until(|| !lake::all_events(&cloud.lake()).is_empty());
    signal(&worker.0, "TERM");
    assert_eq!(worker.ends(), Some(0));
    cloud.holds_exactly(&sent);
}

#[test]
fn a_command_fails_and_says_so_if_its_output_does_not_fit_the_disk() {
    let prepared = Prepared::new();
    for command in COMMANDS {
        let ran = prepared.run(command, full(), Stdio::piped());
        assert_eq!(ran.code, Some(1), "{command}: {ran:#?}");
        let messages: Vec<_> = ran.stderr.lines().filter(is_message).collect();
        assert_eq!(messages.len(), 1, "{command}: {ran:#?}");
        let begin = "sluice: cannot write to standard output: ";
        assert!(messages[0].starts_with(begin), "{command}: {ran:#?}");
    }
    prepared.has_landed();
}

#[test]
fn progress_is_told_from_messages() {
    for line in [
        "sluice: 0 records read, 0/s",
        "sluice: 1 record read, 1 committed, 0/s",
    ] {
        assert!(!is_message(&line), "{line}");
    }
    for line in [
        "sluice: cannot write to standard output",
        "sluice: no records read",
    ] {
        assert!(is_message(&line), "{line}");
    }
}

#[test]
fn a_command_ends_as_usual_if_standard_error_cannot_be_written() {
    for stderr in [full, closed] {
        let prepared = Prepared::new();
        for command in COMMANDS {
            let ran = prepared.run(command, Stdio::piped(), stderr());
            assert_eq!(ran.code, Some(0), "{command}: {ran:#?}");
        }
        prepared.has_landed();
        for (command, code) in [
            (
                "run --source file:events.ndjson --lake file:logged --log-level trace",
                0,
            ),
            ("generate --to file:made.ndjson --events 10", 0),
            (
                "run --source file:missing --lake file:other --log-level trace",
                1,
            ),
            ("transform inspect missing.wasm", 2),
            ("run --source file:events.ndjson", 2),
            ("run --nonsense", 2),
        ] {
            let ran = prepared.run(command, closed(), stderr());
            assert_eq!(ran.code, Some(code), "{command}: {ran:#?}");
        }
    }
}
