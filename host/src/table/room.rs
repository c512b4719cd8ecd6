//! How much a commit may take if the time or the disk of a builder is limited, as in a Lambda function.
//!
//! A commit takes the time of its events, which a builder learns from earlier commits. If an attempt does not end, it is
//! noted in the document of the lease. The next attempt after the same watermark takes a quarter of the events, whichever
//! process makes it. So a builder that is ended again and again takes less and less, until a commit succeeds.

use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use super::duplicates::ENTRY_BYTES;
use super::watermark::Watermark;

/// The bytes of events that a builder takes in a second, until it has measured it: fewer than the smallest function.
const USUAL_PACE: u64 = 4 << 20;

/// A commit of fewer bytes says nothing about the pace: most of its time is that of single requests.
const MEASURED_FROM: u64 = 16 << 20;

/// A commit takes at most this part of what the time or the disk has room for.
const PART: u64 = 2;

/// The size of an attempt falls to one in `1 << SHRINK` for each one before it that has not ended.
const SHRINK: u32 = 2;

/// How fast a builder works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Bytes of events in a second.
    bytes: u64,
    /// The time of a round with few events.
    least: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            bytes: USUAL_PACE,
            least: Duration::from_secs(1),
        }
    }
}

impl Pace {
    /// Learns from a round that took this long and committed events of this many bytes.
    pub fn learn(&mut self, event_bytes: u64, took: Duration) {
        if event_bytes < MEASURED_FROM {
            self.least = took;
            return;
        }
        let micros = took.saturating_sub(self.least).as_micros().max(1);
        let bytes = u128::from(event_bytes) * 1_000_000 / micros;
        self.bytes = u64::try_from(bytes).unwrap_or(u64::MAX).max(1);
    }

    /// Learns that a round did not end in time.
    pub fn slow_down(&mut self) {
        self.bytes = (self.bytes >> SHRINK).max(1);
    }

    /// The time that a round takes at least.
    #[must_use]
    pub fn least(&self) -> Duration {
        self.least
    }

    /// The bytes of events that can be committed in this time.
    fn bytes_in(&self, time: Duration) -> u64 {
        let millis = time.saturating_sub(self.least).as_millis();
        u64::try_from(u128::from(self.bytes) * millis / 1_000).unwrap_or(u64::MAX)
    }
}

/// What a round may take.
#[derive(Clone, Copy, Debug, Default)]
pub struct Room {
    limits: Option<RoomLimits>,
}

#[derive(Clone, Copy, Debug)]
struct RoomLimits {
    /// When the round must have ended.
    until: Instant,
    pace: Pace,
    /// The free bytes of the folder for files; `None` if nobody knows.
    disk: Option<u64>,
    /// Whether an attempt begins although its time is probably too short.
    is_first: bool,
}

impl Room {
    /// As much as a commit takes at most.
    pub const ALL: Self = Self { limits: None };

    /// What can be committed until a moment, at a pace, with files in a folder. The first attempt begins in any case: if
    /// it does not end, the next one is smaller.
    #[must_use]
    pub fn until(until: Instant, pace: Pace, folder: &Path, is_first: bool) -> Self {
        let disk = free_bytes(folder);
        Self {
            limits: Some(RoomLimits {
                until,
                pace,
                disk,
                is_first,
            }),
        }
    }

    /// When the round must have ended.
    pub(super) fn end(&self) -> Option<Instant> {
        self.limits.map(|limits| limits.until)
    }

    /// The most bytes of events of the next attempt, after `begun` ones that have not ended.
    pub(super) fn event_bytes(&self, watermark: &Watermark, begun: usize) -> u64 {
        let Some(limits) = &self.limits else {
            return u64::MAX;
        };
        let on_disk = limits.disk.map_or(u64::MAX, |free| {
            let ratio = match watermark.file_bytes {
                0 => 1,
                files => (watermark.event_bytes / files).max(1),
            };
            // Files, and rows that wait for their turn.
            let of_rows = free.saturating_mul(ratio) / 2;
            of_rows.min(event_bytes_of_keys(watermark, free))
        });
        let most = limits.in_time().min(on_disk) / PART;
        let shift = u32::try_from(begun)
            .unwrap_or(u32::MAX)
            .saturating_mul(SHRINK);
        most.checked_shr(shift).unwrap_or(0)
    }

    /// Whether there is time for an attempt with events of this many bytes.
    pub(super) fn has_time_for(&self, event_bytes: u64) -> bool {
        let is_short = |limits: &RoomLimits| !limits.is_first && event_bytes > limits.in_time();
        !self.limits.as_ref().is_some_and(is_short)
    }
}

impl RoomLimits {
    fn in_time(&self) -> u64 {
        let left = self.until.saturating_duration_since(Instant::now());
        self.pace.bytes_in(left)
    }
}

/// The bytes of events whose keys can be sorted in so many bytes of files, if the table has a rule for duplicates. Not in it
/// are the keys of its rows that are near them.
fn event_bytes_of_keys(watermark: &Watermark, free: u64) -> u64 {
    let events = watermark.rows().saturating_add(watermark.dropped());
    if watermark.rule().is_none() || events == 0 {
        return u64::MAX;
    }
    // Before each file of keys is removed, they are in another one.
    let keys = free / (2 * ENTRY_BYTES as u64);
    let event_bytes = (watermark.event_bytes / events).max(1);
    keys.saturating_mul(event_bytes)
}

/// The free bytes of the file system of a folder.
fn free_bytes(folder: &Path) -> Option<u64> {
    let status = rustix::fs::statvfs(folder).ok()?;
    Some(status.f_bavail.saturating_mul(status.f_frsize))
}

#[cfg(test)]
mod tests {
    use sluice_engine::record::ShardId;

    use super::*;
    use crate::table::duplicates::{DedupeRule, KeysMark};
    use crate::table::watermark::ShardMark;

    const MIB: u64 = 1 << 20;

    fn room(seconds: u64, disk: Option<u64>, is_first: bool) -> Room {
        let until = Instant::now() + Duration::from_secs(seconds);
        let pace = Pace::default();
        Room {
            limits: Some(RoomLimits {
                until,
                pace,
                disk,
                is_first,
            }),
        }
    }

    /// Whether the next attempt has so many MiB, or a little less: the test takes time, too.
    fn is_about(expected: u64, room: Room, watermark: &Watermark, begun: usize) -> bool {
        let bytes = room.event_bytes(watermark, begun);
        bytes <= expected * MIB && bytes > expected * MIB * 9 / 10
    }

    #[test]
    fn a_commit_takes_half_of_what_there_is_time_or_disk_for() {
        let none = Watermark::default();
        assert_eq!(Room::ALL.event_bytes(&none, 9), u64::MAX);
        assert!(is_about(1_800, room(901, None, true), &none, 0));
        assert!(is_about(128, room(901, Some(512 * MIB), true), &none, 0));
        let mut known = Watermark::default();
        (known.event_bytes, known.file_bytes) = (8_000, 1_000);
        assert!(is_about(1_024, room(901, Some(512 * MIB), true), &known, 0));
        assert_eq!(room(0, None, true).event_bytes(&none, 0), 0);
    }

    #[test]
    fn the_keys_of_small_events_count_with_a_rule_for_duplicates() {
        let mut small = Watermark::default();
        (small.event_bytes, small.file_bytes) = (80_000, 8_000);
        let mark = ShardMark {
            last: "1".parse().unwrap(),
            chunks: 1,
            rows: 1_900,
            dropped: 100,
        };
        small.shards.insert(ShardId::new("a").unwrap(), mark);
        let room = || room(10_001, Some(90 * MIB), true);
        assert!(is_about(225, room(), &small, 0));
        let rule = DedupeRule::new("key", Duration::from_secs(1)).unwrap();
        small.keys = Some(KeysMark::new(rule));
        // A million keys, of events of 40 bytes.
        assert!(is_about(20, room(), &small, 0));
        let mut first = Watermark::default();
        first.keys = small.keys.take();
        assert!(is_about(23, room(), &first, 0));
    }

    #[test]
    fn each_attempt_that_has_not_ended_makes_the_next_one_smaller() {
        let none = Watermark::default();
        for (begun, size) in [(0, 256), (1, 64), (2, 16), (3, 4)] {
            assert!(
                is_about(size, room(129, None, true), &none, begun),
                "{begun}"
            );
        }
        assert_eq!(room(129, None, true).event_bytes(&none, 1_000), 0);
    }

    #[test]
    fn only_the_first_attempt_begins_without_time_for_it() {
        assert!(room(1, None, true).has_time_for(MIB));
        assert!(!room(1, None, false).has_time_for(MIB));
        assert!(room(11, None, false).has_time_for(30 * MIB));
        assert!(!room(11, None, false).has_time_for(50 * MIB));
        assert!(Room::ALL.has_time_for(u64::MAX));
    }

    #[test]
    fn the_pace_is_that_of_the_last_large_commit() {
        let mut pace = Pace::default();
        pace.learn(1_000, Duration::from_secs(3));
        assert_eq!(pace.bytes_in(Duration::from_secs(4)), USUAL_PACE);
        pace.learn(100 * MIB, Duration::from_secs(13));
        assert_eq!(pace.bytes_in(Duration::from_secs(4)), 10 * MIB);
        pace.learn(100 * MIB, Duration::ZERO);
        assert!(pace.bytes_in(Duration::from_secs(4)) > 100 * MIB);
    }

    #[test]
    fn the_free_space_of_a_folder_is_known() {
        let folder = tempfile::tempdir().unwrap();
        assert!(free_bytes(folder.path()).is_some());
        assert_eq!(free_bytes(&folder.path().join("nowhere")), None);
    }
}
