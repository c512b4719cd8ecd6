//! The answer to an invocation ("Reporting batch item failures").

use serde::Serialize;

use crate::record::SequenceNumber;

/// What Lambda is told: from which record on it has to give the batch again. An empty list says that all
/// is done. The keys have to be exactly these: Lambda takes an answer that it does not understand for
/// success.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    batch_item_failures: Vec<ItemFailure>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct ItemFailure {
    item_identifier: String,
}

/// The part of a batch that was not landed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The first record of it.
    pub first: SequenceNumber,
    /// How many records it has.
    pub records: usize,
}

impl Failure {
    /// What is left of a batch, in order, when everything up to `committed` is done.
    #[must_use]
    pub fn of(batch: &[SequenceNumber], committed: Option<SequenceNumber>) -> Option<Self> {
        let left = match committed {
            None => batch,
            Some(committed) => &batch[batch.partition_point(|number| *number <= committed)..],
        };
        Some(Self {
            first: *left.first()?,
            records: left.len(),
        })
    }
}

impl Answer {
    /// Adds what became of the records of a shard.
    pub(super) fn add(&mut self, failure: Option<Failure>) {
        let failure = failure.map(|failure| ItemFailure {
            item_identifier: failure.first.to_string(),
        });
        self.batch_item_failures.extend(failure);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_spelt_as_lambda_wants_it() {
        let mut answer = Answer::default();
        answer.add(None);
        let written = |answer: &Answer| serde_json::to_string(answer).unwrap();
        assert_eq!(written(&answer), r#"{"batchItemFailures":[]}"#);
        let batch = [SequenceNumber::from(7), SequenceNumber::from(9)];
        answer.add(Failure::of(&batch, Some(7.into())));
        assert_eq!(
            written(&answer),
            r#"{"batchItemFailures":[{"itemIdentifier":"9"}]}"#
        );
    }

    #[test]
    fn what_is_left_begins_behind_what_is_done() {
        let batch = [3, 5, 8].map(SequenceNumber::from);
        let left = |committed: Option<u64>| {
            let failure = Failure::of(&batch, committed.map(SequenceNumber::from));
            failure.map(|failure| (failure.first, failure.records))
        };
        assert_eq!(left(None), Some((3.into(), 3)));
        assert_eq!(left(Some(2)), Some((3.into(), 3)));
        assert_eq!(left(Some(5)), Some((8.into(), 1)));
        assert_eq!(left(Some(100)), None);
    }
}
