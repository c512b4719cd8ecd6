//! Says how events drift from the schema.

use sluice_schema::inference::ValueKind;

use super::{DriftNews, FoundDrift};
use crate::format::parquet::DriftKind;
use crate::observe::events;

/// Logs what is new: what drifts, where, and what to do. Never a value, since events are private.
pub fn log_drift(news: &DriftNews) {
    for found in &news.found {
        tracing::warn!(
            event = events::SCHEMA_DRIFT,
            event_type = found.event_type,
            path = found.path,
            drift = found.drift.name(),
            column_type = found.column_type,
            value_kind = found.value_kind.map(ValueKind::name),
            advice = advice(found),
            "events drift from the schema"
        );
    }
    if news.is_first_unwatched {
        tracing::warn!(
            "there are too many types of events, columns or paths to watch all of them for schema drift, counting the rest"
        );
    }
}

/// What to do.
fn advice(found: &FoundDrift) -> &'static str {
    match found.drift {
        DriftKind::NewPath => {
            "its values are in _rest; add a column with `sluice schema evolve`, and start with the new --schema"
        }
        DriftKind::NewType => {
            "values of this kind are in _rest; `sluice schema check` shows them; correct the producer, or choose another \
             type for the column"
        }
        DriftKind::Vanished => {
            "the column is null in new events; ask the producer whether that is meant; a schema can keep the column"
        }
    }
}
