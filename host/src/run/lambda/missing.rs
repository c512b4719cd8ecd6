//! What of a shard is to be landed when Lambda gives a batch: pure, so that every shape of a retry can
//! be gone through.
//!
//! A batch is what the mapping chose. It can hold records that are done, a part of a range that is
//! pending, or begin behind records that the mapping gave up on. What it lacks is read from the stream.

use crate::ledger::{Ledger, Range};
use crate::record::SequenceNumber;

/// What is to be landed, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Todo {
    /// A pending range that is not in the batch as a whole.
    pub again: Option<Range>,
    /// The record behind which the mapping may have given up on others: they come between it and the
    /// rest of the batch.
    pub skipped_behind: Option<SequenceNumber>,
    /// The rest of the batch: from this index on.
    pub rest: usize,
}

/// Looks at what the ledger says and at what the batch holds, which is in order and not empty. `count`
/// says how many records of the batch, those inside aggregates counted, are between two numbers,
/// both included.
#[must_use]
pub fn todo(
    ledger: &Ledger,
    batch: &[SequenceNumber],
    count: impl Fn(SequenceNumber, SequenceNumber) -> u64,
) -> Todo {
    let from = |bound: SequenceNumber| batch.partition_point(|number| *number < bound);
    let behind = |bound: SequenceNumber| batch.partition_point(|number| *number <= bound);
    let begins_behind = |number: SequenceNumber| batch.first().is_some_and(|first| *first > number);
    match (ledger.pending(), ledger.committed()) {
        (Some(pending), _) => {
            let range = pending.range;
            let has = |number: SequenceNumber| batch.binary_search(&number).is_ok();
            let whole = has(range.first) && has(range.last);
            if whole && count(range.first, range.last) == range.count {
                return Todo {
                    again: None,
                    skipped_behind: None,
                    rest: from(range.first),
                };
            }
            Todo {
                again: Some(range),
                skipped_behind: begins_behind(range.last).then_some(range.last),
                rest: behind(range.last),
            }
        }
        (None, Some(committed)) => Todo {
            again: None,
            skipped_behind: begins_behind(committed.last).then_some(committed.last),
            rest: behind(committed.last),
        },
        (None, None) => Todo {
            again: None,
            skipped_behind: None,
            rest: 0,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::Format;
    use crate::ledger::Pending;
    use crate::record::ShardId;
    use crate::source::aggregate::MisplacedRecords;
    use crate::transform::release::Digest;

    fn pending(first: u64, last: u64) -> Pending {
        Pending {
            range: range(first, last),
            release: Digest::of(b"release"),
            format: Format::default(),
            condemned: Vec::new(),
            misplaced_records: MisplacedRecords::Keep,
        }
    }

    fn range(first: u64, last: u64) -> Range {
        Range {
            first: first.into(),
            last: last.into(),
            count: last - first + 1,
        }
    }

    fn new() -> Ledger {
        Ledger::new(ShardId::new("shard").unwrap())
    }

    fn committed(last: u64) -> Ledger {
        new()
            .pin(pending(1, last))
            .unwrap()
            .commit(range(1, last), Digest::of(b"record"))
            .unwrap()
    }

    /// A ledger that has committed up to 10 and begun with 11 to 20.
    fn interrupted() -> Ledger {
        committed(10).pin(pending(11, 20)).unwrap()
    }

    fn todo_with(ledger: &Ledger, batch: std::ops::RangeInclusive<u64>) -> Todo {
        let batch: Vec<SequenceNumber> = batch.map(SequenceNumber::from).collect();
        todo(ledger, &batch, |first, last| {
            let inside = batch.iter().filter(|n| (first..=last).contains(*n));
            inside.count() as u64
        })
    }

    fn is(again: Option<Range>, skipped_behind: Option<u64>, rest: usize) -> Todo {
        Todo {
            again,
            skipped_behind: skipped_behind.map(SequenceNumber::from),
            rest,
        }
    }

    #[test]
    fn a_batch_goes_on_where_the_last_one_ended() {
        assert_eq!(todo_with(&new(), 1..=10), is(None, None, 0));
        assert_eq!(todo_with(&committed(10), 11..=20), is(None, Some(10), 0));
        assert_eq!(todo_with(&committed(10), 6..=20), is(None, None, 5));
        assert_eq!(todo_with(&committed(10), 1..=10), is(None, None, 10));
    }

    #[test]
    fn a_pending_range_in_the_batch_is_taken_from_it() {
        assert_eq!(todo_with(&interrupted(), 11..=20), is(None, None, 0));
        assert_eq!(todo_with(&interrupted(), 6..=30), is(None, None, 5));
    }

    #[test]
    fn a_pending_range_that_is_not_in_the_batch_as_a_whole_is_read_again() {
        let again = Some(range(11, 20));
        assert_eq!(todo_with(&interrupted(), 11..=15), is(again, None, 5));
        assert_eq!(todo_with(&interrupted(), 15..=30), is(again, None, 6));
        assert_eq!(todo_with(&interrupted(), 21..=30), is(again, Some(20), 0));
        assert_eq!(todo_with(&interrupted(), 1..=10), is(again, None, 10));
    }

    #[test]
    fn a_range_of_which_the_batch_has_another_count_is_read_again() {
        let batch: Vec<_> = (11..=20).map(SequenceNumber::from).collect();
        let todo = todo(&interrupted(), &batch, |_, _| 9);
        assert_eq!(todo.again, Some(range(11, 20)));
    }
}
