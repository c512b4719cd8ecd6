//! The resource faults of a chunk, by the positions of their records; a chunk pins them.

use serde::{Deserialize, Serialize};
use sluice_engine::outcome::{Fault, ResourceFault};

/// The records of a chunk that exceeded a resource, in order. The first record of the chunk has position 0.
///
/// A transform that fails on every record has as many faults as the chunk has records, so neighbours with the
/// same fault are one entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Neighbours>", into = "Vec<Neighbours>")]
pub struct ResourceFaults(Vec<Neighbours>);

/// Neighbouring records with the same fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Neighbours {
    fault: Fault,
    /// The position of the first record.
    first: u64,
    /// The position of the last record.
    last: u64,
}

/// A document can hold anything; these are in order, and no record is in two.
impl TryFrom<Vec<Neighbours>> for ResourceFaults {
    type Error = &'static str;

    fn try_from(all: Vec<Neighbours>) -> Result<Self, Self::Error> {
        let in_order = all.windows(2).all(|pair| pair[0].last < pair[1].first);
        if !in_order || all.iter().any(|some| some.first > some.last) {
            return Err("resource_faults: the positions are not in order");
        }
        if all.iter().any(|some| !some.fault.is_of_resource()) {
            return Err("resource_faults: a fault that is none of a resource");
        }
        Ok(Self(all))
    }
}

impl From<ResourceFaults> for Vec<Neighbours> {
    fn from(faults: ResourceFaults) -> Self {
        faults.0
    }
}

impl ResourceFaults {
    /// The number of entries that it is stored as.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.0.len()
    }

    /// Whether all of them are of a chunk with this many records.
    #[must_use]
    pub fn are_within(&self, records: u64) -> bool {
        self.0.last().is_none_or(|end| end.last < records)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the fault of the record at a position, which is behind those that were added.
    pub fn push(&mut self, position: u64, fault: Fault) {
        match self.0.last_mut() {
            Some(end) if end.fault == fault && end.last + 1 == position => end.last = position,
            _ => self.0.push(Neighbours {
                fault,
                first: position,
                last: position,
            }),
        }
    }

    /// Whether the record at a position has this fault.
    #[must_use]
    pub fn has(&self, position: u64, fault: Fault) -> bool {
        let found = self.0.partition_point(|some| some.last < position);
        let found = self.0.get(found);
        found.is_some_and(|some| some.fault == fault && some.first <= position)
    }

    /// The faults of a batch of `records` records that begins at a position.
    #[must_use]
    pub fn of_batch(&self, begin: u64, records: usize) -> Vec<ResourceFault> {
        let end = begin + records as u64;
        let found = self.0.partition_point(|some| some.last < begin);
        let found = self.0[found..].iter().take_while(|some| some.first < end);
        let faults = found.flat_map(|some| {
            let within = some.first.max(begin)..=some.last.min(end - 1);
            within.map(|position| ResourceFault {
                record: u32::try_from(position - begin).unwrap_or(u32::MAX),
                fault: some.fault,
            })
        });
        faults.collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// Fuel, memory or nothing, by position.
    fn faults(found: &[u8]) -> ResourceFaults {
        let mut faults = ResourceFaults::default();
        for (position, found) in (0..).zip(found) {
            match found {
                0 => faults.push(position, Fault::OutOfFuel),
                1 => faults.push(position, Fault::OutOfMemory),
                _ => {}
            }
        }
        faults
    }

    #[test]
    fn a_document_with_anything_else_is_refused() {
        let entry =
            |fault, first: u64, last: u64| json!({ "fault": fault, "first": first, "last": last });
        for wrong in [
            json!([entry("out_of_fuel", 5, 1)]),
            json!([entry("out_of_fuel", 0, 5), entry("out_of_time", 5, 6)]),
            json!([entry("out_of_fuel", 7, 7), entry("out_of_fuel", 3, 3)]),
            json!([entry("trap", 1, 1)]),
            json!([entry("record_too_large", 1, 1)]),
        ] {
            assert!(serde_json::from_value::<ResourceFaults>(wrong).is_err());
        }
        let most = json!([entry("out_of_fuel", 0, u64::MAX)]);
        let most = serde_json::from_value::<ResourceFaults>(most).unwrap();
        assert!(most.of_batch(u64::MAX - 9, 5).len() == 5 && !most.are_within(9));
        assert!(faults(&[0, 2, 1]).are_within(3) && !faults(&[0, 2, 1]).are_within(2));
    }

    #[test]
    fn neighbours_are_one_entry() {
        let json = serde_json::to_string(&faults(&[0, 0, 0, 1, 2, 1])).unwrap();
        let expected = r#"[{"fault":"out_of_fuel","first":0,"last":2},{"fault":"out_of_memory","first":3,"last":3},{"fault":"out_of_memory","first":5,"last":5}]"#;
        assert_eq!(json, expected);
        assert_eq!(
            serde_json::from_str::<ResourceFaults>(expected).unwrap(),
            faults(&[0, 0, 0, 1, 2, 1])
        );
    }

    proptest! {
        #[test]
        fn batches_of_any_size_have_all_faults(
            found in prop::collection::vec(0_u8..4, 0..60),
            size in 1_usize..20,
        ) {
            let all = faults(&found);
            let mut again = ResourceFaults::default();
            for (index, batch) in found.chunks(size).enumerate() {
                let begin = (index * size) as u64;
                for one in all.of_batch(begin, batch.len()) {
                    again.push(begin + u64::from(one.record), one.fault);
                }
            }
            for (position, found) in (0..).zip(&found) {
                prop_assert_eq!(all.has(position, Fault::OutOfFuel), *found == 0);
            }
            prop_assert!(!all.has(found.len() as u64, Fault::OutOfFuel));
            prop_assert_eq!(again, all);
        }
    }
}
