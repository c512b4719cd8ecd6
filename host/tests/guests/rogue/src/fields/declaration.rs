//! What the transform declares. The value of `declare` in the configuration chooses another declaration: one
//! at a limit of the contract or over it, or a `declare` that fails.

use crate::bindings::exports::sluice::transform::fields::{Declaration, Metadata, Read, Wanted};
use crate::misuse;
use crate::stamp::setting;

/// The members that commands read, in order.
pub const READS: [(&str, Wanted); 3] = [
    ("command", Wanted::Value),
    ("n", Wanted::Value),
    ("long", Wanted::Kind),
];

/// The members that commands write, in order.
pub const WRITES: [&str; 3] = ["set", "also", "gone"];

/// Limits of the contract.
const NAMES_MAX: usize = 256;
const NAME_MAX_BYTES: usize = 1_024;

/// The value of `declare` in the configuration.
fn chosen() -> String {
    setting("declare").unwrap_or_default()
}

/// Whether each write is to get the value of the read of the same index, and no command is executed.
pub fn is_mirror() -> bool {
    matches!(&*chosen(), "nothing" | "self" | "similar" | "most" | "odd")
}

pub fn declaration() -> Declaration {
    let mut reads: Vec<_> = READS.map(|(name, wanted)| read(name, wanted)).into();
    let mut writes: Vec<_> = WRITES.map(str::to_owned).into();
    match &*chosen() {
        "" => {}
        "trap" => misuse::trap(),
        "loop" => misuse::run_forever(),
        "nothing" => (reads, writes) = (Vec::new(), Vec::new()),
        "self" => (reads, writes) = (vec![read("a", Wanted::Value)], vec!["a".to_owned()]),
        "similar" => {
            reads = ["a", "b"].map(|name| read(name, Wanted::Value)).into();
            writes = ["x", "X"].map(str::to_owned).into();
        }
        "most" => (reads, writes) = (numbered_reads(NAMES_MAX), numbered_writes(NAMES_MAX)),
        "odd" => {
            let names = odd_names();
            writes = names.iter().map(|name| format!("new {name}")).collect();
            reads = names.iter().map(|name| read(name, Wanted::Value)).collect();
        }
        "read_twice" => reads.push(read("n", Wanted::Kind)),
        "write_twice" => writes.push("also".to_owned()),
        "too_many_reads" => reads = numbered_reads(NAMES_MAX + 1),
        "too_many_writes" => writes = numbered_writes(NAMES_MAX + 1),
        "long_read" => reads.push(read(&"x".repeat(NAME_MAX_BYTES + 1), Wanted::Value)),
        "long_write" => writes.push("x".repeat(NAME_MAX_BYTES + 1)),
        other => panic!("no such declaration: {other}"),
    }
    let is_curious = setting("metadata").as_deref() == Some("true");
    let metadata = if is_curious {
        Metadata::all()
    } else {
        Metadata::empty()
    };
    Declaration {
        reads,
        writes,
        metadata,
    }
}

fn read(name: &str, wanted: Wanted) -> Read {
    Read {
        name: name.to_owned(),
        wanted,
    }
}

fn numbered_reads(count: usize) -> Vec<Read> {
    let numbered = (0..count).map(|n| read(&format!("r{n}"), Wanted::Value));
    numbered.collect()
}

fn numbered_writes(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("w{n}")).collect()
}

/// Names that JSON must escape or that a parser may take for something else. The last one is as long as `new `
/// in front of it allows.
fn odd_names() -> Vec<String> {
    let names = ["", "\"", "\\", "a\nb", "\u{0}", "é", "😀", "\u{2028}", " "];
    let longest = "x".repeat(NAME_MAX_BYTES - "new ".len());
    names
        .map(str::to_owned)
        .into_iter()
        .chain([longest])
        .collect()
}
