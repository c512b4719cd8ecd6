//! How the releases of a process have done so far.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::guard::Score;
use super::outcome::{Fault, Transformed};
use super::release::ReleaseId;

/// A score for each release that has transformed a slice.
#[derive(Debug, Default)]
pub struct Scores(Mutex<HashMap<ReleaseId, Score>>);

impl Scores {
    fn scores(&self) -> MutexGuard<'_, HashMap<ReleaseId, Score>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a slice of so many records and what became of it in this time.
    pub fn add(&self, release: ReleaseId, records: usize, outcome: &Transformed, time: Duration) {
        let slice = score(records as u64, outcome, time);
        self.scores().entry(release).or_default().add(slice);
    }

    /// How a release has done since it was last forgotten.
    #[must_use]
    pub fn of(&self, release: ReleaseId) -> Score {
        self.scores().get(&release).copied().unwrap_or_default()
    }

    /// Forgets how a release has done: it begins anew.
    pub fn forget(&self, release: ReleaseId) {
        self.scores().remove(&release);
    }
}

fn score(records: u64, outcome: &Transformed, time: Duration) -> Score {
    let failures = Fault::ALL.map(Fault::code);
    let quarantined = outcome.quarantined.iter();
    let failed = quarantined.filter(|quarantined| failures.contains(&quarantined.reason.code));
    let failed = failed.count() as u64;
    Score {
        records,
        rejected: outcome.quarantined.len() as u64 - failed,
        failed,
        time,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::outcome::{Quarantined, Reason};
    use crate::transform::release::Digest;

    #[test]
    fn what_failed_is_told_from_what_was_rejected() {
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
            scores.add(release, 10, &outcome, Duration::from_secs(1));
        }
        let score = scores.of(release);
        assert_eq!((score.records, score.rejected, score.failed), (20, 2, 4));
        assert_eq!(score.time, Duration::from_secs(2));
        scores.forget(release);
        assert_eq!(scores.of(release), Score::default());
    }
}
