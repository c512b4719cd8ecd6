//! The state of the registry that a run follows.

use chrono::Utc;
use serde::Serialize;

use super::Health;
use super::status::rfc3339;
use crate::transform::admission::Refused;
use crate::transform::release::ReleaseId;
use crate::transform::rollout::Rollout;
use crate::transform::slot::{Lineup, OnTrial};

/// The number of rejected releases that are kept.
const REFUSED_MAX: usize = 20;

/// A registry as this run sees it.
#[derive(Clone, Debug, Serialize)]
pub struct Rollouts {
    /// Where it is; for a file that is watched, the file.
    pub registry: String,
    /// The number of the last change that was seen.
    pub number: u64,
    /// The release that is active there; none is what hosts were started with. It serves here unless it
    /// was refused.
    pub active: Option<String>,
    /// The canary release here.
    pub canary: Option<Trial>,
    /// The shadow release here.
    pub shadow: Option<Trial>,
    /// Releases that were refused, the latest last.
    pub refused: Vec<Refusal>,
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

/// A release that does not serve here.
#[derive(Clone, Debug, Serialize)]
pub struct Refusal {
    /// The release.
    pub release: String,
    /// The step of admission that it failed.
    pub step: &'static str,
    /// What is wrong with it.
    pub why: String,
    /// When, RFC 3339.
    pub at: String,
}

impl From<&OnTrial> for Trial {
    fn from(trial: &OnTrial) -> Self {
        Self {
            release: trial.release.id().to_string(),
            share: trial.share.into(),
        }
    }
}

impl Health {
    /// The run follows a registry or watches a file.
    pub fn follows(&self, registry: String) {
        self.now().rollouts = Some(Rollouts {
            registry,
            number: 0,
            active: None,
            canary: None,
            shadow: None,
            refused: Vec::new(),
            error: None,
        });
    }

    /// The registry says this, and the run has made that of it.
    pub fn rolled_out(&self, rollout: &Rollout, lineup: &Lineup) {
        self.change(|rollouts| {
            rollouts.number = rollout.number;
            rollouts.active = rollout.active.map(|active| active.to_string());
            rollouts.canary = lineup.canary.as_ref().map(Trial::from);
            rollouts.shadow = lineup.shadow.as_ref().map(Trial::from);
        });
    }

    /// A release does not serve here.
    pub fn refused(&self, release: ReleaseId, refused: &Refused) {
        self.change(|rollouts| {
            rollouts.refused.push(Refusal {
                release: release.to_string(),
                step: refused.step,
                why: refused.why.clone(),
                at: rfc3339(Utc::now()),
            });
            let excess = rollouts.refused.len().saturating_sub(REFUSED_MAX);
            rollouts.refused.drain(..excess);
        });
    }

    /// A poll of the registry ended, with this error if it failed.
    pub fn polled_registry(&self, error: Option<String>) {
        self.change(|rollouts| rollouts.error = error);
    }

    fn change(&self, change: impl FnOnce(&mut Rollouts)) {
        if let Some(rollouts) = &mut self.now().rollouts {
            change(rollouts);
        }
    }
}
