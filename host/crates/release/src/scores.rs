//! The scores of the releases of a process.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use sluice_engine::outcome::{Fault, Transformed};

use crate::bundle::ReleaseId;
use crate::rollback_policy::Score;

/// A score for each release that has transformed a batch.
#[derive(Debug, Default)]
pub struct Scores(Mutex<HashMap<ReleaseId, Score>>);

/// The score of a release since it was last reset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReleaseScore {
    /// The release.
    pub release: String,
    /// The records that it has transformed.
    pub records: u64,
    /// Records that it rejected.
    pub rejected: u64,
    /// Records on which it trapped or exceeded a limit.
    pub failed: u64,
    /// The mean time for a record, nanoseconds.
    pub ns: u64,
}

impl Scores {
    fn scores(&self) -> MutexGuard<'_, HashMap<ReleaseId, Score>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the score of a batch.
    pub fn add(&self, release: ReleaseId, batch: Score) {
        self.scores().entry(release).or_default().add(batch);
    }

    /// The score of a release since it was last reset.
    #[must_use]
    pub fn of(&self, release: ReleaseId) -> Score {
        self.scores().get(&release).copied().unwrap_or_default()
    }

    /// The scores of all releases, by release.
    #[must_use]
    pub fn all(&self) -> Vec<ReleaseScore> {
        let scores = self.scores();
        let scores = scores.iter().map(|(release, score)| ReleaseScore {
            release: release.to_string(),
            records: score.records,
            rejected: score.rejected,
            failed: score.failed,
            ns: score.nanoseconds_per_record(),
        });
        let mut scores: Vec<_> = scores.collect();
        scores.sort_unstable_by(|a, b| a.release.cmp(&b.release));
        scores
    }

    /// Resets the score of a release.
    pub fn reset(&self, release: ReleaseId) {
        self.scores().remove(&release);
    }
}

/// The score of a batch of this many records, by its outcome and the time that it took.
#[must_use]
pub fn score(records: usize, outcome: &Transformed, time: Duration) -> Score {
    let failures = Fault::ALL.map(Fault::code);
    let quarantined = outcome.quarantined.iter();
    let failed = quarantined.filter(|quarantined| failures.contains(&quarantined.reason.code));
    let failed = failed.count() as u64;
    Score {
        records: records as u64,
        rejected: outcome.quarantined.len() as u64 - failed,
        failed,
        time,
    }
}

#[cfg(test)]
mod tests {
    use sluice_engine::digest::Digest;
    use sluice_engine::outcome::{Quarantined, Reason};

    use super::*;

    #[test]
    fn failed_and_rejected_records_are_counted_separately() {
        let rejected = |record, reason| Quarantined { record, reason };
        let outcome = Transformed {
            quarantined: vec![
                rejected(0, Reason::rejected("not_wanted", String::new())),
                rejected(1, Reason::fault(Fault::Trap, "")),
                rejected(2, Reason::fault(Fault::OutOfFuel, "")),
            ],
            ..Transformed::default()
        };
        let (scores, release) = (Scores::default(), Digest::of(b"a"));
        for _ in 0..2 {
            scores.add(release, score(10, &outcome, Duration::from_secs(1)));
        }
        let of_release = scores.of(release);
        let counts = [of_release.records, of_release.rejected, of_release.failed];
        assert_eq!(counts, [20, 2, 4]);
        assert_eq!(of_release.time, Duration::from_secs(2));
        let other = Digest::of(b"b");
        scores.add(other, score(1, &Transformed::default(), Duration::ZERO));
        let all = scores.all();
        let mut names = [release, other].map(|release| release.to_string());
        names.sort();
        assert_eq!([&all[0].release, &all[1].release], [&names[0], &names[1]]);
        let of_first = all.iter().find(|it| it.release == release.to_string());
        assert_eq!(of_first.unwrap().ns, 100_000_000);
        scores.reset(release);
        assert_eq!(scores.of(release), Score::default());
        assert_eq!(scores.all().len(), 1);
    }
}
