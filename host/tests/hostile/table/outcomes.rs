//! What a guest does with a record: it uses resources without limit, traps, or returns what the
//! contract forbids.

use super::{InQuarantine, Lands, Row};
use crate::support::guests::Tiny;

const FUEL_WITHOUT_END: &[&str] = &[
    "--limits-fuel",
    "1000000000000000",
    "--limits-time",
    "300ms",
];

pub(super) fn rows() -> Vec<Row> {
    let mut rows = exhausting_guests();
    rows.extend(trapping_guests());
    rows.extend(logging_guests());
    rows.extend(invalid());
    rows.extend(partitions());
    rows
}

/// Guests that use more than there is.
fn exhausting_guests() -> Vec<Row> {
    let out_of_memory = InQuarantine("out_of_memory", "");
    let out_of_fuel = InQuarantine("out_of_fuel", "fuel");
    let each_event = "(local.set 0 (i32.const 600000)) (i32.store (i32.const 72) (i32.const 600000))
        (i32.store (i32.const 68) (i32.const 65536))
        (loop $next
            (local.set 1 (i32.add (i32.const 65516) (i32.mul (local.get 0) (i32.const 20))))
            (i32.store (local.get 1) (i32.const 96)) (i32.store offset=4 (local.get 1) (i32.const 1))
            (i32.store8 offset=16 (local.get 1) (i32.const 1))
            (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        (i32.store8 (i32.const 96) (i32.const 49)) (return (i32.const 64))";

    let events_without_end = Tiny {
        memory: "500",
        ..Tiny::on_bad(each_event)
    };
    let table = Tiny {
        more: "(table $t 1 funcref)",
        ..Tiny::on_bad(
            "(loop $more (br_if $more (i32.ne (i32.const -1)
                (table.grow $t (ref.null func) (i32.const 100))))) unreachable",
        )
    };
    let grow = "(loop $more (drop (memory.grow (i32.const 1))) (br $more)) unreachable";
    let grow_and_die = "(drop (memory.grow (i32.const 60000))) unreachable";
    let too_much = InQuarantine("invalid_output", "would take more than");
    vec![
        Row::rogue("a memory bomb", "allocate", out_of_memory),
        Row::tiny("memory.grow in a loop", &Tiny::on_bad(grow), out_of_fuel).with_args(&[
            "--limits-fuel",
            "10000000",
            "--limits-time",
            "60s",
        ]),
        Row::tiny(
            "grows, then dies",
            &Tiny::on_bad(grow_and_die),
            out_of_memory,
        ),
        Row::tiny("a table bomb", &table, out_of_memory),
        Row::rogue("an endless loop", "loop", out_of_fuel),
        Row::rogue(
            "an endless loop of time",
            "loop",
            InQuarantine("out_of_time", "limits.time"),
        )
        .with_args(FUEL_WITHOUT_END),
        Row::rogue(
            "an endless recursion",
            "recurse",
            InQuarantine("stack_overflow", "stack"),
        ),
        Row::rogue("events without end", "many_events 5000000", out_of_memory),
        Row::tiny("600,000 tiny events", &events_without_end, too_much),
        Row::rogue(
            "an event over the limit",
            "big_output 16777217",
            InQuarantine("invalid_output", "limits.output_bytes"),
        ),
        Row::rogue("an event of 8 MiB", "big_output 8388608", Lands("")),
        Row::rogue(
            "a record over the limit",
            &"x".repeat(2_000),
            InQuarantine("record_too_large", "limits.record_bytes"),
        )
        .with_args(&["--limits-record-bytes", "1KiB"]),
    ]
}

/// Guests that trap.
fn trapping_guests() -> Vec<Row> {
    let trap = |part| InQuarantine("trap", part);
    let name = "x".repeat(90_000);
    let long_names = Tiny {
        more: format!("(func ${name} unreachable) (func $b{name} (call ${name}))").leak(),
        ..Tiny::on_bad(&format!("(call $b{name})"))
    };
    let null = Tiny {
        more: "(table $t 1 funcref)",
        ..Tiny::on_bad("(call_indirect $t (i32.const 0))")
    };
    let of_another_type = Tiny {
        more: "(table $t funcref (elem $f)) (func $f (param f64))",
        ..Tiny::on_bad("(call_indirect $t (i32.const 0))")
    };
    let post_return = Tiny {
        more: r#"(func (export "cabi_post_sluice:transform/records@1.0.0#transform") (param i32)
            (if (i32.eq (i32.load8_u (i32.load offset=256 (i32.const 0))) (i32.const 51))
                (then unreachable)))"#,
        ..Tiny::on_bad("")
    };
    let tiny = |name, misdeed, part| Row::tiny(name, &Tiny::on_bad(misdeed), trap(part));
    vec![
        Row::rogue("a trap", "trap", trap("unreachable")),
        Row::rogue("a division by zero", "divide", trap("unreachable")),
        Row::rogue(
            "a panic with a MiB to say",
            "panic 1048576",
            trap("unreachable"),
        ),
        tiny(
            "a load out of memory",
            "(drop (i32.load (i32.const -1)))",
            "memory",
        ),
        tiny(
            "a number that no integer holds",
            "(drop (i32.trunc_f64_s (f64.const nan)))",
            "integer",
        ),
        Row::tiny("a call of nothing", &null, trap("")),
        Row::tiny("a call of another type", &of_another_type, trap("")),
        Row::tiny(
            "functions with names of 90 KB",
            &long_names,
            trap("unreachable"),
        ),
        Row {
            record: "3".into(),
            ..Row::tiny(
                "dies when its answer was read",
                &post_return,
                trap("unreachable"),
            )
        },
    ]
}

/// Guests that log much.
fn logging_guests() -> Vec<Row> {
    let import = r#"(import "sluice:transform/log@1.0.0" "log" (func $log (param i32 i32 i32)))"#;
    let says = |level: &str, at: &str, bytes: &str| Tiny {
        more: import,
        memory: "256",
        ..Tiny::on_bad(&format!(
            "(i32.store (i32.const 96) (i32.const -1))
            (call $log (i32.const {level}) (i32.const {at}) (i32.const {bytes}))
            (i32.store8 (local.get 0) (i32.const 51)) (i32.store (i32.const 260) (i32.const 1))"
        ))
    };
    let for_ever = Tiny {
        more: import,
        memory: "500",
        ..Tiny::on_bad(
            "(loop $again (call $log (i32.const 0) (i32.const 0) (i32.const 32000000)) (br $again))",
        )
    };
    let invalid = |part| InQuarantine("invalid_output", part);
    vec![
        Row::rogue("a flood of messages", "log_flood", Lands("")),
        Row::rogue("a message of 16 MB", "log_long 16000000", Lands("")),
        Row::rogue("a message that forges lines", "log_lines", Lands("")),
        Row::rogue(
            "200 last words",
            "log_and_trap",
            InQuarantine(
                "trap",
                "; the last error that the transform logged: a last word",
            ),
        ),
        Row::tiny("a message that is true", &says("0", "0", "0"), Lands("")),
        Row::tiny(
            "a message that is not UTF-8",
            &says("1", "96", "4"),
            invalid("utf-8"),
        ),
        Row::tiny(
            "a message out of memory",
            &says("1", "-4", "100"),
            invalid("bounds"),
        ),
        Row::tiny(
            "a message of 4 GiB",
            &says("1", "1", "-1"),
            invalid("bounds"),
        ),
        Row::tiny("a message of no level", &says("99", "96", "0"), invalid("")),
        Row::tiny(
            "32 MB of messages, for ever",
            &for_ever,
            InQuarantine("out_of_time", "limits.time"),
        ),
    ]
}

/// Guests with invalid events or rejections.
fn invalid() -> Vec<Row> {
    let row =
        |name, record: &str, part| Row::rogue(name, record, InQuarantine("invalid_output", part));
    let nested = InQuarantine("invalid_output", "not JSON");
    vec![
        row("an event that is no JSON", "garbage", "not JSON"),
        row("an event of nothing", "nothing", "not JSON"),
        row(
            "an event that is not UTF-8",
            "not_utf8",
            "expected valid UTF-8",
        ),
        row("a line break in a text", "raw_break", "not JSON"),
        Row::rogue("brackets without end", "deep 10000000", nested),
        Row::rogue("line breaks between tokens", "line_breaks", Lands("")),
        row("one bad event of four", "one_bad_event", "not JSON"),
        row("an event that goes nowhere", "no_route", "route"),
        row("a list of 1 GiB", "huge", "out of bounds"),
        row("2,000 lists in one place", "overlap 2000", ""),
        row("a code that names a path", "bad_code", "../../etc"),
        Row::rogue(
            "a rejection of 64 KiB",
            &format!("reject {}", "x".repeat(1 << 16)),
            InQuarantine("not_wanted", "xxx…"),
        ),
    ]
}

/// Guests whose partitions attack the lake's folders.
fn partitions() -> Vec<Row> {
    let row =
        |name, record: &str, part| Row::rogue(name, record, InQuarantine("invalid_output", part));
    let lands =
        |name, value: &str, path| Row::rogue(name, &format!("partition {value}"), Lands(path));
    let too_many = InQuarantine("too_many_partitions", "limits.partitions");
    vec![
        row("a column that climbs", "bad_partition", "../up"),
        row("a column twice", "repeated_partition", "twice"),
        row(
            "a value of 300 bytes",
            &format!("partition {}", "x".repeat(300)),
            "place",
        ),
        row(
            "a value that readers take for NULL",
            "partition __HIVE_DEFAULT_PARTITION__",
            "return an empty value",
        ),
        row("200 columns", "columns 200", "path takes"),
        lands("a value that climbs", "../../etc", "place=..%2F..%2Fetc"),
        lands("a value of dots", "..", "place=.."),
        lands("a value from the root", "/etc/x", "place=%2Fetc%2Fx"),
        lands("a value of nothing", "", "place=__HIVE_DEFAULT_PARTITION__"),
        lands("a value that is a column", "a/b=c", "place=a%2Fb%3Dc"),
        Row::rogue("300 partitions", "many_partitions 300", too_many)
            .with_args(&["--limits-partitions", "200"]),
        Row::rogue("30,000 partitions", "many_partitions 30000", too_many),
    ]
}
