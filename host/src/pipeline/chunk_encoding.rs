//! The chunk whose objects are encoded while the next one is built.

use std::convert::Infallible;
use std::ops::Deref;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::layout::chunk::Chunk;

/// Held until all objects of a chunk are encoded, which [`ChunkEncoded`] waits for.
pub(super) struct UntilEncoded {
    /// Nothing is sent: the receiver notices that it is dropped.
    _sender: oneshot::Sender<Infallible>,
}

/// Waits until all objects of a chunk are encoded.
pub(crate) struct ChunkEncoded(oneshot::Receiver<Infallible>);

impl UntilEncoded {
    pub(super) fn new() -> (Self, ChunkEncoded) {
        let (sender, receiver) = oneshot::channel();
        (Self { _sender: sender }, ChunkEncoded(receiver))
    }
}

impl ChunkEncoded {
    /// Waits until then, or until the chunk cannot be landed.
    pub(super) async fn wait(self) {
        let _dropped = self.0.await;
    }
}

/// A chunk whose objects are being encoded. Each encoder of an object holds it.
pub(super) struct ChunkToEncode {
    // Dropped in this order, so that the memory is free when another chunk begins to need it.
    chunk: Arc<Chunk>,
    _until_encoded: UntilEncoded,
}

impl ChunkToEncode {
    pub(super) fn new(chunk: Arc<Chunk>, until_encoded: UntilEncoded) -> Arc<Self> {
        Arc::new(Self {
            chunk,
            _until_encoded: until_encoded,
        })
    }
}

impl Deref for ChunkToEncode {
    type Target = Chunk;

    fn deref(&self) -> &Chunk {
        &self.chunk
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sluice_engine::digest::Digest;
    use sluice_engine::record::ShardId;
    use tokio::time::timeout;

    use super::*;
    use crate::layout::chunk::ChunkRules;
    use crate::ledger::pins::Pins;

    fn chunk() -> Arc<Chunk> {
        let rules = ChunkRules {
            shard: ShardId::new("shard").unwrap(),
            pins: Pins::default(),
            with_positions: false,
            table: None,
        };
        Arc::new(Chunk::new(rules, Digest::of(b"release")))
    }

    async fn is_over(encoded: &mut (impl Future<Output = ()> + Unpin)) -> bool {
        timeout(Duration::from_millis(1), encoded).await.is_ok()
    }

    #[tokio::test]
    async fn a_chunk_is_encoded_when_nobody_encodes_an_object_any_more() {
        let (until_encoded, encoded) = UntilEncoded::new();
        let mut encoded = Box::pin(encoded.wait());
        let for_messages = chunk();
        let first = ChunkToEncode::new(for_messages.clone(), until_encoded);
        let second = first.clone();
        drop(first);
        assert!(!is_over(&mut encoded).await);
        drop(second);
        assert!(is_over(&mut encoded).await);
        assert_eq!(Arc::strong_count(&for_messages), 1);
    }

    #[tokio::test]
    async fn a_chunk_that_is_not_landed_does_not_hold_up_the_next_one() {
        let (until_encoded, encoded) = UntilEncoded::new();
        drop(until_encoded);
        encoded.wait().await;
    }
}
