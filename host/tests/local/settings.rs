//! Settings: flags override the environment, which overrides `sluice.toml`, which overrides
//! defaults.

use crate::local::events;
use crate::support::lake;
use crate::support::program::{Place, Ran};

fn place(toml: &str) -> Place {
    let place = Place::new();
    place.write("events.ndjson", events(0..3));
    place.write("sluice.toml", toml);
    place
}

const BASE: &str = "source = 'file:events.ndjson'\nlake = 'file:lake'\nsummary = 'json'\n";

/// The extension of the only object of a run.
fn extension(place: &Place) -> String {
    let paths = lake::tree(&place.lake()).into_keys();
    let mut extensions: Vec<_> = paths
        .filter(|path| path.starts_with("event_type=") && !path.ends_with('/'))
        .map(|path| path.rsplit_once('.').unwrap().1.to_owned())
        .collect();
    extensions.dedup();
    assert_eq!(extensions.len(), 1);
    extensions.remove(0)
}

#[test]
fn flags_override_the_environment_which_overrides_the_file() {
    let run = |args: &[&str], env: Option<&str>| {
        let place = place(&format!("{BASE}compression = 'none'\n"));
        let mut command = place.command(&[&["run"], args].concat());
        if let Some(env) = env {
            command.env("SLUICE_COMPRESSION", env);
        }
        Ran::from(command.output().unwrap()).succeeded();
        extension(&place)
    };
    assert_eq!(run(&[], None), "ndjson");
    assert_eq!(run(&[], Some("gzip")), "gz");
    assert_eq!(run(&["--compression", "zstd"], Some("gzip")), "zst");
}

#[test]
fn show_says_where_each_value_comes_from() {
    let place = place("lake = 'file:lake'\n[limits]\nfuel = 5\nmemory = '8MiB'\n");
    let mut command = place.command(&["config", "show", "--source", "-"]);
    command.env("SLUICE_LIMITS_MEMORY", "16MiB");
    let shown = Ran::from(command.output().unwrap()).succeeded().stdout;
    for line in [
        r#"source = ["-"]  # flag"#,
        r#"lake = "file:lake"  # sluice.toml"#,
        r#"limits.fuel = "5"  # sluice.toml"#,
        r#"limits.memory = "16MiB"  # environment"#,
        r#"bus = "none"  # default"#,
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line}\n{shown}");
    }
}

#[test]
fn an_unknown_key_is_rejected_by_its_dotted_name() {
    let place = place(&format!("{BASE}[limits]\nfeul = 5\n"));
    let ran = place.run(&["run"]);
    ran.failed(
        2,
        &["sluice.toml:5: limits.feul", "did you mean `limits.fuel`?"],
    );
    assert!(!place.lake().exists());
}

#[test]
fn a_wrong_value_in_the_file_is_rejected_with_its_reason() {
    place("compression = 'lz4'")
        .run(&["run"])
        .failed(2, &["compression", "none, gzip, zstd"]);
    place("[limits]\nfuel = 0\n")
        .run(&["run", "--source", "-", "--lake", "file:lake"])
        .failed(2, &["sluice.toml:2: limits.fuel"]);
    place("lake = ")
        .run(&["run"])
        .failed(2, &["sluice.toml:1: "]);
}

#[test]
fn a_misspelt_variable_is_refused_and_a_foreign_one_is_ignored() {
    let run = |name: &str| {
        let place = place(BASE);
        let mut command = place.command(&["run"]);
        command.env(name, "1");
        Ran::from(command.output().unwrap())
    };
    let hint = "did you mean `SLUICE_LIMITS_FUEL`?";
    run("SLUICE_LIMITS_FEUL").failed(2, &["SLUICE_LIMITS_FEUL", hint]);
    let ran = run("SLUICE_IMAGE_DIGEST").succeeded();
    assert!(ran.stderr.contains("SLUICE_IMAGE_DIGEST"), "{ran:?}");
    let ran = run("SLUICE_PORT_9464_TCP_ADDR").succeeded();
    assert!(!ran.stderr.contains("SLUICE_PORT"), "{ran:?}");
}

#[test]
fn another_file_can_be_named() {
    let place = place("lake = 'file:wrong'\n");
    place.write("other.toml", BASE);
    place.run(&["run", "--config", "other.toml"]).succeeded();
    assert!(place.lake().exists());
    assert!(!place.path("wrong").exists());
}

#[test]
fn several_sources_in_a_file_are_all_landed() {
    let place = place("source = ['file:events.ndjson', 'file:more.ndjson']\nlake = 'file:lake'\n");
    place.write("more.ndjson", events(3..9));
    let summary = place.run(&["run", "--summary", "json"]).summary();
    assert_eq!(summary.count("records"), 9);
}

#[test]
fn check_accepts_what_run_accepts() {
    place(BASE).run(&["config", "check"]).succeeded();
    place("bus = 'x'\n")
        .run(&["config", "check"])
        .failed(2, &["source: missing"]);
}
