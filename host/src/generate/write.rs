//! Writes events as newline-delimited JSON, at a given rate or as fast as possible.

use std::io::{self, Write};
use std::num::NonZeroU32;
use std::thread;
use std::time::{Duration, Instant};

use super::{Events, LineKind};

/// Without a rate, lines are written in blocks of about this size.
const BLOCK_BYTES: usize = 256 * 1024;

/// With a rate, lines are written in steps of a 50th of a second.
const STEPS_PER_SECOND: u32 = 50;

/// What has been written so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Generated {
    /// Lines of all kinds.
    pub events: u64,
    /// Lines that repeat an earlier one.
    pub duplicates: u64,
    /// Lines that are not events.
    pub malformed: u64,
    /// Events that are hours to days older than their neighbours.
    pub late: u64,
    /// Bytes, newlines included.
    pub bytes: u64,
}

impl Generated {
    fn count(&mut self, kind: LineKind) {
        self.events += 1;
        match kind {
            LineKind::Event => {}
            LineKind::Duplicate => self.duplicates += 1,
            LineKind::Late => self.late += 1,
            LineKind::Malformed => self.malformed += 1,
        }
    }
}

/// Writes all `events` to `to`, each with a newline, and flushes. With `rate`, writes that many
/// lines per second since the start, flushes each step, and catches up after a slow write.
/// `progress` is called after each block of lines, with a rate at least once a second.
///
/// # Errors
/// The first failure to write or to flush.
pub fn write_ndjson(
    mut events: Events,
    rate: Option<NonZeroU32>,
    to: &mut dyn Write,
    progress: &mut dyn FnMut(&Generated),
) -> io::Result<Generated> {
    let started = Instant::now();
    let mut block = Vec::with_capacity(BLOCK_BYTES + BLOCK_BYTES / 8);
    let mut done = Generated::default();
    loop {
        block.clear();
        let mut next = done;
        fill(&mut events, rate, &mut block, &mut next);
        if block.is_empty() {
            to.flush()?;
            return Ok(done);
        }
        if let Some(rate) = rate {
            wait_for_turn(started, done.events, rate);
        }
        to.write_all(&block)?;
        if rate.is_some() {
            to.flush()?;
        }
        done = next;
        progress(&done);
    }
}

/// Appends the lines of one block to `block` and counts them.
fn fill(
    events: &mut Events,
    rate: Option<NonZeroU32>,
    block: &mut Vec<u8>,
    counts: &mut Generated,
) {
    let step = rate.map_or(u64::MAX, |rate| {
        u64::from((rate.get() / STEPS_PER_SECOND).max(1))
    });
    let before = counts.events;
    while block.len() < BLOCK_BYTES && counts.events - before < step {
        let Some(kind) = events.next_into(block) else {
            break;
        };
        block.push(b'\n');
        counts.count(kind);
    }
    counts.bytes += block.len() as u64;
}

/// Sleeps until the event after `written` ones is due.
fn wait_for_turn(started: Instant, written: u64, rate: NonZeroU32) {
    let rate = u64::from(rate.get());
    let due = Duration::from_secs(written / rate)
        + Duration::from_nanos(written % rate * 1_000_000_000 / rate);
    thread::sleep(due.saturating_sub(started.elapsed()));
}
