//! `sluice generate`: sample events, for a file, standard output or a stream.

use std::io;
use std::io::Write;
use std::num::NonZeroU32;
use std::path::Path;

use anyhow::Context as _;
use clap::{ArgAction, Args};
use indicatif::{HumanBytes, HumanCount};

use super::create;
use crate::config::ConfigError;
use crate::config::quantity::{parse_share, whole_number};
use crate::config::target::{check_path, wrong};
use crate::generate;
use crate::generate::{Events, Generated, GeneratorPlan};
use crate::output;
use crate::output::counted;
use crate::source::kinesis::StreamAddress;

/// The forms that a target takes.
const TARGETS: &[&str] = &["file:PATH", "-", "kinesis:STREAM"];

/// What to generate, and where to write it.
#[derive(Debug, Args)]
pub(super) struct GenerateArgs {
    /// Generate this many lines, including repeated, malformed and late ones.
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = whole_number::<u64>(0..=u64::MAX))]
    events: u64,
    /// Use this many event types (first parts of `event_name`), 1 to 10,000.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = whole_number::<u32>(0..=u32::MAX.into()))]
    types: u32,
    /// Set the seed of the random numbers.
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = whole_number::<u64>(0..=u64::MAX))]
    seed: u64,
    /// Repeat an earlier event byte for byte in this share of the lines, such as 5% or 0.05.
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = parse_share)]
    duplicates: f64,
    /// Make this share of the lines malformed, such as 5% or 0.05.
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = parse_share)]
    malformed: f64,
    /// Date this share of the events hours to days before their neighbours, such as 5% or 0.05.
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = parse_share)]
    late: f64,
    /// Generate this many events a second. [default: as many as possible]
    #[arg(long, value_name = "N", value_parser = whole_number::<u32>(1..=u32::MAX.into()))]
    rate: Option<u32>,
    /// Write to `file:PATH`, `-` for standard output, or `kinesis:STREAM` (a stream's name or ARN).
    #[arg(long, value_name = "TARGET")]
    to: String,
    /// Aggregate many events into one stream record, in the format of the Kinesis Producer Library.
    #[arg(long, action = ArgAction::SetTrue)]
    aggregate: bool,
    /// Print nothing but errors.
    #[arg(long, short, action = ArgAction::SetTrue)]
    quiet: bool,
}

impl GenerateArgs {
    fn rate(&self) -> Option<NonZeroU32> {
        self.rate.and_then(NonZeroU32::new)
    }
}

/// Generates events.
///
/// # Errors
/// Impossible options, and a target that cannot be written.
pub(super) fn generate(args: &GenerateArgs) -> anyhow::Result<()> {
    let events = Events::new(&GeneratorPlan {
        events: args.events,
        types: args.types,
        seed: args.seed,
        duplicates: args.duplicates,
        malformed: args.malformed,
        late: args.late,
    })?;
    check_path("to", &args.to)?;
    let done = match args.to.split_once(':') {
        Some(("kinesis", stream)) if !stream.is_empty() => to_stream(events, args, stream)?,
        _ if args.aggregate => {
            let why = format!(
                "{:?} cannot hold aggregates; give --to kinesis:STREAM",
                args.to
            );
            return Err(ConfigError::new("aggregate", why).into());
        }
        Some(("file", path)) if !path.is_empty() => to_file(events, args, Path::new(path))?,
        None if args.to == "-" => {
            let made = write(events, args, &mut io::stdout().lock());
            let made = output::unless_closed(made).context("cannot write to standard output")?;
            let Some(made) = made else {
                return Ok(());
            };
            describe(&made, made.bytes, "written to standard output")
        }
        _ => return Err(wrong("to", &args.to, TARGETS).into()),
    };
    if !args.quiet {
        output::message(done);
    }
    Ok(())
}

fn to_stream(events: Events, args: &GenerateArgs, stream: &str) -> anyhow::Result<String> {
    let address: Result<StreamAddress, _> = stream.parse();
    let target = generate::StreamTarget {
        stream: address.map_err(|why| ConfigError::new("to", why))?,
        aggregate: args.aggregate,
        watch: !args.quiet,
    };
    let (made, sent) = generate::send(events, args.rate(), &target)?;
    let records = counted(sent.records, "record");
    let what = format!("sent to the stream {stream} in {records}");
    // The lines are the acknowledged ones; when all are, their kinds are those that were made.
    let made = Generated {
        events: sent.lines,
        ..made
    };
    Ok(describe(&made, sent.bytes, &what))
}

fn to_file(events: Events, args: &GenerateArgs, path: &Path) -> anyhow::Result<String> {
    let made = write(events, args, &mut create(path)?)
        .with_context(|| format!("cannot write to {}", args.to))?;
    let what = format!("written to {}", path.display());
    Ok(describe(&made, made.bytes, &what))
}

fn write(events: Events, args: &GenerateArgs, to: &mut dyn Write) -> io::Result<Generated> {
    generate::write_ndjson(events, args.rate(), to, &mut |_| ())
}

fn describe(made: &Generated, bytes: u64, what: &str) -> String {
    format!(
        "{} ({}) {what}: {}, {} malformed, {} late",
        counted(made.events, "line"),
        HumanBytes(bytes),
        counted(made.duplicates, "duplicate"),
        HumanCount(made.malformed),
        HumanCount(made.late)
    )
}
