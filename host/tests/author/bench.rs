//! `sluice transform bench`: the measurements of a record. No test depends on a time.

use crate::author::place;

#[test]
fn fuel_and_memory_of_one_component_and_against_another() {
    let place = place();
    place.write("sample.ndjson", "many_events 3\nreject x\n".repeat(50));
    let args = [
        "transform",
        "bench",
        "batch.wasm",
        "--sample",
        "sample.ndjson",
        "--rounds",
        "2",
    ];
    let alone = place.run(&args).succeeded();
    assert!(alone.stdout.contains("100 records"), "{alone:#?}");
    assert!(alone.stdout.contains("batch    batch.wasm"), "{alone:#?}");
    assert!(!alone.stdout.contains("times"), "{alone:#?}");

    let pair = place
        .run(&[&args[..], &["--against", "single.wasm"]].concat())
        .succeeded();
    assert!(pair.stdout.contains("records  single.wasm"), "{pair:#?}");
    assert!(pair.stdout.contains("times the fuel"), "{pair:#?}");
    let ratio = "(the median of the ratios of each round, ";
    assert!(pair.stdout.contains(ratio), "{pair:#?}");
    assert_eq!(pair.stderr, "", "half of the records are no majority");
    let row = |output: &str| {
        let line = output
            .lines()
            .find(|line| line.ends_with("batch.wasm"))
            .unwrap();
        let (_, rest) = line.split_once(" ns").unwrap();
        rest.to_owned()
    };
    assert_eq!(
        row(&alone.stdout),
        row(&pair.stdout),
        "fuel and memory are always the same"
    );
    assert!(row(&pair.stdout).contains("MiB"), "{pair:#?}");
}

#[test]
fn figures_of_rejections_are_called_so() {
    let place = place();
    let bench = |component: &str| {
        let args = ["transform", "bench", component, "--rounds", "1", "--sample"];
        let ran = place.run(&[&args[..], &["sample.ndjson"]].concat());
        ran.succeeded()
    };
    place.write("sample.ndjson", "reject x\ntrap\nreject y\ndrop\n");
    let warning = "sluice: batch.wasm quarantines 3 of 4 records, most of them as `not_wanted`, so its figures are \
                   those of rejections; give records that it takes with `--sample`\n";
    assert_eq!(bench("batch.wasm").stderr, warning);
    place.write("sample.ndjson", "reject x\ndrop\ndrop\n");
    assert_eq!(bench("batch.wasm").stderr, "");
}

/// Both components are measured by the call that the host chooses.
#[test]
fn a_transform_of_fields_is_measured_like_any_other() {
    let place = place();
    let record = r#"{"command":"also","n":[1,2],"x":"text"}"#;
    place.write("sample.ndjson", format!("{record}\n").repeat(50) + "{\n");
    let args = [
        "transform",
        "bench",
        "fields.wasm",
        "--against",
        "all.wasm",
        "--sample",
        "sample.ndjson",
        "--rounds",
        "1",
    ];
    let ran = place.run(&args).succeeded();
    for part in [
        "51 records",
        "fields   fields.wasm",
        "fields   all.wasm",
        "times the fuel",
    ] {
        assert!(ran.stdout.contains(part), "{part:?} is not in {ran:#?}");
    }
}

/// A component compared with itself takes the same fuel.
#[test]
fn without_a_sample_events_are_generated() {
    let place = place();
    place
        .run(&["transform", "export", "enrich.wasm"])
        .succeeded();
    let args = [
        "transform",
        "bench",
        "enrich.wasm",
        "--against",
        "enrich.wasm",
        "--rounds",
        "1",
    ];
    let ran = place.run(&args).succeeded();
    assert!(ran.stdout.contains("10,000 records"), "{ran:#?}");
    assert!(ran.stdout.contains("and 1.000 times the fuel"), "{ran:#?}");
    place
        .run(&["transform", "bench", "enrich.wasm", "--rounds", "0"])
        .failed(2, &["--rounds"]);
}

#[test]
fn a_rejected_configuration_names_its_option() {
    let config = ["--transform-config", r#"{"configure":"reject"}"#];
    let args = [&["transform", "bench", "batch.wasm"], &config[..]].concat();
    let expected = [
        "cannot admit batch.wasm",
        "colour",
        "`--transform-config` gives",
    ];
    place().run(&args).failed(2, &expected);
}

#[test]
fn a_component_is_measured_against_what_a_registry_has_active() {
    let place = place();
    place
        .run(&["transform", "export", "enrich.wasm"])
        .succeeded();
    let with_registry = |args: &[&str]| {
        let registry = ["--registry", "file:registry"];
        place.run(&[&["transform"], args, &registry].concat())
    };
    let bench = ["bench", "enrich.wasm", "--rounds", "1"];
    let published = with_registry(&["publish", "enrich.wasm"]).succeeded();
    let release = published.stdout.trim();
    with_registry(&bench).failed(1, &["no release is active"]);
    with_registry(&["activate", release]).succeeded();
    let ran = with_registry(&bench).succeeded();
    assert!(
        ran.stdout.contains(&format!("release {release}")),
        "{ran:#?}"
    );
    assert!(ran.stdout.contains("and 1.000 times the fuel"), "{ran:#?}");
    with_registry(&[&bench[..], &["--against", "enrich.wasm"]].concat()).failed(2, &["--against"]);
}
