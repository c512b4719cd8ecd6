//! How long a worker waits before it takes a failed shard again.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use sluice_engine::record::SequenceNumber;

use crate::pipeline::error::PipelineError;
use crate::sink::SinkError;

/// The backoff after most errors: transient ones were retried for the retry timeout by then.
const SHORTEST: Duration = Duration::from_secs(10);

/// A chunk with a message that the queue rejects sends its other messages again with each attempt, so
/// the backoff of its shard doubles each time, up to this. That is less than the five minutes of the
/// alarm on stopped shards, so that the alarm does not end between two attempts.
const LONGEST: Duration = Duration::from_secs(240);

/// The shards that have failed, by their ids.
#[derive(Debug, Default)]
pub(super) struct ShardBackoff(HashMap<String, Backoff>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Backoff {
    since: Instant,
    length: Duration,
    rejected_message: Option<RejectedMessage>,
}

/// The queue rejected a message of the chunk after this record. Two are of the same message if the
/// record is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct RejectedMessage {
    last_committed: Option<SequenceNumber>,
}

impl ShardBackoff {
    /// Records the failure of a shard, whose last committed record was `last_committed` when this worker
    /// took it, and returns how long to wait.
    pub(super) fn begin(
        &mut self,
        id: String,
        last_committed: Option<SequenceNumber>,
        error: &anyhow::Error,
    ) -> Duration {
        let rejected_message =
            is_rejected_message(error).then_some(RejectedMessage { last_committed });
        let backoff = Backoff::after(self.0.get(&id), rejected_message, Instant::now());
        self.0.insert(id, backoff);
        backoff.length
    }

    /// Whether the worker must not take a shard yet.
    pub(super) fn holds(&self, id: &str) -> bool {
        self.0.get(id).is_some_and(|backoff| !backoff.is_over())
    }
}

impl Backoff {
    fn after(
        before: Option<&Self>,
        rejected_message: Option<RejectedMessage>,
        since: Instant,
    ) -> Self {
        let same = before.filter(|before| {
            rejected_message.is_some() && before.rejected_message == rejected_message
        });
        Self {
            since,
            length: same.map_or(SHORTEST, |before| (before.length * 2).min(LONGEST)),
            rejected_message,
        }
    }

    fn is_over(&self) -> bool {
        self.since.elapsed() > self.length
    }
}

fn is_rejected_message(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref();
    matches!(
        error,
        Some(PipelineError::Sink(SinkError::MessageRejected { .. }))
    )
}

#[cfg(test)]
mod tests {
    use sluice_storage::error::{ErrorKind, RequestError};

    use super::*;

    fn rejected() -> anyhow::Error {
        let rejected = SinkError::MessageRejected {
            queue: "bus".into(),
            message: "record shard:1".into(),
            why: "not this one".into(),
        };
        PipelineError::from(rejected).into()
    }

    fn unavailable() -> anyhow::Error {
        let deleted = SinkError::Queue {
            what: "send".into(),
            cause: RequestError::new(ErrorKind::Unavailable, "503"),
        };
        PipelineError::from(deleted).into()
    }

    /// The backoff after each of these errors, seconds.
    fn lengths(faults: &[(Option<u64>, anyhow::Error)]) -> Vec<u64> {
        let mut backoff = ShardBackoff::default();
        let length = |(last_committed, error): &(Option<u64>, _)| {
            let last_committed = last_committed.map(SequenceNumber::from);
            backoff
                .begin("shard".into(), last_committed, error)
                .as_secs()
        };
        faults.iter().map(length).collect()
    }

    #[test]
    fn the_same_rejected_message_doubles_the_backoff_up_to_minutes() {
        let faults: Vec<_> = (0..7).map(|_| (Some(5), rejected())).collect();
        assert_eq!(lengths(&faults), [10, 20, 40, 80, 160, 240, 240]);
        let at_the_start = [(None, rejected()), (None, rejected())];
        assert_eq!(lengths(&at_the_start), [10, 20]);
    }

    #[test]
    fn a_rejected_message_of_a_later_chunk_is_another_one() {
        let faults = [5, 5, 9, 9].map(|last| (Some(last), rejected()));
        assert_eq!(lengths(&faults), [10, 20, 10, 20]);
    }

    #[test]
    fn other_errors_do_not_double_the_backoff() {
        let faults = [
            (Some(5), unavailable()),
            (Some(5), unavailable()),
            (Some(5), rejected()),
            (Some(5), unavailable()),
        ];
        assert_eq!(lengths(&faults), [10; 4]);
    }

    #[test]
    fn a_shard_backs_off_alone() {
        let mut backoff = ShardBackoff::default();
        backoff.begin("one".into(), None, &rejected());
        assert!(backoff.holds("one"));
        assert!(!backoff.holds("another"));
        let long_ago = Instant::now().checked_sub(SHORTEST * 2).unwrap();
        let over = Backoff::after(None, None, long_ago);
        backoff.0.insert("one".into(), over);
        assert!(!backoff.holds("one"));
    }
}
