//! The mode for files, which are landed one after the other.

use std::io::ErrorKind;
use std::sync::Arc;

use anyhow::Context as _;
use sluice_engine::record::ShardId;

use super::earlier_rules;
use super::failed_sources::FailedSources;
use super::known_files::{Found, IdentityError, KnownFiles};
use super::open_shard::{LandedShard, ShardRunner};
use super::rules::Rules;
use super::source_files;
use super::targets::{Claim, Targets};
use crate::config::RunSettings;
use crate::ledger::Ledger;
use crate::observe::health::State;
use crate::observe::http;
use crate::output::{counted, with_causes};
use crate::pipeline::RunContext;
use crate::pipeline::error::PipelineError;
use crate::source::SourceError;
use crate::source::file;
use crate::source::file::{
    FileOptions, IncompleteLine, Location, OpenFile, SourceFile, TextFormat,
};

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
        failed: FailedSources::of(to_read.len() + found.failed.len()),
        last: None,
    };
    for error in found.failed {
        files.end(Err(error.into()))?;
    }
    files.land_all(to_read).await?;
    earlier_rules::warn_of_others(settings, &files.runner, files.last.as_ref()).await;
    files.known.warn_of_left_behind();
    Ok(files.failed)
}

/// Whether an error concerns only the file that it was met at.
fn is_of_file(error: &anyhow::Error) -> bool {
    let of_shard = match error.downcast_ref() {
        Some(PipelineError::Source(error)) => error.is_of_one_source(),
        Some(PipelineError::RangeChanged(_)) => true,
        _ => false,
    };
    let of_source = error
        .downcast_ref()
        .is_some_and(SourceError::is_of_one_source);
    of_shard || of_source || error.is::<IdentityError>()
}

/// Whether the content that is committed is not there any more, and the file can be read once more.
fn has_changed(location: &Location, error: &anyhow::Error) -> bool {
    let changed = matches!(error.downcast_ref(), Some(SourceError::Changed { .. }));
    changed && matches!(location, Location::File(path) if path.is_file())
}

/// Why a file of a folder is not there when it is opened.
fn why_gone(location: &Location) -> String {
    let name = location.name();
    if matches!(location, Location::Object(_)) {
        return format!("{name} was listed when the run began and is gone now");
    }
    match location.is_link() {
        true => format!("{name} is a link to a file that does not exist; remove the link"),
        false => format!(
            "{name} was in its folder when the run began and is gone now; if it was renamed, the next run reads it"
        ),
    }
}

/// Whether there is no file.
fn is_gone(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref();
    matches!(error, Some(SourceError::Io { source, .. }) if source.kind() == ErrorKind::NotFound)
}

/// A file whose content does not fit the ledger of its name.
struct ChangedFile {
    location: Location,
    error: anyhow::Error,
}

/// How the ledger of a file is found.
#[derive(Clone, Copy)]
enum Search {
    ByName,
    ByContent,
}

/// What became of a file.
enum Landed {
    All,
    /// No ledger has its content.
    NotFound,
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
    failed: FailedSources,
    /// The shard of the last file with committed records.
    last: Option<ShardId>,
}

impl Files {
    async fn land_all(&mut self, files: Vec<SourceFile>) -> anyhow::Result<()> {
        let sizes: Vec<_> = files.iter().map(|file| file.location.size()).collect();
        if let Some(bytes) = sizes.iter().copied().sum() {
            self.runner.context.progress.begin_files(bytes);
        }
        let mut changed = Vec::new();
        let parts = files.chunks(LOOKED_UP_TOGETHER);
        for (part, sizes) in parts.zip(sizes.chunks(LOOKED_UP_TOGETHER)) {
            if let Err(error) = self.land_part(part, sizes, &mut changed).await {
                // The run ends, and these have failed already.
                let errors = changed.into_iter().map(|file| file.error);
                errors.for_each(|error| self.failed.add(error));
                return Err(error);
            }
        }
        // Once the ledger of a moved file has gone on, it is known which file took its place.
        loop {
            let before = changed.len();
            changed = self.land_by_content(changed).await?;
            if changed.len() == before {
                break;
            }
        }
        for file in changed {
            self.end(Err(file.error))?;
        }
        Ok(())
    }

    /// Lands files in their order. Those whose content does not fit their ledgers are added to `changed`.
    async fn land_part(
        &mut self,
        files: &[SourceFile],
        sizes: &[Option<u64>],
        changed: &mut Vec<ChangedFile>,
    ) -> anyhow::Result<()> {
        // A replay checks with each ledger that the lake is its own.
        let before = match self.runner.replay {
            None => self.known.landed(&self.runner.targets, files).await?,
            Some(_) => vec![None; files.len()],
        };
        for ((file, bytes), before) in files.iter().zip(sizes).zip(before) {
            match before {
                Some(ledger) => self.pass_over(&ledger),
                None => self.land_file(file, changed).await?,
            }
            let progress = &self.runner.context.progress;
            progress.end_file(bytes.unwrap_or(0));
        }
        Ok(())
    }

    async fn land_file(
        &mut self,
        file: &SourceFile,
        changed: &mut Vec<ChangedFile>,
    ) -> anyhow::Result<()> {
        let location = &file.location;
        match self.land(location, Search::ByName).await {
            Err(error) if has_changed(location, &error) => {
                let location = location.clone();
                changed.push(ChangedFile { location, error });
                Ok(())
            }
            Err(error) if file.is_listed && is_gone(&error) => {
                self.end(Err(error.context(why_gone(location))))
            }
            landed => self.end(landed),
        }
    }

    /// Counts a file of which earlier runs have landed everything.
    fn pass_over(&mut self, ledger: &Ledger) {
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
    }

    /// Notes a file that failed by itself.
    fn end(&mut self, landed: anyhow::Result<Landed>) -> anyhow::Result<()> {
        match landed {
            Err(error) if is_of_file(&error) => {
                self.runner.context.progress.source_failed();
                self.failed.add(error);
                Ok(())
            }
            landed => landed.map(drop),
        }
    }

    /// Lands those files that took the places of others. Returns the rest.
    async fn land_by_content(
        &mut self,
        changed: Vec<ChangedFile>,
    ) -> anyhow::Result<Vec<ChangedFile>> {
        let mut rest = Vec::new();
        for file in changed {
            match self.land(&file.location, Search::ByContent).await {
                Ok(Landed::NotFound) => rest.push(file),
                Err(error) if has_changed(&file.location, &error) => rest.push(file),
                landed => self.end(landed)?,
            }
        }
        Ok(rest)
    }

    async fn land(&mut self, location: &Location, search: Search) -> anyhow::Result<Landed> {
        if location.is_empty_object() {
            return Ok(Landed::All);
        }
        let opened = file::open(location, &self.options)?;
        let name = opened.name().to_owned();
        let position = opened.position().clone();
        self.runner.context.progress.begin_file(position);
        self.land_opened(opened, search).await.context(name)
    }

    async fn land_opened(&mut self, opened: OpenFile, search: Search) -> anyhow::Result<Landed> {
        let targets = &self.runner.targets;
        let found = match search {
            Search::ByName => Some(self.known.find(targets, &opened).await?),
            Search::ByContent => self.known.find_again(targets, &opened).await?,
        };
        let Some(found) = found else {
            return Ok(Landed::NotFound);
        };
        let (suffix, shard) = (
            opened.head_suffix().to_owned(),
            found.ledger.shard().clone(),
        );
        let landed = self.land_as(opened, found).await;
        let health = &self.runner.context.health;
        match &landed {
            Ok(_) => health.ended(&shard, State::CaughtUp),
            Err(error) => health.ended(&shard, State::Failed(with_causes(error))),
        }
        let landed = landed.inspect_err(|_| self.known.forget(&suffix))?;
        let ledger = landed.ledger.ledger().await;
        if ledger.committed().is_some() {
            self.last = Some(shard);
        }
        self.known.update(&suffix, ledger);
        landed.close()?;
        Ok(Landed::All)
    }

    async fn land_as(&self, opened: OpenFile, found: Found) -> anyhow::Result<LandedShard> {
        let runner = &self.runner;
        let (text_format, first) = (opened.text_format(), opened.first_offset());
        let rejected_before = not_json(&runner.context);
        let shard = found.ledger.shard().clone();
        let source = opened.name().to_owned();
        let mut open = runner.open_shard(&shard, Claim::Take).await?;
        if let Some(before) = found.moved_from {
            tracing::warn!(
                source,
                %shard,
                "it begins with what has landed of {before}, which is gone, so it goes on where that ended"
            );
            open.ledger.rename(opened.known_as()).await?;
        }
        let landed = open.land(opened.with_shard(shard.clone())).await?;
        if let Some(IncompleteLine { offset, bytes }) = landed.incomplete {
            let is_json = text_format.is_none();
            runner.context.progress.left_incomplete(&source, is_json);
            let advice = if is_json { "; --final takes it" } else { "" };
            tracing::info!(
                source,
                offset,
                bytes,
                "the last line has no end and is not one whole JSON object, so it is left for the next run{advice}"
            );
        }
        let rejected = not_json(&runner.context).saturating_sub(rejected_before);
        let is_one_line = landed.incomplete.is_some_and(|line| line.offset == first);
        match text_format {
            Some(format) if rejected > 0 => warn_of_format(&source, format, rejected),
            Some(format) if is_one_line => warn_of_one_line(&source, format),
            _ => {}
        }
        Ok(landed)
    }
}

fn warn_of_format(source: &str, format: TextFormat, records: u64) {
    tracing::warn!(
        source,
        records,
        "{}: it looks like {}; convert it to newline-delimited JSON, for example with `{}`",
        match records {
            1 => "1 line of this file is no JSON object".to_owned(),
            _ => format!(
                "{} of this file are no JSON objects",
                counted(records, "line")
            ),
        },
        format.name(),
        format.command()
    );
}

/// As [`warn_of_format`], for a file without a line end.
fn warn_of_one_line(source: &str, format: TextFormat) {
    tracing::warn!(
        source,
        "this file is one line without an end, so nothing of it has landed: it looks like {}; convert it to \
         newline-delimited JSON, for example with `{}`",
        format.name(),
        format.command()
    );
}

/// The number of records that the transform has rejected so far because they are no JSON objects, by the reasons of the
/// built-in transform.
fn not_json(context: &RunContext) -> u64 {
    let reasons = ["invalid_json", "not_an_object"];
    reasons
        .map(|reason| context.progress.quarantined_for(reason))
        .iter()
        .sum()
}
