//! Adds all events of an input to what a command collects, on several threads.
//!
//! Each thread gets every fourth part of the input, whatever the number of cores, and what the threads have collected
//! is merged in their order. So the same files, and the same lake, give the same report on all machines.

use std::thread;

use anyhow::Context as _;
use sluice_engine::sanitize::escape;
use sluice_schema::NoEvent;
use tokio::sync::mpsc;

use super::input::{EventsArgs, Input};
use super::object_rows::ObjectRows;
use super::progress::Progress;
use crate::format::{Format, decode};
use crate::output;
use crate::source::file::NumberedBatch;

/// The number of threads that collect.
pub(super) const THREADS: usize = 4;

/// Parts that a thread can be behind the reader.
const PARTS_AHEAD: usize = 2;

/// What a command collects of events.
pub(super) trait Collector: Send {
    /// Adds an event. A lake can say its type. Returns whether it is one of those that are asked for.
    ///
    /// # Errors
    /// [`NoEvent`]: the text is no JSON object. Nothing is added.
    fn add(&mut self, event: &[u8], event_type: Option<&str>) -> Result<bool, NoEvent>;

    /// Adds what another thread has collected.
    fn merge(&mut self, other: Self);
}

/// Records of one origin.
#[derive(Debug)]
pub(super) enum Records {
    /// Lines of a file.
    Numbered {
        /// The file.
        source: String,
        /// The lines.
        batch: NumberedBatch,
    },
    /// An object of a lake.
    Object {
        /// The object as messages name it.
        place: String,
        /// Its format.
        format: Format,
        /// Its bytes.
        bytes: Vec<u8>,
        /// The type of its events, if its key says it.
        event_type: Option<String>,
        /// What reads its rows, if it has columns.
        rows: Option<ObjectRows>,
    },
}

struct Part {
    number: usize,
    records: Records,
}

/// Gives parts to the threads in turn.
pub(super) struct Parts {
    threads: Vec<mpsc::Sender<Part>>,
    next: usize,
}

impl Parts {
    fn next(&mut self, records: Records) -> (mpsc::Sender<Part>, Part) {
        let number = self.next;
        self.next += 1;
        (
            self.threads[number % self.threads.len()].clone(),
            Part { number, records },
        )
    }

    /// Sends a part; `false` if its thread has failed, which it reports itself.
    pub(super) fn send(&mut self, records: Records) -> bool {
        let (thread, part) = self.next(records);
        thread.blocking_send(part).is_ok()
    }

    /// As [`send`](Self::send), from a task.
    pub(super) async fn send_from_task(&mut self, records: Records) -> bool {
        let (thread, part) = self.next(records);
        thread.send(part).await.is_ok()
    }
}

/// Lines that are no events.
#[derive(Debug, Default)]
struct Skipped {
    count: u64,
    /// The part of the first one, and what is wrong with it.
    first: Option<(usize, String)>,
}

impl Skipped {
    fn add(&mut self, count: u64, first: Option<(usize, String)>) {
        self.count += count;
        self.first = match (self.first.take(), first) {
            (Some(one), Some(other)) => Some(if other.0 < one.0 { other } else { one }),
            (one, other) => one.or(other),
        };
    }

    fn text(&self) -> Option<String> {
        let (_, first) = self.first.as_ref()?;
        let verb = if self.count == 1 {
            "is no JSON object"
        } else {
            "are no JSON objects"
        };
        Some(format!(
            "{} {verb}, such as {first}",
            output::counted(self.count, "line")
        ))
    }
}

/// What a thread has collected.
struct Collected<C> {
    collector: C,
    taken: u64,
    of_other_types: u64,
    skipped: Skipped,
}

impl<C: Collector> Collected<C> {
    fn new(collector: C) -> Self {
        Self {
            collector,
            taken: 0,
            of_other_types: 0,
            skipped: Skipped::default(),
        }
    }

    /// Collects what comes to the thread.
    fn run(mut self, mut parts: mpsc::Receiver<Part>, progress: &Progress) -> anyhow::Result<Self> {
        while let Some(part) = parts.blocking_recv() {
            let before = self.taken;
            self.add_part(part)?;
            progress.add(self.taken - before);
        }
        Ok(self)
    }

    fn add_part(&mut self, Part { number, records }: Part) -> anyhow::Result<()> {
        match records {
            Records::Numbered { source, batch } => {
                for (line, record) in batch.lines.iter().zip(batch.batch.records()) {
                    self.add(number, record.data, None, || format!("{source}:{line}"));
                }
            }
            Records::Object {
                place,
                format,
                bytes,
                event_type,
                rows,
            } => {
                let lines = match rows {
                    Some(rows) => rows.decode(&bytes),
                    None => decode(format, &bytes),
                };
                let lines = lines.with_context(|| format!("cannot read {place}"))?;
                for (line, event) in (1..).zip(lines.split(|byte| *byte == b'\n')) {
                    if !event.is_empty() {
                        self.add(number, event, event_type.as_deref(), || {
                            format!("{place}:{line}")
                        });
                    }
                }
            }
        }
        Ok(())
    }

    fn add(
        &mut self,
        part: usize,
        event: &[u8],
        event_type: Option<&str>,
        place: impl Fn() -> String,
    ) {
        match self.collector.add(event, event_type) {
            Ok(true) => self.taken += 1,
            Ok(false) => self.of_other_types += 1,
            Err(why) => {
                let first =
                    (self.skipped.count == 0).then(|| (part, format!("{}: {why}", place())));
                self.skipped.add(1, first);
            }
        }
    }

    fn merge(mut self, other: Self) -> Self {
        self.collector.merge(other.collector);
        self.taken += other.taken;
        self.of_other_types += other.of_other_types;
        self.skipped.add(other.skipped.count, other.skipped.first);
        self
    }

    /// Which events there are none of, and why.
    fn none(&self, wanted: Option<&str>) -> String {
        let others = match self.of_other_types {
            0 => None,
            1 => Some("1 event has another type".to_owned()),
            many => Some(format!(
                "{} have other types",
                output::counted(many, "event")
            )),
        };
        let found: Vec<_> = others.into_iter().chain(self.skipped.text()).collect();
        match (found.as_slice(), wanted) {
            ([], None) => ": there are no lines".to_owned(),
            ([], Some(wanted)) => format!(" of the type {wanted:?}"),
            (found, None) => format!(": {}", found.join("; ")),
            (found, Some(wanted)) => format!(" of the type {wanted:?}: {}", found.join("; ")),
        }
    }
}

/// Reads all events, and returns what was collected. Says how many lines are no events.
///
/// # Errors
/// Wrong usage, what cannot be read, or no event that is asked for.
pub(super) fn collect<C: Collector>(args: &EventsArgs, new: impl Fn() -> C) -> anyhow::Result<C> {
    let input = args.input()?;
    let all = run_threads(&input, args.event_type.as_deref(), new)?;
    let whole = all
        .into_iter()
        .reduce(Collected::merge)
        .context("there is no thread")?;
    if whole.taken == 0 {
        let none = whole.none(args.event_type.as_deref());
        anyhow::bail!("{} has no events{none}", input.name());
    }
    if let Some(skipped) = whole.skipped.text() {
        output::message(format_args!("sluice: left out: {}", escape(&skipped)));
    }
    Ok(whole.collector)
}

/// Reads the input. Returns what each thread has collected.
fn run_threads<C: Collector>(
    input: &Input,
    only: Option<&str>,
    new: impl Fn() -> C,
) -> anyhow::Result<Vec<Collected<C>>> {
    let progress = Progress::start();
    thread::scope(|scope| {
        let (mut senders, mut threads) = (Vec::new(), Vec::new());
        for _ in 0..THREADS {
            let (sender, receiver) = mpsc::channel(PARTS_AHEAD);
            senders.push(sender);
            let (collected, progress) = (Collected::new(new()), &progress);
            let thread = thread::Builder::new().name("events".into());
            threads.push(thread.spawn_scoped(scope, move || collected.run(receiver, progress))?);
        }
        let parts = Parts {
            threads: senders,
            next: 0,
        };
        let sent = input.send(only, parts);
        let ended = threads.into_iter().map(|thread| match thread.join() {
            Ok(ended) => ended,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        // The error of a thread comes first: it is why the input could not be sent.
        let ended: anyhow::Result<Vec<_>> = ended.collect::<Vec<_>>().into_iter().collect();
        let ended = ended?;
        sent.map(|()| ended)
    })
}
