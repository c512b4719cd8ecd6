//! Checks each line of a file, so that a profiler can count what that costs:
//! `check_lines grammar|profile FILE`.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool for measurements"
)]

use std::hint::black_box;
use std::process::ExitCode;
use std::{env, fs};

use json_scan::profile::ProfileChecker;

fn main() -> ExitCode {
    let args: Vec<_> = env::args().collect();
    let [_, kind, file] = args.as_slice() else {
        eprintln!("usage: check_lines grammar|profile FILE");
        return ExitCode::from(2);
    };
    let text = match fs::read(file) {
        Ok(text) => text,
        Err(error) => {
            eprintln!("cannot read {file}: {error}");
            return ExitCode::FAILURE;
        }
    };
    let lines: Vec<_> = text.split_inclusive(|byte| *byte == b'\n').collect();
    let valid = match kind.as_str() {
        "grammar" => check_grammar(&lines),
        _ => check_profile(&lines),
    };
    println!("{valid} of {} lines", lines.len());
    ExitCode::SUCCESS
}

#[inline(never)]
fn check_grammar(lines: &[&[u8]]) -> usize {
    let is_valid = |line: &&&[u8]| json_scan::check(black_box(line)).is_ok();
    lines.iter().filter(is_valid).count()
}

#[inline(never)]
fn check_profile(lines: &[&[u8]]) -> usize {
    let mut checker = ProfileChecker::default();
    let is_valid = |line: &&&[u8]| checker.check(black_box(line)).is_ok();
    lines.iter().filter(is_valid).count()
}
