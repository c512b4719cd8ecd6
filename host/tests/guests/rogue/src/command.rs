//! The commands that a record can contain.

use std::hint::black_box;

use crate::bindings::exports::sluice::transform::records::{Event, Rejection, Routes, SourceRecord};
use crate::bindings::sluice::transform::log::{Level, log};
use crate::misuse::{MIB, allocate, claim, count, log_and_trap, recurse, run_forever, trap};
use crate::text::quoted;

type Outcome = Result<Vec<Event>, Rejection>;

/// Executes `data`: a command and, for some, an argument after a space.
pub fn execute(data: &[u8], sequence_number: &str) -> Outcome {
    let text = String::from_utf8_lossy(data);
    let (command, argument) = text.split_once(' ').unwrap_or((&text, ""));
    let number = || argument.parse().unwrap_or(1);
    match command {
        "loop" => run_forever(),
        "spend" => spend(number()),
        "keep" => keep(number()),
        "count" => one(format!("{{\"n\":{}}}", count()).into_bytes()),
        "allocate" => allocate(),
        "recurse" => one(recurse(1).to_string().into_bytes()),
        "trap" => trap(),
        "divide" => one((1 / black_box(0_u32)).to_string().into_bytes()),
        "huge" => one(claim(1024 * MIB)),
        "overlap" => overlap(number()),
        "garbage" => one(b"{no json".to_vec()),
        "nothing" => one(Vec::new()),
        "not_utf8" => one(b"\"\xff\"".to_vec()),
        "bad_partition" => partitioned(&[("../up", "x")]),
        "repeated_partition" => partitioned(&[("a", "x"), ("a", "y")]),
        "partition" => partitioned(&[("place", argument)]),
        "no_route" => routed(Routes::empty()),
        "lake_only" => routed(Routes::LAKE),
        "bus_only" => routed(Routes::BUS),
        "columns" => columns(number()),
        "many_partitions" => Ok((0..number()).map(placed).collect()),
        "reject" => Err(rejection("not_wanted", argument)),
        "bad_code" => Err(rejection("../../etc", "tries to name a path")),
        "drop" => Ok(Vec::new()),
        "many_events" => Ok((0..number())
            .map(|i| event(format!("{{\"n\":{i}}}")))
            .collect()),
        "one_bad_event" => Ok(vec![event("{}"), event("{}"), event("{"), event("{}")]),
        "spoiled" => Ok(vec![placed(number()), event("{")]),
        "big_output" => one(json_object(number())),
        "repeated_name" => one(br#"{"a":[{"b":1,"B":2}]}"#.to_vec()),
        "repeated_name_on_bus" => Ok(vec![Event {
            routes: Routes::BUS,
            ..event(r#"{"a":1,"A":2}"#)
        }]),
        "no_object" => one(b"1".to_vec()),
        "deep" => one(b"[".repeat(number())),
        "raw_break" => one(b"\"a\nb\"".to_vec()),
        "line_breaks" => one(b"{\r\n\"a\":\n1}".to_vec()),
        "log_flood" => flood(),
        "log" => say(argument),
        "log_long" => say(&"x".repeat(number())),
        "log_and_trap" => log_and_trap(),
        "panic" => panic!("{}", "x".repeat(number())),
        "log_lines" => say("first\nsecond\rthird\u{1b}[31m"),
        _ => one(echo(&text, sequence_number)),
    }
}

/// An event with the metadata of a record.
pub fn metadata(record: &SourceRecord) -> Vec<Event> {
    let data = format!(
        "{{\"shard\":{},\"sequence\":\"{}\",\"key\":{},\"arrived_at\":{}}}",
        quoted(&record.shard),
        record.sequence_number,
        quoted(&record.partition_key),
        record.arrived_at
    );
    vec![event(data)]
}

fn event(data: impl Into<Vec<u8>>) -> Event {
    Event {
        data: data.into(),
        partition: Vec::new(),
        routes: Routes::LAKE | Routes::BUS,
    }
}

fn one(data: Vec<u8>) -> Outcome {
    Ok(vec![event(data)])
}

fn routed(routes: Routes) -> Outcome {
    Ok(vec![Event {
        routes,
        ..event("{}")
    }])
}

fn partitioned(pairs: &[(&str, &str)]) -> Outcome {
    let partition = pairs
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()));
    Ok(vec![Event {
        partition: partition.collect(),
        ..event("{}")
    }])
}

/// A partition with this many columns.
fn columns(count: usize) -> Outcome {
    let partition = (0..count).map(|n| (format!("c{n}"), "x".into()));
    Ok(vec![Event {
        partition: partition.collect(),
        ..event("{}")
    }])
}

/// An event with a partition of its own.
fn placed(number: usize) -> Event {
    Event {
        partition: vec![("place".into(), number.to_string())],
        ..event("{}")
    }
}

fn rejection(code: &str, message: &str) -> Rejection {
    Rejection {
        code: code.into(),
        message: message.into(),
    }
}

fn echo(text: &str, sequence_number: &str) -> Vec<u8> {
    let (echo, stamp) = (quoted(text), crate::stamp::of(text));
    format!("{{\"echo\":{echo},\"sequence\":\"{sequence_number}\"{stamp}}}").into_bytes()
}

fn json_object(bytes: usize) -> Vec<u8> {
    let (start, end) = (br#"{"x":""#, br#""}"#);
    let mut json = vec![b'x'; bytes.max(start.len() + end.len())];
    let behind = json.len() - end.len();
    json[..start.len()].copy_from_slice(start);
    json[behind..].copy_from_slice(end);
    json
}

/// `count` events that all share one MiB: little memory in the guest, much in the host that copies
/// them.
fn overlap(count: usize) -> Outcome {
    let shared = Box::leak(json_object(MIB).into_boxed_slice()).as_mut_ptr();
    // SAFETY: none, on purpose.
    let again = || unsafe { Vec::from_raw_parts(shared, MIB, MIB) };
    Ok((0..count).map(|_| event(again())).collect())
}

fn say(message: &str) -> Outcome {
    log(Level::Error, message);
    one(b"{}".to_vec())
}

fn flood() -> Outcome {
    let message = format!("flood {}", "é".repeat(8 * 1024));
    for _ in 0..5_000 {
        log(Level::Error, &message);
    }
    one(b"{}".to_vec())
}

/// Keeps some MiB until the instance ends.
fn keep(mib: usize) -> Outcome {
    std::mem::forget(black_box(vec![1_u8; mib * MIB]));
    one(b"{}".to_vec())
}

/// Takes a few units of fuel for each round.
fn spend(rounds: usize) -> Outcome {
    for round in 0..rounds {
        black_box(round);
    }
    one(b"{}".to_vec())
}
