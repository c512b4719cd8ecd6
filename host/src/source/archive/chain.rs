//! Which objects of a shard are read, and whether they follow each other without a gap.

use std::collections::VecDeque;

use sluice_engine::record::{Bound, Bounds, SequenceNumber};

use super::listing::ObjectRange;
use crate::source::ResumePoint;

/// Where reading begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// At the oldest record.
    Oldest,
    /// At the first record that arrived at or after a moment, milliseconds since the Unix epoch.
    At(i64),
    /// At the first record of the bounds.
    From(SequenceNumber),
    /// At the first record of the pending range.
    Pending(SequenceNumber),
    /// After the last committed record.
    After(SequenceNumber),
}

impl Start {
    /// With the pending range, or else after the committed records, or else at the first record within the bounds.
    pub(super) fn of(from: &ResumePoint) -> Self {
        match (&from.pending, &from.committed, from.bounds.from) {
            (Some(pending), _, _) => Self::Pending(pending.range.first),
            (None, Some(committed), _) => Self::After(committed.last),
            (None, None, Some(Bound::Sequence(first))) => Self::From(first),
            (None, None, Some(Bound::Moment(moment))) => Self::At(moment),
            (None, None, None) => Self::Oldest,
        }
    }

    /// Whether a record comes before all that is read. A moment needs the record's time of arrival, so this is false.
    pub(super) fn is_after(self, sequence: SequenceNumber) -> bool {
        match self {
            Self::Oldest | Self::At(_) => false,
            Self::From(first) | Self::Pending(first) => sequence < first,
            Self::After(last) => sequence <= last,
        }
    }
}

/// An object to read, and the one before it, which may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WantedObject {
    pub(super) before: Option<ObjectRange>,
    pub(super) object: ObjectRange,
}

/// The objects that have records between the start and the end of the bounds, by their names; and the one behind them, if
/// records before the end can be missing there.
pub(super) fn wanted_objects(
    objects: &[ObjectRange],
    start: Start,
    bounds: Bounds,
) -> VecDeque<WantedObject> {
    let begin = objects
        .iter()
        .take_while(|object| start.is_after(object.last))
        .count();
    let before = |index: usize| index.checked_sub(1).map(|before| objects[before]);
    // If the records of the bounds can go on behind an object, the header of the next one says whether any are missing.
    let is_needed = |index, object: &ObjectRange| match bounds.to {
        Some(Bound::Sequence(to)) => {
            object.first <= to || before(index).is_none_or(|before| before.last < to)
        }
        Some(Bound::Moment(_)) | None => true,
    };
    let wanted = objects.iter().enumerate().skip(begin);
    wanted
        .take_while(|(index, object)| is_needed(*index, object))
        .map(|(index, object)| WantedObject {
            before: before(index),
            object: *object,
        })
        .collect()
}

/// How an object follows the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// It is the next one, or it has all that is read.
    Next,
    /// It is the oldest one of the archive, and there were records before it.
    Beginning {
        /// The last of these records.
        after: SequenceNumber,
    },
    /// What comes next after the committed records, or in the pending range, is not there.
    Missing {
        /// The last record of what is missing.
        up_to: SequenceNumber,
    },
    /// Records between the one before and this one are not there.
    Gap {
        /// The last record of what is missing.
        up_to: SequenceNumber,
    },
    /// It follows the same record as the object before it: a run had archived that one, could not commit it, and went on behind
    /// it when the stream had lost its records. Both can have the same records.
    GivenUp {
        /// The record that both follow.
        after: SequenceNumber,
    },
    /// It follows another record than the last one of the object before it.
    Overlap {
        /// The record that it follows; `None` if it has the first one of the shard.
        after: Option<SequenceNumber>,
    },
}

impl WantedObject {
    /// How the object follows the one before it, by its header: it says that it follows the record `after`, and the one before
    /// it that it follows `before_after`. `start` is given for the first object that is read: of those before it, nothing is
    /// needed.
    pub(super) fn link(
        &self,
        after: Option<SequenceNumber>,
        before_after: Option<SequenceNumber>,
        start: Option<Start>,
    ) -> Link {
        match (start, self.before, after) {
            (Some(start), before, Some(after)) => {
                let is_missing = !start.is_after(after);
                let must_be_there = matches!(start, Start::After(_) | Start::Pending(_));
                match before {
                    _ if !is_missing => Link::Next,
                    Some(before) if before.last < after => Link::Gap { up_to: after },
                    Some(_) => Link::Next,
                    None if must_be_there => Link::Missing { up_to: after },
                    None => Link::Beginning { after },
                }
            }
            (Some(_), _, None) | (None, None, _) => Link::Next,
            // Of two runs, both objects begin with the same record.
            (None, Some(before), Some(after))
                if before_after == Some(after) && before.first < self.object.first =>
            {
                Link::GivenUp { after }
            }
            (None, Some(before), Some(after)) if before.last == after => {
                match self.object.first > before.last {
                    true => Link::Next,
                    false => Link::Overlap { after: Some(after) },
                }
            }
            (None, Some(before), Some(after)) if before.last < after => Link::Gap { up_to: after },
            (None, Some(_), after) => Link::Overlap { after },
        }
    }
}

#[cfg(test)]
mod tests {
    use sluice_engine::record::Bounds;

    use super::*;

    fn range(first: u64, last: u64) -> ObjectRange {
        ObjectRange {
            first: first.into(),
            last: last.into(),
        }
    }

    fn wanted(start: Start, to: Option<Bound>) -> Vec<ObjectRange> {
        let objects = [range(0, 9), range(10, 19), range(20, 29)];
        let bounds = Bounds { from: None, to };
        let wanted = wanted_objects(&objects, start, bounds);
        wanted.into_iter().map(|wanted| wanted.object).collect()
    }

    #[test]
    fn objects_outside_of_the_part_are_not_read() {
        let all = [range(0, 9), range(10, 19), range(20, 29)];
        assert_eq!(wanted(Start::Oldest, None), all);
        assert_eq!(wanted(Start::At(7), Some(Bound::Moment(8))), all);
        assert_eq!(wanted(Start::From(19.into()), None), all[1..]);
        assert_eq!(wanted(Start::Pending(20.into()), None), all[2..]);
        assert_eq!(wanted(Start::After(18.into()), None), all[1..]);
        assert_eq!(wanted(Start::After(19.into()), None), all[2..]);
        assert_eq!(wanted(Start::After(29.into()), None), []);
        let to = |last: u64| Some(Bound::Sequence(last.into()));
        assert_eq!(wanted(Start::Oldest, to(10)), all[..2]);
        assert_eq!(wanted(Start::Oldest, to(9)), all[..1]);
    }

    #[test]
    fn the_object_behind_the_end_says_whether_records_are_missing() {
        let objects = [range(0, 9), range(20, 29), range(30, 39)];
        let wanted = |start, to: u64| {
            let to = Some(Bound::Sequence(to.into()));
            let wanted = wanted_objects(&objects, start, Bounds { from: None, to });
            wanted
                .into_iter()
                .map(|wanted| wanted.object)
                .collect::<Vec<_>>()
        };
        assert_eq!(wanted(Start::Oldest, 15), objects[..2]);
        assert_eq!(wanted(Start::From(12.into()), 15), objects[1..2]);
        assert_eq!(wanted(Start::Oldest, 9), objects[..1]);
        assert_eq!(wanted(Start::Oldest, 29), objects[..2]);
    }

    #[test]
    fn what_a_run_gave_up_is_no_object_of_another_run() {
        let link = |before, object, after: u64, before_after: u64| {
            let wanted = WantedObject {
                before: Some(before),
                object,
            };
            wanted.link(Some(after.into()), Some(before_after.into()), None)
        };
        let given_up = Link::GivenUp { after: 9.into() };
        for object in [range(15, 30), range(15, 18), range(21, 30)] {
            assert_eq!(link(range(10, 20), object, 9, 9), given_up);
        }
        let overlap = |after: u64| Link::Overlap {
            after: Some(after.into()),
        };
        assert_eq!(link(range(10, 20), range(10, 30), 9, 9), overlap(9));
        assert_eq!(link(range(10, 20), range(15, 30), 14, 9), overlap(14));
    }

    #[test]
    fn objects_follow_each_other() {
        let next = |before, object, after: Option<u64>| {
            let wanted = WantedObject {
                before: Some(before),
                object,
            };
            wanted.link(after.map(Into::into), None, None)
        };
        assert_eq!(next(range(0, 9), range(12, 19), Some(9)), Link::Next);
        let gap = Link::Gap { up_to: 11.into() };
        assert_eq!(next(range(0, 9), range(12, 19), Some(11)), gap);
        for (object, after) in [
            (range(5, 19), Some(9)),
            (range(5, 19), Some(4)),
            (range(10, 19), Some(8)),
            (range(10, 19), None),
        ] {
            let after_number = after.map(Into::into);
            let overlap = Link::Overlap {
                after: after_number,
            };
            assert_eq!(next(range(0, 9), object, after), overlap);
        }
    }

    #[test]
    fn the_first_object_has_what_comes_next() {
        let first = |before: Option<ObjectRange>, after: Option<u64>, start| {
            let object = range(20, 29);
            WantedObject { before, object }.link(after.map(Into::into), None, Some(start))
        };
        let (after, pending) = (Start::After(9.into()), Start::Pending(10.into()));
        let before = Some(range(0, 9));
        for start in [after, pending] {
            assert_eq!(first(None, Some(9), start), Link::Next);
            assert_eq!(first(None, None, start), Link::Next);
            let missing = Link::Missing { up_to: 19.into() };
            assert_eq!(first(None, Some(19), start), missing);
            let gap = Link::Gap { up_to: 19.into() };
            assert_eq!(first(before, Some(19), start), gap);
        }
        let beginning = Link::Beginning { after: 19.into() };
        for start in [Start::Oldest, Start::At(0), Start::From(10.into())] {
            assert_eq!(first(None, Some(19), start), beginning);
            assert_eq!(first(None, None, start), Link::Next);
        }
        assert_eq!(first(None, Some(19), Start::From(20.into())), Link::Next);
        let gap = Link::Gap { up_to: 19.into() };
        assert_eq!(first(before, Some(19), Start::From(10.into())), gap);
    }
}
