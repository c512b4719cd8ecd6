//! Finds the ledger of a file: by its path, or by its content if it was renamed, moved or compressed.
//!
//! ```text
//! a ledger of this path and first line ──▶ it goes on, if its committed part is there
//! otherwise, of the ledgers with the same first line:
//!   one whose committed part the file begins with, and whose own file is gone ──▶ it goes on under the new path
//!   one whose committed part the file begins with, and whose own file is there ──▶ an error: a copy
//!   none ──▶ a new ledger, unless the path has one whose file only got another first line
//! ```
//!
//! The names of ledgers end with a digest of the first line, so the lake is listed once a run and only ledgers with
//! the same first line are read. They begin with a digest of the path, so the files of a folder that have landed and
//! are unchanged are found without opening them ([`landed`](KnownFiles::landed)).
//!
//! An object of S3 is known by its key alone. It is not searched for by its content, and neither is a file among
//! objects.

mod landed;
mod left_behind;
mod listed;

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use sluice_engine::record::ShardId;
use thiserror::Error;

use self::listed::Listed;
use super::targets::Targets;
use crate::ledger::Ledger;
use crate::ledger::source_file::{FileName, FilePrefix};
use crate::source::SourceError;
use crate::source::file::{CanonicalFolders, OpenFile, SourceRecords, is_elsewhere, still_holds};

/// The number of ledgers that are read at once.
const READS_AT_ONCE: usize = 8;

/// The earlier files at a path that a new one is compared with, the last ones.
const EARLIER_COMPARED: usize = 8;

/// The first lines whose ledgers are kept in memory. Those of others are read again.
const HEADS_KEPT: usize = 256;

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
    /// Another run has begun to read a file with the same first line, and has pinned nothing yet.
    #[error(
        "another run is reading a file with the same first line (shard {0}), and it is not known yet whether it is \
         this one; run again when that run has ended"
    )]
    Busy(ShardId),
    /// A shard of an archive has the records of a file that has landed.
    #[error(
        "it has the records of a file, and the lake has landed them from that file; go on with the file, or land the archive in \
         another lake"
    )]
    OfFile,
    /// The file at this path has another first line than before, and the rest is the same.
    #[error(
        "its first line has changed, and its record {records} is still the last one that landed before; restore \
         the line, or land the whole file again as a source of its own with --source-name NAME"
    )]
    Edited {
        /// The number of records that have landed.
        records: u64,
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
    listed: Option<Listed>,
    /// The shards that were locked at some time and have none yet.
    without_ledger: BTreeSet<ShardId>,
    /// Ledgers that were read, by the end of their names.
    by_head: HashMap<String, Vec<Ledger>>,
    /// Ledgers of files in whose place another file has come.
    left_behind: Vec<Ledger>,
    folders: CanonicalFolders,
}

impl KnownFiles {
    /// Finds the ledger of a file.
    ///
    /// # Errors
    /// [`IdentityError`], or the lake or a file cannot be read.
    pub async fn find(&mut self, targets: &Targets, opened: &OpenFile) -> anyhow::Result<Found> {
        let own = targets.ledger(opened.shard()).await?;
        let is_of_another = own.file().is_some_and(|file| file != opened.known_as());
        if !is_of_another && !is_new(&own) {
            return Ok(Found::unchanged(own));
        }
        let alike = self.alike(targets, opened.head_suffix()).await?;
        let known = alike.iter().find(|l| l.file() == Some(opened.known_as()));
        if let Some(ledger) = known {
            return Ok(Found::unchanged(ledger.clone()));
        }
        if let Some(found) = self.find_by_content(opened)? {
            return Ok(found);
        }
        self.check_busy(targets, opened)?;
        match self.check_replaced(targets, opened).await? {
            Some(ledger) => Ok(Found::unchanged(ledger)),
            None => self.new_ledger(targets, opened).await,
        }
    }

    /// Finds the ledger of a file if the one that [`find`](Self::find) found does not fit its content: the file may
    /// have taken the place of one that was moved. `None` if there is none.
    ///
    /// # Errors
    /// Those of [`find`](Self::find).
    pub async fn find_again(
        &mut self,
        targets: &Targets,
        opened: &OpenFile,
    ) -> anyhow::Result<Option<Found>> {
        let alike = self.alike(targets, opened.head_suffix()).await?;
        let known_as = Some(opened.known_as());
        let is_known = alike.iter().any(|ledger| ledger.file() == known_as);
        let found = self.find_by_content(opened)?;
        if found.is_some() || is_known || self.check_replaced(targets, opened).await?.is_some() {
            return Ok(found);
        }
        self.new_ledger(targets, opened).await.map(Some)
    }

    fn check_busy(&self, targets: &Targets, opened: &OpenFile) -> Result<(), IdentityError> {
        if is_object(opened.known_as()) {
            return Ok(());
        }
        let suffix = opened.head_suffix();
        let alike = self.without_ledger.iter();
        let mut alike = alike.filter(|shard| shard.as_str().ends_with(suffix));
        let busy = alike.find(|shard| *shard != opened.shard() && targets.is_locked(shard));
        busy.map_or(Ok(()), |shard| Err(IdentityError::Busy(shard.clone())))
    }

    /// The ledger whose committed part the file begins with, of the ledgers that were read.
    fn find_by_content(&mut self, opened: &OpenFile) -> anyhow::Result<Option<Found>> {
        if !opened.is_regular() || is_object(opened.known_as()) {
            return Ok(None);
        }
        let alike = self.by_head.get(opened.head_suffix());
        let alike = alike.into_iter().flatten();
        let is_file = |name: &FileName| !is_object(name);
        let alike: Vec<_> = alike
            .filter(|ledger| ledger.file().is_some_and(is_file))
            .collect();
        let FileName::Path(path) = opened.known_as() else {
            warn_of_copies(opened, &alike)?;
            return Ok(None);
        };
        let Some(ledger) = continued(path, opened, &alike)?.cloned() else {
            return Ok(None);
        };
        self.left_behind.retain(|l| l.shard() != ledger.shard());
        let moved_from = ledger.file().filter(|file| *file != opened.known_as());
        Ok(Some(Found {
            moved_from: moved_from.cloned(),
            ledger,
        }))
    }

    /// A new ledger, with the first name that is free.
    async fn new_ledger(&self, targets: &Targets, opened: &OpenFile) -> anyhow::Result<Found> {
        let listed = self.listed.as_ref();
        let is_taken = |shard: &ShardId| listed.is_some_and(|listed| listed.contains(shard));
        let mut names = (0..).map(|number| opened.shard_of(number));
        let free = names.find(|shard| !is_taken(shard));
        let shard = free.unwrap_or_else(|| opened.shard().clone());
        Ok(Found::unchanged(targets.ledger(&shard).await?))
    }

    /// Reads the ledgers of earlier files at the path of a new one. Returns the one that is of this file, whose first
    /// line had no end when it landed.
    ///
    /// # Errors
    /// The file is one of them, with another first line.
    async fn check_replaced(
        &mut self,
        targets: &Targets,
        opened: &OpenFile,
    ) -> anyhow::Result<Option<Ledger>> {
        if !opened.is_regular() {
            return Ok(None);
        }
        let begin = opened.name_prefix();
        let listed = self.listed.iter();
        let earlier = listed.flat_map(|listed| listed.beginning_with(&begin));
        let reads = stream::iter(earlier).map(|shard| targets.ledger(shard));
        let ledgers: Vec<Ledger> = reads.buffered(READS_AT_ONCE).try_collect().await?;
        let known_as = opened.known_as();
        let is_earlier = |l: &Ledger| l.file() == Some(known_as) && !is_new(l);
        let of_path = ledgers.into_iter().filter(is_earlier);
        let mut of_path: Vec<_> = of_path.collect();
        // The last files before this one: an edited file is one of them.
        of_path.sort_by_key(|ledger| std::cmp::Reverse(modified_at(ledger)));
        of_path.truncate(EARLIER_COMPARED);
        for ledger in &of_path {
            if let Some(prefix) = ledger.known_part()
                && opened.begins_with(prefix)?
            {
                return Ok(Some(ledger.clone()));
            }
            if let Some(committed) = ledger.committed() {
                let landed = SourceRecords::of(committed);
                if opened.is_record(&landed)? {
                    let records = landed.count;
                    return Err(IdentityError::Edited { records }.into());
                }
            }
        }
        if let Some(last) = of_path.into_iter().next() {
            self.left_behind.retain(|l| l.shard() != last.shard());
            self.left_behind.push(last);
        }
        Ok(None)
    }

    /// Warns of files that landed, in whose place another one has come, and that were not given under another path.
    pub fn warn_of_left_behind(&self) {
        for ledger in &self.left_behind {
            let Some(file) = ledger.file() else {
                continue;
            };
            left_behind::warn_of(ledger, file);
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

    /// Forgets the ledgers that were read of shards that end with `suffix`, after a file failed, maybe with some of its
    /// chunks committed. `shard` has a ledger now.
    pub fn forget(&mut self, suffix: &str, shard: Option<ShardId>) {
        self.by_head.remove(suffix);
        if let (Some(listed), Some(shard)) = (&mut self.listed, shard) {
            listed.insert(shard);
        }
    }

    /// The ledgers whose names end with `suffix`.
    async fn alike(&mut self, targets: &Targets, suffix: &str) -> anyhow::Result<&[Ledger]> {
        let is_read = self.by_head.contains_key(suffix);
        let listed = self.listed(targets).await?;
        if !is_read {
            let alike = listed.ending_with(suffix);
            let reads = stream::iter(alike).map(|shard| targets.ledger(shard));
            let ledgers = reads.buffered(READS_AT_ONCE).try_collect().await?;
            if self.by_head.len() >= HEADS_KEPT {
                self.by_head.clear();
            }
            self.by_head.insert(suffix.to_owned(), ledgers);
        }
        Ok(self.by_head.get(suffix).map_or(&[], Vec::as_slice))
    }

    /// The shards that have a ledger.
    async fn listed(&mut self, targets: &Targets) -> anyhow::Result<&Listed> {
        if self.listed.is_none() {
            let [listed, without_ledger] = targets.known_shards().await?;
            self.without_ledger = without_ledger;
            self.listed = Some(Listed::new(listed));
        }
        Ok(self.listed.get_or_insert_default())
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

/// When the file of a ledger was last modified, as far as it is known; nanoseconds since the Unix epoch.
fn modified_at(ledger: &Ledger) -> Option<u64> {
    Some(ledger.known_part()?.stat?.modified_ns)
}

fn is_object(name: &FileName) -> bool {
    matches!(name, FileName::Object(_))
}

fn is_new(ledger: &Ledger) -> bool {
    ledger.committed().is_none() && ledger.pending().is_none()
}

/// Warns if all that has landed of another source lands again under a name.
fn warn_of_copies(opened: &OpenFile, alike: &[&Ledger]) -> Result<(), SourceError> {
    for (ledger, _) in beginning_with(opened, alike)? {
        if let Some(other) = ledger.file() {
            tracing::warn!(
                source = opened.name(),
                "it begins with all that has landed of {other}; under its own name, these records land again"
            );
        }
    }
    Ok(())
}

/// The ledgers whose committed part the file begins with, the shortest one first.
fn beginning_with<'a>(
    opened: &OpenFile,
    alike: &[&'a Ledger],
) -> Result<Vec<(&'a Ledger, FilePrefix)>, SourceError> {
    let with_prefix = |ledger: &&'a Ledger| Some((*ledger, *ledger.known_part()?));
    let landed: Vec<_> = alike.iter().filter_map(with_prefix).collect();
    if landed.is_empty() {
        return Ok(Vec::new());
    }
    let prefixes: Vec<_> = landed.iter().map(|(_, prefix)| *prefix).collect();
    let found = opened.matching(&prefixes)?;
    Ok(found.into_iter().map(|at| landed[at]).collect())
}

/// The ledger that the file at `path` goes on with because it was moved from another one.
fn continued<'a>(
    path: &str,
    opened: &OpenFile,
    alike: &[&'a Ledger],
) -> anyhow::Result<Option<&'a Ledger>> {
    let mut gone = Vec::new();
    for (ledger, prefix) in beginning_with(opened, alike)? {
        match ledger.file() {
            Some(FileName::Path(own)) if own == path => return Ok(Some(ledger)),
            Some(FileName::Path(other)) if is_gone(other, &prefix, path)? => gone.push(ledger),
            Some(other @ FileName::Path(_)) => {
                let other = other.clone();
                return Err(IdentityError::Copy { other }.into());
            }
            Some(other @ FileName::Name(_)) => {
                let other = other.clone();
                return Err(IdentityError::Named { other }.into());
            }
            Some(FileName::Object(_)) | None => {}
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
    let name = other.to_owned();
    is_gone.map_err(|source| SourceError::Io { name, source })
}
