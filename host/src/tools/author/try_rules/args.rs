//! The options of `transform try`.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};

use super::trial::{Outcome, Tried};
use crate::config::log_level;
use crate::config::max_quarantined::MaxQuarantined;
use crate::config::quantity::whole_number;
use crate::config::{
    ConfigError, QuarantineFilterArgs, RulesFlags, RulesSettings, StartAt, TransformSource,
};
use crate::ledger::decoding::{RecordEncoding, RecordFormat};

/// How many records of a stream or of quarantine are tried by default.
const REMOTE_LIMIT: usize = 20;

/// The rules, the records, and how to print what becomes of them.
#[derive(Debug, Args)]
pub struct TryArgs {
    /// Take records from these files: newline-delimited JSON, plain or compressed with gzip or zstd. A folder stands for
    /// its files, and `-` is standard input. [default: standard input, if it is not a terminal]
    #[arg(value_name = "FILE", conflicts_with_all = ["source", "quarantined"])]
    pub files: Vec<PathBuf>,

    /// Try this program of the language jq, or the one in this file. [default: that of `run`: `SLUICE_JQ`, or `jq` in
    /// `sluice.toml`]
    #[arg(long, value_name = "PROGRAM|FILE", conflicts_with_all = ["transform", "release"])]
    pub jq: Option<String>,

    /// Try this component, or a built-in transform. [default: that of `run`: `SLUICE_TRANSFORM`, or `transform` in
    /// `sluice.toml`, or builtin:enrich]
    #[arg(long, value_name = "FILE|builtin:NAME", conflicts_with = "release")]
    pub transform: Option<TransformSource>,

    /// Set the transform configuration: a JSON object, or a file that holds one. [default: that of `run`:
    /// `SLUICE_TRANSFORM_CONFIG`, or `transform_config` in `sluice.toml`, or {}]
    #[arg(long, value_name = "JSON|FILE", conflicts_with = "release")]
    pub transform_config: Option<String>,

    /// Try a release of a registry, with its own configuration: its id, the first 8 or more digits of it, or `active`.
    #[arg(long, value_name = "ID|active")]
    pub release: Option<String>,

    /// Take the release from this registry: `file:DIR` or `s3://BUCKET/PREFIX`. [default: that of `run`:
    /// `SLUICE_REGISTRY`, or `registry` in `sluice.toml`]
    #[arg(long, value_name = "TARGET", requires = "release")]
    pub registry: Option<String>,

    /// Take records from `file:PATH`, `s3://BUCKET/PREFIX`, `-`, `kinesis:STREAM` (a stream's name or ARN) or
    /// `archive:TARGET`, as `run` names them. A stream is read without a checkpoint and with small requests, so that its workers are not disturbed. PATH can be a folder or
    /// a pattern. Can be given several times.
    #[arg(long, value_name = "SOURCE", conflicts_with = "quarantined")]
    pub source: Vec<String>,

    /// Decode the data of each record, as `run` does; of quarantined records, those that are `undecodable`. [default: that of `run`: `SLUICE_RECORD_ENCODING`, or
    /// `record_encoding` in `sluice.toml`, or none]
    #[arg(long, value_name = "ENCODING")]
    pub record_encoding: Option<RecordEncoding>,

    /// Split the data of each record, as `run` does. [default: that of `run`: `SLUICE_RECORD_FORMAT`, or
    /// `record_format` in `sluice.toml`, or json]
    #[arg(long, value_name = "FORMAT")]
    pub record_format: Option<RecordFormat>,

    /// Begin at `trim_horizon`, `latest` or a time such as 2026-01-31T12:00:00Z of the stream. `latest` waits for
    /// records. [default: `trim_horizon`]
    #[arg(long, value_name = "WHERE")]
    pub start: Option<StartAt>,

    /// Take the records that are quarantined in a lake now, with their bytes, keys and positions: `file:DIR` or
    /// `s3://BUCKET/PREFIX`. Their bytes are printed.
    #[arg(long, value_name = "LAKE")]
    pub quarantined: Option<String>,

    /// Which quarantined records are taken.
    #[command(flatten)]
    pub filter: QuarantineFilterArgs,

    /// Try this many records. [default: all of files, 20 of a stream or of quarantine]
    #[arg(long, value_name = "N", value_parser = whole_number::<usize>(1..=u64::MAX))]
    pub limit: Option<usize>,

    /// Print only the records with this outcome. All are counted.
    #[arg(long, value_name = "OUTCOME")]
    pub only: Option<Only>,

    /// Show the members that stay the same too, and values in full length.
    #[arg(long, action = ArgAction::SetTrue)]
    pub full: bool,

    /// Print a JSON object for each record, one a line, and a last one with the counts.
    #[arg(long, action = ArgAction::SetTrue)]
    pub json: bool,

    /// Try again whenever a file of the rules or of the records changes, until Ctrl-C. Other records are read once and
    /// kept.
    #[arg(long, action = ArgAction::SetTrue)]
    pub watch: bool,

    /// End with the exit code 1 if more than this share of the records is quarantined, such as `5%`; `0` allows none.
    /// [default: any share is fine]
    #[arg(long, value_name = "SHARE", conflicts_with = "watch")]
    pub max_quarantined: Option<MaxQuarantined>,

    /// Log messages of Sluice of this level, on standard error. `debug` shows which functions were running when a record
    /// exceeded a limit. [default: none]
    #[arg(long, value_name = "LEVEL", value_parser = log_level::parse)]
    pub log_level: Option<String>,

    /// Read the rules of `run` from this file. [default: `sluice.toml` in the current folder, if it exists]
    #[arg(long, env = "SLUICE_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Which records are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Only {
    /// Those with events.
    Events,
    /// Those that go to quarantine.
    Quarantined,
    /// Those that the rules drop.
    Dropped,
    /// Those with events that are not the record itself: another number than one, or other members or values.
    Changed,
}

impl TryArgs {
    /// The settings that name rules: those of flags, or else those of `run`.
    ///
    /// # Errors
    /// Wrong usage.
    pub fn settings(&self) -> anyhow::Result<RulesSettings> {
        let flags = RulesFlags {
            config: self.config.clone(),
            transform: self.transform.clone(),
            jq: self.jq.clone(),
            transform_config: self.transform_config.clone(),
            registry: self.registry.clone(),
            record_encoding: self.record_encoding,
            record_format: self.record_format,
        };
        flags.resolve()
    }

    /// The registry and the name of the release to try.
    ///
    /// # Errors
    /// A release without a registry.
    pub fn release<'a>(
        &'a self,
        settings: &'a RulesSettings,
    ) -> Result<Option<(&'a str, &'a str)>, ConfigError> {
        match (self.release.as_deref(), settings.registry.as_deref()) {
            (None, _) => Ok(None),
            (Some(name), Some(registry)) => Ok(Some((registry, name))),
            (Some(_), None) => {
                let why = "missing; a release is in a registry: give --registry, SLUICE_REGISTRY, or registry in \
                           sluice.toml";
                Err(ConfigError::new("registry", why))
            }
        }
    }

    /// Checks the options that only some records have. (A rule of clap would not be checked if files are given.)
    ///
    /// # Errors
    /// `start` without a stream, or a filter without quarantine.
    pub(super) fn check_applicable(&self) -> Result<(), ConfigError> {
        if self.start.is_some() && !self.is_stream() {
            let why = "only a stream has this; leave it out, or give --source kinesis:STREAM";
            return Err(ConfigError::new("start", why));
        }
        if let (Some(flag), None) = (self.filter.first_given(), &self.quarantined) {
            let why =
                "only quarantined records have this; leave it out, or give --quarantined LAKE";
            return Err(ConfigError::new(flag, why));
        }
        Ok(())
    }

    fn is_stream(&self) -> bool {
        self.has_source("kinesis:")
    }

    fn has_source(&self, scheme: &str) -> bool {
        self.source.iter().any(|source| source.starts_with(scheme))
    }

    /// How many records are tried at most.
    pub(super) fn limit(&self) -> usize {
        let is_remote = self.is_stream() || self.has_source("archive:");
        let all = match is_remote || self.quarantined.is_some() {
            true => REMOTE_LIMIT,
            false => usize::MAX,
        };
        self.limit.unwrap_or(all)
    }

    /// Whether a record is printed.
    pub(super) fn shows(&self, tried: &Tried<'_>) -> bool {
        match (self.only, &tried.outcome) {
            (None, _)
            | (Some(Only::Events), Outcome::Events(_))
            | (Some(Only::Quarantined), Outcome::Quarantined(_))
            | (Some(Only::Dropped), Outcome::Dropped) => true,
            (Some(Only::Changed), Outcome::Events(_)) => tried.is_changed(),
            _ => false,
        }
    }
}
