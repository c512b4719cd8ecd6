//! Quarantined records by reason. A transform can make up any number of reasons and each is a time
//! series, so only a bounded number of them has a label of its own.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use sluice_engine::outcome::{Fault, ReasonCode};

/// The number of reasons with a label of their own, Sluice's own included. Others count as [`OTHER`].
const REASONS_MAX: usize = 64;
const OTHER: &str = "other";

/// A counter for each reason. Clones count together.
#[derive(Clone, Debug)]
pub(super) struct Reasons {
    counts: Arc<Mutex<BTreeMap<String, u64>>>,
}

impl Default for Reasons {
    /// Sluice's own reasons exist from the start: a rate needs a zero to rise from, and no transform
    /// can take their labels.
    fn default() -> Self {
        let own = Fault::ALL.map(|fault| (fault.code().to_string(), 0));
        Self {
            counts: Arc::new(Mutex::new(own.into())),
        }
    }
}

impl Reasons {
    fn counts(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, reason: &ReasonCode, records: u64) {
        let mut counts = self.counts();
        let reason = reason.as_str();
        let known = counts.contains_key(reason) || counts.len() < REASONS_MAX;
        let label = if known { reason } else { OTHER };
        *counts.entry(label.to_owned()).or_default() += records;
    }

    /// The reasons that records have, with their numbers.
    pub(super) fn met(&self) -> BTreeMap<String, u64> {
        let mut counts = self.counts().clone();
        counts.retain(|_, records| *records > 0);
        counts
    }

    /// The number of records with this reason.
    pub(super) fn of(&self, reason: &str) -> u64 {
        self.counts().get(reason).copied().unwrap_or_default()
    }

    pub(super) fn total(&self) -> u64 {
        self.counts().values().sum()
    }
}

impl EncodeMetric for Reasons {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (reason, count) in &*self.counts() {
            let label = [("reason", reason.as_str())];
            let mut encoder = encoder.encode_family(&label)?;
            encoder.encode_counter::<NoLabelSet, _, u64>(count, None)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Counter
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(name: &str) -> ReasonCode {
        ReasonCode::new(name).unwrap()
    }

    #[test]
    fn reasons_without_end_are_counted_under_few_names() {
        let reasons = Reasons::default();
        for number in 0..1_000 {
            reasons.add(&code(&format!("invented_{number}")), 2);
        }
        reasons.add(&code("invented_0"), 1);
        let counts = reasons.counts().clone();
        assert_eq!(counts.len(), REASONS_MAX + 1);
        assert_eq!(counts["invented_0"], 3);
        assert_eq!(reasons.total(), 2_001);
        assert_eq!(reasons.met().len(), REASONS_MAX + 1 - Fault::ALL.len());
        let told_apart = (REASONS_MAX - Fault::ALL.len()) as u64;
        assert_eq!(counts[OTHER], 2 * (1_000 - told_apart));
    }

    #[test]
    fn the_reasons_of_the_program_itself_keep_their_names() {
        let reasons = Reasons::default();
        for number in 0..1_000 {
            reasons.add(&code(&format!("invented_{number}")), 1);
        }
        reasons.add(&Fault::OutOfFuel.code(), 7);
        assert_eq!(reasons.counts()["out_of_fuel"], 7);
    }

    #[test]
    fn a_transform_may_call_its_reason_other() {
        let reasons = Reasons::default();
        reasons.add(&code(OTHER), 1);
        for number in 0..100 {
            reasons.add(&code(&format!("invented_{number}")), 1);
        }
        assert_eq!(reasons.counts().len(), REASONS_MAX);
        assert_eq!(reasons.total(), 101);
    }
}
