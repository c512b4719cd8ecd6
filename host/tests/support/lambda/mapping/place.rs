//! The position of a mapping in a shard, and the records to retry.

use std::collections::VecDeque;

use serde_json::Value;

use super::super::Invoked;
use super::discard::{Condition, invocation_record};
use super::event::Record;
use super::response::Verdict;
use super::settings::Settings;

/// The position of a mapping in a shard.
#[derive(Debug, Default)]
pub(super) struct Place {
    checkpoint: Option<String>,
    /// The batches to retry before anything else, in order.
    pending: VecDeque<Batch>,
}

/// Records that the function gets together.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    pub(super) records: Vec<Record>,
    /// The number of attempts that count.
    pub(super) attempts: u64,
    /// The last result: the request's id, and whether the function failed.
    pub(super) last: Option<(String, bool)>,
}

/// What a mapping does after a batch.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Then {
    /// It has processed the batch.
    Passed,
    /// It retries from the record with this sequence number to the end of the batch.
    Again(String),
    /// It retries both halves separately.
    Halved,
    /// It has discarded the batch, or its rest. This went to the on-failure destination.
    Discarded(Value),
}

impl Place {
    /// The position after this record.
    pub(super) fn after(sequence_number: String) -> Self {
        Self {
            checkpoint: Some(sequence_number),
            pending: VecDeque::new(),
        }
    }

    pub(super) fn checkpoint(&self) -> Option<&str> {
        self.checkpoint.as_deref()
    }

    pub(super) fn take_pending(&mut self) -> Option<Batch> {
        self.pending.pop_front()
    }

    /// These records are processed, and the rest of their batch is next.
    pub(super) fn passed(&mut self, passed: &Batch, rest: Batch) {
        self.checkpoint = passed.last_number();
        if !rest.records.is_empty() {
            self.pending.push_front(rest);
        }
    }

    /// What happens after a batch ("Retain discarded batch records for a Kinesis Data Streams event
    /// source in Lambda"; for partial responses, "Configuring partial batch response with Kinesis
    /// Data Streams and Lambda").
    ///
    /// A split does not consume retries. The pages do not define the retries of the rest of a batch
    /// after a partial success; here, it keeps those of the whole batch.
    pub(super) fn settle(
        &mut self,
        mut batch: Batch,
        verdict: &Verdict,
        settings: &Settings,
        now_ms: u64,
    ) -> Then {
        let bisects = settings.bisect_batch_on_function_error;
        let split = match verdict {
            Verdict::Success => {
                self.checkpoint = batch.last_number();
                return Then::Passed;
            }
            Verdict::Failure if bisects && batch.records.len() > 1 => {
                self.halve(batch);
                return Then::Halved;
            }
            Verdict::Failure => false,
            Verdict::Partial(from) => self.cut(&mut batch, from) && bisects,
        };
        if !split {
            batch.attempts += 1;
        }
        self.again(batch, settings, now_ms)
    }

    fn again(&mut self, batch: Batch, settings: &Settings, now_ms: u64) -> Then {
        let quota = u64::try_from(settings.maximum_retry_attempts).ok();
        if quota.is_some_and(|quota| batch.attempts > quota) {
            self.checkpoint = batch.last_number();
            let condition = Condition::RetryAttemptsExhausted;
            return Then::Discarded(invocation_record(&batch, condition, now_ms));
        }
        let from = batch.records[0].sequence_number.clone();
        self.pending.push_front(batch);
        Then::Again(from)
    }

    fn halve(&mut self, mut first: Batch) {
        let second = Batch {
            records: first.records.split_off(first.records.len() / 2),
            ..first.clone()
        };
        self.pending.push_front(second);
        self.pending.push_front(first);
    }

    /// Removes the processed records from a batch; returns whether any are left.
    fn cut(&mut self, batch: &mut Batch, from: &str) -> bool {
        let failed = |record: &Record| record.sequence_number == from;
        let done = batch.records.iter().position(failed).unwrap();
        let done = batch.records.drain(..done).next_back();
        if let Some(last) = &done {
            self.checkpoint = Some(last.sequence_number.clone());
        }
        done.is_some()
    }
}

impl Batch {
    /// A new batch.
    pub(super) fn new(records: Vec<Record>) -> Self {
        Self {
            records,
            attempts: 0,
            last: None,
        }
    }

    /// Notes the result.
    pub(super) fn invoked(&mut self, invoked: &Invoked) {
        self.last = Some((invoked.request_id.clone(), invoked.response.is_err()));
    }

    /// Removes the records at its beginning that are too old for the function.
    pub(super) fn split_off_old(&mut self, settings: &Settings, now_ms: u64) -> Option<Self> {
        let seconds = u64::try_from(settings.maximum_record_age_in_seconds).ok()?;
        let too_old = |record: &Record| now_ms.saturating_sub(record.arrival_ms) > seconds * 1000;
        let old = self
            .records
            .iter()
            .take_while(|record| too_old(record))
            .count();
        let old = Self {
            records: self.records.drain(..old).collect(),
            ..self.clone()
        };
        (!old.records.is_empty()).then_some(old)
    }

    fn last_number(&self) -> Option<String> {
        let last = self.records.last();
        last.map(|record| record.sequence_number.clone())
    }
}
