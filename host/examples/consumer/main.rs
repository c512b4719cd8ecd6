//! Reads the bus of Sluice, each event once: all kinds of messages, in SQS or in a folder. `docs/consumers.md` explains why and
//! how.
//!
//! ```text
//! consumer sqs QUEUE_URL [--database FILE] [--exit-when-empty] [--forget-after-days DAYS]
//! consumer folder DIR    [--database FILE] [--forget-after-days DAYS]
//! ```
//!
//! It adds each event to the table `events` of an `SQLite` file. The modules of `bus` are the part to copy.

#![allow(
    clippy::print_stdout,
    reason = "an example may panic if nobody reads what it prints"
)]

mod bus;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use aws_config::BehaviorVersion;
use clap::{Parser, Subcommand};
use sqlx::sqlite::SqliteConnection;

use self::bus::Counts;
use self::bus::events::Event;
use self::bus::folder::read_folder;
use self::bus::lake::Lake;
use self::bus::queue::Queue;
use self::bus::seen::Seen;

const SECONDS_PER_DAY: u64 = 24 * 60 * 60;

/// Read the bus of Sluice, each event once.
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    from: Source,
    /// Keep the events, and what was seen, in this file of `SQLite`
    #[arg(long, global = true, default_value = "consumer.sqlite")]
    database: PathBuf,
    /// Forget what was seen more than this many days ago
    #[arg(long, global = true, value_name = "DAYS", default_value_t = 30)]
    forget_after_days: u64,
}

#[derive(Subcommand)]
enum Source {
    /// Receive the messages of a queue, and delete them when they are handled
    Sqs {
        /// The URL of the queue
        queue_url: String,
        /// End when the queue has no message
        #[arg(long)]
        exit_when_empty: bool,
    },
    /// Read the files of a folder
    Folder {
        /// The folder
        dir: PathBuf,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    let mut seen = Seen::open(&args.database).await?;
    seen.execute(
        "CREATE TABLE IF NOT EXISTS events (rid TEXT, event INTEGER, partition TEXT, release TEXT, body TEXT)",
    )
    .await?;
    seen.forget(Duration::from_secs(
        args.forget_after_days * SECONDS_PER_DAY,
    ))
    .await?;
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    // Another S3 than that of AWS may not have a host name for each bucket.
    let s3 = aws_sdk_s3::config::Builder::from(&config)
        .force_path_style(std::env::var_os("AWS_ENDPOINT_URL_S3").is_some());
    let mut lake = Lake::new(aws_sdk_s3::Client::from_conf(s3.build()));
    let counts = match args.from {
        Source::Sqs {
            queue_url,
            exit_when_empty,
        } => {
            let queue = Queue {
                client: aws_sdk_sqs::Client::new(&config),
                url: queue_url,
                exit_when_empty,
            };
            queue.consume(&mut lake, &mut seen, &mut keep).await?
        }
        Source::Folder { dir } => read_folder(&dir, &mut lake, &mut seen, &mut keep).await?,
    };
    let Counts {
        new,
        repeats,
        failed,
    } = counts;
    println!("{new} new events, {repeats} repeats, {failed} messages not handled");
    Ok(match failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// Adds an event to the table `events`: put here what you do with an event.
async fn keep(database: &mut SqliteConnection, event: &Event) -> anyhow::Result<()> {
    sqlx::query("INSERT INTO events VALUES (?, ?, ?, ?, ?)")
        .bind(&event.rid)
        .bind(event.event)
        .bind(&event.partition)
        .bind(&event.release)
        .bind(&event.body)
        .execute(database)
        .await?;
    Ok(())
}
