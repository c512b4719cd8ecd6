//! The machine that a report is about.

use std::fs;
use std::thread;

/// The number of cores, the processor and the kernel, as a sentence.
pub(crate) fn description() -> String {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    format!(
        "On {cores} cores of {} ({}), {}.",
        processor(),
        std::env::consts::ARCH,
        kernel()
    )
}

/// The first `model name` of `/proc/cpuinfo`, which arm64 does not have.
fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let mut entries = info.lines().filter_map(|line| line.split_once(':'));
    let model = entries.find(|(key, _)| key.trim_end() == "model name");
    let model = model.map(|(_, model)| model.trim().to_owned());
    model.unwrap_or_else(|| "an unknown processor".to_owned())
}

fn kernel() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    match release.trim() {
        "" => std::env::consts::OS.to_owned(),
        release => format!("Linux {release}"),
    }
}
