//! The list of a redrive: whole objects of quarantine, in the order in which they are read.

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sluice_engine::content_digest::ContentDigest;
use sluice_engine::outcome::ReasonCode;
use sluice_engine::record::ShardId;
use sluice_release::bundle::ReleaseId;
use thiserror::Error;

use super::names::{LISTS, claim_key};
use crate::layout::Content;
use crate::layout::object_key::{METADATA_FOLDER, ParsedKey};
use crate::layout::quarantine_filter::QuarantineFilter;
use crate::ledger::DocumentVersion;

/// The format version of the document; a reader rejects any other.
const VERSION: u32 = 1;

/// The longest id. The shards of files have longer names, and those of streams have upper case letters, so the shard of a
/// redrive is never one of these.
const ID_MAX_BYTES: usize = 24;

/// What comes before the id in the name of the shard.
const SHARD: &str = "redrive-";

/// The id of a redrive, as part of its shard.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RedriveId(ShardId);

impl RedriveId {
    /// The id of a redrive that begins at a moment. `number` tells it from others that begin in the same second.
    ///
    /// # Errors
    /// A year of more than four digits.
    pub fn new(began_at: DateTime<Utc>, number: u16) -> Result<Self, String> {
        format!("{}-{number:04x}", began_at.format("%Y%m%d-%H%M%S")).parse()
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let shard = self.0.as_str();
        shard.strip_prefix(SHARD).unwrap_or(shard)
    }

    /// The shard of the redrive, which its ledger and its chunks have.
    #[must_use]
    pub fn shard(&self) -> &ShardId {
        &self.0
    }

    /// The redrive that a shard is of; `None` for any other shard.
    #[must_use]
    pub fn of_shard(shard: &ShardId) -> Option<Self> {
        shard.as_str().strip_prefix(SHARD)?.parse().ok()
    }

    /// The key of its list in the lake.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{LISTS}{}.json", self.as_str())
    }
}

impl FromStr for RedriveId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is not 1 to {ID_MAX_BYTES} lower case letters, digits and '-', without '-' at either end"
            )
        };
        let allowed = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-');
        if text.is_empty()
            || text.len() > ID_MAX_BYTES
            || text.starts_with('-')
            || text.ends_with('-')
            || !text.bytes().all(allowed)
        {
            return Err(wrong());
        }
        let shard = ShardId::new(&format!("{SHARD}{text}"));
        shard.map(Self).map_err(|_| wrong())
    }
}

impl TryFrom<String> for RedriveId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<RedriveId> for String {
    fn from(id: RedriveId) -> Self {
        id.as_str().to_owned()
    }
}

impl fmt::Display for RedriveId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The list of a redrive. It is written once, before the redrive claims the first object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedriveDocument {
    version: u32,
    /// The redrive.
    pub id: RedriveId,
    /// When it was begun, milliseconds since the Unix epoch.
    pub created_at: i64,
    /// What was asked for.
    pub request: RedriveRequest,
    /// The objects that nobody had claimed then, in the order in which they are read.
    pub objects: Vec<RedriveObject>,
}

/// What a redrive was begun for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedriveRequest {
    /// Which objects of quarantine it takes.
    pub filter: QuarantineFilter,
    /// The release that it was begun with.
    pub release: ReleaseId,
}

/// An object of quarantine in the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedriveObject {
    /// Its key in the lake.
    pub key: String,
    /// The shard of the ledger whose chunk has it.
    pub shard: ShardId,
    /// The reason that its records were quarantined for.
    pub reason: ReasonCode,
    /// The release that quarantined them.
    pub release: ReleaseId,
    /// The number of its records.
    pub records: u64,
    /// The bytes of these records.
    pub bytes: u64,
    /// The digest of its content, as in the manifest of its chunk.
    pub digest: ContentDigest,
    /// Whether its records are as the source has them. Others were decoded before they were quarantined.
    pub is_undecoded: bool,
}

impl RedriveObject {
    /// Its content, as the manifest of its chunk names it.
    #[must_use]
    pub fn content(&self) -> Content {
        Content {
            lines: self.records,
            bytes: self.bytes,
            digest: self.digest,
        }
    }
}

/// A list or a claim that cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum RedriveError {
    /// The document has another format version.
    #[error(
        "it has format version {0} and this program reads version {VERSION}; read it with the program that wrote it"
    )]
    Version(u32),
    /// The text is no such document.
    #[error("{0}")]
    Document(String),
}

impl RedriveDocument {
    /// The list of a new redrive.
    #[must_use]
    pub fn new(
        id: RedriveId,
        created_at: i64,
        request: RedriveRequest,
        objects: Vec<RedriveObject>,
    ) -> Self {
        Self {
            version: VERSION,
            id,
            created_at,
            request,
            objects,
        }
    }

    /// Parses a document. Its version is checked first, since another version may have other fields.
    ///
    /// # Errors
    /// [`RedriveError`]
    pub fn parse(text: &[u8]) -> Result<Self, RedriveError> {
        let document: Self = parse_version(text)?;
        document.check().map_err(RedriveError::Document)?;
        if document.json() != text {
            let why = "its bytes are not those that Sluice writes for its content";
            return Err(RedriveError::Document(why.into()));
        }
        Ok(document)
    }

    /// Checks that each object is one of quarantine with records, and is in the list once.
    fn check(&self) -> Result<(), String> {
        let mut claims = HashSet::new();
        let mut records = 0_u64;
        for (place, object) in self.objects.iter().enumerate() {
            let wrong = |why: &str| format!("objects[{place}]: {why}");
            let key = ParsedKey::parse(&object.key);
            let folder = format!("{METADATA_FOLDER}/quarantine/reason={}", object.reason);
            if !key.is_some_and(|key| key.folder == folder && key.shard == object.shard) {
                return Err(wrong("its key is not that of its shard and reason"));
            }
            if !claim_key(&object.key).is_some_and(|claim| claims.insert(claim)) {
                return Err(wrong("it is in the list already"));
            }
            if object.records == 0 {
                return Err(wrong("it has no record"));
            }
            let sum = records.checked_add(object.records);
            records = sum.ok_or_else(|| wrong("too many records"))?;
        }
        Ok(())
    }

    /// The document.
    #[must_use]
    pub fn json(&self) -> Vec<u8> {
        pretty_json(self)
    }

    /// The objects, each with the ordinals of its records: as many as the objects before it have records, and so on.
    pub fn numbered(&self) -> impl Iterator<Item = (Range<u64>, &RedriveObject)> {
        let objects = self.objects.iter();
        objects.scan(0, |next, object| {
            let first = *next;
            *next += object.records;
            Some((first..*next, object))
        })
    }

    /// The number of records of all objects.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.objects.iter().map(|object| object.records).sum()
    }
}

/// Parses a document with this version.
///
/// # Errors
/// [`RedriveError`]
pub(super) fn parse_version<T: for<'a> Deserialize<'a>>(text: &[u8]) -> Result<T, RedriveError> {
    let damaged = |error: serde_json::Error| RedriveError::Document(error.to_string());
    let DocumentVersion { version } = serde_json::from_slice(text).map_err(damaged)?;
    if version != VERSION {
        return Err(RedriveError::Version(version));
    }
    serde_json::from_slice(text).map_err(damaged)
}

/// A document for people as well, with a line end.
pub(super) fn pretty_json(document: &impl Serialize) -> Vec<u8> {
    match serde_json::to_vec_pretty(document) {
        Ok(mut json) => {
            json.push(b'\n');
            json
        }
        Err(error) => unreachable!("strings and numbers are written to memory: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone as _;
    use sluice_engine::digest::Digest;

    use super::*;

    fn object(first: u64, records: u64) -> RedriveObject {
        let key = format!(
            "_sluice/quarantine/reason=trap/s-{first:020}-{:020}-0123abcd.ndjson.zst",
            first + 9
        );
        RedriveObject {
            key,
            shard: ShardId::new("s").unwrap(),
            reason: ReasonCode::new("trap").unwrap(),
            release: Digest::of(b"old"),
            records,
            bytes: 100,
            digest: ContentDigest::of(b"content"),
            is_undecoded: true,
        }
    }

    fn document(objects: Vec<RedriveObject>) -> RedriveDocument {
        let request = RedriveRequest {
            filter: QuarantineFilter::default(),
            release: Digest::of(b"new"),
        };
        RedriveDocument::new("r1".parse().unwrap(), 17, request, objects)
    }

    #[test]
    fn an_id_is_a_part_of_a_shard() {
        let began_at = Utc.with_ymd_and_hms(2026, 11, 27, 1, 45, 3).unwrap();
        let id = RedriveId::new(began_at, 0x3f9a).unwrap();
        assert_eq!(id.to_string(), "20261127-014503-3f9a");
        assert_eq!(id.shard().as_str(), "redrive-20261127-014503-3f9a");
        assert_eq!(id.key(), "_sluice/redrives/20261127-014503-3f9a.json");
        assert_eq!(RedriveId::of_shard(id.shard()), Some(id));
        for wrong in ["", "-a", "a-", "A", "a_b", "a/b", &"a".repeat(25)] {
            assert!(wrong.parse::<RedriveId>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_shard_of_a_redrive_is_none_of_a_file_or_a_stream() {
        for other in [
            "redrive-0123456789ab-0123456789ab",
            "redrive-shardId-000000000000",
            "events",
        ] {
            let shard = ShardId::new(other).unwrap();
            assert_eq!(RedriveId::of_shard(&shard), None, "{other}");
        }
    }

    #[test]
    fn each_record_has_an_ordinal() {
        let document = document(vec![object(0, 3), object(10, 1), object(20, 5)]);
        let ordinals: Vec<_> = document.numbered().map(|(ordinals, _)| ordinals).collect();
        assert_eq!(ordinals, [0..3, 3..4, 4..9]);
        assert_eq!(document.records(), 9);
        let text = document.json();
        assert_eq!(RedriveDocument::parse(&text).unwrap(), document);
    }

    #[test]
    fn a_damaged_list_is_rejected() {
        let twice = document(vec![object(0, 3), object(0, 3)]);
        let empty = document(vec![object(0, 0)]);
        let mut moved = object(0, 1);
        moved.shard = ShardId::new("t").unwrap();
        for wrong in [twice, empty, document(vec![moved])] {
            assert!(RedriveDocument::parse(&wrong.json()).is_err(), "{wrong:?}");
        }
        let text = String::from_utf8(document(vec![object(0, 1)]).json()).unwrap();
        for wrong in [
            text.replace("  ", ""),
            text.replace("\"id\"", "\"other\""),
            text.replace("\"version\": 1", "\"version\": 2"),
            text[..text.len() / 2].to_owned(),
        ] {
            assert!(RedriveDocument::parse(wrong.as_bytes()).is_err());
        }
    }
}
