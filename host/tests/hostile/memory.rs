//! Guests that keep state between records, against the contract. The host cannot prevent that
//! within an instance. It guarantees that no state outlives the instance, and when an instance
//! ends.

use crate::support::guests::Tiny;
use crate::support::outcomes::{
    CallMode, RecordOutcome, batch, limits_of_any_json, obeyed, record_outcomes, run, shared_with,
    words,
};

use sluice_engine::limits::Limits;

/// Returns the number of records that it has seen, as one digit, and traps on a record with a `b`.
fn counts() -> Tiny {
    Tiny {
        more: "(global $seen (mut i32) (i32.const 48))",
        ..Tiny::on_bad("unreachable")
    }
    .with_answer("(global.set $seen (i32.add (global.get $seen) (i32.const 1))) (global.get $seen)")
}

fn seen(results: &[RecordOutcome]) -> String {
    let seen = |result: &RecordOutcome| match result {
        RecordOutcome::Events(events) => events[0].json.clone(),
        other => other.word().to_owned(),
    };
    results.iter().map(seen).collect::<Vec<_>>().join(" ")
}

#[test]
fn nothing_is_kept_from_batch_to_batch() {
    let release = shared_with(&counts().component(), "{}", &limits_of_any_json());
    for _ in 0..3 {
        let results = obeyed(&release, CallMode::Usual, &["1", "2", "3"]);
        assert_eq!(seen(&results), "1 2 3", "an instance is a batch's own");
    }
    let records = batch(&["1", "2", "3"]);
    let first = run(&release, &records, CallMode::Usual);
    assert_eq!(
        first,
        run(&release, &records, CallMode::Usual),
        "a repetition"
    );
}

#[test]
fn nothing_is_kept_from_an_instance_that_trapped() {
    let release = shared_with(&counts().component(), "{}", &limits_of_any_json());
    let results = obeyed(&release, CallMode::Usual, &["1", "2", "bad", "3", "4"]);
    assert_eq!(seen(&results), "1 2 trap 1 2");
}

/// After a record ran out of memory, the next one is not affected.
#[test]
fn a_record_that_ran_out_of_memory_does_not_excuse_the_next() {
    let tiny = Tiny::on_bad(
        "(if (i32.eq (i32.load8_u offset=1 (local.get 0)) (i32.const 97))
            (then (drop (memory.grow (i32.const 60000))) (i32.store8 (local.get 0) (i32.const 51))
                  (i32.store (i32.const 260) (i32.const 1)))
            (else unreachable))",
    );
    let release = shared_with(&tiny.component(), "{}", &limits_of_any_json());
    let results = obeyed(&release, CallMode::Usual, &["bad", "bbd"]);
    assert_eq!(words(&results), ["events", "trap"]);
}

/// The memory of an instance is reused for any guest. It must hold nothing of the previous one.
#[test]
fn memory_of_the_previous_guest_is_cleared() {
    let limits = Limits {
        memory_bytes: 4 << 20,
        ..limits_of_any_json()
    };
    let tiny = |misdeed: &str| Tiny {
        memory: "60",
        ..Tiny::on_bad(misdeed)
    };
    let writes = tiny(
        "(memory.fill (i32.const 65536) (i32.const 49) (i32.const 3800000))
        (i32.store8 (local.get 0) (i32.const 51)) (i32.store (i32.const 260) (i32.const 1))",
    );
    let reads = tiny(
        "(local.set 1 (i32.const 65536))
        (loop $next
            (if (i64.ne (i64.load (local.get 1)) (i64.const 0)) (then unreachable))
            (br_if $next (i32.lt_u (local.tee 1 (i32.add (local.get 1) (i32.const 8)))
                (i32.const 3865536))))
        (i32.store8 (local.get 0) (i32.const 51)) (i32.store (i32.const 260) (i32.const 1))",
    );
    let engine = sluice_engine::runtime::engine(1).unwrap();
    let release = |tiny: &Tiny| {
        let bundle = sluice_release::bundle::ReleaseBundle::new(tiny.component(), "{}").unwrap();
        sluice_release::admission::validate(&engine, &bundle, &limits).unwrap()
    };
    let (writes, reads) = (release(&writes), release(&reads));
    for _ in 0..20 {
        for release in [&writes, &reads] {
            let records = batch(&["bad", "bad"]);
            let results = record_outcomes(&records, &run(release, &records, CallMode::Usual));
            assert_eq!(words(&results), ["events", "events"]);
        }
    }
}
