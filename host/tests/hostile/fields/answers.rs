//! Results that are not values of the contract: addresses outside of memory, endless lists, texts that are not
//! UTF-8, and memory for arguments that cannot be written. The guest does the same to each batch, so each record
//! fails.

use crate::support::guests::Tiny;
use crate::support::outcomes::{CallMode, obeyed, shared, words};

const RECORDS: [&str; 2] = [r#"{"a":1}"#, r#"{"b":2}"#];

/// What the guest does, the instructions before it returns the result at 512, the code, and a part of the message.
const MISDEEDS: &[(&str, &str, &str, &str)] = &[
    (
        "a result at -4",
        "(return (i32.const -4))",
        "invalid_output",
        "bounds",
    ),
    (
        "a result behind the memory",
        "(return (i32.const 65536))",
        "invalid_output",
        "bounds",
    ),
    (
        "a result that is not aligned",
        "(return (i32.const 514))",
        "invalid_output",
        "aligned",
    ),
    ("a call without end", Tiny::FOREVER, "out_of_fuel", "fuel"),
    ("a call that dies", "unreachable", "trap", "unreachable"),
    (
        "4 Gi counts",
        "(i32.store (i32.const 516) (i32.const -1))",
        "invalid_output",
        "",
    ),
    (
        "counts that are not aligned",
        "(i32.store (i32.const 512) (i32.const 641))",
        "invalid_output",
        "aligned",
    ),
    (
        "counts of 4 Gi events",
        "(i32.store (i32.const 640) (i32.const -1))",
        "invalid_output",
        "",
    ),
    (
        "4 GiB of values",
        "(i32.store (i32.const 524) (i32.const -1))",
        "invalid_output",
        "",
    ),
    (
        "ends that are not aligned",
        "(i32.store (i32.const 528) (i32.const 641)) (i32.store (i32.const 532) (i32.const 1))",
        "invalid_output",
        "aligned",
    ),
    (
        "an end that no write has",
        "(i32.store (i32.const 528) (i32.const 640)) (i32.store (i32.const 532) (i32.const 1))",
        "invalid_output",
        "",
    ),
    (
        "4 Gi destinations",
        "(i32.store (i32.const 556) (i32.const -1))",
        "invalid_output",
        "",
    ),
    (
        "destinations at -16",
        "(i32.store (i32.const 552) (i32.const -16))",
        "invalid_output",
        "bounds",
    ),
    (
        "a column that is not UTF-8",
        "(i32.store8 (i32.const 940) (i32.const 255))
            (i32.store (i32.const 944) (i32.const 940)) (i32.store (i32.const 948) (i32.const 1))
            (i32.store (i32.const 768) (i32.const 944)) (i32.store (i32.const 772) (i32.const 1))",
        "invalid_output",
        "utf-8",
    ),
    (
        "a partition of 4 Gi columns",
        "(i32.store (i32.const 772) (i32.const -1))",
        "invalid_output",
        "",
    ),
    (
        // 2,700 destinations share a list of 1,536 empty columns.
        "destinations that multiply",
        "(local.set 2 (i32.const 2700))
            (loop $more
                (i32.store offset=32756 (i32.mul (local.get 2) (i32.const 12)) (i32.const 8192))
                (i32.store offset=32760 (i32.mul (local.get 2) (i32.const 12)) (i32.const 1536))
                (i32.store8 offset=32764 (i32.mul (local.get 2) (i32.const 12)) (i32.const 1))
                (br_if $more (local.tee 2 (i32.sub (local.get 2) (i32.const 1)))))
            (i32.store (i32.const 552) (i32.const 32768)) (i32.store (i32.const 556) (i32.const 2700))",
        "invalid_output",
        "",
    ),
    (
        "a destination that is nowhere",
        "(i32.store8 (i32.const 776) (i32.const 0))",
        "invalid_output",
        "route",
    ),
    (
        "a code that is not UTF-8",
        "(i32.store8 (i32.const 940) (i32.const 255))
            (i32.store (i32.const 904) (i32.const 940)) (i32.store (i32.const 908) (i32.const 1))
            (i32.store (i32.const 568) (i32.const 900)) (i32.store (i32.const 572) (i32.const 1))",
        "invalid_output",
        "utf-8",
    ),
    (
        "a message of 4 GiB for a rejection",
        "(i32.store (i32.const 916) (i32.const -1))
            (i32.store (i32.const 568) (i32.const 900)) (i32.store (i32.const 572) (i32.const 1))",
        "invalid_output",
        "",
    ),
    (
        "lists that are the result itself",
        "(i32.store (i32.const 536) (i32.const 512)) (i32.store (i32.const 540) (i32.const 5))
            (i32.store (i32.const 544) (i32.const 512)) (i32.store (i32.const 548) (i32.const 5))",
        "invalid_output",
        "",
    ),
];

/// Checks that each record of a batch, and each record alone, has this outcome.
fn check(name: &str, tiny: &Tiny, code: &str, part: &str) {
    let release = shared(&tiny.component(), "{}");
    for mode in [CallMode::Usual, CallMode::PerFieldRecord] {
        let found = obeyed(&release, mode, &RECORDS);
        assert_eq!(words(&found), [code; 2], "{name}, {mode:?}: {found:?}");
        for outcome in &found {
            assert!(outcome.message().contains(part), "{name}: {outcome:?}");
        }
    }
}

#[test]
fn a_guest_that_does_nothing_wrong_lands_each_record() {
    let release = shared(&Tiny::by_fields("").component(), "{}");
    for mode in [CallMode::Usual, CallMode::PerFieldRecord] {
        let found = obeyed(&release, mode, &RECORDS);
        let events: Vec<_> = found.iter().flat_map(super::json).collect();
        assert_eq!(events, RECORDS, "{mode:?}");
    }
}

#[test]
fn a_result_that_is_not_a_value_of_the_contract_is_the_fault_of_each_record() {
    for (name, misdeed, code, part) in MISDEEDS {
        check(name, &Tiny::by_fields(misdeed), code, part);
    }
}

#[test]
fn a_trap_after_the_result_was_read_is_a_trap() {
    let post_return = Tiny {
        more: r#"(func (export "cabi_post_sluice:transform/fields@1.0.0#transform-fields")
            (param i32) unreachable)"#,
        ..Tiny::by_fields("")
    };
    check("dies after its answer", &post_return, "trap", "unreachable");
}

/// Wrong addresses for the batch, which takes 76 bytes.
#[test]
fn memory_that_cannot_hold_the_batch_fails_the_call() {
    let honest = Tiny::default().realloc;
    for (lie, code) in [
        ("(return (i32.const -4))", "invalid_output"),
        ("(return (i32.const 65536))", "invalid_output"),
        ("(return (i32.const 65500))", "invalid_output"),
        (Tiny::FOREVER, "out_of_fuel"),
        ("unreachable", "trap"),
    ] {
        let realloc = format!("(if (i32.eq (local.get 3) (i32.const 76)) (then {lie})) {honest}");
        let tiny = Tiny {
            realloc: realloc.leak(),
            ..Tiny::by_fields("")
        };
        check(lie, &tiny, code, "");
    }
}
