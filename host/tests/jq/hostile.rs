//! Programs that need too much: each costs its own record, and no other.

use super::{outcomes, program};
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
    ] {
        assert_eq!(cost(usual), "events", "{usual}");
    }
}
