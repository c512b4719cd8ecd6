//! What a value of `--jq` is: a program, a file, a pipe or a mistake.

use std::path::PathBuf;
use std::process::Command;
use std::{fs, thread};

use crate::support::lake;
use crate::support::program::Place;

fn place() -> Place {
    let mut place = Place::new();
    place.install();
    place.write("events.ndjson", "{\"a\":{\"b\":{\"n\":1}}}\n");
    place
}

/// A named pipe of this name, which a thread fills once it is read.
fn pipe(place: &Place, name: &str, program: &'static str) -> PathBuf {
    let path = place.path(name);
    let made = Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    let pipe = path.clone();
    thread::spawn(move || fs::write(pipe, program).unwrap());
    path
}

#[test]
fn a_pipe_is_read_as_a_file() {
    let place = place();
    pipe(&place, "rules", ".a.b\n");
    place.land(&["--jq", "rules"]);
    assert_eq!(lake::all_events(&place.lake()), [r#"{"n":1}"#]);
    // As a shell gives it: `/dev/fd/0` is a pipe.
    let args = Place::landing(&["--jq", "/dev/fd/0", "--lake", "file:other"]);
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    place.run_with_input(&args, b".a").succeeded();
    let events = lake::all_events(&place.path("other"));
    assert_eq!(events, [r#"{"b":{"n":1}}"#]);
}

#[test]
fn the_file_to_watch_is_no_pipe() {
    let place = place();
    pipe(&place, "rules", ".a");
    let watch = ["--jq", "rules", "--watch"];
    place
        .try_land(&watch)
        .failed(2, &["watch: needs a file", "--jq FILE"]);
}

#[test]
fn a_directory_and_a_name_of_a_missing_file_are_wrong_usage() {
    let place = place();
    fs::create_dir(place.path("rules")).unwrap();
    let hint = "if it is a program and no file, put it into parentheses: (";
    let directory = "jq: rules is a directory; give a file or a program";
    let missing = "jq: cannot read lost/rules.txt: no such file";
    let inspect = ["transform", "inspect"];
    let tried = ["transform", "try", "events.ndjson"];
    for (value, why) in [("rules", directory), ("lost/rules.txt", missing)] {
        let jq = ["--jq", value];
        place.try_land(&jq).failed(2, &[why, hint]);
        for command in [&inspect[..], &tried] {
            let args = [command, &jq[..]].concat();
            place.run(&args).failed(2, &[why, hint]);
        }
    }
    assert!(!place.lake().exists());
}

#[test]
fn a_member_and_a_path_of_members_are_programs() {
    let place = place();
    fs::create_dir(place.path(".a")).unwrap();
    for (number, (program, event)) in [
        (".a", r#"{"b":{"n":1}}"#),
        (".a.b", r#"{"n":1}"#),
        ("(.a)", r#"{"b":{"n":1}}"#),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("lake-{number}");
        let lake = format!("file:{name}");
        place.land(&["--jq", program, "--lake", &lake]);
        assert_eq!(lake::all_events(&place.path(name)), [event], "{program}");
    }
    // No event has this member, so each record is dropped.
    let summary = place.land(&["--jq", ".txt", "--lake", "file:other"]);
    assert_eq!(summary.counts(["records", "dropped"]), [1, 1]);
}
