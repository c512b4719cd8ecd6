//! The messages on a queue, single and packed, of standard and FIFO queues. Runs are killed while they send, and the queue
//! throttles, or takes a part of a call.

mod bounds;
mod calls;
mod folder;
mod kills;
mod large_events;
mod progress;
mod received;
mod settings;

use std::fs::File;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::support::cloud::{Cloud, events};
use crate::support::lake;
use crate::support::program::{Ran, Running, Summary};

const TIMEOUT: Duration = Duration::from_secs(60);

/// The largest message of a queue in most tests, bytes.
const QUEUE_BYTES: usize = 262_144;

/// The smallest bound of packed messages, bytes.
const LEAST_PACK_BYTES: usize = 16_384;

/// A FIFO queue takes a message again after this time.
const AFTER_DEDUPLICATION: Duration = Duration::from_secs(301);

/// A queue, and what its messages are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kind {
    queue: &'static str,
    messages: &'static str,
}

const SINGLE: Kind = Kind {
    queue: "bus",
    messages: "events",
};

const PACKED: Kind = Kind {
    queue: "bus",
    messages: "packed",
};

const SINGLE_FIFO: Kind = Kind {
    queue: "bus.fifo",
    messages: "events",
};

const PACKED_FIFO: Kind = Kind {
    queue: "bus.fifo",
    messages: "packed",
};

const KINDS: [Kind; 4] = [SINGLE, PACKED, SINGLE_FIFO, PACKED_FIFO];

impl Kind {
    fn arguments(self) -> [&'static str; 2] {
        ["--bus-messages", self.messages]
    }

    fn is_packed(self) -> bool {
        self.messages == "packed"
    }

    fn is_fifo(self) -> bool {
        self.queue.ends_with(".fifo")
    }

    fn name(self) -> String {
        format!("{} messages, {}", self.messages, self.queue)
    }

    /// A queue of this kind, and a file with this many events.
    fn with_file(self, events: u64, queue_bytes: usize) -> Cloud {
        let cloud = Cloud::new(1).with_queue(self.queue, queue_bytes);
        write_events(&cloud, events);
        cloud
    }
}

/// Writes generated events, which are one chunk.
fn write_events(cloud: &Cloud, count: u64) {
    let mut lines = events(count, 1).join(&b'\n');
    lines.push(b'\n');
    cloud.place.write("events.ndjson", lines);
}

/// A run over the file of events.
fn file_run(cloud: &Cloud, more: &[&str]) -> Command {
    cloud.command_on("file:events.ndjson", more)
}

fn try_land(cloud: &Cloud, more: &[&str]) -> Ran {
    file_run(cloud, more).output().unwrap().into()
}

fn land(cloud: &Cloud, more: &[&str]) -> Summary {
    try_land(cloud, more).summary()
}

/// Starts a run over the file of events.
fn start(cloud: &Cloud, more: &[&str]) -> Running {
    let mut command = file_run(cloud, more);
    let log = File::create(cloud.place.path("killed.log")).unwrap();
    command.stdout(Stdio::null()).stderr(log);
    Running(command.spawn().unwrap())
}

/// Changes the ledger of the only shard, on which nothing works.
fn edit_ledger(cloud: &Cloud, change: impl FnOnce(&mut Value)) {
    for (path, content) in lake::tree(&cloud.lake().join("_sluice/ledger")) {
        let Ok(mut document) = serde_json::from_slice::<Value>(&content) else {
            continue;
        };
        if document["ledgers"].is_object() {
            let ledgers = document["ledgers"].as_object_mut().unwrap();
            change(ledgers.values_mut().next().unwrap());
        } else if document["shard"].is_string() {
            change(&mut document);
        } else {
            continue;
        }
        let key = format!("lake/_sluice/ledger/{path}");
        cloud.put_object(&key, document.to_string().into_bytes());
        return;
    }
    panic!("no ledger");
}

/// A ledger without what is noted of its messages.
fn forget_sent(ledger: &mut Value) {
    ledger.as_object_mut().unwrap().remove("sent");
}
