//! The gauges of `/metrics`, and a counter of the process, which are computed on request.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Unit;
use sluice_engine::compiler_process::compilations;

use super::Health;
use super::shards::{Shard, Shards};

impl Collector for Health {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.encode_release(&mut encoder)?;
        encode_compilations(&mut encoder)?;
        self.encode_shards(&mut encoder)
    }
}

fn encode_compilations(encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let what = "Components compiled; releases with the same component share one, and precompiled ones do not count.";
    let compiled =
        encoder.encode_descriptor("components_compiled", what, None, MetricType::Counter)?;
    ConstCounter::new(compilations()).encode(compiled)
}

impl Health {
    fn encode_release(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let what = "The active release, with the name and version of its component.";
        let active = self.active_release();
        let release = Info::new([
            ("release", active.release.to_string()),
            ("transform", active.transform.clone()),
            ("version", active.version.clone()),
        ]);
        release.encode(encoder.encode_descriptor("release", what, None, MetricType::Info)?)
    }

    fn encode_shards(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let now = self.now();
        let what = "Shards that this process owns.";
        let owned = encoder.encode_descriptor("shards_held", what, None, MetricType::Gauge)?;
        ConstGauge::new(now.shards.owned()).encode(owned)?;
        let what = "Shards that have stopped with an error, until this or another process takes them again.";
        let failed = encoder.encode_descriptor("shards_failed", what, None, MetricType::Gauge)?;
        ConstGauge::new(now.shards.failed()).encode(failed)?;
        let what = "Lag of the last read of a shard behind its newest record.";
        of_shards(encoder, "shard_lag", what, &now.shards, Shard::lag_seconds)?;
        let what = "Age of the last read of a shard, and so of its lag.";
        let (name, age) = ("shard_read_age", Shard::read_age_seconds);
        of_shards(encoder, name, what, &now.shards, age)
    }
}

/// A gauge in seconds of each shard that has one.
fn of_shards(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    what: &str,
    shards: &Shards,
    seconds: impl Fn(&Shard) -> Option<f64>,
) -> fmt::Result {
    let (unit, kind) = (Some(&Unit::Seconds), MetricType::Gauge);
    let mut gauge = encoder.encode_descriptor(name, what, unit, kind)?;
    for (id, shard) in shards.iter() {
        if let Some(seconds) = seconds(shard) {
            let label = [("shard", id.as_str())];
            gauge.encode_family(&label)?.encode_gauge(&seconds)?;
        }
    }
    Ok(())
}
