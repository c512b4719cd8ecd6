//! The least time that the job can take: the same function compiled natively on all cores, the same
//! compressor, and the same objects. There is no ledger, no sandbox, no check of results and no
//! digest, and nothing waits for the disk.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::mpsc;
use std::thread;

use anyhow::{Context as _, ensure};
use guest_enrich::Enrichment;
use rayon::prelude::*;
use sluice::format::{ZSTD_DEFAULT_LEVEL, zstd_parameters};
use sluice_engine::record::{BATCH_MAX_BYTES, span};
use sluice_transform::Configured;
use sluice_transform::batch::{RecordBatch, transform_batch};
use zstd::bulk::Compressor;

/// The input of a chunk: the default of `run` for files.
const CHUNK_BYTES: usize = 24 << 20;

/// A buffer of events, and the ranges of each type in it.
struct Sorted {
    data: Vec<u8>,
    of_type: HashMap<String, Vec<std::ops::Range<usize>>>,
}

/// Enriches the events of a file into objects below `lake`, and returns the number of events and
/// objects.
pub(crate) fn run(source: &Path, lake: &Path) -> anyhow::Result<(usize, usize)> {
    let (sender, chunks) = mpsc::sync_channel(1);
    let file = File::open(source).with_context(|| source.display().to_string())?;
    let reader = thread::spawn(move || read(file, &sender));
    let (mut events, mut objects) = (0, 0);
    for (number, chunk) in chunks.iter().enumerate() {
        let (events_more, objects_more) = land(&chunk, number, lake)?;
        events += events_more;
        objects += objects_more;
    }
    match reader.join() {
        Ok(read) => read?,
        Err(_panicked) => anyhow::bail!("the reader panicked"),
    }
    Ok((events, objects))
}

/// Sends chunks of whole lines.
fn read(mut file: File, chunks: &mpsc::SyncSender<Vec<u8>>) -> io::Result<()> {
    let mut rest = Vec::new();
    loop {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES + BATCH_MAX_BYTES);
        chunk.append(&mut rest);
        let wanted = CHUNK_BYTES.saturating_sub(chunk.len()) as u64;
        (&mut file).take(wanted).read_to_end(&mut chunk)?;
        let end = memchr::memrchr(b'\n', &chunk).map_or(chunk.len(), |at| at + 1);
        rest.extend_from_slice(&chunk[end..]);
        chunk.truncate(end);
        if chunk.is_empty() || chunks.send(chunk).is_err() {
            return Ok(());
        }
    }
}

fn land(chunk: &[u8], number: usize, lake: &Path) -> anyhow::Result<(usize, usize)> {
    let blocks = blocks(chunk);
    let sorted = blocks.par_iter().map(|block| sort(block));
    let sorted: Vec<_> = sorted.collect::<anyhow::Result<_>>()?;
    let mut types: Vec<_> = sorted
        .iter()
        .flat_map(|block| block.of_type.keys())
        .collect();
    types.sort_unstable();
    types.dedup();
    let events = types
        .par_iter()
        .map_init(Compressor::default, |compressor, event_type| {
            let path = lake.join(format!("event_type={event_type}"));
            fs::create_dir_all(&path)?;
            put(
                &sorted,
                event_type,
                compressor,
                &path.join(format!("{number}.ndjson.zst")),
            )
        })
        .sum::<anyhow::Result<usize>>()?;
    Ok((events, types.len()))
}

/// Splits a chunk into parts of whole lines.
fn blocks(chunk: &[u8]) -> Vec<&[u8]> {
    let (mut blocks, mut rest) = (Vec::new(), chunk);
    while !rest.is_empty() {
        let about = rest.len().min(BATCH_MAX_BYTES / 4);
        let end = memchr::memchr(b'\n', &rest[about..]).map_or(rest.len(), |at| about + at + 1);
        let (block, more) = rest.split_at(end);
        blocks.push(block);
        rest = more;
    }
    blocks
}

fn sort(block: &[u8]) -> anyhow::Result<Sorted> {
    let ends = memchr::memchr_iter(b'\n', block).map(|at| u32::try_from(at + 1));
    let ends: Vec<u32> = ends.collect::<Result<_, _>>()?;
    let rules = Configured::<Enrichment>::new("{}").map_err(anyhow::Error::msg)?;
    let outcome = transform_batch(&rules, &RecordBatch::new(block, &ends));
    ensure!(outcome.rejections.is_empty(), "an event was rejected");
    let mut of_partition = vec![Vec::new(); outcome.partitions.len()];
    for (event, &partition) in outcome.partition_indexes.iter().enumerate() {
        of_partition[partition as usize].push(span(&outcome.data_ends, event));
    }
    let names = outcome.partitions.into_iter();
    let names = names.filter_map(|columns| Some(columns.into_iter().next()?.1));
    Ok(Sorted {
        data: outcome.data,
        of_type: names.zip(of_partition).collect(),
    })
}

/// Writes the events of a type as one object and returns their number.
fn put(
    sorted: &[Sorted],
    event_type: &str,
    compressor: &mut Compressor<'_>,
    path: &Path,
) -> anyhow::Result<usize> {
    let (mut content, mut events) = (Vec::new(), 0);
    for block in sorted {
        for span in block.of_type.get(event_type).into_iter().flatten() {
            content.extend_from_slice(&block.data[span.clone()]);
            events += 1;
        }
    }
    compressor.set_compression_level(ZSTD_DEFAULT_LEVEL.into())?;
    for parameter in zstd_parameters(ZSTD_DEFAULT_LEVEL.into()) {
        compressor.set_parameter(parameter)?;
    }
    fs::write(path, compressor.compress(&content)?)?;
    Ok(events)
}
