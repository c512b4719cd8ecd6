//! The settings of `run` as users write them.

use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use clap::Args;

use crate::config::{Listen, StartAt};
use crate::encode::{Format, Level};
use crate::sink::Messages;
use crate::source::aggregate::MisplacedRecords;
use crate::telemetry::LogFormat;

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
    /// The format of objects compressed so.
    #[must_use]
    pub fn format(self) -> Format {
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
    /// zstd) or `-` for standard input, which may be given several times; or `kinesis:STREAM`.
    #[arg(long, env = "SLUICE_SOURCE", value_name = "SOURCE")]
    pub source: Vec<String>,

    /// Where events go, partitioned: `file:DIR` or `s3://BUCKET/PREFIX`.
    #[arg(long, env = "SLUICE_LAKE", value_name = "TARGET")]
    pub lake: Option<String>,

    /// Where messages go, one for each event: `file:DIR`, `sqs:QUEUE` (a name or a URL), or `none`.
    #[arg(
        long,
        env = "SLUICE_BUS",
        value_name = "TARGET",
        default_value = "none"
    )]
    pub bus: String,

    /// What messages are about: each of the events, or each of the objects.
    #[arg(
        id = "bus_messages",
        long = "bus-messages",
        env = "SLUICE_BUS_MESSAGES"
    )]
    #[arg(value_name = "WHAT", default_value = "events")]
    pub bus_messages: Messages,

    /// What becomes of records of an aggregate whose hash key is outside their shard's range, as
    /// happens when a stream is split. `drop` is for producers that send them again.
    #[arg(
        long,
        env = "SLUICE_MISPLACED_RECORDS",
        value_name = "WHAT",
        default_value = "keep"
    )]
    pub misplaced_records: MisplacedRecords,

    /// The transform, a WebAssembly component; without it, the enrichment that the program carries.
    #[arg(long, env = "SLUICE_TRANSFORM", value_name = "FILE")]
    pub transform: Option<PathBuf>,

    /// Configure the transform: a JSON object, or a file that holds one.
    #[arg(
        id = "transform_config",
        long = "transform-config",
        env = "SLUICE_TRANSFORM_CONFIG"
    )]
    #[arg(value_name = "JSON|FILE", default_value = "{}")]
    pub transform_config: String,

    /// The registry that says which release serves: `file:DIR` or `s3://BUCKET/PREFIX`. The run follows
    /// it while it runs; until something is activated there, the transform above serves.
    #[arg(long, env = "SLUICE_REGISTRY", value_name = "TARGET")]
    pub registry: Option<String>,

    /// How often the registry is looked at.
    #[arg(
        id = "registry_poll",
        long = "registry-poll",
        env = "SLUICE_REGISTRY_POLL"
    )]
    #[arg(value_name = "DURATION", default_value = "5s", value_parser = humantime::parse_duration)]
    pub registry_poll: Duration,

    /// The key that releases of the registry have to be signed with: an Ed25519 public key in PEM, or a
    /// file that holds one. Without it, signatures are not looked at.
    #[arg(id = "public_key", long = "public-key", env = "SLUICE_PUBLIC_KEY")]
    #[arg(value_name = "PEM|FILE")]
    pub public_key: Option<String>,

    /// Take up the transform's file again whenever it changes, for development.
    #[arg(long, env = "SLUICE_WATCH", value_name = "BOOL", num_args = 0..=1, require_equals = true)]
    #[arg(default_value = "false", default_missing_value = "true")]
    pub watch: bool,

    /// How objects are compressed.
    #[arg(
        long,
        env = "SLUICE_COMPRESSION",
        value_name = "METHOD",
        default_value = "zstd"
    )]
    pub compression: Compression,

    /// How hard: 1 to 19 for zstd (1 if not given), 1 to 9 for gzip (6).
    #[arg(id = "compression_level", long = "compression-level")]
    #[arg(env = "SLUICE_COMPRESSION_LEVEL", value_name = "LEVEL")]
    pub compression_level: Option<Level>,

    /// A chunk, which is landed as a unit, closes at this much input: 64MiB if not given, 32MiB for
    /// files.
    #[arg(id = "chunk.bytes", long = "chunk-bytes", env = "SLUICE_CHUNK_BYTES")]
    #[arg(value_name = "SIZE")]
    pub chunk_bytes: Option<ByteSize>,

    /// A chunk closes at this many records.
    #[arg(
        id = "chunk.records",
        long = "chunk-records",
        env = "SLUICE_CHUNK_RECORDS"
    )]
    #[arg(value_name = "N", default_value = "1000000")]
    pub chunk_records: u64,

    /// A chunk of a stream closes this long after its first record came.
    #[arg(id = "chunk.age", long = "chunk-age", env = "SLUICE_CHUNK_AGE")]
    #[arg(value_name = "DURATION", default_value = "60s", value_parser = humantime::parse_duration)]
    pub chunk_age: Duration,

    /// What chunks and reading together may take; with many shards chunks close earlier to fit, and
    /// reading pauses.
    #[arg(
        long,
        env = "SLUICE_MEMORY",
        value_name = "SIZE",
        default_value = "512MiB"
    )]
    pub memory: ByteSize,

    /// Where a new pipeline begins in a stream: `trim_horizon`, `latest`, or a time such as
    /// 2026-01-31T12:00:00Z. Later runs go on where the ledger says.
    #[arg(
        long,
        env = "SLUICE_START",
        value_name = "WHERE",
        default_value = "trim_horizon"
    )]
    pub start: StartAt,

    /// End when every shard of the stream is at its tip.
    #[arg(
        id = "exit_when_caught_up",
        long = "exit-when-caught-up",
        env = "SLUICE_EXIT_WHEN_CAUGHT_UP"
    )]
    #[arg(value_name = "BOOL", num_args = 0..=1, require_equals = true)]
    #[arg(default_value = "false", default_missing_value = "true")]
    pub exit_when_caught_up: bool,

    /// How long a shard of a stream stays with a worker that does not renew its lease.
    #[arg(
        long,
        env = "SLUICE_LEASE",
        value_name = "DURATION",
        default_value = "30s"
    )]
    #[arg(value_parser = humantime::parse_duration)]
    pub lease: Duration,

    /// How long a worker that is told to stop may take to finish its chunks.
    #[arg(
        long,
        env = "SLUICE_SHUTDOWN_TIMEOUT",
        value_name = "DURATION",
        default_value = "25s"
    )]
    #[arg(value_parser = humantime::parse_duration)]
    pub shutdown_timeout: Duration,

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

    /// How long an operation of S3 or SQS is tried before the run fails; nothing is lost then.
    #[arg(
        long,
        env = "SLUICE_RETRY_TIMEOUT",
        value_name = "DURATION",
        default_value = "10m"
    )]
    #[arg(value_parser = humantime::parse_duration)]
    pub retry_timeout: Duration,

    /// Threads that transform and compress; one for each core if not given.
    #[arg(long, env = "SLUICE_THREADS", value_name = "N")]
    pub threads: Option<u16>,

    /// Where `/metrics`, `/livez`, `/readyz` and `/status` are served: an address and a port, of which 0
    /// is any free one, or `none`. Whoever reaches the address can read them. [default: 127.0.0.1:9464
    /// for a stream, where it is free; none for files]
    #[arg(long, env = "SLUICE_HTTP", value_name = "ADDR:PORT|none")]
    pub http: Option<Listen>,

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
