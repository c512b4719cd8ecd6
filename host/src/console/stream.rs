//! The shards of the stream that a lake is fed from.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use sluice_engine::record::ShardId;
use sluice_storage::aws;
use sluice_storage::error::RequestError;
use sluice_storage::retry::RetryPolicy;
use tokio::sync::OnceCell;

use super::RETRY_TIMEOUT;
use super::cached::{Cached, View};
use crate::source::kinesis::{KinesisError, ShardInfo, Stream, StreamAddress, shard_id};

/// How old a list of the shards may be.
const MAX_AGE: Duration = Duration::from_secs(60);

/// How long a page waits for the first list.
const FIRST_WAIT: Duration = Duration::from_secs(3);

/// The shards, which are listed when a page needs them.
pub(super) struct StreamShards {
    address: StreamAddress,
    stream: Arc<OnceCell<Stream>>,
    view: Cached<Vec<StreamShard>>,
}

/// A shard of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StreamShard {
    /// As ledgers name it.
    pub(super) id: ShardId,
    /// The shards that it was split or merged from. The stream may no longer have them.
    pub(super) parents: Vec<ShardId>,
    /// Whether it was split or merged itself, so that no record follows.
    pub(super) is_closed: bool,
}

impl StreamShards {
    pub(super) fn new(address: StreamAddress) -> Self {
        Self {
            address,
            stream: Arc::default(),
            view: Cached::new(MAX_AGE),
        }
    }

    /// The stream, as the user has given it.
    pub(super) fn source(&self) -> String {
        format!("kinesis:{}", self.address)
    }

    /// The shards.
    pub(super) async fn view(&self) -> View<Vec<StreamShard>> {
        let read = || {
            let (stream, address) = (Arc::clone(&self.stream), self.address.clone());
            async move {
                let connect = || connect(&address);
                let stream = stream.get_or_try_init(connect).await?;
                let infos = list(stream).await;
                let infos = infos.with_context(|| format!("the stream {address}"))?;
                shards(stream.name(), &infos)
            }
        };
        self.view.view(FIRST_WAIT, read).await
    }
}

async fn connect(address: &StreamAddress) -> Result<Stream, RequestError> {
    let sdk = aws::sdk_config().await?;
    Ok(Stream::connect(&sdk, address))
}

async fn list(stream: &Stream) -> Result<Vec<ShardInfo>, RequestError> {
    let list = || async {
        let shards = stream.list_shards().await;
        shards.map_err(KinesisError::into_request_error)
    };
    let policy = RetryPolicy::new(RETRY_TIMEOUT).without_waiting_for_permission();
    policy.retry("list_shards", "list the shards", list).await
}

/// The shards under the names that ledgers give them.
///
/// # Errors
/// A name that no shard of Kinesis has.
fn shards(stream: &str, infos: &[ShardInfo]) -> anyhow::Result<Vec<StreamShard>> {
    let closed: BTreeSet<&str> = infos
        .iter()
        .flat_map(|info| &info.parents)
        .map(String::as_str)
        .collect();
    let shards = infos.iter().map(|info| {
        let parents = info.parents.iter().map(|parent| shard_id(stream, parent));
        Ok(StreamShard {
            id: shard_id(stream, &info.id)?,
            parents: parents.collect::<Result<_, _>>()?,
            is_closed: closed.contains(info.id.as_str()),
        })
    });
    shards.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_with_children_is_closed() {
        let info = |id: &str, parents: &[&str]| ShardInfo {
            id: format!("shardId-{id}"),
            parents: parents.iter().map(|id| format!("shardId-{id}")).collect(),
            hash_keys: 0..=1,
        };
        let infos = [info("0", &[]), info("1", &["0"]), info("2", &["0"])];
        let shards = shards("events", &infos).unwrap();
        assert_eq!(shards[0].id.as_str(), "events-shardId-0");
        assert_eq!(shards[1].parents, [shards[0].id.clone()]);
        let closed: Vec<_> = shards.iter().map(|shard| shard.is_closed).collect();
        assert_eq!(closed, [true, false, false]);
    }
}
