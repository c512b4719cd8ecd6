//! When the records of a chunk arrived.

use serde::{Deserialize, Serialize};

/// When records arrived, milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArrivalTimes {
    /// The least time.
    pub min: u64,
    /// The greatest time.
    pub max: u64,
}

impl ArrivalTimes {
    /// Those of a batch with these times, and of what came before. A time of 0 is unknown.
    pub(super) fn add(before: Option<Self>, times: &[u64]) -> Option<Self> {
        let (min, max) = (times.iter().min()?, times.iter().max()?);
        let batch = Self {
            min: *min,
            max: *max,
        };
        let all = before.map_or(batch, |before| Self {
            min: before.min.min(batch.min),
            max: before.max.max(batch.max),
        });
        (all.max > 0).then_some(all)
    }
}
