//! What a transform can do to a record under the usual limits.

use sluice::transform::outcome::Routes;

use crate::support::outcomes::{
    Fate, Way, fates, obeyed, rogue_by_record, rogue_by_slab, run, slice, words,
};

/// The fate of a record between two good ones, the same by every way in.
fn fate(command: &str) -> Fate {
    let commands = ["first", command, "last"];
    let mut fates = [
        obeyed(rogue_by_slab(), Way::Usual, &commands),
        obeyed(rogue_by_slab(), Way::Single, &commands),
        obeyed(rogue_by_record(), Way::Usual, &commands),
    ];
    assert_eq!(fates[0], fates[1]);
    assert_eq!(fates[0], fates[2]);
    let [first, fate, last] = fates[0].as_mut_slice() else {
        panic!("three records, three fates");
    };
    assert_eq!(json(first), [r#"{"echo":"first","sequence":0}"#]);
    let sequence = "first".len() + command.len() + 2;
    let echo = format!(r#"{{"echo":"last","sequence":{sequence}}}"#);
    assert_eq!(json(last), [echo]);
    fate.clone()
}

fn json(fate: &Fate) -> Vec<&str> {
    match fate {
        Fate::Events(events) => events.iter().map(|event| event.json.as_str()).collect(),
        other => panic!("no events but {other:?}"),
    }
}

#[test]
fn a_rejection_keeps_its_code_and_its_message() {
    let expected = Fate::Rejected {
        code: "not_wanted".into(),
        message: "for this reason".into(),
    };
    assert_eq!(fate("reject for this reason"), expected);
}

#[test]
fn a_long_message_is_cut() {
    let long = fate(&format!("reject {}", "é".repeat(2_000)));
    assert!(long.message().len() <= 1_024 + "…".len());
    assert!(long.message().ends_with("é…"));
}

#[test]
fn a_record_can_be_dropped_or_become_many_events() {
    assert_eq!(fate("drop"), Fate::Dropped);
    assert_eq!(
        json(&fate("many_events 3")),
        [r#"{"n":0}"#, r#"{"n":1}"#, r#"{"n":2}"#]
    );
    assert_eq!(json(&fate("many_events 20000")).len(), 20_000);
}

#[test]
fn a_rejected_record_leaves_no_partition() {
    let records = slice(&["spoiled 7", "spoiled 8", "many_partitions 9"]);
    let by_slab = run(rogue_by_slab(), &records, Way::Usual);
    let by_record = run(rogue_by_record(), &records, Way::Usual);
    let found = fates(&records, &by_record);
    assert_eq!(
        words(&found),
        ["invalid_output", "invalid_output", "events"]
    );
    assert_eq!(found, fates(&records, &by_slab));
    assert_eq!(by_record.partitions.len(), 9);
}

#[test]
fn line_breaks_of_an_event_become_spaces() {
    assert_eq!(json(&fate("line_breaks")), [r#"{  "a": 1}"#]);
}

#[test]
fn a_value_that_no_path_holds_is_encoded() {
    for (command, path) in [
        ("partition ../../etc/passwd", "place=..%2F..%2Fetc%2Fpasswd"),
        ("partition ", "place=__HIVE_DEFAULT_PARTITION__"),
        ("partition a\0b\nc", "place=a%00b%0Ac"),
        ("partition Ünïcode", "place=Ünïcode"),
    ] {
        match fate(command) {
            Fate::Events(events) => assert_eq!(events[0].partition, path),
            other => panic!("{command:?}: {other:?}"),
        }
    }
}

#[test]
fn routes_are_kept() {
    for (command, lake, bus) in [("lake_only", true, false), ("bus_only", false, true)] {
        match fate(command) {
            Fate::Events(events) => assert_eq!(events[0].routes, Routes { lake, bus }),
            other => panic!("{command}: {other:?}"),
        }
    }
}

#[test]
fn the_backtrace_of_a_trap_is_kept_and_names_functions() {
    for (release, way) in [
        (rogue_by_slab(), Way::Usual),
        (rogue_by_slab(), Way::Single),
        (rogue_by_record(), Way::Usual),
    ] {
        let outcome = run(release, &slice(&["trap", "recurse", "garbage"]), way);
        let backtraces: Vec<_> = outcome
            .quarantined
            .iter()
            .map(|quarantined| quarantined.reason.backtrace.as_deref())
            .collect();
        assert!(backtraces[0].unwrap().contains("trap"), "{backtraces:?}");
        assert!(backtraces[1].unwrap().contains("recurse"), "{backtraces:?}");
        assert_eq!(backtraces[2], None);
    }
}

#[test]
fn a_slab_of_one_bad_record_is_that_record() {
    for command in ["trap", "garbage", "huge"] {
        let usual = obeyed(rogue_by_slab(), Way::Usual, &[command]);
        assert_eq!(usual, obeyed(rogue_by_slab(), Way::Single, &[command]));
    }
}

#[test]
fn an_empty_slice_is_nothing() {
    for way in Way::BOTH {
        let fates = obeyed::<&str>(rogue_by_slab(), way, &[]);
        assert_eq!(fates, []);
    }
}
