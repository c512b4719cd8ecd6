//! The mode for files: small ones are landed several at once, larger ones one after the other.

mod at_once;
mod errors;
mod landing;

use std::sync::Arc;

use anyhow::Context as _;
use futures_util::stream::{self, StreamExt as _};
use sluice_engine::record::ShardId;

use self::at_once::{AtOnce, EndedFile, ReadyFile, is_small};
use self::errors::{has_changed, is_gone, why_gone};
pub(crate) use self::errors::{is_of_another_run, is_of_file};
use super::earlier_rules;
use super::failed_sources::FailedSources;
use super::known_files::KnownFiles;
use super::open_shard::ShardRunner;
use super::rules::Rules;
use super::source_files;
use super::targets::Targets;
use crate::config::RunSettings;
use crate::ledger::Ledger;
use crate::observe::health::State;
use crate::observe::http;
use crate::output::counted;
use crate::pipeline::RunContext;
use crate::source::SourceError;
use crate::source::file;
use crate::source::file::{FileOptions, Location, OpenFile, SourceFile};

/// The files that are given again and that warnings name. A folder that is given twice has many.
const REPEATED_NAMED: usize = 10;

/// The files whose ledgers are looked up together, before the first of them is landed: enough to read several ledgers at
/// once, and few enough that what is found is still true.
const LOOKED_UP_TOGETHER: usize = 64;

/// Lands all files. If a file fails by itself, the others are landed all the same.
///
/// # Errors
/// The first error that concerns more than one file, such as one of the lake or the bus.
pub async fn run(
    settings: &RunSettings,
    rules: Arc<Rules>,
    context: Arc<RunContext>,
) -> anyhow::Result<FailedSources> {
    let _server = http::start(settings, context.clone()).await?;
    let targets = Arc::new(Targets::new(settings));
    let found = source_files::find(settings, &targets).await?;
    source_files::log_left_out(&found);
    let runner = ShardRunner {
        rules,
        targets,
        context,
        replay: settings.replay,
    };
    let to_read = read_once(found.files);
    runner
        .context
        .progress
        .found_files(to_read.len(), &found.left_out);
    let mut files = Files {
        runner,
        options: settings.files.clone(),
        known: KnownFiles::default(),
        at_once: AtOnce::new(&settings.lake),
        failed: FailedSources::of(to_read.len() + found.failed.len()),
        changed: Vec::new(),
        last: None,
    };
    for error in found.failed {
        files.fail(error.into())?;
    }
    files.land_all(to_read).await?;
    earlier_rules::warn_of_others(settings, &files.runner, files.last.as_ref()).await;
    files.known.warn_of_left_behind();
    Ok(files.failed)
}

/// A file whose content does not fit the ledger of its name.
struct ChangedFile {
    location: Location,
    error: anyhow::Error,
}

/// A file that is landed next.
struct NextFile<'a> {
    file: &'a SourceFile,
    /// Its size, bytes.
    bytes: u64,
    /// What opening it gave, if it was opened.
    opened: Option<anyhow::Result<OpenFile>>,
}

impl<'a> NextFile<'a> {
    /// Opens a file that was found in a folder. Another one can be a pipe, which is opened when its turn comes.
    async fn open(file: &'a SourceFile, bytes: u64, options: &FileOptions) -> Self {
        let opened = match file.is_listed {
            true => Some(open(&file.location, options).await),
            false => None,
        };
        Self {
            file,
            bytes,
            opened,
        }
    }
}

/// Opens a file on a thread that may wait.
async fn open(location: &Location, options: &FileOptions) -> anyhow::Result<OpenFile> {
    let (location, options) = (location.clone(), options.clone());
    let opening = tokio::task::spawn_blocking(move || file::open(&location, &options));
    Ok(opening.await??)
}

/// The files without those that are given again, by another path or a link.
fn read_once(files: Vec<SourceFile>) -> Vec<SourceFile> {
    let (files, again) = file::distinct(files);
    for (location, earlier) in again.iter().take(REPEATED_NAMED) {
        tracing::warn!(
            source = location.name(),
            "it is the same file as {}, so it is read once",
            earlier.name()
        );
    }
    if let more @ 1.. = again.len().saturating_sub(REPEATED_NAMED) {
        let files = counted(more as u64, "more file");
        tracing::warn!("{files} are given again, by another path or a link; each is read once");
    }
    files
}

/// Lands files, each as a shard.
struct Files {
    runner: ShardRunner,
    options: FileOptions,
    known: KnownFiles,
    at_once: AtOnce,
    failed: FailedSources,
    changed: Vec<ChangedFile>,
    /// The shard of the last file with committed records.
    last: Option<ShardId>,
}

impl Files {
    async fn land_all(&mut self, files: Vec<SourceFile>) -> anyhow::Result<()> {
        let sizes: Vec<_> = files.iter().map(|file| file.location.size()).collect();
        if let Some(bytes) = sizes.iter().copied().sum() {
            self.runner.context.progress.begin_files(bytes);
        }
        if let Err(error) = self.land_in_order(&files, &sizes).await {
            // The run ends, and these have failed already.
            let errors = self.changed.drain(..).map(|file| file.error);
            errors.for_each(|error| self.failed.add(error));
            return Err(error);
        }
        // Once the ledger of a moved file has gone on, it is known which file took its place.
        loop {
            let before = self.changed.len();
            self.land_changed().await?;
            if self.changed.len() == before {
                break;
            }
        }
        for file in std::mem::take(&mut self.changed) {
            self.fail(file.error)?;
        }
        Ok(())
    }

    async fn land_in_order(
        &mut self,
        files: &[SourceFile],
        sizes: &[Option<u64>],
    ) -> anyhow::Result<()> {
        let parts = files.chunks(LOOKED_UP_TOGETHER);
        for (part, sizes) in parts.zip(sizes.chunks(LOOKED_UP_TOGETHER)) {
            self.land_part(part, sizes).await?;
        }
        self.end_all().await
    }

    /// Lands files that have not landed, in their order.
    async fn land_part(
        &mut self,
        files: &[SourceFile],
        sizes: &[Option<u64>],
    ) -> anyhow::Result<()> {
        // A replay checks with each ledger that the lake is its own.
        let before = match self.runner.replay {
            None => self.known.landed(&self.runner.targets, files).await?,
            Some(_) => vec![None; files.len()],
        };
        let mut to_land = Vec::new();
        for ((file, bytes), before) in files.iter().zip(sizes).zip(before) {
            let bytes = bytes.unwrap_or(0);
            match before {
                Some(ledger) => self.pass_over(&ledger, bytes),
                None if file.location.is_empty_object() => self.check_emptied(file).await?,
                None => to_land.push((file, bytes)),
            }
        }
        for run in to_land.chunk_by(|(one, _), (next, _)| one.is_listed && next.is_listed) {
            self.land_run(run).await?;
        }
        Ok(())
    }

    /// An object without content is not opened. If it has landed before, its content was replaced.
    async fn check_emptied(&mut self, file: &SourceFile) -> anyhow::Result<()> {
        let known = self.known.earlier(&self.runner.targets, &file.location);
        let landed = known.await?.into_iter().find_map(|ledger| {
            let committed = ledger.committed()?.file?;
            (committed.bytes > 0).then_some(committed.bytes)
        });
        landed.map_or(Ok(()), |bytes| {
            let name = file.location.name();
            let what = format!("what is committed, which is its first {bytes} bytes");
            self.fail(SourceError::Changed { name, what }.into())
        })
    }

    /// Lands one file, or several that were found in folders, which are opened ahead.
    async fn land_run(&mut self, files: &[(&SourceFile, u64)]) -> anyhow::Result<()> {
        let options = self.options.clone();
        let opening = stream::iter(files);
        let opening = opening.map(|(file, bytes)| NextFile::open(file, *bytes, &options));
        let mut opening = opening.buffered(self.at_once.limit());
        while let Some(next) = opening.next().await {
            self.land_next(next).await?;
        }
        Ok(())
    }

    /// Lands a file, or begins to if it can be landed together with others.
    async fn land_next(&mut self, next: NextFile<'_>) -> anyhow::Result<()> {
        let NextFile {
            file,
            bytes,
            opened,
        } = next;
        let location = &file.location;
        let opened = match opened {
            Some(opened) => opened,
            None => {
                self.end_all().await?;
                open(location, &self.options).await
            }
        };
        let landed = match opened {
            Ok(opened) => self.land_opened(file, bytes, opened).await,
            Err(error) if file.is_listed && is_gone(&error) => {
                Err(error.context(why_gone(location)))
            }
            Err(error) => Err(error),
        };
        landed.or_else(|error| {
            self.runner.context.progress.end_file(bytes);
            self.fail(error)
        })
    }

    async fn land_opened(
        &mut self,
        file: &SourceFile,
        bytes: u64,
        opened: OpenFile,
    ) -> anyhow::Result<()> {
        let is_small = file.is_listed && is_small(bytes, &opened);
        while !self.at_once.has_room(is_small, bytes, &opened) {
            self.end_next().await?;
        }
        let found = self.known.find(&self.runner.targets, &opened).await;
        let ready = ReadyFile {
            location: file.location.clone(),
            bytes,
            found: found.with_context(|| opened.name().to_owned())?,
            opened,
        };
        if is_small {
            self.at_once.begin(ready, &self.runner);
            return Ok(());
        }
        let progress = &self.runner.context.progress;
        progress.begin_file(ready.opened.position().clone());
        let ended = ready.land(&self.runner).await;
        self.end(ended).await
    }

    /// Waits for the end of all files that are being landed.
    async fn end_all(&mut self) -> anyhow::Result<()> {
        while !self.at_once.is_empty() {
            self.end_next().await?;
        }
        Ok(())
    }

    async fn end_next(&mut self) -> anyhow::Result<()> {
        match self.at_once.next(&self.runner).await? {
            Some(ended) => self.end(ended).await,
            None => Ok(()),
        }
    }

    /// Notes what became of a file.
    async fn end(&mut self, ended: EndedFile) -> anyhow::Result<()> {
        self.runner.context.progress.end_file(ended.bytes);
        let landed = match ended.landed {
            Ok(landed) => landed,
            Err(error) => {
                let groups = self.runner.targets.groups().await?;
                let has_ledger = groups.has(&ended.shard);
                let shard = Some(ended.shard).filter(|_| has_ledger);
                self.known.forget(&ended.head_suffix, shard);
                let location = ended.location;
                if has_changed(&location, &error) {
                    self.changed.push(ChangedFile { location, error });
                    return Ok(());
                }
                return self.fail(error);
            }
        };
        let ledger = landed.ledger.ledger().await;
        if ledger.committed().is_some() {
            self.last = Some(ledger.shard().clone());
        }
        self.known.update(&ended.head_suffix, ledger);
        Ok(landed.close()?)
    }

    /// Counts a file of which earlier runs have landed everything.
    fn pass_over(&mut self, ledger: &Ledger, bytes: u64) {
        let RunContext {
            progress, health, ..
        } = &*self.runner.context;
        let shard = ledger.shard();
        health.claimed(shard);
        if let Some(committed) = ledger.committed() {
            self.last = Some(shard.clone());
            progress.found_committed(shard, committed.records);
            health.committed(shard, committed.last);
        }
        health.ended(shard, State::CaughtUp);
        progress.end_file(bytes);
    }

    /// Notes that a file failed by itself.
    ///
    /// # Errors
    /// The error concerns more than this file.
    fn fail(&mut self, error: anyhow::Error) -> anyhow::Result<()> {
        if !is_of_file(&error) {
            return Err(error);
        }
        self.runner.context.progress.source_failed();
        self.failed.add(match is_of_another_run(&error) {
            true => {
                error.context("another run works on this file; run again when that run has ended")
            }
            false => error,
        });
        Ok(())
    }

    /// Lands those files that took the places of others, and keeps the rest.
    async fn land_changed(&mut self) -> anyhow::Result<()> {
        for file in std::mem::take(&mut self.changed) {
            match self.find_changed(&file.location).await {
                Ok(Some(ready)) => {
                    let ended = ready.land(&self.runner).await;
                    self.end(ended).await?;
                }
                Ok(None) => self.changed.push(file),
                Err(error) if has_changed(&file.location, &error) => self.changed.push(file),
                Err(error) => self.fail(error)?,
            }
        }
        Ok(())
    }

    /// Finds the ledger of a changed file by its content; `None` if no ledger has it.
    async fn find_changed(&mut self, location: &Location) -> anyhow::Result<Option<ReadyFile>> {
        let opened = open(location, &self.options).await?;
        let found = self.known.find_again(&self.runner.targets, &opened).await;
        let found = found.with_context(|| opened.name().to_owned())?;
        Ok(found.map(|found| ReadyFile {
            location: location.clone(),
            // Its bytes are counted already.
            bytes: 0,
            opened,
            found,
        }))
    }
}
