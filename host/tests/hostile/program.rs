//! Hostile transforms through the program: what reaches the disk, the log, and the machine.

use std::io::Write as _;
use std::process::Stdio;

use crate::support::guests::rogue;
use crate::support::lake;
use crate::support::program::{Place, Running};

fn place(commands: &[&str]) -> Place {
    let place = Place::new();
    place.write("events.ndjson", commands.join("\n") + "\n");
    place.write("rogue.wasm", &rogue().by_slab);
    place
}

#[test]
fn each_fault_is_a_folder_of_quarantine() {
    let large = "x".repeat(2_000);
    let faults = [
        ("trap", "trap"),
        ("loop", "out_of_fuel"),
        ("allocate", "out_of_memory"),
        ("recurse", "stack_overflow"),
        ("garbage", "invalid_output"),
        ("reject it", "not_wanted"),
        (&large, "record_too_large"),
        ("partition b", "too_many_partitions"),
    ];
    let mut commands = vec!["good", "partition a"];
    commands.extend(faults.map(|(command, _)| command));
    commands.push("good");
    let place = place(&commands);
    let summary = place.land(&[
        "--transform",
        "rogue.wasm",
        "--limits-record-bytes",
        "1KiB",
        "--limits-partitions",
        "2",
    ]);
    assert_eq!(
        summary.counts(["records", "events", "rejected"]),
        [11, 3, 8]
    );
    for (command, reason) in faults {
        let found = lake::quarantine(&place.lake());
        let of_reason: Vec<_> = found.iter().filter(|q| q.reason == reason).collect();
        assert_eq!(of_reason.len(), 1, "{reason}");
        assert_eq!(of_reason[0].bytes(), command.as_bytes());
        let died = ["trap", "out_of_fuel", "out_of_memory", "stack_overflow"].contains(&reason);
        assert_eq!(of_reason[0].backtrace.is_some(), died, "{of_reason:?}");
    }
}

#[test]
fn a_record_that_runs_out_of_time_costs_itself_alone() {
    let place = place(&["good", "loop", "good"]);
    let summary = place.land(&[
        "--transform",
        "rogue.wasm",
        "--limits-fuel",
        "1000000000000000",
        "--limits-time",
        "300ms",
    ]);
    assert_eq!(summary.counts(["events", "rejected"]), [2, 1]);
    assert_eq!(lake::quarantine(&place.lake())[0].reason, "out_of_time");
}

#[test]
fn a_flood_of_messages_is_bounded() {
    let place = place(&["log_flood", "log_flood", "log said once"]);
    let ran = place.try_land(&["--transform", "rogue.wasm"]).succeeded();
    let floods = ran.stderr.lines().filter(|line| line.contains("flood é"));
    let longest = floods.clone().map(str::len).max().unwrap();
    assert!((1..=100).contains(&floods.count()), "{}", ran.stderr.len());
    assert!(longest < 1_200, "{longest}");
    assert!(ran.stderr.contains("more than 100 messages"), "{ran:?}");
}

#[test]
fn a_message_cannot_forge_a_line_of_the_log() {
    let place = place(&["log_lines"]);
    let ran = place.try_land(&["--transform", "rogue.wasm"]).succeeded();
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
}

#[test]
fn a_log_that_is_no_terminal_has_no_colours() {
    let place = place(&["log it"]);
    let ran = place.try_land(&["--transform", "rogue.wasm"]).succeeded();
    assert!(ran.stderr.contains("it"));
    assert!(!ran.stderr.contains('\u{1b}'), "{}", ran.stderr);
}

#[test]
fn what_a_transform_says_is_logged_under_its_own_name() {
    let place = place(&["log first", "log second"]);
    let args = [
        "--transform",
        "rogue.wasm",
        "--log-format",
        "json",
        "--log-level",
        "warn",
    ];
    let ran = place.try_land(&args).succeeded();
    let messages: Vec<_> = ran
        .stderr
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter(|line| line["target"] == "transform" && line["level"] == "ERROR")
        .map(|line| line["message"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(messages, ["first", "second"]);
}

/// While the program waits for more input, it says what it held at most.
#[cfg(target_os = "linux")]
#[test]
fn a_guest_that_claims_gigabytes_does_not_get_them_of_the_host() {
    const COMMANDS: &[&str] = &["huge", "overlap 4000", "allocate", "many_events 20000"];
    let place = place(&[]);
    let args = [
        "--source",
        "-",
        "--transform",
        "rogue.wasm",
        "--chunk-records",
        "1",
    ];
    let mut command = place.command(&Place::landing(&args));
    let mut running = Running(command.stdin(Stdio::piped()).spawn().unwrap());
    let mut input = running.0.stdin.take().unwrap();
    let lines: String = (0..1_000)
        .map(|n| format!("{}\n", COMMANDS.get(n).unwrap_or(&"good")))
        .collect();
    input.write_all(lines.as_bytes()).unwrap();
    running.until(|| !lake::messages_exist(&place.bus()).is_empty());
    let status = std::fs::read_to_string(format!("/proc/{}/status", running.0.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: u64 = peak
        .unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap();
    assert!(kib < 512 << 10, "{kib} KiB");
    drop(input);
    assert!(running.0.wait().unwrap().success());
    let reasons: Vec<_> = lake::quarantine(&place.lake())
        .into_iter()
        .map(|q| q.reason)
        .collect();
    assert_eq!(
        reasons,
        ["invalid_output", "invalid_output", "out_of_memory"]
    );
}
