//! The newest chunks that one release has transformed.

use std::collections::BTreeSet;
use std::sync::Arc;

use sluice_engine::record::ShardId;
use sluice_release::bundle::ReleaseId;

use super::chunks::NewestChunks;
use super::{State, WAIT};
use crate::console::cached::{Seen, View};
use crate::console::{Console, Lake};

/// What a release has transformed of the newest chunks of a lake.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::console::pages) struct ChunksOfRelease {
    pub(in crate::console::pages) chunks: u64,
    pub(in crate::console::pages) records: u64,
    pub(in crate::console::pages) quarantined: u64,
    pub(in crate::console::pages) shards: BTreeSet<ShardId>,
    /// When the manifests of the first and of the last of them were put, milliseconds since the Unix epoch.
    pub(in crate::console::pages) times: Option<(i64, i64)>,
    /// How many chunks were read, and whether these are all of the lake.
    pub(in crate::console::pages) read: u64,
    pub(in crate::console::pages) are_all: bool,
}

impl ChunksOfRelease {
    fn of(newest: &NewestChunks, release: ReleaseId) -> Self {
        let mut sum = Self {
            read: newest.chunks.len() as u64,
            are_all: newest.are_all,
            ..Self::default()
        };
        for chunk in newest.chunks.iter().filter(|it| it.release == release) {
            sum.chunks += 1;
            sum.records = sum.records.saturating_add(chunk.records);
            sum.quarantined = sum.quarantined.saturating_add(chunk.quarantined);
            sum.shards.insert(chunk.shard.clone());
            let (first, last) = sum.times.unwrap_or((chunk.put_at, chunk.put_at));
            sum.times = Some((first.min(chunk.put_at), last.max(chunk.put_at)));
        }
        sum
    }
}

impl State {
    /// What a release has transformed of the newest chunks, which are read as for the page "Schema".
    pub(in crate::console::pages) async fn chunks_of(
        &self,
        console: &Console,
        lake: &Lake,
        release: ReleaseId,
    ) -> View<ChunksOfRelease> {
        match self.view(console, lake, WAIT).await {
            View::Reading => View::Reading,
            View::Failed(why) => View::Failed(why),
            View::Ready(seen) => View::Ready(Seen {
                value: Arc::new(ChunksOfRelease::of(&seen.value.chunks, release)),
                at: seen.at,
                problem: seen.problem,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use sluice_engine::digest::Digest;

    use super::super::test_lake::TestLake;
    use super::*;

    #[tokio::test]
    async fn chunks_are_those_of_one_release() {
        let mut lake = TestLake::new();
        for shard in ["a", "b", "a"] {
            lake.commit(shard, &["event_type=x"], 2, None);
        }
        let recent = lake.read(&Arc::default()).await;
        let of = |release: &[u8]| ChunksOfRelease::of(&recent.chunks, Digest::of(release));
        let found = of(b"release");
        assert_eq!((found.chunks, found.records, found.read), (3, 30, 3));
        assert_eq!((found.shards.len(), found.are_all), (2, true));
        assert!(found.times.is_some_and(|(first, last)| first <= last));
        let other = of(b"another");
        assert_eq!((other.chunks, other.times, other.read), (0, None, 3));
    }
}
