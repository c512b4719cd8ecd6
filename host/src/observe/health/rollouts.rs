//! The state of the registry that a run follows.

use chrono::Utc;
use serde::Serialize;
use sluice_release::admission::AdmissionError;
use sluice_release::bundle::ReleaseId;
use sluice_release::release_switch::{ActiveReleases, TrialRelease};
use sluice_release::rollout::Rollout;

use super::Health;
use super::status::rfc3339;

/// The number of admission errors that are kept.
const ADMISSION_ERRORS_MAX: usize = 20;

/// A registry as this run sees it.
#[derive(Clone, Debug, Serialize)]
pub struct Rollouts {
    /// Where it is; for a file that is watched, the file.
    pub registry: String,
    /// The number of the last change that was seen.
    pub number: u64,
    /// The release that is active there; without one, hosts keep the release that they were started with.
    /// It is active here too, unless it failed admission.
    pub active: Option<String>,
    /// The canary release here.
    pub canary: Option<Trial>,
    /// The shadow release here.
    pub shadow: Option<Trial>,
    /// Releases that failed admission, the latest last.
    pub admission_errors: Vec<AdmissionFailure>,
    /// Why the last poll of the registry failed, if it did.
    pub error: Option<String>,
}

/// A release on trial.
#[derive(Clone, Debug, Serialize)]
pub struct Trial {
    /// The release.
    pub release: String,
    /// Of how many chunks: 0.05 is one in twenty.
    pub share: f64,
}

/// A release that failed admission.
#[derive(Clone, Debug, Serialize)]
pub struct AdmissionFailure {
    /// The release.
    pub release: String,
    /// The step of admission that failed.
    pub step: &'static str,
    /// The error.
    pub why: String,
    /// When, RFC 3339.
    pub at: String,
}

impl From<&TrialRelease> for Trial {
    fn from(trial: &TrialRelease) -> Self {
        Self {
            release: trial.release.id().to_string(),
            share: trial.share.into(),
        }
    }
}

impl Health {
    /// Sets the registry that the run follows, or the file that it watches.
    pub fn set_registry(&self, registry: String) {
        self.now().rollouts = Some(Rollouts {
            registry,
            number: 0,
            active: None,
            canary: None,
            shadow: None,
            admission_errors: Vec::new(),
            error: None,
        });
    }

    /// Sets the rollout of the registry and the releases that this run uses.
    pub fn set_rollout(&self, rollout: &Rollout, releases: &ActiveReleases) {
        self.change(|rollouts| {
            rollouts.number = rollout.number;
            rollouts.active = rollout.active.map(|active| active.to_string());
            rollouts.canary = releases.canary.as_ref().map(Trial::from);
            rollouts.shadow = releases.shadow.as_ref().map(Trial::from);
        });
    }

    /// Reports that a release failed admission.
    pub fn admission_failed(&self, release: ReleaseId, error: &AdmissionError) {
        self.change(|rollouts| {
            rollouts.admission_errors.push(AdmissionFailure {
                release: release.to_string(),
                step: error.step(),
                why: error.to_string(),
                at: rfc3339(Utc::now()),
            });
            let excess = rollouts.admission_errors.len();
            let excess = excess.saturating_sub(ADMISSION_ERRORS_MAX);
            rollouts.admission_errors.drain(..excess);
        });
    }

    /// Reports that a poll of the registry ended, with this error if it failed.
    pub fn polled_registry(&self, error: Option<String>) {
        self.change(|rollouts| rollouts.error = error);
    }

    fn change(&self, change: impl FnOnce(&mut Rollouts)) {
        if let Some(rollouts) = &mut self.now().rollouts {
            change(rollouts);
        }
    }
}
