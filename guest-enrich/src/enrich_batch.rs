//! Applies the rules to a batch, for the component and for native benchmarks.

use crate::batch::{Outcome, Partition, transform_batch};
use crate::config::Config;
use crate::enrich::{Enriched, enrich};
use crate::rejection::Rejection;

/// An event with the configuration that decides its partition.
struct PartitionedEvent<'a> {
    event: Enriched<'a>,
    config: &'a Config,
}

impl Partition for PartitionedEvent<'_> {
    #[inline(always)]
    fn key(&self, key: &mut Vec<u8>) {
        self.config.partition_key(&self.event, key);
    }

    fn columns(&self) -> Vec<(String, String)> {
        self.config.partition(&self.event)
    }
}

/// Enriches the records whose ends in `data` are `ends`, and determines the partition of each.
pub fn enrich_batch(data: &[u8], ends: &[u32], config: &Config) -> Outcome<Rejection> {
    transform_batch(data, ends, |record, out| {
        enrich(record, out).map(|event| PartitionedEvent { event, config })
    })
}
