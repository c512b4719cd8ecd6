//! The command line: its commands, and the functions that they call.

mod failure;

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{ArgAction, Args, CommandFactory as _, Parser, Subcommand};
use indicatif::{HumanBytes, HumanCount};
use sluice_engine::compiler_process;
use sluice_engine::runtime::Allocation;

use crate::ENRICH;
use crate::audit;
use crate::audit::{AuditKind, AuditOptions};
use crate::config;
use crate::config::quantity::{parse_duration, parse_share};
use crate::config::target::check_path;
use crate::config::{ConfigError, ReplayArgs, RunArgs, RunSettings};
use crate::generate;
use crate::generate::{Events, Generated, GeneratorPlan};
use crate::modes;
use crate::observe::telemetry;
use crate::output;
use crate::source::lambda_event;
use crate::tools::author::bench::{BenchArgs, bench};
use crate::tools::author::diff::{DiffArgs, diff};
use crate::tools::author::golden::{TestArgs, test};
use crate::tools::author::inspect::{InspectArgs, inspect};
use crate::tools::author::new::{NewArgs, new};
use crate::tools::author::wrap::{WrapArgs, wrap};
use crate::tools::publisher;

/// Run sandboxed WebAssembly transforms over a stream of JSON events and deliver the results to a data
/// lake and a message bus, each record exactly once.
#[derive(Debug, Parser)]
#[command(name = "sluice", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Transform records from a source and deliver the events to a lake and a bus. A new run resumes
    /// where the last one ended.
    Run(Box<RunArgs>),
    /// Transform a part of a source again, with the release of your choice, into another lake. The lake
    /// of `run` stays unchanged.
    Replay(Box<ReplayArgs>),
    /// Prove that each record is in exactly one place, or list those that are not. Reads the source and
    /// the lake, takes the settings of `run`, and writes nothing.
    Audit(Box<AuditArgs>),
    /// Generate sample events; the same options always produce the same bytes.
    Generate(GenerateArgs),
    /// Build, test, publish and activate transforms.
    #[command(subcommand)]
    Transform(TransformCommand),
    /// Check or print the settings of `run`.
    #[command(subcommand)]
    Config(ConfigCommand),
}

/// The options of `audit`, on top of the settings of `run`.
#[derive(Debug, Args)]
struct AuditArgs {
    /// Compare only ledgers, chunk manifests and the names of objects. This reads neither the source nor an
    /// object, so it is much faster and needs no `--source`; what is in the objects is not proven.
    #[arg(long)]
    quick: bool,

    /// Count objects that no longer exist as expired instead of missing, if their records arrived longer ago than
    /// this, such as `90d`: the age at which a lifecycle rule of the bucket removes objects. [default: never]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    expired_after: Option<Duration>,

    /// The settings of `run`.
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Check whether `run` would start with these settings: their values, the files that they name, and the
    /// admission of the transform. Connects to nothing.
    Check(Box<RunArgs>),
    /// Print every setting with its value and its origin.
    Show(Box<RunArgs>),
}

#[derive(Debug, Subcommand)]
enum TransformCommand {
    /// Write the built-in enrichment component to a file.
    Export {
        /// Write to this file.
        file: PathBuf,
    },
    #[command(flatten)]
    Publisher(publisher::Command),
    /// Compile the component on standard input, for the process that has started this one.
    #[command(name = compiler_process::COMMAND, hide = true)]
    CompilerProcess {
        /// Compile for an engine that allocates instances on demand.
        #[arg(long = compiler_process::ON_DEMAND)]
        on_demand: bool,
    },
    /// Compile a component ahead of time, so that the program starts faster. Write to the folder
    /// `precompiled` of a Lambda function's package, or next to the program.
    Precompile {
        /// Write to this folder.
        folder: PathBuf,
        /// Compile this component. [default: the built-in enrichment]
        #[arg(long, value_name = "FILE")]
        transform: Option<PathBuf>,
    },
    /// Inspect a component, and check whether it passes admission.
    Inspect(InspectArgs),
    /// Test a component with golden cases.
    Test(TestArgs),
    /// Compare the results of two components for the same records.
    Diff(DiffArgs),
    /// Measure the time, fuel and memory that a record takes.
    Bench(BenchArgs),
    /// Create a package with a working transform.
    New(NewArgs),
    /// Convert a core module, as plain cargo builds it, into a component.
    Wrap(WrapArgs),
}

#[derive(Debug, Args)]
struct GenerateArgs {
    /// Generate this many lines, including repeated, malformed and late ones.
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    events: u64,
    /// Use this many event types (first parts of `event_name`), 1 to 10,000.
    #[arg(long, value_name = "N", default_value_t = 100)]
    types: u32,
    /// Set the seed of the random numbers.
    #[arg(long, value_name = "N", default_value_t = 7)]
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
    #[arg(long, value_name = "N")]
    rate: Option<NonZeroU32>,
    /// Write to `file:PATH`, `-` for standard output, or `kinesis:STREAM`.
    #[arg(long, value_name = "TARGET")]
    to: String,
    /// Aggregate many events into one stream record, in the format of the Kinesis Producer Library.
    #[arg(long, action = ArgAction::SetTrue)]
    aggregate: bool,
    /// Print nothing but errors.
    #[arg(long, short, action = ArgAction::SetTrue)]
    quiet: bool,
}

/// Parses the command line and runs the command.
#[must_use]
pub fn main() -> ExitCode {
    match execute(arguments()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error),
    }
}

/// The arguments; Lambda starts the program without any.
fn arguments() -> Vec<OsString> {
    let mut arguments: Vec<_> = std::env::args_os().collect();
    if arguments.len() <= 1 && lambda_event::is_lambda() {
        arguments.extend(["run", "--source", "lambda"].map(OsString::from));
        if let Some(file) = modes::deployment_package::file("sluice.toml") {
            let flag = OsString::from("--config");
            arguments.extend([flag, file.into_os_string()]);
        }
    }
    arguments
}

fn execute(argv: Vec<OsString>) -> anyhow::Result<()> {
    let cli = Cli::try_parse_from(&argv).map_err(|error| {
        config::environment::blame(error, &argv, &known_settings(), |name| {
            std::env::var_os(name)
        })
    })?;
    match cli.command {
        Command::Generate(args) => generate(&args),
        Command::Audit(args) => {
            let resolved = with_file(&args.run, argv, &["audit"])?;
            let (settings, kind) = match args.quick {
                true => (resolved.settings_without_source()?, AuditKind::Quick),
                false => (resolved.settings()?, AuditKind::Full),
            };
            start_log(&settings)?;
            let expired_after = args.expired_after;
            let options = AuditOptions {
                kind,
                expired_after,
            };
            audit::run(&settings, options)
        }
        Command::Run(args) => {
            let resolved = with_file(&args, argv, &["run"])?;
            let plain_logs = resolved.is_default("log.format");
            let mut settings = resolved.settings()?;
            modes::apply_mode_defaults(&mut settings, plain_logs);
            run(&settings)
        }
        Command::Replay(args) => run(&args.settings(with_file(&args.run, argv, &["replay"])?)?),
        Command::Transform(command) => transform(&command),
        Command::Config(ConfigCommand::Check(args)) => {
            let settings = with_file(&args, argv, &["config", "check"])?.settings()?;
            modes::preflight::check(&settings)?;
            output::line("the settings are valid")?;
            Ok(())
        }
        Command::Config(ConfigCommand::Show(args)) => {
            let resolved = with_file(&args, argv, &["config", "show"])?;
            output::text(resolved.show())?;
            resolved.settings()?;
            Ok(())
        }
    }
}

fn transform(command: &TransformCommand) -> anyhow::Result<()> {
    match command {
        TransformCommand::Export { file } => {
            fs::write(file, ENRICH).with_context(|| file.display().to_string())
        }
        TransformCommand::Precompile { folder, transform } => {
            let made = modes::rules::precompile(transform.as_deref(), folder)?;
            output::line(made.display())?;
            Ok(())
        }
        TransformCommand::Publisher(command) => publisher::execute(command),
        TransformCommand::CompilerProcess { on_demand } => {
            compiler_process::main(match on_demand {
                true => Allocation::OnDemand,
                false => Allocation::Pooling,
            })
        }
        TransformCommand::Inspect(args) => inspect(args),
        TransformCommand::Test(args) => test(args),
        TransformCommand::Diff(args) => diff(args),
        TransformCommand::Bench(args) => {
            let active = args.registry.as_deref().map(publisher::active_bundle);
            bench(args, active.transpose()?.as_ref())
        }
        TransformCommand::New(args) => new(args),
        TransformCommand::Wrap(args) => wrap(args),
    }
}

fn run(settings: &RunSettings) -> anyhow::Result<()> {
    start_log(settings)?;
    modes::run(settings)
}

fn start_log(settings: &RunSettings) -> Result<(), ConfigError> {
    telemetry::start(settings.log_format, &settings.log_level)
        .map_err(|error| ConfigError::new("log.level", error))?;
    for variable in unknown_variables(&known_settings())? {
        tracing::warn!(
            variable,
            "ignoring an environment variable that is no setting; remove it or correct its name"
        );
    }
    Ok(())
}

fn known_settings() -> clap::Command {
    RunArgs::augment_args(clap::Command::new("sluice"))
}

fn unknown_variables(known: &clap::Command) -> Result<Vec<String>, ConfigError> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    config::environment::unknown(names, known)
}

/// Parses the command line again with the values of the settings file as defaults, and rejects
/// variables of the environment that misspell a setting.
fn with_file(
    args: &RunArgs,
    argv: Vec<OsString>,
    subcommands: &[&str],
) -> anyhow::Result<config::Resolved> {
    let known = known_settings();
    unknown_variables(&known)?;
    let file = config::File::find(args.config.as_deref(), &known)?;
    config::Resolved::new(argv, Cli::command(), subcommands, file)
}

fn generate(args: &GenerateArgs) -> anyhow::Result<()> {
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
        _ => {
            let why = format!("{:?} is not file:PATH, - or kinesis:STREAM", args.to);
            return Err(ConfigError::new("to", why).into());
        }
    };
    if !args.quiet {
        output::message(done);
    }
    Ok(())
}

fn to_stream(events: Events, args: &GenerateArgs, stream: &str) -> anyhow::Result<String> {
    let target = generate::StreamTarget {
        stream: stream.to_owned(),
        aggregate: args.aggregate,
        watch: !args.quiet,
    };
    let (made, sent) = generate::send(events, args.rate, &target)?;
    let records = HumanCount(sent.records);
    let what = format!("sent to the stream {stream} in {records} records");
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
    generate::write_ndjson(events, args.rate, to, &mut |_| ())
}

fn describe(made: &Generated, bytes: u64, what: &str) -> String {
    format!(
        "{} lines ({}) {what}: {} duplicates, {} malformed, {} late",
        HumanCount(made.events),
        HumanBytes(bytes),
        HumanCount(made.duplicates),
        HumanCount(made.malformed),
        HumanCount(made.late)
    )
}

fn create(path: &Path) -> anyhow::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    File::create(path).with_context(|| path.display().to_string())
}
