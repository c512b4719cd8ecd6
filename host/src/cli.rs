//! The command line: its commands, and the functions that they call.

mod audit;
#[cfg(feature = "console")]
mod console;
mod failure;
mod generate;
mod manual;
mod quarantine;
#[cfg(feature = "table")]
mod table;

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;
use sluice_engine::compiler_process;
use sluice_engine::runtime::Allocation;
use sluice_release::bundle::ReleaseBundle;

use self::audit::{AuditArgs, audit};
use self::generate::{GenerateArgs, generate};
use crate::builtin::Builtin;
use crate::config;
use crate::config::transform_source::parse_builtin;
use crate::config::{ConfigError, RedriveArgs, ReplayArgs, RunArgs, RunSettings, TransformSource};
#[cfg(feature = "console")]
use crate::console::ConsoleArgs;
use crate::modes;
use crate::observe::telemetry;
use crate::output;
use crate::source::lambda_event;
use crate::tools::author::bench::{BenchArgs, bench};
use crate::tools::author::diff::{DiffArgs, diff};
use crate::tools::author::golden::{TestArgs, test};
use crate::tools::author::inspect::{InspectArgs, inspect};
use crate::tools::author::new::{NewArgs, new};
use crate::tools::author::try_rules::{TryArgs, try_rules};
use crate::tools::author::wrap::{WrapArgs, wrap};
use crate::tools::publisher;
use crate::tools::quarantine as quarantine_tools;
use crate::tools::schema;
#[cfg(feature = "table")]
use crate::tools::table as tables;

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
    /// Transform quarantined records again, with better rules, and deliver their events to the same lake. Each
    /// record stays in exactly one place: the newest.
    #[command(after_help = REDRIVE_EXAMPLES)]
    Redrive(Box<RedriveArgs>),
    /// Prove that each record is in exactly one place, or list those that are not. Reads the source and
    /// the lake, takes the settings of `run`, and writes nothing.
    Audit(Box<AuditArgs>),
    /// Generate sample events; the same options always produce the same bytes.
    Generate(GenerateArgs),
    /// Build, test, publish and activate transforms.
    #[command(subcommand)]
    Transform(TransformCommand),
    /// Infer schemas from events, compare and extend them, and map events to them.
    #[command(subcommand)]
    Schema(schema::Command),
    /// Show the quarantined records of a lake: how many there are, why, and some of them. Writes nothing.
    #[command(subcommand)]
    Quarantine(quarantine_tools::Command),
    /// Build and keep the lake as an Iceberg table, for query engines.
    #[cfg(feature = "table")]
    #[command(subcommand)]
    Table(tables::Command),
    /// Serve pages on this machine that show a lake, a registry and workers, and try rules.
    #[cfg(feature = "console")]
    #[command(after_help = CONSOLE_EXAMPLES)]
    Console(ConsoleArgs),
    /// Check or print the settings of `run`.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print a script that completes commands and settings in a shell.
    Completions {
        /// Write it for this shell.
        shell: Shell,
    },
    /// Write a manual page for each command.
    Man {
        /// Write to this folder.
        folder: PathBuf,
    },
}

/// The examples in the help of `redrive`.
const REDRIVE_EXAMPLES: &str = "\
Examples:
  sluice redrive --lake s3://bucket/lake --reason missing_field --jq rules.jq --dry-run
  sluice redrive --lake s3://bucket/lake --reason missing_field --jq rules.jq
  sluice redrive --lake file:lake --registry file:registry --release 0123abcd
  sluice redrive --lake file:lake --reason undecodable --record-encoding gzip";

/// The examples in the help of `console`.
#[cfg(feature = "console")]
const CONSOLE_EXAMPLES: &str = "\
Examples:
  sluice console --lake file:lake --open
  sluice console --lake s3://bucket/lake --registry s3://bucket/registry --worker http://127.0.0.1:9464
  sluice console --lake file:lake --registry file:registry --allow-publish --show-payloads";

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Check whether `run` would start with these settings: their values, the files that they name, and the
    /// admission of the transform. Connects to nothing, unless you give `--connect`.
    Check(Box<CheckArgs>),
    /// Print every setting with its value and its origin.
    Show(Box<RunArgs>),
    /// Print a JSON Schema of `sluice.toml`, for editors.
    Schema,
}

/// The options of `config check`, on top of the settings of `run`.
#[derive(Debug, Args)]
struct CheckArgs {
    /// Try the region, the credentials, the stream, the lake, the bus and the registry too, and print for each
    /// what is fine, or what it lacks and what to do. Nothing is written or sent.
    #[arg(long)]
    connect: bool,

    /// The settings of `run`.
    #[command(flatten)]
    run: RunArgs,
}

/// The examples in the help of `transform try`.
const TRY_EXAMPLES: &str = "\
Examples:
  sluice transform try --jq '.event_type = \"x\"' events.ndjson
  sluice transform try --jq rules.jq --watch events.ndjson
  sluice transform try --transform rules.wasm --source kinesis:events
  sluice transform try --jq rules.jq --quarantined s3://bucket/lake --reason missing_field";

#[derive(Debug, Subcommand)]
enum TransformCommand {
    /// Write the component of a built-in transform to a file.
    Export {
        /// Write to this file. Missing folders are created.
        file: PathBuf,
        /// Write this one: `builtin:enrich`, `builtin:jq` or `builtin:copy`.
        #[arg(long, value_name = "builtin:NAME", default_value = "builtin:enrich")]
        #[arg(value_parser = parse_builtin)]
        transform: Builtin,
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
    /// Compile components ahead of time, so that the program starts faster. Write to the folder
    /// `precompiled` of a Lambda function's package, or next to the program.
    Precompile {
        /// Write to this folder.
        folder: PathBuf,
        /// Compile this component only. [default: all built-in transforms]
        #[arg(long, value_name = "FILE|builtin:NAME")]
        transform: Option<TransformSource>,
    },
    /// Inspect a component, and check whether it passes admission.
    Inspect(InspectArgs),
    /// Try rules on a few records and show what becomes of each. Nothing is written anywhere.
    #[command(after_help = TRY_EXAMPLES)]
    Try(Box<TryArgs>),
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
        let command: &[&str] = match lambda_event::is_table_function() {
            true => &["table", "function"],
            false => &["run", "--source", "lambda"],
        };
        arguments.extend(command.iter().map(OsString::from));
        if let Some(file) = modes::deployment_package::file("sluice.toml") {
            let flag = OsString::from("--config");
            arguments.extend([flag, file.into_os_string()]);
        }
    }
    arguments
}

fn execute(argv: Vec<OsString>) -> anyhow::Result<()> {
    let cli = Cli::try_parse_from(&argv).map_err(|error| {
        config::environment::blame(error, &argv, &known_arguments(&argv), |name| {
            std::env::var_os(name)
        })
    })?;
    match cli.command {
        Command::Generate(args) => generate(&args),
        Command::Audit(args) => audit(&args, argv),
        Command::Run(args) => {
            let resolved = with_file(&args, argv, &["run"])?;
            let plain_logs = resolved.is_default("log.format");
            let mut settings = resolved.run_settings()?;
            modes::apply_mode_defaults(&mut settings, plain_logs);
            run(&settings)
        }
        Command::Replay(args) => run(&args.settings(with_file(&args.run, argv, &["replay"])?)?),
        Command::Redrive(args) => run(&args.settings(with_file(&args.run, argv, &["redrive"])?)?),
        Command::Transform(command) => {
            unknown_variables(&known_settings())?;
            transform(&command).map_err(|error| name_variable(error, &argv))
        }
        Command::Schema(command) => {
            unknown_variables(&known_settings())?;
            schema::execute(&command)
        }
        Command::Quarantine(command) => quarantine::execute(&command, argv),
        #[cfg(feature = "table")]
        Command::Table(command) => table::execute(&command, argv),
        #[cfg(feature = "console")]
        Command::Console(args) => console::execute(&args, argv),
        Command::Config(ConfigCommand::Check(args)) => {
            let resolved = with_file(&args.run, argv, &["config", "check"])?;
            let settings = resolved.run_settings()?;
            let notes = modes::preflight::check(&settings)?;
            output::line("the settings are valid")?;
            for note in notes {
                output::line(format_args!("note: {note}"))?;
            }
            match args.connect {
                true => modes::connection_check::run(&settings),
                false => Ok(()),
            }
        }
        Command::Config(ConfigCommand::Show(args)) => {
            let resolved = with_file(&args, argv, &["config", "show"])?;
            output::text(resolved.show())?;
            resolved.run_settings()?;
            Ok(())
        }
        Command::Config(ConfigCommand::Schema) => {
            let schema = config::schema::of_file(&known_settings());
            output::line(format_args!("{schema:#}"))?;
            Ok(())
        }
        Command::Completions { shell } => manual::print_completions(shell, Cli::command()),
        Command::Man { folder } => manual::write_pages(Cli::command(), &folder),
    }
}

/// The settings of rules. Only `try` reads variables for them, and names these itself.
const OF_RULES: [&str; 3] = ["transform", "jq", "transform_config"];

/// An error of a setting that comes from the environment names the variable.
fn name_variable(error: anyhow::Error, argv: &[OsString]) -> anyhow::Error {
    let get = |name: &str| std::env::var_os(name);
    let origins = config::environment::origins(argv, &known_settings(), get);
    let of_rules = |error: &ConfigError| OF_RULES.contains(&error.key.as_str());
    match error.downcast_ref().is_some_and(of_rules) {
        true => error,
        false => origins.locate_any(error),
    }
}

fn transform(command: &TransformCommand) -> anyhow::Result<()> {
    match command {
        TransformCommand::Export { file, transform } => create(file)?
            .write_all(transform.component())
            .with_context(|| file.display().to_string()),
        TransformCommand::Precompile { folder, transform } => {
            for made in modes::rules::precompile(transform.as_ref(), folder)? {
                output::line(made.display())?;
            }
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
        TransformCommand::Try(args) => {
            let settings = args.settings()?;
            let release = args.release(&settings)?;
            let release = release.map(|(registry, name)| publisher::release_bundle(registry, name));
            let release = release.transpose();
            let release = release.map_err(|error| settings.origins.locate_any(error))?;
            try_rules(args, settings, release)
        }
        TransformCommand::Test(args) => test(args),
        TransformCommand::Diff(args) => diff(args),
        TransformCommand::Bench(args) => bench(args, active_release(args)?.as_ref()),
        TransformCommand::New(args) => new(args),
        TransformCommand::Wrap(args) => wrap(args),
    }
}

/// The active release to compare with: of the registry of the flag, or else of `SLUICE_REGISTRY`, which is for other
/// commands too and may have none.
fn active_release(args: &BenchArgs) -> anyhow::Result<Option<ReleaseBundle>> {
    let Some(registry) = args.registry_to_compare() else {
        return Ok(None);
    };
    let active = publisher::active_bundle(&registry)?;
    if active.is_none() && args.registry.is_some() {
        anyhow::bail!("no release is active in the registry; compare with a file by --against");
    }
    if active.is_none() {
        output::message(format_args!(
            "sluice: no release is active in the registry {registry} of SLUICE_REGISTRY, so nothing is compared"
        ));
    }
    Ok(active)
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

/// The arguments whose variables can be wrong: those of a command of tables or of quarantine, which have other flags, or
/// else all settings.
fn known_arguments(argv: &[OsString]) -> clap::Command {
    let cli = Cli::command();
    let named = |place: usize| argv.get(place).and_then(|name| name.to_str());
    if named(1) == Some("console") {
        return cli
            .find_subcommand("console")
            .cloned()
            .unwrap_or_else(known_settings);
    }
    let groups = ["table", "quarantine"];
    let of_group = named(1).filter(|name| groups.contains(name)).zip(named(2));
    let command =
        of_group.and_then(|(group, name)| cli.find_subcommand(group)?.find_subcommand(name));
    command.cloned().unwrap_or_else(known_settings)
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
    unknown_variables(&known_settings())?;
    let file = config::File::find(args.config.as_deref(), &known)?;
    config::Resolved::new(argv, Cli::command(), subcommands, file)
}

fn create(path: &Path) -> anyhow::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    File::create(path).with_context(|| path.display().to_string())
}
