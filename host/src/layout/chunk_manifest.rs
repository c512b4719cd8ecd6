//! The chunk manifest: all that decided a chunk, and all that came of it.
//!
//! It is put before the chunk is committed, and never changed. It is a function of the records, the release and
//! the pins: nothing in it depends on a compressor, a clock or the version of the program. So a repetition puts
//! the same one, and whoever reads a lake needs no listing of its partitions.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sluice_engine::content_digest::ContentDigest;
use sluice_engine::digest::Digest;
use sluice_engine::record::{SequenceNumber, ShardId};
use sluice_release::bundle::ReleaseId;
use thiserror::Error;

use crate::layout::archive::ArchiveKey;
use crate::layout::chunk::{ArrivalTimes, ChunkOutline};
use crate::layout::object_key::{ChunkName, ShortId};
use crate::layout::{Content, Destination};
use crate::ledger::pins::Pins;
use crate::ledger::resource_faults::ResourceFaults;
use crate::ledger::{DocumentVersion, Range};

/// The format version of the document; a reader rejects any other.
const VERSION: u32 = 1;

/// A larger chunk manifest is not read. One of 20,000 partitions with long names has half of it.
pub const MANIFEST_MAX_BYTES: usize = 64 << 20;

/// A chunk manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChunkManifest {
    version: u32,
    /// The shard of its records.
    pub shard: ShardId,
    /// Its records.
    pub range: Range,
    /// The last record of the chunk before; `None` for the first one of the shard.
    pub after: Option<SequenceNumber>,
    /// The digest of the bytes of its last record.
    pub last_digest: Digest,
    /// When its records arrived, milliseconds since the Unix epoch; `None` for a file.
    pub arrived_at: Option<ArrivalTimes>,
    /// The release that transformed it.
    pub release: ReleaseId,
    /// The settings that decided its outcome.
    pub pins: Pins,
    /// Its records that exceeded a resource.
    pub resource_faults: ResourceFaults,
    /// Its counts.
    pub counts: ManifestCounts,
    /// Its objects of events, in the order of their partitions.
    pub objects: Vec<ManifestObject>,
    /// Its objects of quarantined records, in the order of their reasons.
    pub quarantine: Vec<ManifestQuarantine>,
    /// Its object in the archive that its pins name; `None` without an archive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<ManifestArchive>,
}

/// The counts of a chunk. Each record is in the lake, quarantined, dropped or on the bus only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestCounts {
    /// The bytes of its records.
    pub bytes: u64,
    /// Events made of them.
    pub events: u64,
    /// Messages for the bus.
    pub messages: u64,
    /// Records quarantined, for any reason.
    pub quarantined: u64,
    /// Records that the transform dropped on purpose.
    pub dropped: u64,
    /// Records with events of which none goes to the lake.
    pub bus_only: u64,
}

/// An object of events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestObject {
    /// Its key in the lake.
    pub key: String,
    /// Its partition, such as `event_type=lesson`.
    pub partition: String,
    /// The number of its events.
    pub lines: u64,
    /// The bytes of its events as lines, each with its end.
    pub bytes: u64,
    /// The digest of these lines.
    pub digest: ContentDigest,
}

/// An object of quarantined records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestQuarantine {
    /// Its key in the lake.
    pub key: String,
    /// The code of their reason.
    pub reason: String,
    /// The number of its records.
    pub records: u64,
    /// The bytes of these records.
    pub bytes: u64,
    /// The digest of the id, the code and the bytes of each record.
    pub digest: ContentDigest,
}

/// The object of the archive with all records of the chunk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestArchive {
    /// Its key in the archive.
    pub key: String,
    /// The number of its records.
    pub records: u64,
    /// The bytes of its lines with the header, each with its end.
    pub bytes: u64,
    /// The digest of these lines.
    pub digest: ContentDigest,
}

impl ManifestArchive {
    /// The object with this key and content.
    #[must_use]
    pub fn new(key: &ArchiveKey, content: Content) -> Self {
        Self {
            key: key.to_string(),
            records: content.lines - 1,
            bytes: content.bytes,
            digest: content.digest,
        }
    }

    /// Whether an object that was decoded into lines has its content.
    #[must_use]
    pub fn is_of(&self, lines: &[u8]) -> bool {
        let found = Content::of_lines(lines);
        found.bytes == self.bytes && found.digest == self.digest
    }
}

/// A document that cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ManifestError {
    /// The document has another format version.
    #[error(
        "it has format version {0} and this program reads version {VERSION}; read it with the program that \
         wrote it"
    )]
    Version(u32),
    /// The text is not a chunk manifest.
    #[error("{0}")]
    Document(String),
}

impl ChunkManifest {
    /// The manifest of a chunk that follows the record `after` and ends with a record of this digest. `contents`
    /// are those of its objects.
    #[must_use]
    pub fn new(
        chunk: ChunkOutline,
        after: Option<SequenceNumber>,
        last_digest: Digest,
        mut contents: Vec<(Destination, Content)>,
    ) -> Self {
        let ChunkOutline {
            origin,
            pins,
            resource_faults,
            counts,
            messages_sent,
        } = chunk;
        let format = pins.format;
        contents.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let (mut objects, mut quarantine) = (Vec::new(), Vec::new());
        for (destination, content) in contents {
            let key = origin.object_key(&destination, format);
            let Content {
                lines,
                bytes,
                digest,
            } = content;
            match destination {
                Destination::Lake(path) => objects.push(ManifestObject {
                    key,
                    partition: path.as_str().to_owned(),
                    lines,
                    bytes,
                    digest,
                }),
                Destination::Quarantine(code) => quarantine.push(ManifestQuarantine {
                    key,
                    reason: code.to_string(),
                    records: lines,
                    bytes,
                    digest,
                }),
            }
        }
        Self {
            version: VERSION,
            shard: origin.shard,
            range: origin.range,
            after,
            last_digest,
            arrived_at: counts.arrived_at,
            release: origin.release,
            pins,
            resource_faults,
            counts: ManifestCounts {
                bytes: counts.bytes,
                events: counts.events,
                messages: messages_sent,
                quarantined: counts.quarantined_records(),
                dropped: counts.dropped,
                bus_only: counts.bus_only,
            },
            objects,
            quarantine,
            archive: None,
        }
    }

    /// The manifest of a chunk whose records are in the archive, if its pins name one.
    #[must_use]
    pub fn with_archive(self, archive: Option<ManifestArchive>) -> Self {
        Self { archive, ..self }
    }

    /// Parses a document. Its version is checked first, since another version may have other fields.
    ///
    /// # Errors
    /// [`ManifestError`]
    pub fn parse(text: &[u8]) -> Result<Self, ManifestError> {
        let damaged = |error: serde_json::Error| ManifestError::Document(error.to_string());
        let DocumentVersion { version } = serde_json::from_slice(text).map_err(damaged)?;
        if version != VERSION {
            return Err(ManifestError::Version(version));
        }
        let manifest: Self = serde_json::from_slice(text).map_err(damaged)?;
        manifest.check().map_err(ManifestError::Document)?;
        Ok(manifest)
    }

    /// Parses the manifest of a chunk, and checks that it belongs to this chunk and is as Sluice writes it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse_of(shard: &ShardId, name: ChunkName, text: &[u8]) -> Result<Self, String> {
        let manifest = Self::parse(text)
            .map_err(|error| format!("it cannot be read as a chunk manifest: {error}"))?;
        if manifest.shard != *shard || manifest.name() != name {
            let other = manifest.name().stem(&manifest.shard);
            return Err(format!("it is the manifest of another chunk, {other}"));
        }
        if manifest.after.is_some_and(|after| after >= name.first) {
            return Err("it follows a record that is not before its own".into());
        }
        if manifest.json() != text {
            return Err("its bytes are not those that Sluice writes for its content".into());
        }
        Ok(manifest)
    }

    /// What is wrong with a manifest that has more bytes than are read.
    #[must_use]
    pub fn too_large(bytes: u64) -> String {
        format!("it has {bytes} bytes, at most {MANIFEST_MAX_BYTES} are read")
    }

    /// Checks that its numbers fit together.
    fn check(&self) -> Result<(), String> {
        let (range, counts) = (self.range, self.counts);
        if range.first > range.last || range.count == 0 {
            return Err("range: it has no record".into());
        }
        if !self.resource_faults.are_within(range.count) {
            return Err("resource_faults: a position behind the range".into());
        }
        let by_reason = self.quarantine.iter().map(|object| object.records);
        if sum(by_reason) != Some(counts.quarantined) {
            return Err("counts.quarantined: the objects of quarantine have another number".into());
        }
        let elsewhere = [counts.quarantined, counts.dropped, counts.bus_only];
        if sum(elsewhere).is_none_or(|elsewhere| elsewhere > range.count) {
            return Err("counts: more records than the range has".into());
        }
        if self.archive.is_some() != self.pins.archive.is_some() {
            return Err(
                "archive: it is there without that of the pins, or the other way round".into(),
            );
        }
        if self
            .archive
            .as_ref()
            .is_some_and(|archive| archive.records != range.count)
        {
            return Err("archive.records: another number than the range has".into());
        }
        if sum(self.objects.iter().map(|object| object.lines)).is_none_or(|n| n > counts.events) {
            return Err("counts.events: the objects have more".into());
        }
        Ok(())
    }

    /// The document.
    #[must_use]
    pub fn json(&self) -> Vec<u8> {
        match serde_json::to_vec(self) {
            Ok(json) => json,
            Err(error) => unreachable!("strings and numbers are written to memory: {error}"),
        }
    }

    /// The name of its chunk.
    #[must_use]
    pub fn name(&self) -> ChunkName {
        ChunkName {
            first: self.range.first,
            last: self.range.last,
            release: ShortId::of(self.release),
        }
    }

    /// Its key in the lake.
    #[must_use]
    pub fn key(&self) -> String {
        self.name().manifest_key(&self.shard)
    }

    /// The keys of all its objects.
    pub fn object_keys(&self) -> impl Iterator<Item = &str> {
        let objects = self.objects.iter().map(|object| object.key.as_str());
        objects.chain(self.quarantine.iter().map(|object| object.key.as_str()))
    }

    /// The number of records with an event in the lake.
    #[must_use]
    pub fn records_in_lake(&self) -> u64 {
        let counts = &self.counts;
        let elsewhere = [counts.quarantined, counts.dropped, counts.bus_only];
        elsewhere
            .into_iter()
            .fold(self.range.count, u64::saturating_sub)
    }

    /// The first part in which another manifest differs: its path, this one's value, and the other's. `None`
    /// if they are the same.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<[String; 3]> {
        let value = |manifest| serde_json::to_value(manifest).unwrap_or_default();
        difference(String::new(), &value(self), &value(other))
    }
}

fn sum(numbers: impl IntoIterator<Item = u64>) -> Option<u64> {
    let mut numbers = numbers.into_iter();
    numbers.try_fold(0_u64, u64::checked_add)
}

fn difference(path: String, one: &Value, other: &Value) -> Option<[String; 3]> {
    if one == other {
        return None;
    }
    let part = match (one, other) {
        (Value::Object(ones), Value::Object(others)) => ones.iter().find_map(|(name, one)| {
            let dot = if path.is_empty() { "" } else { "." };
            difference(format!("{path}{dot}{name}"), one, others.get(name)?)
        }),
        (Value::Array(ones), Value::Array(others)) if ones.len() == others.len() => {
            let mut pairs = ones.iter().zip(others).enumerate();
            pairs.find_map(|(index, (one, other))| {
                difference(format!("{path}[{index}]"), one, other)
            })
        }
        _ => None,
    };
    part.or_else(|| Some([path, text(one), text(other)]))
}

/// A value in a message: a list by its length.
fn text(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("a list of {}", items.len()),
        other => other.to_string(),
    }
}
