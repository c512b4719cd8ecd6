//! What is committed in the lake and not in the table yet.

use crate::layout::chunk_manifest::ChunkManifest;

/// A committed chunk that the table does not have.
#[derive(Clone, Debug)]
pub struct NewChunk {
    /// Its manifest.
    pub manifest: ChunkManifest,
    /// When the manifest was put, milliseconds since the Unix epoch.
    pub put_at: i64,
}
