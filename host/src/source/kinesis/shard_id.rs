//! The names of shards.

use sluice_engine::digest::Digest;
use sluice_engine::record::ShardId;

/// The name of a shard in ledgers and objects: the stream's name, or its digest if it is too long, and
/// the shard's id.
///
/// # Errors
/// The id is not one of Kinesis.
pub fn shard_id(stream: &str, id: &str) -> anyhow::Result<ShardId> {
    const STREAM_MAX_BYTES: usize = 60;
    let name = if stream.len() <= STREAM_MAX_BYTES && stream.starts_with(char::is_alphanumeric) {
        stream.to_owned()
    } else {
        format!("stream-{}", Digest::of(stream.as_bytes()).short())
    };
    ShardId::new(&format!("{name}-{id}")).map_err(anyhow::Error::msg)
}
