//! The names of shards.

use sluice_engine::digest::Digest;
use sluice_engine::record::ShardId;

/// The name of a shard in ledgers and objects: the stream's name, or its digest if it is too long, and
/// the shard's id.
///
/// # Errors
/// The id is not one of Kinesis.
pub fn shard_id(stream: &str, id: &str) -> anyhow::Result<ShardId> {
    ShardId::new(&format!("{}-{id}", name_of(stream))).map_err(anyhow::Error::msg)
}

/// Whether a shard is named as one of this stream.
#[must_use]
pub fn is_shard_of(stream: &str, shard: &ShardId) -> bool {
    shard
        .as_str()
        .strip_prefix(&name_of(stream))
        .is_some_and(|rest| rest.starts_with("-shardId-"))
}

fn name_of(stream: &str) -> String {
    const STREAM_MAX_BYTES: usize = 60;
    if stream.len() <= STREAM_MAX_BYTES && stream.starts_with(char::is_alphanumeric) {
        return stream.to_owned();
    }
    format!("stream-{}", Digest::of(stream.as_bytes()).short())
}
