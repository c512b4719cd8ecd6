//! `sluice transform try --watch`: rules are tried again when they change.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::thread;

use crate::author::try_rules::{EVENT, try_rules};
use crate::support::cloud::signal;
use crate::support::program::{Place, Running};

/// The command at work.
struct Watching {
    running: Running,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Watching {
    fn start(place: &Place, args: &[&str], stdin: Option<File>) -> Self {
        let (stdout, stderr) = (place.path("stdout"), place.path("stderr"));
        let mut command = place.command(&[&["transform", "try", "--watch"], args].concat());
        command.stdout(File::create(&stdout).unwrap());
        command.stderr(File::create(&stderr).unwrap());
        if let Some(stdin) = stdin {
            command.stdin(stdin);
        }
        let running = Running(command.spawn().unwrap());
        Self {
            running,
            stdout,
            stderr,
        }
    }

    /// Waits until standard output has this text.
    fn shows(&mut self, text: &str) {
        self.shows_times(1, text);
    }

    /// Waits until standard output has this text so many times.
    fn shows_times(&mut self, times: usize, text: &str) {
        let shown = || fs::read_to_string(&self.stdout).unwrap();
        self.running
            .until(|| shown().matches(text).count() >= times);
    }

    /// Waits until standard error has this text.
    fn says(&mut self, text: &str) {
        let has = || fs::read_to_string(&self.stderr).unwrap().contains(text);
        self.running.until(has);
    }

    /// Ends by Ctrl-C, and returns what was shown.
    fn ends(mut self) -> String {
        signal(&self.running.0, "INT");
        assert_eq!(self.running.ends(), Some(0));
        fs::read_to_string(&self.stdout).unwrap()
    }
}

const BY_TYPE: &str = "  event_type=a  to lake, bus\n";
const BY_DATE: &str = "  event_type=a/date=1970-01-01  to lake, bus\n";
const DATE: &str = r#"{"partition_by":["date"]}"#;

#[test]
fn rules_and_files_are_tried_again_when_they_change_and_an_error_does_not_end_it() {
    let place = Place::new();
    let events = place.write("events.ndjson", format!("{EVENT}\n"));
    place.write("config.json", "{}");
    let args = ["--transform-config", "config.json", "events.ndjson"];
    let mut watching = Watching::start(&place, &args, None);
    watching.shows(BY_TYPE);
    watching.says("sluice: watching config.json, events.ndjson; Ctrl-C ends\n");
    place.write("config.json", r#"{"partition_by":["nonsense"]}"#);
    watching.says("partition_by[0]");
    fs::remove_file(place.path("config.json")).unwrap();
    watching.says("neither a JSON object nor a readable file");
    place.write("config.json", DATE);
    watching.shows(BY_DATE);
    let mut events = OpenOptions::new().append(true).open(events).unwrap();
    writeln!(events, "{EVENT}").unwrap();
    watching.shows("events.ndjson:2  1 event");
    let shown = watching.ends();
    assert!(
        !shown.contains('\u{1b}'),
        "only a terminal is cleared: {shown}"
    );
}

#[test]
fn a_jq_program_is_tried_again_after_an_error_in_it() {
    let place = Place::new();
    place.write("events.ndjson", EVENT);
    place.write("rules.jq", r#".event_type = "x""#);
    let args = ["--jq", "rules.jq", "events.ndjson"];
    let mut watching = Watching::start(&place, &args, None);
    watching.shows("    + event_type: \"x\"\n");
    place.write("rules.jq", ".event_type = ");
    watching.says("cannot admit");
    place.write("rules.jq", r#".event_type = "y" | .n = 7"#);
    watching.shows("    + event_type: \"y\"\n");
    watching.ends();
}

/// A pipe cannot be read again, so its program is kept.
#[test]
fn a_jq_program_of_a_pipe_is_read_once_and_tried_again() {
    let place = Place::new();
    let events = place.write("events.ndjson", format!("{EVENT}\n"));
    let pipe = place.path("rules");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let args = ["--jq", "rules", "events.ndjson"];
    let mut watching = Watching::start(&place, &args, None);
    thread::spawn(move || fs::write(pipe, ".m = 1").unwrap());
    watching.shows("    + m: 1\n");
    watching.says("sluice: watching events.ndjson; Ctrl-C ends\n");
    let mut events = OpenOptions::new().append(true).open(events).unwrap();
    writeln!(events, "{EVENT}").unwrap();
    watching.shows("events.ndjson:2  1 event");
    watching.shows_times(3, "    + m: 1\n");
    watching.ends();
}

#[test]
fn standard_input_is_read_once_and_tried_again() {
    let place = Place::new();
    let events = place.write("events.ndjson", format!("{EVENT}\n{{\n"));
    place.write("config.json", "{}");
    let args = ["--transform-config", "config.json"];
    let mut watching = Watching::start(&place, &args, Some(File::open(events).unwrap()));
    watching.shows("2 records: 1 with 1 event, 0 dropped, 1 quarantined\n");
    watching.says("sluice: watching config.json; Ctrl-C ends\n");
    place.write("config.json", DATE);
    watching.shows(BY_DATE);
    watching.shows_times(2, "a record takes ");
    let shown = watching.ends();
    assert_eq!(
        shown.matches("standard input:2  quarantined").count(),
        2,
        "{shown}"
    );
}

#[test]
fn a_component_is_loaded_again() {
    let place = crate::author::place();
    place.write("events.ndjson", EVENT);
    let single = fs::read(place.path("single.wasm")).unwrap();
    place.write("rules.wasm", "no component");
    let args = ["--transform", "rules.wasm", "events.ndjson"];
    let mut watching = Watching::start(&place, &args, None);
    watching.says("cannot admit");
    place.write("rules.wasm", single);
    watching.shows("    + echo: ");
    watching.ends();
}

#[test]
fn there_must_be_a_file_to_watch() {
    let place = Place::new();
    try_rules(&place, &["--watch"]).failed(2, &["watch: there is no file to watch"]);
    let missing = [
        "--watch",
        "--transform-config",
        "nowhere.json",
        "events.ndjson",
    ];
    try_rules(&place, &missing).failed(2, &["nowhere.json"]);
}
