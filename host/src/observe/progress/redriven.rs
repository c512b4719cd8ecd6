//! Redriven records by the reason that they were quarantined for, and by what became of them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use sluice_engine::outcome::ReasonCode;

use crate::layout::chunk::RedrivenCounts;

/// The number of old reasons with a label of their own. Others count as [`OTHER`].
const REASONS_MAX: usize = 64;
const OTHER: &str = "other";

/// The counts of redriven records, by their old reasons. Clones count together.
#[derive(Clone, Debug, Default)]
pub(super) struct Redriven(Arc<Mutex<BTreeMap<String, RedrivenCounts>>>);

impl Redriven {
    fn counts(&self) -> MutexGuard<'_, BTreeMap<String, RedrivenCounts>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, chunk: &BTreeMap<ReasonCode, RedrivenCounts>) {
        let mut counts = self.counts();
        for (reason, records) in chunk {
            counts.entry(reason.to_string()).or_default().add(records);
        }
    }

    /// The counts of all old reasons.
    pub(super) fn by_reason(&self) -> BTreeMap<String, RedrivenCounts> {
        self.counts().clone()
    }
}

impl EncodeMetric for Redriven {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let mut others = RedrivenCounts::default();
        let encode = |encoder: &mut MetricEncoder<'_>, reason, counts: &RedrivenCounts| {
            for (outcome, records) in [
                ("landed", counts.landed),
                ("dropped", counts.dropped),
                ("bus_only", counts.bus_only),
                ("quarantined", counts.quarantined_again()),
            ] {
                let labels = [("reason", reason), ("outcome", outcome)];
                let mut encoder = encoder.encode_family(&labels)?;
                encoder.encode_counter::<NoLabelSet, _, u64>(&records, None)?;
            }
            Ok::<_, fmt::Error>(())
        };
        let by_reason = self.counts();
        for (place, (reason, counts)) in by_reason.iter().enumerate() {
            match place < REASONS_MAX && reason != OTHER {
                true => encode(&mut encoder, reason.as_str(), counts)?,
                false => others.add(counts),
            }
        }
        match others.records {
            0 => Ok(()),
            _ => encode(&mut encoder, OTHER, &others),
        }
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Counter
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_counted_by_their_old_reason_and_what_became_of_them() {
        let redriven = Redriven::default();
        let counts = RedrivenCounts {
            records: 6,
            landed: 1,
            dropped: 2,
            bus_only: 0,
            quarantined: BTreeMap::from([("trap".to_owned(), 3)]),
            ..RedrivenCounts::default()
        };
        let reason = ReasonCode::new("missing_field").unwrap();
        let chunk = BTreeMap::from([(reason, counts)]);
        redriven.add(&chunk);
        redriven.add(&chunk);
        let all = redriven.by_reason();
        assert_eq!(all["missing_field"].records, 12);
        assert_eq!(all["missing_field"].quarantined_again(), 6);
        let mut registry = prometheus_client::registry::Registry::default();
        registry.register("records_redriven", "help", redriven);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        let line = "records_redriven_total{reason=\"missing_field\",outcome=\"quarantined\"} 6";
        assert!(text.contains(line), "{text}");
    }
}
