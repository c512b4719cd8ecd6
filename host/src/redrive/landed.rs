//! Which records of a redrive are landed.

use std::ops::Range;

use crate::layout::object_key::ChunkName;

/// The committed chunks of a redrive. A record that it has claimed is landed if its ordinal lies within one of them.
///
/// That an ordinal is not above the last committed one does not say so: an object that could not be read lies between two
/// chunks, and a claim of it can arrive late.
#[derive(Debug, Default)]
pub struct LandedChunks(Vec<Range<u64>>);

impl LandedChunks {
    /// Those with these names. No two overlap.
    pub fn new(names: impl IntoIterator<Item = ChunkName>) -> Self {
        let ordinals = names.into_iter().filter_map(|name| {
            let (first, last) = (name.first.as_offset()?, name.last.as_offset()?);
            Some(first..last.saturating_add(1))
        });
        let mut ordinals: Vec<_> = ordinals.collect();
        ordinals.sort_unstable_by_key(|range| range.start);
        Self(ordinals)
    }

    /// How many records of a claimed object are landed, from the first one on, by the ordinals of all of them. An object is
    /// landed in order.
    #[must_use]
    pub fn landed(&self, object: &Range<u64>) -> u64 {
        let begun = self.0.partition_point(|chunk| chunk.start < object.end);
        let last = begun.checked_sub(1).and_then(|at| self.0.get(at));
        last.map_or(0, |last| {
            last.end.min(object.end).saturating_sub(object.start)
        })
    }
}

#[cfg(test)]
mod tests {
    use sluice_engine::digest::Digest;

    use super::*;
    use crate::layout::object_key::ShortId;

    fn chunks(ranges: &[(u64, u64)]) -> LandedChunks {
        let names = ranges.iter().map(|(first, last)| ChunkName {
            first: (*first).into(),
            last: (*last).into(),
            release: ShortId::of(Digest::of(b"release")),
        });
        LandedChunks::new(names)
    }

    #[test]
    fn a_record_is_landed_if_it_lies_within_a_chunk() {
        let chunks = chunks(&[(30, 44), (0, 9), (10, 14)]);
        for (object, landed) in [
            (0..10, 10),
            (10..15, 5),
            (14..17, 1),
            (15..30, 0),
            (20..25, 0),
            (40..50, 5),
            (45..50, 0),
        ] {
            assert_eq!(chunks.landed(&object), landed, "{object:?}");
        }
        assert_eq!(LandedChunks::default().landed(&(0..10)), 0);
    }

    #[test]
    fn an_object_in_several_chunks_is_landed_up_to_the_last_one() {
        let chunks = chunks(&[(0, 3), (4, 6)]);
        assert_eq!(chunks.landed(&(2..10)), 5);
    }
}
