use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::super::{FUNCTION, Function, Mapping, Settings, Step, Target, Then, Verdict};
use super::process::{command, function};
use super::{SHARD, STREAM, error, invoked};
use testkit::kinesis::Kinesis;
use testkit::s3::S3;

const LONG: Duration = Duration::from_secs(60);

fn describe(function: &Function) -> Value {
    let described = function.invoke(&json!({ "do": "describe" }), LONG);
    described.response.unwrap()
}

fn until(condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < LONG, "no end in sight");
        thread::yield_now();
    }
}

#[test]
fn one_process_serves_invocations_one_after_the_other() {
    let (function, _folder) = function(&[]);
    let function = function.with_init_max(LONG);
    assert_eq!((function.pid(), function.init_time()), (None, None));
    for n in 0..3 {
        let invoked = function.invoke(&json!({ "n": n }), LONG);
        assert_eq!(invoked.response, Ok(json!({ "n": n })));
        assert!(!invoked.timed_out);
    }
    let described = describe(&function);
    assert_eq!(described["pid"], json!(function.pid()));
    assert_eq!(described["request"], "00000000-0000-4000-8000-000000000003");
    assert_eq!(function.cold_starts(), 1);
    assert!(function.init_time().unwrap() > Duration::ZERO);
}

#[test]
fn the_process_sees_what_a_function_sees_and_nothing_of_the_test() {
    let (function, folder) = function(&[("MINE", "1"), ("TZ", "UTC")]);
    let described = describe(&function);
    let folder = folder.path().canonicalize().unwrap();
    assert_eq!(described["folder"], json!(folder));
    let variables = &described["variables"];
    for (name, value) in [
        ("AWS_LAMBDA_FUNCTION_NAME", FUNCTION),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("MINE", "1"),
        ("TZ", "UTC"),
    ] {
        assert_eq!(variables[name], value, "{name}");
    }
    assert!(variables["LAMBDA_TASK_ROOT"].is_string());
    assert_eq!(variables.get("CARGO_MANIFEST_DIR"), None);
}

#[test]
fn the_function_reaches_the_other_stand_ins() {
    let s3 = S3::start();
    fs::write(s3.bucket("lake").join("key"), "").unwrap();
    let (function, _folder) = function(&[("AWS_ENDPOINT_URL_S3", &s3.endpoint)]);
    let listed = function.invoke(&json!({ "do": "list", "bucket": "lake" }), LONG);
    assert_eq!(listed.response, Ok(json!(["key"])));
}

#[test]
fn the_deadline_reaches_the_function() {
    let (function, _folder) = function(&[]);
    let now_ms = || chrono::Utc::now().timestamp_millis();
    let before = now_ms();
    let deadline = describe(&function)["deadline"].as_i64().unwrap();
    let time = i64::try_from(LONG.as_millis()).unwrap();
    assert!((before..=now_ms() + time).contains(&deadline));
}

#[test]
fn the_logs_are_those_of_the_invocation() {
    let (function, _folder) = function(&[]);
    let cold = function.invoke(&json!({ "do": "log", "say": 1 }), LONG);
    assert!(cold.logs.stdout.iter().any(|line| line == "it begins"));
    let warm = function.invoke(&json!({ "do": "log", "say": 2 }), LONG);
    assert_eq!(warm.logs.stdout, ["out 2"]);
    assert_eq!(warm.logs.stderr, ["err 2"]);
    assert_eq!(function.logs().stderr, ["err 1", "err 2"]);
}

#[test]
fn an_error_does_not_end_the_process() {
    let (function, _folder) = function(&[]);
    let function = function.with_init_max(LONG);
    let failed = function.invoke(&json!({ "do": "fail" }), LONG);
    assert_eq!(failed.response, Err(error()));
    describe(&function);
    assert_eq!(function.cold_starts(), 1);
}

#[test]
fn a_process_that_takes_too_long_is_killed() {
    let (function, _folder) = function(&[]);
    let first = describe(&function);
    let event = json!({ "do": "touch and hang", "file": "touched" });
    let hung = function.invoke(&event, Duration::from_millis(500));
    assert!(hung.timed_out);
    let error = hung.response.unwrap_err();
    assert_eq!(error.error_type, "Sandbox.Timedout");
    assert!(error.message.ends_with("Task timed out after 0.50 seconds"));
    assert_ne!(describe(&function)["pid"], first["pid"]);
}

#[test]
fn a_process_that_ends_fails_the_invocation_and_the_next_is_a_cold_start() {
    let (function, _folder) = function(&[]);
    let first = describe(&function);
    let ended = function.invoke(&json!({ "do": "exit" }), LONG);
    assert!(!ended.timed_out);
    let error = ended.response.unwrap_err();
    assert_eq!(error.error_type, "Runtime.ExitError");
    assert!(error.message.ends_with("exit status 3"), "{error:?}");
    assert_ne!(describe(&function)["pid"], first["pid"]);
}

#[test]
fn a_process_can_be_killed_at_any_moment() {
    let (function, folder) = function(&[]);
    function.kill();
    let first = describe(&function);
    function.kill();
    let second = describe(&function);
    assert_ne!(first["pid"], second["pid"]);
    let event = json!({ "do": "touch and hang", "file": "touched" });
    let amid = thread::scope(|scope| {
        let invocation = scope.spawn(|| function.invoke(&event, LONG));
        until(|| folder.path().join("touched").exists());
        function.kill();
        invocation.join().unwrap()
    });
    assert!(!amid.timed_out);
    let error = amid.response.unwrap_err();
    assert_eq!(error.error_type, "Runtime.ExitError");
    assert!(error.message.ends_with("signal: killed"), "{error:?}");
    assert_ne!(describe(&function)["pid"], second["pid"]);
}

#[test]
fn a_frozen_process_stands_still_until_the_next_invocation() {
    let (function, _folder) = function(&[]);
    let first = describe(&function);
    function.freeze();
    let pid = function.pid().unwrap().to_string();
    until(|| {
        let ps = Command::new("ps")
            .args(["-o", "stat=", "-p", &pid])
            .output();
        ps.unwrap().stdout.starts_with(b"T")
    });
    assert_eq!(describe(&function)["pid"], first["pid"]);
    function.freeze();
    function.kill();
    assert_ne!(describe(&function)["pid"], first["pid"]);
}

#[test]
fn a_program_that_never_polls_fails_every_invocation() {
    let folder = tempfile::tempdir().unwrap();
    let function = Function::start(&["/bin/sh", "-c", "echo no; exit 7"], &[], folder.path());
    for starts in 1..=2 {
        let ended = function.invoke(&json!({}), LONG);
        let error = ended.response.unwrap_err();
        assert!(error.message.ends_with("exit status 7"), "{error:?}");
        assert_eq!(ended.logs.stdout, ["no"]);
        assert_eq!(function.cold_starts(), starts);
    }
}

#[test]
fn an_initialization_that_takes_too_long_is_done_again_within_the_invocation() {
    let folder = tempfile::tempdir().unwrap();
    let slow_once = "test -e again || { touch again; exec sleep 600; }; exec \"$0\" \"$@\"";
    let function = command();
    let mut command = vec!["/bin/sh", "-c", slow_once];
    command.extend(function.iter().map(String::as_str));
    let function = Function::start(&command, &[], folder.path());
    let function = function.with_init_max(Duration::from_secs(3));
    describe(&function);
    assert_eq!(function.cold_starts(), 2);
}

#[test]
fn an_initialization_that_takes_too_long_twice_fails_the_invocation() {
    let folder = tempfile::tempdir().unwrap();
    let function = Function::start(&["/bin/sleep", "600"], &[], folder.path());
    let function = function.with_init_max(Duration::from_millis(50));
    let hung = function.invoke(&json!({}), Duration::from_millis(50));
    assert!(hung.timed_out);
    assert_eq!(function.cold_starts(), 2);
}

#[test]
fn a_mapping_drives_a_process() {
    let kinesis = Kinesis::start();
    kinesis.create_stream(STREAM, 1);
    let keys = ["good", "good", "bad", "good"];
    let numbers = keys.map(|key| kinesis.put(STREAM, key, b"{}").1);
    let (function, _folder) = function(&[]);
    let settings = Settings {
        report_batch_item_failures: true,
        maximum_retry_attempts: 0,
        ..Settings::default()
    };
    let target = Target::Process(&function);
    let mut mapping = Mapping::new(&kinesis, STREAM, target, settings);
    let (delivered, then) = invoked(mapping.step(SHARD));
    assert_eq!(delivered.sequence_numbers, numbers);
    assert_eq!(delivered.verdict, Verdict::Partial(numbers[2].clone()));
    let Then::Discarded(record) = then else {
        panic!("{then:?}");
    };
    assert_eq!(
        record["KinesisBatchInfo"]["startSequenceNumber"],
        numbers[2]
    );
    assert_eq!(
        record["requestContext"]["requestId"],
        delivered.invoked.request_id
    );
    function.kill();
    kinesis.put(STREAM, "good", b"{}");
    let (delivered, then) = invoked(mapping.step(SHARD));
    assert_eq!((delivered.verdict, then), (Verdict::Success, Then::Passed));
    assert!(matches!(mapping.step(SHARD), Step::Idle));
}
