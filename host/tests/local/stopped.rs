//! A run over files that is stopped by a signal.

use std::fs::{self, File};
use std::io::Write as _;
use std::process::Stdio;

use crate::local::{all_enriched, events};
use crate::support::cloud::signal;
use crate::support::lake;
use crate::support::program::{Place, Running};

const STDIN: [&str; 6] = [
    "--source",
    "-",
    "--source-name",
    "events",
    "--chunk-records",
    "1",
];

/// The reader of an open pipe waits for more, so the run would not end by itself.
#[test]
fn a_run_over_files_that_is_stopped_says_how_to_continue() {
    let content = events(0..2_500);
    for name in ["TERM", "INT"] {
        let place = Place::new();
        let log = place.path("stderr");
        let mut command = place.command(&Place::landing(&STDIN));
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        command.stderr(File::create(&log).unwrap());
        let mut run = Running(command.spawn().unwrap());
        let mut stdin = run.0.stdin.take().unwrap();
        stdin.write_all(content.as_bytes()).unwrap();
        run.until(|| place.path("lake/_sluice/chunks").exists());
        signal(&run.0, name);
        assert_eq!(run.ends(), Some(1));
        drop(stdin);
        let said = fs::read_to_string(log).unwrap();
        let sentence =
            "sluice: stopped by a signal; what is committed stays, start again to continue\n";
        assert!(said.ends_with(sentence), "{said}");
        let args = Place::landing(&STDIN);
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        place.run_with_input(&args, content.as_bytes()).succeeded();
        assert_eq!(lake::all_events(&place.lake()), all_enriched(0..2_500));
    }
}

/// Before the first line has arrived, only the end of the grace or another signal ends the run.
#[test]
fn a_second_signal_ends_a_run_that_waits_for_its_first_line() {
    let place = Place::new();
    let log = place.path("stderr");
    let mut command = place.command(&Place::landing(&STDIN));
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    command.args(["--http", "127.0.0.1:0", "--log-level", "info"]);
    command.stderr(File::create(&log).unwrap());
    let mut run = Running(command.spawn().unwrap());
    let stdin = run.0.stdin.take();
    run.until(|| fs::read_to_string(&log).unwrap().contains("metrics"));
    signal(&run.0, "TERM");
    signal(&run.0, "TERM");
    assert_eq!(run.ends(), Some(1));
    drop(stdin);
    let said = fs::read_to_string(log).unwrap();
    assert_eq!(said.matches("stopped by a signal").count(), 1, "{said}");
}
