//! When a release is rolled back automatically: it rejects more records than the release before, fails on
//! more of them, or takes more time for them.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A release whose mean time for a record is below this is not rolled back for its time, however much less the one before
/// took: a core takes 10,000 records a second then, as many as ten shards of a stream can carry. A program in `jq` may take
/// ten times as long as the built-in rules that it replaces, and nobody notices.
pub const UNNOTICED: Duration = Duration::from_micros(100);

/// Counts of the records that a release has transformed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// All records.
    pub records: u64,
    /// Records that it rejected.
    pub rejected: u64,
    /// Records on which it trapped or exceeded a limit.
    pub failed: u64,
    /// The time for all records.
    pub time: Duration,
}

impl Score {
    /// Adds the counts of another score.
    pub fn add(&mut self, other: Self) {
        self.records += other.records;
        self.rejected += other.rejected;
        self.failed += other.failed;
        self.time += other.time;
    }

    fn share(&self, count: u64) -> f64 {
        as_float(count) / as_float(self.records.max(1))
    }

    /// The mean time for a record, nanoseconds.
    #[must_use]
    pub fn nanoseconds_per_record(&self) -> u64 {
        let nanoseconds = self.time.as_nanos() / u128::from(self.records.max(1));
        u64::try_from(nanoseconds).unwrap_or(u64::MAX)
    }

    fn nanoseconds(&self) -> f64 {
        self.time.as_secs_f64() * 1e9 / as_float(self.records.max(1))
    }
}

#[allow(clippy::cast_precision_loss, reason = "rates are no finer than that")]
fn as_float(count: u64) -> f64 {
    count as f64
}

/// How much worse than the release before a release may be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollbackPolicy {
    /// The share of records that it may reject in addition: 0.01 is one in a hundred.
    pub rejected: f64,
    /// The share of records on which it may trap or exceed limits in addition.
    pub failed: f64,
    /// The factor by which the time for a record may grow. A mean below [`UNNOTICED`] is never too long.
    pub slower: f64,
    /// Releases are compared once both have transformed this many records.
    pub records: u64,
    /// How long after an activation the releases are compared.
    pub watch: Watch,
}

/// A duration with a unit: `15m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Watch(Duration);

impl From<Duration> for Watch {
    fn from(time: Duration) -> Self {
        Self(time)
    }
}

impl From<Watch> for Duration {
    fn from(watch: Watch) -> Self {
        watch.0
    }
}

impl TryFrom<String> for Watch {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let time = humantime::parse_duration(&text);
        time.map(Self).map_err(|error| format!("{text:?}: {error}"))
    }
}

impl From<Watch> for String {
    fn from(watch: Watch) -> Self {
        humantime::format_duration(watch.0).to_string()
    }
}

impl Default for RollbackPolicy {
    fn default() -> Self {
        Self {
            rejected: 0.01,
            failed: 0.001,
            slower: 3.0,
            records: 1_000,
            watch: Watch(Duration::from_secs(15 * 60)),
        }
    }
}

/// Which limit of its policy a release exceeds.
#[derive(Clone, Debug, PartialEq)]
pub struct Breach {
    what: &'static str,
    found: f64,
    before: f64,
    limit: f64,
    records: u64,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what,
            found,
            before,
            limit,
            records,
        } = self;
        if *what == SLOWER {
            let (found, before) = (found / 1e3, before / 1e3);
            return write!(
                f,
                "{found:.1} µs a record over {records} records, {before:.1} µs before (limit: {limit} times as long)"
            );
        }
        let (found, before) = (found * 100.0, before * 100.0);
        // Two decimals, without those that the multiplication would add.
        let limit = (limit * 10_000.0).round() / 100.0;
        write!(
            f,
            "{what} {found:.2} % of {records} records, {before:.2} % before (limit: {limit} points more)"
        )
    }
}

const REJECTED: &str = "rejected";
const FAILED: &str = "failed on";
const SLOWER: &str = "slower";

impl RollbackPolicy {
    /// Compares a release with the one before. Returns `None` until both have transformed enough records.
    #[must_use]
    pub fn evaluate(&self, found: &Score, before: &Score) -> Option<Breach> {
        if found.records < self.records || before.records < self.records {
            return None;
        }
        let breach = |what, found_rate, before_rate, limit| Breach {
            what,
            found: found_rate,
            before: before_rate,
            limit,
            records: found.records,
        };
        let failed = (found.share(found.failed), before.share(before.failed));
        if failed.0 > failed.1 + self.failed {
            return Some(breach(FAILED, failed.0, failed.1, self.failed));
        }
        let rejected = (found.share(found.rejected), before.share(before.rejected));
        if rejected.0 > rejected.1 + self.rejected {
            return Some(breach(REJECTED, rejected.0, rejected.1, self.rejected));
        }
        let time = (found.nanoseconds(), before.nanoseconds());
        let is_slower = self.is_slower(time.0, time.1);
        is_slower.then(|| breach(SLOWER, time.0, time.1, self.slower))
    }

    /// Whether a release with this mean time for a record takes too long, compared with the mean of the one before.
    /// Both are nanoseconds.
    #[must_use]
    pub fn is_slower(&self, found: f64, before: f64) -> bool {
        found > before * self.slower && found > UNNOTICED.as_secs_f64() * 1e9
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(records: u64, rejected: u64, failed: u64, nanoseconds: u64) -> Score {
        Score {
            records,
            rejected,
            failed,
            time: Duration::from_nanos(records * nanoseconds),
        }
    }

    fn breach(found: &Score, before: &Score) -> Option<String> {
        let breach = RollbackPolicy::default().evaluate(found, before);
        breach.map(|breach| breach.to_string())
    }

    #[test]
    fn a_release_within_its_policy_stays() {
        let before = score(10_000, 500, 10, 400);
        assert_eq!(breach(&before, &before), None);
        assert_eq!(breach(&score(10_000, 599, 19, 1_199), &before), None);
        let slow = score(10_000, 500, 10, 50_000);
        assert_eq!(breach(&score(10_000, 500, 10, 149_999), &slow), None);
    }

    #[test]
    fn a_time_that_nobody_notices_is_not_too_long() {
        let before = score(10_000, 0, 0, 400);
        assert_eq!(breach(&score(10_000, 0, 0, 100_000), &before), None);
        assert!(breach(&score(10_000, 0, 0, 100_001), &before).is_some());
    }

    #[test]
    fn each_limit_triggers_a_rollback() {
        let before = score(10_000, 500, 10, 400);
        let cases = [
            (
                score(2_000, 100, 100, 400),
                "failed on 5.00 % of 2000 records, 0.10 % before (limit: 0.1 points more)",
            ),
            (
                score(2_000, 200, 2, 400),
                "rejected 10.00 % of 2000 records, 5.00 % before (limit: 1 points more)",
            ),
            (
                score(2_000, 100, 2, 120_100),
                "120.1 µs a record over 2000 records, 0.4 µs before (limit: 3 times as long)",
            ),
        ];
        for (found, expected) in cases {
            assert_eq!(breach(&found, &before).as_deref(), Some(expected));
        }
    }

    #[test]
    fn few_records_trigger_no_rollback() {
        let (few, many) = (score(999, 999, 999, 9_000), score(10_000, 0, 0, 400));
        assert_eq!(breach(&few, &many), None);
        assert_eq!(breach(&score(5_000, 5_000, 0, 400), &few), None);
    }

    #[test]
    fn a_policy_is_written_with_units() {
        let text = serde_json::to_string(&RollbackPolicy::default()).unwrap();
        assert!(text.contains(r#""watch":"15m""#), "{text}");
        assert_eq!(
            serde_json::from_str::<RollbackPolicy>(&text).unwrap(),
            RollbackPolicy::default()
        );
    }
}
