//! Checks the objects of the archive that chunk manifests name.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use sluice_engine::record::ShardId;
use sluice_storage::object_store::{Found, ObjectStore};

use super::LakeAudit;
use super::finding::{Finding, Kind};
use super::read::get;
use super::report::Report;
use crate::config::parse_store;
use crate::format::decode;
use crate::layout::archive::{ARCHIVE_FORMAT, ArchiveObject};
use crate::layout::chunk::Chunk;
use crate::layout::chunk_manifest::{ChunkManifest, ManifestArchive};
use crate::layout::object_key::ChunkName;
use crate::pipeline::compute::Compute;

/// What is wrong with an object of the archive.
enum Problem {
    Missing,
    Damaged(String),
}

/// The objects of a shard in the archive that its manifests name, by the archive.
#[derive(Default)]
pub(super) struct ArchivedChunks(BTreeMap<String, Vec<ArchivedChunk>>);

struct ArchivedChunk {
    name: ChunkName,
    key: String,
    /// Whether it may have expired from the archive.
    has_expired: bool,
}

impl ArchivedChunks {
    /// Adds the object of a manifest, if it has one.
    pub(super) fn add(&mut self, lake: &LakeAudit, manifest: &ChunkManifest) {
        if let (Some(place), Some(archive)) = (&manifest.pins.archive, &manifest.archive) {
            let chunk = ArchivedChunk {
                name: manifest.name(),
                key: archive.key.clone(),
                has_expired: lake.has_expired(manifest),
            };
            self.0.entry(place.clone()).or_default().push(chunk);
        }
    }
}

/// The object of the archive that the records of a chunk make, as its manifest names it.
#[must_use]
pub(super) fn expected(chunk: &Chunk, manifest: &ChunkManifest) -> Option<ManifestArchive> {
    chunk.pins().archive.as_ref()?;
    let header = chunk.outline().archive_header(manifest.after);
    let content = ArchiveObject::content_of(&header, chunk.batches());
    Some(ManifestArchive::new(&header.key(), content))
}

impl LakeAudit {
    async fn archive(&self, place: &str) -> anyhow::Result<Arc<dyn ObjectStore>> {
        let location = parse_store("archive", place)?;
        Ok(self.targets.store(&location).await?)
    }

    /// Checks that the objects of a shard in the archive are there, by their names.
    ///
    /// # Errors
    /// An archive cannot be listed.
    pub(super) async fn find_archived(
        &self,
        shard: &ShardId,
        chunks: ArchivedChunks,
    ) -> anyhow::Result<Report> {
        let mut report = Report::default();
        for (place, chunks) in chunks.0 {
            let store = self.archive(&place).await?;
            let folder = format!("{shard}/");
            let mut found = HashSet::new();
            let mut add = |name: &str| {
                found.insert(format!("{folder}{name}"));
            };
            store.list(&folder, &mut add).await?;
            for chunk in chunks {
                if !found.contains(&chunk.key) {
                    let place = store.place(&chunk.key);
                    chunk.report(shard, &place, Problem::Missing, &mut report);
                }
            }
        }
        Ok(report)
    }

    /// Checks that the object of a chunk in the archive is there.
    ///
    /// # Errors
    /// The archive cannot be read.
    pub(super) async fn check_archived(&self, manifest: &ChunkManifest) -> anyhow::Result<Report> {
        let mut chunks = ArchivedChunks::default();
        chunks.add(self, manifest);
        let mut report = Report::default();
        for (place, chunks) in chunks.0 {
            let store = self.archive(&place).await?;
            for chunk in chunks {
                if matches!(store.get(&chunk.key, 0).await?, Found::Nothing) {
                    let place = store.place(&chunk.key);
                    chunk.report(&manifest.shard, &place, Problem::Missing, &mut report);
                }
            }
        }
        Ok(report)
    }
}

impl ArchivedChunk {
    fn report(&self, shard: &ShardId, place: &str, problem: Problem, report: &mut Report) {
        let (kind, why) = match problem {
            Problem::Missing if self.has_expired => {
                report.counts.objects_expired += 1;
                return;
            }
            Problem::Missing => (
                Kind::MissingObject,
                "does not exist, and its chunk manifest names it".to_owned(),
            ),
            Problem::Damaged(why) => (Kind::DamagedObject, why),
        };
        let finding = Finding::new(kind, shard, format!("{place} {why}"));
        let finding = finding.at(format!("archive:{}", self.key));
        let finding = finding.between(self.name.first, self.name.last);
        report.findings.add(|| finding);
    }
}

impl LakeAudit {
    /// Compares the object of the archive with the manifest, which is compared with the records of the source.
    ///
    /// # Errors
    /// The archive cannot be read.
    pub(super) async fn compare_archived(
        &self,
        manifest: &Arc<ChunkManifest>,
        compute: &Compute,
    ) -> anyhow::Result<Report> {
        let mut chunks = ArchivedChunks::default();
        chunks.add(self, manifest);
        let mut report = Report::default();
        for (place, chunks) in chunks.0 {
            let store = self.archive(&place).await?;
            for chunk in chunks {
                let problem = problem_of(&*store, &chunk.key, manifest, compute).await?;
                if let Some(problem) = problem {
                    let place = store.place(&chunk.key);
                    chunk.report(&manifest.shard, &place, problem, &mut report);
                }
            }
        }
        Ok(report)
    }
}

/// What is wrong with an object of the archive, compared with the manifest of its chunk.
async fn problem_of(
    store: &dyn ObjectStore,
    key: &str,
    manifest: &Arc<ChunkManifest>,
    compute: &Compute,
) -> anyhow::Result<Option<Problem>> {
    let Some(bytes) = get(store, key).await? else {
        return Ok(Some(Problem::Missing));
    };
    let manifest = manifest.clone();
    let compared = compute.spawn(move || {
        let lines = decode(ARCHIVE_FORMAT, &bytes)?;
        let archive = manifest.archive.as_ref();
        std::io::Result::Ok(archive.is_some_and(|archive| archive.is_of(&lines)))
    });
    Ok(match compared.finish().await {
        Ok(true) => None,
        Ok(false) => Some(Problem::Damaged(
            "has other lines than its chunk manifest names".to_owned(),
        )),
        Err(error) => Some(Problem::Damaged(format!("cannot be decoded: {error}"))),
    })
}
