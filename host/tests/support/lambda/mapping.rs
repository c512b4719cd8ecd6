//! An event source mapping between a Kinesis stream and a function ("Using Lambda to process
//! records from Amazon Kinesis Data Streams"). A shard's records come in order and its batches one
//! after the other, which is a `ParallelizationFactor` of 1. A child shard waits for its parents.

mod discard;
mod event;
mod place;
mod response;
mod settings;
mod shard;
mod target;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde_json::Value;

use self::discard::Condition;
use self::event::Record;
pub(crate) use self::place::Then;
use self::place::{Batch, Place};
pub(crate) use self::response::Verdict;
pub(crate) use self::settings::{Settings, StartingPosition};
use self::shard::Stream;
pub(crate) use self::target::Target;
use super::Invoked;
use testkit::kinesis::Kinesis;

/// More steps than any test needs: by default, a mapping never ends, but a test must.
const STEPS_MAX: usize = 10_000;

/// A mapping.
pub(crate) struct Mapping<'a> {
    stream: Stream<'a>,
    settings: Settings,
    target: Target<'a>,
    /// Its position in each shard that it has read from.
    places: BTreeMap<String, Place>,
    /// Shards that are closed and completely processed.
    finished: BTreeSet<String>,
    discarded: Vec<Value>,
}

/// What a mapping did.
#[derive(Debug)]
pub(crate) enum Step {
    /// The shard has no more records.
    Idle,
    /// A parent of the shard is not finished.
    Waiting,
    /// The shard is closed and completely processed.
    Finished,
    /// It sent a batch to the function.
    Invoked(Delivered, Then),
    /// It discarded expired records. This went to the on-failure destination.
    TooOld(Value),
}

/// A batch with its result.
#[derive(Debug)]
pub(crate) struct Delivered {
    /// The batch's records.
    pub(crate) sequence_numbers: Vec<String>,
    pub(crate) invoked: Invoked,
    /// Lambda's conclusion.
    pub(crate) verdict: Verdict,
}

impl<'a> Mapping<'a> {
    /// Maps a stream to a function.
    pub(crate) fn new(
        kinesis: &'a Kinesis,
        stream: &str,
        target: Target<'a>,
        settings: Settings,
    ) -> Self {
        let stream = Stream::new(kinesis, stream);
        let tips = match settings.starting_position {
            StartingPosition::TrimHorizon => Vec::new(),
            StartingPosition::Latest => stream.tips(),
        };
        let places = tips.into_iter();
        Self {
            places: places
                .map(|(shard, tip)| (shard, Place::after(tip)))
                .collect(),
            finished: BTreeSet::new(),
            stream,
            settings,
            target,
            discarded: Vec::new(),
        }
    }

    /// Processes one batch of one shard.
    pub(crate) fn step(&mut self, shard: &str) -> Step {
        if !self.are_parents_finished(shard) {
            return Step::Waiting;
        }
        let Some(mut batch) = self.next_batch(shard) else {
            return match self.is_finished(shard) {
                true => Step::Finished,
                false => Step::Idle,
            };
        };
        let now_ms = self.stream.now_ms();
        match batch.split_off_old(&self.settings, now_ms) {
            Some(old) => {
                self.place(shard).passed(&old, batch);
                let condition = Condition::RecordAgeExceeded;
                let record = discard::invocation_record(&old, condition, now_ms);
                self.discarded.push(record.clone());
                Step::TooOld(record)
            }
            None => self.try_batch(shard, batch, now_ms),
        }
    }

    fn try_batch(&mut self, shard: &str, mut batch: Batch, now_ms: u64) -> Step {
        let delivered = self.invoke(&batch.records);
        batch.invoked(&delivered.invoked);
        let place = self.places.entry(shard.to_owned()).or_default();
        let then = place.settle(batch, &delivered.verdict, &self.settings, now_ms);
        if let Then::Discarded(record) = &then {
            self.discarded.push(record.clone());
        }
        Step::Invoked(delivered, then)
    }

    /// Processes all shards in turn until nothing is left to do, and returns what it did. If a
    /// function never succeeds, the test fails.
    pub(crate) fn run_until_idle(&mut self) -> Vec<Step> {
        let mut steps = Vec::new();
        loop {
            let before = steps.len();
            for shard in self.stream.shards() {
                match self.step(&shard) {
                    Step::Idle | Step::Waiting | Step::Finished => {}
                    step => steps.push(step),
                }
            }
            if steps.len() == before {
                return steps;
            }
            assert!(
                steps.len() < STEPS_MAX,
                "the function never gets any further"
            );
        }
    }

    /// Sends batches of the test's own to the function, one after the other: each is a range of
    /// positions in the shard's current records. The mapping's own position does not change.
    pub(crate) fn deliver(&mut self, shard: &str, batches: &[Range<usize>]) -> Vec<Delivered> {
        let (records, _) = self.stream.read(shard, None, usize::MAX);
        let batches = batches.iter().cloned();
        batches.map(|range| self.invoke(&records[range])).collect()
    }

    /// The messages to the on-failure destination, in order.
    pub(crate) fn discarded(&self) -> &[Value] {
        &self.discarded
    }

    /// The last record of a shard that the mapping has processed.
    pub(crate) fn checkpoint(&self, shard: &str) -> Option<&str> {
        self.places.get(shard)?.checkpoint()
    }

    fn place(&mut self, shard: &str) -> &mut Place {
        self.places.entry(shard.to_owned()).or_default()
    }

    /// The batch to retry, or else new records.
    fn next_batch(&mut self, shard: &str) -> Option<Batch> {
        if let Some(again) = self.place(shard).take_pending() {
            return Some(again);
        }
        let most = self.settings.batch_size;
        let after = self.checkpoint(shard).map(ToOwned::to_owned);
        let (mut records, _) = self.stream.read(shard, after.as_deref(), most);
        records.truncate(event::fitting(&records));
        (!records.is_empty()).then(|| Batch::new(records))
    }

    fn are_parents_finished(&mut self, shard: &str) -> bool {
        let parents = self.stream.parents(shard);
        parents.iter().all(|parent| self.is_finished(parent))
    }

    /// Records to retry are after the checkpoint, as new ones are. A shard without any records is
    /// not finished before its parents.
    fn is_finished(&mut self, shard: &str) -> bool {
        if self.finished.contains(shard) {
            return true;
        }
        let (next, ended) = self.stream.read(shard, self.checkpoint(shard), 1);
        let finished = ended && next.is_empty() && self.are_parents_finished(shard);
        if finished {
            self.finished.insert(shard.to_owned());
        }
        finished
    }

    fn invoke(&mut self, records: &[Record]) -> Delivered {
        let event = event::event(records);
        let invoked = self.target.invoke(&event, self.settings.timeout);
        let number = |record: &Record| record.sequence_number.clone();
        let sequence_numbers: Vec<_> = records.iter().map(number).collect();
        let verdict = response::verdict(
            &invoked.response,
            &sequence_numbers,
            self.settings.report_batch_item_failures,
        );
        Delivered {
            sequence_numbers,
            invoked,
            verdict,
        }
    }
}
