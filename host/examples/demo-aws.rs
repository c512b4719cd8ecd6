//! `make demo-aws`: runs a worker with stand-ins for Kinesis, S3 and SQS, compares packed messages with others, builds a table of its lake with
//! a stand-in for an Iceberg REST catalog, and transforms the events again from an archive. The stand-ins are the HTTP servers that the
//! tests use too. It runs the program as a user would, and prints what the program and the
//! stand-ins used.
//!
//! ```text
//! demo-aws PROGRAM FOLDER EVENTS PYTHON
//! ```
//!
//! PYTHON reads the table with pyiceberg, if it exists.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "an example may panic if nobody reads what it prints"
)]
#![allow(clippy::expect_used, reason = "an example may panic")]

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount};

use testkit::kinesis::Kinesis;
use testkit::rest_catalog::{Access, RestCatalog};
use testkit::s3::S3;
use testkit::sqs::Sqs;

const STREAM: &str = "events";
const SHARDS: usize = 4;
const BUCKET: &str = "lake";
const WAREHOUSE: &str = "warehouse";
const ARCHIVE: &str = "archive";
const QUEUE: &str = "events-bus";

/// A smaller stream, and the queue with its messages.
const SAMPLE: &str = "sample";
const PACKED_QUEUE: &str = "packed-bus";

/// The share of the events that are sent in packed messages, too.
const SAMPLE_SHARE: u64 = 10;

/// The default size limit of a queue's messages.
const QUEUE_MAX_BYTES: usize = 1 << 20;

/// How often the program's memory is read.
const LOOK_EVERY: Duration = Duration::from_millis(50);

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [program, folder, events, python] = args.as_slice() else {
        eprintln!("usage: demo-aws PROGRAM FOLDER EVENTS PYTHON");
        return ExitCode::from(2);
    };
    let Ok(events) = events.parse() else {
        eprintln!("demo-aws: {events:?} is not a number of events");
        return ExitCode::from(2);
    };
    let demo = Demo::new(program, Path::new(folder));
    let ran = demo.and_then(|demo| {
        demo.run(events)?;
        demo.pack_messages(events)?;
        demo.build_table(events, Path::new(python))?;
        demo.replay_archive()
    });
    match ran {
        Ok(()) => {
            println!("\ndemo-aws: done");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("demo-aws: {why}");
            ExitCode::FAILURE
        }
    }
}

struct Demo {
    program: PathBuf,
    root: PathBuf,
    kinesis: Kinesis,
    s3: S3,
    sqs: Sqs,
    catalog: RestCatalog,
}

/// The measurement of a command.
struct Cost {
    wall: Duration,
    /// Seconds of processor time, of the program and of the stand-ins.
    cpu: f64,
    stand_ins_cpu: f64,
    peak_bytes: u64,
}

impl Demo {
    fn new(program: &str, folder: &Path) -> Result<Self, String> {
        let _not_there_yet = fs::remove_dir_all(folder);
        let absolute = |path: &Path| {
            let path_of = path.canonicalize();
            path_of.map_err(|error| format!("{}: {error}", path.display()))
        };
        let created = fs::create_dir_all(folder);
        created.map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
        let (root, program) = (absolute(folder)?, absolute(Path::new(program))?);
        let (kinesis, s3, sqs) = (Kinesis::start(), S3::start_at(root.clone()), Sqs::start());
        kinesis.create_stream(STREAM, SHARDS);
        kinesis.create_stream(SAMPLE, SHARDS);
        s3.bucket(BUCKET);
        s3.bucket(WAREHOUSE);
        s3.bucket(ARCHIVE);
        let tables = format!("s3://{WAREHOUSE}");
        let catalog = RestCatalog::start_in_bucket(&s3, &tables, Access::default());
        sqs.create_queue(QUEUE, QUEUE_MAX_BYTES);
        sqs.create_queue(PACKED_QUEUE, QUEUE_MAX_BYTES);
        Ok(Self {
            program,
            root,
            kinesis,
            s3,
            sqs,
            catalog,
        })
    }

    fn run(&self, events: u64) -> Result<(), String> {
        println!(
            "== 1/11 stand-ins: Kinesis {} ({SHARDS} shards), S3 {} (its bucket is {}/{BUCKET}), SQS {}",
            self.kinesis.endpoint,
            self.s3.endpoint,
            self.root.display(),
            self.sqs.endpoint
        );
        println!(
            "\n== 2/11 putting {} events into the stream",
            HumanCount(events)
        );
        let count = events.to_string();
        let generate = [
            "generate",
            "--events",
            &count,
            "--seed",
            "7",
            "--to",
            "kinesis:events",
        ];
        self.command(&generate)?;
        println!("\n== 3/11 through the transform into S3 and SQS");
        let source = ["--source", "kinesis:events", "--lake", "s3://lake/events"];
        let bus = ["--bus", "sqs:events-bus", "--exit-when-caught-up"];
        let archive = ["--archive", "s3://archive/records"];
        let run = [&["run"], &source[..], &bus, &archive].concat();
        let cost = self.command(&run)?;
        println!("\n== 4/11 once more: what has landed does not land again");
        self.command(&run)?;
        println!("\n== 5/11 is each record in exactly one place, and each event on the bus?");
        self.command(&[&["audit"], &source[..]].concat())?;
        self.check_bus(events)?;
        print_cost("run", &cost, events);
        Ok(())
    }

    /// Sends a part as many events in packed messages, and compares the calls of SQS.
    fn pack_messages(&self, events: u64) -> Result<(), String> {
        let part = (events / SAMPLE_SHARE).max(1);
        println!(
            "\n== 6/11 {} events in packed messages, to another queue",
            HumanCount(part)
        );
        let calls = self.send_calls();
        let count = part.to_string();
        let generate = ["generate", "--events", &count, "--seed", "7"];
        self.command(&[&generate[..], &["--to", "kinesis:sample"]].concat())?;
        let source = ["--source", "kinesis:sample", "--lake", "s3://lake/sample"];
        let bus = ["--bus", "sqs:packed-bus", "--bus-messages", "packed"];
        let run = [&["run"], &source[..], &bus, &["--exit-when-caught-up"]].concat();
        self.command(&run)?;
        let messages = self.sqs.messages(PACKED_QUEUE);
        let counts = messages.iter().filter_map(|m| m.attribute("count"));
        let sent: u64 = counts.filter_map(|count| count.parse::<u64>().ok()).sum();
        print_calls("a message for each event", events, events, calls);
        let packed_calls = self.send_calls() - calls;
        print_calls("packed messages", part, messages.len() as u64, packed_calls);
        match sent == part {
            true => Ok(()),
            false => Err(format!("{sent} of {part} events are in packed messages")),
        }
    }

    /// The calls that have sent messages so far.
    fn send_calls(&self) -> u64 {
        self.sqs.calls("SendMessageBatch") as u64
    }

    /// Builds a table of the lake, proves it, and reads it.
    fn build_table(&self, events: u64, python: &Path) -> Result<(), String> {
        let uri = &self.catalog.endpoint;
        println!(
            "\n== 7/11 building an Iceberg table of the lake, in the REST catalog {uri} (its files are in {}/{WAREHOUSE})",
            self.root.display()
        );
        let (catalog, warehouse) = (format!("rest:{uri}"), format!("s3://{WAREHOUSE}/tables"));
        let lake = ["--lake", "s3://lake/events"];
        let table = ["--warehouse", &warehouse, "--catalog", &catalog];
        let table = [&lake[..], &table].concat();
        self.command(&[&["table", "create"], &table[..]].concat())?;
        let cost = self.command(&[&["table", "sync"], &table[..]].concat())?;
        print_cost("sync", &cost, events);
        println!("\n== 8/11 are the rows of the table the events of the lake, each of them once?");
        self.command(&[&["audit", "--table"], &table[..]].concat())?;
        println!("\n== 9/11 reading the table");
        if python.exists() {
            return query(python, uri);
        }
        println!(
            "pyiceberg is not installed (make readers-setup), so here is what the table says of itself:"
        );
        self.command(&[&["table", "status"], &table[..]].concat())?;
        Ok(())
    }

    /// Forgets the stream: proves the lake by the archive, and transforms the archived records into another lake.
    fn replay_archive(&self) -> Result<(), String> {
        println!(
            "\n== 10/11 without the stream: are the records of the archive those of the lake?"
        );
        self.kinesis.delete_stream(STREAM);
        let source = ["--source", "archive:s3://archive/records"];
        let lake = ["--lake", "s3://lake/events"];
        self.command(&[&["audit"], &source[..], &lake].concat())?;
        println!(
            "\n== 11/11 the records again, from the archive, by other rules into another lake"
        );
        let rules = ["--transform-config", r#"{"partition_by":["date"]}"#];
        let lake = ["--lake", "s3://lake/again"];
        self.command(&[&["replay"], &source[..], &lake, &rules].concat())?;
        Ok(())
    }

    /// Prints the command, runs the program, and measures it.
    fn command(&self, args: &[&str]) -> Result<Cost, String> {
        println!("sluice {}", args.join(" "));
        let before = (Instant::now(), cpu_seconds());
        let mut child = Command::new(&self.program)
            .args(args)
            .envs(testkit::environment())
            .env("AWS_ENDPOINT_URL_KINESIS", &self.kinesis.endpoint)
            .env("AWS_ENDPOINT_URL_S3", &self.s3.endpoint)
            .env("AWS_ENDPOINT_URL_SQS", &self.sqs.endpoint)
            .current_dir(&self.root)
            .spawn()
            .map_err(|error| format!("cannot run {}: {error}", self.program.display()))?;
        let mut peak_bytes = 0;
        let status = loop {
            peak_bytes = peak_bytes.max(peak_memory(child.id()));
            match child.try_wait().map_err(|error| error.to_string())? {
                Some(status) => break status,
                None => thread::sleep(LOOK_EVERY),
            }
        };
        let (own, children) = cpu_seconds();
        if !status.success() {
            return Err(format!("sluice {} ended with {status}", args[0]));
        }
        Ok(Cost {
            wall: before.0.elapsed(),
            cpu: children - before.1.1,
            stand_ins_cpu: own - before.1.0,
            peak_bytes,
        })
    }

    fn check_bus(&self, events: u64) -> Result<(), String> {
        let messages = self.sqs.messages(QUEUE);
        let rids: HashSet<_> = messages.iter().filter_map(|m| m.attribute("rid")).collect();
        let (sent, distinct) = (messages.len() as u64, rids.len() as u64);
        println!(
            "{} messages on the bus, of {} different records",
            HumanCount(sent),
            HumanCount(distinct)
        );
        if (sent, distinct) == (events, events) {
            Ok(())
        } else {
            Err(format!("{events} messages were expected on the bus"))
        }
    }
}

/// Reads the table with pyiceberg, which gets all but the URL of the catalog from the catalog.
fn query(python: &Path, uri: &str) -> Result<(), String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/query_table.py");
    let read = Command::new(python).args([script, uri]).status();
    let read = read.map_err(|error| format!("cannot run {}: {error}", python.display()))?;
    match read.success() {
        true => Ok(()),
        false => Err(format!("{script} ended with {read}")),
    }
}

/// Prints the messages and calls for some events.
fn print_calls(what: &str, events: u64, messages: u64, calls: u64) {
    println!(
        "{what}: {} events in {} messages, with {} calls of SQS: {} events a call",
        HumanCount(events),
        HumanCount(messages),
        HumanCount(calls),
        HumanCount(events / calls.max(1))
    );
}

/// Prints what a run, or something else, took.
fn print_cost(what: &str, cost: &Cost, events: u64) {
    let all = cost.cpu + cost.stand_ins_cpu;
    println!(
        "\nthe {what} took {:.1} s for {} events: {:.1} s of processor time of sluice ({} of memory at \
         most) and {:.1} s of the stand-ins, {:.0} % of both",
        cost.wall.as_secs_f64(),
        HumanCount(events),
        cost.cpu,
        HumanBytes(cost.peak_bytes),
        cost.stand_ins_cpu,
        100.0 * cost.stand_ins_cpu / all
    );
}

/// Processor time of this process and of its finished children, seconds: fields 14 to 17 of
/// `/proc/self/stat`, which are hundredths of a second (`proc(5)`); zero if there is no such
/// file.
fn cpu_seconds() -> (f64, f64) {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: Vec<f64> = behind_name
        .split_whitespace()
        .skip(11)
        .take(4)
        .filter_map(|field| field.parse().ok())
        .collect();
    match ticks.as_slice() {
        [user, system, of_children, in_kernel] => {
            ((user + system) / 100.0, (of_children + in_kernel) / 100.0)
        }
        _ => (0.0, 0.0),
    }
}

/// The peak memory of a process so far, bytes.
fn peak_memory(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) << 10
}
