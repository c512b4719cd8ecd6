//! Slabs whose lists do not fit together, which no record can be blamed for: the host goes back to one
//! record at a time and nothing is lost.

use crate::support::guests::rogue;
use crate::support::outcomes::{Way, obeyed, rogue_by_slab, shared, words};

/// Every fault that `rogue` can put into a slab; see its `slab.rs`.
const FAULTS: &[&str] = &[
    "trap",
    "loop",
    "wrong_counts",
    "counts_overflow",
    "too_few_counts",
    "too_many_counts",
    "ends_fall",
    "end_out_of_range",
    "data_left_over",
    "no_routes",
    "too_many_routes",
    "partition_out_of_range",
    "no_partitions",
    "too_few_indexes",
    "rejections_fall",
    "rejected_twice",
    "rejection_out_of_range",
    "rejected_with_events",
    "all_empty",
];

const COMMANDS: &[&str] = &[
    "first",
    "many_events 2",
    "reject this",
    "reject that",
    "partition x",
    "drop",
    "garbage",
    "last",
];

#[test]
fn a_slab_that_does_not_fit_together_costs_nothing() {
    let expected = obeyed(rogue_by_slab(), Way::Single, COMMANDS);
    let reject = "not_wanted";
    assert_eq!(
        words(&expected),
        [
            "events",
            "events",
            reject,
            reject,
            "events",
            "dropped",
            "invalid_output",
            "events"
        ]
    );
    assert_eq!(obeyed(rogue_by_slab(), Way::Usual, COMMANDS), expected);
    for fault in FAULTS {
        let release = shared(&rogue().by_slab, &format!(r#"{{"slab":"{fault}"}}"#));
        let fates = obeyed(&release, Way::Usual, COMMANDS);
        assert_eq!(fates, expected, "{fault}");
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
