//! The enrichment as a native function, called as the component's own way in calls it.

use guest_enrich::slab::{Outcome, Partition, transform_slab};
use guest_enrich::{Enriched, Rejection, Settings, enrich};
use sluice::record::Slice;

/// An event with the settings that place it.
struct Placed<'a> {
    event: Enriched<'a>,
    settings: &'a Settings,
}

impl Partition for Placed<'_> {
    #[inline(always)]
    fn key(&self, key: &mut Vec<u8>) {
        self.settings.partition_key(&self.event, key);
    }

    fn columns(&self) -> Vec<(String, String)> {
        self.settings.partition(&self.event)
    }
}

/// Enriches the records of a slice into one buffer and finds the partition of each.
pub(crate) fn run(slice: &Slice, settings: &Settings) -> Outcome<Rejection> {
    run_lines(slice.data(), slice.data_ends(), settings)
}

/// The same for records whose ends in `data` are `ends`.
pub(crate) fn run_lines(data: &[u8], ends: &[u32], settings: &Settings) -> Outcome<Rejection> {
    transform_slab(data, ends, |record, out| {
        enrich(record, out).map(|event| Placed { event, settings })
    })
}
