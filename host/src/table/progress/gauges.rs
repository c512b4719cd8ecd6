//! The gauges of a builder.

use std::fmt;
use std::sync::{Arc, Mutex};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use super::{Now, lock, now};

/// Milliseconds as seconds, which a float has exactly for longer than any table exists.
#[allow(clippy::cast_precision_loss)]
fn seconds(milliseconds: i64) -> f64 {
    milliseconds as f64 / 1_000.0
}

/// The gauges, which are computed on request, so that what waits gets older while nothing else happens.
#[derive(Debug)]
pub(super) struct Gauges(Arc<Mutex<Now>>);

impl Gauges {
    pub(super) fn new(now: Arc<Mutex<Now>>) -> Self {
        Self(now)
    }
}

impl Collector for Gauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(seen) = lock(&self.0).seen.clone() else {
            return Ok(());
        };
        for (name, help, count) in [
            (
                "waiting_events",
                "Events that the next commit can take.",
                seen.waiting_events,
            ),
            (
                "waiting_chunks",
                "Chunks of the lake that the table does not have.",
                seen.waiting_chunks,
            ),
            (
                "shards",
                "Shards of which the table has events.",
                seen.shards,
            ),
        ] {
            let name = format!("table_{name}");
            let gauge = encoder.encode_descriptor(&name, help, None, MetricType::Gauge)?;
            ConstGauge::new(count).encode(gauge)?;
        }
        let age = seen
            .oldest
            .map_or(0, |oldest| now().saturating_sub(oldest).max(0));
        for (name, help, value) in [
            (
                "oldest_waiting",
                "How long ago the oldest chunk that the table does not have was committed.",
                Some(age),
            ),
            (
                "last_commit_timestamp",
                "When the table got its present snapshot, since the Unix epoch.",
                seen.committed_at,
            ),
            (
                "last_read_timestamp",
                "When the table and the lake were read last, since the Unix epoch.",
                Some(seen.at),
            ),
        ] {
            let Some(value) = value else { continue };
            let (name, unit) = (format!("table_{name}"), Some(&Unit::Seconds));
            let gauge = encoder.encode_descriptor(&name, help, unit, MetricType::Gauge)?;
            ConstGauge::new(seconds(value)).encode(gauge)?;
        }
        Ok(())
    }
}
