//! The settings of the table that is built from the lake, and of its builder: the section `[table]`.

use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use clap::builder::{NonEmptyStringValueParser, PathBufValueParser, TypedValueParser as _};
use clap::{Arg, Args};

#[cfg(feature = "table")]
use super::folders::{check_is_folder, check_is_writable};
use super::quantity::{parse_duration, parse_size, whole_number};
use super::{ConfigError, Mode};

/// What the keys of these settings begin with.
pub(super) const SECTION: &str = "table.";

/// The folder for files until they are uploaded.
#[cfg(feature = "table")]
const SCRATCH: &str = "table.scratch";

/// Whether a worker builds the table.
pub(super) const TABLE_BUILD: &str = "table.build";

/// The least size of a file: one of each row would be there for ever.
const FILE_SIZE_MIN: ByteSize = ByteSize::kib(1);

/// The least interval. Each look at the lake costs requests.
const INTERVAL_MIN: Duration = Duration::from_millis(1);

/// The least memory.
const MEMORY_MIN: ByteSize = ByteSize::mib(16);

/// The most threads.
const THREADS_MAX: u64 = 1_024;

/// How long events wait in a builder that goes on, unless the user gives another age.
pub const USUAL_AGE: Duration = Duration::from_secs(15 * 60);

/// The table and its builder, as users write them.
#[derive(Clone, Debug, Args)]
pub struct TableSettings {
    /// Build the table in the process of this worker, for small lakes. With several workers, one of them builds at a time.
    /// A failure of the builder does not affect the worker.
    #[arg(id = "table.build", long = "table-build", env = "SLUICE_TABLE_BUILD")]
    #[arg(value_name = "BOOL", num_args = 0..=1, require_equals = true)]
    #[arg(default_value = "false", default_missing_value = "true")]
    pub table_build: bool,

    /// Which table, and where.
    #[command(flatten)]
    pub location: LocationArgs,

    /// When files are written.
    #[command(flatten)]
    pub due: DueArgs,

    /// How files are written.
    #[command(flatten)]
    pub build: BuildArgs,

    /// Which events are duplicates, in a table that is created or rebuilt.
    #[command(flatten)]
    pub dedupe: DedupeArgs,
}

/// Which table, and where.
#[derive(Clone, Debug, Args)]
pub struct LocationArgs {
    /// The table, as `NAME` or `NAMESPACE.NAME`. The namespace of `NAME` is `sluice`.
    #[arg(
        id = "table.name",
        long = "table-name",
        env = "SLUICE_TABLE_NAME",
        value_name = "NAME",
        default_value = "events"
    )]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub table_name: String,

    /// The catalog: `sqlite:FILE`, `glue`, `s3tables:ARN` of a table bucket, or `rest:URI` of an Iceberg REST catalog, with
    /// `?warehouse=NAME` if it has several. [default: `catalog.sqlite` in a warehouse that is a folder]
    #[arg(
        id = "table.catalog",
        long = "table-catalog",
        env = "SLUICE_TABLE_CATALOG",
        value_name = "CATALOG"
    )]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub table_catalog: Option<String>,

    /// The folder or the prefix of a bucket for the files of tables: `file:DIR` or `s3://BUCKET/PREFIX`. Not in the lake. With
    /// `s3tables:`, it has only what Sluice keeps beside a table.
    /// [default: beside a lake that is a folder, with `.warehouse` after its name]
    #[arg(
        id = "table.warehouse",
        long = "table-warehouse",
        env = "SLUICE_TABLE_WAREHOUSE",
        value_name = "TARGET"
    )]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub table_warehouse: Option<String>,
}

/// Which events are duplicates. The commands that create and rebuild a table take it; a builder has the rule of its table.
#[derive(Clone, Debug, Args)]
pub struct DedupeArgs {
    /// When a table is created or rebuilt, give it a rule for duplicates: it leaves out events whose value in this column it
    /// has already, of an event that arrived within less than the window.
    #[arg(
        id = "table.dedupe.key",
        long = "table-dedupe-key",
        env = "SLUICE_TABLE_DEDUPE_KEY",
        value_name = "COLUMN"
    )]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub dedupe_key: Option<String>,

    /// The window of the rule for duplicates: of events with one key that arrive within less than this, one is a row. Events
    /// of files are compared whenever they came.
    #[arg(
        id = "table.dedupe.window",
        long = "table-dedupe-window",
        env = "SLUICE_TABLE_DEDUPE_WINDOW"
    )]
    #[arg(value_name = "DURATION", value_parser = parse_duration)]
    pub dedupe_window: Option<Duration>,
}

/// When a builder looks for chunks, and when it writes files.
#[derive(Clone, Debug, Args)]
pub struct DueArgs {
    /// Look for new chunks this often, in a builder that goes on.
    #[arg(
        id = "table.interval",
        long = "table-interval",
        env = "SLUICE_TABLE_INTERVAL",
        value_name = "DURATION",
        default_value = "30s"
    )]
    #[arg(value_parser = interval)]
    pub interval: Duration,

    /// Write events that have waited this long, however few they are. [default: `15m` in a builder that goes on, or else
    /// `0s`, so that all that wait are written]
    #[arg(
        id = "table.max_age",
        long = "table-max-age",
        env = "SLUICE_TABLE_MAX_AGE"
    )]
    #[arg(value_name = "DURATION", value_parser = parse_duration)]
    pub max_age: Option<Duration>,
}

/// How files are written.
#[derive(Clone, Debug, Args)]
pub struct BuildArgs {
    /// The size of a file of the table: events wait until there are enough for one, and a file with more is closed.
    #[arg(
        id = "table.file_size",
        long = "table-file-size",
        env = "SLUICE_TABLE_FILE_SIZE",
        value_name = "SIZE",
        default_value = "128MiB"
    )]
    #[arg(value_parser = file_size)]
    pub file_size: ByteSize,

    /// The memory for events and files of the table that are written.
    #[arg(
        id = "table.memory",
        long = "table-memory",
        env = "SLUICE_TABLE_MEMORY",
        value_name = "SIZE",
        default_value = "256MiB"
    )]
    #[arg(value_parser = memory)]
    pub memory: ByteSize,

    /// The number of threads that build the table, 1 to 1,024. [default: one a core]
    #[arg(
        id = "table.threads",
        long = "table-threads",
        env = "SLUICE_TABLE_THREADS"
    )]
    #[arg(value_name = "N", value_parser = whole_number::<u16>(1..=THREADS_MAX))]
    pub threads: Option<u16>,

    /// The folder for files of the table until they are uploaded. [default: that of the system for temporary files]
    #[arg(
        id = "table.scratch",
        long = "table-scratch",
        env = "SLUICE_TABLE_SCRATCH"
    )]
    #[arg(value_name = "DIR", value_parser = PathBufValueParser::new().try_map(scratch))]
    pub scratch: Option<PathBuf>,
}

fn file_size(text: &str) -> Result<ByteSize, String> {
    at_least(FILE_SIZE_MIN, text)
}

fn memory(text: &str) -> Result<ByteSize, String> {
    at_least(MEMORY_MIN, text)
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = parse_duration(text)?;
    let is_enough = interval >= INTERVAL_MIN;
    is_enough
        .then_some(interval)
        .ok_or_else(|| format!("give at least {INTERVAL_MIN:?}"))
}

fn scratch(folder: PathBuf) -> Result<PathBuf, String> {
    let is_address = |text: &str| text.contains("://") || text.starts_with("file:");
    match folder.to_str().is_some_and(is_address) {
        true => Err("give the path of a local folder, such as /var/lib/sluice/scratch".into()),
        false => Ok(folder),
    }
}

fn at_least(least: ByteSize, text: &str) -> Result<ByteSize, String> {
    let size = parse_size(text)?;
    let is_enough = size >= least;
    is_enough
        .then_some(size)
        .ok_or_else(|| format!("give at least {least}"))
}

/// The argument with the flag that the commands of tables have for it: without `table-` at its beginning.
#[must_use]
pub fn with_short_flag(arg: Arg) -> Arg {
    let short = arg.get_id().as_str().strip_prefix(SECTION);
    match short.map(|name| name.replace(['.', '_'], "-")) {
        Some(flag) => arg.long(flag),
        None => arg,
    }
}

/// As [`with_short_flag`], for an audit, which has other settings of these names: only those that say which table.
#[must_use]
pub fn with_short_flag_of_location(arg: Arg) -> Arg {
    match arg.get_id().as_str() {
        "table.name" | "table.catalog" | "table.warehouse" => with_short_flag(arg),
        _ => arg,
    }
}

#[cfg(feature = "table")]
impl BuildArgs {
    /// Checks the folder for files until they are uploaded, if it is given. A process that does not use it need not be
    /// allowed to write there.
    ///
    /// # Errors
    /// It, or what it would lie in, is no folder, or may not be written.
    pub fn check_scratch(&self, is_used: bool) -> Result<(), ConfigError> {
        match &self.scratch {
            Some(folder) if is_used => check_is_writable(SCRATCH, folder),
            Some(folder) => check_is_folder(SCRATCH, folder),
            None => Ok(()),
        }
    }
}

impl TableSettings {
    /// Whether a run of this mode builds the table: only a worker that goes on does.
    #[must_use]
    pub fn is_built_by(&self, mode: &Mode) -> bool {
        let goes_on = mode
            .stream()
            .is_some_and(|stream| !stream.exit_when_caught_up);
        self.table_build && goes_on
    }

    /// Checks whether a run of this mode can do what `table.build` says. `is_given` says that it is given for this run; the
    /// file may be for runs of all kinds.
    pub(super) fn check_build(&self, mode: &Mode, is_given: bool) -> Result<(), ConfigError> {
        let wrong = |why: &str| Err(ConfigError::new(TABLE_BUILD, why));
        match self.is_built_by(mode) {
            true if cfg!(not(feature = "table")) => {
                wrong("this program was built without tables (cargo feature `table`)")
            }
            false if is_given && self.table_build => wrong(
                "needs a worker that goes on: a stream without --exit-when-caught-up; otherwise, run `sluice table sync`",
            ),
            _ => Ok(()),
        }
    }
}
