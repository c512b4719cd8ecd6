//! A lake that was changed: each fault is named with its record or its object.

mod accounts;
mod lines;
mod manifests;
mod objects;

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use sluice::format::{ByteSpan, Format, Level, Rows, decode, encode};

use super::{audit, audit_quickly, object_keys};
use crate::local::{event, events};
use crate::support::lake;
use crate::support::ledgers::{edit_ledger, only_ledger};
use crate::support::program::Place;

/// The number of events in a chunk.
const CHUNK: usize = 1_000;

/// An event of the first chunk. It is in line 5 of its object, which has every third event from the
/// second on.
const VICTIM: usize = 13;
const LINE: usize = 5;
const PARTITION: &str = "event_type=payment/";

/// Three chunks of events in three partitions. The first chunk also has a record in quarantine.
struct Tampered {
    place: Place,
    shard: String,
}

impl Tampered {
    fn new() -> Self {
        let place = Place::new();
        let text = events(0..CHUNK - 1) + "broken\n" + &events(CHUNK..3 * CHUNK);
        place.write("events.ndjson", text);
        let args = ["--chunk-records", "1", "--bus", "none"];
        assert_eq!(place.land(&args).count("chunks"), 3);
        let ledger = only_ledger(&place.lake());
        let shard = ledger["shard"].as_str().unwrap().to_owned();
        let tampered = Self { place, shard };
        audit(&tampered.place, &["--bus", "none"]).proven();
        tampered
    }

    /// The findings of an audit.
    fn findings(&self) -> Vec<Value> {
        audit(&self.place, &["--bus", "none"]).disproven()
    }

    /// The only finding.
    fn finding(&self) -> Value {
        let mut found = self.findings();
        assert_eq!(found.len(), 1, "{found:#?}");
        found.remove(0)
    }

    /// The id of the record of event `n`.
    fn rid(&self, n: usize) -> String {
        let text = fs::read_to_string(self.place.path("events.ndjson")).unwrap();
        let line = if n == CHUNK - 1 {
            "broken".into()
        } else {
            event(n)
        };
        format!("{}:{}", self.shard, text.find(&line).unwrap())
    }

    /// The key of the object of a partition that holds event `n`.
    fn key(&self, partition: &str, n: usize) -> String {
        let first = self.rid(n / CHUNK * CHUNK);
        let first = first.rsplit_once(':').unwrap().1;
        let range = format!("-{first:0>20}-");
        let mut keys = lake::tree(&self.place.lake()).into_keys();
        let of = |key: &String| key.starts_with(partition) && key.contains(&range);
        keys.find(of).unwrap()
    }

    fn path(&self, key: &str) -> PathBuf {
        self.place.lake().join(key)
    }

    /// Rewrites an object with changed lines.
    fn edit(&self, key: &str, change: impl Fn(&mut Vec<String>)) {
        let content = decode(Format::NDJSON_ZST, &fs::read(self.path(key)).unwrap()).unwrap();
        let content = String::from_utf8(content).unwrap();
        let mut lines: Vec<_> = content.lines().map(str::to_owned).collect();
        change(&mut lines);
        let buffers: Vec<_> = lines.into_iter().map(String::into_bytes).collect();
        let spans = (0..).zip(&buffers).map(|(buffer, line)| ByteSpan {
            buffer,
            start: 0,
            end: u32::try_from(line.len()).unwrap(),
        });
        let spans: Vec<_> = spans.collect();
        let rows = Rows::new(&buffers, &spans);
        let object = encode(Format::NDJSON_ZST, Level::default(), rows);
        fs::write(self.path(key), object.unwrap().bytes).unwrap();
    }

    fn edit_ledger(&self, change: impl Fn(&mut Value)) {
        edit_ledger(&self.place.lake(), &self.shard, change);
    }
}

/// Asserts the content of a finding. One about a chunk names the chunk manifest.
fn says(finding: &Value, expected: &Value) {
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&finding[key], value, "{key} of {finding:#}");
    }
    let message = finding["message"].as_str().unwrap();
    let manifest = "_sluice/chunks/";
    let is_chunk = finding["object"]
        .as_str()
        .is_some_and(|object| object.starts_with(manifest));
    let named = if is_chunk {
        &["object"][..]
    } else {
        &["record", "object"]
    };
    for key in named {
        let named = finding[key].as_str().unwrap_or_default();
        assert!(message.contains(named), "{finding:#}");
    }
}
