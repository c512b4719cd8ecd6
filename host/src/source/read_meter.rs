//! The progress of reading a shard, which its reader reports.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use sluice_engine::record::SequenceNumber;

use crate::ledger::Ledger;

/// The most marks that a meter keeps. Of later ones, it keeps the latest. A reader makes five marks a
/// second at most, and those that are committed are dropped several times per lease.
const MARKS_MAX: usize = 1_024;

/// The progress of reading, which the reader of a shard reports.
#[derive(Clone, Debug, Default)]
pub struct ReadMeter {
    reads: Arc<Mutex<Reads>>,
}

#[derive(Clone, Debug, Default)]
struct Reads {
    last: Option<Read>,
    fault: Option<String>,
    /// In the order of reading.
    marks: VecDeque<ReadMark>,
}

/// A successful call.
#[derive(Clone, Copy, Debug)]
pub struct Read {
    /// When it ended.
    pub at: Instant,
    /// How far its records are behind the tip, milliseconds.
    pub lag_ms: u64,
}

/// How far a shard was read: no record after `last` arrived before `arrived_before`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadMark {
    /// The last record that was sent on to be landed; `None` before the first one.
    pub last: Option<SequenceNumber>,
    /// Milliseconds since the Unix epoch.
    pub arrived_before: i64,
}

impl ReadMeter {
    fn reads(&self) -> MutexGuard<'_, Reads> {
        self.reads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call succeeded; its records are this far behind the tip, milliseconds.
    pub fn read(&self, lag_ms: i64) {
        let lag_ms = u64::try_from(lag_ms).unwrap_or(0);
        let at = Instant::now();
        let mut reads = self.reads();
        reads.last = Some(Read { at, lag_ms });
        reads.fault = None;
    }

    /// The records of a call were sent on.
    pub fn mark(&self, mark: ReadMark) {
        let marks = &mut self.reads().marks;
        let replaces = |back: &ReadMark| back.last == mark.last;
        if marks.len() == MARKS_MAX || marks.back().is_some_and(replaces) {
            marks.pop_back();
        }
        marks.push_back(mark);
    }

    /// The moment up to which all records that had arrived are committed, milliseconds since the Unix epoch;
    /// `None` if that is not known. `ledger` is that of the shard.
    #[must_use]
    pub fn caught_up_to(&self, ledger: &Ledger) -> Option<i64> {
        let committed = ledger.committed().map(|committed| committed.last);
        let is_committed = |mark: &ReadMark| match mark.last {
            Some(_) => mark.last <= committed,
            None => ledger.pending().is_none(),
        };
        let marks = &mut self.reads().marks;
        let latest = marks.iter().rposition(is_committed)?;
        marks.drain(..latest);
        marks.front().map(|mark| mark.arrived_before)
    }

    /// The last successful call.
    #[must_use]
    pub fn last(&self) -> Option<Read> {
        self.reads().last
    }

    /// The error of the last call, if it failed.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        self.reads().fault.clone()
    }

    /// A call failed and is retried.
    pub fn failed(&self, why: &impl ToString) {
        self.reads().fault = Some(why.to_string());
    }
}

#[cfg(test)]
mod tests {
    use sluice_engine::digest::Digest;
    use sluice_engine::record::ShardId;

    use super::*;
    use crate::ledger::pins::Pins;
    use crate::ledger::resource_faults::ResourceFaults;
    use crate::ledger::{Pending, Range};

    fn mark(last: Option<u64>, arrived_before: i64) -> ReadMark {
        ReadMark {
            last: last.map(SequenceNumber::from),
            arrived_before,
        }
    }

    fn ledger() -> Ledger {
        Ledger::new(ShardId::new("shard").unwrap())
    }

    fn pending(first: u64, last: u64) -> Pending {
        Pending {
            range: Range {
                first: first.into(),
                last: last.into(),
                count: last - first + 1,
            },
            release: Digest::of(b"release"),
            pins: Pins::default(),
            resource_faults: ResourceFaults::default(),
        }
    }

    #[test]
    fn what_was_read_counts_when_it_is_committed() {
        let meter = ReadMeter::default();
        assert_eq!(meter.caught_up_to(&ledger()), None);
        meter.mark(mark(None, 10));
        assert_eq!(meter.caught_up_to(&ledger()), Some(10));
        for (last, arrived_before) in [(5, 20), (5, 30), (9, 40)] {
            meter.mark(mark(Some(last), arrived_before));
        }
        assert_eq!(meter.caught_up_to(&ledger()), Some(10));
        let pinned = ledger().pin(pending(1, 5)).unwrap();
        assert_eq!(meter.caught_up_to(&pinned), None);
        let committed = pinned.commit(pending(1, 5).range, Digest::of(b"5"));
        let committed = committed.unwrap();
        assert_eq!(meter.caught_up_to(&committed), Some(30));
        let pinned = committed.pin(pending(6, 9)).unwrap();
        assert_eq!(meter.caught_up_to(&pinned), Some(30));
        let committed = pinned.commit(pending(6, 9).range, Digest::of(b"9"));
        assert_eq!(meter.caught_up_to(&committed.unwrap()), Some(40));
    }

    #[test]
    fn the_number_of_marks_is_bounded() {
        let meter = ReadMeter::default();
        for last in 0..2 * MARKS_MAX as u64 {
            meter.mark(mark(Some(last), 0));
        }
        let marks = meter.reads().marks.clone();
        assert_eq!(marks.len(), MARKS_MAX);
        let latest = 2 * MARKS_MAX as u64 - 1;
        assert_eq!(marks.back(), Some(&mark(Some(latest), 0)));
    }
}
