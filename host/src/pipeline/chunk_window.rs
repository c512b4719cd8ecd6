//! The batches that belong to the next chunk.

use sluice_engine::record::{Batch, SequenceNumber};
use tokio::time::{Instant, timeout_at};

use crate::layout::chunk::ChunkLimits;
use crate::ledger::Range;
use crate::pipeline::error::PipelineError;
use crate::source::ShardBatches;

/// Reads batches for a chunk until it is full, or until the pinned range is complete.
pub(super) struct ChunkWindow {
    limits: ChunkLimits,
    range: Option<Range>,
    bytes: u64,
    records: u64,
    last: Option<SequenceNumber>,
    opened_at: Option<Instant>,
    closes_at: Option<Instant>,
    closed: bool,
}

impl ChunkWindow {
    pub(super) fn new(limits: ChunkLimits, range: Option<Range>) -> Self {
        Self {
            limits,
            range,
            bytes: 0,
            records: 0,
            last: None,
            opened_at: None,
            closes_at: None,
            closed: false,
        }
    }

    /// When the first batch arrived.
    pub(super) fn opened_at(&self) -> Option<Instant> {
        self.opened_at
    }

    pub(super) fn is_open(&self) -> bool {
        !self.closed
    }

    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    /// The next batch of the chunk; `None` at the end of the shard, or when a new chunk with records
    /// has reached its age.
    pub(super) async fn next_batch(
        &mut self,
        batches: &mut ShardBatches,
    ) -> Result<Option<Batch>, PipelineError> {
        let next = match self.closes_at {
            None => batches.next().await?,
            Some(deadline) => match timeout_at(deadline, batches.next()).await {
                Ok(next) => next?,
                Err(_elapsed) => None,
            },
        };
        if let Some(batch) = &next {
            self.add(batch)?;
        }
        Ok(next)
    }

    fn add(&mut self, batch: &Batch) -> Result<(), PipelineError> {
        let Some((first, last)) = batch.ledger_span() else {
            return Ok(());
        };
        if self.records == 0 {
            let now = Instant::now();
            self.opened_at = Some(now);
            match self.range {
                Some(range) if range.first != first => {
                    return Err(PipelineError::RangeChanged(range));
                }
                Some(_) => {}
                None => self.closes_at = self.limits.age.map(|age| now + age),
            }
        }
        self.bytes += batch.data().len() as u64;
        self.records += batch.len() as u64;
        self.last = Some(last);
        self.closed = match self.range {
            Some(range) => last >= range.last,
            None => self.bytes >= self.limits.bytes || self.records >= self.limits.records,
        };
        Ok(())
    }

    /// Checks that a pinned range was read exactly as it was pinned; otherwise it must not be
    /// committed.
    pub(super) fn check_complete(&self) -> Result<(), PipelineError> {
        match self.range {
            Some(range) if self.last != Some(range.last) || self.records != range.count => {
                Err(PipelineError::RangeChanged(range))
            }
            _ => Ok(()),
        }
    }
}
