//! The records that are tried, and where each comes from.

use std::collections::VecDeque;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use sluice_engine::record::{BATCH_MAX_RECORDS, Batch};
use sluice_storage::aws;
use sluice_storage::retry::RetryPolicy;
use sluice_storage::s3::reader::ObjectReader;
use tokio::runtime::{Handle, Runtime};

use super::TryArgs;
use super::archive::{ArchiveInput, ArchiveReading};
use super::origin::Origin;
use super::quarantined::{QuarantineInput, QuarantineReading};
use super::stream::{RETRY_TIMEOUT, StreamInput, stream_settings};
use crate::config::{ConfigError, Mode};
use crate::ledger::decoding::RecordDecoding;
use crate::output;
use crate::output::counted;
use crate::source::file;
use crate::source::file::{FileOptions, Location, NumberedRecords};
use crate::source::kinesis::sample::StreamSample;
use crate::source::unpacking::Unpacking;

/// The most files that a message names.
const NAMED_MAX: usize = 20;

/// Records of one shard.
#[derive(Clone, Debug)]
pub(crate) struct Records {
    pub(crate) batch: Batch,
    /// The origin of each.
    pub(crate) origins: Vec<Origin>,
}

impl Records {
    /// Records that have the same origin.
    pub(super) fn of_one_origin(batch: Batch, source: &str) -> Self {
        let origin = Origin {
            source: source.to_owned(),
            ..Origin::default()
        };
        Self {
            origins: vec![origin; batch.len()],
            batch,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.batch.len()
    }

    /// Leaves out all but the first `max` records.
    fn cut(self, max: usize) -> Self {
        if self.len() <= max {
            return self;
        }
        let mut batch = self.batch.successor();
        for index in 0..max {
            batch.copy(&self.batch, index);
        }
        let mut origins = self.origins;
        origins.truncate(max);
        Self { batch, origins }
    }
}

/// Where records come from.
pub(super) struct Input {
    given: Given,
    unpacking: Unpacking,
    runtime: Runtime,
    /// Whether what is read is kept for the next round, because it cannot be read again.
    keeps: bool,
    kept: Vec<Records>,
}

enum Given {
    Files(Vec<Location>),
    Stream(StreamInput),
    Quarantine(QuarantineInput),
    Archive(ArchiveInput),
}

/// Records that are being read.
pub(super) struct Reading<'a> {
    runtime: &'a Runtime,
    reader: Reader<'a>,
}

enum Reader<'a> {
    Files(Box<FileReader<'a>>),
    Stream(String, Box<StreamSample>),
    Quarantine(QuarantineReading),
    Archive(ArchiveReading),
    Kept(std::slice::Iter<'a, Records>),
}

impl Input {
    /// The records that the options name.
    ///
    /// # Errors
    /// Wrong usage.
    pub(super) fn new(args: &TryArgs, decoding: RecordDecoding) -> anyhow::Result<Self> {
        args.check_applicable()?;
        let unpacking = Unpacking {
            decoding,
            ..Unpacking::default()
        };
        // Objects are read by a task while this thread waits for them.
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build()?;
        let given = match &args.quarantined {
            Some(lake) => {
                let filter = args.filter.filter()?;
                Given::Quarantine(QuarantineInput::new(lake, filter, decoding)?)
            }
            None => match of_source(args, unpacking)? {
                Given::Files(locations) => Given::Files(runtime.block_on(find_files(&locations))?),
                given => given,
            },
        };
        Ok(Self {
            unpacking,
            keeps: args.watch && given.files().is_empty(),
            kept: Vec::new(),
            given,
            runtime,
        })
    }

    /// The files that are read again in each round.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        self.given.files()
    }

    /// Starts to read `limit` records at most. If they are kept, all of them are read first.
    ///
    /// # Errors
    /// What cannot be read.
    pub(super) fn open(&mut self, limit: usize) -> anyhow::Result<Reading<'_>> {
        if self.keeps && self.kept.is_empty() {
            let mut kept = Vec::new();
            let mut left = limit;
            let mut reading = self.start()?;
            while left > 0
                && let Some(records) = reading.next(left)?
            {
                left -= records.len();
                kept.push(records);
            }
            drop(reading);
            self.kept = kept;
        }
        if self.keeps {
            return Ok(Reading {
                runtime: &self.runtime,
                reader: Reader::Kept(self.kept.iter()),
            });
        }
        self.start()
    }

    fn start(&self) -> anyhow::Result<Reading<'_>> {
        let runtime = &self.runtime;
        let reader = match &self.given {
            Given::Files(files) => Reader::Files(Box::new(FileReader::new(files, self.unpacking))),
            Given::Stream(stream) => {
                let sample = runtime.block_on(stream.open())?;
                Reader::Stream(stream.name(), Box::new(sample))
            }
            Given::Quarantine(lake) => Reader::Quarantine(runtime.block_on(lake.open())?),
            Given::Archive(archive) => Reader::Archive(runtime.block_on(archive.open())?),
        };
        Ok(Reading { runtime, reader })
    }

    /// Says that there are no records, and what to do.
    pub(super) fn nothing(&self) -> String {
        match &self.given {
            Given::Files(files) => {
                let verb = if files.len() == 1 { "has" } else { "have" };
                format!(
                    "{} {verb} no records; each line is a record. Give a file, `-` for standard input, `--source` or \
                     `--quarantined`",
                    named(files.iter().map(Location::name))
                )
            }
            Given::Stream(stream) => stream.nothing(),
            Given::Quarantine(lake) => lake.nothing(),
            Given::Archive(archive) => archive.nothing(),
        }
    }
}

impl Given {
    /// The files that can be read again: all of them, or none if one cannot.
    fn files(&self) -> Vec<PathBuf> {
        let Self::Files(locations) = self else {
            return Vec::new();
        };
        let path = |location: &Location| match location {
            // A file that does not exist can be a regular one later.
            Location::File(path) if is_regular(path) => Some(path.clone()),
            Location::File(_) | Location::Stdin | Location::Object(_) | Location::Objects(_) => {
                None
            }
        };
        let paths: Option<Vec<_>> = locations.iter().map(path).collect();
        paths.unwrap_or_default()
    }
}

fn is_regular(path: &Path) -> bool {
    std::fs::metadata(path).map_or(true, |found| found.is_file())
}

/// The names of files, or how many there are.
pub(super) fn named(files: impl ExactSizeIterator<Item = String>) -> String {
    match files.len() {
        0..=NAMED_MAX => files.collect::<Vec<_>>().join(", "),
        many => counted(many as u64, "file"),
    }
}

/// The files and objects that locations name, in folders and by patterns too. Says what is left out of the folders.
///
/// # Errors
/// A folder that cannot be read or has no file, or a pattern that no file matches.
async fn find_files(locations: &[Location]) -> anyhow::Result<Vec<Location>> {
    let is_in_s3 = |location: &Location| matches!(location, Location::Objects(_));
    let objects = match locations.iter().any(is_in_s3) {
        true => {
            let client = aws::s3(&aws::sdk_config().await?);
            let policy = RetryPolicy::new(RETRY_TIMEOUT);
            Some(ObjectReader::new(client, policy, Handle::current()))
        }
        false => None,
    };
    let mut found = file::expand(locations, objects.as_ref()).await;
    if let Some(error) = found.failed.drain(..).next() {
        return Err(error.into());
    }
    anyhow::ensure!(!found.files.is_empty(), found.empty.join("; "));
    if found.left_out.total() > 0 {
        output::message(format_args!(
            "sluice: left out of the folders: {}",
            found.left_out
        ));
    }
    Ok(found.files.into_iter().map(|file| file.location).collect())
}

/// The files or the stream of the options.
fn of_source(args: &TryArgs, unpacking: Unpacking) -> Result<Given, ConfigError> {
    if !args.source.is_empty() {
        let mode = Mode::parse(&args.source, |name| stream_settings(name, args.start))?;
        return match mode {
            Mode::Files(files) => Ok(Given::Files(files)),
            Mode::Worker(stream) => Ok(Given::Stream(StreamInput::new(stream, unpacking))),
            Mode::Archive(archive) => Ok(Given::Archive(ArchiveInput::new(archive, unpacking))),
            Mode::Redrive(_) => {
                let why = "quarantined records are no source; give --quarantined with their lake";
                Err(ConfigError::new("source", why))
            }
            Mode::Lambda => {
                let why =
                    "`lambda` works only in a Lambda function; give its stream, kinesis:STREAM";
                Err(ConfigError::new("source", why))
            }
        };
    }
    if !args.files.is_empty() {
        let locations: Result<_, _> = args.files.iter().map(|path| location(path)).collect();
        return locations.map(Given::Files);
    }
    if io::stdin().is_terminal() {
        let why = "missing; give files, pipe records into the command, or give `-` to type them, `--source \
                   kinesis:STREAM` or `--quarantined LAKE`";
        return Err(ConfigError::new("FILE", why));
    }
    Ok(Given::Files(vec![Location::Stdin]))
}

/// The place of records that a user names without an option.
fn location(path: &Path) -> Result<Location, ConfigError> {
    let option = match path.extension().and_then(|extension| extension.to_str()) {
        _ if path.as_os_str() == "-" => return Ok(Location::Stdin),
        Some("jq") => "--jq",
        Some("wasm") => "--transform",
        _ if path.to_str().is_some_and(|path| path.starts_with("file:")) => {
            let why = format!(
                "{0} is not the path of a file; give it without `file:`, or as --source {0}",
                path.display()
            );
            return Err(ConfigError::new("FILE", why));
        }
        _ if path.to_str().is_some_and(|path| path.starts_with("s3://")) => {
            let why = format!(
                "{0} is not the path of a file; give it as --source {0}",
                path.display()
            );
            return Err(ConfigError::new("FILE", why));
        }
        _ => return Ok(Location::File(path.to_owned())),
    };
    let path = path.display();
    let why =
        format!("{path} has rules, and records are expected here; give it with {option} {path}");
    Err(ConfigError::new("FILE", why))
}

impl Reading<'_> {
    /// The next records, `max` at most; `None` at the end.
    ///
    /// # Errors
    /// What cannot be read.
    pub(super) fn next(&mut self, max: usize) -> anyhow::Result<Option<Records>> {
        let wanted = max.min(BATCH_MAX_RECORDS);
        let next = match &mut self.reader {
            Reader::Files(files) => files.next(wanted)?,
            Reader::Stream(name, sample) => {
                let batch = self.runtime.block_on(sample.next_batch(wanted))?;
                batch.map(|batch| Records::of_one_origin(batch, name))
            }
            Reader::Quarantine(lake) => {
                let next = self.runtime.block_on(lake.next())?;
                lake.print_notes();
                next
            }
            Reader::Archive(archive) => self.runtime.block_on(archive.next())?,
            Reader::Kept(records) => records.next().cloned(),
        };
        Ok(next.map(|records| records.cut(max)))
    }
}

/// Reads files, one after the other.
struct FileReader<'a> {
    unpacking: Unpacking,
    files: VecDeque<&'a Location>,
    open: Option<(String, NumberedRecords)>,
}

impl<'a> FileReader<'a> {
    fn new(files: &'a [Location], unpacking: Unpacking) -> Self {
        Self {
            unpacking,
            files: files.iter().collect(),
            open: None,
        }
    }

    fn next(&mut self, max: usize) -> anyhow::Result<Option<Records>> {
        loop {
            let (name, records) = match &mut self.open {
                Some(open) => open,
                None => match self.files.pop_front() {
                    Some(location) => self.open.insert(open(location, self.unpacking)?),
                    None => return Ok(None),
                },
            };
            let Some(numbered) = records.next_batch(max)? else {
                self.open = None;
                continue;
            };
            let origin = |line| Origin {
                source: name.clone(),
                line: Some(line),
                ..Origin::default()
            };
            return Ok(Some(Records {
                origins: numbered.lines.into_iter().map(origin).collect(),
                batch: numbered.batch,
            }));
        }
    }
}

fn open(location: &Location, unpacking: Unpacking) -> anyhow::Result<(String, NumberedRecords)> {
    let options = FileOptions {
        name: None,
        are_final: true,
        unpacking,
    };
    let opened = file::open(location, &options)?;
    Ok((location.name(), opened.numbered()?))
}
