//! A malformed region and a malformed endpoint in `sluice config check --connect`.

use std::process::Command;

use testkit::environment;

use crate::support::program::{Place, Ran};

fn check(place: &Place) -> Command {
    let args = ["config", "check", "--connect", "--source", "kinesis:events"];
    let args = [&args[..], &["--lake", "s3://bucket/lake", "--bus", "none"]].concat();
    let mut command = place.command(&args);
    command.envs(environment());
    command
}

fn first_line(command: &mut Command) -> String {
    let ran = Ran::from(command.output().unwrap()).failed(1, &["1 of 1 check failed"]);
    let line = ran.stdout.lines().find(|line| line.starts_with("failed"));
    line.unwrap_or_else(|| panic!("{ran:?}")).to_owned()
}

#[test]
fn a_malformed_region_is_named() {
    let place = Place::new();
    let line = first_line(check(&place).env("AWS_REGION", "eu central"));
    assert!(line.starts_with("failed   region"), "{line}");
    assert!(line.contains("\"eu central\""), "{line}");
}

#[test]
fn a_malformed_endpoint_is_not_taken_for_the_region() {
    let place = Place::new();
    let line = first_line(check(&place).env("AWS_ENDPOINT_URL_S3", "localhost:9000"));
    assert!(line.starts_with("failed   endpoint"), "{line}");
    for part in ["AWS_ENDPOINT_URL_S3", "localhost:9000"] {
        assert!(line.contains(part), "{line}");
    }
}
