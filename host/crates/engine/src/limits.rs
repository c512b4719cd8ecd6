//! The limits of a transform.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use wasmtime::ResourceLimiter;

use crate::record::BATCH_MAX_RECORDS;

/// A larger component is not read. The enrichment has a tenth of a MiB; a bundled interpreter fits.
pub const COMPONENT_MAX_BYTES: usize = 10 << 20;

/// The limits for each record. A chunk pins them, so they are stored with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Fuel for one record: about one unit for each WebAssembly instruction. This limit is meant to be
    /// reached before the others, because it is deterministic.
    pub fuel: u64,
    /// Linear memory of an instance in bytes; the sum if it has several memories.
    pub memory_bytes: usize,
    /// Wall time for one record, for whatever fuel does not measure. Stored in nanoseconds.
    #[serde(
        rename = "time_ns",
        serialize_with = "serialize_time",
        deserialize_with = "deserialize_time"
    )]
    pub time: Duration,
    /// The size of the largest record that is given to a transform, in bytes.
    pub record_bytes: usize,
    /// The total size of the events of one record, in bytes.
    pub output_bytes: usize,
    /// The number of lake partitions of one chunk.
    pub partitions: usize,
    /// The size limit of all events of one batch of usual size, so that a transform cannot exhaust the host's memory. An event
    /// counts with [`Event::OVERHEAD_BYTES`](crate::outcome::Event::OVERHEAD_BYTES) in addition to its JSON. Not a
    /// setting.
    pub batch_output_bytes: usize,
    /// Which JSON an event for the lake may be.
    pub lake_json: JsonProfile,
}

/// Which JSON an event for the lake may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JsonProfile {
    /// What all common readers can read: the rules of [`json_scan::profile`].
    #[default]
    Interoperable,
    /// Anything that the grammar allows. One event can make the whole object unreadable.
    Any,
}

/// WebAssembly's limit for 32-bit memories.
pub const MEMORY_MAX_BYTES: usize = 4 << 30;

/// How much more output a batch may have that has many times as many records as usual.
const BATCH_OUTPUT_TIMES_MAX: usize = 8;

/// The places of events are stored with 32 bits.
const BATCH_OUTPUT_MAX_BYTES: usize = 2 << 30;

/// How much more fuel and time a record may take, and how much more output a batch may have, when a chunk is
/// repeated.
const REPETITION_TIMES: u8 = 10;

impl Limits {
    /// The size limit of all events of a batch with so many records. A record of the source that holds many records makes
    /// a batch that is larger than usual.
    pub(crate) fn output_of_batch(&self, records: usize) -> usize {
        let times = (records / BATCH_MAX_RECORDS).clamp(1, BATCH_OUTPUT_TIMES_MAX);
        let bytes = self.batch_output_bytes.saturating_mul(times);
        bytes.min(BATCH_OUTPUT_MAX_BYTES)
    }

    /// The limits for a chunk that is repeated. Its records that exceeded the fuel, the time or the room of their
    /// batch are known, so all others are given more than they can need by another count of fuel, on a busier
    /// machine, and in other batches. A transform cannot see these limits.
    #[must_use]
    pub fn for_repetition(&self) -> Self {
        Self {
            fuel: self.fuel.saturating_mul(REPETITION_TIMES.into()),
            time: self.time.saturating_mul(REPETITION_TIMES.into()),
            batch_output_bytes: self
                .batch_output_bytes
                .saturating_mul(REPETITION_TIMES.into()),
            ..self.clone()
        }
    }
}

fn serialize_time<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
}

fn deserialize_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_nanos)
}

/// 100 million instructions take a tenth of a second at most; the enrichment of a usual event takes
/// a 50,000th.
pub const DEFAULT_FUEL: u64 = 100_000_000;
/// Enough for the largest Kinesis record as input and as output.
pub const DEFAULT_MEMORY_BYTES: usize = 32 << 20;
/// Ten times what the fuel of a record takes on a slow core.
pub const DEFAULT_TIME: Duration = Duration::from_secs(1);
/// The largest Kinesis record.
pub const DEFAULT_RECORD_BYTES: usize = 10 << 20;
/// The largest record, and room for what a transform adds.
pub const DEFAULT_OUTPUT_BYTES: usize = 16 << 20;
/// What a batch of the largest Kinesis records needs, and a bound for the memory of each compute thread.
pub const DEFAULT_BATCH_OUTPUT_BYTES: usize = 64 << 20;
/// Each partition of a chunk is an object; more partitions would make objects too small to query.
pub const DEFAULT_PARTITIONS: usize = 20_000;

impl Default for Limits {
    fn default() -> Self {
        Self {
            fuel: DEFAULT_FUEL,
            memory_bytes: DEFAULT_MEMORY_BYTES,
            time: DEFAULT_TIME,
            record_bytes: DEFAULT_RECORD_BYTES,
            output_bytes: DEFAULT_OUTPUT_BYTES,
            partitions: DEFAULT_PARTITIONS,
            batch_output_bytes: DEFAULT_BATCH_OUTPUT_BYTES,
            lake_json: JsonProfile::default(),
        }
    }
}

/// Enough for usual recursion, and far less than the stack of a thread.
pub(super) const WASM_STACK_BYTES: usize = 256 << 10;

/// Function references of a component: of its own table and of the adapter modules.
pub(super) const TABLE_ELEMENTS: usize = 20_000;

/// A component consists of a few core instances: the author's module and its adapters. An interpreter
/// linked from libraries, with stubs for what it may not import, has 13. So has each its table.
pub(super) const CORE_INSTANCES_PER_COMPONENT: u32 = 16;

/// Each part of such a component has its own memory. [`MemoryLimiter`] limits them together.
pub(super) const MEMORIES_PER_COMPONENT: u32 = 4;

/// Fuel between two checks of the deadline, and so the resolution of [`Limits::time`]: a few milliseconds
/// at most, because instructions that copy or fill memory consume fuel by the byte.
pub(super) const FUEL_BETWEEN_CHECKS: u64 = 1_000_000;

/// Limits memory and remembers when a limit was hit, because a guest that runs out of memory
/// reports only that it aborted.
#[derive(Debug, Default)]
pub(super) struct MemoryLimiter {
    memory_bytes: usize,
    /// The size of all memories of the instance.
    used_bytes: usize,
    /// Whether a growth was denied in this call.
    pub(super) exceeded: bool,
    /// The largest linear memory that the instance has had, in bytes.
    pub(super) peak_bytes: usize,
}

impl MemoryLimiter {
    pub(super) fn new(memory_bytes: usize) -> Self {
        Self {
            memory_bytes,
            used_bytes: 0,
            exceeded: false,
            peak_bytes: 0,
        }
    }
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let used_bytes = self.used_bytes.saturating_add(desired - current);
        let allowed = used_bytes <= self.memory_bytes;
        if allowed {
            self.used_bytes = used_bytes;
        }
        self.exceeded |= !allowed;
        if allowed {
            self.peak_bytes = self.peak_bytes.max(desired);
        }
        Ok(allowed)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let allowed = desired <= TABLE_ELEMENTS;
        self.exceeded |= !allowed;
        Ok(allowed)
    }

    // A pool has these limits as well; an engine that allocates on demand has no others.
    fn instances(&self) -> usize {
        CORE_INSTANCES_PER_COMPONENT as usize
    }

    fn tables(&self) -> usize {
        CORE_INSTANCES_PER_COMPONENT as usize
    }

    fn memories(&self) -> usize {
        MEMORIES_PER_COMPONENT as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ledger's format version stands for these (`VERSION` in `host/src/ledger/mod.rs`). If you change one,
    /// raise it: a chunk that was pinned with the old value must not be repeated with the new one.
    #[test]
    fn the_constants_that_decide_an_outcome_are_those_of_the_ledgers_version() {
        use json_scan::profile;

        use crate::{fields, outcome, partition, reason_code, record, sandbox};
        let constants = [
            BATCH_MAX_RECORDS,
            record::BATCH_MAX_BYTES,
            outcome::Event::OVERHEAD_BYTES,
            reason_code::CODE_MAX_BYTES,
            partition::NAME_MAX_BYTES,
            partition::SEGMENT_MAX_BYTES,
            partition::PATH_MAX_BYTES,
            sandbox::HOST_LIFT_BYTES,
            TABLE_ELEMENTS,
            BATCH_OUTPUT_TIMES_MAX,
            profile::DEPTH_MAX,
            profile::INTEGER_MAX_DIGITS,
            fields::NAME_MAX_BYTES,
            json_scan::members::MemberNames::MAX,
            json_scan::edit::CUTS_MAX,
        ];
        let of_version_4 = [
            1_000,
            1 << 20,
            128,
            64,
            64,
            255,
            624,
            64 << 20,
            20_000,
            8,
            100,
            38,
            1_024,
            256,
            1 << 18,
        ];
        assert_eq!(constants, of_version_4);
        assert_eq!(
            (profile::EXPONENT_MIN, profile::EXPONENT_MAX),
            (-9_999, 308)
        );
    }

    #[test]
    fn a_batch_of_many_records_has_more_output() {
        let limits = Limits::default();
        let usual = limits.batch_output_bytes;
        for (records, times) in [(0, 1), (1_000, 1), (1_999, 1), (2_000, 2), (100_000, 8)] {
            assert_eq!(limits.output_of_batch(records), times * usual, "{records}");
        }
        let most = limits.for_repetition().output_of_batch(100_000);
        assert!(u32::try_from(most).is_ok());
    }

    #[test]
    fn a_repetition_has_more_of_what_a_transform_cannot_see() {
        let limits = Limits::default();
        let again = limits.for_repetition();
        assert_eq!(
            (again.fuel, again.time),
            (10 * limits.fuel, 10 * limits.time)
        );
        let same = Limits {
            fuel: limits.fuel,
            time: limits.time,
            batch_output_bytes: limits.batch_output_bytes,
            ..again
        };
        assert_eq!(same, limits);
        let most = Limits {
            fuel: u64::MAX,
            time: Duration::MAX,
            batch_output_bytes: usize::MAX,
            ..limits
        };
        assert_eq!(most.for_repetition(), most);
    }

    #[test]
    fn memories_share_one_budget() {
        let mut limiter = MemoryLimiter::new(100);
        let mut grow = |current, desired| limiter.memory_growing(current, desired, None).unwrap();
        assert!(grow(0, 60));
        assert!(grow(0, 30));
        assert!(!grow(30, 41));
        assert!(grow(60, 70));
        assert!(!grow(70, 71));
        assert!(limiter.exceeded);
    }
}
