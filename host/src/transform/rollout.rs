//! Which release serves, as a registry says it in `active.json`: the active one, one that is tried on
//! a part of the chunks or only beside the active one, and the way back. A small state machine; where
//! the document is kept, and who wins where two change it at once, is [`registry`](super::registry)'s.

#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::release::ReleaseId;
use super::rollback_policy::RollbackPolicy;

/// The version of the document; a reader refuses a later one.
const VERSION: u32 = 1;

/// How many changes are remembered, and how many releases one can go back.
const HISTORY_MAX: usize = 100;
const PREVIOUS_MAX: usize = 20;

/// What `active.json` says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    version: u32,
    /// One more with every change.
    pub number: u64,
    /// Different with every write, by which a writer whose answer was lost knows its own.
    pub nonce: String,
    /// The release that serves; where there is none, hosts serve what they were started with.
    pub active: Option<ReleaseId>,
    /// When it became that, RFC 3339.
    pub since: String,
    /// What takes it back on its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_policy: Option<RollbackPolicy>,
    /// A release that serves a part of the chunks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<Trial>,
    /// A release that runs beside the serving one on a part of the chunks and lands nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<Trial>,
    /// What was active before, the latest last; where a rollback goes.
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
    /// Of how many chunks.
    pub share: Share,
    /// What ends the trial of a canary on its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_policy: Option<RollbackPolicy>,
}

/// A part of all chunks, more than none and at most all.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Share(f64);

impl Share {
    /// All chunks.
    pub const ALL: Self = Self(1.0);

    /// Whether a chunk belongs to it, by a number that is drawn for the chunk, evenly from all.
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
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", (self.0 * 1e6).round() / 1e4)
    }
}

/// One change of the document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The document's number since.
    pub number: u64,
    /// When, RFC 3339.
    pub at: String,
    /// What was done.
    pub what: Kind,
    /// The release that it was done with; none is what hosts were started with.
    pub release: Option<ReleaseId>,
    /// Who did it: a person, or a host on its own.
    pub by: String,
    /// Why, where that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A release serves from now on.
    Activate,
    /// A release serves a part of the chunks.
    Canary,
    /// A release runs beside the serving one.
    Shadow,
    /// The release before serves again.
    Rollback,
    /// A trial has ended.
    EndTrial,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Activate => "activated",
            Self::Canary => "canary",
            Self::Shadow => "shadow",
            Self::Rollback => "rolled back to",
            Self::EndTrial => "trial ended",
        })
    }
}

/// Who changes something, when and why.
#[derive(Clone, Debug)]
pub struct Author {
    /// Who.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
    /// Why, if that is to be remembered.
    pub why: Option<String>,
}

/// A change that the document does not allow.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RolloutError {
    /// The document is of a later version.
    #[error("version {0} is not one that this program knows (it knows {VERSION})")]
    Version(u32),
    /// The release does so already.
    #[error("release {0} is active already")]
    Already(ReleaseId),
    /// Nothing was ever activated.
    #[error("nothing has been activated, so there is no way back")]
    Nothing,
}

impl Rollout {
    /// Nothing has been activated.
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

    /// Checks a document that was read.
    ///
    /// # Errors
    /// [`RolloutError::Version`]
    pub fn check(self) -> Result<Self, RolloutError> {
        match self.version {
            VERSION => Ok(self),
            other => Err(RolloutError::Version(other)),
        }
    }

    /// The release serves from now on; a trial of it is over, and so is a trial of a canary against what
    /// was active before.
    ///
    /// # Errors
    /// [`RolloutError::Already`]
    pub fn activate(
        &self,
        release: ReleaseId,
        rollback_policy: Option<RollbackPolicy>,
        author: &Author,
    ) -> Result<Self, RolloutError> {
        if self.active == Some(release) {
            return Err(RolloutError::Already(release));
        }
        let mut next = self.changed(Kind::Activate, Some(release), author);
        next.previous.push(self.active);
        let excess = next.previous.len().saturating_sub(PREVIOUS_MAX);
        next.previous.drain(..excess);
        next.serve(Some(release), rollback_policy, author);
        Ok(next)
    }

    /// The release serves a part of the chunks from now on.
    ///
    /// # Errors
    /// [`RolloutError::Already`]
    pub fn try_canary(&self, trial: Trial, author: &Author) -> Result<Self, RolloutError> {
        if self.active == Some(trial.release) {
            return Err(RolloutError::Already(trial.release));
        }
        let mut next = self.changed(Kind::Canary, Some(trial.release), author);
        next.canary = Some(trial);
        Ok(next)
    }

    /// The release runs beside the serving one on a part of the chunks from now on.
    ///
    /// # Errors
    /// [`RolloutError::Already`]
    pub fn try_shadow(&self, trial: Trial, author: &Author) -> Result<Self, RolloutError> {
        if self.active == Some(trial.release) {
            return Err(RolloutError::Already(trial.release));
        }
        let mut next = self.changed(Kind::Shadow, Some(trial.release), author);
        next.shadow = Some(trial);
        Ok(next)
    }

    /// Ends the trials, or where there are none makes the release before active again.
    ///
    /// # Errors
    /// [`RolloutError::Nothing`]
    pub fn roll_back(&self, author: &Author) -> Result<Self, RolloutError> {
        let trial = self.canary.as_ref().or(self.shadow.as_ref());
        if let Some(trial) = trial {
            let mut next = self.changed(Kind::EndTrial, Some(trial.release), author);
            (next.canary, next.shadow) = (None, None);
            return Ok(next);
        }
        self.go_back(author).ok_or(RolloutError::Nothing)
    }

    /// The release before is active again.
    fn go_back(&self, author: &Author) -> Option<Self> {
        let mut previous = self.previous.clone();
        let before = previous.pop()?;
        let mut next = self.changed(Kind::Rollback, before, author);
        next.previous = previous;
        next.serve(before, None, author);
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
            let mut next = self.changed(Kind::EndTrial, Some(release), author);
            next.canary = None;
            return Some(next);
        }
        let serves = self.active == Some(release);
        serves.then(|| self.go_back(author)).flatten()
    }

    fn serve(
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

    fn changed(&self, what: Kind, release: Option<ReleaseId>, author: &Author) -> Self {
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

    /// Every release that is named as one that serves, is tried, or can be gone back to.
    pub fn in_use(&self) -> impl Iterator<Item = ReleaseId> {
        let trials = [&self.canary, &self.shadow].into_iter().flatten();
        let trials = trials.map(|trial| trial.release);
        let before = self.previous.iter().copied().flatten();
        self.active.into_iter().chain(trials).chain(before)
    }

    /// What can serve in the place of the active release, the best first; none at the end of it is what
    /// hosts were started with.
    pub fn fallbacks(&self) -> impl Iterator<Item = Option<ReleaseId>> {
        self.previous.iter().rev().copied().chain([None])
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
