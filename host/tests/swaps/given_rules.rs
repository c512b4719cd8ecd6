//! Rules that a run is given together with a registry.

use crate::local::events;
use crate::support::lake;
use crate::support::program::{Place, Ran};

const GIVEN: &str = "{by: \"given\"}";
const BY_GIVEN: &str = r#"{"by":"given"}"#;
const BY_RELEASE: &str = r#"{"by":"release"}"#;

/// A folder with an event, and a registry with a release that is active.
fn place() -> Place {
    let place = empty();
    activate(&place);
    place
}

/// A folder with an event.
fn empty() -> Place {
    let mut place = Place::new();
    place.install();
    place.write("events.ndjson", events(0..1));
    place
}

fn activate(place: &Place) {
    let registry = ["--registry", "file:registry"];
    let run = |args: &[&str]| place.run(&[&["transform"], args, &registry].concat());
    let published = run(&["publish", "--jq", "{by: \"release\"}"]).succeeded();
    run(&["activate", published.stdout.trim()]).succeeded();
}

/// Runs a command, such as `run`, on the folder with more flags, and with variables.
fn land(place: &Place, command: &[&str], more: &[&str], variables: &[(&str, &str)]) -> Ran {
    let land = ["--source", "file:events.ndjson", "--lake", "file:lake"];
    let mut program = place.command(&[command, &land, more].concat());
    program.envs(variables.iter().copied());
    program.output().unwrap().into()
}

const REGISTRY: [(&str, &str); 1] = [("SLUICE_REGISTRY", "file:registry")];

/// The parts of an error.
fn conflict<'a>(flag: &'a str, place: &'a str) -> [&'a str; 4] {
    [
        flag,
        "of the command line cannot be combined with the registry file:registry (",
        place,
        "give --registry as a flag too",
    ]
}

#[test]
fn rules_as_a_flag_and_a_registry_of_another_place_are_wrong_usage() {
    let place = place();
    for (key, flags) in [
        ("jq: --jq ", ["--jq", GIVEN]),
        ("transform: --transform ", ["--transform", "builtin:copy"]),
        (
            "transform_config: --transform-config ",
            ["--transform-config", "{}"],
        ),
    ] {
        for command in [&["run"][..], &["config", "check"]] {
            let parts = conflict(key, "(SLUICE_REGISTRY), whose active release");
            let ran = land(&place, command, &flags, &REGISTRY);
            ran.failed(2, &[&parts[..], &["unset that variable"]].concat());
        }
    }
    place.write("sluice.toml", "bus = 'none'\nregistry = 'file:registry'\n");
    let parts = conflict(
        "jq: --jq ",
        "(sluice.toml:2: registry), whose active release",
    );
    let ran = land(&place, &["run"], &["--jq", GIVEN], &[]);
    ran.failed(2, &[&parts[..], &["remove that key"]].concat());
    assert!(!place.lake().exists());
    // Without rules as a flag, the release transforms.
    land(&place, &["run"], &[], &[]).succeeded();
    assert_eq!(lake::all_events(&place.lake()), [BY_RELEASE]);
}

/// Variables are for deployments, in which rules are there before a release is.
#[test]
fn rules_of_a_variable_are_those_until_a_release_is_active() {
    let place = empty();
    let variables = [
        REGISTRY[0],
        ("SLUICE_JQ", GIVEN),
        ("SLUICE_ALLOW_EMPTY_REGISTRY", "true"),
    ];
    land(&place, &["run"], &[], &variables).succeeded();
    assert_eq!(lake::all_events(&place.lake()), [BY_GIVEN]);
    activate(&place);
    let ran = land(&place, &["run"], &[], &variables);
    assert!(!ran.succeeded().stderr.contains("are not used"));
    let other = [
        "replay",
        "--lake",
        "file:other",
        "--source",
        "file:events.ndjson",
    ];
    let mut replay = place.command(&other);
    Ran::from(replay.envs(variables).output().unwrap()).succeeded();
    assert_eq!(lake::all_events(&place.path("other")), [BY_RELEASE]);
}

#[test]
fn a_release_that_replaces_rules_of_the_same_command_line_is_said() {
    let place = empty();
    let both = ["--jq", GIVEN, "--registry", "file:registry"];
    let begun = [&both[..], &["--allow-empty-registry"]].concat();
    land(&place, &["run"], &begun, &[]).succeeded();
    assert_eq!(lake::all_events(&place.lake()), [BY_GIVEN]);
    activate(&place);
    place.write("events.ndjson", events(0..2));
    let ran = land(&place, &["run"], &both, &[]).succeeded();
    let warning =
        "the active release of the registry transforms, and the rules of --jq are not used";
    assert!(ran.stderr.contains(warning), "{ran:#?}");
    assert_eq!(lake::all_events(&place.lake()), [BY_GIVEN, BY_RELEASE]);
}

/// A replay is for other rules than those that serve.
#[test]
fn a_replay_with_rules_as_a_flag_does_not_use_the_registry() {
    let place = place();
    let replay = ["replay", "--source", "file:events.ndjson", "--lake"];
    let replay = [&replay[..], &["file:again", "--jq", GIVEN]].concat();
    let mut replay = place.command(&replay);
    Ran::from(replay.envs(REGISTRY).output().unwrap()).succeeded();
    assert_eq!(lake::all_events(&place.path("again")), [BY_GIVEN]);
}
