//! The settings of `run` as users write them.

use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use crate::config::compression::Compression;
use crate::config::lake_json::LakeJson;
use crate::config::log_format::LogFormat;
use crate::config::max_quarantined::MaxQuarantined;
use crate::config::object_format::ObjectFormat;
use crate::config::quantity::{parse_duration, parse_size, whole_number};
use crate::config::{HttpBind, OnExpiredCheckpoint, StartAt, TableSettings, TransformSource};
use crate::format::Level;
use crate::ledger::decoding::{RecordEncoding, RecordFormat};
use crate::ledger::messages::Messages;
use crate::ledger::misplaced_records::MisplacedRecords;
use crate::sink::bus::BusTarget;

/// The most threads: each has an instance of the transform with its memory, and more than cores are of no use.
const THREADS_MAX: u64 = 1_024;

/// The help of `--bus`, with all kinds of buses that there are.
fn bus_help() -> String {
    let kinds: Vec<_> = BusTarget::help().collect();
    format!(
        "Send messages to {}; `none` turns the bus off",
        kinds.join(" or ")
    )
}

/// How to print the summary of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum SummaryFormat {
    /// A few lines of text.
    Text,
    /// One JSON object, the last line of standard output.
    Json,
    /// Nothing.
    None,
}

/// The settings of `run` as users write them. An argument's id is its key in `sluice.toml`; its flag
/// and its environment variable follow from that.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// Read settings from this file. [default: `sluice.toml` in the current folder, if it exists]
    #[arg(long, env = "SLUICE_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Read records from `file:PATH` (newline-delimited JSON, plain or compressed with gzip or zstd),
    /// `s3://BUCKET/PREFIX` (objects of S3, likewise), `-` (standard input), `kinesis:STREAM` (a stream's name or ARN) or
    /// `archive:TARGET` (what a run has archived at TARGET, which is `file:DIR` or `s3://BUCKET/PREFIX`).
    /// PATH is a file, a folder (all of its files, by name) or a pattern such as `in/**/*.ndjson`. PREFIX is the key of
    /// an object, a prefix (all objects below it, by key) or a pattern. Files and objects can be given several times.
    #[arg(long, env = "SLUICE_SOURCE", value_name = "SOURCE")]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub source: Vec<String>,

    /// Take the last line of a file as a record even if it has no line end and is not a JSON object. Give this
    /// if the files do not grow any more. Without it, such a line is left for the next run.
    #[arg(
        id = "final",
        long = "final",
        env = "SLUICE_FINAL",
        value_name = "BOOL"
    )]
    #[arg(num_args = 0..=1, require_equals = true)]
    #[arg(default_value = "false", default_missing_value = "true")]
    pub is_final: bool,

    /// Know the file, or standard input, by this name instead of its path. A run then resumes wherever the
    /// file is. It needs exactly one source.
    #[arg(id = "source_name", long = "source-name", env = "SLUICE_SOURCE_NAME")]
    #[arg(value_name = "NAME")]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub source_name: Option<String>,

    /// Write events, in partitions, to `file:DIR` or `s3://BUCKET/PREFIX`.
    #[arg(long, env = "SLUICE_LAKE", value_name = "TARGET")]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub lake: Option<String>,

    /// Where messages go; the help names the kinds of buses.
    #[arg(
        long,
        help = bus_help(),
        env = "SLUICE_BUS",
        value_name = "TARGET",
        default_value = "none"
    )]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub bus: String,

    /// Keep the records of each chunk as the rules saw them, one object a chunk, in `file:DIR` or `s3://BUCKET/PREFIX`.
    /// It must lie outside of the lake, and no other lake may have the same archive. A replay reads it with `--source
    /// archive:TARGET` when the source no longer has the records. [default: no archive]
    #[arg(long, env = "SLUICE_ARCHIVE", value_name = "TARGET")]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub archive: Option<String>,

    /// Send a message for each event, for many events of a partition together (`packed`), or for each object that was put
    /// into the lake.
    #[arg(
        id = "bus_messages",
        long = "bus-messages",
        env = "SLUICE_BUS_MESSAGES"
    )]
    #[arg(value_name = "WHAT", default_value = "events")]
    pub bus_messages: Messages,

    /// The largest packed message, bytes with its attributes: 16384 to 1048576, and not more than the queue takes. Only with
    /// `--bus-messages packed`. [default: 262144, or what the queue takes if that is less]
    #[arg(long, env = "SLUICE_BUS_MESSAGE_BYTES", value_name = "BYTES")]
    pub bus_message_bytes: Option<u32>,

    /// Keep or drop records of an aggregate whose hash key lies outside the range of their shard, as
    /// happens when a shard is split. Use `drop` if the producer sends such records again.
    #[arg(
        long,
        env = "SLUICE_MISPLACED_RECORDS",
        value_name = "WHAT",
        default_value = "keep"
    )]
    pub misplaced_records: MisplacedRecords,

    /// Decode the data of each record: what its producer compressed or wrote as base64. `auto` knows all of these by
    /// their first bytes, and leaves other data as it is.
    #[arg(
        long,
        env = "SLUICE_RECORD_ENCODING",
        value_name = "ENCODING",
        default_value = "none"
    )]
    pub record_encoding: RecordEncoding,

    /// Split the data of each record, after it is decoded, into one record for each line, for each JSON value one after
    /// another, or for each item of a JSON array. `json` takes it as one record.
    #[arg(
        long,
        env = "SLUICE_RECORD_FORMAT",
        value_name = "FORMAT",
        default_value = "json"
    )]
    pub record_format: RecordFormat,

    /// Quarantine events for the lake that are JSON, but that common readers fail on, such as an object
    /// that has a name twice. `any` lets them land; one can make a whole object unreadable.
    #[arg(id = "lake_json", long = "lake-json", env = "SLUICE_LAKE_JSON")]
    #[arg(value_name = "WHICH", default_value = "interoperable")]
    pub lake_json: LakeJson,

    /// Transform with this WebAssembly component, or with a built-in transform: `builtin:enrich`, `builtin:jq` or
    /// `builtin:copy`. [default: builtin:enrich]
    #[arg(long, env = "SLUICE_TRANSFORM", value_name = "FILE|builtin:NAME")]
    pub transform: Option<TransformSource>,

    /// Transform with `builtin:jq` and this program in the language jq, or with the program in this file. Give
    /// its other settings with `--transform-config`. Cannot be combined with `--transform`.
    #[arg(long, env = "SLUICE_JQ", value_name = "PROGRAM|FILE")]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub jq: Option<String>,

    /// Configure the transform: a JSON object, or a file that holds one.
    #[arg(
        id = "transform_config",
        long = "transform-config",
        env = "SLUICE_TRANSFORM_CONFIG"
    )]
    #[arg(value_name = "JSON|FILE", default_value = "{}")]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub transform_config: String,

    /// Follow the registry at `file:DIR` or `s3://BUCKET/PREFIX`: use the release that is active there.
    /// Until one is activated, the run uses `--transform`. A release must have been published there. Flags that give
    /// rules, such as `--jq`, need this as a flag too.
    #[arg(long, env = "SLUICE_REGISTRY", value_name = "TARGET")]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub registry: Option<String>,

    /// Poll the registry at this interval.
    #[arg(
        id = "registry_poll",
        long = "registry-poll",
        env = "SLUICE_REGISTRY_POLL"
    )]
    #[arg(value_name = "DURATION", default_value = "5s", value_parser = parse_duration)]
    pub registry_poll: Duration,

    /// Accept only releases of the registry that are signed with this key: an Ed25519 public key in
    /// PEM, or a file that holds one. Without it, signatures are not checked.
    #[arg(id = "public_key", long = "public-key", env = "SLUICE_PUBLIC_KEY")]
    #[arg(value_name = "PEM|FILE")]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub public_key: Option<String>,

    /// Begin with the transform of `--transform` although no release was ever published to the registry.
    /// Without this, such a registry ends the run at its start, since its name may be mistyped.
    #[arg(id = "allow_empty_registry", long = "allow-empty-registry")]
    #[arg(env = "SLUICE_ALLOW_EMPTY_REGISTRY", value_name = "BOOL")]
    #[arg(num_args = 0..=1, require_equals = true)]
    #[arg(default_value = "false", default_missing_value = "true")]
    pub allow_empty_registry: bool,

    /// Reload the file of `--transform` when it changes, for development.
    #[arg(long, env = "SLUICE_WATCH", value_name = "BOOL", num_args = 0..=1, require_equals = true)]
    #[arg(default_value = "false", default_missing_value = "true")]
    pub watch: bool,

    /// Compress objects with this method.
    #[arg(
        long,
        env = "SLUICE_COMPRESSION",
        value_name = "METHOD",
        default_value = "zstd"
    )]
    pub compression: Compression,

    /// Set the compression level: 1 to 19 for zstd (default 1), 1 to 9 for gzip (default 6).
    #[arg(id = "compression_level", long = "compression-level")]
    #[arg(env = "SLUICE_COMPRESSION_LEVEL", value_name = "LEVEL")]
    pub compression_level: Option<Level>,

    /// Write events as newline-delimited JSON or as Parquet. Parquet is always compressed with zstd. Quarantined records
    /// are newline-delimited JSON in any case.
    #[arg(
        long,
        env = "SLUICE_FORMAT",
        value_name = "FORMAT",
        default_value = "ndjson"
    )]
    pub format: ObjectFormat,

    /// Write Parquet with the columns of this schema, as `sluice schema infer` writes it. What fits no column goes into
    /// the column `_rest`. An object in S3 is read when the run starts. [default: the six fields of `builtin:enrich`]
    #[arg(long, env = "SLUICE_SCHEMA", value_name = "FILE|s3://BUCKET/KEY")]
    pub schema: Option<PathBuf>,

    /// Close a chunk at this many bytes of records. [default: 64MiB, 24MiB for files]
    #[arg(id = "chunk.bytes", long = "chunk-bytes", env = "SLUICE_CHUNK_BYTES")]
    #[arg(value_name = "SIZE", value_parser = parse_size)]
    pub chunk_bytes: Option<ByteSize>,

    /// Close a chunk at this many records.
    #[arg(
        id = "chunk.records",
        long = "chunk-records",
        env = "SLUICE_CHUNK_RECORDS"
    )]
    #[arg(value_name = "N", default_value = "1000000", value_parser = whole_number::<u64>(1..=u64::MAX))]
    pub chunk_records: u64,

    /// Close a chunk of a stream this long after its first record was read.
    #[arg(id = "chunk.age", long = "chunk-age", env = "SLUICE_CHUNK_AGE")]
    #[arg(value_name = "DURATION", default_value = "60s", value_parser = parse_duration)]
    pub chunk_age: Duration,

    /// Limit the memory for chunks and for records that were read. With many shards, chunks close
    /// earlier and reading pauses to stay below it.
    #[arg(
        long,
        env = "SLUICE_MEMORY",
        value_name = "SIZE",
        default_value = "512MiB"
    )]
    #[arg(value_parser = parse_size)]
    pub memory: ByteSize,

    /// Start a new pipeline at `trim_horizon`, `latest` or a time such as 2026-01-31T12:00:00Z. Later
    /// runs resume from the ledger.
    #[arg(
        long,
        env = "SLUICE_START",
        value_name = "WHERE",
        default_value = "trim_horizon"
    )]
    pub start: StartAt,

    /// Exit when all records of the stream that arrived before the start are committed, by this worker or
    /// by others. A signal before that is a failure.
    #[arg(
        id = "exit_when_caught_up",
        long = "exit-when-caught-up",
        env = "SLUICE_EXIT_WHEN_CAUGHT_UP"
    )]
    #[arg(value_name = "BOOL", num_args = 0..=1, require_equals = true)]
    #[arg(default_value = "false", default_missing_value = "true")]
    pub exit_when_caught_up: bool,

    /// Let other workers take a shard whose lease has not been renewed for this long.
    #[arg(
        long,
        env = "SLUICE_LEASE",
        value_name = "DURATION",
        default_value = "30s"
    )]
    #[arg(value_parser = parse_duration)]
    pub lease: Duration,

    /// Wait this long for chunks to finish after SIGTERM or SIGINT; unfinished ones are replayed later.
    #[arg(
        long,
        env = "SLUICE_SHUTDOWN_TIMEOUT",
        value_name = "DURATION",
        default_value = "25s"
    )]
    #[arg(value_parser = parse_duration)]
    pub shutdown_timeout: Duration,

    /// Stop or continue if records of the stream may have been lost before they were landed: they have
    /// expired, or the stream was created again. `continue` notes the lost range in the ledger.
    #[arg(
        id = "on_expired_checkpoint",
        long = "on-expired-checkpoint",
        env = "SLUICE_ON_EXPIRED_CHECKPOINT"
    )]
    #[arg(value_name = "WHAT", default_value = "stop")]
    pub on_expired_checkpoint: OnExpiredCheckpoint,

    /// Limit the fuel of one record; a WebAssembly instruction takes about one unit.
    #[arg(id = "limits.fuel", long = "limits-fuel", env = "SLUICE_LIMITS_FUEL")]
    #[arg(value_name = "UNITS", default_value = "100000000", value_parser = whole_number::<u64>(1..=u64::MAX))]
    pub limits_fuel: u64,

    /// Limit the linear memory of an instance.
    #[arg(
        id = "limits.memory",
        long = "limits-memory",
        env = "SLUICE_LIMITS_MEMORY"
    )]
    #[arg(value_name = "SIZE", default_value = "32MiB", value_parser = parse_size)]
    pub limits_memory: ByteSize,

    /// Limit the wall time of one record, for what fuel does not measure.
    #[arg(id = "limits.time", long = "limits-time", env = "SLUICE_LIMITS_TIME")]
    #[arg(value_name = "DURATION", default_value = "1s", value_parser = parse_duration)]
    pub limits_time: Duration,

    /// Quarantine records that are larger than this without transforming them.
    #[arg(id = "limits.record_bytes", long = "limits-record-bytes")]
    #[arg(
        env = "SLUICE_LIMITS_RECORD_BYTES",
        value_name = "SIZE",
        default_value = "10MiB"
    )]
    #[arg(value_parser = parse_size)]
    pub limits_record_bytes: ByteSize,

    /// Limit the bytes of all events of one record together.
    #[arg(id = "limits.output_bytes", long = "limits-output-bytes")]
    #[arg(
        env = "SLUICE_LIMITS_OUTPUT_BYTES",
        value_name = "SIZE",
        default_value = "16MiB"
    )]
    #[arg(value_parser = parse_size)]
    pub limits_output_bytes: ByteSize,

    /// Limit the lake partitions of one chunk; records that need further ones are quarantined.
    #[arg(id = "limits.partitions", long = "limits-partitions")]
    #[arg(
        env = "SLUICE_LIMITS_PARTITIONS",
        value_name = "N",
        default_value = "20000"
    )]
    #[arg(value_parser = whole_number::<u32>(1..=u32::MAX.into()))]
    pub limits_partitions: u32,

    /// Retry transient errors of S3, SQS and Kinesis for this long before the run fails. Nothing is
    /// lost then: the next run resumes. Errors of the configuration, such as a missing bucket, are not
    /// retried; denied access is retried for 60 s at a start.
    #[arg(
        long,
        env = "SLUICE_RETRY_TIMEOUT",
        value_name = "DURATION",
        default_value = "10m"
    )]
    #[arg(value_parser = parse_duration)]
    pub retry_timeout: Duration,

    /// Transform and compress on this many threads, 1 to 1,024. [default: one per core]
    #[arg(long, env = "SLUICE_THREADS", value_name = "N")]
    #[arg(value_parser = whole_number::<u16>(1..=THREADS_MAX))]
    pub threads: Option<u16>,

    /// Expose `/metrics`, `/livez`, `/readyz` and `/status` on this address and port (port 0: any free
    /// one); `none` turns this off. There is no authentication. [default: 127.0.0.1:9464 for a stream
    /// if it is free, none for files]
    #[arg(long, env = "SLUICE_HTTP", value_name = "ADDR:PORT|none")]
    pub http: Option<HttpBind>,

    /// Print the summary in this format at the end, on standard output.
    #[arg(
        long,
        env = "SLUICE_SUMMARY",
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub summary: SummaryFormat,

    /// Log messages of this level, or by directives such as `warn,transform=debug`.
    #[arg(id = "log.level", long = "log-level", env = "SLUICE_LOG_LEVEL")]
    #[arg(value_name = "LEVEL", default_value = "warn")]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub log_level: String,

    /// Format log lines for people or as JSON.
    #[arg(id = "log.format", long = "log-format", env = "SLUICE_LOG_FORMAT")]
    #[arg(value_name = "FORMAT", default_value = "human")]
    pub log_format: LogFormat,

    /// End with the exit code 1 if more than this share of the records that the run has landed is
    /// quarantined, such as `5%` or `0.05`. All records land all the same. [default: never]
    #[arg(id = "max_quarantined", long = "max-quarantined")]
    #[arg(env = "SLUICE_MAX_QUARANTINED", value_name = "SHARE")]
    pub max_quarantined: Option<MaxQuarantined>,

    /// Print neither progress nor a summary as text. Warnings and errors stay, and `--summary json` prints.
    #[arg(long, short, env = "SLUICE_QUIET", value_name = "BOOL", num_args = 0..=1)]
    #[arg(
        require_equals = true,
        default_value = "false",
        default_missing_value = "true"
    )]
    pub quiet: bool,

    /// The table that is built from the lake.
    #[command(flatten)]
    pub table: TableSettings,
}
