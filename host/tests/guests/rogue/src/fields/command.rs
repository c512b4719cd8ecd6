//! The commands that a record can contain.

use super::declaration::{READS, WRITES};
use super::{Edits, Seen};
use crate::bindings::exports::sluice::transform::fields::{Rejection, Routes};
use crate::misuse::{allocate, count, log_and_trap, recurse, run_forever, trap};
use crate::text::quoted;

type Outcome = Result<Vec<Edits>, Rejection>;

/// The indexes of the writes.
const SET: usize = 0;
const ALSO: usize = 1;
const GONE: usize = 2;

/// Executes the command of a record. Without a known one, the member `set` gets the value of `n`.
pub fn execute(seen: &Seen<'_>) -> Outcome {
    match seen.command {
        "trap" => trap(),
        "log_and_trap" => log_and_trap(),
        "panic" => panic!("on command"),
        "loop" => run_forever(),
        "allocate" => allocate(),
        "count" => value(count().to_string()),
        "recurse" => value(recurse(1).to_string()),
        "drop" => Ok(Vec::new()),
        "reject" => Err(rejection("not_wanted", &String::from_utf8_lossy(seen.n))),
        "bad_code" => Err(rejection("../../etc", "tries to name a path")),
        "seen" => value(of_reads(seen)),
        "metadata" => value(seen.metadata.clone()),
        command => edit(command, seen.n).unwrap_or_else(|| events(command, seen.n)),
    }
}

/// Commands that set or remove members, to valid values and to others.
fn edit(command: &str, n: &[u8]) -> Option<Outcome> {
    let text: &[u8] = match command {
        "garbage" => b"{no json",
        "unclosed" => b"[1",
        "two_values" => b"1 2",
        "smuggle" => b"1,\"x\":2",
        "close" => b"1}",
        "close_and_open" => b"1},{\"x\":2",
        "comment" => b"1/**/",
        "blank" => b" ",
        "bom" => b"\xef\xbb\xbf1",
        "not_utf8" => b"\"\xff\"",
        "raw_break" => b"\"a\nb\"",
        "no_quote" => b"\"a",
        "half_escape" => b"\"\\",
        "line_breaks" => b"{\r\n\"a\":\n[1,\n2]}",
        "padded" => b" \t1 ",
        "repeated_name" => b"{\"b\":1,\"B\":2}",
        "surrogate" => b"\"\\ud800\"",
        "big_number" => b"1e400",
        "many_digits" => b"1234567890123456789012345678901234567890",
        "deep" => return Some(value(nested(number(n)))),
        "brackets" => return Some(value("[".repeat(number(n)))),
        "big" => return Some(value(format!("\"{}\"", "x".repeat(number(n))))),
        "also" => return Some(one(Edits::new().set(ALSO, "\"a\"").set(SET, n))),
        "remove" => return Some(one(Edits::new().remove(GONE))),
        "remove_all" => {
            let all = Edits::new().remove(SET).remove(ALSO).remove(GONE);
            return Some(one(all));
        }
        "set_and_remove" => return Some(one(Edits::new().set(SET, "1").remove(SET))),
        _ => return None,
    };
    Some(value(text))
}

/// Commands that make other events, or send them elsewhere.
fn events(command: &str, n: &[u8]) -> Outcome {
    let plain = Edits::new().set(SET, n);
    let text = || String::from_utf8_lossy(n).trim_matches('"').to_owned();
    match command {
        "keep" => one(Edits::new()),
        "two" => Ok(vec![
            Edits::new().set(SET, "1"),
            Edits::new().set(ALSO, "2").remove(GONE),
        ]),
        "many" => Ok((0..number(n))
            .map(|index| Edits::new().set(SET, index.to_string()))
            .collect()),
        "empty" => one(plain.from_nothing()),
        "empty_unchanged" => one(Edits::new().from_nothing()),
        "empty_and_remove" => one(Edits::new().remove(GONE).from_nothing()),
        "split" => Ok(vec![
            plain,
            Edits::new().set(ALSO, "1").from_nothing(),
            Edits::new().remove(GONE),
        ]),
        "one_bad_event" => Ok(vec![
            Edits::new().set(SET, "1"),
            Edits::new().set(ALSO, "}"),
            Edits::new(),
        ]),
        "no_route" => one(plain.to(Routes::empty())),
        "lake_only" => one(plain.to(Routes::LAKE)),
        "bus_only" => one(plain.to(Routes::BUS)),
        "repeated_name_on_bus" => {
            let repeated = Edits::new().set(SET, r#"{"a":1,"A":2}"#);
            one(repeated.to(Routes::BUS))
        }
        "bad_partition" => one(plain.within(&[("../up", "x")])),
        "repeated_partition" => one(plain.within(&[("a", "x"), ("a", "y")])),
        "partition" => one(plain.within(&[("place", &text())])),
        "many_partitions" => Ok((0..number(n))
            .map(|index| Edits::new().within(&[("place", &index.to_string())]))
            .collect()),
        _ => one(plain),
    }
}

impl Edits {
    fn new() -> Self {
        Self::none(WRITES.len())
    }

    /// An empty value leaves the member as it is.
    fn set(mut self, write: usize, value: impl Into<Vec<u8>>) -> Self {
        self.values[write] = value.into();
        self
    }

    fn remove(mut self, write: usize) -> Self {
        self.removed[write] = true;
        self
    }

    fn from_nothing(mut self) -> Self {
        self.is_from_nothing = true;
        self
    }

    fn to(mut self, routes: Routes) -> Self {
        self.destination.routes = routes;
        self
    }

    fn within(mut self, pairs: &[(&str, &str)]) -> Self {
        let pairs = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.destination.partition = pairs.collect();
        self
    }
}

fn one(event: Edits) -> Outcome {
    Ok(vec![event])
}

/// One event in which `set` has this value.
fn value(text: impl Into<Vec<u8>>) -> Outcome {
    one(Edits::new().set(SET, text))
}

fn number(n: &[u8]) -> usize {
    let digits = std::str::from_utf8(n).ok();
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(1)
}

/// This many levels of arrays.
fn nested(levels: usize) -> String {
    "[".repeat(levels) + &"]".repeat(levels)
}

/// What the transform sees of a record, as JSON.
fn of_reads(seen: &Seen<'_>) -> String {
    let n = match seen.n {
        [] => "null".to_owned(),
        n => quoted(&String::from_utf8_lossy(n)),
    };
    let long = quoted(&String::from_utf8_lossy(seen.long));
    let repeated = seen.repeated.iter().map(|read| quoted(READS[*read].0));
    let repeated = repeated.collect::<Vec<_>>().join(",");
    format!(r#"{{"n":{n},"long":{long},"repeated":[{repeated}]}}"#)
}

fn rejection(code: &str, message: &str) -> Rejection {
    Rejection {
        code: code.into(),
        message: message.into(),
    }
}
