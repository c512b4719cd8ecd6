//! Where the rows of a level come from: the objects of the lake, or a file of spilled rows.

use std::collections::VecDeque;
use std::sync::Arc;

use rayon::prelude::*;
use tokio::sync::mpsc::{self, error::TryRecvError};

use super::content::decode;
use super::context::{Context, Limits};
use super::error::FilesError;
use super::fetch::{Delivery, Fetched};
use super::spill::{SpillReader, SpilledRow, SpilledRows, rows_of};
use super::unit::{Splitter, Unit, offset};

/// What is over when the rows of another run come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RunEnd {
    /// Nothing.
    Nothing,
    /// The partitions of the event type that the objects of the run have.
    EventType,
    /// All partitions.
    All,
}

/// What has the events of rows.
pub(super) type Contents = Arc<Vec<Vec<u8>>>;

/// Rows that are processed together.
pub(super) struct Wave {
    pub(super) contents: Contents,
    pub(super) units: Vec<Unit>,
}

/// A wave that is not decoded yet.
pub(super) enum RawWave {
    Objects(Vec<Fetched>),
    Decoded(Wave),
}

/// The next wave, if there is one.
pub(super) enum Next {
    Wave(RawWave),
    /// It has not been read yet.
    Later,
    End,
}

/// The rows of a file, sorted by partition.
pub(super) enum SortedRows {
    Unread(SpillReader),
    /// Those that are left.
    Read(Contents, VecDeque<Unit>),
}

/// Where rows come from.
pub(super) enum Source {
    Objects(mpsc::Receiver<Delivery>),
    /// A file of rows that fits into memory, sorted by partition.
    Sorted(SortedRows),
    /// A file of rows in their order.
    Stream(SpillReader),
}

impl Source {
    /// That of a file of spilled rows.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn spilled(context: &Context, rows: &SpilledRows) -> Result<Self, FilesError> {
        let reader = SpillReader::open(rows)?;
        Ok(match rows.bytes <= context.limits.wave_bytes {
            true => Self::Sorted(SortedRows::Unread(reader)),
            false => Self::Stream(reader),
        })
    }

    pub(super) fn run_end(&self, context: &Context) -> RunEnd {
        match self {
            Self::Objects(_) if context.partitions.have_event_type() => RunEnd::EventType,
            Self::Objects(_) | Self::Stream(_) => RunEnd::Nothing,
            Self::Sorted(_) => RunEnd::All,
        }
    }

    /// The next wave; waits for it if `wait` says so.
    ///
    /// # Errors
    /// The file cannot be read, or the objects cannot.
    pub(super) fn next(&mut self, context: &Context, wait: bool) -> Result<Next, FilesError> {
        context.check_cancelled()?;
        match self {
            Self::Objects(deliveries) => next_objects(deliveries, wait),
            Self::Sorted(rows) => rows.next(context),
            Self::Stream(reader) => {
                let blocks = read_blocks(reader, context.limits.wave_bytes)?;
                let units = units_of(context, 0, &all_rows(&blocks));
                Ok(next_decoded(Arc::new(blocks), units))
            }
        }
    }
}

fn next_objects(deliveries: &mut mpsc::Receiver<Delivery>, wait: bool) -> Result<Next, FilesError> {
    let next = match wait {
        true => deliveries.blocking_recv(),
        false => match deliveries.try_recv() {
            Err(TryRecvError::Empty) => return Ok(Next::Later),
            next => next.ok(),
        },
    };
    match next {
        Some(Delivery::Wave(objects)) => Ok(Next::Wave(RawWave::Objects(objects))),
        Some(Delivery::End) => Ok(Next::End),
        None => Err(FilesError::Cancelled),
    }
}

fn read_blocks(reader: &mut SpillReader, bytes: u64) -> Result<Vec<Vec<u8>>, FilesError> {
    let (mut blocks, mut read) = (Vec::new(), 0);
    while read < bytes {
        let Some(block) = reader.next_block()? else {
            break;
        };
        read += block.len() as u64;
        blocks.push(block);
    }
    Ok(blocks)
}

fn next_decoded(contents: Contents, units: Vec<Unit>) -> Next {
    match units.is_empty() {
        true => Next::End,
        false => Next::Wave(RawWave::Decoded(Wave { contents, units })),
    }
}

impl SortedRows {
    /// The next partitions, as many as fit into a wave with their columns. There can be as many as rows.
    fn next(&mut self, context: &Context) -> Result<Next, FilesError> {
        if let Self::Unread(reader) = self {
            let blocks = read_blocks(reader, u64::MAX)?;
            let units = sorted(context, &blocks).into();
            *self = Self::Read(Arc::new(blocks), units);
        }
        let Self::Read(contents, left) = self else {
            return Ok(Next::End);
        };
        let units = take_wave(left, &context.limits);
        Ok(next_decoded(contents.clone(), units))
    }
}

/// Takes the first units that fit into a wave with their columns.
pub(super) fn take_wave(left: &mut VecDeque<Unit>, limits: &Limits) -> Vec<Unit> {
    let (mut units, mut weight) = (Vec::new(), 0);
    while weight < limits.wave_bytes
        && let Some(unit) = left.pop_front()
    {
        weight += unit.bytes() as u64 + limits.batch_bytes;
        units.push(unit);
    }
    units
}

fn all_rows(blocks: &[Vec<u8>]) -> Vec<SpilledRow> {
    let rows = (0..).zip(blocks);
    rows.flat_map(|(content, block)| rows_of(content, block))
        .collect()
}

/// Units of rows that are sorted by partition, a run for each.
fn sorted(context: &Context, blocks: &[Vec<u8>]) -> Vec<Unit> {
    let mut rows = all_rows(blocks);
    rows.sort_by_key(|(hash, row)| (*hash, row.object, row.line));
    let partitions = (0..).zip(rows.chunk_by(|(one, _), (other, _)| one == other));
    let units = partitions.flat_map(|(run, rows)| units_of(context, run, rows));
    units.collect()
}

/// Units of about the same size.
fn units_of(context: &Context, run: u32, rows: &[SpilledRow]) -> Vec<Unit> {
    let (mut units, mut unit, mut bytes) = (Vec::new(), Vec::new(), 0);
    for (_, row) in rows {
        unit.push(*row);
        bytes += (row.end - row.start) as usize;
        if bytes >= context.limits.unit_bytes {
            units.push(Unit::of_rows(run, std::mem::take(&mut unit)));
            bytes = 0;
        }
    }
    if !unit.is_empty() {
        units.push(Unit::of_rows(run, unit));
    }
    units
}

impl RawWave {
    /// Decodes its objects, and checks them.
    ///
    /// # Errors
    /// [`FilesError::Damaged`]
    pub(super) fn decode(self, context: &Context) -> Result<Wave, FilesError> {
        let objects = match self {
            Self::Decoded(wave) => return Ok(wave),
            Self::Objects(objects) => objects,
        };
        let decoded = objects.par_iter().map(|fetched| decode(context, fetched));
        let contents = decoded.collect::<Result<Vec<_>, _>>()?;
        let mut splitter = Splitter::new(context.limits.unit_bytes);
        for (position, (fetched, lines)) in objects.iter().zip(&contents).enumerate() {
            let run = match context.partitions.have_event_type() {
                true => context.plan.object(fetched.object).partition,
                false => 0,
            };
            splitter.add(run, fetched.object, offset(position), lines);
        }
        Ok(Wave {
            contents: Arc::new(contents),
            units: splitter.finish(),
        })
    }
}
