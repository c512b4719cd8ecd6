//! The response to an invocation ("Reporting batch item failures").

use serde::Serialize;

use sluice_engine::record::SequenceNumber;

/// The record from which Lambda must retry the batch. An empty list means success. The keys must be
/// exactly these: Lambda takes a response that it does not understand as success.
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
    /// Its first record.
    pub first: SequenceNumber,
    /// The number of its records.
    pub records: usize,
}

impl Failure {
    /// The part of a batch, which is in order, after the record `committed`.
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
    /// Adds the result of a shard.
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
