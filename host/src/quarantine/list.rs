//! Lists the objects of quarantine, with what the manifests of their chunks say of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use sluice_engine::outcome::{Fault, ReasonCode};
use sluice_engine::record::ShardId;
use sluice_storage::error::StorageError;
use sluice_storage::object_store::{Found, ListedObject};

use super::left_out::LeftOut;
use super::{Quarantine, QuarantineError, QuarantineFilter, QuarantineObject};
use crate::layout::chunk_manifest::{ChunkManifest, MANIFEST_MAX_BYTES};
use crate::layout::object_key::{ChunkName, METADATA_FOLDER, ParsedKey};
use crate::layout::partition_columns::partition_columns;
use crate::redrive::RedriveId;

/// What comes before the code of the reason in the name of a folder.
const REASON: &str = "reason=";

/// The objects of quarantine that a filter takes.
#[derive(Debug, Default)]
pub struct QuarantineList {
    /// The objects of committed chunks, in the order of their keys.
    pub objects: Vec<QuarantineObject>,
    /// The others.
    pub left_out: LeftOut,
    /// What cannot be used of the documents that say something of objects that the filter may take. The list lacks the
    /// objects that they count.
    pub problems: Vec<ListProblem>,
}

/// A document that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListProblem {
    /// Where it is.
    pub place: String,
    /// What is wrong with it, and what to do.
    pub why: String,
    /// The number of objects of quarantine that are not in the list because of it.
    pub objects: u64,
}

impl fmt::Display for ListProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.why)
    }
}

/// An object in the list of a folder.
#[derive(Debug)]
struct FoundObject {
    key: String,
    reason: ReasonCode,
    put_at: i64,
}

/// The objects of each chunk.
type FoundChunks = BTreeMap<(ShardId, ChunkName), Vec<FoundObject>>;

/// Whether the objects of a chunk are wanted.
pub(super) type IsWanted<'a> = &'a (dyn Fn(&ShardId, ChunkName) -> bool + Sync);

/// A chunk manifest, or why it cannot be used; `None` if there is none.
pub(super) type ReadManifest = Option<Result<ChunkManifest, String>>;

/// The reason, the shard and the chunk of an object, by its key; `None` for a file that is none.
fn parse(key: &str) -> Option<(ReasonCode, ShardId, ChunkName)> {
    let parsed = ParsedKey::parse(key).filter(|parsed| parsed.format.has_lines())?;
    let folder = parsed.folder.strip_prefix(METADATA_FOLDER)?;
    let code = folder.strip_prefix("/quarantine/")?.strip_prefix(REASON)?;
    Some((ReasonCode::new(code)?, parsed.shard, parsed.chunk))
}

/// The folders in which the objects are that a filter takes.
fn folders(filter: &QuarantineFilter) -> Vec<String> {
    let all = format!("{METADATA_FOLDER}/quarantine/");
    if filter.reasons.is_empty() {
        return vec![all];
    }
    let reasons = filter.clone().canonical().reasons.into_iter();
    reasons
        .map(|code| format!("{all}{REASON}{code}/"))
        .collect()
}

impl Quarantine {
    /// The objects that a filter takes.
    ///
    /// # Errors
    /// [`QuarantineError`]
    pub async fn objects(
        &self,
        filter: &QuarantineFilter,
    ) -> Result<QuarantineList, QuarantineError> {
        self.objects_of(filter, &|_, _| true).await
    }

    /// The objects that a filter takes, of the chunks that `is_wanted` takes.
    pub(super) async fn objects_of(
        &self,
        filter: &QuarantineFilter,
        is_wanted: IsWanted<'_>,
    ) -> Result<QuarantineList, QuarantineError> {
        let mut list = QuarantineList::default();
        let chunks = self.find(filter, is_wanted, &mut list.left_out).await?;
        let chunks = self.committed(chunks, &mut list.left_out);
        let reads = chunks.into_iter().map(async |((shard, name), found)| {
            let manifest = self.read_manifest(&shard, name).await?;
            Ok::<_, QuarantineError>((shard, name, found, manifest))
        });
        let reads = stream::iter(reads.collect::<Vec<_>>());
        let mut reads = reads.buffer_unordered(self.reads_at_once);
        while let Some((shard, name, found, manifest)) = reads.try_next().await? {
            match manifest {
                Some(Ok(manifest)) => list.add(&manifest, found, filter),
                Some(Err(why)) => list.problems.push(ListProblem {
                    place: self.store.place(&name.manifest_key(&shard)),
                    why: format!(
                        "it cannot be used as a chunk manifest: {why}; restore it as it was written"
                    ),
                    objects: found.len() as u64,
                }),
                None => {
                    let left_out = &mut list.left_out.without_manifest;
                    found.iter().for_each(|object| left_out.add(&object.key));
                }
            }
        }
        drop(reads);
        list.objects.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        self.note_redriven(&mut list).await?;
        list.problems.sort_unstable_by(|a, b| a.place.cmp(&b.place));
        Ok(list)
    }

    /// Lists the objects that a filter may take by their keys.
    async fn find(
        &self,
        filter: &QuarantineFilter,
        is_wanted: IsWanted<'_>,
        left_out: &mut LeftOut,
    ) -> Result<FoundChunks, QuarantineError> {
        let mut chunks = FoundChunks::new();
        for folder in folders(filter) {
            let mut found = |listed: ListedObject<'_>| {
                let (key, put_at) = (format!("{folder}{}", listed.key), listed.modified_at);
                match parse(&key) {
                    Some((reason, shard, name)) => {
                        let by_filter =
                            filter.has_shard(&shard) && filter.may_have_release(name.release);
                        if by_filter && is_wanted(&shard, name) {
                            let objects = chunks.entry((shard, name)).or_default();
                            objects.push(FoundObject {
                                key,
                                reason,
                                put_at,
                            });
                        }
                    }
                    None => left_out.unrecognized.add(&key),
                }
            };
            self.store.list_objects(&folder, None, &mut found).await?;
        }
        Ok(chunks)
    }

    /// The chunks that are committed, by the ledgers.
    fn committed(&self, mut chunks: FoundChunks, left_out: &mut LeftOut) -> FoundChunks {
        chunks.retain(|(shard, name), objects| {
            let head = self.heads.get(shard);
            let others = match head {
                Some(head) if head.has_given_up(name.first, name.last) => &mut left_out.given_up,
                Some(head) if name.last <= head.last => return true,
                _ => &mut left_out.not_committed,
            };
            objects.iter().for_each(|object| others.add(&object.key));
            false
        });
        chunks
    }

    /// The chunks of a shard with a chunk manifest, committed or not.
    pub(super) async fn chunk_names(
        &self,
        shard: &ShardId,
    ) -> Result<Vec<ChunkName>, StorageError> {
        let mut names = Vec::new();
        let mut found = |name: &str| {
            let parsed = ChunkName::parse_manifest(&format!("{shard}/{name}"));
            names.extend(parsed.map(|(_, name)| name));
        };
        let folder = ChunkName::manifest_folder(shard);
        self.store.list(&folder, &mut found).await?;
        Ok(names)
    }

    /// Reads the manifest of a chunk.
    pub(super) async fn read_manifest(
        &self,
        shard: &ShardId,
        name: ChunkName,
    ) -> Result<ReadManifest, QuarantineError> {
        let key = name.manifest_key(shard);
        Ok(match self.store.get(&key, MANIFEST_MAX_BYTES).await? {
            Found::Nothing => None,
            Found::Content(text) => Some(ChunkManifest::parse_of(shard, name, &text)),
            Found::TooLarge(bytes) => Some(Err(ChunkManifest::too_large(bytes))),
        })
    }
}

impl QuarantineList {
    /// Adds the objects of a chunk that were found, as far as the filter takes them.
    fn add(
        &mut self,
        manifest: &ChunkManifest,
        found: Vec<FoundObject>,
        filter: &QuarantineFilter,
    ) {
        if !filter.has_release(&manifest.release) {
            return;
        }
        let partitions = manifest.objects.iter();
        let columns = partitions.map(|object| partition_columns(&object.partition));
        let columns: BTreeSet<_> = columns.collect();
        for found in found {
            let FoundObject {
                key,
                reason,
                put_at,
            } = found;
            let mut named = manifest.quarantine.iter();
            let Some(named) = named.find(|named| named.key == key) else {
                self.left_out.not_named.add(&key);
                continue;
            };
            if filter.has_times() && manifest.arrived_at.is_none() {
                self.left_out.without_times.add(&key);
                continue;
            }
            if filter.has_arrival(manifest.arrived_at) {
                let is_undecoded = is_undecoded(manifest, &reason);
                self.objects.push(QuarantineObject {
                    key,
                    reason,
                    shard: manifest.shard.clone(),
                    chunk: manifest.name(),
                    release: manifest.release,
                    records: named.records,
                    bytes: named.bytes,
                    digest: named.digest,
                    arrived_at: manifest.arrived_at,
                    put_at,
                    format: manifest.pins.format,
                    schema: manifest.pins.schema,
                    columns: columns.clone(),
                    decoding: manifest.pins.decoding,
                    is_undecoded,
                    claimed_by: None,
                    first_ordinal: None,
                    redriven: 0,
                    is_left_behind: false,
                });
            }
        }
    }
}

/// Whether the records of a chunk that were quarantined for this reason are as the source has them. Those of a redrive can
/// have been decoded before it.
fn is_undecoded(chunk: &ChunkManifest, reason: &ReasonCode) -> bool {
    let is_redrive = RedriveId::of_shard(&chunk.shard).is_some();
    let is_plain = chunk.pins.decoding.is_plain() && !is_redrive;
    is_plain || *reason == Fault::Undecodable.code()
}
