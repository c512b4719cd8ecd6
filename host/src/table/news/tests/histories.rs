//! Random histories of a lake and of builders: whatever the limits are, and whenever chunks are committed, the table gets
//! each committed chunk once and in order.

use proptest::prelude::*;

use super::lake::{EVENT_BYTES, Lake, Table};
use super::*;

/// A step of a history.
#[derive(Clone, Debug)]
enum Step {
    /// A run commits the chunk that it has pinned, or the next one, with objects of these numbers of events.
    Commit { shard: usize, objects: Vec<u64> },
    /// A run pins a chunk, and perhaps puts its manifest.
    Pin { shard: usize, is_put: bool },
    /// The stream has lost records.
    Lose { shard: usize },
    /// A builder reads what is new.
    Read {
        limit: Limit,
        /// Whether its commit succeeds.
        succeeds: bool,
        /// Whether it is a new process.
        is_new: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let shard = || 0..5_usize;
    let objects = prop::collection::vec(1..9_u64, 0..3);
    let limit = (0..200_u64, 0..6_u64).prop_map(|(event_bytes, objects)| Limit {
        event_bytes,
        objects,
    });
    prop_oneof![
        6 => (shard(), objects).prop_map(|(shard, objects)| Step::Commit { shard, objects }),
        2 => (shard(), any::<bool>()).prop_map(|(shard, is_put)| Step::Pin { shard, is_put }),
        1 => shard().prop_map(|shard| Step::Lose { shard }),
        3 => (limit, any::<bool>(), any::<bool>()).prop_map(|(limit, succeeds, is_new)| {
            Step::Read { limit, succeeds, is_new }
        }),
    ]
}

/// A lake with its table and a builder.
struct History {
    lake: Lake,
    table: Table,
    reader: NewsReader,
    shards: Vec<ShardId>,
}

impl History {
    fn new() -> Self {
        let mut lake = Lake::new();
        let beyond_offsets = u128::from(u64::MAX) - 20;
        let shards = [
            ("a", 0, false),
            ("b-1", beyond_offsets, false),
            ("b", 7, false),
            ("file-1", 0, true),
            ("file-2", 100, true),
        ];
        let shards =
            shards.map(|(name, first, is_grouped)| lake.add_shard(name, first, is_grouped));
        Self {
            reader: lake.reader(),
            lake,
            table: Table::default(),
            shards: shards.to_vec(),
        }
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Commit { shard, objects } => {
                self.lake.commit(&self.shards[shard], &objects).await;
            }
            Step::Pin { shard, is_put } => {
                let shard = &self.shards[shard];
                if !self.lake.has_pending(shard) {
                    self.lake.pin(shard, &[1]).await;
                }
                if is_put {
                    self.lake.put_manifest(shard);
                }
            }
            Step::Lose { shard } => self.lake.lose(&self.shards[shard]).await,
            Step::Read {
                limit,
                succeeds,
                is_new,
            } => {
                if is_new {
                    self.reader = self.lake.reader();
                }
                let news = self.read(limit).await;
                if succeeds {
                    self.table.commit(news);
                }
            }
        }
    }

    async fn read(&mut self, limit: Limit) -> News {
        let news = self.reader.read(&self.table.watermark, limit).await;
        let news = news.unwrap();
        let counts = |chunks: &[NewChunk]| {
            let objects = chunks.iter().flat_map(|chunk| &chunk.manifest.objects);
            let (mut count, mut events) = (0, 0);
            for object in objects {
                count += 1;
                events += object.lines;
            }
            (count, events, events * EVENT_BYTES)
        };
        let all = (news.objects, news.events, news.event_bytes);
        assert_eq!(all, counts(&news.chunks));
        if let Some((_, before)) = news.chunks.split_last()
            && !before.is_empty()
        {
            let (objects, _, bytes) = counts(before);
            assert!(objects < limit.objects && bytes < limit.event_bytes);
        }
        let put_at = news.chunks.iter().map(|chunk| chunk.put_at);
        assert_eq!(news.oldest_put_at, put_at.min());
        let waiting: u64 = news.waiting.values().map(|waiting| waiting.chunks).sum();
        let taken = news.chunks.len() as u64 + news.empty_chunks;
        assert_eq!(news.is_all, waiting == taken);
        news
    }

    /// Reads the rest in small pieces, and compares the table with the lake.
    async fn finish(mut self) {
        let limit = Limit {
            event_bytes: 30,
            objects: 3,
        };
        loop {
            let news = self.read(limit).await;
            let is_all = news.is_all;
            self.table.commit(news);
            if is_all {
                break;
            }
        }
        self.table.assert_has_all(&self.lake);
        let news = self.read(limit).await;
        assert!(news.is_all && news.waiting.is_empty() && news.chunks.is_empty());
        assert_eq!(news.ledgers.len(), news.documents);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_table_gets_each_committed_chunk_once_and_in_order(
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut history = History::new();
            for step in steps {
                history.take(step).await;
            }
            history.finish().await;
        });
    }
}
