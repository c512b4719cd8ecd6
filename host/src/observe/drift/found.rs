//! The drift that was found, with bounds.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Serialize, Serializer};
use sluice_schema::inference::ValueKind;

use crate::format::parquet::DriftKind;

/// The most entries for one type of events.
pub(super) const OF_TYPE_MAX: usize = 100;

/// The most entries of all types together.
pub(super) const ALL_MAX: usize = 1_000;

/// How events of one type drift from the schema at one path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FoundDrift {
    /// The type of the events; `""` if they have none.
    pub event_type: String,
    /// Where it is in events.
    pub path: String,
    /// How they drift.
    #[serde(serialize_with = "name_of_drift")]
    pub drift: DriftKind,
    /// The type of the column, as the schema names it, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column_type: Option<String>,
    /// The kind of the first value that was seen, if there was one.
    #[serde(
        serialize_with = "name_of_kind",
        skip_serializing_if = "Option::is_none"
    )]
    pub value_kind: Option<ValueKind>,
    /// When it was first seen.
    #[serde(serialize_with = "rfc3339")]
    pub first_seen: DateTime<Utc>,
    /// Values in sampled events so far. Of a column that has vanished: the sampled events in a row without it.
    pub count: u64,
    /// Whether a column that had vanished is there again.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub came_back: bool,
}

fn name_of_drift<S: Serializer>(drift: &DriftKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(drift.name())
}

fn name_of_kind<S: Serializer>(kind: &Option<ValueKind>, serializer: S) -> Result<S::Ok, S::Error> {
    kind.map(ValueKind::name).serialize(serializer)
}

fn rfc3339<S: Serializer>(moment: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&moment.to_rfc3339_opts(SecondsFormat::Millis, true))
}
