//! Results that are not values of the contract: addresses outside of memory, endless lists, texts
//! that are not UTF-8, and memory for arguments that cannot be written.

use super::{InQuarantine, Lands, Row};
use crate::support::guests::Tiny;

pub(super) fn rows() -> Vec<Row> {
    let mut rows = misdeeds();
    rows.extend(reallocs());
    rows
}

/// The result for the bad record, after the good result that `on_bad` has written.
const MISDEEDS: &[(&str, &str, &str)] = &[
    ("an answer at -4", "(return (i32.const -4))", "bounds"),
    (
        "an answer behind the memory",
        "(return (i32.const 65536))",
        "bounds",
    ),
    (
        "an answer that is not aligned",
        "(return (i32.const 66))",
        "aligned",
    ),
    (
        "an answer of no case",
        "(i32.store8 (i32.const 64) (i32.const 7))",
        "discriminant",
    ),
    (
        "4 Gi events",
        "(i32.store (i32.const 72) (i32.const -1))",
        "",
    ),
    (
        "events at -16",
        "(i32.store (i32.const 68) (i32.const -16))",
        "bounds",
    ),
    (
        "events that are not aligned",
        "(i32.store (i32.const 68) (i32.const 257))",
        "aligned",
    ),
    (
        "an event of 4 GiB",
        "(i32.store (i32.const 260) (i32.const -1))",
        "bounds",
    ),
    (
        "an event at the memory's end",
        "(i32.store (i32.const 256) (i32.const 65535))",
        "bounds",
    ),
    (
        "a partition of 4 Gi columns",
        "(i32.store (i32.const 268) (i32.const -1))",
        "",
    ),
    (
        "columns that are not aligned",
        "(i32.store (i32.const 264) (i32.const 301)) (i32.store (i32.const 268) (i32.const 1))",
        "aligned",
    ),
    (
        "a column that is not UTF-8",
        "(i32.store8 (i32.const 96) (i32.const 255))
            (i32.store (i32.const 300) (i32.const 96)) (i32.store (i32.const 304) (i32.const 1))
            (i32.store (i32.const 264) (i32.const 300)) (i32.store (i32.const 268) (i32.const 1))",
        "utf-8",
    ),
    (
        "a code that is not UTF-8",
        "(i32.store8 (i32.const 64) (i32.const 1)) (i32.store8 (i32.const 96) (i32.const 200))
            (i32.store (i32.const 68) (i32.const 96)) (i32.store (i32.const 72) (i32.const 1))",
        "utf-8",
    ),
    (
        "a message of 4 GiB for a rejection",
        "(i32.store8 (i32.const 64) (i32.const 1))
            (i32.store (i32.const 68) (i32.const 96)) (i32.store (i32.const 72) (i32.const 0))
            (i32.store (i32.const 80) (i32.const -1))",
        "bounds",
    ),
    (
        "events that are the record itself, to nowhere",
        "(i32.store8 (i32.const 272) (i32.const 0))",
        "route",
    ),
    (
        "a partition of itself",
        "(i32.store (i32.const 264) (i32.const 256)) (i32.store (i32.const 268) (i32.const 3))",
        "",
    ),
];

fn misdeeds() -> Vec<Row> {
    let rows = MISDEEDS.iter().map(|(name, misdeed, part)| {
        let tiny = Tiny::on_bad(misdeed);
        Row::tiny(name, &tiny, InQuarantine("invalid_output", part))
    });
    rows.collect()
}

/// Guests that return a wrong address for the bytes of the record.
fn reallocs() -> Vec<Row> {
    let lies = |name, lie: &str, code, part| {
        let honest = Tiny::default().realloc;
        let of_record = format!("(if (i32.eq (local.get 3) (i32.const 3)) (then {lie})) {honest}");
        let tiny = Tiny {
            realloc: of_record.leak(),
            ..Tiny::on_bad("")
        };
        Row::tiny(name, &tiny, InQuarantine(code, part))
    };
    let unaligned = Tiny {
        realloc: "(global.set $free
                (i32.add (global.get $free) (i32.add (local.get 3) (i32.const 7))))
            (i32.sub (global.get $free) (local.get 3))",
        ..Tiny::on_bad("")
    };
    vec![
        lies(
            "memory at -1",
            "(return (i32.const -1))",
            "invalid_output",
            "memory",
        ),
        lies(
            "memory behind its end",
            "(return (i32.const 65536))",
            "invalid_output",
            "memory",
        ),
        lies(
            "memory over its end",
            "(return (i32.const 65534))",
            "invalid_output",
            "memory",
        ),
        lies("memory without end", Tiny::FOREVER, "out_of_fuel", "fuel"),
        lies("no memory", "unreachable", "trap", "unreachable"),
        // The key and the numbers come after the record, and end where it was.
        lies(
            "memory that overlaps",
            "(global.set $free (i32.const 1021)) (return (i32.const 1025))",
            "invalid_output",
            "not JSON",
        ),
        Row {
            record: "3".into(),
            ..Row::tiny("memory that is not aligned", &unaligned, Lands(""))
        },
    ]
}
