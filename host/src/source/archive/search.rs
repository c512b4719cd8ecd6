//! Finds where to begin in an archive that is read from a time on, so that not all of it is read.

use std::collections::VecDeque;

use sluice_engine::record::ShardId;
use sluice_storage::object_store::ObjectStore;

use super::chain::WantedObject;
use super::object::read_header;
use crate::source::SourceError;

/// How much earlier than the records before it a record of a stream can have arrived, by its time, milliseconds. Times come
/// from several machines of Kinesis, which does not promise that they rise.
const DISORDER_MS: u64 = 5 * 60 * 1000;

/// Removes the objects at the beginning whose records arrived before a moment, milliseconds since the Unix epoch. It reads
/// as many of them as a binary search takes. If an object has no times, all stay.
///
/// # Errors
/// An object cannot be read.
pub(super) async fn remove_earlier(
    objects: &mut VecDeque<WantedObject>,
    moment: i64,
    store: &dyn ObjectStore,
    shard: &ShardId,
) -> Result<(), SourceError> {
    let moment = u64::try_from(moment).unwrap_or(0);
    let (mut earlier, mut end) = (0, objects.len());
    while earlier < end {
        let middle = earlier + (end - earlier) / 2;
        let Some(wanted) = objects.get(middle) else {
            break;
        };
        let header = read_header(store, shard, wanted.object).await?;
        match header.arrived_at {
            None => return Ok(()),
            Some(times) if times.max.saturating_add(DISORDER_MS) < moment => earlier = middle + 1,
            Some(_) => end = middle,
        }
    }
    objects.drain(..earlier);
    Ok(())
}
