//! A worker that a console polls, compared with one that nobody polls. Both catch up on the same stream, with stand-ins in
//! this process; only what the worker itself takes counts.

use std::fs;
use std::io::{self, BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

use super::bench::{Bench, lines};
use super::measure::{self, in_turn};
use super::table::{Report, spread};
use crate::support::program::Running;
use testkit::environment;
use testkit::kinesis::Kinesis;
use testkit::s3::S3;

const EVENTS: u64 = 1_000_000;
const SHARDS: usize = 4;

/// What a console may make a worker do, compared with what it does without.
const MORE: f64 = 1.02;

/// The number of polls whose processor time is measured.
const POLLS: u32 = 5_000;

/// The unit of times in `/proc`, in a second (`USER_HZ`).
const TICKS: f64 = 100.0;

/// The timeout of a process that starts, and of a response.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What the console says of a worker that it has polled.
const POLLED: &str = "Records since workers started";

/// A worker with a console, compared with one without.
pub(crate) fn next_to_none(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let workers = WorkerBench::new(bench)?;
    let measured = Measured::available(bench)?;
    let ran = in_turn(
        bench.swap_pairs,
        || workers.run(measured, true),
        || workers.run(measured, false),
    )?;
    let ratio = ran.ratio(|work| *work);
    report.goal(
        &format!(
            "worker that a console polls, next to one without, {EVENTS} records, median of {} pairs: {}",
            bench.swap_pairs,
            measured.name()
        ),
        spread(ratio),
        "at most 1.02x",
        ratio.median <= MORE,
    );
    let poll = workers.poll()?;
    report.figure(
        "the same: CPU of a poll, of an idle worker",
        format!("{:.3} ms every 5 s", poll * 1e3),
    );
    Ok(())
}

/// What a run of a worker is measured by.
#[derive(Clone, Copy, Debug)]
enum Measured {
    /// Instructions in user space, as `perf` counts them.
    Instructions,
    /// Processor time, if this machine does not count instructions, or has no `perf`.
    CpuTime,
}

impl Measured {
    fn available(bench: &Bench) -> anyhow::Result<Self> {
        let counts = bench.folder.join("instructions.csv");
        let tried = under_perf(&Command::new("true"), &counts).output();
        let is_counted = tried.is_ok_and(|tried| tried.status.success());
        if is_counted && instructions(&counts)?.is_some() {
            return Ok(Self::Instructions);
        }
        Ok(Self::CpuTime)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Instructions => "instructions in user space",
            Self::CpuTime => "processor time, since perf counts no instructions here",
        }
    }
}

/// The same command under `perf`, which writes its counts to this file.
fn under_perf(command: &Command, counts: &Path) -> Command {
    let mut perf = Command::new("perf");
    perf.args(["stat", "-x", ",", "-e", "instructions:u", "-o"]);
    perf.arg(counts).arg("--").arg(command.get_program());
    perf.args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        perf.current_dir(folder);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => perf.env(name, value),
            None => perf.env_remove(name),
        };
    }
    perf
}

/// The instructions that `perf` has counted, if it could.
fn instructions(counts: &Path) -> anyhow::Result<Option<f64>> {
    let counts = fs::read_to_string(counts)?;
    let line = counts.lines().find(|line| line.contains("instructions:u"));
    let count = line.and_then(|line| line.split(',').next());
    Ok(count.and_then(|count| count.parse().ok()))
}

/// A stream with records, and a lake for each run.
struct WorkerBench<'a> {
    bench: &'a Bench,
    kinesis: Kinesis,
    s3: S3,
    bucket: PathBuf,
    runs: AtomicUsize,
}

impl<'a> WorkerBench<'a> {
    fn new(bench: &'a Bench) -> anyhow::Result<Self> {
        let (kinesis, s3) = (Kinesis::start(), S3::start());
        kinesis.create_stream("events", SHARDS);
        let this = Self {
            bench,
            bucket: s3.bucket("bucket"),
            kinesis,
            s3,
            runs: AtomicUsize::default(),
        };
        let (count, to) = (EVENTS.to_string(), "kinesis:events");
        let generate = ["generate", "--events", &count, "--seed", "7", "--to", to];
        measure::run(&mut this.sluice(&generate))?;
        Ok(this)
    }

    fn sluice(&self, args: &[&str]) -> Command {
        let mut command = self.bench.sluice(args);
        command.envs(environment());
        command.env("AWS_ENDPOINT_URL_KINESIS", &self.kinesis.endpoint);
        command.env("AWS_ENDPOINT_URL_S3", &self.s3.endpoint);
        command
    }

    fn worker(&self, lake: &str, pages: &str, more: &[&str]) -> Command {
        let run = ["run", "--source", "kinesis:events", "--bus", "none"];
        let to = ["--lake", lake, "--http", pages, "--summary", "json"];
        self.sluice(&[&run[..], &to, more].concat())
    }

    /// What a worker takes that catches up on the stream, into a lake of its own.
    fn run(&self, measured: Measured, with_console: bool) -> anyhow::Result<f64> {
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        if let Some(before) = run.checked_sub(1) {
            fs::remove_dir_all(self.bucket.join(format!("lake-{before}")))?;
        }
        let (lake, pages) = (format!("s3://bucket/lake-{run}"), free_address()?);
        let mut command = self.worker(&lake, &pages, &["--exit-when-caught-up"]);
        let counts = self.bench.folder.join("instructions.csv");
        if matches!(measured, Measured::Instructions) {
            command = under_perf(&command, &counts);
        }
        measure::settle();
        let (running, ended) = mpsc::channel::<()>();
        let (of_lake, of_pages) = (&*lake, &*pages);
        let (ran, watched) = thread::scope(|scope| {
            let watching =
                with_console.then(|| scope.spawn(move || self.watch(of_lake, of_pages, &ended)));
            let ran = measure::run(&mut command);
            drop(running);
            (ran, watching.map(thread::ScopedJoinHandle::join))
        });
        let (cost, output) = ran?;
        match watched {
            None => {}
            Some(Ok(watched)) => watched?,
            Some(Err(_)) => bail!("the browser panicked"),
        }
        let summary: Value = serde_json::from_str(output.trim())?;
        let landed = lines(&self.bucket.join(format!("lake-{run}")))?;
        ensure!(
            summary["records"] == EVENTS && landed == EVENTS,
            "{landed} of {EVENTS} events have landed"
        );
        match measured {
            Measured::CpuTime => Ok(cost.cpu),
            Measured::Instructions => instructions(&counts)?.context("perf has counted nothing"),
        }
    }

    /// Shows the Overview of a console of this worker and its lake, until the other end of `ended` is dropped.
    fn watch(&self, lake: &str, pages: &str, ended: &mpsc::Receiver<()>) -> anyhow::Result<()> {
        wait_for(pages)?;
        let url = format!("http://{pages}");
        let console = ["console", "--port", "0", "--worker", &url, "--lake", lake];
        let (_console, address, token) = start_console(&mut self.sluice(&console))?;
        let signed_in = {
            let mut answer = String::new();
            let path = format!("/?token={token}");
            get(&address, &path, "Connection: close\r\n")?.read_to_string(&mut answer)?;
            answer
        };
        let cookie = signed_in.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            let is_cookie = name.eq_ignore_ascii_case("set-cookie");
            is_cookie.then(|| value.split(';').next().unwrap_or_default())
        });
        let cookie = cookie.context("the console gives no cookie")?;
        let mut live = get(&address, "/live?page=%2F", &format!("Cookie: {cookie}\r\n"))?;
        live.set_read_timeout(Some(Duration::from_millis(100)))?;
        let (mut shown, mut part) = (Vec::new(), [0; 1 << 16]);
        while ended.try_recv() == Err(TryRecvError::Empty) {
            match live.read(&mut part) {
                Ok(0) => bail!("the console has ended its stream"),
                Ok(read) => shown.extend_from_slice(&part[..read]),
                // Nothing comes while nothing changes.
                Err(error) if is_timeout(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let shown = String::from_utf8_lossy(&shown);
        ensure!(
            shown.contains(POLLED),
            "the console has not polled the worker: {shown}"
        );
        Ok(())
    }

    /// The processor time of a poll of an idle worker, which the last run has left nothing to do, seconds.
    fn poll(&self) -> anyhow::Result<f64> {
        let last = self.runs.load(Ordering::Relaxed).saturating_sub(1);
        let pages = free_address()?;
        let mut command = self.worker(&format!("s3://bucket/lake-{last}"), &pages, &[]);
        let command = command.stdout(Stdio::null()).stderr(Stdio::null());
        let worker = Running(command.spawn()?);
        wait_for(&pages)?;
        let begun = Instant::now();
        while page(&pages, "/status")?.matches("\"working\"").count() < SHARDS {
            ensure!(begun.elapsed() < TIMEOUT, "the worker takes no shards");
            thread::sleep(Duration::from_millis(100));
        }
        let (begun, before) = (Instant::now(), cpu(worker.0.id())?);
        for _ in 0..POLLS {
            page(&pages, "/status")?;
        }
        let (elapsed, polled) = (begun.elapsed(), cpu(worker.0.id())?);
        thread::sleep(elapsed);
        let idle = cpu(worker.0.id())? - polled;
        Ok((polled - before - idle) / f64::from(POLLS))
    }
}

/// An address for the pages of a worker that nobody uses now.
fn free_address() -> anyhow::Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.to_string())
}

fn wait_for(address: &str) -> anyhow::Result<()> {
    let begun = Instant::now();
    while TcpStream::connect(address).is_err() {
        ensure!(begun.elapsed() < TIMEOUT, "no worker at {address}");
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Starts a console, and returns its address and its token too.
fn start_console(command: &mut Command) -> anyhow::Result<(Running, String, String)> {
    let mut console = Running(command.stderr(Stdio::piped()).spawn()?);
    let stderr = console.0.stderr.take().context("no standard error")?;
    let (mut lines, mut printed) = (BufReader::new(stderr).lines(), String::new());
    let url = lines.by_ref().map_while(Result::ok).find_map(|line| {
        printed += &line;
        let url = line.strip_prefix("sluice: if your browser cannot find that name: http://")?;
        Some(url.to_owned())
    });
    // The rest is read, so that it never waits for a reader.
    thread::spawn(move || lines.for_each(drop));
    let url = url.with_context(|| format!("no console: {printed}"))?;
    let (address, token) = url.split_once("/?token=").context("no token")?;
    Ok((console, address.to_owned(), token.to_owned()))
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// Sends a request with more headers.
fn get(address: &str, path: &str, headers: &str) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n");
    stream.write_all(request.as_bytes())?;
    Ok(stream)
}

/// Reads a page of a worker, over a connection of its own, as the console does: a worker closes each after a request.
fn page(address: &str, path: &str) -> anyhow::Result<String> {
    let mut answer = String::new();
    get(address, path, "")?.read_to_string(&mut answer)?;
    let (_, content) = answer.split_once("\r\n\r\n").context("no answer")?;
    Ok(content.to_owned())
}

/// The processor time of a process so far, seconds: `utime` and `stime` of `proc(5)`.
fn cpu(process: u32) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name before the last parenthesis can have spaces; 11 fields are between it and the times.
    let (_, fields) = stat.rsplit_once(')').context("no name")?;
    let times = fields.split_whitespace().skip(11).take(2);
    let times: Vec<f64> = times.map(str::parse::<f64>).collect::<Result<_, _>>()?;
    Ok(times.iter().sum::<f64>() / TICKS)
}
