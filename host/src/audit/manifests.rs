//! Reads the chunk manifests of a shard, and compares each with the names of the objects that exist.

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use sluice_engine::record::ShardId;
use sluice_storage::object_store::Found;

use super::LakeAudit;
use super::finding::{Finding, Kind};
use super::inventory::{ChunkObjects, Chunks, bus_key};
use super::report::{Counts, Report};
use super::timeline::{ChunkHead, NamedChunk};
use crate::layout::chunk_manifest::{ChunkManifest, MANIFEST_MAX_BYTES};
use crate::layout::object_key::ChunkName;

/// The chunk manifests of a shard.
#[derive(Default)]
pub(super) struct ShardManifests {
    pub(super) heads: Vec<ChunkHead>,
    /// Chunks without a manifest, or with one that cannot be used.
    pub(super) others: Vec<NamedChunk>,
    /// The findings about manifests that cannot be used.
    pub(super) report: Report,
}

/// A chunk manifest, or why it cannot be used; `None` if it does not exist.
type ReadManifest = Option<Result<ChunkManifest, String>>;

impl LakeAudit {
    /// Reads the manifest of a chunk.
    ///
    /// # Errors
    /// The lake cannot be read.
    pub(super) async fn read_manifest(
        &self,
        shard: &ShardId,
        name: ChunkName,
    ) -> anyhow::Result<ReadManifest> {
        let key = name.manifest_key(shard);
        Ok(match self.store.get(&key, MANIFEST_MAX_BYTES).await? {
            Found::Nothing => None,
            Found::Content(text) => Some(ChunkManifest::parse_of(shard, name, &text)),
            Found::TooLarge(bytes) => Some(Err(ChunkManifest::too_large(bytes))),
        })
    }

    /// Reads all manifests of a shard. `seen` is called with each and what exists of its chunk.
    ///
    /// # Errors
    /// The lake cannot be read.
    pub(super) async fn read_manifests(
        &self,
        shard: &ShardId,
        chunks: Chunks,
        mut seen: impl FnMut(&ChunkManifest, &ChunkObjects),
    ) -> anyhow::Result<ShardManifests> {
        let (with_manifest, others): (Vec<_>, Vec<_>) = chunks
            .into_iter()
            .partition(|(_, present)| present.has_manifest);
        let mut all = ShardManifests {
            others,
            ..ShardManifests::default()
        };
        let reads = stream::iter(with_manifest).map(|(name, present)| async move {
            anyhow::Ok((name, present, self.read_manifest(shard, name).await?))
        });
        let mut reads = reads.buffered(self.reads_at_once);
        while let Some((name, present, manifest)) = reads.try_next().await? {
            match manifest {
                Some(Ok(manifest)) => {
                    seen(&manifest, &present);
                    all.heads.push(ChunkHead::new(&manifest, present));
                }
                Some(Err(why)) => {
                    let finding = Finding::of_chunk(Kind::ChangedManifest, shard, name, &why);
                    all.report.findings.add(|| finding);
                    all.others.push((name, present));
                }
                None => {
                    let has_manifest = false;
                    let present = ChunkObjects {
                        has_manifest,
                        ..present
                    };
                    all.others.push((name, present));
                }
            }
        }
        Ok(all)
    }
}

/// Compares the objects that a manifest names with those that exist.
#[must_use]
pub(super) fn compare_names(
    lake: &LakeAudit,
    manifest: &ChunkManifest,
    present: &ChunkObjects,
) -> Report {
    let (inventory, with_bus) = (&lake.inventory, lake.bus.is_some());
    let (shard, name) = (&manifest.shard, manifest.name());
    let mut named: BTreeSet<String> = manifest.object_keys().map(str::to_owned).collect();
    let objects = present.objects.iter();
    let mut exist: BTreeSet<String> = objects
        .map(|place| inventory.key(shard, name, *place))
        .collect();
    if with_bus {
        let messages = manifest.pins.messages;
        let sent = messages.filter(|_| manifest.counts.messages > 0);
        named.extend(sent.map(|messages| bus_key(shard, name, messages)));
        let files = present.on_bus.iter();
        exist.extend(files.map(|messages| bus_key(shard, name, *messages)));
    }
    let mut report = Report::default();
    if lake.has_expired(manifest) {
        let before = named.len();
        named.retain(|key| exist.contains(key));
        report.counts.objects_expired = (before - named.len()) as u64;
    }
    let mut find = |kind, key: &String, why: &str| {
        let finding = Finding::new(kind, shard, format!("{key} {why}")).at(key);
        let finding = finding.between(name.first, name.last);
        report.findings.add(|| finding);
    };
    for key in named.difference(&exist) {
        find(
            Kind::MissingObject,
            key,
            "does not exist, and its chunk manifest names it",
        );
    }
    for key in exist.difference(&named) {
        find(
            Kind::ExtraObject,
            key,
            "exists, and its chunk manifest does not name it",
        );
    }
    report
}

/// The counts of a chunk, by its manifest. Messages are counted if the files of the bus were listed.
#[must_use]
pub(super) fn counts(lake: &LakeAudit, manifest: &ChunkManifest) -> Counts {
    let counts = &manifest.counts;
    let redriven = lake.redrives.redriven_of(manifest);
    Counts {
        in_lake: manifest.records_in_lake(),
        quarantined: counts.quarantined.saturating_sub(redriven),
        redriven,
        dropped: counts.dropped,
        bus_only: counts.bus_only,
        chunks: 1,
        objects: manifest.object_keys().count() as u64,
        messages: if lake.bus.is_some() {
            counts.messages
        } else {
            0
        },
        ..Counts::default()
    }
}
