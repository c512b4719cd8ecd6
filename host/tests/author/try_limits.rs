//! `sluice transform try`: what is shown of records that exceed a limit.

use crate::author::place;
use crate::author::try_rules::try_rules;

#[test]
fn a_record_that_exceeds_a_limit_has_its_verdict_and_what_to_do() {
    let place = place();
    place.write("records", "loop\nrecurse\n");
    let args = ["records", "--transform", "single.wasm"];
    let endless = "used more than limits.fuel; make the transform cheaper, or raise the limit";
    let deep = "used more than the 256 KiB of the stack; make its recursion less deep";
    let shown = [
        "records:1  quarantined as out_of_fuel  ".to_owned(),
        format!("\n  {endless}\n  record loop\n"),
        "records:2  quarantined as stack_overflow  ".to_owned(),
        format!("\n  {deep}\n  record recurse\n"),
    ];
    let ran = try_rules(&place, &args).succeeded();
    assert_eq!(ran.stderr, "");
    let with_log = [&args[..], &["--log-level", "debug", "--full"]].concat();
    let logged = try_rules(&place, &with_log).succeeded();
    for part in &shown {
        assert!(ran.stdout.contains(part), "{part:?} is not in {ran:#?}");
        assert!(
            logged.stdout.contains(part),
            "{part:?} is not in {logged:#?}"
        );
    }
    let functions = logged.stderr.matches("the functions that were running");
    assert_eq!(functions.count(), 2, "{logged:#?}");
    assert!(logged.stderr.contains("backtrace="), "{logged:#?}");
}

/// A trap has a place.
#[test]
fn the_functions_of_a_trap_are_shown_and_what_the_rules_log_is_not_logged() {
    let place = place();
    place.write("records", "trap\nlog hello\n");
    let args = ["records", "--transform", "single.wasm"];
    let ran = try_rules(&place, &[&args[..], &["--log-level", "debug"]].concat()).succeeded();
    assert!(ran.stdout.contains("+0x"), "{ran:#?}");
    assert!(ran.stdout.contains("log error: hello"), "{ran:#?}");
    assert!(!ran.stderr.contains("hello"), "{ran:#?}");
    let wrong = [&args[..], &["--log-level", "loud"]].concat();
    try_rules(&place, &wrong).failed(2, &["--log-level", "debug"]);
}
