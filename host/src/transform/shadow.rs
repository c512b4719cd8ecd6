//! A release that runs beside the serving one: what it would have made of the same records is counted,
//! and nothing of it lands.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::compare::Comparison;
use super::compare::fields::Difference;
use super::compare::record_result::record_results;
use super::outcome::Transformed;
use super::release::ReleaseId;
use super::rollback_policy::Score;
use super::validate::Release;
use crate::record::Batch;

/// How many times the serving release's time a shadow may take for a batch, and how much on top, before
/// it is left where it is: nobody may wait for it.
const TIMES_AS_LONG: u32 = 10;
const ON_TOP: Duration = Duration::from_millis(100);

/// Differing records that are remembered by name.
const SAMPLES_MAX: usize = 20;

/// What is known of the release that runs beside.
#[derive(Debug, Default)]
pub struct Shadow(Mutex<Option<Seen>>);

#[derive(Debug)]
struct Seen {
    release: ReleaseId,
    comparison: Comparison,
    serving: Score,
    shadow: Score,
    late: u64,
    failed: u64,
    samples: Vec<Sample>,
}

/// A record that differs. What it holds is not said: pages and logs are no place for events.
#[derive(Clone, Debug, Serialize)]
pub struct Sample {
    /// The record's id.
    pub rid: String,
    /// The fields that differ, or `outcome`.
    pub fields: Vec<String>,
}

/// What a shadow did, beside the serving release.
#[derive(Clone, Debug, Serialize)]
pub struct ShadowReport {
    /// The release that runs beside.
    pub release: String,
    /// What differs; the old one is the serving release.
    #[serde(flatten)]
    pub comparison: Comparison,
    /// Time for a record by the serving release, nanoseconds.
    pub serving_ns: u64,
    /// The same by the shadow.
    pub shadow_ns: u64,
    /// Batches that it was too slow for, and that were not compared.
    pub late_batches: u64,
    /// Batches that it failed as a whole.
    pub failed_batches: u64,
    /// Some records that differ.
    pub samples: Vec<Sample>,
}

impl Shadow {
    fn seen(&self) -> MutexGuard<'_, Option<Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets `shadow` have a batch of which the serving release made `outcome` in the time it `took`.
    pub fn compare(&self, shadow: &Release, batch: &Batch, outcome: &Transformed, took: Duration) {
        let started = Instant::now();
        let theirs = shadow.try_run(batch, took * TIMES_AS_LONG + ON_TOP);
        let elapsed = started.elapsed();
        let mut seen = self.seen();
        let is_new = seen.as_ref().is_none_or(|seen| seen.release != shadow.id());
        if is_new {
            *seen = Some(Seen::of(shadow.id()));
        }
        let Some(seen) = seen.as_mut() else { return };
        match theirs {
            Ok(Some(theirs)) => {
                seen.add(batch, outcome, &theirs);
                seen.serving.add(timed(batch, took));
                seen.shadow.add(timed(batch, elapsed));
            }
            Ok(None) => seen.late += 1,
            Err(error) => {
                seen.failed += 1;
                tracing::warn!(release = %shadow.id(), %error, "the shadow failed");
            }
        }
    }

    /// What was seen of the release that runs beside, if one does or did.
    #[must_use]
    pub fn report(&self) -> Option<ShadowReport> {
        self.seen().as_ref().map(|seen| ShadowReport {
            release: seen.release.to_string(),
            comparison: seen.comparison.clone(),
            serving_ns: seen.serving.nanoseconds_a_record(),
            shadow_ns: seen.shadow.nanoseconds_a_record(),
            late_batches: seen.late,
            failed_batches: seen.failed,
            samples: seen.samples.clone(),
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

impl Seen {
    fn of(release: ReleaseId) -> Self {
        Self {
            release,
            comparison: Comparison::default(),
            serving: Score::default(),
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
            self.samples.push(Sample { rid, fields });
        }
    }
}
