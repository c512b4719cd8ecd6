//! Stand-ins for Kinesis, S3 and SQS for programs that are not written in Rust, such as the tests of the console in a
//! browser (`make test-console`).
//!
//! ```text
//! stand-ins FOLDER
//! ```
//!
//! It creates the stream `events`, the bucket `bucket` below FOLDER, and the queue `bus`, prints their addresses as a line
//! of JSON, and ends when its standard input does.

#![allow(clippy::print_stderr, reason = "an example says why it fails")]

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;
use testkit::kinesis::Kinesis;
use testkit::s3::S3;
use testkit::sqs::Sqs;

const STREAM: &str = "events";
const SHARDS: usize = 2;
const BUCKET: &str = "bucket";
const QUEUE: &str = "bus";

/// The default size limit of a queue's messages.
const QUEUE_MAX_BYTES: usize = 1 << 20;

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: stand-ins FOLDER");
        return ExitCode::from(2);
    };
    match serve(folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("stand-ins: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(folder: PathBuf) -> io::Result<()> {
    let (kinesis, s3, sqs) = (Kinesis::start(), S3::start_at(folder), Sqs::start());
    kinesis.create_stream(STREAM, SHARDS);
    sqs.create_queue(QUEUE, QUEUE_MAX_BYTES);
    let environment = BTreeMap::from(testkit::environment());
    let started = json!({
        "kinesis": kinesis.endpoint,
        "s3": s3.endpoint,
        "sqs": sqs.endpoint,
        "bucket": s3.bucket(BUCKET),
        "environment": environment,
    });
    let mut output = io::stdout();
    writeln!(output, "{started}")?;
    output.flush()?;
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
