//! The metrics of the process, with the names that Prometheus defines
//! ("Writing client libraries", "Process metrics"). Only Linux reports all of them.

use std::fmt;

use chrono::{DateTime, Utc};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

/// This process.
#[derive(Debug)]
pub(super) struct Process {
    began_at: DateTime<Utc>,
}

/// The resources that this process uses.
#[derive(Debug)]
pub(super) struct Usage {
    /// User and system.
    pub(super) cpu_seconds: f64,
    pub(super) resident_bytes: u64,
    virtual_bytes: u64,
    threads: i64,
    open_fds: Option<u64>,
    /// `None` where there is no limit.
    max_fds: Option<u64>,
}

impl Process {
    pub(super) fn new(began_at: DateTime<Utc>) -> Self {
        Self { began_at }
    }

    /// Seconds since the Unix epoch.
    fn start_time(&self) -> f64 {
        // Milliseconds of this age are exact in a float.
        #[allow(clippy::cast_precision_loss)]
        let milliseconds = self.began_at.timestamp_millis() as f64;
        milliseconds / 1_000.0
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        gauge(
            &mut encoder,
            "process_start_time",
            "When the run began, since the Unix epoch.",
            Some(&Unit::Seconds),
            self.start_time(),
        )?;
        match usage() {
            Some(usage) => usage.encode(&mut encoder),
            None => Ok(()),
        }
    }
}

impl Usage {
    fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let cpu = "CPU time of the process, user and system.";
        let seconds = Some(&Unit::Seconds);
        let cpu = encoder.encode_descriptor("process_cpu", cpu, seconds, MetricType::Counter)?;
        ConstCounter::new(self.cpu_seconds).encode(cpu)?;
        for (name, help, bytes) in [
            (
                "process_resident_memory",
                "Resident memory.",
                self.resident_bytes,
            ),
            (
                "process_virtual_memory",
                "Virtual memory.",
                self.virtual_bytes,
            ),
        ] {
            gauge(encoder, name, help, Some(&Unit::Bytes), bytes)?;
        }
        gauge(
            encoder,
            "process_threads",
            "Operating system threads.",
            None,
            self.threads,
        )?;
        for (name, help, count) in [
            ("process_open_fds", "Open file descriptors.", self.open_fds),
            (
                "process_max_fds",
                "The limit of open file descriptors.",
                self.max_fds,
            ),
        ] {
            if let Some(count) = count {
                gauge(encoder, name, help, None, count)?;
            }
        }
        Ok(())
    }
}

fn gauge<N>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    value: N,
) -> fmt::Result
where
    ConstGauge<N>: EncodeMetric,
{
    let encoder = encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?;
    ConstGauge::new(value).encode(encoder)
}

/// The resources that this process uses, as the operating system reports them.
#[cfg(target_os = "linux")]
pub(super) fn usage() -> Option<Usage> {
    use procfs::WithCurrentSystemInfo as _;
    use procfs::process::LimitValue;

    let process = procfs::process::Process::myself().ok()?;
    let stat = process.stat().ok()?;
    // A process takes centuries to exceed what a float holds exactly.
    #[allow(clippy::cast_precision_loss)]
    let (ticks, per_second) = (
        (stat.utime + stat.stime) as f64,
        procfs::ticks_per_second() as f64,
    );
    Some(Usage {
        cpu_seconds: ticks / per_second,
        resident_bytes: stat.rss_bytes().get(),
        virtual_bytes: stat.vsize,
        threads: stat.num_threads,
        open_fds: process.fd_count().ok().map(|count| count as u64),
        max_fds: process
            .limits()
            .ok()
            .and_then(|limits| match limits.max_open_files.soft_limit {
                LimitValue::Value(max) => Some(max),
                LimitValue::Unlimited => None,
            }),
    })
}

#[cfg(not(target_os = "linux"))]
pub(super) fn usage() -> Option<Usage> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_system_says_what_this_process_uses() {
        let usage = usage().unwrap();
        assert!(usage.resident_bytes > 100_000 && usage.virtual_bytes >= usage.resident_bytes);
        assert!(usage.cpu_seconds >= 0.0 && usage.threads >= 1);
        assert!(usage.open_fds.is_some_and(|open| open >= 3));
    }
}
