//! Sends the batches of a file to the run, with the content up to the end of each.
//!
//! If the size of a file does not say how much it holds, the last batch says that nothing follows it
//! ([`FilePrefix::is_whole`]), so that a later run does not have to read the file to know it. To know which batch is the
//! last one, a full batch is held back until there is another record, or the end.

use std::sync::Arc;

use sluice_engine::record::Batch;

use super::reading::FileReading;
use crate::ledger::source_file::FilePrefix;
use crate::source::SourceError;
use crate::source::batch_channel::{BatchSender, ReceiverGone};

/// The batches of a file on their way.
pub(super) struct FileBatchSender {
    reading: Arc<FileReading>,
    sender: BatchSender,
    marks_end: bool,
    held: Option<(Batch, FilePrefix)>,
}

impl FileBatchSender {
    /// Sends batches through a channel. `marks_end`: the last batch says that it is the last one.
    pub(super) fn new(reading: Arc<FileReading>, sender: BatchSender, marks_end: bool) -> Self {
        Self {
            reading,
            sender,
            marks_end,
            held: None,
        }
    }

    /// What is known of the file.
    pub(super) fn reading(&self) -> &FileReading {
        &self.reading
    }

    /// Sends a batch, after which there is this content of the file.
    pub(super) fn send(&mut self, batch: Batch, prefix: FilePrefix) -> Result<(), ReceiverGone> {
        self.go_on()?;
        self.held = Some((batch, prefix));
        match self.marks_end {
            true => Ok(()),
            false => self.go_on(),
        }
    }

    /// Says that more records follow, or can follow.
    pub(super) fn go_on(&mut self) -> Result<(), ReceiverGone> {
        match self.held.take() {
            Some((batch, prefix)) => self.deliver(batch, Some(prefix)),
            None => Ok(()),
        }
    }

    /// Ends with what is left, which may be blank lines only. `is_whole`: the end of the content is reached.
    pub(super) fn end(
        &mut self,
        rest: Batch,
        prefix: FilePrefix,
        is_whole: bool,
    ) -> Result<(), ReceiverGone> {
        let is_blank = rest.is_empty();
        let rest = match is_blank {
            true => Some(rest),
            false => {
                self.go_on()?;
                self.held = Some((rest, prefix));
                None
            }
        };
        if let Some((batch, mut prefix)) = self.held.take() {
            prefix.is_whole = is_whole && self.marks_end;
            self.deliver(batch, Some(prefix))?;
        }
        match rest.filter(|rest| rest.skipped() > 0) {
            Some(blank) => self.deliver(blank, None),
            None => Ok(()),
        }
    }

    /// Sends an error after all batches before it.
    pub(super) fn fail(&mut self, error: SourceError) -> Result<(), ReceiverGone> {
        self.go_on()?;
        self.sender.blocking_fail(error);
        Ok(())
    }

    fn deliver(&self, batch: Batch, prefix: Option<FilePrefix>) -> Result<(), ReceiverGone> {
        if let Some((last, prefix)) = batch.positions().last().zip(prefix) {
            self.reading.add(last.sequence, prefix);
        }
        self.sender.blocking_send(batch)
    }
}
