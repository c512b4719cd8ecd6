//! The keys of objects. Nothing in a key comes from a clock or from chance, so a replay puts the same
//! keys.

use std::fmt;

use sluice_engine::record::{SequenceNumber, ShardId};
use sluice_release::bundle::ReleaseId;

use crate::format::Format;
use crate::layout::Destination;
use crate::ledger::Range;

/// Sluice's own folder in the lake. Query engines skip what starts with an underscore.
pub const METADATA_FOLDER: &str = "_sluice";

/// The folder of chunk manifests in [`METADATA_FOLDER`], one folder a shard.
pub const MANIFESTS: &str = "chunks/";

/// The chunk and the release of an object, which are part of its key.
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
        self.chunk().stem(&self.shard)
    }

    /// The chunk's name: the part of the origin that object names hold.
    #[must_use]
    pub fn chunk(&self) -> ChunkName {
        ChunkName {
            first: self.range.first,
            last: self.range.last,
            release: ShortId::of(self.release),
        }
    }

    /// `<partition>/<stem>.<extension>`, under `_sluice/quarantine/reason=<code>/` for quarantine. `format` is that of
    /// the chunk.
    #[must_use]
    pub fn object_key(&self, destination: &Destination, format: Format) -> String {
        let format = destination.format(format);
        self.chunk()
            .object_key(&self.shard, &destination.folder(), format)
    }
}

impl Destination {
    /// The folder of its objects, without a slash at either end; empty for the top of the lake.
    #[must_use]
    pub fn folder(&self) -> String {
        match self {
            Self::Lake(path) => path.as_str().to_owned(),
            Self::Quarantine(code) => format!("{METADATA_FOLDER}/quarantine/reason={code}"),
        }
    }
}

/// The first eight hexadecimal digits of a release's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShortId(u32);

impl ShortId {
    /// Those of `release`.
    #[must_use]
    pub fn of(release: ReleaseId) -> Self {
        Self(u32::from_be_bytes(release.head()))
    }

    /// Reads eight digits as they stand in a name.
    fn parse(text: &str) -> Option<Self> {
        let digits = |b| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        let well_formed = text.len() == 8 && text.bytes().all(digits);
        well_formed
            .then(|| u32::from_str_radix(text, 16).ok().map(Self))
            .flatten()
    }
}

impl fmt::Display for ShortId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// A chunk of a shard, as the keys of its objects name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChunkName {
    /// Its first record.
    pub first: SequenceNumber,
    /// Its last record.
    pub last: SequenceNumber,
    /// The release that transformed it.
    pub release: ShortId,
}

impl ChunkName {
    /// `_sluice/chunks/<shard>/<stem>.json`
    #[must_use]
    pub fn manifest_key(&self, shard: &ShardId) -> String {
        let folder = Self::manifest_folder(shard);
        format!("{folder}{}.json", self.stem(shard))
    }

    /// The folder of the manifests of a shard: `_sluice/chunks/<shard>/`.
    #[must_use]
    pub fn manifest_folder(shard: &ShardId) -> String {
        format!("{METADATA_FOLDER}/{MANIFESTS}{shard}/")
    }

    /// The name in the folder of the manifests of a shard after which those of the chunks come that begin behind the
    /// record `from`, if the last record of the shard is `last`. Numbers of different widths do not sort as text, so there
    /// is no such name if the numbers in the folder may have more than one width.
    #[must_use]
    pub fn manifests_after(
        shard: &ShardId,
        from: SequenceNumber,
        last: SequenceNumber,
    ) -> Option<String> {
        let from = from.padded();
        let is_sorted = from.len() == last.padded().len();
        // A dot comes after the hyphen of the names that begin with this record, and before the digits of others.
        is_sorted.then(|| format!("{shard}-{from}."))
    }

    /// Parses what follows `_sluice/chunks/` in a [`manifest_key`](Self::manifest_key); `None` for anything
    /// else.
    #[must_use]
    pub fn parse_manifest(name: &str) -> Option<(ShardId, Self)> {
        let (folder, file) = name.split_once('/')?;
        let (shard, chunk) = Self::parse(file.strip_suffix(".json")?)?;
        (shard.as_str() == folder).then_some((shard, chunk))
    }

    /// `<shard>-<first>-<last>-<release8>`
    #[must_use]
    pub fn stem(&self, shard: &ShardId) -> String {
        let (first, last) = (self.first.padded(), self.last.padded());
        format!("{shard}-{first}-{last}-{}", self.release)
    }

    /// The key of its object in `folder`.
    #[must_use]
    pub fn object_key(&self, shard: &ShardId, folder: &str, format: Format) -> String {
        let slash = if folder.is_empty() { "" } else { "/" };
        format!("{folder}{slash}{}.{format}", self.stem(shard))
    }

    /// Parses a [`stem`](Self::stem); `None` for anything else.
    #[must_use]
    pub fn parse(stem: &str) -> Option<(ShardId, Self)> {
        let mut parts = stem.rsplitn(4, '-');
        let release = ShortId::parse(parts.next()?)?;
        let last = parts.next()?.parse().ok()?;
        let first = parts.next()?.parse().ok()?;
        let shard = ShardId::new(parts.next()?).ok()?;
        let name = Self {
            first,
            last,
            release,
        };
        (first <= last && name.stem(&shard) == stem).then_some((shard, name))
    }
}

/// The parsed key of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedKey<'a> {
    /// Its folder, without a slash at either end.
    pub folder: &'a str,
    /// The shard of its records.
    pub shard: ShardId,
    /// Its chunk.
    pub chunk: ChunkName,
    /// How it is encoded.
    pub format: Format,
}

impl<'a> ParsedKey<'a> {
    /// Parses a key that [`Origin::object_key`] made; `None` for any other.
    #[must_use]
    pub fn parse(key: &'a str) -> Option<Self> {
        let (folder, name) = key.rsplit_once('/').unwrap_or(("", key));
        let (stem, format) = Format::ALL.into_iter().find_map(|format| {
            let stem = name.strip_suffix(format.extension())?.strip_suffix('.')?;
            Some((stem, format))
        })?;
        let (shard, chunk) = ChunkName::parse(stem)?;
        let parsed = Self {
            folder,
            shard,
            chunk,
            format,
        };
        (chunk.object_key(&parsed.shard, folder, format) == key).then_some(parsed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sluice_engine::digest::Digest;
    use sluice_engine::outcome::ReasonCode;
    use sluice_engine::partition::PartitionPath;

    use super::*;

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
            origin().object_key(&Destination::Lake(lesson), Format::NDJSON_ZST),
            "event_type=lesson/events.ndjson-1a2b3c4d-00000000000000000000-00000000000000004711-\
             a4d451ec.ndjson.zst"
        );
    }

    #[test]
    fn keys_of_the_top_of_the_lake_and_of_quarantine() {
        let top = PartitionPath::from_pairs::<&str>(&[]).unwrap();
        assert!(
            origin()
                .object_key(&Destination::Lake(top), Format::NDJSON)
                .starts_with("events.")
        );
        let code = ReasonCode::new("invalid_json").unwrap();
        let key = origin().object_key(&Destination::Quarantine(code), Format::NDJSON_GZ);
        assert!(key.starts_with("_sluice/quarantine/reason=invalid_json/events.ndjson-"));
        assert!(key.ends_with(".ndjson.gz"));
    }

    #[test]
    fn manifests_are_listed_from_behind_a_record_if_names_sort_as_numbers_do() {
        let shard = origin().shard;
        let after = |from: &str, last: &str| {
            ChunkName::manifests_after(&shard, from.parse().unwrap(), last.parse().unwrap())
        };
        let after_9 = after("9", "4711").unwrap();
        let name = |first: u64| {
            let last = 4_711.into();
            let release = ShortId::of(origin().release);
            let first = first.into();
            let name = ChunkName {
                first,
                last,
                release,
            };
            let key = name.manifest_key(&shard);
            let folder = ChunkName::manifest_folder(&shard);
            key.strip_prefix(&folder).unwrap().to_owned()
        };
        assert!(name(9) < after_9 && after_9 < name(10) && after_9 < name(100));
        assert_eq!(after("9", &"1".repeat(56)), None);
    }

    #[test]
    fn the_longest_name_fits_a_file_system() {
        let mut origin = origin();
        origin.shard = ShardId::new(&"s".repeat(100)).unwrap();
        origin.range.first = "1".repeat(56).parse().unwrap();
        origin.range.last = "2".repeat(56).parse().unwrap();
        assert!(origin.stem().len() + ".ndjson.zst".len() <= 255);
    }

    #[test]
    fn other_names_are_not_parsed() {
        let zeros = "0".repeat(20);
        for key in [
            "readme.txt".to_owned(),
            "event_type=a/part-0.ndjson".to_owned(),
            format!("s-{zeros}-{zeros}-0123abcd"),
            format!("s-{zeros}-{zeros}-0123ABCD.ndjson"),
            format!("s-{zeros}-0-0123abcd.ndjson"),
            format!("-{zeros}-{zeros}-0123abcd.ndjson"),
            format!("_s-{zeros}-{zeros}-0123abcd.ndjson"),
            format!("/s-{zeros}-{zeros}-0123abcd.ndjson"),
            format!("s-{}-{zeros}-0123abcd.ndjson", "1".repeat(20)),
        ] {
            assert_eq!(ParsedKey::parse(&key), None, "{key}");
        }
    }

    fn number() -> impl Strategy<Value = SequenceNumber> {
        prop_oneof![
            any::<u64>().prop_map(SequenceNumber::from),
            "[1-9][0-9]{19,55}".prop_map(|digits| digits.parse().unwrap()),
        ]
    }

    fn destination() -> impl Strategy<Value = Destination> {
        let code = "[a-z0-9_]{1,20}".prop_map(|code| ReasonCode::new(&code).unwrap());
        let value = prop::option::of(".{0,40}");
        prop_oneof![
            code.prop_map(Destination::Quarantine),
            value.prop_map(|value| {
                let pairs = value.as_deref().map(|value| ("event_type", value));
                Destination::Lake(PartitionPath::from_pairs(pairs.as_slice()).unwrap())
            })
        ]
    }

    proptest! {
        #[test]
        fn a_key_parses_as_it_was_written(
            shard in "[a-z0-9][a-zA-Z0-9._-]{0,60}",
            ends in (number(), number()),
            seed in any::<u64>(),
            destination in destination(),
            format in prop::sample::select(Format::ALL.to_vec()),
        ) {
            let (first, last) = (ends.0.min(ends.1), ends.0.max(ends.1));
            let origin = Origin {
                shard: ShardId::new(&shard).unwrap(),
                range: Range { first, last, count: 1 },
                release: Digest::of(&seed.to_be_bytes()),
            };
            let key = origin.object_key(&destination, format);
            let parsed = ParsedKey::parse(&key).unwrap();
            prop_assert_eq!(parsed.folder, destination.folder());
            prop_assert_eq!(parsed.shard, origin.shard.clone());
            prop_assert_eq!(parsed.chunk, origin.chunk());
            prop_assert_eq!(parsed.format, destination.format(format));
            let short = origin.release.short();
            prop_assert_eq!(parsed.chunk.release.to_string(), short);
        }
    }
}
