//! `sluice transform test`: what records share, an instance and its limits.

use crate::author::place;
use crate::support::program::{Place, Ran};

fn test(place: &Place, component: &str, more: &[&str]) -> Ran {
    let args = [
        "transform",
        "test",
        component,
        "--cases",
        "cases",
        "--bless",
    ];
    place.run(&[&args, more].concat())
}

/// The second command is in the fourth line, because empty lines are no records.
#[test]
fn a_transform_that_keeps_state_between_records_fails_and_the_line_is_named() {
    let place = place();
    place.write("cases/counts.in.ndjson", "count\n\ndrop\ncount\ncount\n");
    for component in ["single.wasm", "batch.wasm"] {
        let ran = test(&place, component, &[]).failed(1, &["1 of 1 case failed"]);
        for part in [
            "counts.in.ndjson:4: the outcome depends on the records before it",
            "`transform` in a new instance (expected) and after other records (got) differ\n",
            "result 1: event.n\n        expected 1\n        got      2\n",
        ] {
            assert!(ran.stdout.contains(part), "{part:?} is not in {ran:#?}");
        }
        assert!(!ran.stdout.contains("transform-batch"), "{ran:#?}");
        assert!(!place.path("cases/counts.out.ndjson").exists());
    }
    let count = "{\"command\":\"count\"}\n";
    place.write("cases/counts.in.ndjson", count.repeat(2));
    let ran = test(&place, "fields.wasm", &[]).failed(1, &["1 of 1 case failed"]);
    for part in [
        "counts.in.ndjson:2: the outcome depends on the records before it",
        "`transform-fields` with one record in a new instance (expected)",
        "result 1: event.set\n        expected 1\n        got      2\n",
    ] {
        assert!(ran.stdout.contains(part), "{part:?} is not in {ran:#?}");
    }
}

#[test]
fn memory_that_is_kept_between_records_is_a_limit_of_resources() {
    let place = place();
    place.write("cases/kept.in.ndjson", "keep 20\nkeep 20\n");
    let ran = test(&place, "single.wasm", &[]).failed(1, &["1 of 1 case failed"]);
    let why = "kept.in.ndjson:2: `transform` exceeds a limit of resources, `--limits-memory`, 32.00 MiB, only after \
               other records: the record is close to the limit, or the transform keeps memory";
    assert!(ran.stdout.contains(why), "{ran:#?}");
    assert!(!ran.stdout.contains("forbids"), "{ran:#?}");
}

/// A case of more than one batch of the host.
#[test]
fn a_record_is_named_by_its_line_in_the_file() {
    let place = place();
    let case = "drop\n".repeat(1_500) + "count\ndrop\ncount\n";
    place.write("cases/long.in.ndjson", case);
    let ran = test(&place, "batch.wasm", &[]).failed(1, &["1 of 1 case failed"]);
    assert!(ran.stdout.contains("long.in.ndjson:1503: "), "{ran:#?}");
}

/// All records of a batch call have the fuel of one record.
#[test]
fn records_that_exceed_a_limit_only_together_are_compared_and_pass() {
    let place = place();
    place.write("cases/costly.in.ndjson", "spend 1000000\n".repeat(60));
    let ran = test(&place, "batch.wasm", &[]).succeeded();
    let note = "`transform-batch` exceeds a limit with records that do not exceed it alone";
    assert!(ran.stdout.contains(note), "{ran:#?}");
    let ran = test(&place, "single.wasm", &[]).succeeded();
    assert!(!ran.stdout.contains("exceeds"), "{ran:#?}");
    place.write("cases/costly.in.ndjson", "spend 10\n".repeat(60));
    let ran = test(&place, "batch.wasm", &[]).succeeded();
    assert!(!ran.stdout.contains("exceeds"), "{ran:#?}");
}

/// The rejections are in the wrong order, which a batch of one record cannot show.
#[test]
fn a_batch_call_that_fails_with_several_records_only_fails_the_case() {
    let place = place();
    place.write("cases/two.in.ndjson", "drop\nreject a\nreject b\n");
    let config = ["--transform-config", r#"{"batch":"rejections_fall"}"#];
    let ran = test(&place, "batch.wasm", &config).failed(1, &["1 of 1 case failed"]);
    let why = "`transform-batch` fails as a whole, and no record fails alone, with the 2 records from \
               two.in.ndjson:2 to two.in.ndjson:3\n";
    assert!(ran.stdout.contains(why), "{ran:#?}");
}

/// The messages have no values, because hosts with other limits check the same cases.
#[test]
fn a_record_that_exceeds_a_limit_says_which_setting_it_is() {
    let place = place();
    place.write("cases/over.in.ndjson", "loop\nallocate\nrecurse\n");
    test(&place, "batch.wasm", &[]).succeeded();
    let results = std::fs::read_to_string(place.path("cases/over.out.ndjson")).unwrap();
    let parts = [
        ("out_of_fuel", "used more than limits.fuel; "),
        ("out_of_memory", "needed more than limits.memory; "),
        (
            "stack_overflow",
            "used more than the 256 KiB of the stack; ",
        ),
    ];
    assert_eq!(results.lines().count(), parts.len(), "{results}");
    for (line, (code, message)) in results.lines().zip(parts) {
        assert!(line.contains(code) && line.contains(message), "{line}");
    }
}

/// `loop` is no JSON, so calls by fields reject it.
#[test]
fn a_result_that_one_call_cannot_afford_names_the_limit() {
    let place = place();
    place.write("cases/one.in.json", "loop");
    let ran = test(&place, "all.wasm", &[]).failed(1, &["1 of 1 case failed"]);
    let why = "one.in.json: `transform` (expected) and `transform-fields` (got) differ: only `transform` exceeds a \
               limit of resources, `--limits-fuel`, 100,000,000\n";
    assert!(ran.stdout.contains(why), "{ran:#?}");
}
