//! The settings of `run`: flags over environment over `sluice.toml` over defaults, checked before
//! anything starts. The command line's own definition is the only list of settings there is; each
//! argument's id is the dotted key of the file.

pub mod file;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, FromArgMatches as _};
use thiserror::Error;

use crate::chunk::ChunkLimits;
use crate::encode::{Format, Level};
use crate::source::file::Location;
use crate::telemetry::LogFormat;
use crate::transform::limits::Limits;

pub use self::file::File;

/// A setting that is missing or wrong.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{key}: {why}")]
pub struct ConfigError {
    /// The dotted key, behind the file's name where the fault is in a file.
    pub key: String,
    /// What is wrong, and what would be right.
    pub why: String,
}

impl ConfigError {
    /// A fault of one setting.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "errors are handed over as they come"
    )]
    pub fn new(key: impl Into<String>, why: impl ToString) -> Self {
        Self {
            key: key.into(),
            why: why.to_string(),
        }
    }
}

/// What is said of a run at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum SummaryFormat {
    /// A few lines for people.
    Text,
    /// One JSON object, the last line of standard output.
    Json,
    /// Nothing.
    None,
}

/// How objects are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
}

impl Compression {
    fn format(self) -> Format {
        match self {
            Self::None => Format::Plain,
            Self::Gzip => Format::Gzip,
            Self::Zstd => Format::Zstd,
        }
    }
}

/// The settings of `run` as users write them. An argument's id is its key in `sluice.toml`; its flag
/// and its environment variable follow from that.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// The file with settings; without it, `sluice.toml` in the current folder if there is one.
    #[arg(long, env = "SLUICE_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Where records come from: `file:PATH` (newline-delimited JSON, plain or compressed with gzip or
    /// zstd) or `-` for standard input; may be given several times.
    #[arg(
        long,
        env = "SLUICE_SOURCE",
        value_name = "SOURCE",
        value_delimiter = ','
    )]
    pub source: Vec<String>,

    /// Where events go, partitioned: `file:DIR`.
    #[arg(long, env = "SLUICE_LAKE", value_name = "TARGET")]
    pub lake: Option<String>,

    /// Where messages go, one for each event: `file:DIR`, or `none`.
    #[arg(
        long,
        env = "SLUICE_BUS",
        value_name = "TARGET",
        default_value = "none"
    )]
    pub bus: String,

    /// The transform, a WebAssembly component; without it, the enrichment that the program carries.
    #[arg(long, env = "SLUICE_TRANSFORM", value_name = "FILE")]
    pub transform: Option<PathBuf>,

    /// The transform's settings: a JSON object, or a file that holds one.
    #[arg(
        long,
        env = "SLUICE_SETTINGS",
        value_name = "JSON|FILE",
        default_value = "{}"
    )]
    pub settings: String,

    /// How objects are compressed.
    #[arg(
        long,
        env = "SLUICE_COMPRESSION",
        value_name = "METHOD",
        default_value = "zstd"
    )]
    pub compression: Compression,

    /// How hard: 1 to 19 for zstd (3 if not given), 1 to 9 for gzip (6).
    #[arg(id = "compression_level", long = "compression-level")]
    #[arg(env = "SLUICE_COMPRESSION_LEVEL", value_name = "LEVEL")]
    pub compression_level: Option<Level>,

    /// A chunk, which is landed as a unit, closes at this much input.
    #[arg(id = "chunk.bytes", long = "chunk-bytes", env = "SLUICE_CHUNK_BYTES")]
    #[arg(value_name = "SIZE", default_value = "32MiB")]
    pub chunk_bytes: ByteSize,

    /// A chunk closes at this many records.
    #[arg(
        id = "chunk.records",
        long = "chunk-records",
        env = "SLUICE_CHUNK_RECORDS"
    )]
    #[arg(value_name = "N", default_value = "1000000")]
    pub chunk_records: u64,

    /// Fuel for one record, about one unit for each WebAssembly instruction.
    #[arg(id = "limits.fuel", long = "limits-fuel", env = "SLUICE_LIMITS_FUEL")]
    #[arg(value_name = "UNITS", default_value = "100000000")]
    pub limits_fuel: u64,

    /// Linear memory of an instance.
    #[arg(
        id = "limits.memory",
        long = "limits-memory",
        env = "SLUICE_LIMITS_MEMORY"
    )]
    #[arg(value_name = "SIZE", default_value = "32MiB")]
    pub limits_memory: ByteSize,

    /// Wall time for one record, the backstop for what fuel does not measure.
    #[arg(id = "limits.time", long = "limits-time", env = "SLUICE_LIMITS_TIME")]
    #[arg(value_name = "DURATION", default_value = "1s", value_parser = humantime::parse_duration)]
    pub limits_time: Duration,

    /// The largest record that is offered to the transform; a larger one goes to quarantine.
    #[arg(id = "limits.record_bytes", long = "limits-record-bytes")]
    #[arg(
        env = "SLUICE_LIMITS_RECORD_BYTES",
        value_name = "SIZE",
        default_value = "10MiB"
    )]
    pub limits_record_bytes: ByteSize,

    /// The most that the events of one record may hold together.
    #[arg(id = "limits.output_bytes", long = "limits-output-bytes")]
    #[arg(
        env = "SLUICE_LIMITS_OUTPUT_BYTES",
        value_name = "SIZE",
        default_value = "16MiB"
    )]
    pub limits_output_bytes: ByteSize,

    /// The most partitions that a chunk may open; further records go to quarantine.
    #[arg(id = "limits.partitions", long = "limits-partitions")]
    #[arg(
        env = "SLUICE_LIMITS_PARTITIONS",
        value_name = "N",
        default_value = "20000"
    )]
    pub limits_partitions: u32,

    /// Threads that transform and compress; one for each core if not given.
    #[arg(long, env = "SLUICE_THREADS", value_name = "N")]
    pub threads: Option<u16>,

    /// What to say at the end, on standard output.
    #[arg(
        long,
        env = "SLUICE_SUMMARY",
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub summary: SummaryFormat,

    /// What is logged: a level, or directives such as `warn,transform=debug`.
    #[arg(id = "log.level", long = "log-level", env = "SLUICE_LOG_LEVEL")]
    #[arg(value_name = "LEVEL", default_value = "warn")]
    pub log_level: String,

    /// How log lines look.
    #[arg(id = "log.format", long = "log-format", env = "SLUICE_LOG_FORMAT")]
    #[arg(value_name = "FORMAT", default_value = "human")]
    pub log_format: LogFormat,
}

/// The settings of a run, checked.
#[derive(Clone, Debug)]
pub struct RunSettings {
    /// Where records come from, in order.
    pub sources: Vec<Location>,
    /// The folder of the lake.
    pub lake: PathBuf,
    /// The folder of the bus.
    pub bus: Option<PathBuf>,
    /// The component; `None` is the one that the program carries.
    pub transform: Option<PathBuf>,
    /// The transform's settings, a JSON object.
    pub settings: String,
    /// The format of objects.
    pub format: Format,
    /// How hard they are compressed.
    pub level: Level,
    /// When a chunk closes.
    pub chunk: ChunkLimits,
    /// What a transform may use.
    pub limits: Limits,
    /// Threads that transform and compress.
    pub threads: usize,
    /// What to say at the end.
    pub summary: SummaryFormat,
    /// What is logged.
    pub log_level: String,
    /// How log lines look.
    pub log_format: LogFormat,
}

impl RunArgs {
    /// Checks the settings as a whole.
    ///
    /// # Errors
    /// The first setting that is missing or wrong.
    pub fn validate(self) -> Result<RunSettings, ConfigError> {
        if self.source.is_empty() {
            return Err(missing("source", "file:events.ndjson"));
        }
        let sources = self
            .source
            .iter()
            .map(|source| location(source))
            .collect::<Result<_, _>>()?;
        let lake = self
            .lake
            .as_deref()
            .ok_or_else(|| missing("lake", "file:lake"))?;
        let format = self.compression.format();
        let level = self.compression_level.unwrap_or_default().check(format);
        Ok(RunSettings {
            sources,
            lake: folder("lake", lake, "file:DIR")?,
            bus: match self.bus.as_str() {
                "none" => None,
                bus => Some(folder("bus", bus, "file:DIR or none")?),
            },
            settings: transform_settings(&self.settings)?,
            format,
            level: level.map_err(|why| ConfigError::new("compression_level", why))?,
            chunk: ChunkLimits {
                bytes: at_least("chunk.bytes", self.chunk_bytes.as_u64(), 1)?,
                records: at_least("chunk.records", self.chunk_records, 1)?,
            },
            threads: match self.threads {
                Some(threads) => at_least("threads", threads.into(), 1).map(|_| threads.into())?,
                None => std::thread::available_parallelism().map_or(1, usize::from),
            },
            limits: self.limits()?,
            transform: self.transform,
            summary: self.summary,
            log_level: self.log_level,
            log_format: self.log_format,
        })
    }

    fn limits(&self) -> Result<Limits, ConfigError> {
        /// What one instance may be given: WebAssembly's own limit for 32-bit memories.
        const MEMORY_MAX: u64 = 4 << 30;
        let memory = at_least("limits.memory", self.limits_memory.as_u64(), 1 << 20)?;
        if memory > MEMORY_MAX {
            return Err(ConfigError::new("limits.memory", "more than 4GiB"));
        }
        if self.limits_time.is_zero() {
            return Err(ConfigError::new(
                "limits.time",
                "must be more than nothing, such as 1s",
            ));
        }
        Ok(Limits {
            fuel: at_least("limits.fuel", self.limits_fuel, 1)?,
            memory_bytes: size("limits.memory", memory)?,
            time: self.limits_time,
            record_bytes: size("limits.record_bytes", self.limits_record_bytes.as_u64())?,
            output_bytes: size("limits.output_bytes", self.limits_output_bytes.as_u64())?,
            partitions: at_least("limits.partitions", self.limits_partitions.into(), 1)
                .and_then(|partitions| size("limits.partitions", partitions))?,
        })
    }
}

fn missing(key: &str, example: &str) -> ConfigError {
    let variable = key.to_uppercase();
    ConfigError::new(
        key,
        format!(
            "missing; give --{key} {example}, SLUICE_{variable}={example}, or \
             {key} = \"{example}\" in sluice.toml"
        ),
    )
}

fn location(source: &str) -> Result<Location, ConfigError> {
    match source.strip_prefix("file:") {
        _ if source == "-" => Ok(Location::Stdin),
        Some(path) if !path.is_empty() => Ok(Location::File(path.into())),
        _ => {
            let why = format!("{source:?} is not file:PATH or -{}", did_you_mean(source));
            Err(ConfigError::new("source", why))
        }
    }
}

fn folder(key: &str, target: &str, expected: &str) -> Result<PathBuf, ConfigError> {
    match target.strip_prefix("file:") {
        Some(path) if !path.is_empty() => Ok(path.into()),
        _ => {
            let why = format!("{target:?} is not {expected}{}", did_you_mean(target));
            Err(ConfigError::new(key, why))
        }
    }
}

fn did_you_mean(path: &str) -> String {
    if path.is_empty() || path.contains(':') {
        String::new()
    } else {
        format!(" (did you mean file:{path}?)")
    }
}

fn transform_settings(settings: &str) -> Result<String, ConfigError> {
    if settings.trim_start().starts_with('{') {
        return Ok(settings.to_owned());
    }
    std::fs::read_to_string(settings).map_err(|error| {
        let why = format!("{settings:?} is neither a JSON object nor a file to read: {error}");
        ConfigError::new("settings", why)
    })
}

fn at_least(key: &str, value: u64, least: u64) -> Result<u64, ConfigError> {
    if value < least {
        return Err(ConfigError::new(
            key,
            format!("{value} is less than {least}"),
        ));
    }
    Ok(value)
}

fn size(key: &str, bytes: u64) -> Result<usize, ConfigError> {
    usize::try_from(bytes).map_err(|_| ConfigError::new(key, "more than this machine can address"))
}

/// The settings with where each comes from.
pub struct Resolved {
    args: RunArgs,
    matches: ArgMatches,
    file: Option<File>,
}

impl Resolved {
    /// Parses `argv` with what the file says in the place of the defaults of `command`. The settings
    /// belong to the subcommand at the end of `subcommands`.
    ///
    /// # Errors
    /// What clap says of the command line.
    pub fn new(
        argv: Vec<OsString>,
        command: Command,
        subcommands: &[&str],
        file: Option<File>,
    ) -> anyhow::Result<Self> {
        let command = subcommand(command, subcommands, file.as_ref());
        let mut matches = command.try_get_matches_from(argv)?;
        for _ in subcommands {
            if let Some((_, inner)) = matches.remove_subcommand() {
                matches = inner;
            }
        }
        let args = RunArgs::from_arg_matches(&matches)?;
        Ok(Self {
            args,
            matches,
            file,
        })
    }

    /// The settings, checked.
    ///
    /// # Errors
    /// [`ConfigError`]
    pub fn settings(self) -> Result<RunSettings, ConfigError> {
        self.args.validate()
    }

    /// Every setting as a line of TOML, with where it comes from.
    #[must_use]
    pub fn show(&self) -> String {
        let mut text = String::new();
        let known = RunArgs::augment_args(Command::new("sluice"));
        for arg in known.get_arguments().filter(|arg| arg.get_id() != "config") {
            let key = arg.get_id().as_str();
            let values: Vec<_> = self
                .matches
                .get_raw(key)
                .map(|raw| {
                    raw.map(|value| value.to_string_lossy().into_owned())
                        .collect()
                })
                .unwrap_or_default();
            let origin = match (self.matches.value_source(key), &self.file) {
                (Some(ValueSource::CommandLine), _) => "flag".to_owned(),
                (Some(ValueSource::EnvVariable), _) => "environment".to_owned(),
                (Some(_), Some(file)) if file.has(key) => file.name(),
                (Some(_), _) => "default".to_owned(),
                (None, _) => "not set".to_owned(),
            };
            let value = match values.as_slice() {
                [] => "# -".to_owned(),
                [one] if key != "source" => format!("{one:?}"),
                several => format!("{several:?}"),
            };
            let _infallible = writeln!(text, "{key} = {value}  # {origin}");
        }
        text
    }
}

/// The command with the file's values as the defaults of the innermost subcommand.
fn subcommand(command: Command, path: &[&str], file: Option<&File>) -> Command {
    match (path.split_first(), file) {
        (Some((name, rest)), _) => {
            let name = (*name).to_owned();
            command.mut_subcommand(name, |inner| subcommand(inner, rest, file))
        }
        (None, Some(file)) => file.as_defaults(command),
        (None, None) => command,
    }
}

#[cfg(test)]
mod tests {
    use clap::Args as _;

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

    #[test]
    fn a_plain_path_gets_a_hint() {
        let error = location("events.ndjson").unwrap_err();
        assert!(
            error
                .to_string()
                .contains("did you mean file:events.ndjson?"),
            "{error}"
        );
        assert!(folder("lake", "s3://bucket", "file:DIR").is_err());
        assert_eq!(location("-").unwrap(), Location::Stdin);
    }
}
