//! `make bench`: measures the goals for speed and memory. Whole runs are runs of the program
//! itself, each checked to have landed every event. Compared programs are measured in turn.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark may panic if nobody reads its results"
)]
#![allow(
    dead_code,
    unused_imports,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "the stand-ins are the tests' own, which use more of them and may panic"
)]

#[path = "../events.rs"]
mod events;
#[path = "../../tests/support/mod.rs"]
mod support;

mod bench;
mod bus;
mod console;
mod floor;
mod function;
mod jobs;
mod lake_table;
mod machine;
mod measure;
mod parquet;
mod programs;
mod sandbox;
mod sizes;
mod swaps;
mod table;
mod worker;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::ensure;
use clap::{Parser, Subcommand, ValueEnum};

use self::bench::Bench;
use self::table::Report;

const PAIRS: u16 = 5;

/// One of these pairs is off by some percent; the median of so many mostly by less than one.
const SWAP_PAIRS: u16 = 15;

/// Measure the goals for speed and memory.
#[derive(Debug, Parser)]
struct Args {
    /// Compare this many pairs [default: 5, and 15 for release switches and the console].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pairs: Option<u16>,
    /// Measure only these, such as `floor,swaps`.
    #[arg(long, value_name = "GOALS", value_delimiter = ',')]
    only: Vec<Goal>,
    /// Measure a hundred million events too, through a pipe. This takes minutes, and 10 GB of disk.
    #[arg(long)]
    long: bool,
    /// Measure a worker with stand-ins for Kinesis, S3 and SQS too, also with a console, and a bus in SQS.
    #[arg(long)]
    aws: bool,
    /// Compare the bus in SQS with that of this program, such as an earlier version.
    #[arg(long, value_name = "PROGRAM")]
    against: Option<PathBuf>,
    /// Keep events and lakes in this folder.
    #[arg(long, value_name = "DIR", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../out/bench"))]
    folder: PathBuf,
    /// Use the unpacked Lambda package in this folder, as `make lambda` leaves it.
    #[arg(long, value_name = "DIR")]
    package: Option<PathBuf>,
    /// Compare with this Vector, by its absolute path [default: `vector` on the PATH].
    #[arg(long, value_name = "PATH")]
    vector: Option<PathBuf>,
    /// Run the package `duckdb` with this Python, by its absolute path [default: `python3`, or else
    /// that of `make readers-setup`].
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    /// The argument that cargo gives to each bench.
    #[arg(long, hide = true)]
    bench: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The least time that the local job can take.
    #[command(hide = true)]
    Floor { source: PathBuf, lake: PathBuf },
}

/// The measurements, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Goal {
    /// The sandbox compared with the native function.
    Sandbox,
    /// The sandbox compared with a Python handler.
    Handler,
    /// The local job compared with the least time that it can take.
    Floor,
    /// The local job compared with a Python script.
    Reference,
    /// The local job compared with `DuckDB`.
    Duckdb,
    /// The local job compared with Vector.
    Vector,
    /// Jobs of all sizes, and their memory.
    Sizes,
    /// Jobs with few and many partitions, and their memory.
    Partitions,
    /// The local job into Parquet, and a schema inferred, compared with the local job.
    Parquet,
    /// A lake as a table, compared with `DuckDB`.
    Table,
    /// A job during which releases are switched.
    Swaps,
    /// A Lambda function.
    Lambda,
    /// A bus in a stand-in for SQS.
    Bus,
    /// A worker with stand-ins for AWS.
    Aws,
    /// Such a worker with a console that polls it, compared with one without.
    Console,
}

impl Goal {
    fn measure(self, args: &Args, bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
        match self {
            Self::Sandbox => sandbox::next_to_native(bench, report),
            Self::Handler => sandbox::next_to_python(bench, report),
            Self::Floor => jobs::next_to_floor(bench, report),
            Self::Reference => jobs::next_to_reference(bench, report),
            Self::Duckdb => jobs::next_to_duckdb(bench, args.python.as_deref(), report),
            Self::Vector => jobs::next_to_vector(bench, args.vector.as_deref(), report),
            Self::Sizes => sizes::sizes(bench, report),
            Self::Partitions => sizes::partitions(bench, report),
            Self::Parquet => parquet::next_to_lines(bench, report),
            Self::Table => lake_table::next_to_duckdb(bench, args.python.as_deref(), report),
            Self::Swaps => swaps::next_to_none(bench, report),
            Self::Lambda => function::goals(args.package.as_deref(), report),
            Self::Bus => bus::figures(bench, args.against.as_deref(), report),
            Self::Aws => worker::figures(bench, report),
            Self::Console => console::next_to_none(bench, report),
        }
    }

    fn is_without_aws(self) -> bool {
        !matches!(self, Self::Bus | Self::Aws | Self::Console)
    }

    fn is_wanted(self, args: &Args) -> bool {
        match args.only.as_slice() {
            [] => args.aws || self.is_without_aws(),
            only => only.contains(&self),
        }
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match &args.command {
        Some(Command::Floor { source, lake }) => {
            floor::run(source, lake).map(|(events, objects)| {
                println!(r#"{{"events":{events},"objects":{objects}}}"#);
            })
        }
        None => goals(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("goals: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn goals(args: &Args) -> anyhow::Result<()> {
    ensure!(
        args.against.is_none() || Goal::Bus.is_wanted(args),
        "--against is for the bus: add --only bus, or --aws"
    );
    fs::create_dir_all(&args.folder)?;
    let bench = Bench {
        folder: args.folder.canonicalize()?,
        pairs: args.pairs.unwrap_or(PAIRS).into(),
        swap_pairs: args.pairs.unwrap_or(SWAP_PAIRS).into(),
        long: args.long,
    };
    let mut report = Report::default();
    for goal in Goal::value_variants() {
        if goal.is_wanted(args) {
            goal.measure(args, &bench, &mut report)?;
        }
    }
    println!("{}\n{}", machine::description(), report.render());
    Ok(())
}
