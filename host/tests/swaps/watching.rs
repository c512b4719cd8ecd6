//! `--watch`: a transform's file that is reloaded.

use std::io::Write as _;
use std::process::Stdio;

use crate::metrics::watched::{Watched, status};
use crate::support::guests::{Tiny, rogue};
use crate::support::lake;
use crate::support::program::Place;

#[test]
fn a_changed_file_is_used_and_an_invalid_one_is_not() {
    let place = Place::new();
    place.write("t.wasm", Tiny::default().component());
    let mut command = place.command(&Place::landing(&[
        "--source",
        "-",
        "--transform",
        "t.wasm",
        "--watch",
        "--chunk-records",
        "1",
    ]));
    command.stdin(Stdio::piped());
    let mut run = Watched::start(&mut command);
    let mut input = run.run.0.stdin.take().unwrap();
    let own = status(run.address)["release"].clone();
    place.write("t.wasm", "no component");
    run.until(|at| status(at)["rollouts"]["admission_errors"][0]["step"] == "compile");
    assert_eq!(status(run.address)["release"], own);
    place.write("t.wasm", &rogue().by_record);
    run.until(|at| status(at)["transform"]["name"] == "rogue");
    input.write_all(b"first\nsecond\n").unwrap();
    drop(input);
    run.end().succeeded();
    assert_eq!(lake::all_events(&place.lake()).len(), 2);
}

#[test]
fn a_changed_jq_program_is_used_and_one_that_does_not_compile_is_not() {
    let place = Place::new();
    place.write("rules.jq", ".rules = 1");
    let mut command = place.command(&Place::landing(&[
        "--source",
        "-",
        "--jq",
        "rules.jq",
        "--watch",
        "--chunk-records",
        "1",
    ]));
    command.stdin(Stdio::piped());
    let mut run = Watched::start(&mut command);
    let mut input = run.run.0.stdin.take().unwrap();
    let own = status(run.address)["release"].clone();
    place.write("rules.jq", ".rules = ");
    run.until(|at| status(at)["rollouts"]["admission_errors"][0]["step"] == "configure");
    assert_eq!(status(run.address)["release"], own);
    place.write("rules.jq", ".rules = 2");
    run.until(|at| status(at)["release"] != own);
    input.write_all(b"{\"n\":1}\n{\"n\":2}\n").unwrap();
    drop(input);
    run.end().succeeded();
    let mut events = lake::all_events(&place.lake());
    events.sort_unstable();
    assert_eq!(events, [r#"{"n":1,"rules":2}"#, r#"{"n":2,"rules":2}"#]);
}

#[test]
fn unusable_watch_options_are_wrong_usage() {
    let place = Place::new();
    place.write("events.ndjson", "");
    place
        .try_land(&["--watch"])
        .failed(2, &["watch", "--transform"]);
    place
        .try_land(&["--watch", "--transform", "t.wasm", "--registry", "file:r"])
        .failed(2, &["watch", "registry"]);
    place
        .try_land(&["--registry", "file:r", "--public-key", "nowhere.pem"])
        .failed(2, &["public_key", "nowhere.pem"]);
    place
        .try_land(&["--registry", "r"])
        .failed(2, &["registry", "file:DIR"]);
    place
        .try_land(&["--registry", "file:r", "--registry-poll", "1ms"])
        .failed(2, &["registry_poll", "100ms"]);
}
