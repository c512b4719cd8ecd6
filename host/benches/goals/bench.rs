//! Runs the program and what it is compared with, and checks that each run has done the whole job.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::{Context as _, ensure};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use serde_json::Value;
use sluice::format::{Format, decode};
use sluice::layout::object_key::METADATA_FOLDER;

use super::measure::{self, Cost};
use crate::events;

/// The program, built as users build it.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_sluice");

/// Where and how many measurements are taken.
pub(crate) struct Bench {
    /// The folder for events and lakes.
    pub(crate) folder: PathBuf,
    /// The number of pairs of a comparison.
    pub(crate) pairs: usize,
    /// The number of pairs of a comparison whose ratio is close to 1: release switches or a console, and none.
    pub(crate) swap_pairs: usize,
    /// Whether to measure a hundred million events.
    pub(crate) long: bool,
}

/// The input of a run.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    /// A file of events.
    pub(crate) source: PathBuf,
    /// The number of its events.
    pub(crate) events: u64,
}

impl Job {
    fn times(&self, times: u64) -> Self {
        Self {
            events: self.events * times,
            ..self.clone()
        }
    }
}

/// A run of the program.
pub(crate) struct Ran {
    pub(crate) cost: Cost,
    pub(crate) summary: Value,
}

impl Bench {
    /// A job of this many events of this many types.
    pub(crate) fn job(&self, events: u64, types: u64) -> anyhow::Result<Job> {
        let source = events::file(&self.folder, events, types)?;
        Ok(Job { source, events })
    }

    /// The program, in the bench's folder and without settings from the environment.
    pub(crate) fn sluice(&self, args: &[&str]) -> Command {
        self.program(Path::new(PROGRAM), args)
    }

    /// This program, which can be another version of ours, in the same way.
    pub(crate) fn program(&self, program: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(&self.folder);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SLUICE_") {
                command.env_remove(name);
            }
        }
        command
    }

    /// Makes an empty folder for a lake, after the disk has finished earlier writes.
    pub(crate) fn lake(&self) -> anyhow::Result<PathBuf> {
        let lake = self.folder.join("lake");
        if lake.exists() {
            fs::remove_dir_all(&lake)?;
        }
        fs::create_dir_all(&lake)?;
        measure::settle();
        Ok(lake)
    }

    /// The whole local job: a file into a lake, without a bus.
    pub(crate) fn local_job(&self, job: &Job, more: &[&str]) -> anyhow::Result<Ran> {
        let mut command = self.local(more);
        command.arg("--source").arg(named(&job.source));
        self.run_local(job, command)
    }

    /// A job of a file that is many times as long. It is read from a pipe and takes no disk space.
    pub(crate) fn repeated_job(&self, job: &Job, times: u64) -> anyhow::Result<Ran> {
        let (reader, mut writer) = io::pipe()?;
        let mut command = self.local(&["--source", "-"]);
        command.stdin(reader);
        let source = job.source.clone();
        let feeder = thread::spawn(move || {
            (0..times).try_for_each(|_| {
                let copied = io::copy(&mut fs::File::open(&source)?, &mut writer);
                copied.map(drop)
            })
        });
        let ran = self.run_local(&job.times(times), command)?;
        feeder.join().unwrap_or(Ok(()))?;
        Ok(ran)
    }

    fn local(&self, more: &[&str]) -> Command {
        let mut command = self.sluice(&["run", "--bus", "none", "--summary", "json"]);
        command.args(more);
        command
    }

    fn run_local(&self, job: &Job, mut command: Command) -> anyhow::Result<Ran> {
        let lake = self.lake()?;
        command.arg("--lake").arg(named(&lake));
        let (cost, output) = measure::run(&mut command)?;
        let summary = last_line(&output)?;
        for counted in ["records", "events"] {
            ensure!(
                summary[counted] == job.events,
                "{counted}: {} of {} have landed",
                summary[counted],
                job.events
            );
        }
        self.check(&lake, job)?;
        Ok(Ran { cost, summary })
    }

    /// Another program that does the job. It prints nothing, or a JSON object as its last line.
    pub(crate) fn other_job(
        &self,
        job: &Job,
        command: impl FnOnce(&Path) -> anyhow::Result<Command>,
    ) -> anyhow::Result<Ran> {
        let lake = self.lake()?;
        let (cost, output) = measure::run(&mut command(&lake)?)?;
        self.check(&lake, job)?;
        let summary = last_line(&output).unwrap_or_default();
        Ok(Ran { cost, summary })
    }

    fn check(&self, lake: &Path, job: &Job) -> anyhow::Result<()> {
        let lines = lines(lake).with_context(|| lake.display().to_string())?;
        ensure!(
            lines == job.events,
            "{} has {lines} events, and there were {}",
            lake.display(),
            job.events
        );
        Ok(())
    }
}

/// A location in the program's notation: `file:PATH`.
pub(crate) fn named(path: &Path) -> String {
    format!("file:{}", path.display())
}

fn last_line(output: &str) -> anyhow::Result<Value> {
    let line = output.lines().last().context("it printed nothing")?;
    serde_json::from_str(line).with_context(|| line.to_owned())
}

/// The number of events in a lake, written by any program.
pub(crate) fn lines(folder: &Path) -> io::Result<u64> {
    let mut found = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        if entry.file_type()?.is_dir() {
            if name != METADATA_FOLDER {
                found += lines(&path)?;
            }
        } else {
            found += match path.extension() {
                Some(extension) if extension == "parquet" => rows(&path)?,
                _ => {
                    let content = decode(format(&path), &fs::read(&path)?)?;
                    memchr::memchr_iter(b'\n', &content).count() as u64
                }
            };
        }
    }
    Ok(found)
}

/// The number of rows of all Parquet files below a folder.
pub(crate) fn rows_below(folder: &Path) -> io::Result<u64> {
    let mut found = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        found += match path.is_dir() {
            true => rows_below(&path)?,
            false => rows(&path)?,
        };
    }
    Ok(found)
}

/// The number of rows of a Parquet object.
fn rows(path: &Path) -> io::Result<u64> {
    let reader = SerializedFileReader::new(fs::File::open(path)?).map_err(io::Error::other)?;
    let rows = reader.metadata().file_metadata().num_rows();
    u64::try_from(rows).map_err(io::Error::other)
}

fn format(path: &Path) -> Format {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("zst") => Format::NDJSON_ZST,
        Some("gz") => Format::NDJSON_GZ,
        _ => Format::NDJSON,
    }
}
