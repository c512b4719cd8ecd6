//! What pages use of a worker's metrics.

use std::collections::BTreeMap;

use super::open_metrics::{MetricSample, samples};

/// A counter of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::console) enum Counter {
    /// Records committed.
    Records,
    Events,
    /// Bytes of the committed records.
    SourceBytes,
    /// Objects of events.
    Objects,
    /// Compressed bytes of these objects.
    ObjectBytes,
    Messages,
    /// Calls of the bus in SQS.
    BusCalls,
    /// Retries of operations of services.
    Retries,
    /// Releases that a worker has rolled back.
    Rollbacks,
    /// Processor time, seconds.
    CpuSeconds,
}

impl Counter {
    /// The counter that a sample adds to.
    fn of(sample: &MetricSample<'_>) -> Option<Self> {
        let is_in_lake = || sample.label("kind") == Some("lake");
        match sample.name {
            "sluice_records_committed_total" => Some(Self::Records),
            "sluice_events_total" => Some(Self::Events),
            "sluice_source_bytes_total" => Some(Self::SourceBytes),
            "sluice_objects_total" => is_in_lake().then_some(Self::Objects),
            "sluice_object_bytes_total" => is_in_lake().then_some(Self::ObjectBytes),
            "sluice_messages_total" => Some(Self::Messages),
            "sluice_bus_calls_total" => Some(Self::BusCalls),
            "sluice_retries_total" => Some(Self::Retries),
            "sluice_release_rollbacks_total" => Some(Self::Rollbacks),
            "process_cpu_seconds_total" => Some(Self::CpuSeconds),
            _ => None,
        }
    }
}

/// The metrics of a worker at a moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Metrics {
    /// The counters, each the sum of all its labels.
    pub(super) counters: BTreeMap<Counter, f64>,
    /// Quarantined records by reason.
    pub(super) quarantined: BTreeMap<String, f64>,
    pub(super) bus_calls_limit: Option<f64>,
    pub(super) resident_bytes: Option<f64>,
}

impl Metrics {
    /// Reads the text of `/metrics`.
    ///
    /// # Errors
    /// A text that is cut or no `OpenMetrics`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut metrics = Self::default();
        for sample in samples(text)? {
            metrics.add(&sample);
        }
        Ok(metrics)
    }

    fn add(&mut self, sample: &MetricSample<'_>) {
        if !sample.value.is_finite() {
            return;
        }
        if let Some(counter) = Counter::of(sample) {
            *self.counters.entry(counter).or_default() += sample.value;
        }
        match (sample.name, sample.label("reason")) {
            ("sluice_records_quarantined_total", Some(reason)) => {
                self.quarantined.insert(reason.to_owned(), sample.value);
            }
            ("sluice_bus_calls_limit", _) => self.bus_calls_limit = Some(sample.value),
            ("process_resident_memory_bytes", _) => self.resident_bytes = Some(sample.value),
            _ => {}
        }
    }

    /// The value of a counter; `None` if the worker does not have it.
    pub(super) fn counter(&self, counter: Counter) -> Option<f64> {
        self.counters.get(&counter).copied()
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;
    use sluice_storage::calls::CallMetrics;
    use sluice_storage::retry::Retries;

    use super::*;
    use crate::observe::progress::Progress;

    #[test]
    fn labels_are_summed_and_other_metrics_are_left_out() {
        let text = "sluice_retries_total{operation=\"put\"} 2\nsluice_retries_total{operation=\"send\"} 3\n\
                    sluice_objects_total{kind=\"lake\"} 5\nsluice_objects_total{kind=\"quarantine\"} 50\n\
                    sluice_records_quarantined_total{reason=\"bad\"} 4\nsluice_records_quarantined_total{reason=\"x\"} 0\n\
                    sluice_bus_calls_limit 64\nprocess_resident_memory_bytes 1e6\nsluice_shard_lag_seconds{shard=\"a\"} 1\n# EOF\n";
        let metrics = Metrics::parse(text).unwrap();
        assert_eq!(metrics.counter(Counter::Retries), Some(5.0));
        assert_eq!(metrics.counter(Counter::Objects), Some(5.0));
        assert_eq!(metrics.counter(Counter::Events), None);
        assert_eq!(
            metrics.quarantined,
            [("bad".to_owned(), 4.0), ("x".to_owned(), 0.0)].into()
        );
        assert_eq!(
            (metrics.bus_calls_limit, metrics.resident_bytes),
            (Some(64.0), Some(1e6))
        );
    }

    #[test]
    fn a_run_has_the_counters_that_pages_show() {
        let mut registry = Registry::with_prefix("sluice");
        Progress::new(Retries::default(), CallMetrics::default()).register(&mut registry);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        let metrics = Metrics::parse(&text).unwrap();
        for counter in [
            Counter::Records,
            Counter::Events,
            Counter::SourceBytes,
            Counter::Objects,
            Counter::ObjectBytes,
            Counter::Messages,
            Counter::BusCalls,
            Counter::Rollbacks,
        ] {
            assert_eq!(metrics.counter(counter), Some(0.0), "{counter:?}: {text}");
        }
        assert!(metrics.bus_calls_limit.is_some() && !metrics.quarantined.is_empty());
    }
}
