//! Programs that need too much: each costs its own record, and no other.

use serde_json::json;

use super::{outcomes, program, try_release};
use crate::support::outcomes::words;

/// Runs a program on the second of three records, and returns the outcome of that record.
fn cost(hostile: &str) -> String {
    let text = format!("if .bad then ({hostile}) else . end");
    let records = [r#"{"id":1}"#, r#"{"id":2,"bad":true}"#, r#"{"id":3}"#];
    let found = outcomes(&program(&text), &records);
    let words = words(&found);
    assert_eq!((words[0], words[2]), ("events", "events"), "{hostile}");
    words[1].to_owned()
}

#[test]
fn an_endless_loop_runs_out_of_fuel() {
    for hostile in [
        "def f: f; f",
        "last(repeat(1))",
        "reduce range(1000000000) as $i (0; . + 1)",
        "until(false; .)",
        "[range(1000000000)]",
    ] {
        assert_eq!(cost(hostile), "out_of_fuel", "{hostile}");
    }
}

#[test]
fn an_endless_recursion_runs_out_of_the_stack() {
    for hostile in [
        "def f: 1 + f; f",
        "def f: [f]; f",
        "def f: {a: f}; f",
        "def f: try f catch .; 1 + f",
        "def f: .id as $x | f | .; f + 1",
        "reduce range(5000) as $i (1; [.]) | {x: .}",
    ] {
        let outcome = cost(hostile);
        let expected = ["stack_overflow", "out_of_fuel"];
        assert!(expected.contains(&outcome.as_str()), "{hostile}: {outcome}");
    }
    assert_eq!(cost("def f: 1 + f; f"), "stack_overflow");
}

#[test]
fn a_large_value_runs_out_of_memory() {
    for hostile in [
        "{x: (\"x\" * 1000000000)}",
        "reduce range(40) as $i (\"x\"; . + .) | {x: .}",
        "{x: ([\"x\" * 1000000] * 1)}",
    ] {
        let outcome = cost(hostile);
        let expected = ["out_of_memory", "out_of_fuel", "jq_error"];
        assert!(expected.contains(&outcome.as_str()), "{hostile}: {outcome}");
    }
    assert_eq!(cost("{x: (\"x\" * 1000000000)}"), "out_of_memory");
    for hostile in ["{x: (\"abc\" * 123456789012)}", "{x: (\"x\" * 1e300)}"] {
        assert_eq!(cost(hostile), "jq_error", "{hostile}");
    }
}

#[test]
fn a_hostile_regular_expression_costs_its_own_record_only() {
    for hostile in [
        r#"{x: ("a" | test("\\w{" + "1000}"))}"#,
        r#"{x: ("a" | test("(" * 1000 + "a" + ")" * 1000))}"#,
        r#"{x: ("a" | test("((a{100}){100}){" + "100}"))}"#,
        r#"{x: ("a" | test("(" + "?=a)"))}"#,
    ] {
        assert_eq!(cost(hostile), "jq_error", "{hostile}");
    }
    // Each of many expressions is compiled, and few are kept.
    let many = "{n: ([range(200) | tostring as $re | select(\"7\" | test($re))] | length)}";
    assert_eq!(cost(many), "events");
    let slow = "{x: (\"a\" * 20000 | test(\"(a*)*\" + \"(a*)*b\"))}";
    assert!(["events", "out_of_fuel"].contains(&cost(slow).as_str()));
}

#[test]
fn a_distant_index_is_an_error() {
    for hostile in [
        ".a[1000000000] = 1",
        ".a[1e18] = 1",
        "[1] | .[-5] = 1",
        "setpath([\"a\", 99999999]; 1)",
    ] {
        assert_eq!(cost(hostile), "jq_error", "{hostile}");
    }
}

#[test]
fn usual_work_is_far_below_the_limits() {
    for usual in [
        "{n: ([range(10000)] | map(. * 2) | add)}",
        "{n: (reduce range(10000) as $i (0; . + $i))}",
        "{n: ([range(2000)] | map(tostring) | join(\",\") | length)}",
        "{n: (\"ab\" * 2000 | gsub(\"a\"; \"x\") | length)}",
        "{n: ([range(2000) | {key: tostring, value: .}] | from_entries | length)}",
        "def f: if . > 10000 then . else . + 1 | f end; {n: (0 | f)}",
        "def f($n): if $n == 0 then 0 else 1 + f($n - 1) end; {n: f(50)}",
        r#"{n: ("aé" * 2000 | gsub("\\w"; "x") | length)}"#,
        r#"{n: ("a1" * 2000 | [match("[[:alpha:]](?<n>\\d)"; "g")] | length)}"#,
    ] {
        assert_eq!(cost(usual), "events", "{usual}");
    }
}

#[test]
fn a_long_program_is_admitted_or_refused_with_its_limit() {
    let long = |step: &str, operator: &str, count| vec![step; count].join(operator);
    assert_eq!(cost(&long(".", " | ", 990)), "events");
    assert_eq!(
        cost(&format!("0 | {} | {{n: .}}", long(". + 1", " | ", 900))),
        "events"
    );
    assert_eq!(
        cost(&format!("[{}] | {{n: length}}", long(".", ", ", 5000))),
        "events"
    );
    assert_eq!(
        cost(&format!("{{n: ({})}}", long("1", " + ", 300))),
        "events"
    );
    for (program, limit) in [
        (long(".", " | ", 1500), "more than 1000 steps"),
        (long("1", " + ", 400), "more than 320 terms"),
        (
            format!(
                "{}.{}",
                "if .a then ".repeat(400),
                " else . end".repeat(400)
            ),
            "more than 320 terms",
        ),
    ] {
        let error = try_release(&json!({ "program": program }));
        let error = error
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default();
        assert!(error.contains(limit), "{limit}: {error}");
    }
}
