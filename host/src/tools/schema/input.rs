//! The events that a command reads: those of files, or of a lake.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use clap::Args;
use sluice_storage::location::StoreLocation;

use super::lake;
use super::reading::{Parts, Records};
use crate::config::{ConfigError, parse_store};
use crate::output;
use crate::source::file::{self, FileOptions, Location};

/// How many records of a file are read at once.
const PART_RECORDS: usize = 1_000;

/// Which events.
#[derive(Debug, Args)]
pub(super) struct EventsArgs {
    /// Read events from these files: newline-delimited JSON, plain or compressed with gzip or zstd. A folder stands for
    /// its files, and `-` is standard input. [default: standard input, if it is not a terminal]
    #[arg(value_name = "FILE", conflicts_with = "lake")]
    pub files: Vec<PathBuf>,

    /// Read the events of this lake: `file:DIR` or `s3://BUCKET/PREFIX`.
    #[arg(long, value_name = "TARGET")]
    pub lake: Option<String>,

    /// Take only events of this type: the value of `event_type=` in the keys of a lake, or else the member
    /// `event_type`. [default: all types]
    #[arg(long, value_name = "TYPE")]
    pub event_type: Option<String>,
}

/// Where events come from.
#[derive(Debug)]
pub(super) enum Input {
    Files(Vec<Location>),
    Lake(StoreLocation),
}

impl EventsArgs {
    /// Where the events come from.
    ///
    /// # Errors
    /// Wrong usage, a folder that cannot be read or has no file, or a pattern that no file matches.
    pub(super) fn input(&self) -> anyhow::Result<Input> {
        if let Some(lake) = &self.lake {
            return Ok(Input::Lake(parse_store("lake", lake)?));
        }
        if self.files.is_empty() {
            if io::stdin().is_terminal() {
                let why = "missing; give files, pipe events into the command, or give `-` to type them, or `--lake`";
                return Err(ConfigError::new("FILE", why).into());
            }
            return Ok(Input::Files(vec![Location::Stdin]));
        }
        let locations = self.files.iter().map(|path| location(path));
        find_files(&locations.collect::<Result<Vec<_>, _>>()?).map(Input::Files)
    }
}

fn location(path: &Path) -> Result<Location, ConfigError> {
    if path.as_os_str() == "-" {
        return Ok(Location::Stdin);
    }
    if path.starts_with("s3:") {
        let why = format!(
            "{} is no file; give `--lake` for the events of a lake, or pipe objects into the command",
            path.display()
        );
        return Err(ConfigError::new("FILE", why));
    }
    Ok(Location::File(path.to_owned()))
}

/// The files that locations name, in folders and by patterns too. Says what is left out of the folders.
fn find_files(locations: &[Location]) -> anyhow::Result<Vec<Location>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let mut found = runtime.block_on(file::expand(locations, None));
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

impl Input {
    /// The input as messages name it.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Files(files) => match files.as_slice() {
                [only] => only.name(),
                files => output::counted(files.len() as u64, "file"),
            },
            Self::Lake(lake) => lake.to_string(),
        }
    }

    /// Sends all parts, in order. `only` is the type of events that is asked for.
    ///
    /// # Errors
    /// What cannot be read.
    pub(super) fn send(&self, only: Option<&str>, parts: Parts) -> anyhow::Result<()> {
        match self {
            Self::Files(files) => send_files(files, parts),
            Self::Lake(lake) => lake::send_objects(lake, only, parts),
        }
    }
}

fn send_files(files: &[Location], mut parts: Parts) -> anyhow::Result<()> {
    let options = FileOptions {
        are_final: true,
        ..FileOptions::default()
    };
    for location in files {
        let mut records = file::open(location, &options)?.numbered()?;
        while let Some(batch) = records.next_batch(PART_RECORDS)? {
            let source = location.name();
            if !parts.send(Records::Numbered { source, batch }) {
                return Ok(());
            }
        }
    }
    Ok(())
}
