//! Edits that the contract forbids, and records on which a transform of fields uses resources without limit. Most of
//! what it can do is in [`hostile::fields`](crate::hostile::fields); these rows check the whole program.

use super::{Guest, InQuarantine, Lands, Outcome, Row};

pub(super) fn rows() -> Vec<Row> {
    let invalid = |part| InQuarantine("invalid_output", part);
    let long = "x".repeat(1 << 20);
    vec![
        row(
            "edits: a memory bomb",
            "allocate",
            InQuarantine("out_of_memory", ""),
        ),
        row(
            "edits: an endless loop",
            "loop",
            InQuarantine("out_of_fuel", "fuel"),
        ),
        row(
            "edits: an endless recursion",
            "recurse",
            InQuarantine("stack_overflow", "stack"),
        ),
        row(
            "edits: 200 last words",
            "log_and_trap",
            InQuarantine(
                "trap",
                "; the last error that the transform logged: a last word",
            ),
        ),
        row("edits: values of 1 GiB", "huge", invalid("out of bounds")),
        row(
            "edits: a value that is no JSON",
            "garbage",
            invalid("\"set\""),
        ),
        row(
            "edits: a value with another member",
            "smuggle",
            invalid("\"set\""),
        ),
        row(
            "edits: a line break in a text",
            "raw_break",
            invalid("\"set\""),
        ),
        row(
            "edits: an event that goes nowhere",
            "no_route",
            invalid("route"),
        ),
        row(
            "edits: a column that climbs",
            "bad_partition",
            invalid("../up"),
        ),
        row(
            "edits: line breaks between tokens",
            "line_breaks",
            Lands(""),
        ),
        row(
            "edits: a name twice",
            "repeated_name",
            InQuarantine("not_interoperable", "name twice"),
        ),
        of_record(
            "edits: 5,000 copies of a record of 1 MiB",
            &format!(r#"{{"command":"many","n":5000,"long":"{long}"}}"#),
            invalid("limits.output_bytes"),
        ),
        of_record(
            "edits: 100 copies of a record with a member 5,000 times",
            &format!(
                r#"{{"command":"many","n":100{}}}"#,
                r#","set":1"#.repeat(5_000)
            ),
            invalid("events of the record: 100, members in it"),
        ),
        of_record(
            "edits: a member 300,000 times",
            &format!(
                r#"{{"command":"many","n":1{}}}"#,
                r#","set":1"#.repeat(300_000)
            ),
            invalid("events of the record: 1, members in it"),
        ),
        of_record(
            "edits: brackets without end",
            r#"{"command":"brackets","n":5000000}"#,
            invalid("\"set\""),
        ),
        of_record(
            "edits: a record of brackets without end",
            &format!(r#"{{"n":{}"#, "[".repeat(5_000_000)),
            InQuarantine("invalid_json", "byte 5000005: expected a value"),
        ),
        of_record(
            "edits: a record that is no object",
            "[{}]",
            InQuarantine("not_an_object", "found an array"),
        ),
        of_record(
            "edits: 300 partitions",
            r#"{"command":"many_partitions","n":300}"#,
            InQuarantine("too_many_partitions", "limits.partitions"),
        )
        .with_args(&["--limits-partitions", "200"]),
    ]
}

fn row(name: &'static str, command: &str, outcome: Outcome) -> Row {
    of_record(name, &format!(r#"{{"command":"{command}"}}"#), outcome)
}

fn of_record(name: &'static str, record: &str, outcome: Outcome) -> Row {
    Row {
        guest: Guest::RogueFields,
        ..Row::rogue(name, record, outcome)
    }
}
