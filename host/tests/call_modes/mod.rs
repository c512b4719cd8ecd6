//! The call mode makes no difference: batch calls and calls by fields have the results of calls per record.

mod copy;
mod fields;
mod mutated;

use proptest::prelude::*;

use sluice::generate::{Events, GeneratorPlan};
use sluice_engine::record::{BATCH_MAX_RECORDS, Batch};
use sluice_release::admission::Release;

use crate::support::outcomes::{
    CallMode, RecordOutcome, batch, by_each_call, chunk, contents, enrichment, record_outcomes,
    rogue_by_batch, rogue_by_record, run,
};

/// The objects that a chunk of this batch would write, each with its key.
fn written(release: &Release, records: &Batch, mode: CallMode) -> Vec<(String, String)> {
    let mut chunk = chunk(5);
    chunk.absorb(records, run(release, records, mode));
    let objects = contents(&chunk).into_iter();
    let objects = objects.map(|(place, content)| (place, without_backtraces(&content)));
    objects.collect()
}

/// Removes the backtraces in quarantine, which depend on the call mode.
fn without_backtraces(content: &str) -> String {
    let lines = content.lines().map(|line| {
        let Some((before, behind)) = line.split_once(r#","backtrace":""#) else {
            return format!("{line}\n");
        };
        let (_, behind) = behind.split_once('"').unwrap();
        format!("{before}{behind}\n")
    });
    lines.collect()
}

/// The outcomes of records by each call that the component exports, none of which may fail as a whole.
fn outcomes_by_call(release: &Release, records: &Batch) -> Vec<(&'static str, Vec<RecordOutcome>)> {
    let found = by_each_call(release, records).into_iter();
    let found = found.map(|(call, outcome)| {
        let outcome = outcome.unwrap_or_else(|| panic!("{call} failed as a whole"));
        (call, record_outcomes(records, &outcome))
    });
    found.collect()
}

fn good() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z\"\\\\é\u{0}-\u{1f}]{0,20}",
        (0..6_u32).prop_map(|n| format!("many_events {n}")),
        "partition [a-c/=]{0,2}",
        (0..300_u32).prop_map(|n| format!("big_output {n}")),
        prop::sample::select(vec!["drop", "lake_only", "bus_only", "line_breaks"])
            .prop_map(str::to_owned),
    ]
}

fn rejected() -> impl Strategy<Value = String> {
    let codes = vec!["reject this", "reject", "bad_code"];
    prop::sample::select(codes).prop_map(str::to_owned)
}

fn invalid() -> impl Strategy<Value = String> {
    let commands = vec![
        "garbage",
        "nothing",
        "not_utf8",
        "bad_partition",
        "repeated_partition",
        "no_route",
        "one_bad_event",
        "partition __HIVE_DEFAULT_PARTITION__",
    ];
    prop::sample::select(commands).prop_map(str::to_owned)
}

fn dying() -> impl Strategy<Value = String> {
    let commands = vec!["trap", "divide", "recurse", "allocate", "huge"];
    prop::sample::select(commands).prop_map(str::to_owned)
}

/// Batches without traps are transformed by one batch call. The others are repeated record by
/// record.
fn commands() -> impl Strategy<Value = Vec<String>> {
    let calm = prop_oneof![6 => good(), 2 => rejected(), 1 => invalid()];
    let wild = prop_oneof![6 => good(), 2 => rejected(), 1 => invalid(), 1 => dying()];
    prop_oneof![
        2 => prop::collection::vec(calm, 0..40),
        1 => prop::collection::vec(wild, 0..20),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_batch_has_the_results_of_its_records_alone(commands in commands()) {
        let records = batch(&commands);
        let of = |release, mode| record_outcomes(&records, &run(release, &records, mode));
        let expected = of(rogue_by_record(), CallMode::Usual);
        prop_assert_eq!(&of(rogue_by_batch(), CallMode::Usual), &expected);
        prop_assert_eq!(&of(rogue_by_batch(), CallMode::PerRecord), &expected);
    }

    /// A chunk can be started in one call mode and finished in the other, if a record ran out of
    /// time.
    #[test]
    fn a_chunk_writes_the_same_bytes_in_either_call_mode(commands in commands()) {
        let records = batch(&commands);
        let expected = written(rogue_by_record(), &records, CallMode::Usual);
        prop_assert_eq!(&written(rogue_by_batch(), &records, CallMode::Usual), &expected);
    }
}

/// Readers take the placeholder for no value, so neither an event without a type nor one whose type is the
/// placeholder lands there.
#[test]
fn neither_an_empty_type_nor_the_placeholder_becomes_a_partition() {
    let event = |name: &str, n: u32| {
        format!(r#"{{"event_uuid":"{n}","event_name":"{name}","created_at":1}}"#)
    };
    let other = "__HIVE_DEFAULT_PARTITION__";
    let records = batch(&[event("", 1), event(other, 2), event(":x", 3), event("a", 4)]);
    let usual = written(enrichment(), &records, CallMode::Usual);
    assert_eq!(usual, written(enrichment(), &records, CallMode::PerRecord));
    let lines = usual.iter().map(|(place, content)| {
        let place = place.trim_end_matches(['"', '(', ')']);
        let place = place.rsplit(['"', '=']).next().unwrap();
        (place, content.lines().count())
    });
    let lines: Vec<_> = lines.collect();
    assert_eq!(
        lines,
        [("a", 1), ("invalid_field", 2), ("invalid_output", 1)]
    );
}

#[test]
fn the_enrichment_is_the_same_in_either_call_mode() {
    let plan = GeneratorPlan {
        events: 20_000,
        types: 30,
        seed: 11,
        duplicates: 0.02,
        malformed: 0.1,
        late: 0.02,
    };
    let mut events = Events::new(&plan).unwrap();
    loop {
        let mut lines = Vec::new();
        let mut line = Vec::new();
        while lines.len() < BATCH_MAX_RECORDS && events.next_into(&mut line).is_some() {
            lines.push(std::mem::take(&mut line));
        }
        if lines.is_empty() {
            break;
        }
        let records = batch(&lines);
        let calls = outcomes_by_call(enrichment(), &records);
        assert_eq!(calls.len(), 5);
        for (call, found) in &calls {
            assert!(*found == calls[0].1, "{call} differs from {}", calls[0].0);
        }
        let bytes = |mode| written(enrichment(), &records, mode);
        assert_eq!(bytes(CallMode::Usual), bytes(CallMode::PerRecord));
    }
}
