//! Finds the files of a folder that need not be opened: all of them has landed, and they are unchanged.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use sluice_engine::record::ShardId;

use super::listed::Listed;
use super::{KnownFiles, READS_AT_ONCE};
use crate::ledger::Ledger;
use crate::ledger::store::StoreError;
use crate::modes::targets::Targets;
use crate::source::file::{ClosedFile, Location, SourceFile};

/// The most ledgers that are read to find the one of a file. A path has more than one if another file was there before,
/// as with rotated logs; the file itself then says which one it needs.
const LEDGERS_MAX: usize = 4;

impl KnownFiles {
    /// The ledgers of those files that were found in folders, are unchanged, and of which all has landed; `None` for
    /// the others. No file is opened. A ledger is read once, and the lake is listed once a run.
    ///
    /// # Errors
    /// The lake cannot be read.
    pub async fn landed(
        &mut self,
        targets: &Targets,
        files: &[SourceFile],
    ) -> anyhow::Result<Vec<Option<Ledger>>> {
        if !files.iter().any(|file| file.is_listed) {
            return Ok(vec![None; files.len()]);
        }
        let folders = &mut self.folders;
        let closed = files.iter().map(|file| match file.is_listed {
            true => ClosedFile::at(&file.location, folders),
            false => None,
        });
        let closed: Vec<_> = closed.collect();
        let listed = self.listed(targets).await?;
        let reads = stream::iter(closed).map(move |closed| async move {
            match closed {
                Some(closed) => ledger_of(targets, listed, &closed).await,
                None => Ok(None),
            }
        });
        Ok(reads.buffered(READS_AT_ONCE).try_collect().await?)
    }
}

impl KnownFiles {
    /// The ledgers of a location, whatever its first line was.
    ///
    /// # Errors
    /// The lake cannot be read.
    pub async fn earlier(
        &mut self,
        targets: &Targets,
        location: &Location,
    ) -> anyhow::Result<Vec<Ledger>> {
        let Some(closed) = ClosedFile::at(location, &mut self.folders) else {
            return Ok(Vec::new());
        };
        let begin = closed.name_prefix();
        let listed = self.listed(targets).await?;
        let reads = stream::iter(listed.beginning_with(&begin)).map(|shard| targets.ledger(shard));
        let ledgers: Vec<Ledger> = reads.buffered(READS_AT_ONCE).try_collect().await?;
        let is_its = |ledger: &Ledger| ledger.file() == Some(closed.known_as());
        Ok(ledgers.into_iter().filter(is_its).collect())
    }
}

async fn ledger_of(
    targets: &Targets,
    listed: &Listed,
    file: &ClosedFile,
) -> Result<Option<Ledger>, StoreError> {
    let begin = file.name_prefix();
    let shards = listed.beginning_with(&begin).take(LEDGERS_MAX + 1);
    let shards: Vec<&ShardId> = shards.collect();
    if shards.len() > LEDGERS_MAX {
        return Ok(None);
    }
    for shard in shards {
        match targets.ledger(shard).await {
            Ok(ledger) if file.has_landed(&ledger) => return Ok(Some(ledger)),
            // Opening the file says what is wrong with a damaged ledger.
            Ok(_) | Err(StoreError::Damaged { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}
