//! Finds the duplicates among the events of the objects, before any of them is written: reads the keys of all of them, sorts
//! them together with those that the table has, and decides on each.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rayon::prelude::*;
use sluice_engine::record::ShardId;
use tokio::sync::mpsc;

use super::context::Context;
use super::dropped::DroppedLines;
use super::error::{FilesError, at};
use super::fetch::send_objects;
use super::source::{Next, Source};
use super::unit::Unit;
use super::{in_threads, on_a_thread};
use crate::table::duplicates::{
    Arrival, Choice, DROPPED, DroppedObject, KeyEntry, KeySorter, KeysWriter, key_hash,
    write_dropped,
};
use crate::table::known_keys::{KnownKeys, KnownKeysError};

/// What an attempt leaves of keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WrittenKeys {
    /// The number of rows that have a key.
    pub keys: u64,
    /// When the events arrived: few times, which may be longer than needed.
    pub arrived_at: Vec<Arrival>,
    /// The number of events that are dropped, by shard.
    pub dropped: BTreeMap<ShardId, u64>,
    /// The local files of the documents, by their names.
    pub documents: Vec<PathBuf>,
}

impl WrittenKeys {
    /// The number of all events that are dropped.
    #[must_use]
    pub fn total_dropped(&self) -> u64 {
        self.dropped.values().sum()
    }
}

/// What is kept and what is dropped.
struct Decided {
    dropped: DroppedLines,
    written: WrittenKeys,
}

/// Finds the duplicates. The context knows them then.
///
/// # Errors
/// [`FilesError`]
pub(super) async fn find_duplicates(
    context: Context,
    known: &KnownKeys,
) -> Result<(Context, WrittenKeys), FilesError> {
    let rule = known.rule().clone();
    let Some(key) = rule.position(context.columns.schema.schema()) else {
        let why =
            "it is the key of the rule for duplicates, and the schema does not have it as one"
                .into();
        let column = rule.key;
        return Err(FilesError::Column { column, why });
    };
    let objects = context.plan.objects.iter();
    let mut arrived: Vec<_> = objects.map(|object| object.arrived).collect();
    arrived.dedup();
    let mut sorter = KeySorter::new(context.folder.clone(), context.limits.keys_bytes);
    let loaded = known.load(arrived.clone(), &mut sorter).await;
    loaded.map_err(|error| match error {
        KnownKeysError::Document(error) => error.into(),
        KnownKeysError::Scratch(error) => at(&context.folder)(error),
    })?;
    let (lake, plan) = (context.lake.clone(), context.plan.clone());
    let limits = context.limits.clone();
    let has_runs = context.partitions.have_event_type();
    let (sender, receiver) = mpsc::channel(1);
    let decide = on_a_thread(move || {
        let decided = in_threads(&context, || {
            read_keys(&context, Source::Objects(receiver), key, &mut sorter)?;
            decide(&context, sorter, rule.window_ms)
        });
        decided.map(|decided| (context, decided))
    });
    let sent = send_objects(lake, &plan, has_runs, &limits, sender).await;
    let decided = decide.await;
    // If the objects cannot be read, the reader of their keys ends without them.
    sent?;
    let (
        mut context,
        Decided {
            dropped,
            mut written,
        },
    ) = decided?;
    context.dropped = dropped;
    written.arrived_at = Arrival::joined(arrived, known.rule().window_ms);
    Ok((context, written))
}

fn read_keys(
    context: &Context,
    mut objects: Source,
    key: usize,
    sorter: &mut KeySorter,
) -> Result<(), FilesError> {
    while let Next::Wave(wave) = objects.next(context, true)? {
        let wave = wave.decode(context)?;
        let units = wave.units.par_iter();
        let entries = units.map(|unit| keys_of(context, &wave.contents, unit, key));
        let entries: Vec<_> = entries.collect::<Result<_, _>>()?;
        for entry in entries.into_iter().flatten() {
            sorter.add(entry).map_err(at(&context.folder))?;
        }
    }
    Ok(())
}

/// The events of a unit that have a key.
fn keys_of(
    context: &Context,
    contents: &[Vec<u8>],
    unit: &Unit,
    key: usize,
) -> Result<Vec<KeyEntry>, FilesError> {
    let (mapper, mut entries) = (context.columns.schema.mapper(), Vec::new());
    unit.for_each(contents, |row, event| {
        let mapped = mapper.map_valid(event).ok();
        let value = mapped
            .as_ref()
            .and_then(|row| row.values.get(key)?.as_ref());
        if let Some(key) = key_hash(value) {
            entries.push(KeyEntry {
                key,
                is_new: true,
                arrived: context.plan.object(row.object).arrived,
                object: row.object,
                line: row.line,
            });
        }
        Ok(())
    })?;
    Ok(entries)
}

/// Decides on all events, and writes the keys of those that are kept and the list of the others.
fn decide(context: &Context, sorter: KeySorter, window: u64) -> Result<Decided, FilesError> {
    let in_folder = || at(&context.folder);
    let mut choice = Choice::new(window);
    let mut keys = KeysWriter::new(context.folder.clone());
    let mut dropped = DroppedLines::new(&context.plan);
    let sorted = sorter.finish(|entry| {
        let is_kept = choice.keeps(entry);
        match (is_kept, entry.is_new) {
            (true, true) => keys.push(entry.key, entry.arrived)?,
            (true, false) => {}
            (false, _) => dropped.insert(entry.object, entry.line),
        }
        context.check_cancelled().map_err(std::io::Error::other)
    });
    sorted.map_err(in_folder())?;
    let (keys, documents) = keys.finish().map_err(in_folder())?;
    let mut written = WrittenKeys {
        keys,
        documents,
        ..WrittenKeys::default()
    };
    for (object, lines) in dropped.by_object() {
        let shard = context.plan.object(object).shard.clone();
        *written.dropped.entry(shard).or_default() += lines.len() as u64;
    }
    if dropped.total() > 0 {
        let path = context.folder.join(DROPPED);
        let objects = dropped.by_object().map(|(object, lines)| {
            let object = context.plan.object(object);
            DroppedObject {
                shard: object.shard.clone(),
                chunk: object.chunk,
                object: object.key.clone(),
                lines,
            }
        });
        write_dropped(&path, objects).map_err(at(&path))?;
        written.documents.push(path);
    }
    Ok(Decided { dropped, written })
}
