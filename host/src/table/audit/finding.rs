//! The findings of an audit of a table.

use serde::Serialize;
use sluice_engine::record::ShardId;

use crate::layout::object_key::ChunkName;

/// The number of findings that are kept to be shown; all are counted.
const FINDINGS_KEPT: usize = 1_000;

/// The kind of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// A chunk has fewer rows than events.
    MissingRows,
    /// A chunk has more rows than events.
    ExtraRows,
    /// A chunk has as many rows as events, and others.
    ChangedRows,
    /// Rows of a chunk behind the watermark.
    BeyondWatermark,
    /// Rows that name a chunk that the lake does not have.
    UnknownChunk,
    /// A data file that does not exist or cannot be read.
    DamagedFile,
    /// A data file with another number of rows than the metadata of the table says.
    ChangedFile,
    /// A row whose columns make no event.
    DamagedRow,
    /// The watermark counts other events of a shard than the chunk manifests.
    WatermarkCount,
    /// The watermark counts other dropped events of a shard than the lists of dropped events name.
    DroppedCount,
    /// A row of a key of which there is another row near it.
    DuplicateRow,
    /// An event that was dropped, without a row of its key near it.
    DroppedWithoutRow,
    /// The lake has committed less of a shard than the table has.
    LakeBehind,
    /// An object of the lake that does not exist.
    MissingObject,
    /// An object of the lake that cannot be decoded.
    DamagedObject,
    /// An object of the lake whose content is not that of its chunk manifest.
    ChangedObject,
}

/// A finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableFinding {
    pub(super) kind: Kind,
    /// The shard, as the rows name it; `None` for a data file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) shard: Option<String>,
    /// The key of the chunk manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) manifest: Option<String>,
    /// The key of the object in the lake.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) object: Option<String>,
    /// The URI of the data file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file: Option<String>,
    /// The finding in words.
    pub(super) message: String,
}

impl TableFinding {
    fn new(kind: Kind, message: String) -> Self {
        Self {
            kind,
            shard: None,
            manifest: None,
            object: None,
            file: None,
            message,
        }
    }

    /// A finding about a shard, whose name may be one that no shard has.
    pub(super) fn of_shard(kind: Kind, shard: &str, message: String) -> Self {
        Self {
            shard: Some(shard.to_owned()),
            ..Self::new(kind, message)
        }
    }

    /// A finding about a chunk, named by its manifest.
    pub(super) fn of_chunk(kind: Kind, shard: &ShardId, chunk: ChunkName, why: &str) -> Self {
        let manifest = chunk.manifest_key(shard);
        let message = format!("{manifest}: {why}");
        Self {
            manifest: Some(manifest),
            ..Self::of_shard(kind, shard.as_str(), message)
        }
    }

    /// A finding about an object of the lake.
    pub(super) fn of_object(kind: Kind, shard: &ShardId, key: &str, why: &str) -> Self {
        Self {
            object: Some(key.to_owned()),
            ..Self::of_shard(kind, shard.as_str(), format!("{key}: {why}"))
        }
    }

    /// A finding about a data file.
    pub(super) fn of_file(kind: Kind, uri: &str, why: &str) -> Self {
        Self {
            file: Some(uri.to_owned()),
            ..Self::new(kind, format!("{uri}: {why}"))
        }
    }

    /// The name of its kind, as in JSON.
    #[must_use]
    pub fn kind(&self) -> String {
        let name = serde_json::to_value(self.kind).unwrap_or_default();
        name.as_str().unwrap_or_default().to_owned()
    }

    /// The finding in words.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// Findings: the first ones, and the number of all.
#[derive(Clone, Debug, Default)]
pub(super) struct Findings {
    pub(super) kept: Vec<TableFinding>,
    pub(super) total: u64,
}

impl Findings {
    /// Adds a finding. `finding` is called only if the finding is kept.
    pub(super) fn add(&mut self, finding: impl FnOnce() -> TableFinding) {
        self.total += 1;
        if self.kept.len() < FINDINGS_KEPT {
            self.kept.push(finding());
        }
    }
}
