//! Runs a target under libFuzzer: `SLUICE_FUZZ_TARGET=keys fuzz CORPUS`. `fuzz -help=1` lists the
//! options of libFuzzer.

#![no_main]
#![allow(
    clippy::print_stderr,
    reason = "a tool of developers may panic if nobody reads what it prints"
)]
#![allow(unsafe_code, reason = "libFuzzer calls functions by their names")]

use std::process;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use sluice_fuzz::{TARGETS, Target, find};

static TARGET: OnceLock<Target> = OnceLock::new();

fn target() -> Target {
    let name = std::env::var("SLUICE_FUZZ_TARGET").unwrap_or_default();
    find(&name).unwrap_or_else(|| {
        let names = TARGETS.map(|target| target.name).join(", ");
        eprintln!("SLUICE_FUZZ_TARGET: {name:?} is no target (there are {names})");
        process::exit(2)
    })
}

fuzz_target!(|input: &[u8]| (TARGET.get_or_init(target).feed)(input));
