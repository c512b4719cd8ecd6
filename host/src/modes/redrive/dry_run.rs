//! Transforms the records of a redrive without writing anything.

use std::sync::Arc;

use super::Redrive;
use crate::layout::chunk::ChunkCounts;
use crate::pipeline::{ChunkSpec, build, try_encoding};
use crate::redrive::RedriveDocument;
use crate::source::redrive::Claiming;
use crate::source::{ResumePoint, Source as _};

impl Redrive<'_> {
    /// Transforms the records of a list that are not committed, and counts what would become of them. Events are encoded in
    /// memory if they have columns, to count what no column has.
    ///
    /// # Errors
    /// The lake cannot be read, or the release fails outside of any record.
    pub(super) async fn try_rules(
        &self,
        document: Arc<RedriveDocument>,
        is_stored: bool,
    ) -> anyhow::Result<ChunkCounts> {
        let from = match is_stored {
            true => ResumePoint::of(&self.targets.ledger(document.id.shard()).await?),
            false => ResumePoint::default(),
        };
        let mut batches = self.source(document, Claiming::Look).read(&from)?;
        let new_chunks = self.rules.untargeted_chunks(self.targets.messages().await?);
        let mut counts = ChunkCounts::default();
        loop {
            let (limits, spec) = (self.context.chunk_limits(), ChunkSpec::New(&new_chunks));
            match build(&self.context, limits, &mut batches, spec, None).await? {
                Some(built) => {
                    counts.absorb(built.chunk.counts());
                    try_encoding(&self.context, built.chunk).await?;
                }
                None => return Ok(counts),
            }
        }
    }
}
