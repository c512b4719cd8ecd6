//! Finds the ledger of a file: by its path, or by its content if it was renamed, moved or compressed.
//!
//! ```text
//! a ledger of this path and first line ──▶ it goes on
//! otherwise, of the ledgers with the same first line:
//!   one whose committed part the file begins with, and whose own file is gone ──▶ it goes on under the new path
//!   one whose committed part the file begins with, and whose own file is there ──▶ an error: a copy
//!   none ──▶ a new ledger
//! ```
//!
//! The names of ledgers end with a digest of the first line, so the lake is listed once a run and only ledgers with
//! the same first line are read.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use sluice_engine::record::ShardId;
use thiserror::Error;

use super::targets::Targets;
use crate::layout::object_key::METADATA_FOLDER;
use crate::ledger::Ledger;
use crate::ledger::source_file::{FileName, FilePrefix};
use crate::source::SourceError;
use crate::source::file::{OpenFile, is_elsewhere, matching, still_holds};

/// The number of ledgers that are read at once.
const READS_AT_ONCE: usize = 8;

/// Why the ledger of a file is not certain. Nothing of the file was read or written.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// Another file with this content has landed, and is still there.
    #[error(
        "it begins with all that has landed of {other}, which is still there; leave one of the two out, or land \
         this one as a source of its own with --source-name NAME"
    )]
    Copy {
        /// What the other file is known by.
        other: FileName,
    },
    /// A source with a name has landed this content.
    #[error(
        "it begins with all that has landed of {other}; give --source-name with that name to go on with it, or with \
         another name to land this file as a source of its own"
    )]
    Named {
        /// The source.
        other: FileName,
    },
    /// Several files that are gone had the content that this one begins with.
    #[error(
        "it begins with all that has landed of {first}, and of {second}, and neither is still there; rename it to \
         the one that it was, or land it as a source of its own with --source-name NAME"
    )]
    Ambiguous {
        /// What one of the files was known by.
        first: FileName,
        /// What another one was known by.
        second: FileName,
    },
    /// A file with the same first line was interrupted in its first chunk, and is gone.
    #[error(
        "it has the same first line as {other}, which is gone and has a pending chunk; if it is that file, rename \
         it back and run again, otherwise land it as a source of its own with --source-name NAME"
    )]
    Interrupted {
        /// What the other file was known by.
        other: FileName,
    },
    /// The ledger of this path has gone on with a file that was moved.
    #[error(
        "the ledger {shard} of this path and first line belongs to {other}; land this file as a source of its own \
         with --source-name NAME"
    )]
    Taken {
        /// The ledger's shard.
        shard: ShardId,
        /// What its file is known by.
        other: FileName,
    },
}

/// The ledger that a file goes on with.
#[derive(Debug)]
pub struct Found {
    /// The ledger as it was read, which may be new.
    pub ledger: Ledger,
    /// What the ledger knew the file by, if that has changed.
    pub moved_from: Option<FileName>,
}

/// The ledgers of files of a lake.
#[derive(Default)]
pub struct KnownFiles {
    /// The shards that have a ledger, once they are listed.
    listed: Option<BTreeSet<ShardId>>,
    /// Ledgers that were read, by the end of their names.
    by_head: HashMap<String, Vec<Ledger>>,
}

impl KnownFiles {
    /// Finds the ledger of a file.
    ///
    /// # Errors
    /// [`IdentityError`], or the lake or a file cannot be read.
    pub async fn find(&mut self, targets: &Targets, opened: &OpenFile) -> anyhow::Result<Found> {
        let own = targets.ledger(opened.shard()).await?;
        let is_new = own.committed().is_none() && own.pending().is_none();
        let taken_by = own.file().filter(|file| *file != opened.known_as());
        let taken_by = taken_by.cloned();
        if taken_by.is_none() && !is_new {
            return Ok(Found::unchanged(own));
        }
        if let (FileName::Path(path), Some(regular)) = (opened.known_as(), opened.regular()) {
            let alike = self.alike(targets, opened.head_suffix()).await?;
            let alike: Vec<_> = alike
                .iter()
                .filter(|ledger| ledger.file().is_some())
                .collect();
            if let Some(ledger) = alike.iter().find(|l| l.file() == Some(opened.known_as())) {
                return Ok(Found::unchanged((*ledger).clone()));
            }
            if let Some(ledger) = continued(path, regular, &alike)? {
                return Ok(Found {
                    moved_from: ledger.file().cloned(),
                    ledger: ledger.clone(),
                });
            }
        }
        match taken_by {
            Some(other) => {
                let shard = own.shard().clone();
                Err(IdentityError::Taken { shard, other }.into())
            }
            None => Ok(Found::unchanged(own)),
        }
    }

    /// Notes what the ledger of a file whose shards end with `suffix` is now.
    pub fn update(&mut self, suffix: &str, ledger: Ledger) {
        if let Some(listed) = &mut self.listed {
            listed.insert(ledger.shard().clone());
        }
        if let Some(ledgers) = self.by_head.get_mut(suffix) {
            ledgers.retain(|known| known.shard() != ledger.shard());
            ledgers.push(ledger);
        }
    }

    /// The ledgers whose names end with `suffix`.
    async fn alike(&mut self, targets: &Targets, suffix: &str) -> anyhow::Result<&[Ledger]> {
        if self.listed.is_none() {
            self.listed = Some(list(targets).await?);
        }
        if !self.by_head.contains_key(suffix) {
            let shards = self.listed.iter().flatten();
            let alike = shards.filter(|shard| shard.as_str().ends_with(suffix));
            let reads = stream::iter(alike).map(|shard| targets.ledger(shard));
            let ledgers = reads.buffered(READS_AT_ONCE).try_collect().await?;
            self.by_head.insert(suffix.to_owned(), ledgers);
        }
        Ok(self.by_head.get(suffix).map_or(&[], Vec::as_slice))
    }
}

impl Found {
    fn unchanged(ledger: Ledger) -> Self {
        Self {
            ledger,
            moved_from: None,
        }
    }
}

async fn list(targets: &Targets) -> anyhow::Result<BTreeSet<ShardId>> {
    let mut shards = BTreeSet::new();
    let folder = format!("{METADATA_FOLDER}/ledger/");
    let mut found = |name: &str| {
        let shard = name.strip_suffix(".json").map(ShardId::new);
        shards.extend(shard.into_iter().flatten());
    };
    targets
        .lake_store()
        .await?
        .list(&folder, &mut found)
        .await?;
    Ok(shards)
}

/// The ledger that the file at `path` goes on with because it was moved from another one.
fn continued<'a>(
    path: &str,
    regular: &Path,
    alike: &[&'a Ledger],
) -> anyhow::Result<Option<&'a Ledger>> {
    refuse_interrupted(path, alike)?;
    let with_prefix = |ledger: &&'a Ledger| Some((*ledger, ledger.committed()?.file?));
    let landed: Vec<(&Ledger, FilePrefix)> = alike.iter().filter_map(with_prefix).collect();
    if landed.is_empty() {
        return Ok(None);
    }
    let prefixes: Vec<_> = landed.iter().map(|(_, prefix)| *prefix).collect();
    let mut gone = Vec::new();
    let matching = matching(regular, &prefixes);
    for at in matching.map_err(|source| unreadable(path, source))? {
        let (ledger, prefix) = landed[at];
        match ledger.file() {
            Some(FileName::Path(other)) if is_gone(other, &prefix, path)? => gone.push(ledger),
            Some(other @ FileName::Path(_)) => {
                let other = other.clone();
                return Err(IdentityError::Copy { other }.into());
            }
            Some(other @ FileName::Name(_)) => {
                let other = other.clone();
                return Err(IdentityError::Named { other }.into());
            }
            None => {}
        }
    }
    match gone[..] {
        [] => Ok(None),
        [ledger] => Ok(Some(ledger)),
        [first, second, ..] => Err(ambiguous(first, second).into()),
    }
}

fn ambiguous(first: &Ledger, second: &Ledger) -> IdentityError {
    let name = |ledger: &Ledger| {
        let unnamed = || FileName::Name(ledger.shard().to_string());
        ledger.file().cloned().unwrap_or_else(unnamed)
    };
    IdentityError::Ambiguous {
        first: name(first),
        second: name(second),
    }
}

/// Whether the file at `other` is not there any more, has other content now, or is a link to the one at `path`.
fn is_gone(other: &str, prefix: &FilePrefix, path: &str) -> Result<bool, SourceError> {
    let file = Path::new(other);
    let is_gone =
        is_elsewhere(file, path).and_then(|elsewhere| Ok(elsewhere || !still_holds(file, prefix)?));
    is_gone.map_err(|source| unreadable(other, source))
}

/// A file that has to be read to know which ledger a file goes on with.
fn unreadable(path: &str, source: std::io::Error) -> SourceError {
    let name = path.to_owned();
    SourceError::Io { name, source }
}

/// A file with the same first line of which nothing is committed could be this one, and nothing tells.
fn refuse_interrupted(path: &str, alike: &[&Ledger]) -> anyhow::Result<()> {
    let nothing_committed =
        |ledger: &&&Ledger| ledger.committed().is_none() && ledger.pending().is_some();
    for ledger in alike.iter().filter(nothing_committed) {
        if let Some(other @ FileName::Path(there)) = ledger.file()
            && is_elsewhere(Path::new(there), path).map_err(|source| unreadable(there, source))?
        {
            let other = other.clone();
            return Err(IdentityError::Interrupted { other }.into());
        }
    }
    Ok(())
}
