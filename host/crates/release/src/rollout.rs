//! The rollout state of a registry, `active.json`: the active release, a canary, a shadow, and the releases
//! to roll back to. This is a pure state machine; [`registry`](crate::registry) stores the document and
//! detects conflicts.

mod change;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use self::change::{Change, ChangeKind, host_name};
use crate::bundle::ReleaseId;
use crate::rollback_policy::RollbackPolicy;

/// The format version of the document; a reader rejects any other.
const VERSION: u32 = 2;

/// The part of a document that every version has.
#[derive(Deserialize)]
struct DocumentVersion {
    version: u32,
}

/// How many changes are kept, and how many releases a rollback can go back.
const HISTORY_MAX: usize = 100;
const PREVIOUS_MAX: usize = 20;

/// The content of `active.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    version: u32,
    /// The number of changes so far.
    pub number: u64,
    /// Unique for each write, so that a writer that got no answer recognizes its own write.
    pub nonce: String,
    /// The active release; without one, hosts run the release that they were started with.
    pub active: Option<ReleaseId>,
    /// When it became active, RFC 3339.
    pub since: String,
    /// When hosts roll it back automatically.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_policy: Option<RollbackPolicy>,
    /// A release that transforms a share of the chunks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<Trial>,
    /// A release that transforms a share of the chunks in addition to the active one; its output is discarded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<Trial>,
    /// The releases that were active before, the latest last. A rollback returns to the last one.
    #[serde(default)]
    pub previous: Vec<Option<ReleaseId>>,
    /// The changes, the latest last.
    #[serde(default)]
    pub history: Vec<Change>,
}

/// A release on trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// The release.
    pub release: ReleaseId,
    /// Its share of the chunks.
    pub share: Share,
    /// When hosts end the trial of a canary automatically.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_policy: Option<RollbackPolicy>,
}

/// A share of all chunks: more than 0, at most 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Share(f64);

impl Share {
    /// All chunks.
    pub const ALL: Self = Self(1.0);

    /// Whether a chunk belongs to the share; `drawn` is a uniformly distributed number for the chunk.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a share is no finer than that")]
    pub fn has(self, drawn: u64) -> bool {
        (drawn as f64) < self.0 * (u64::MAX as f64) || self.0 >= 1.0
    }
}

impl TryFrom<f64> for Share {
    type Error = String;

    fn try_from(share: f64) -> Result<Self, String> {
        if share > 0.0 && share <= 1.0 {
            return Ok(Self(share));
        }
        Err(format!("{share} is not a share: more than 0, at most 1"))
    }
}

impl From<Share> for f64 {
    fn from(share: Share) -> Self {
        share.0
    }
}

impl FromStr for Share {
    type Err = String;

    /// `5%` or `0.05`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) = match text.strip_suffix('%') {
            Some(number) => (number, 100.0),
            None => (text, 1.0),
        };
        let share = number.trim().parse::<f64>();
        let share = share.map_err(|_| format!("{text:?} is not a share such as 5% or 0.05"))?;
        Self::try_from(share / unit)
            .map_err(|_| format!("{text:?} is not a share: more than 0 % and at most 100 %"))
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", (self.0 * 1e6).round() / 1e4)
    }
}

/// Who makes a change, when and why.
#[derive(Clone, Debug)]
pub struct Author {
    /// A person or a host.
    pub by: String,
    /// The time of the change.
    pub at: DateTime<Utc>,
    /// The reason, if there is one.
    pub why: Option<String>,
}

/// Why a change is not possible.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RolloutError {
    /// The document has another format version.
    #[error(
        "has format version {0} and this program reads version {VERSION}; finish or discard it with the \
         program that wrote it"
    )]
    Version(u32),
    /// The text is not a rollout.
    #[error("is damaged: {0}")]
    Damaged(String),
    /// The release is active already.
    #[error("release {0} is active already")]
    AlreadyActive(ReleaseId),
    /// No release is active, so none was active before one.
    #[error("no release is active, so there is nothing to roll back")]
    NothingToRollBack,
}

impl Rollout {
    /// The state before any release was activated.
    #[must_use]
    pub fn new() -> Self {
        Self {
            version: VERSION,
            number: 0,
            nonce: String::new(),
            active: None,
            since: String::new(),
            rollback_policy: None,
            canary: None,
            shadow: None,
            previous: Vec::new(),
            history: Vec::new(),
        }
    }

    /// Parses a document. Its version is checked first, since another version may have other fields.
    ///
    /// # Errors
    /// [`RolloutError::Version`] and [`RolloutError::Damaged`]
    pub fn parse(text: &[u8]) -> Result<Self, RolloutError> {
        let damaged = |error: serde_json::Error| RolloutError::Damaged(error.to_string());
        let DocumentVersion { version } = serde_json::from_slice(text).map_err(damaged)?;
        if version != VERSION {
            return Err(RolloutError::Version(version));
        }
        serde_json::from_slice(text).map_err(damaged)
    }

    /// Activates a release. This ends a trial of the release, and the trial of a canary, which was compared
    /// with the release that was active before.
    ///
    /// # Errors
    /// [`RolloutError::AlreadyActive`]
    pub fn activate(
        &self,
        release: ReleaseId,
        rollback_policy: Option<RollbackPolicy>,
        author: &Author,
    ) -> Result<Self, RolloutError> {
        if self.active == Some(release) {
            return Err(RolloutError::AlreadyActive(release));
        }
        let mut next = self.changed(ChangeKind::Activate, Some(release), author);
        next.previous.push(self.active);
        let excess = next.previous.len().saturating_sub(PREVIOUS_MAX);
        next.previous.drain(..excess);
        next.make_active(Some(release), rollback_policy, author);
        Ok(next)
    }

    /// Makes a release the canary.
    ///
    /// # Errors
    /// [`RolloutError::AlreadyActive`]
    pub fn try_canary(&self, trial: Trial, author: &Author) -> Result<Self, RolloutError> {
        if self.active == Some(trial.release) {
            return Err(RolloutError::AlreadyActive(trial.release));
        }
        let mut next = self.changed(ChangeKind::Canary, Some(trial.release), author);
        next.canary = Some(trial);
        Ok(next)
    }

    /// Makes a release the shadow.
    ///
    /// # Errors
    /// [`RolloutError::AlreadyActive`]
    pub fn try_shadow(&self, trial: Trial, author: &Author) -> Result<Self, RolloutError> {
        if self.active == Some(trial.release) {
            return Err(RolloutError::AlreadyActive(trial.release));
        }
        let mut next = self.changed(ChangeKind::Shadow, Some(trial.release), author);
        next.shadow = Some(trial);
        Ok(next)
    }

    /// Ends the trials, or, if there are none, activates the release before.
    ///
    /// # Errors
    /// [`RolloutError::NothingToRollBack`]
    pub fn roll_back(&self, author: &Author) -> Result<Self, RolloutError> {
        let trial = self.canary.as_ref().or(self.shadow.as_ref());
        if let Some(trial) = trial {
            let mut next = self.changed(ChangeKind::EndTrial, Some(trial.release), author);
            (next.canary, next.shadow) = (None, None);
            return Ok(next);
        }
        self.activate_previous(author)
            .ok_or(RolloutError::NothingToRollBack)
    }

    fn activate_previous(&self, author: &Author) -> Option<Self> {
        let mut previous = self.previous.clone();
        let before = previous.pop()?;
        let mut next = self.changed(ChangeKind::Rollback, before, author);
        next.previous = previous;
        next.make_active(before, None, author);
        Some(next)
    }

    /// Rolls back a release that exceeds its rollback policy: ends its trial, or makes the release before
    /// it active again. `None` if that has been done already.
    #[must_use]
    pub fn roll_back_release(&self, release: ReleaseId, author: &Author) -> Option<Self> {
        if self
            .canary
            .as_ref()
            .is_some_and(|canary| canary.release == release)
        {
            let mut next = self.changed(ChangeKind::EndTrial, Some(release), author);
            next.canary = None;
            return Some(next);
        }
        let is_active = self.active == Some(release);
        is_active.then(|| self.activate_previous(author)).flatten()
    }

    fn make_active(
        &mut self,
        release: Option<ReleaseId>,
        rollback_policy: Option<RollbackPolicy>,
        author: &Author,
    ) {
        self.active = release;
        self.rollback_policy = rollback_policy;
        self.since = rfc3339(author.at);
        self.canary = None;
        if self.shadow.as_ref().map(|shadow| shadow.release) == release {
            self.shadow = None;
        }
    }

    fn changed(&self, what: ChangeKind, release: Option<ReleaseId>, author: &Author) -> Self {
        let mut next = self.clone();
        next.number = next.number.saturating_add(1);
        next.nonce = format!("{:016x}", rand::random::<u64>());
        next.history.push(Change {
            number: next.number,
            at: rfc3339(author.at),
            what,
            release,
            by: author.by.clone(),
            why: author.why.clone(),
        });
        let excess = next.history.len().saturating_sub(HISTORY_MAX);
        next.history.drain(..excess);
        next
    }

    /// The rollback policy of the active release, until its time is over.
    #[must_use]
    pub fn policy_at(&self, now: DateTime<Utc>) -> Option<&RollbackPolicy> {
        let policy = self.rollback_policy.as_ref()?;
        let since = DateTime::parse_from_rfc3339(&self.since).ok()?;
        let watched = TimeDelta::from_std(policy.watch.into()).ok()?;
        (now - since.to_utc() < watched).then_some(policy)
    }

    /// Every release that is active, on trial, or can be rolled back to.
    pub fn in_use(&self) -> impl Iterator<Item = ReleaseId> {
        let trials = [&self.canary, &self.shadow].into_iter().flatten();
        let trials = trials.map(|trial| trial.release);
        let before = self.previous.iter().copied().flatten();
        self.active.into_iter().chain(trials).chain(before)
    }

    /// The releases that can replace the active one, the best first: those that were active before it.
    pub fn fallbacks(&self) -> impl Iterator<Item = ReleaseId> {
        self.previous.iter().rev().copied().flatten()
    }
}

impl Default for Rollout {
    fn default() -> Self {
        Self::new()
    }
}

fn rfc3339(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Millis, true)
}
