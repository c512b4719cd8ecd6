//! What the generator promises.

use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::transform::release::Digest;

fn plan(events: u64, seed: u64) -> Plan {
    Plan {
        events,
        types: 100,
        seed,
        duplicates: 0.0,
        malformed: 0.0,
        late: 0.0,
    }
}

fn lines(plan: &Plan) -> Vec<(Kind, Vec<u8>)> {
    let mut events = Events::new(plan).unwrap();
    let mut lines = Vec::new();
    loop {
        let mut line = Vec::new();
        match events.next_into(&mut line) {
            Some(kind) => lines.push((kind, line)),
            None => return lines,
        }
    }
}

fn written(plan: &Plan) -> (Generated, Vec<u8>) {
    let mut bytes = Vec::new();
    let events = Events::new(plan).unwrap();
    let made = write_ndjson(events, None, &mut bytes, &mut |_| ()).unwrap();
    (made, bytes)
}

fn is_event(line: &[u8]) -> bool {
    let Ok(value) = serde_json::from_slice::<Value>(line) else {
        return false;
    };
    value["event_uuid"].is_string()
        && value["event_name"].is_string()
        && value["created_at"].is_number()
}

#[test]
fn a_seed_always_gives_the_same_bytes() {
    let mut mixed = plan(2_000, 7);
    (mixed.duplicates, mixed.malformed, mixed.late) = (0.1, 0.1, 0.1);
    assert_eq!(written(&mixed), written(&mixed));
    assert_ne!(written(&plan(100, 7)).1, written(&plan(100, 8)).1);
}

/// A change of these bytes changes what people compare their figures with: say so where it is made.
#[test]
fn the_bytes_of_seed_7_are_pinned() {
    let (made, bytes) = written(&plan(1_000, 7));
    assert_eq!(made.bytes, bytes.len() as u64);
    assert_eq!(Digest::of(&bytes).short(), "7afe1f3d");
}

#[test]
fn every_event_has_an_id_of_its_own() {
    let mut ids = HashSet::new();
    for (_, line) in lines(&plan(100_000, 7)) {
        let event: Value = serde_json::from_slice(&line).unwrap();
        assert!(is_event(&line), "{event}");
        assert!(ids.insert(event["event_uuid"].as_str().unwrap().to_owned()));
    }
}

#[test]
fn every_type_occurs() {
    for types in [1, 100, 250] {
        let mut plan = plan(u64::from(types) * 1_000, 3);
        plan.types = types;
        let mut seen = BTreeMap::new();
        for (_, line) in lines(&plan) {
            let event: Value = serde_json::from_slice(&line).unwrap();
            let name = event["event_name"].as_str().unwrap();
            *seen
                .entry(name.split(':').next().unwrap().to_owned())
                .or_insert(0) += 1;
        }
        assert_eq!(seen.len(), types as usize);
    }
}

#[test]
fn sizes_are_those_of_real_events() {
    let mut sizes: Vec<_> = lines(&plan(50_000, 7))
        .iter()
        .map(|(_, line)| line.len())
        .collect();
    sizes.sort_unstable();
    let mean = sizes.iter().sum::<usize>() / sizes.len();
    assert!(sizes[0] >= 120, "smallest {}", sizes[0]);
    assert!((200..500).contains(&mean), "mean {mean}");
    assert!(sizes[sizes.len() - 1] > 1_000 && sizes[sizes.len() - 1] < 10_000);
}

#[test]
fn kinds_come_in_their_shares_and_are_counted() {
    let mut plan = plan(100_000, 7);
    (plan.duplicates, plan.malformed, plan.late) = (0.05, 0.02, 0.1);
    let (made, _) = written(&plan);
    let close = |count: u64, share: f64| {
        let expected = share * 100_000.0;
        (count as f64 - expected).abs() < expected * 0.1
    };
    assert_eq!(made.events, 100_000);
    assert!(close(made.duplicates, 0.05), "{made:?}");
    assert!(close(made.malformed, 0.02), "{made:?}");
    assert!(close(made.late, 0.1), "{made:?}");
}

#[test]
fn a_malformed_line_is_one_line_and_no_event() {
    let mut plan = plan(20_000, 7);
    plan.malformed = 1.0;
    for (kind, line) in lines(&plan) {
        assert_eq!(kind, Kind::Malformed);
        assert!(!line.is_empty() && !line.contains(&b'\n'));
        assert!(!is_event(&line), "{}", String::from_utf8_lossy(&line));
    }
}

#[test]
fn a_duplicate_repeats_an_earlier_line() {
    let mut plan = plan(5_000, 7);
    plan.duplicates = 0.3;
    let mut seen = HashSet::new();
    for (kind, line) in lines(&plan) {
        assert_eq!(kind == Kind::Duplicate, seen.contains(&line));
        seen.insert(line);
    }
}

#[test]
fn a_plan_that_makes_no_sense_is_refused_by_the_name_of_its_option() {
    let refused = |change: fn(&mut Plan)| {
        let mut plan = plan(1, 1);
        change(&mut plan);
        Events::new(&plan).unwrap_err().to_string()
    };
    assert!(refused(|plan| plan.types = 0).starts_with("types"));
    assert!(refused(|plan| plan.types = 10_001).starts_with("types"));
    assert!(refused(|plan| plan.late = -0.1).starts_with("late"));
    assert!(refused(|plan| plan.malformed = f64::NAN).starts_with("malformed"));
    assert!(refused(|plan| (plan.duplicates, plan.late) = (0.6, 0.6)).starts_with("duplicates"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn any_seed_makes_events(seed in any::<u64>()) {
        for (_, line) in lines(&plan(200, seed)) {
            prop_assert!(is_event(&line));
        }
    }
}
