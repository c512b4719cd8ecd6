//! Writes the rows of one source: those of a few partitions to files, and the others to files of spilled rows, which are
//! the sources of the next level.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::TableFile;
use super::context::{Context, WRITERS_MAX};
use super::encoding::OpenPartition;
use super::error::FilesError;
use super::partition::PartitionKey;
use super::rows::{MappedUnit, RowSet, Wanted, map_unit};
use super::source::{Contents, Next, RawWave, RunEnd, Source};
use super::spill::{Spill, SpilledRows};
use crate::format::parquet::UnmappedValues;

/// What was written.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) files: Vec<TableFile>,
    pub(super) rows: u64,
    pub(super) unmapped: UnmappedValues,
}

/// The work on one source.
struct Level<'a> {
    context: &'a Context,
    outcome: &'a mut Outcome,
    run_end: RunEnd,
    /// The run of the rows before.
    run: Option<u32>,
    open: Vec<OpenPartition>,
    /// Partitions that get no more rows.
    closing: Vec<OpenPartition>,
    spill: Spill,
}

/// A wave whose rows are mapped.
struct MappedWave {
    contents: Contents,
    units: Vec<MappedUnit>,
}

/// Writes all rows of the objects.
///
/// # Errors
/// [`FilesError`]
pub(super) fn write_all(context: &Context, objects: Source) -> Result<Outcome, FilesError> {
    let mut outcome = Outcome::default();
    let mut spilled = write_level(context, objects, 0, &mut outcome)?;
    while let Some(rows) = spilled.pop() {
        let source = Source::spilled(context, &rows)?;
        let deeper = write_level(context, source, rows.depth + 1, &mut outcome)?;
        spilled.extend(deeper);
    }
    Ok(outcome)
}

fn write_level(
    context: &Context,
    source: Source,
    depth: u32,
    outcome: &mut Outcome,
) -> Result<Vec<SpilledRows>, FilesError> {
    let level = Level {
        context,
        outcome,
        run_end: source.run_end(context),
        run: None,
        open: Vec::new(),
        closing: Vec::new(),
        spill: Spill::new(context, depth),
    };
    level.run(source)
}

impl Level<'_> {
    /// Maps each wave while the one before is encoded.
    fn run(mut self, mut source: Source) -> Result<Vec<SpilledRows>, FilesError> {
        loop {
            let wave = match source.next(self.context, false)? {
                Next::Later => {
                    self.encode()?;
                    source.next(self.context, true)?
                }
                next => next,
            };
            let Next::Wave(wave) = wave else { break };
            let (context, wanted) = (self.context, self.wanted());
            let (mapped, encoded) =
                rayon::join(|| map_wave(context, wave, &wanted), || self.encode());
            encoded?;
            self.assign(mapped?);
        }
        self.closing.append(&mut self.open);
        self.encode()?;
        self.spill.finish(self.context)
    }

    /// The partitions whose rows are mapped to columns at once.
    fn wanted(&self) -> Wanted {
        let others = match self.run_end {
            RunEnd::Nothing => WRITERS_MAX - self.open.len(),
            // Some of those that are open will be over by then.
            RunEnd::EventType | RunEnd::All => WRITERS_MAX,
        };
        let open = self.open.iter().map(|open| open.key.clone());
        Wanted {
            open: open.collect(),
            others,
        }
    }

    /// Gives rows to their open partitions, and spills the others.
    fn assign(&mut self, wave: MappedWave) {
        let MappedWave { contents, units } = wave;
        let mut units = units.into_iter().peekable();
        while let Some(first) = units.next() {
            let mut of_run = vec![first];
            while let Some(next) = units.next_if(|next| next.run == of_run[0].run) {
                of_run.push(next);
            }
            self.start_run(of_run[0].run);
            self.open_partitions(&of_run);
            for unit in of_run {
                for set in unit.sets {
                    self.assign_set(&contents, set);
                }
                for (hash, row) in unit.spilled {
                    self.spill.add(hash, row, row.event(&contents));
                }
            }
        }
    }

    fn assign_set(&mut self, contents: &[Vec<u8>], set: RowSet) {
        match self.open.iter_mut().find(|open| open.key == set.key) {
            Some(open) => {
                self.outcome.rows += set.batch.num_rows() as u64;
                self.outcome.unmapped.absorb(&set.unmapped);
                open.push(set.batch, set.bytes);
            }
            None => {
                let hash = set.key.hash();
                for row in set.refs {
                    self.spill.add(hash, row, row.event(contents));
                }
            }
        }
    }

    /// Closes the partitions that are over with the run before.
    fn start_run(&mut self, run: u32) {
        let Some(before) = self.run.replace(run).filter(|before| *before != run) else {
            return;
        };
        let over = match self.run_end {
            RunEnd::Nothing => return,
            RunEnd::All => None,
            RunEnd::EventType => match self.context.plan.event_type(before) {
                Some(event_type) => Some(event_type),
                None => return,
            },
        };
        let is_over = |open: &mut OpenPartition| {
            let event_type = open.key.event_type.as_deref().unwrap_or_default();
            over.is_none_or(|over| over == event_type)
        };
        self.closing.extend(self.open.extract_if(.., is_over));
    }

    /// Opens partitions while there is room, those with the most rows first.
    fn open_partitions(&mut self, units: &[MappedUnit]) {
        let room = WRITERS_MAX - self.open.len();
        if room == 0 {
            return;
        }
        let mut rows: BTreeMap<&PartitionKey, usize> = BTreeMap::new();
        for set in units.iter().flat_map(|unit| &unit.sets) {
            let is_open = self.open.iter().any(|open| open.key == set.key);
            if !is_open && !self.has_passed(&set.key) {
                *rows.entry(&set.key).or_default() += set.batch.num_rows();
            }
        }
        let mut keys: Vec<_> = rows.into_iter().collect();
        keys.sort_by_key(|(_, rows)| std::cmp::Reverse(*rows));
        let keys = keys.into_iter().take(room);
        self.open
            .extend(keys.map(|(key, _)| OpenPartition::new(key.clone())));
    }

    /// Whether the objects of an event type are over: rows of it that come later have no more files of their own here.
    fn has_passed(&self, key: &PartitionKey) -> bool {
        let current = self.run.and_then(|run| self.context.plan.event_type(run));
        match (self.run_end, current, &key.event_type) {
            (RunEnd::EventType, Some(current), Some(event_type)) => event_type.as_str() < current,
            _ => false,
        }
    }

    /// Encodes the rows that were assigned, and writes those that were spilled.
    fn encode(&mut self) -> Result<(), FilesError> {
        let context = self.context;
        let closing = std::mem::take(&mut self.closing);
        let (open, spill) = (&mut self.open, &mut self.spill);
        let encode_open = || {
            let files = open.par_iter_mut().map(|open| open.encode(context));
            files.collect::<Result<Vec<_>, _>>()
        };
        let encode_closing = || {
            let files = closing.into_par_iter().map(|open| open.finish(context));
            files.collect::<Result<Vec<_>, _>>()
        };
        let ((closed, full), spilled) = rayon::join(
            || rayon::join(encode_closing, encode_open),
            || spill.write(context),
        );
        for files in closed?.into_iter().chain(full?) {
            self.outcome.files.extend(files);
        }
        spilled?;
        self.bound_memory()
    }

    /// Ends row groups, the largest first, until the open ones fit into the memory.
    fn bound_memory(&mut self) -> Result<(), FilesError> {
        let mut memory: usize = self.open.iter().map(OpenPartition::memory).sum();
        while memory > self.context.limits.writers_bytes {
            let Some(largest) = self.open.iter_mut().max_by_key(|open| open.memory()) else {
                break;
            };
            memory -= largest.memory();
            largest.end_group()?;
        }
        Ok(())
    }
}

/// Decodes and maps a wave on all threads.
fn map_wave(context: &Context, wave: RawWave, wanted: &Wanted) -> Result<MappedWave, FilesError> {
    let wave = wave.decode(context)?;
    let units = wave.units.par_iter();
    let mapped = units.map(|unit| map_unit(context, &wave.contents, unit, wanted));
    Ok(MappedWave {
        units: mapped.collect::<Result<_, _>>()?,
        contents: wave.contents,
    })
}
