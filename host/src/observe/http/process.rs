//! The metrics of the process, with the names that Prometheus defines
//! ("Writing client libraries", "Process metrics").

use std::fmt;
use std::fs;

use chrono::{DateTime, Utc};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

/// Of Linux, "proc(5)"; another system has no such files, and then there are no such metrics.
const MEMORY: &str = "/proc/self/status";
const TIMES: &str = "/proc/self/stat";

/// Linux reports times to processes in hundredths of a second.
const TICKS_PER_SECOND: f64 = 100.0;

/// This process.
#[derive(Debug)]
pub(super) struct Process {
    began_at: DateTime<Utc>,
}

impl Process {
    pub(super) fn new(began_at: DateTime<Utc>) -> Self {
        Self { began_at }
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut one = |name, help, unit, kind, metric: &dyn EncodeMetric| {
            metric.encode(encoder.encode_descriptor(name, help, Some(&unit), kind)?)
        };
        if let Some(bytes) = read(MEMORY, resident_bytes) {
            let help = "Resident memory.";
            let name = "process_resident_memory";
            let metric = ConstGauge::new(bytes);
            one(name, help, Unit::Bytes, MetricType::Gauge, &metric)?;
        }
        if let Some(seconds) = read(TIMES, cpu_seconds) {
            let help = "CPU time of the process, user and system.";
            let metric = ConstCounter::new(seconds);
            one(
                "process_cpu",
                help,
                Unit::Seconds,
                MetricType::Counter,
                &metric,
            )?;
        }
        // Milliseconds of this age are exact in a float.
        #[allow(clippy::cast_precision_loss)]
        let began = self.began_at.timestamp_millis() as f64 / 1_000.0;
        let help = "When the run began, since the Unix epoch.";
        let metric = ConstGauge::new(began);
        one(
            "process_start_time",
            help,
            Unit::Seconds,
            MetricType::Gauge,
            &metric,
        )
    }
}

fn read<T>(file: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
    parse(&fs::read_to_string(file).ok()?)
}

/// The line `VmRSS:  1234 kB`, where a kB has 1,024 bytes.
fn resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1_024)
}

/// The fields `utime` and `stime`, the 14th and 15th. The second one, the program's name in
/// parentheses, may hold anything.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut fields = behind_name.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_told_in_bytes() {
        let status = "Name:\tsluice\nVmHWM:\t   9000 kB\nVmRSS:\t   1234 kB\nThreads:\t4\n";
        assert_eq!(resident_bytes(status), Some(1_263_616));
        assert_eq!(resident_bytes("Name:\tsluice\n"), None);
    }

    #[test]
    fn a_program_name_does_not_move_the_fields() {
        let rest = "S 1 2 3 0 -1 4194560 100 0 0 0 250 125 0 0 20 0 7 0 999 1 2";
        for name in ["sluice", "a b) c", ")))"] {
            assert_eq!(cpu_seconds(&format!("77 ({name}) {rest}")), Some(3.75));
        }
        assert_eq!(cpu_seconds("77 (sluice) S 1 2"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_system_is_read_as_it_writes() {
        assert!(read(MEMORY, resident_bytes).is_some_and(|bytes| bytes > 100_000));
        assert!(read(TIMES, cpu_seconds).is_some());
    }
}
