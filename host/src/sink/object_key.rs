//! What objects are called. Nothing in a name comes from the clock or from chance, so that a replay
//! names the same objects.

use super::Destination;
use crate::encode::Format;
use crate::ledger::Range;
use crate::record::ShardId;
use crate::transform::release::ReleaseId;

/// Sluice's own folder in the lake. Query engines skip what starts with an underscore.
pub const OWN_FOLDER: &str = "_sluice";

/// What made a chunk's objects, in every one of their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The shard of its records.
    pub shard: ShardId,
    /// The records themselves.
    pub range: Range,
    /// The release that transformed them.
    pub release: ReleaseId,
}

impl Origin {
    /// `<shard>-<first>-<last>-<release8>`
    #[must_use]
    pub fn stem(&self) -> String {
        let (first, last) = (self.range.first.padded(), self.range.last.padded());
        format!("{}-{first}-{last}-{}", self.shard, self.release.short())
    }

    /// `<partition>/<stem>.<extension>`, under `_sluice/quarantine/reason=<code>/` for quarantine.
    #[must_use]
    pub fn object_key(&self, destination: &Destination, format: Format) -> String {
        let name = format!("{}.{}", self.stem(), format.extension());
        match destination {
            Destination::Lake(path) if path.as_str().is_empty() => name,
            Destination::Lake(path) => format!("{path}/{name}"),
            Destination::Quarantine(code) => {
                format!("{OWN_FOLDER}/quarantine/reason={code}/{name}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partition::PartitionPath;
    use crate::transform::outcome::ReasonCode;
    use crate::transform::release::Digest;

    fn origin() -> Origin {
        Origin {
            shard: ShardId::new("events.ndjson-1a2b3c4d").unwrap(),
            range: Range {
                first: 0.into(),
                last: 4_711.into(),
                count: 12,
            },
            release: Digest::of(b"release"),
        }
    }

    #[test]
    fn a_key_says_partition_shard_range_release_and_format() {
        let lesson = PartitionPath::from_pairs(&[("event_type", "lesson")]).unwrap();
        assert_eq!(
            origin().object_key(&Destination::Lake(lesson), Format::Zstd),
            "event_type=lesson/events.ndjson-1a2b3c4d-00000000000000000000-00000000000000004711-\
             a4d451ec.ndjson.zst"
        );
    }

    #[test]
    fn the_top_of_the_lake_and_quarantine_have_their_places() {
        let top = PartitionPath::from_pairs::<&str>(&[]).unwrap();
        assert!(
            origin()
                .object_key(&Destination::Lake(top), Format::Plain)
                .starts_with("events.")
        );
        let code = ReasonCode::new("invalid_json").unwrap();
        let key = origin().object_key(&Destination::Quarantine(code), Format::Gzip);
        assert!(key.starts_with("_sluice/quarantine/reason=invalid_json/events.ndjson-"));
        assert!(key.ends_with(".ndjson.gz"));
    }

    #[test]
    fn the_longest_name_fits_a_file_system() {
        let mut origin = origin();
        origin.shard = ShardId::new(&"s".repeat(100)).unwrap();
        origin.range.first = "1".repeat(56).parse().unwrap();
        origin.range.last = "2".repeat(56).parse().unwrap();
        assert!(origin.stem().len() + ".ndjson.zst".len() <= 255);
    }
}
