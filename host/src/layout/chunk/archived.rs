//! The batches of a chunk, kept for the archive.

use sluice_engine::record::Batch;

use super::Chunk;

impl Chunk {
    /// Keeps a batch that was absorbed, if the records are archived.
    pub fn keep_for_archive(&mut self, batch: Batch) {
        if self.rules.pins.archive.is_some() && !batch.is_empty() {
            self.batches.push(batch);
        }
    }

    /// Takes the batches that were kept for the archive.
    #[must_use]
    pub fn take_batches(&mut self) -> Vec<Batch> {
        std::mem::take(&mut self.batches)
    }

    /// The batches that were kept for the archive.
    #[must_use]
    pub fn batches(&self) -> &[Batch] {
        &self.batches
    }
}
