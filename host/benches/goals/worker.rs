//! A worker on a stream, with stand-ins for Kinesis, S3 and SQS on the same machine.

use anyhow::ensure;
use serde_json::Value;

use super::bench::{Bench, lines};
use super::measure;
use super::table::Report;
use testkit::environment;
use testkit::kinesis::Kinesis;
use testkit::s3::S3;
use testkit::sqs::Sqs;

const EVENTS: u64 = 300_000;

/// The numbers of shards of the compared streams, and of the one with a bus.
const SHARDS: [usize; 4] = [1, 4, 16, 64];
const SHARDS_WITH_BUS: usize = 4;

/// The default size limit of a queue's messages, bytes.
const QUEUE_MAX_BYTES: usize = 256 << 10;

/// Records a second, without a bus and with one.
pub(crate) fn figures(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    for shards in SHARDS {
        figure(bench, report, shards, "none")?;
    }
    figure(bench, report, SHARDS_WITH_BUS, "sqs:queue")
}

fn figure(bench: &Bench, report: &mut Report, shards: usize, bus: &str) -> anyhow::Result<()> {
    let (records, cpu) = caught_up(bench, shards, bus)?;
    report.figure(
        &format!(
            "worker, Kinesis ({shards} shards) to S3, bus {bus}, with stand-ins on the same machine"
        ),
        format!("{records:.0} records/s, {cpu:.1} µs of CPU a record"),
    );
    Ok(())
}

/// Records per second, and microseconds of processor time per record, of a worker that catches up.
#[allow(
    clippy::cast_precision_loss,
    reason = "a count of events, far below 2^52"
)]
fn caught_up(bench: &Bench, shards: usize, bus: &str) -> anyhow::Result<(f64, f64)> {
    let (kinesis, s3, sqs) = (Kinesis::start(), S3::start(), Sqs::start());
    kinesis.create_stream("events", shards);
    sqs.create_queue("queue", QUEUE_MAX_BYTES);
    let bucket = s3.bucket("bucket");
    let sluice = |args: &[&str]| {
        let mut command = bench.sluice(args);
        command.envs(environment());
        command.env("AWS_ENDPOINT_URL_KINESIS", &kinesis.endpoint);
        command.env("AWS_ENDPOINT_URL_S3", &s3.endpoint);
        command.env("AWS_ENDPOINT_URL_SQS", &sqs.endpoint);
        measure::run(&mut command)
    };
    let count = EVENTS.to_string();
    sluice(&[
        "generate",
        "--events",
        &count,
        "--seed",
        "7",
        "--to",
        "kinesis:events",
    ])?;
    let run = [
        "run",
        "--source",
        "kinesis:events",
        "--lake",
        "s3://bucket/lake",
    ];
    let how = [
        "--bus",
        bus,
        "--exit-when-caught-up",
        "--http",
        "none",
        "--summary",
        "json",
    ];
    let (cost, output) = sluice(&[&run[..], &how[..]].concat())?;
    let summary: Value = serde_json::from_str(output.trim())?;
    let landed = lines(&bucket.join("lake"))?;
    ensure!(
        summary["records"] == EVENTS && landed == EVENTS,
        "{landed} of {EVENTS} events have landed"
    );
    let events = EVENTS as f64;
    Ok((events / cost.wall, cost.cpu * 1e6 / events))
}
