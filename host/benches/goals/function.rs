//! A Lambda function, from its package, with stand-ins for the Runtime API, Kinesis and S3.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde_json::json;
use sluice::source::aggregate::Aggregator;

use super::bench::lines;
use super::measure::median;
use super::table::Report;
use crate::events::{EVENT_BYTES, Events, TYPES};
use crate::support::lambda::{Function, Mapping, Settings, Step, Target, Then};
use testkit::environment;
use testkit::kinesis::Kinesis;
use testkit::s3::S3;

const COLD_STARTS: usize = 11;
const INIT_MS: f64 = 50.0;

const BATCHES: usize = 10;
const CPU_MS: f64 = 300.0;

/// The content of a batch. Lambda's own fields take more than 500 bytes for each Kinesis record, so
/// an event of 6 MB holds ten thousand records only if producers aggregate.
struct Batch {
    /// Kinesis records.
    records: usize,
    /// Events in each; 1 if nothing is aggregated.
    aggregated: usize,
    /// The length of an event.
    bytes: usize,
}

/// An event of 6.2 MB.
const AGGREGATED: Batch = Batch {
    records: 100,
    aggregated: 100,
    bytes: 455,
};

/// An event of 6.1 MB.
const PLAIN: Batch = Batch {
    records: 7_500,
    aggregated: 1,
    bytes: EVENT_BYTES,
};

const STREAM: &str = "events";
const SHARD: &str = "shardId-000000000000";
const TIMEOUT: Duration = Duration::from_secs(60);

/// The time until the request for the first event, and the processor time of a batch.
pub(crate) fn goals(package: Option<&Path>, report: &mut Report) -> anyhow::Result<()> {
    let package = package.map_or_else(usual_package, Path::to_owned);
    let package = package
        .canonicalize()
        .with_context(|| format!("{}: no package; `make lambda` makes one", package.display()))?;
    let cloud = Cloud::new();
    let inits: anyhow::Result<Vec<_>> = (0..COLD_STARTS).map(|_| cloud.init(&package)).collect();
    let init = median(&inits?);
    report.goal(
        "function: from the start of the process to the first event",
        format!("{init:.1} ms"),
        "at most 50 ms",
        init <= INIT_MS,
    );
    let cpu = AGGREGATED.measured(&package)?;
    report.goal(
        "function: CPU of a batch of 10,000 records (aggregated, an event of 6 MB)",
        format!("{cpu:.0} ms"),
        "at most 300 ms",
        cpu <= CPU_MS,
    );
    let cpu = PLAIN.measured(&package)?;
    report.figure(
        "the same for 7,500 records of 210 bytes (plain, an event of 6 MB)",
        format!("{cpu:.0} ms"),
    );
    Ok(())
}

fn usual_package() -> PathBuf {
    let architecture = match std::env::consts::ARCH {
        "aarch64" => "arm64",
        other => other,
    };
    let out = Path::new(env!("CARGO_MANIFEST_DIR")).join("../out");
    out.join(format!("lambda-{architecture}"))
}

struct Cloud {
    kinesis: Kinesis,
    s3: S3,
    lake: PathBuf,
}

impl Cloud {
    fn new() -> Self {
        let (kinesis, s3) = (Kinesis::start(), S3::start());
        kinesis.create_stream(STREAM, 1);
        let lake = s3.bucket("bucket").join("lake");
        Self { kinesis, s3, lake }
    }

    fn function(&self, package: &Path) -> Function {
        let mut variables = environment().to_vec();
        variables.push(("AWS_ENDPOINT_URL_KINESIS", &self.kinesis.endpoint));
        variables.push(("AWS_ENDPOINT_URL_S3", &self.s3.endpoint));
        variables.push(("SLUICE_LAKE", "s3://bucket/lake"));
        let program = package.join("bootstrap");
        Function::start(&[&program.to_string_lossy()], &variables, package)
    }

    /// The time from the start of a process to its request for an event, milliseconds.
    fn init(&self, package: &Path) -> anyhow::Result<f64> {
        let function = self.function(package);
        let invoked = function.invoke(&json!({ "Records": [] }), TIMEOUT);
        let response = invoked
            .response
            .map_err(|error| anyhow::anyhow!("{error:?}"));
        response.context("the function failed")?;
        let init = function.init_time().context("the function never began")?;
        Ok(init.as_secs_f64() * 1e3)
    }
}

impl Batch {
    /// The processor time of such a batch without the cold start, milliseconds.
    fn measured(&self, package: &Path) -> anyhow::Result<f64> {
        let cloud = Cloud::new();
        self.put(&cloud.kinesis)?;
        let function = cloud.function(package);
        let settings = Settings {
            batch_size: self.records,
            report_batch_item_failures: true,
            ..Settings::default()
        };
        let target = Target::Process(&function);
        let mut mapping = Mapping::new(&cloud.kinesis, STREAM, target, settings);
        self.step(&mut mapping)?;
        let process = function.pid().context("the function has ended")?;
        let before = cpu_ms(process)?;
        for _ in 0..BATCHES {
            self.step(&mut mapping)?;
        }
        let cpu = cpu_ms(process)? - before;
        let expected = ((1 + BATCHES) * self.records * self.aggregated) as u64;
        let landed = lines(&cloud.lake)?;
        ensure!(
            landed == expected,
            "{landed} of {expected} events have landed"
        );
        Ok(cpu / f64::from(u32::try_from(BATCHES)?))
    }

    /// Puts one batch for the cold start, and the measured batches.
    fn put(&self, kinesis: &Kinesis) -> anyhow::Result<()> {
        let (mut events, mut line) = (Events::new(TYPES), Vec::new());
        for number in 0..(1 + BATCHES) * self.records {
            let key = number.to_string();
            let mut aggregator = Aggregator::new(usize::MAX);
            for _ in 0..self.aggregated {
                events.next_of(self.bytes, &mut line)?;
                aggregator.push(&key, &line);
            }
            match aggregator.finish() {
                Some((key, data)) if self.aggregated > 1 => kinesis.put(STREAM, &key, &data),
                _ => kinesis.put(STREAM, &key, &line),
            };
        }
        Ok(())
    }

    fn step(&self, mapping: &mut Mapping<'_>) -> anyhow::Result<()> {
        let Step::Invoked(delivered, Then::Passed) = mapping.step(SHARD) else {
            bail!("the function has failed a batch");
        };
        let records = delivered.sequence_numbers.len();
        ensure!(records == self.records, "an event holds {records} records");
        Ok(())
    }
}

/// Processor time of a process so far, milliseconds, from fields 14 and 15 of its `stat` in
/// `proc(5)`, which are hundredths of a second.
fn cpu_ms(process: u32) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let behind_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = behind_name.split_whitespace().skip(11).take(2);
    let ticks: Vec<f64> = ticks.map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() * 10.0)
}
