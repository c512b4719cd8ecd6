//! A shadow: a release that transforms the same records as the active one. The results are compared, and
//! those of the shadow are discarded.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use sluice_engine::outcome::Transformed;
use sluice_engine::record::Batch;

use crate::admission::Release;
use crate::bundle::ReleaseId;
use crate::compare::Comparison;
use crate::compare::fields::Difference;
use crate::compare::record_result::record_results;
use crate::rollback_policy::Score;

/// The timeout of a shadow for a batch: this many times the time of the active release, and this much in
/// addition. The active release must not wait for it longer.
const TIMEOUT_FACTOR: u32 = 10;
const TIMEOUT_MARGIN: Duration = Duration::from_millis(100);

/// How many differing records are kept.
const SAMPLES_MAX: usize = 20;

/// The comparison with the latest shadow.
#[derive(Debug, Default)]
pub struct Shadow(Mutex<Option<ShadowState>>);

#[derive(Debug)]
struct ShadowState {
    release: ReleaseId,
    comparison: Comparison,
    active: Score,
    shadow: Score,
    late: u64,
    failed: u64,
    samples: Vec<DifferingRecord>,
}

/// A record whose results differ. It has no values: pages and logs must not contain events.
#[derive(Clone, Debug, Serialize)]
pub struct DifferingRecord {
    /// The record's id.
    pub rid: String,
    /// The fields that differ, or `outcome`.
    pub fields: Vec<String>,
}

/// The comparison of a shadow with the active release.
#[derive(Clone, Debug, Serialize)]
pub struct ShadowReport {
    /// The shadow.
    pub release: String,
    /// The differences; the active release is the old one.
    #[serde(flatten)]
    pub comparison: Comparison,
    /// The mean time of the active release for a record, nanoseconds.
    pub active_ns: u64,
    /// The mean time of the shadow for a record, nanoseconds.
    pub shadow_ns: u64,
    /// Batches that were not compared because the shadow timed out.
    pub late_batches: u64,
    /// Batches on which the shadow failed as a whole.
    pub failed_batches: u64,
    /// Some records whose results differ.
    pub samples: Vec<DifferingRecord>,
}

impl Shadow {
    fn state(&self) -> MutexGuard<'_, Option<ShadowState>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `shadow` on a batch, and compares the result with the `outcome` of the active release, which `took`
    /// this time.
    pub fn compare(&self, shadow: &Release, batch: &Batch, outcome: &Transformed, took: Duration) {
        let started = Instant::now();
        let theirs = shadow.try_run(batch, took * TIMEOUT_FACTOR + TIMEOUT_MARGIN);
        let elapsed = started.elapsed();
        let mut state = self.state();
        let is_new = state
            .as_ref()
            .is_none_or(|state| state.release != shadow.id());
        if is_new {
            *state = Some(ShadowState::of(shadow.id()));
        }
        let Some(state) = state.as_mut() else { return };
        match theirs {
            Ok(Some(theirs)) => {
                state.add(batch, outcome, &theirs);
                state.active.add(timed(batch, took));
                state.shadow.add(timed(batch, elapsed));
            }
            Ok(None) => state.late += 1,
            Err(error) => {
                state.failed += 1;
                tracing::warn!(release = %shadow.id(), %error, "the shadow failed");
            }
        }
    }

    /// The report on the latest shadow, if there was one.
    #[must_use]
    pub fn report(&self) -> Option<ShadowReport> {
        self.state().as_ref().map(|state| ShadowReport {
            release: state.release.to_string(),
            comparison: state.comparison.clone(),
            active_ns: state.active.nanoseconds_per_record(),
            shadow_ns: state.shadow.nanoseconds_per_record(),
            late_batches: state.late,
            failed_batches: state.failed,
            samples: state.samples.clone(),
        })
    }
}

fn timed(batch: &Batch, time: Duration) -> Score {
    Score {
        records: batch.len() as u64,
        time,
        ..Score::default()
    }
}

impl ShadowState {
    fn of(release: ReleaseId) -> Self {
        Self {
            release,
            comparison: Comparison::default(),
            active: Score::default(),
            shadow: Score::default(),
            late: 0,
            failed: 0,
            samples: Vec::new(),
        }
    }

    fn add(&mut self, batch: &Batch, ours: &Transformed, theirs: &Transformed) {
        let (ours, theirs) = (
            record_results(batch.len(), ours),
            record_results(batch.len(), theirs),
        );
        for (index, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            let differences = self.comparison.add(ours, theirs);
            if differences.is_empty() || self.samples.len() >= SAMPLES_MAX {
                continue;
            }
            let rid = format!("{}:{}", batch.shard(), batch.positions()[index]);
            let mut fields: Vec<_> = differences.iter().map(Difference::field).collect();
            fields.sort_unstable();
            fields.dedup();
            tracing::info!(rid, ?fields, shadow = %self.release, "the shadow differs");
            self.samples.push(DifferingRecord { rid, fields });
        }
    }
}
