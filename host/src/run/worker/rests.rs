//! How long shards rest that have failed.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::error::PipelineError;
use crate::record::SequenceNumber;
use crate::sink::SinkError;

/// A shard that failed is taken up again after this.
const SHORTEST: Duration = Duration::from_secs(10);

/// A chunk of which the queue rejects a message sends its other messages again with each attempt, so its
/// shard rests twice as long each time, and this long at most. That is less than the five minutes for
/// which the alarm on stopped shards counts, so that the alarm does not end between two attempts.
const LONGEST: Duration = Duration::from_secs(240);

/// The shards that have failed, by their ids.
#[derive(Debug, Default)]
pub(super) struct Rests(HashMap<String, Rest>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rest {
    since: Instant,
    length: Duration,
    rejected_message: Option<RejectedMessage>,
}

/// Of the chunk behind this record a message was rejected: the same one again, if the record is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct RejectedMessage {
    behind: Option<SequenceNumber>,
}

impl Rests {
    /// Takes note that a shard has failed which was taken when `behind` was its last committed record.
    /// Says how long it rests.
    pub(super) fn begin(
        &mut self,
        id: String,
        behind: Option<SequenceNumber>,
        error: &anyhow::Error,
    ) -> Duration {
        let rejected_message = is_rejected_message(error).then_some(RejectedMessage { behind });
        let rest = Rest::after(self.0.get(&id), rejected_message, Instant::now());
        self.0.insert(id, rest);
        rest.length
    }

    /// Whether a shard is not to be taken up yet.
    pub(super) fn has(&self, id: &str) -> bool {
        self.0.get(id).is_some_and(|rest| !rest.is_over())
    }
}

impl Rest {
    fn after(
        before: Option<&Self>,
        rejected_message: Option<RejectedMessage>,
        since: Instant,
    ) -> Self {
        let again = before.filter(|before| {
            rejected_message.is_some() && before.rejected_message == rejected_message
        });
        Self {
            since,
            length: again.map_or(SHORTEST, |before| (before.length * 2).min(LONGEST)),
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
        let gone = SinkError::Service {
            what: "send".into(),
            why: "503".into(),
        };
        PipelineError::from(gone).into()
    }

    /// How many seconds a shard rests after each of these faults.
    fn lengths(faults: &[(Option<u64>, anyhow::Error)]) -> Vec<u64> {
        let mut rests = Rests::default();
        let length = |(behind, error): &(Option<u64>, _)| {
            let behind = behind.map(SequenceNumber::from);
            rests.begin("shard".into(), behind, error).as_secs()
        };
        faults.iter().map(length).collect()
    }

    #[test]
    fn the_same_rejected_message_makes_the_rest_longer_up_to_minutes() {
        let faults: Vec<_> = (0..7).map(|_| (Some(5), rejected())).collect();
        assert_eq!(lengths(&faults), [10, 20, 40, 80, 160, 240, 240]);
        let at_the_start = [(None, rejected()), (None, rejected())];
        assert_eq!(lengths(&at_the_start), [10, 20]);
    }

    #[test]
    fn a_rejected_message_of_a_later_chunk_is_another_one() {
        let faults = [5, 5, 9, 9].map(|behind| (Some(behind), rejected()));
        assert_eq!(lengths(&faults), [10, 20, 10, 20]);
    }

    #[test]
    fn what_may_pass_is_tried_again_as_soon_each_time() {
        let faults = [
            (Some(5), unavailable()),
            (Some(5), unavailable()),
            (Some(5), rejected()),
            (Some(5), unavailable()),
        ];
        assert_eq!(lengths(&faults), [10; 4]);
    }

    #[test]
    fn a_shard_rests_alone() {
        let mut rests = Rests::default();
        rests.begin("one".into(), None, &rejected());
        assert!(rests.has("one"));
        assert!(!rests.has("another"));
        let long_ago = Instant::now().checked_sub(SHORTEST * 2).unwrap();
        let rest = Rest::after(None, None, long_ago);
        rests.0.insert("one".into(), rest);
        assert!(!rests.has("one"));
    }
}
