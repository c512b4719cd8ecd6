//! The settings of `run`: flags override the environment, which overrides `sluice.toml`, which
//! overrides defaults. All are checked before anything starts. The definition of the command line is
//! the only list of settings; each argument's id is the dotted key of the file.

mod archive;
pub mod args;
mod buckets;
pub mod command_settings;
pub mod compression;
pub mod environment;
pub mod file;
pub mod folders;
pub mod http_bind;
mod json;
pub mod lake_json;
pub mod log_format;
pub mod log_level;
pub mod max_quarantined;
mod messages;
pub mod mode;
pub mod object_format;
pub mod origins;
pub mod part;
pub mod quantity;
pub mod quarantine_filter;
pub mod redrive;
pub mod registry;
pub mod replay;
pub mod resolved;
pub mod rules_settings;
pub mod schema;
mod shell_word;
mod suggestion;
pub mod table_settings;
pub mod table_source;
pub mod target;
mod toml_string;
pub mod transform_source;

use std::time::Duration;

use bytesize::ByteSize;
use chrono::Utc;
use sluice_engine::limits::{DEFAULT_BATCH_OUTPUT_BYTES, Limits, MEMORY_MAX_BYTES};
use sluice_engine::record::Bounds;
use sluice_release::repeated_member::repeated_member;
use sluice_storage::location::StoreLocation;
use sluice_storage::retry::RetryPolicy;
use thiserror::Error;

use crate::config::log_format::LogFormat;
use crate::config::max_quarantined::MaxQuarantined;
use crate::format::{Format, Level};
use crate::layout::chunk::ChunkLimits;
use crate::ledger::decoding::RecordDecoding;
use crate::sink::bus::{BusTarget, MessageSettings};
use crate::source::file::{FileOptions, is_one_file};
use crate::source::kinesis::StreamAddress;
use crate::source::lambda_event;
use crate::source::unpacking::Unpacking;

pub use self::args::{RunArgs, SummaryFormat};
pub use self::command_settings::CommandSettings;
pub use self::file::File;
use self::folders::WrittenPlaces;
pub use self::http_bind::HttpBind;
pub use self::mode::{ArchiveSettings, Mode, OnExpiredCheckpoint, StartAt, StreamSettings};
pub use self::origins::Origins;
pub use self::part::{Part, PartArg};
pub use self::quarantine_filter::QuarantineFilterArgs;
pub use self::redrive::{RedriveArgs, RedriveSettings, continue_command};
pub use self::registry::RegistryConfig;
pub use self::replay::{PinnedRelease, ReplayArgs};
pub use self::resolved::Resolved;
pub use self::rules_settings::{RulesFlags, RulesSettings};
pub use self::shell_word::shell_word;
pub use self::table_settings::{BuildArgs, DedupeArgs, DueArgs, LocationArgs, TableSettings};
pub use self::table_source::{SchemaObject, TableSource};
use self::target::parse_bus;
pub use self::target::{parse_store, store_setting};
pub use self::transform_source::{TransformArgs, TransformChoice, TransformSource};

/// A setting that is missing or wrong.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{key}: {why}")]
pub struct ConfigError {
    /// The dotted key, or an environment variable. If the fault is in a file, its name and the line
    /// come before that.
    pub key: String,
    /// What is wrong, and what would be right.
    pub why: String,
}

impl ConfigError {
    /// An error of one setting.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "`map_err` passes errors by value"
    )]
    pub fn new(key: impl Into<String>, why: impl ToString) -> Self {
        Self {
            key: key.into(),
            why: why.to_string(),
        }
    }
}

/// The settings of a run, checked.
#[derive(Clone, Debug)]
pub struct RunSettings {
    /// Where records come from, and so how the run works.
    pub mode: Mode,
    /// What files are known by, and whether they grow.
    pub files: FileOptions,
    /// Where events go.
    pub lake: StoreLocation,
    /// Where messages go.
    pub bus: Option<BusTarget>,
    /// Where records are archived; the path of a folder is absolute.
    pub archive: Option<StoreLocation>,
    /// How long transient errors of services are retried.
    pub retry_policy: RetryPolicy,
    /// The transform and its configuration.
    pub transform: TransformChoice,
    /// The format of objects.
    pub format: Format,
    /// The schema of objects that have columns.
    pub table: Option<TableSource>,
    /// The compression level.
    pub level: Level,
    /// How records of the source are unpacked.
    pub unpacking: Unpacking,
    /// The registry that names the active release.
    pub registry: Option<RegistryConfig>,
    /// Whether the transform's file is reloaded when it changes.
    pub watch: bool,
    /// A release of a registry instead of the transform.
    pub pinned_release: Option<PinnedRelease>,
    /// The part of the source that a replay reads; `None` for a run.
    pub replay: Option<Bounds>,
    /// The part of a replay that this process works on; `None` for all of it.
    pub part: Option<Part>,
    /// The messages on the bus.
    pub messages: MessageSettings,
    /// The limits at which a chunk closes.
    pub chunk: ChunkLimits,
    /// The memory for chunks and for records that were read, bytes.
    pub memory: u64,
    /// The limits of the transform.
    pub limits: Limits,
    /// The number of threads that transform and compress.
    pub threads: usize,
    /// The table that is built from the lake, and its builder, as they are written.
    pub table_settings: TableSettings,
    /// Where the run exposes metrics and health.
    pub http: HttpBind,
    /// The format of the summary.
    pub summary: SummaryFormat,
    /// A log level or directives.
    pub log_level: String,
    /// The format of log lines.
    pub log_format: LogFormat,
    /// The share of quarantined records above which a run that ends has failed.
    pub max_quarantined: Option<MaxQuarantined>,
    /// Whether nothing but warnings, errors and a summary as JSON is printed.
    pub quiet: bool,
    /// Where the settings come from.
    pub origins: Origins,
}

impl RunSettings {
    /// Whether one release transforms all chunks of the run, whatever is activated meanwhile.
    #[must_use]
    pub fn has_one_release(&self) -> bool {
        self.replay.is_some() || matches!(self.mode, Mode::Redrive(_))
    }

    /// Checks the settings that only a run that ends by itself can have.
    ///
    /// # Errors
    /// `max_quarantined` for a function, or for a worker that goes on until it is stopped.
    pub fn check_end(&self) -> Result<(), ConfigError> {
        let ends = match &self.mode {
            Mode::Files(_) | Mode::Archive(_) | Mode::Redrive(_) => true,
            Mode::Worker(stream) => stream.exit_when_caught_up,
            Mode::Lambda => false,
        };
        if self.max_quarantined.is_some() && !ends {
            let why = "needs a run that ends: files, an archive, or a stream with --exit-when-caught-up; otherwise, watch \
                       the metric of quarantined records";
            return Err(ConfigError::new("max_quarantined", why));
        }
        Ok(())
    }
}

impl RunArgs {
    /// Checks all settings.
    ///
    /// # Errors
    /// The first setting that is missing or wrong.
    pub fn validate(self) -> Result<RunSettings, ConfigError> {
        if self.source.is_empty() {
            return Err(missing("source", "file:events.ndjson"));
        }
        let mode = Mode::parse(&self.source, |name| self.stream(name))?;
        let lake = self.lake.as_deref();
        let lake = lake.ok_or_else(|| missing("lake", "file:lake"))?;
        let lake = parse_store("lake", lake)?;
        let bus = parse_bus(&self.bus)?;
        let archive = archive::validate(self.archive.as_deref(), &mode)?;
        folders::check_not_in_a_lake("lake", &lake)?;
        if let Some(folder) = bus.as_ref().and_then(BusTarget::folder) {
            folders::check_is_folder("bus", &folder)?;
        }
        folders::check_apart(&lake, bus.as_ref())?;
        let sources = mode.files().unwrap_or_default();
        let written = WrittenPlaces {
            lake: &lake,
            bus: bus.as_ref(),
            archive: archive.as_ref(),
        };
        folders::check_sources_outside(written, sources)?;
        folders::check_not_read(written, sources)?;
        if mode == Mode::Lambda && !lambda_event::is_lambda() {
            let why = "`lambda` works only in a Lambda function; give another source";
            return Err(ConfigError::new("source", why));
        }
        if mode == Mode::Lambda && matches!(lake, StoreLocation::Folder(_)) {
            let why = "a Lambda function cannot keep a folder; give s3://BUCKET/PREFIX";
            return Err(ConfigError::new("lake", why));
        }
        let schema = self.schema.as_deref();
        let (format, table) = self.format.validate(self.compression, schema)?;
        let level = self
            .compression_level
            .unwrap_or_default()
            .check(format.codec());
        let registry = RegistryConfig::validate(&self)?;
        let registry_store = registry.as_ref().map(|registry| &registry.target);
        archive::check_apart(written, registry_store)?;
        archive::check_source(&mode, written, registry_store)?;
        let stores = [
            ("lake", Some(&lake)),
            ("registry", registry_store),
            ("archive", archive.as_ref()),
        ];
        buckets::check_objects_outside(stores, sources)?;
        let transform = TransformChoice::new(
            self.transform.clone(),
            self.jq.as_deref(),
            &self.transform_config,
        )?;
        if self.watch && transform.file().is_none() {
            let why = "needs a file; give --transform FILE or --jq FILE";
            return Err(ConfigError::new("watch", why));
        }
        Ok(RunSettings {
            files: self.files(&mode)?,
            lake,
            bus,
            archive,
            retry_policy: RetryPolicy::new(self.retry_timeout),
            unpacking: self.unpacking(),
            registry,
            watch: self.watch,
            pinned_release: None,
            replay: None,
            part: None,
            messages: self.messages()?,
            memory: at_least("memory", self.memory.as_u64(), 1 << 20)?,
            format,
            table,
            level: level.map_err(|why| ConfigError::new("compression_level", why))?,
            chunk: ChunkLimits {
                age: mode.waits_for_records().then_some(self.chunk_age),
                bytes: at_least("chunk.bytes", self.chunk_bytes(&mode), 1)?,
                records: self.chunk_records,
            },
            threads: match self.threads {
                Some(threads) => threads.into(),
                None => std::thread::available_parallelism().map_or(1, usize::from),
            },
            limits: self.limits()?,
            table_settings: self.table.clone(),
            http: self.http.unwrap_or(mode.default_http()),
            mode,
            transform,
            summary: match self.summary {
                SummaryFormat::Text if self.quiet => SummaryFormat::None,
                summary => summary,
            },
            log_level: log_level::parse(&self.log_level)
                .map_err(|why| ConfigError::new("log.level", why))?,
            log_format: self.log_format,
            max_quarantined: self.max_quarantined,
            quiet: self.quiet,
            origins: Origins::default(),
        })
    }

    fn files(&self, mode: &Mode) -> Result<FileOptions, ConfigError> {
        let files = mode.files().map_or(0, <[_]>::len);
        if self.is_final && files == 0 {
            let why = "a stream has no last line, and neither has an archive; leave this out";
            return Err(ConfigError::new("final", why));
        }
        let name = self.source_name.clone();
        if let Some(name) = &name
            && (name.trim().is_empty() || files != 1)
        {
            let why =
                "needs a name and exactly one file, or standard input; run once for each file";
            return Err(ConfigError::new("source_name", why));
        }
        let sources = mode.files().unwrap_or_default();
        if name.is_some() && !sources.iter().all(is_one_file) {
            let why = "needs the path of one file; the source is a folder or a pattern";
            return Err(ConfigError::new("source_name", why));
        }
        Ok(FileOptions {
            name,
            are_final: self.is_final,
            unpacking: self.unpacking(),
        })
    }

    fn unpacking(&self) -> Unpacking {
        Unpacking {
            misplaced_records: self.misplaced_records,
            decoding: RecordDecoding {
                encoding: self.record_encoding,
                format: self.record_format,
            },
        }
    }

    fn stream(&self, name: &str) -> Result<StreamSettings, ConfigError> {
        /// A lease is renewed six times in its duration, each with a write of the ledger.
        const LEASE_MIN: Duration = Duration::from_secs(1);
        let stream: Result<StreamAddress, _> = name.parse();
        if self.lease < LEASE_MIN {
            return Err(ConfigError::new(
                "lease",
                format!("must be {LEASE_MIN:?} or more"),
            ));
        }
        if matches!(self.start, StartAt::Moment(moment) if moment > Utc::now().timestamp_millis()) {
            return Err(ConfigError::new(
                "start",
                "lies in the future; give a past time or latest",
            ));
        }
        Ok(StreamSettings {
            stream: stream.map_err(|why| ConfigError::new("source", why))?,
            start: self.start,
            exit_when_caught_up: self.exit_when_caught_up,
            lease: self.lease,
            shutdown_timeout: self.shutdown_timeout,
            only_shard: None,
            on_expired_checkpoint: self.on_expired_checkpoint,
        })
    }

    fn chunk_bytes(&self, mode: &Mode) -> u64 {
        let default = mode.default_chunk_bytes();
        self.chunk_bytes.unwrap_or(default).as_u64()
    }

    fn limits(&self) -> Result<Limits, ConfigError> {
        /// A shorter time is not enforced.
        const LIMITS_TIME_MIN: Duration = Duration::from_millis(1);
        let memory = at_least("limits.memory", self.limits_memory.as_u64(), 1 << 20)?;
        if memory > MEMORY_MAX_BYTES as u64 {
            return Err(ConfigError::new("limits.memory", "must be 4GiB or less"));
        }
        if self.limits_time < LIMITS_TIME_MIN {
            let why = format!("must be {LIMITS_TIME_MIN:?} or more");
            return Err(ConfigError::new("limits.time", why));
        }
        let (record, output) = (self.limits_record_bytes, self.limits_output_bytes);
        Ok(Limits {
            fuel: self.limits_fuel,
            memory_bytes: size("limits.memory", memory)?,
            time: self.limits_time,
            record_bytes: at_least_a_byte("limits.record_bytes", record)?,
            output_bytes: at_least_a_byte("limits.output_bytes", output)?,
            partitions: size("limits.partitions", self.limits_partitions.into())?,
            batch_output_bytes: DEFAULT_BATCH_OUTPUT_BYTES,
            lake_json: self.lake_json.profile(),
        })
    }
}

/// The error of a setting that must be given, with an example of a value.
#[must_use]
pub fn missing(key: &str, example: &str) -> ConfigError {
    let variable = key.to_uppercase();
    ConfigError::new(
        key,
        format!(
            "missing; give --{key} {example}, SLUICE_{variable}={example}, or \
             {key} = \"{example}\" in sluice.toml"
        ),
    )
}

/// Reads a transform configuration: a JSON object, or the content of the file with that name.
///
/// # Errors
/// `config` is neither an object nor a readable file, or an object in it has a member twice.
pub fn read_transform_config(config: &str) -> Result<String, ConfigError> {
    if config.trim_start().starts_with('{') {
        return with_unique_members(config.to_owned(), "");
    }
    if config.trim().is_empty() {
        let why = "is empty; give a JSON object or a file that holds one";
        return Err(ConfigError::new("transform_config", why));
    }
    let text = std::fs::read_to_string(config).map_err(|error| {
        let why = format!("{config:?} is neither a JSON object nor a readable file: {error}");
        ConfigError::new("transform_config", why)
    })?;
    with_unique_members(text, &format!("{config:?} "))
}

/// The configuration, if no object in it has a member twice: a parser would take the last one silently.
fn with_unique_members(text: String, name: &str) -> Result<String, ConfigError> {
    match repeated_member(&text) {
        None => Ok(text),
        Some(why) => Err(ConfigError::new("transform_config", format!("{name}{why}"))),
    }
}

fn at_least(key: &str, value: u64, least: u64) -> Result<u64, ConfigError> {
    if value < least {
        return Err(ConfigError::new(
            key,
            format!("{value} is too low; give {least} or more"),
        ));
    }
    Ok(value)
}

fn at_least_a_byte(key: &str, limit: ByteSize) -> Result<usize, ConfigError> {
    match limit.as_u64() {
        0 => Err(ConfigError::new(key, "0 is too low; give 1B or more")),
        bytes => size(key, bytes),
    }
}

fn size(key: &str, bytes: u64) -> Result<usize, ConfigError> {
    usize::try_from(bytes).map_err(|_| ConfigError::new(key, "more than this machine can address"))
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, Command};

    use super::*;

    #[test]
    fn key_flag_and_variable_follow_from_one_another() {
        for arg in RunArgs::augment_args(Command::new("sluice")).get_arguments() {
            let key = arg.get_id().as_str();
            let flag = key.replace(['.', '_'], "-");
            let variable = format!("SLUICE_{}", key.to_uppercase().replace('.', "_"));
            assert_eq!(arg.get_long(), Some(flag.as_str()));
            assert_eq!(
                arg.get_env().and_then(|env| env.to_str()),
                Some(variable.as_str())
            );
            assert!(arg.get_help().is_some(), "{key} has no help");
        }
    }
}
