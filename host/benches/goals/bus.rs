//! What a bus in SQS takes: processor time for each event, with messages of each kind, and compared with another version of
//! the program. The stand-in for SQS runs in this process, so its time does not count.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use super::bench::{Bench, Job, PROGRAM, lines, named};
use super::measure::{self, Pairs, in_turn, median};
use super::table::{Report, times};
use crate::events;
use testkit::environment;
use testkit::sqs::{Message, Sqs};

/// The largest message of a queue, bytes: what SQS takes.
const QUEUE_MAX_BYTES: usize = 1 << 20;

/// A kind of messages. In a FIFO queue, all events of a file are of one group.
struct Kind {
    what: &'static str,
    queue: &'static str,
    /// The flags of the run.
    flags: &'static [&'static str],
    /// A flag that only a program with this kind of messages has.
    needs: Option<&'static str>,
    /// The number of events, fewer if each of them takes a call.
    events: u64,
    /// The number of their types.
    types: u64,
}

const EVENTS: Kind = Kind {
    what: "a message for each event",
    queue: "queue",
    flags: &["--bus-messages", "events"],
    needs: None,
    events: 100_000,
    types: events::TYPES,
};

const PACKED: Kind = Kind {
    what: "packed messages",
    flags: &["--bus-messages", "packed"],
    needs: Some("--bus-message-bytes"),
    events: 300_000,
    ..EVENTS
};

const EVENTS_IN_ORDER: Kind = Kind {
    what: "a message for each event, FIFO",
    queue: "queue.fifo",
    events: 10_000,
    ..EVENTS
};

/// Events of one type, because a message of a FIFO queue ends where the type changes within its group.
const PACKED_IN_ORDER: Kind = Kind {
    what: "packed messages, FIFO, events of one type",
    queue: "queue.fifo",
    types: 1,
    ..PACKED
};

/// What the bus has taken in a run.
struct Taken {
    /// Processor time for each event, microseconds.
    micros: f64,
    messages: usize,
    calls: usize,
}

/// Processor time for each event on the bus, and next to that of the program `against`.
pub(crate) fn figures(
    bench: &Bench,
    against: Option<&Path>,
    report: &mut Report,
) -> anyhow::Result<()> {
    let against = against.map(absolute).transpose()?;
    for kind in [EVENTS, PACKED, EVENTS_IN_ORDER, PACKED_IN_ORDER] {
        figure(bench, &kind, against.as_deref(), report)?;
    }
    Ok(())
}

/// The program's path from any folder.
fn absolute(program: &Path) -> anyhow::Result<PathBuf> {
    let path = program.canonicalize();
    path.with_context(|| format!("--against {}", program.display()))
}

fn figure(
    bench: &Bench,
    kind: &Kind,
    against: Option<&Path>,
    report: &mut Report,
) -> anyhow::Result<()> {
    let job = bench.job(kind.events, kind.types)?;
    let what = format!("bus in SQS, {}", kind.what);
    let ours = || taken(bench, Path::new(PROGRAM), &job, kind);
    let Some(other) = against else {
        let ran: anyhow::Result<Vec<_>> = (0..bench.pairs).map(|_| ours()).collect();
        report.figure(&what, described(&ran?));
        return Ok(());
    };
    if !has_kind(bench, other, kind)? {
        let today = "not compared: the other program does not have this kind".to_owned();
        report.figure(&what, today);
        return Ok(());
    }
    let ran: Pairs<Taken> = in_turn(bench.pairs, ours, || taken(bench, other, &job, kind))?;
    report.figure(&what, described(&ran.first));
    report.figure("the same: the other program", described(&ran.second));
    let ratio = times(ran.ratio(|taken| taken.micros));
    report.figure("the same: CPU next to the other program", ratio);
    Ok(())
}

fn has_kind(bench: &Bench, program: &Path, kind: &Kind) -> anyhow::Result<bool> {
    let Some(flag) = kind.needs else {
        return Ok(true);
    };
    let (_, help) = measure::run(&mut bench.program(program, &["run", "--help"]))?;
    Ok(help.contains(flag))
}

/// A run without a bus and one with it, whose difference is what the bus takes.
#[allow(
    clippy::cast_precision_loss,
    reason = "a count of events, far below 2^52"
)]
fn taken(bench: &Bench, program: &Path, job: &Job, kind: &Kind) -> anyhow::Result<Taken> {
    let sqs = Sqs::start();
    sqs.create_queue(kind.queue, QUEUE_MAX_BYTES);
    let without = cpu(bench, program, job, &sqs, &["--bus", "none"])?;
    let bus = format!("sqs:{}", kind.queue);
    let with = [&["--bus", &bus][..], kind.flags].concat();
    let with = cpu(bench, program, job, &sqs, &with)?;
    let messages = sqs.messages(kind.queue);
    let sent: u64 = messages.iter().map(events_of).sum();
    ensure!(
        sent == job.events,
        "{sent} of {} events are on the bus",
        job.events
    );
    Ok(Taken {
        micros: (with - without) * 1e6 / job.events as f64,
        messages: messages.len(),
        calls: sqs.calls("SendMessageBatch"),
    })
}

/// Seconds of processor time of a run.
fn cpu(bench: &Bench, program: &Path, job: &Job, sqs: &Sqs, bus: &[&str]) -> anyhow::Result<f64> {
    let lake = bench.lake()?;
    let mut command = bench.program(program, &["run"]);
    command.args(bus);
    command.envs(environment());
    command.env("AWS_ENDPOINT_URL_SQS", &sqs.endpoint);
    command.arg("--source").arg(named(&job.source));
    command.arg("--lake").arg(named(&lake));
    let (cost, _) = measure::run(&mut command)?;
    let landed = lines(&lake)?;
    ensure!(
        landed == job.events,
        "{landed} of {} events have landed",
        job.events
    );
    Ok(cost.cpu)
}

/// The number of events in a message.
fn events_of(message: &Message) -> u64 {
    let count = message.attribute("count");
    count.map_or(1, |count| count.parse().unwrap_or_default())
}

fn described(ran: &[Taken]) -> String {
    let micros: Vec<_> = ran.iter().map(|taken| taken.micros).collect();
    let (messages, calls) = ran
        .first()
        .map_or((0, 0), |taken| (taken.messages, taken.calls));
    format!(
        "{:.2} µs of CPU an event, {messages} messages in {calls} calls",
        median(&micros)
    )
}
