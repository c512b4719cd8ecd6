//! Which of the quarantined records that a filter takes are tried.

use std::cmp::Reverse;

use super::form::{EVEN, TryForm};
use super::loaded::{LOADED_MAX_BYTES, RECORDS_MAX};
use crate::tools::quarantine::listed::Listed;
use crate::tools::quarantine::sample::{evenly, spread};

/// The most objects of quarantine that are read.
const OBJECTS_MAX: usize = 40;

/// A choice of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    Newest,
    /// Some of as many objects as possible, evenly over all of them.
    Even,
}

impl Choice {
    /// The choice of a form.
    pub(super) fn of(form: &TryForm) -> Self {
        match &*form.choice {
            EVEN => Self::Even,
            _ => Self::Newest,
        }
    }

    /// The objects to read, and how many records of each are tried.
    pub(super) fn plan(self, mut objects: Vec<Listed>) -> Vec<(Listed, u64)> {
        match self {
            Self::Newest => {
                objects.sort_by_key(|listed| {
                    let object = &listed.object;
                    let arrived = object.arrived_at.map(|times| times.max);
                    Reverse((arrived, object.put_at, object.chunk.last))
                });
                objects.truncate(OBJECTS_MAX);
                let mut left = RECORDS_MAX as u64;
                let planned = objects.into_iter().map(|listed| {
                    let number = listed.records.min(left);
                    left -= number;
                    (listed, number)
                });
                planned.filter(|(_, number)| *number > 0).collect()
            }
            Self::Even => {
                let indexes = evenly(OBJECTS_MAX as u64, objects.len() as u64);
                let read = indexes.filter_map(|index| objects.get(usize::try_from(index).ok()?));
                let read: Vec<_> = read.cloned().collect();
                let counts: Vec<_> = read.iter().map(|listed| listed.records).collect();
                let bytes: u64 = read.iter().map(|listed| listed.bytes).sum();
                let records: u64 = counts.iter().sum();
                // As many records of the mean size as there is room for.
                let room = (LOADED_MAX_BYTES as u64).saturating_mul(records) / bytes.max(1);
                let numbers = spread(&counts, room.clamp(1, RECORDS_MAX as u64));
                let planned = read.into_iter().zip(numbers);
                planned.filter(|(_, number)| *number > 0).collect()
            }
        }
    }

    /// The choice in words.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Newest => "the newest first",
            Self::Even => "chosen evenly",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quarantine::tests::lake::{Chunk, Lake};
    use crate::quarantine::{Quarantine, QuarantineFilter};

    /// An object with this many records, which have this many bytes.
    async fn listed(records: u64, bytes: u64) -> Listed {
        let mut test = Lake::new();
        test.commit(&Chunk {
            lines: &[("1", "trap")],
            ..Chunk::default()
        });
        let list = Quarantine::list(&test.store(), &QuarantineFilter::default(), 1).await;
        Listed {
            object: list.unwrap().objects[0].clone(),
            records,
            bytes,
        }
    }

    #[tokio::test]
    async fn all_records_are_tried_if_they_are_few() {
        let object = listed(21, 21 * 200).await;
        for choice in [Choice::Newest, Choice::Even] {
            let planned = choice.plan(vec![object.clone(); 25]);
            let records: u64 = planned.iter().map(|(_, number)| number).sum();
            assert_eq!((planned.len(), records), (25, 25 * 21), "{choice:?}");
        }
    }

    #[tokio::test]
    async fn of_large_records_as_many_are_taken_as_there_is_room_for() {
        let object = listed(500, 2 * LOADED_MAX_BYTES as u64).await;
        let planned = Choice::Even.plan(vec![object; 50]);
        let records: u64 = planned.iter().map(|(_, number)| number).sum();
        assert_eq!((planned.len(), records), (OBJECTS_MAX, 250));
    }
}
