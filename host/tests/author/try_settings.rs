//! Settings of `run` that commands of authors take: `transform try` its rules, and `bench` its registry.

use crate::author::try_rules::{EVENT, try_rules};
use crate::support::program::{Place, Ran};

/// A folder with an event.
fn place() -> Place {
    let mut place = Place::new();
    place.install();
    place.write("events.ndjson", format!("{EVENT}\n"));
    place
}

/// `sluice transform …` with these variables.
fn transform(place: &Place, args: &[&str], variables: &[(&str, &str)]) -> Ran {
    let mut command = place.command(&[&["transform"], args].concat());
    command.envs(variables.iter().copied());
    command.output().unwrap().into()
}

/// Asserts what `try` shows with these flags and variables.
fn shows(place: &Place, flags: &[&str], variables: &[(&str, &str)], part: &str) {
    let args = [&["try", "events.ndjson"], flags].concat();
    let ran = transform(place, &args, variables).succeeded();
    assert!(ran.stdout.contains(part), "{part:?} is not in {ran:#?}");
}

#[test]
fn a_flag_comes_before_a_variable_and_a_variable_before_the_file() {
    let place = place();
    let program = [("SLUICE_JQ", ".by = \"variable\"")];
    shows(&place, &[], &[], "+ event_type: \"a\"\n");
    place.write(
        "sluice.toml",
        "jq = '.by = \"file\"'\n[transform_config]\npartition_by = ['by']\n",
    );
    shows(&place, &[], &[], "  by=file  to lake, bus\n");
    shows(&place, &[], &program, "  by=variable  to lake, bus\n");
    let flag = ["--jq", ".by = \"flag\""];
    shows(&place, &flag, &program, "  by=flag  to lake, bus\n");
    let config = [("SLUICE_TRANSFORM_CONFIG", "{}")];
    shows(&place, &flag, &config, "  no partition  to lake, bus\n");
    // A component as a flag comes before a program of a lower origin.
    let copy = ["--transform", "builtin:copy", "--transform-config", "{}"];
    shows(&place, &copy, &program, "    the record as it is\n");
    let copy = [("SLUICE_TRANSFORM", "builtin:copy")];
    let shown = "  event_type=old  to lake, bus\n    the record as it is\n";
    let config = ["--transform-config", r#"{"partition_by":["event_type"]}"#];
    shows(&place, &config, &copy, shown);
    place.write("other.toml", "jq = '.by = \"other\"'\n");
    let other = ["--config", "other.toml"];
    shows(&place, &other, &[], "    + by: \"other\"\n");
    shows(
        &place,
        &[],
        &[("SLUICE_CONFIG", "other.toml")],
        "+ by: \"other\"\n",
    );
}

#[test]
fn an_error_names_where_the_rules_come_from() {
    let place = place();
    let failed = |variables: &[(&str, &str)], part: &str| {
        transform(&place, &["try", "events.ndjson"], variables).failed(2, &[part]);
    };
    failed(&[("SLUICE_JQ", ".a |")], "sluice: SLUICE_JQ: cannot admit");
    failed(
        &[("SLUICE_JQ", "lost.jq")],
        "SLUICE_JQ: cannot read lost.jq",
    );
    failed(&[("SLUICE_TRANSFORM", "lost.wasm")], "SLUICE_TRANSFORM: ");
    failed(
        &[("SLUICE_TRANSFORM", "builtin:copi")],
        "SLUICE_TRANSFORM: ",
    );
    place.write("sluice.toml", "\njq = '.a |'\n");
    failed(&[], "sluice: sluice.toml:2: jq: cannot admit");
    place.write("sluice.toml", "jq = '.'\ntransform = 'builtin:copy'\n");
    failed(&[], "sluice.toml:1: jq: cannot be combined with");
    place.write("sluice.toml", "jk = '.'\n");
    failed(&[], "sluice.toml:1: jk: unknown key");
}

#[test]
fn the_registry_of_the_file_has_the_release_to_try() {
    let place = place();
    let publish = ["publish", "--jq", ".by = \"release\"", "--registry"];
    let publish = [&publish[..], &["file:registry"]].concat();
    let published = transform(&place, &publish, &[]).succeeded();
    let release = published.stdout.trim();
    let shown = "+ by: \"release\"\n";
    try_rules(&place, &["events.ndjson", "--release", release]).failed(2, &["registry: missing"]);
    // The release has its own rules.
    place.write("sluice.toml", "registry = 'file:registry'\njq = 'error'\n");
    shows(&place, &["--release", release], &[], shown);
    let wrong = [("SLUICE_REGISTRY", "registry")];
    let args = ["try", "events.ndjson", "--release", release];
    transform(&place, &args, &wrong).failed(2, &["SLUICE_REGISTRY: "]);
    place.write("sluice.toml", "registry = 'registry'\n");
    transform(&place, &args, &[]).failed(2, &["sluice.toml:1: registry: "]);
}

#[test]
fn bench_compares_with_the_registry_of_the_variable() {
    let place = place();
    let registry = [("SLUICE_REGISTRY", "file:registry")];
    let bench = ["bench", "builtin:copy", "--rounds", "1", "--sample"];
    let bench = [&bench[..], &["events.ndjson"]].concat();
    let published = transform(&place, &["publish", "builtin:copy"], &registry).succeeded();
    let release = published.stdout.trim();
    let alone = transform(&place, &bench, &registry).succeeded();
    let note = "no release is active in the registry file:registry of SLUICE_REGISTRY";
    assert!(alone.stderr.contains(note), "{alone:#?}");
    assert!(!alone.stdout.contains("times the fuel"), "{alone:#?}");
    transform(&place, &["activate", release], &registry).succeeded();
    let compared = transform(&place, &bench, &registry).succeeded();
    let name = format!("release {release}");
    assert!(compared.stdout.contains(&name), "{compared:#?}");
    let against = [&bench[..], &["--against", "builtin:enrich"]].concat();
    let other = transform(&place, &against, &registry).succeeded();
    assert!(!other.stdout.contains(&name), "{other:#?}");
    let wrong = [("SLUICE_REGISTRY", "registry")];
    transform(&place, &bench, &wrong).failed(2, &["SLUICE_REGISTRY: "]);
}

#[test]
fn a_misspelt_variable_is_refused_by_each_command() {
    let place = place();
    let misspelt = [("SLUICE_JG", ".")];
    for args in [
        &["try", "events.ndjson"][..],
        &["inspect"],
        &["bench", "builtin:copy"],
        &["publish", "builtin:copy", "--registry", "file:registry"],
        &["list", "--registry", "file:registry"],
        &["export", "a.wasm"],
    ] {
        let ran = transform(&place, args, &misspelt);
        ran.failed(
            2,
            &["SLUICE_JG: unknown environment variable; did you mean `SLUICE_JQ`?"],
        );
    }
    assert!(!place.path("registry").exists() && !place.path("a.wasm").exists());
}
