//! What a transform may use.

use std::time::Duration;

use wasmtime::ResourceLimiter;

/// The limits that hold for every record, whatever the transform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Fuel for one record: about one unit for each WebAssembly instruction. The first limit to
    /// strike, because it strikes at the same instruction every time.
    pub fuel: u64,
    /// Linear memory of an instance, bytes; of all its memories together where it has several.
    pub memory_bytes: usize,
    /// Wall time for one record, the backstop for what fuel does not measure.
    pub time: Duration,
    /// The largest record that is offered to a transform, bytes.
    pub record_bytes: usize,
    /// The most that the events of one record may hold together, bytes.
    pub output_bytes: usize,
    /// The most partitions that a chunk may open in the lake.
    pub partitions: usize,
}

/// 100 million instructions, a tenth of a second at most and 50,000 times what the enrichment of a
/// usual event takes.
pub const DEFAULT_FUEL: u64 = 100_000_000;
/// Room for the largest Kinesis record in and out, and then some.
pub const DEFAULT_MEMORY_BYTES: usize = 32 << 20;
/// Ten times what the fuel of a record takes on a slow core.
pub const DEFAULT_TIME: Duration = Duration::from_secs(1);
/// The largest record that Kinesis takes.
pub const DEFAULT_RECORD_BYTES: usize = 10 << 20;
/// The largest record, and half as much again for what a transform adds.
pub const DEFAULT_OUTPUT_BYTES: usize = 16 << 20;
/// Each partition of a chunk is an object; more than this and the lake would be dust.
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
        }
    }
}

/// A WebAssembly stack deep enough for any sane recursion and far from the thread's own end.
pub(super) const WASM_STACK_BYTES: usize = 256 << 10;

/// Function references of a component: its own table and those of the adapter modules.
pub(super) const TABLE_ELEMENTS: usize = 20_000;

/// How much fuel passes between two looks at the clock, so the resolution of [`Limits::time`]: a few
/// milliseconds at most, for what copies or fills memory pays by the byte.
pub(super) const FUEL_BETWEEN_LOOKS: u64 = 1_000_000;

/// Limits memory and remembers when a limit was hit, because a guest that runs out of memory
/// reports only that it aborted.
#[derive(Debug, Default)]
pub(super) struct MemoryLimiter {
    memory_bytes: usize,
    /// What the memories of the instance have together.
    used_bytes: usize,
    /// Whether a growth was denied in this call.
    pub(super) exceeded: bool,
    /// The most linear memory that the instance has had, bytes.
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
}

#[cfg(test)]
mod tests {
    use super::*;

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
