//! Which records of a Lambda batch an invocation lands, and what it reads from the stream. This module
//! does no I/O, so that unit tests cover every kind of retry.
//!
//! The event source mapping chooses the batch. It can hold records that are committed, hold a part of a
//! pending range, or begin after records that the mapping has discarded. What it lacks is read from the
//! stream.

use sluice_engine::record::SequenceNumber;

use crate::ledger::Range;
use crate::source::ResumePoint;

/// What to land, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchPlan {
    /// A pending range that the batch does not hold completely.
    pub replay: Option<Range>,
    /// The record after which there may be a gap: records that the mapping has discarded come between
    /// it and the rest of the batch.
    pub gap_after: Option<SequenceNumber>,
    /// The index at which the rest of the batch begins.
    pub rest: usize,
}

/// Plans a batch, which is in order and not empty, for a shard that resumes at `from`. `count` returns
/// how many records of the batch, those inside aggregates included, are between two sequence numbers, both
/// included.
#[must_use]
pub fn plan_batch(
    from: &ResumePoint,
    batch: &[SequenceNumber],
    count: impl Fn(SequenceNumber, SequenceNumber) -> u64,
) -> BatchPlan {
    let at = |bound: SequenceNumber| batch.partition_point(|number| *number < bound);
    let behind = |bound: SequenceNumber| batch.partition_point(|number| *number <= bound);
    let begins_behind = |number: SequenceNumber| batch.first().is_some_and(|first| *first > number);
    match (&from.pending, &from.committed) {
        (Some(pending), _) => {
            let range = pending.range;
            let has = |number: SequenceNumber| batch.binary_search(&number).is_ok();
            let whole = has(range.first) && has(range.last);
            if whole && count(range.first, range.last) == range.count {
                return BatchPlan {
                    replay: None,
                    gap_after: None,
                    rest: at(range.first),
                };
            }
            BatchPlan {
                replay: Some(range),
                gap_after: begins_behind(range.last).then_some(range.last),
                rest: behind(range.last),
            }
        }
        (None, Some(committed)) => BatchPlan {
            replay: None,
            gap_after: begins_behind(committed.last).then_some(committed.last),
            rest: behind(committed.last),
        },
        (None, None) => BatchPlan {
            replay: None,
            gap_after: None,
            rest: 0,
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sluice_engine::digest::Digest;
    use sluice_engine::record::ShardId;

    use super::*;
    use crate::ledger::pins::Pins;
    use crate::ledger::resource_faults::ResourceFaults;
    use crate::ledger::{Ledger, Pending};

    fn pending(first: u64, last: u64) -> Pending {
        Pending {
            range: range(first, last),
            release: Digest::of(b"release"),
            pins: Pins::default(),
            resource_faults: ResourceFaults::default(),
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

    fn plan_with(ledger: &Ledger, batch: std::ops::RangeInclusive<u64>) -> BatchPlan {
        let batch: Vec<SequenceNumber> = batch.map(SequenceNumber::from).collect();
        plan_batch(&ResumePoint::of(ledger), &batch, |first, last| {
            let inside = batch.iter().filter(|n| (first..=last).contains(*n));
            inside.count() as u64
        })
    }

    fn is(replay: Option<Range>, gap_after: Option<u64>, rest: usize) -> BatchPlan {
        BatchPlan {
            replay,
            gap_after: gap_after.map(SequenceNumber::from),
            rest,
        }
    }

    proptest! {
        /// Whatever the batch is, no committed record is landed again, the pending range comes first and
        /// whole, and no record between is left out.
        #[test]
        fn a_plan_lands_each_record_after_the_committed_ones_once(
            done in 1u64..20,
            pending_count in 0u64..10,
            first in 1u64..40,
            count in 1u64..20,
        ) {
            let mut ledger = committed(done);
            let pending_last = done + pending_count;
            if pending_count > 0 {
                ledger = ledger.pin(pending(done + 1, pending_last)).unwrap();
            }
            let batch: Vec<u64> = (first..first + count).collect();
            let plan = plan_with(&ledger, first..=first + count - 1);
            let rest = &batch[plan.rest..];
            let mut landed: Vec<u64> = Vec::new();
            if plan.replay.is_some() {
                landed.extend(done + 1..=pending_last);
            }
            if let (Some(gap_after), Some(next)) = (plan.gap_after, rest.first()) {
                let gap_after: u64 = gap_after.to_string().parse().unwrap();
                landed.extend(gap_after + 1..*next);
            }
            landed.extend(rest);
            let last = (first + count - 1).max(pending_last);
            let is_behind = first + count - 1 <= pending_last && pending_count == 0;
            let expected: Vec<u64> = if is_behind { Vec::new() } else { (done + 1..=last).collect() };
            prop_assert_eq!(landed, expected);
        }
    }

    #[test]
    fn a_batch_goes_on_where_the_last_one_ended() {
        assert_eq!(plan_with(&new(), 1..=10), is(None, None, 0));
        assert_eq!(plan_with(&committed(10), 11..=20), is(None, Some(10), 0));
        assert_eq!(plan_with(&committed(10), 6..=20), is(None, None, 5));
        assert_eq!(plan_with(&committed(10), 1..=10), is(None, None, 10));
    }

    #[test]
    fn a_pending_range_in_the_batch_is_taken_from_it() {
        assert_eq!(plan_with(&interrupted(), 11..=20), is(None, None, 0));
        assert_eq!(plan_with(&interrupted(), 6..=30), is(None, None, 5));
    }

    #[test]
    fn a_pending_range_that_is_not_in_the_batch_as_a_whole_is_read_again() {
        let replay = Some(range(11, 20));
        assert_eq!(plan_with(&interrupted(), 11..=15), is(replay, None, 5));
        assert_eq!(plan_with(&interrupted(), 15..=30), is(replay, None, 6));
        assert_eq!(plan_with(&interrupted(), 21..=30), is(replay, Some(20), 0));
        assert_eq!(plan_with(&interrupted(), 1..=10), is(replay, None, 10));
    }

    #[test]
    fn a_range_of_which_the_batch_has_another_count_is_read_again() {
        let batch: Vec<_> = (11..=20).map(SequenceNumber::from).collect();
        let plan = plan_batch(&ResumePoint::of(&interrupted()), &batch, |_, _| 9);
        assert_eq!(plan.replay, Some(range(11, 20)));
    }
}
