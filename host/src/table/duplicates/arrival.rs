//! When events arrived, as far as their chunk manifests say it.

use serde::{Deserialize, Serialize};

use crate::layout::chunk::ArrivalTimes;

/// So many times are kept. If there are more, some are joined that are not near each other.
pub(super) const TIMES_MAX: usize = 64;

/// The first and the last arrival of the records of a chunk, milliseconds since the Unix epoch. Those of its events are
/// between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arrival {
    /// The first one.
    pub min: u64,
    /// The last one.
    pub max: u64,
}

impl Arrival {
    /// Any time.
    pub const UNKNOWN: Self = Self {
        min: 0,
        max: u64::MAX,
    };

    /// That of a chunk; unknown if its manifest does not say it, or if one of its records has none.
    #[must_use]
    pub fn of(times: Option<ArrivalTimes>) -> Self {
        match times {
            Some(ArrivalTimes { min, max }) if min > 0 => Self { min, max },
            _ => Self::UNKNOWN,
        }
    }

    /// Whether two events can have arrived within less than `window` milliseconds.
    #[must_use]
    pub fn is_near(self, other: Self, window: u64) -> bool {
        let after = self.min.saturating_sub(other.max);
        let before = other.min.saturating_sub(self.max);
        after.max(before) < window
    }

    /// Joins those that are near each other, and then others, until few are left. What is near one of them is near one of
    /// the result. What is near one of the result may be near none of them: such keys are read, and decide nothing.
    #[must_use]
    pub(in crate::table) fn joined(all: Vec<Self>, window: u64) -> Vec<Self> {
        let mut width = window.max(1);
        let mut joined = Self::joined_within(all, width);
        while joined.len() > TIMES_MAX {
            width = width.saturating_mul(2);
            joined = Self::joined_within(joined, width);
        }
        joined
    }

    fn joined_within(mut all: Vec<Self>, window: u64) -> Vec<Self> {
        all.sort_unstable();
        let mut joined: Vec<Self> = Vec::new();
        for next in all {
            match joined.last_mut() {
                Some(last) if last.is_near(next, window) => last.max = last.max.max(next.max),
                _ => joined.push(next),
            }
        }
        joined
    }
}
