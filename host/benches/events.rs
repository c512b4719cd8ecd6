//! The events of all measurements: 210 bytes each, the same on every machine.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use sluice_engine::record::{Batch, Record, SequenceNumber, ShardId};

/// The length of an event, without its line end.
pub(crate) const EVENT_BYTES: usize = 210;

/// The default number of event types.
pub(crate) const TYPES: u64 = 20;

/// 2026-01-01T00:00:00Z, seconds.
const FIRST_SECOND: u64 = 1_767_225_600;

const EVENTS_A_SECOND: u64 = 20;

const ACTIONS: [&str; 5] = ["created", "started", "completed", "updated", "viewed"];

/// The fields after the session, whose length balances that of the name.
const TAIL_BYTES: usize =
    r#"","locale":"de-DE","amount":000.00,"page":"/course/000/lesson/00"}"#.len();

/// Events, one after the other, of `types` random types.
pub(crate) struct Events {
    types: u64,
    made: u64,
    rng: BenchRng,
}

impl Events {
    /// Starts with the first event.
    pub(crate) fn new(types: u64) -> Self {
        Self {
            types,
            made: 0,
            rng: BenchRng(types),
        }
    }

    /// Writes the next event, [`EVENT_BYTES`] long, into `line`, which is cleared first.
    pub(crate) fn next(&mut self, line: &mut Vec<u8>) -> io::Result<()> {
        self.begin(line)?;
        let user = 100_000 + self.rng.below(900_000);
        write!(line, r#","user_id":{user},"session":""#)?;
        self.fill(line, EVENT_BYTES - TAIL_BYTES);
        write!(
            line,
            r#"","locale":"de-DE","amount":{}{:02}.{:02},"page":"/course/{:03}/lesson/{:02}"}}"#,
            1 + self.rng.below(9),
            self.rng.below(100),
            self.rng.below(100),
            self.rng.below(1_000),
            self.rng.below(100),
        )
    }

    /// As [`next`](Self::next), with fewer fields and another length, 120 bytes or more.
    pub(crate) fn next_of(&mut self, bytes: usize, line: &mut Vec<u8>) -> io::Result<()> {
        self.begin(line)?;
        line.extend_from_slice(br#","session":""#);
        self.fill(line, bytes - 2);
        line.extend_from_slice(br#""}"#);
        Ok(())
    }

    fn begin(&mut self, line: &mut Vec<u8>) -> io::Result<()> {
        line.clear();
        let (high, low) = (self.rng.roll(), self.rng.roll());
        let number = self.rng.below(self.types);
        let action = ACTIONS[index(self.rng.below(ACTIONS.len() as u64))];
        let created_at = FIRST_SECOND + self.made / EVENTS_A_SECOND;
        self.made += 1;
        write!(
            line,
            r#"{{"event_uuid":"{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}","event_name":"type{number}:{action}","created_at":{created_at}"#,
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            low >> 48 & 0xfff,
            low & 0xffff_ffff_ffff,
        )
    }

    /// Appends hexadecimal digits until the line has `end` bytes.
    fn fill(&mut self, line: &mut Vec<u8>, end: usize) {
        while line.len() < end {
            let digits = format!("{:016x}", self.rng.roll());
            let missing = end - line.len();
            line.extend_from_slice(&digits.as_bytes()[..missing.min(digits.len())]);
        }
    }
}

/// A file of `count` events, which is generated unless it exists.
pub(crate) fn file(folder: &Path, count: u64, types: u64) -> anyhow::Result<PathBuf> {
    let path = folder.join(format!("events-{count}-{types}.ndjson"));
    let bytes = count * (EVENT_BYTES as u64 + 1);
    if !fs::metadata(&path).is_ok_and(|found| found.len() == bytes) {
        eprintln!("goals: making {}", path.display());
        write(&path, count, types).with_context(|| path.display().to_string())?;
    }
    Ok(path)
}

fn write(path: &Path, count: u64, types: u64) -> anyhow::Result<()> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let (mut events, mut line) = (Events::new(types), Vec::new());
    for _ in 0..count {
        events.next(&mut line)?;
        line.push(b'\n');
        file.write_all(&line)?;
    }
    Ok(file.flush()?)
}

/// `count` batches of `records` events each, as the file source makes them.
pub(crate) fn batches(count: u64, records: u64) -> anyhow::Result<Vec<Batch>> {
    let shard = ShardId::new("events").map_err(anyhow::Error::msg)?;
    let (mut events, mut line) = (Events::new(TYPES), Vec::new());
    let mut batches = Vec::new();
    for batch_number in 0..count {
        let mut batch = Batch::new(shard.clone());
        for record in batch_number * records..(batch_number + 1) * records {
            events.next(&mut line)?;
            batch.push(Record {
                data: &line,
                partition_key: "",
                position: SequenceNumber::from(record * (EVENT_BYTES as u64 + 1)).into(),
                arrived_at: 0,
            });
        }
        batches.push(batch);
    }
    Ok(batches)
}

/// `SplitMix64`, by Steele, Lea and Flood ("Fast splittable pseudorandom number generators").
struct BenchRng(u64);

impl BenchRng {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }
}

fn index(small: u64) -> usize {
    usize::try_from(small).unwrap_or_default()
}
