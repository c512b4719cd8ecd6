//! Guests that fail admission, before they get a record.

use sluice::ENRICH;
use sluice_engine::limits::COMPONENT_MAX_BYTES;

use super::{Guest, Lands, NotAdmitted, Row};
use crate::support::guests::{Tiny, bomb, rogue, slow_to_compile};

pub(super) fn rows() -> Vec<Row> {
    let mut rows = files();
    rows.extend(imports());
    rows.extend(worlds());
    rows.extend(sizes());
    rows.extend(starts());
    rows.extend(descriptions());
    rows.extend(config());
    rows.extend(declarations());
    rows
}

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

/// Files that are not components.
fn files() -> Vec<Row> {
    let row =
        |name, bytes: &[u8], part| Row::bytes(name, bytes.to_vec(), NotAdmitted("compile", part));
    let half = ENRICH.len() / 2;
    let forged = r#"(component (core module
        (func (export "a\0a\1b[31mforged")) (func (export "a\0a\1b[31mforged"))))"#;
    vec![
        row("a core module", &Tiny::default().module(), "core"),
        row("half a component", &ENRICH[..half], ""),
        row("a component less a byte", &ENRICH[..ENRICH.len() - 1], ""),
        row("nothing", b"", "not WebAssembly"),
        row("a script", b"#!/bin/sh\n", "not WebAssembly"),
        row(
            "a component, then rubbish",
            &[ENRICH, b"rubbish"].concat(),
            "",
        ),
        row("a compile bomb", &bomb(), "MiB of memory"),
        row(
            "a component that takes minutes to compile",
            &slow_to_compile(),
            "60s",
        ),
        row("names that forge lines", &wat(forged), "duplicate"),
        Row::bytes(
            "a file that is too large",
            vec![0; COMPONENT_MAX_BYTES + 1],
            NotAdmitted("size", "10485761"),
        ),
    ]
}

/// Guests that import more than the log.
fn imports() -> Vec<Row> {
    let instance = |name| format!(r#"(component (import "{name}" (instance)))"#);
    let row = |name, text: &str, part| Row::bytes(name, wat(text), NotAdmitted("imports", part));
    let wanted = [
        ("the clock", "wasi:clocks/wall-clock@0.2.0"),
        (
            "a clock that only rises",
            "wasi:clocks/monotonic-clock@0.2.3",
        ),
        ("chance", "wasi:random/random@0.2.0"),
        ("chance that is not safe", "wasi:random/insecure-seed@0.2.0"),
        ("files", "wasi:filesystem/preopens@0.2.0"),
        ("the network", "wasi:sockets/tcp@0.2.0"),
        ("the environment", "wasi:cli/environment@0.2.3"),
        (
            "a clock of the contract's name",
            "sluice:transform/clock@1.0.0",
        ),
        ("a log of another version", "sluice:transform/log@2.0.0"),
    ];
    let mut rows: Vec<_> = wanted
        .into_iter()
        .map(|(name, import)| row(name, &instance(import), import))
        .collect();
    rows.push(row(
        "a function from outside",
        r#"(component (import "now" (func (result u64))))"#,
        "`now`",
    ));
    rows
}

/// Guests that do not export the contract.
fn worlds() -> Vec<Row> {
    let exports = |names: &[&str]| {
        let exports = names
            .iter()
            .map(|name| format!(r#"(export "{name}" (instance $i))"#));
        let exports: String = exports.collect();
        wat(&format!(
            "(component (component $c) (instance $i (instantiate $c)) {exports})"
        ))
    };
    let row = |name, bytes, part| Row::bytes(name, bytes, NotAdmitted("world", part));
    let of_other_types = Tiny::default().component_of(
        "package sluice:transform@1.0.0;
        interface rules {
            configure: func(config: string) -> result<_, string>;
            describe: func() -> tuple<string, string>;
        }
        interface records {
            transform: func(a: string, b: string, c: string, d: string, e: s64) -> list<string>;
        }
        world transform { export rules; export records; }",
    );
    let (rules, records) = (
        "sluice:transform/rules@1.0.0",
        "sluice:transform/records@1.0.0",
    );
    vec![
        row("no exports", wat("(component)"), "sluice:transform/rules"),
        row(
            "another world",
            exports(&["other:world/run@1.0.0"]),
            "other:world/run@1.0.0",
        ),
        row(
            "a later contract",
            exports(&["sluice:transform/rules@2.0.0"]),
            "built for version 2.0.0 of the contract",
        ),
        row("a contract of nothing", exports(&[rules, records]), ""),
        row(
            "a contract without records and fields",
            rules_alone(),
            "records",
        ),
        row("records without rules", exports(&[records]), "rules"),
        row("functions of other types", of_other_types, ""),
    ]
}

/// A component that has a description and a configuration, and transforms nothing.
fn rules_alone() -> Vec<u8> {
    Tiny::default().component_of(
        "package sluice:transform@1.0.0;
        interface rules {
            record description {
                name: string,
                version: string,
                summary: string,
                config-schema: string,
            }
            configure: func(config: string) -> result<_, string>;
            describe: func() -> description;
        }
        world transform { export rules; }",
    )
}

/// Guests that exceed a size limit before they run.
fn sizes() -> Vec<Row> {
    let row = |name, text: &str, part| Row::bytes(name, wat(text), NotAdmitted("compile", part));
    let parts = |module: &str, count| {
        let instances = "(core instance (instantiate $m))".repeat(count);
        format!("(component (core module $m {module}){instances})")
    };
    let memory_at_rest = |name, tiny| Row::tiny(name, tiny, NotAdmitted("describe", "memory"));
    let table_at_rest = |name, tiny| Row::tiny(name, tiny, NotAdmitted("compile", "table"));
    let memory = Tiny {
        memory: "65536",
        ..Tiny::default()
    };
    let over_the_limit = Tiny {
        memory: "200",
        ..Tiny::default()
    };
    let table = Tiny {
        more: "(table 9000000 funcref)",
        ..Tiny::default()
    };
    vec![
        row("five memories", &parts("(memory 1)", 5), "memories"),
        row("seventeen instances", &parts("", 17), "instances"),
        row(
            "a module of two memories",
            &parts("(memory 1) (memory 1)", 1),
            "memories",
        ),
        row(
            "a thousand tables",
            &parts(&"(table 1 funcref)".repeat(1_000), 1),
            "tables",
        ),
        memory_at_rest("a memory of 4 GiB at first", &memory),
        table_at_rest("a table of 9,000,000 at first", &table),
        memory_at_rest("memory over the limit at first", &over_the_limit)
            .with_args(&["--limits-memory", "8MiB"]),
    ]
}

/// Guests that misbehave before any function is called.
fn starts() -> Vec<Row> {
    let starting = |name, start, part| {
        let tiny = Tiny {
            start,
            ..Tiny::default()
        };
        Row::tiny(name, &tiny, NotAdmitted("describe", part))
    };
    let holding = |name, more| {
        let tiny = Tiny {
            more,
            ..Tiny::default()
        };
        Row::tiny(name, &tiny, NotAdmitted("describe", "instance"))
    };
    vec![
        starting("a start without end", Tiny::FOREVER, "fuel"),
        starting("a start that dies", "unreachable", "unreachable"),
        starting("a start that recurses", "(call $start)", "stack"),
        starting(
            "a start that takes memory without end",
            "(loop $more (drop (memory.grow (i32.const 1))) (br $more))",
            "fuel",
        )
        .with_args(&["--limits-fuel", "10000000", "--limits-time", "60s"]),
        holding("data out of memory", r#"(data (i32.const -1) "x")"#),
        holding(
            "elements out of their table",
            "(table 1 funcref) (elem (i32.const 5) $start)",
        ),
    ]
}

/// Guests that misbehave in `describe`. Its result is at 64: name, version, summary and schema,
/// each with address and length.
fn descriptions() -> Vec<Row> {
    let describing = |name, describe, outcome| {
        let tiny = Tiny {
            describe,
            memory: "10",
            ..Tiny::on_bad("")
        };
        Row {
            record: "3".into(),
            ..Row::tiny(name, &tiny, outcome)
        }
    };
    let describe = |part| NotAdmitted("describe", part);
    let schema = |part| NotAdmitted("schema", part);
    vec![
        describing("a describe without end", Tiny::FOREVER, describe("out_of_fuel")),
        describing("a describe that dies", "unreachable", describe("trap")),
        describing("a description at -4", "i32.const -4", describe("invalid_output")),
        describing("a description that is not aligned", "i32.const 65", describe("invalid_output")),
        describing(
            "a name that is not UTF-8",
            "(i32.store8 (i32.const 128) (i32.const 255)) (i32.store (i32.const 64) (i32.const 128))
            (i32.store (i32.const 68) (i32.const 1)) i32.const 64",
            describe("utf-8"),
        ),
        describing(
            "a name of 4 GiB",
            "(i32.store (i32.const 68) (i32.const -1)) i32.const 64",
            describe("invalid_output"),
        ),
        describing(
            "a name of 500,000 line breaks",
            "(memory.fill (i32.const 128) (i32.const 10) (i32.const 500000))
            (i32.store (i32.const 64) (i32.const 128)) (i32.store (i32.const 68) (i32.const 500000))
            (return (i32.const 64))",
            Lands(""),
        ),
        describing(
            "a schema that is no JSON",
            "(i32.store8 (i32.const 128) (i32.const 123)) (i32.store (i32.const 88) (i32.const 128))
            (i32.store (i32.const 92) (i32.const 1)) i32.const 64",
            schema("not JSON"),
        ),
        describing(
            "a schema of 500,000 brackets",
            "(memory.fill (i32.const 128) (i32.const 91) (i32.const 500000))
            (i32.store (i32.const 88) (i32.const 128)) (i32.store (i32.const 92) (i32.const 500000))
            i32.const 64",
            schema(""),
        ),
        describing(
            "a schema of 60,000 brackets",
            "(memory.fill (i32.const 128) (i32.const 91) (i32.const 60000))
            (i32.store (i32.const 88) (i32.const 128)) (i32.store (i32.const 92) (i32.const 60000))
            i32.const 64",
            schema("not JSON"),
        ),
    ]
}

/// Guests that misbehave in `configure`.
fn config() -> Vec<Row> {
    let rogue = |name, fault, part| Row {
        guest: Guest::Bytes(rogue().by_batch.clone()),
        ..Row::rogue(name, "1", NotAdmitted("configure", part))
            .with_config(&format!(r#"{{"configure":"{fault}"}}"#))
    };
    let configuring = |name, configure, part| {
        let tiny = Tiny {
            configure,
            memory: "10",
            ..Tiny::default()
        };
        Row::tiny(name, &tiny, NotAdmitted("configure", part))
    };
    vec![
        rogue(
            "a configuration that is rejected",
            "reject",
            "colour: expected red or blue",
        ),
        rogue("a configure that dies", "trap", "unreachable"),
        rogue("a configure without end", "loop", "out_of_fuel"),
        configuring("an error at -4", "i32.const -4", "invalid_output"),
        configuring(
            "an error that is not UTF-8",
            "(i32.store8 (i32.const 64) (i32.const 1)) (i32.store8 (i32.const 128) (i32.const 255))
            (i32.store (i32.const 68) (i32.const 128)) (i32.store (i32.const 72) (i32.const 1))
            i32.const 64",
            "utf-8",
        ),
        configuring(
            "an error of 500,000 line breaks",
            "(memory.fill (i32.const 128) (i32.const 10) (i32.const 500000))
            (i32.store8 (i32.const 64) (i32.const 1))
            (i32.store (i32.const 68) (i32.const 128)) (i32.store (i32.const 72) (i32.const 500000))
            i32.const 64",
            "\\n",
        ),
    ]
}

/// Guests whose declarations are over the limits of the contract, or none.
fn declarations() -> Vec<Row> {
    let rogue = |name, declare, part| Row {
        guest: Guest::Bytes(rogue().by_fields.clone()),
        ..Row::rogue(name, "{}", NotAdmitted("declare", part))
            .with_config(&format!(r#"{{"declare":"{declare}"}}"#))
    };
    let declaring = |name, declare, part| {
        let tiny = Tiny::declaring(declare);
        Row::tiny(name, &tiny, NotAdmitted("declare", part))
    };
    vec![
        rogue("a member that is read twice", "read_twice", "n"),
        rogue("a member that is written twice", "write_twice", "also"),
        rogue("257 reads", "too_many_reads", "257"),
        rogue("257 writes", "too_many_writes", "257"),
        rogue("a read of 1,025 bytes", "long_read", "1025"),
        rogue("a write of 1,025 bytes", "long_write", "1025"),
        rogue("a declare that dies", "trap", "trap"),
        rogue("a declare without end", "loop", "out_of_fuel"),
        declaring("a declaration at -4", "i32.const -4", "invalid_output"),
        declaring(
            "40,000 reads",
            "(i32.store (i32.const 64) (i32.const 1024)) (i32.store (i32.const 68) (i32.const 40000))
            i32.const 64",
            "40000",
        ),
        declaring(
            "a write of 500,000 line breaks",
            "(memory.fill (i32.const 1024) (i32.const 10) (i32.const 500000))
            (i32.store (i32.const 72) (i32.const 128)) (i32.store (i32.const 76) (i32.const 1))
            (i32.store (i32.const 128) (i32.const 1024)) (i32.store (i32.const 132) (i32.const 500000))
            i32.const 64",
            "500000",
        ),
    ]
}
