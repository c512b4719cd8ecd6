//! Counts how events drift from the schema.

use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::Utc;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::format::parquet::DriftKind;
use crate::observe::drift::{ChunkDrift, DriftDetector, DriftNews, FoundDrift};

/// A counter for each kind of drift.
type ByDrift = Family<[(&'static str, &'static str); 1], Counter>;

/// The drift that was found, and its counts.
#[derive(Debug)]
pub(super) struct DriftCounts {
    detector: Mutex<DriftDetector>,
    found: ByDrift,
    sampled_events: Counter,
    unwatched_events: Counter,
    unwatched_values: Counter,
}

impl Default for DriftCounts {
    /// Each kind exists from the start: a rate needs a zero to rise from.
    fn default() -> Self {
        let found = ByDrift::default();
        for kind in DriftKind::ALL {
            found.get_or_create_owned(&label(kind));
        }
        Self {
            detector: Mutex::default(),
            found,
            sampled_events: Counter::default(),
            unwatched_events: Counter::default(),
            unwatched_values: Counter::default(),
        }
    }
}

fn label(kind: DriftKind) -> [(&'static str, &'static str); 1] {
    [("drift", kind.name())]
}

impl DriftCounts {
    pub(super) fn add(&self, chunk: ChunkDrift) -> DriftNews {
        let news = self.detector().add(chunk, Utc::now());
        for found in &news.found {
            self.found.get_or_create_owned(&label(found.drift)).inc();
        }
        self.sampled_events.inc_by(news.sampled_events);
        self.unwatched_events.inc_by(news.unwatched_events);
        self.unwatched_values.inc_by(news.unwatched_values);
        news
    }

    fn detector(&self) -> MutexGuard<'_, DriftDetector> {
        self.detector.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often drift was found, of any kind.
    pub(super) fn total(&self) -> u64 {
        let counts = DriftKind::ALL.map(|kind| self.found.get_or_create_owned(&label(kind)).get());
        counts.iter().sum()
    }

    /// What was found.
    pub(super) fn found(&self) -> Vec<FoundDrift> {
        self.detector().found().to_vec()
    }

    pub(super) fn unwatched_events(&self) -> u64 {
        self.unwatched_events.get()
    }

    pub(super) fn unwatched_values(&self) -> u64 {
        self.unwatched_values.get()
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "schema_drifts",
            "Drift from the schema that was found and logged, by kind",
            self.found.clone(),
        );
        for (name, help, counter) in [
            (
                "schema_drift_sampled_events",
                "Committed events that were sampled for drift from the schema",
                &self.sampled_events,
            ),
            (
                "schema_drift_unwatched_events",
                "Sampled events whose type, or one of whose columns, is not watched, because there are too many",
                &self.unwatched_events,
            ),
            (
                "schema_drift_unwatched_values",
                "Values of sampled events that drift at paths that are not told apart, because there are too many",
                &self.unwatched_values,
            ),
        ] {
            registry.register(name, help, counter.clone());
        }
    }
}
