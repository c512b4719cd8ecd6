//! The parts of the hot path, each alone on one thread.

#![allow(
    clippy::print_stderr,
    reason = "a benchmark may panic if nobody reads its results"
)]
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic ends the bench and names the place"
)]

#[path = "../events.rs"]
mod events;

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use guest_enrich::Enrichment;
use sluice::config::TransformChoice;
use sluice::format::{ByteSpan, Format, Level, Rows, encode};
use sluice::ledger::pins::Pins;
use sluice::ledger::resource_faults::ResourceFaults;
use sluice::ledger::{Ledger, Pending, Range};
use sluice::source::aggregate::{Aggregator, unpack};
use sluice::tools::author::component;
use sluice_engine::digest::Digest;
use sluice_engine::limits::JsonProfile;
use sluice_engine::outcome::Routes;
use sluice_engine::outcome::Transformed;
use sluice_engine::output_validation::JsonChecker;
use sluice_engine::record::{BATCH_MAX_RECORDS, Batch};
use sluice_release::admission::Release;
use sluice_schema::{Inference, Mapper};
use sluice_transform::Configured;
use sluice_transform::batch::{RecordBatch, transform_batch};

/// The size limit of an aggregate of the producer library, bytes.
const AGGREGATE_MAX_BYTES: usize = 50 << 10;

fn batch() -> Batch {
    let records = BATCH_MAX_RECORDS as u64;
    events::batches(1, records).unwrap().remove(0)
}

fn release() -> Release {
    let engine = component::engine(1).unwrap();
    component::admitted(&engine, &TransformChoice::default()).unwrap()
}

/// The events of an outcome, in order.
fn lines(outcome: &Transformed) -> Vec<&[u8]> {
    let events = outcome.events.iter();
    let lines = events.map(|event| &outcome.data[event.start as usize..event.end as usize]);
    lines.collect()
}

fn enrichment(criterion: &mut Criterion) {
    let (batch, release) = (batch(), release());
    let rules = Configured::<Enrichment>::new("{}").unwrap();
    let mut group = criterion.benchmark_group("enrichment of 1,000 records");
    group.throughput(Throughput::Elements(batch.len() as u64));
    group.bench_function("native", |bencher| {
        let batch = RecordBatch::new(batch.data(), batch.data_ends());
        bencher.iter(|| transform_batch(&rules, black_box(&batch)));
    });
    group.bench_function("sandbox, batch", |bencher| {
        bencher.iter(|| release.run(black_box(&batch), &[]).unwrap());
    });
    group.bench_function("sandbox, record by record", |bencher| {
        bencher.iter(|| release.program().run_per_record(black_box(&batch)).unwrap());
    });
    group.finish();
    criterion.bench_function("fresh instance with its configuration", |bencher| {
        bencher.iter(|| release.program().check_transform_config().unwrap());
    });
}

fn results(criterion: &mut Criterion) {
    let (batch, release) = (batch(), release());
    let outcome = release.run(&batch, &[]).unwrap();
    let lines = lines(&outcome);
    let mut group = criterion.benchmark_group("results of 1,000 records");
    group.throughput(Throughput::Elements(batch.len() as u64));
    let routes = Routes {
        lake: true,
        bus: true,
    };
    for (name, profile) in [
        ("check that they are JSON", JsonProfile::Any),
        (
            "check that they are interoperable JSON",
            JsonProfile::Interoperable,
        ),
    ] {
        let mut checker = JsonChecker::new(profile);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                for line in black_box(&lines) {
                    checker.check(line, routes).unwrap();
                }
            });
        });
    }
    group.bench_function("encode as one object", |bencher| {
        let spans = outcome.events.iter().map(|event| ByteSpan {
            buffer: 0,
            start: event.start,
            end: event.end,
        });
        let spans: Vec<_> = spans.collect();
        let rows = Rows::new(std::slice::from_ref(&outcome.data), &spans);
        bencher.iter(|| encode(Format::default(), Level::default(), black_box(rows)).unwrap());
    });
    group.finish();
}

fn ledger(criterion: &mut Criterion) {
    let batch = batch();
    let digest = Digest::of(batch.record(0).data);
    let pending = Pending {
        range: Range {
            first: batch.positions()[0].sequence,
            last: batch.positions()[batch.len() - 1].sequence,
            count: batch.len() as u64,
        },
        release: digest,
        pins: Pins::default(),
        resource_faults: ResourceFaults::default(),
    };
    let settled = Ledger::new(batch.shard().clone());
    criterion.bench_function("ledger: pin, write, read, commit, write", |bencher| {
        bencher.iter(|| {
            let pinned = settled.pin(pending.clone()).unwrap();
            let written = serde_json::to_vec(&pinned).unwrap();
            let read: Ledger = serde_json::from_slice(&written).unwrap();
            let read = read.check(batch.shard()).unwrap();
            let committed = read.commit(pending.range, digest).unwrap();
            serde_json::to_vec(&committed).unwrap()
        });
    });
}

fn aggregates(criterion: &mut Criterion) {
    let (batch, mut aggregator) = (batch(), Aggregator::new(AGGREGATE_MAX_BYTES));
    let mut count = 0;
    for record in batch.records() {
        let key = count.to_string();
        if !aggregator.fits(&key, record.data.len()) {
            break;
        }
        aggregator.push(&key, record.data);
        count += 1;
    }
    let (_, data) = aggregator.finish().unwrap();
    let data = Bytes::from(data);
    let mut group = criterion.benchmark_group("aggregate of 50 KiB");
    group.throughput(Throughput::Elements(count));
    group.bench_function("unpack", |bencher| {
        bencher.iter(|| unpack(black_box(&data)));
    });
    group.finish();
}

/// The enriched events, as they are in a lake.
fn schema(criterion: &mut Criterion) {
    let (batch, release) = (batch(), release());
    let outcome = release.run(&batch, &[]).unwrap();
    let lines = lines(&outcome);
    let infer = |inference: &mut Inference| {
        for line in black_box(&lines) {
            inference.add(line, None).unwrap();
        }
    };
    let mut inference = Inference::default();
    infer(&mut inference);
    let mapper = Mapper::new(&inference.schema());
    let mut group = criterion.benchmark_group("schema of 1,000 events");
    group.throughput(Throughput::Elements(lines.len() as u64));
    group.bench_function("infer", |bencher| bencher.iter(|| infer(&mut inference)));
    group.bench_function("map to columns", |bencher| {
        bencher.iter(|| {
            for line in black_box(&lines) {
                black_box(mapper.map(line).unwrap());
            }
        });
    });
    group.bench_function("map to columns, and put together again", |bencher| {
        bencher.iter(|| {
            for line in black_box(&lines) {
                let row = mapper.map(line).unwrap();
                black_box(mapper.assemble(&row.values, row.rest.as_deref()).unwrap());
            }
        });
    });
    group.finish();
}

criterion_group!(parts, enrichment, results, ledger, aggregates, schema);
criterion_main!(parts);
