//! Invalid results of a batch call, for which no single record is responsible. The host transforms
//! the records one by one, and nothing is lost.

use super::{Guest, Retried, Row};
use crate::support::guests::Tiny;

/// Every fault that `rogue` can put into the result of a batch call; see its `batch.rs`.
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

/// Records that these faults apply to.
const RECORDS: &str = "many_events 2\nreject this\nreject that";

/// Tiny guests: instructions before the result at 512, whose seven lists are empty.
const TINY: &[(&str, &str)] = &[
    ("a batch that is empty", "i32.const 512"),
    ("a batch at -4", "i32.const -4"),
    ("a batch that is not aligned", "i32.const 514"),
    ("a batch without end", Tiny::FOREVER),
    ("a batch that dies", "unreachable"),
    (
        "4 Gi counts",
        "(i32.store (i32.const 516) (i32.const -1)) i32.const 512",
    ),
    (
        "4 GiB of events",
        "(i32.store (i32.const 524) (i32.const -1)) i32.const 512",
    ),
    (
        "counts that are not aligned",
        "(i32.store (i32.const 512) (i32.const 601)) (i32.store (i32.const 516) (i32.const 3))
            i32.const 512",
    ),
    (
        "counts of 4 Gi events",
        "(i64.store (i32.const 600) (i64.const -1)) (i32.store (i32.const 608) (i32.const -1))
            (i32.store (i32.const 512) (i32.const 600)) (i32.store (i32.const 516) (i32.const 3))
            i32.const 512",
    ),
    (
        "a list that is the batch itself",
        "(i32.store (i32.const 512) (i32.const 512)) (i32.store (i32.const 516) (i32.const 3))
            (i32.store (i32.const 536) (i32.const 512)) (i32.store (i32.const 540) (i32.const 5))
            i32.const 512",
    ),
    (
        // 6,500 lists with 8,000 empty lists each.
        "partitions that multiply",
        "(i32.store (i32.const 536) (i32.const 1024)) (i32.store (i32.const 540) (i32.const 6500))
            (local.set 0 (i32.const 6500))
            (loop $next
                (i32.store offset=1016 (i32.mul (local.get 0) (i32.const 8)) (i32.const 1024))
                (i32.store offset=1020 (i32.mul (local.get 0) (i32.const 8)) (i32.const 3250))
                (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
            i32.const 512",
    ),
];

pub(super) fn rows() -> Vec<Row> {
    let faults = FAULTS.iter().map(|fault| Row {
        guest: Guest::RogueBatch,
        ..Row::rogue(fault, RECORDS, Retried(4, 2))
            .with_config(&format!(r#"{{"batch":"{fault}"}}"#))
    });
    let tiny = TINY.iter().map(|(name, batch)| {
        let tiny = Tiny {
            batch: Some(batch),
            ..Tiny::on_bad("")
        };
        retried(name, &tiny)
    });
    let unaligned = Tiny {
        realloc: "(global.set $free
                (i32.add (global.get $free) (i32.add (local.get 3) (i32.const 7))))
            (i32.sub (global.get $free) (local.get 3))",
        batch: Some("i32.const 512"),
        ..Tiny::on_bad("")
    };
    let odd = retried("memory for lists that is not aligned", &unaligned);
    faults.chain(tiny).chain([odd]).collect()
}

fn retried(name: &'static str, tiny: &Tiny) -> Row {
    Row {
        record: "3".into(),
        ..Row::tiny(name, tiny, Retried(3, 0))
    }
}
