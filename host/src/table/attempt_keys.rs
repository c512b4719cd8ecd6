//! What an attempt on a table with a rule for duplicates knows of keys, and what it leaves of them.

use std::collections::BTreeMap;

use sluice_engine::record::ShardId;

use super::documents::DocumentError;
use super::duplicates::{AttemptKeys, KeysMark};
use super::files::WrittenKeys;
use super::known_keys::KnownKeys;
use super::state::TableState;
use super::watermark::ShardMark;

/// The keys that a table has; `None` if it has no rule.
pub(super) fn known_keys(state: &TableState) -> Option<KnownKeys> {
    let mark = mark(state)?;
    Some(KnownKeys::new(state.documents.clone(), mark))
}

fn mark(state: &TableState) -> Option<KeysMark> {
    let rule = state.dedupe.clone()?;
    let mark = state.watermark.keys.clone();
    Some(mark.unwrap_or_else(|| KeysMark::new(rule)))
}

/// What the watermark of an attempt says about keys, after the document that it may need is put.
///
/// # Errors
/// [`DocumentError`]
pub(super) async fn put_mark(
    state: &TableState,
    attempt: &str,
    written: &WrittenKeys,
) -> Result<Option<KeysMark>, DocumentError> {
    let Some(mut mark) = mark(state) else {
        return Ok(None);
    };
    let sealed = mark.add(AttemptKeys {
        attempt: attempt.to_owned(),
        arrived_at: written.arrived_at.clone(),
        keys: written.keys,
        dropped: written.total_dropped(),
    });
    if let Some(attempts) = sealed {
        let put = state.documents.put_sealed_attempts(attempt, &attempts);
        put.await?;
    }
    Ok(Some(mark))
}

/// Counts dropped events, which the marks of their shards count as rows, for what they are.
pub(super) fn count_dropped(shards: &mut BTreeMap<ShardId, ShardMark>, written: &WrittenKeys) {
    for (shard, dropped) in &written.dropped {
        if let Some(mark) = shards.get_mut(shard) {
            mark.rows = mark.rows.saturating_sub(*dropped);
            mark.dropped = mark.dropped.saturating_add(*dropped);
        }
    }
}
