//! Follows a registry: a release that is activated there is admitted while the current one serves, and
//! serves from the next chunk on. If it is rejected, the current release goes on serving.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use chrono::Utc;
use tokio::sync::Mutex;

use super::rules::Rules;
use crate::config::{Following, RunSettings};
use crate::pipeline::RunContext;
use crate::sink::metadata_store::{self, MetadataStore};
use crate::transform::admission::Refused;
use crate::transform::admit::Release;
use crate::transform::registry::{Registry, RegistryError, Versioned};
use crate::transform::release::ReleaseId;
use crate::transform::rollout::{Author, Rollout, Trial};
use crate::transform::slot::{Lineup, OnTrial};

/// Follows the registry of a run.
pub struct Follower {
    registry: Registry<MetadataStore>,
    following: Following,
    rules: Arc<Rules>,
    context: Arc<RunContext>,
    seen: Mutex<Seen>,
}

/// The last known state of the registry.
#[derive(Default)]
struct Seen {
    active: Option<Versioned>,
    /// Rejected releases. A release never changes, so it is not tried again.
    refused: HashMap<ReleaseId, Refused>,
    /// Whether a release could not be read because of a transient error.
    again: bool,
    polled_at: Option<Instant>,
}

impl Follower {
    /// The follower of the registry in the settings, if there is one.
    ///
    /// # Errors
    /// The registry cannot be read.
    pub async fn of(
        settings: &RunSettings,
        rules: &Arc<Rules>,
        context: &Arc<RunContext>,
    ) -> anyhow::Result<Option<Arc<Self>>> {
        let Some(following) = &settings.following else {
            return Ok(None);
        };
        let follower = Self::begin(settings, following, rules.clone(), context.clone()).await?;
        if settings.replay.is_some() {
            // A replay uses one release for all chunks.
            let active = rules.slot().now().active.clone();
            rules.slot().swap(Lineup::of(active));
        }
        Ok(Some(Arc::new(follower)))
    }

    /// Reads the registry for the first time. No release serves yet, so one must be loaded: the active
    /// one, or else the last good one before it.
    ///
    /// # Errors
    /// The registry cannot be read.
    async fn begin(
        settings: &RunSettings,
        following: &Following,
        rules: Arc<Rules>,
        context: Arc<RunContext>,
    ) -> anyhow::Result<Self> {
        let retry_policy = settings.retry_policy.clone();
        let registry = metadata_store::registry(&following.registry, retry_policy).await;
        let active = registry.active().await;
        let active = active.with_context(|| format!("the registry {}", following.registry))?;
        // From here on the run can go on with the release that it has, so a poll may fail.
        let retry_policy = settings.retry_policy.for_one_attempt();
        let follower = Self {
            registry: metadata_store::registry(&following.registry, retry_policy).await,
            following: following.clone(),
            rules,
            context,
            seen: Mutex::default(),
        };
        let mut seen = follower.seen.lock().await;
        follower
            .context
            .health
            .follows(following.registry.to_string());
        follower.begin_with(&mut seen, active).await?;
        drop(seen);
        Ok(follower)
    }

    async fn begin_with(&self, seen: &mut Seen, active: Versioned) -> anyhow::Result<()> {
        let rollout = active.rollout.clone();
        seen.active = Some(active.clone());
        for wanted in [rollout.active].into_iter().chain(rollout.fallbacks()) {
            match self.resolve(seen, wanted).await {
                Ok(release) => {
                    self.context.health.serve(release.as_ref().into());
                    self.rules.slot().swap(Lineup::of(release));
                    break;
                }
                Err(refused) if refused.may_pass => return Err(refused.into()),
                Err(_logged_already) => {}
            }
        }
        self.adopt(seen, active).await;
        seen.polled_at = Some(Instant::now());
        Ok(())
    }

    /// Polls the registry until the run ends.
    pub async fn follow(&self) {
        loop {
            tokio::time::sleep(self.following.poll).await;
            self.poll().await;
        }
    }

    /// Polls the registry if the last poll is at least one polling interval ago.
    pub async fn poll_if_due(&self) {
        let polled_at = self.seen.lock().await.polled_at;
        if polled_at.is_none_or(|at| at.elapsed() >= self.following.poll) {
            self.poll().await;
        }
    }

    /// Polls the registry once: adopts what has changed there, and rolls back a release that does worse
    /// than its guard allows.
    async fn poll(&self) {
        let mut seen = self.seen.lock().await;
        seen.polled_at = Some(Instant::now());
        let before = seen.active.as_ref().filter(|_| !seen.again);
        match self.registry.active_since(before).await {
            Ok(Some(active)) => self.adopt(&mut seen, active).await,
            Ok(None) => {}
            Err(error) => return self.failed(&error),
        }
        self.context.health.polled_registry(None);
        self.judge(&seen).await;
    }

    fn failed(&self, error: &RegistryError) {
        let error = error.to_string();
        tracing::warn!(error, "cannot use the registry, serving on");
        self.context.progress.registry_failed();
        self.context.health.polled_registry(Some(error));
    }

    /// Adopts the state of the registry as far as its releases are admitted. The active release serves
    /// before others are loaded.
    async fn adopt(&self, seen: &mut Seen, active: Versioned) {
        let (rollout, now) = (&active.rollout, self.rules.slot().now());
        seen.again = false;
        let number = |seen: &Versioned| seen.rollout.number;
        if seen.active.as_ref().map(number) != Some(rollout.number) {
            // The reason of a rejection, such as a missing signature, may have been corrected since.
            seen.refused.clear();
        }
        let mut lineup = Lineup::clone(&now);
        if let Ok(release) = self.resolve(seen, rollout.active).await
            && release.id() != now.active.id()
        {
            lineup = Lineup::of(release);
            lineup.before = Some(now.active.id());
            self.serve(&lineup);
        }
        lineup.canary = self.on_trial(seen, rollout.canary.as_ref()).await;
        lineup.shadow = self.on_trial(seen, rollout.shadow.as_ref()).await;
        let tried = |lineup: &Lineup| lineup.canary.as_ref().map(|canary| canary.release.id());
        if let Some(new) = tried(&lineup).filter(|new| tried(&now) != Some(*new)) {
            self.context.scores.forget(new);
        }
        self.context.health.rolled_out(rollout, &lineup);
        self.rules.slot().swap(lineup);
        seen.active = Some(active);
    }

    fn serve(&self, lineup: &Lineup) {
        let release = &lineup.active;
        self.context.scores.forget(release.id());
        self.rules.slot().swap(lineup.clone());
        self.context.health.serve(release.as_ref().into());
        self.context.progress.swapped();
        let (id, transform) = (release.id(), release.name());
        tracing::info!(release = %id, transform, "serving from the next chunk on");
    }

    async fn on_trial(&self, seen: &mut Seen, trial: Option<&Trial>) -> Option<OnTrial> {
        let trial = trial?;
        let release = self.resolve(seen, Some(trial.release)).await.ok()?;
        let share = trial.share;
        Some(OnTrial { release, share })
    }

    /// The wanted release, admitted; `None` is the one that the run was started with. A rejected
    /// release is logged once.
    async fn resolve(
        &self,
        seen: &mut Seen,
        wanted: Option<ReleaseId>,
    ) -> Result<Arc<Release>, Refused> {
        let Some(id) = wanted else {
            return Ok(self.rules.own().clone());
        };
        if let Some(release) = self.rules.known(id) {
            return Ok(release);
        }
        if let Some(refused) = seen.refused.get(&id) {
            return Err(refused.clone());
        }
        let key = self.following.public_key.as_ref();
        let admitted = self.rules.gate().admit_from(&self.registry, key, id).await;
        match &admitted {
            Ok(release) => self.rules.remember(release.clone()),
            Err(refused) => self.refused(seen, id, refused),
        }
        admitted
    }

    fn refused(&self, seen: &mut Seen, id: ReleaseId, refused: &Refused) {
        let Refused {
            step,
            why,
            may_pass,
        } = refused;
        self.context.health.refused(id, refused);
        if *may_pass {
            // The fault of the registry, not of the release: the next poll tries again.
            tracing::warn!(release = %id, step, why, "cannot use the registry for a release yet, serving on");
            self.context.progress.registry_failed();
            seen.again = true;
        } else {
            tracing::error!(release = %id, step, why, "a release is refused, serving on");
            self.context.progress.refused(step);
            seen.refused.insert(id, refused.clone());
        }
    }

    /// Takes a release back that does worse than the one that it is measured against.
    async fn judge(&self, seen: &Seen) {
        let Some(active) = &seen.active else { return };
        let Some((release, why)) = self.breach(&active.rollout) else {
            return;
        };
        let author = Author {
            by: host_name(),
            at: Utc::now(),
            why: Some(why.clone()),
        };
        let Some(next) = active.rollout.withdraw(release, &author) else {
            return;
        };
        tracing::error!(%release, why, "a release does worse than it may, taking it back");
        match self.registry.change(active, &next).await {
            Ok(()) => self.context.progress.withdrew(),
            Err(RegistryError::Raced) => {}
            Err(error) => self.failed(&error),
        }
    }

    /// The release on trial, or the new one, if it does worse than it may.
    fn breach(&self, rollout: &Rollout) -> Option<(ReleaseId, String)> {
        let (now, scores) = (self.rules.slot().now(), &self.context.scores);
        let tried = rollout.canary.as_ref().zip(now.canary.as_ref());
        if let Some((
            Trial {
                guard: Some(guard), ..
            },
            canary,
        )) = tried
        {
            let release = canary.release.id();
            let breach = guard.judge(&scores.of(release), &scores.of(now.active.id()));
            if let Some(breach) = breach {
                return Some((release, breach.to_string()));
            }
        }
        let (guard, before) = (rollout.watching(Utc::now())?, now.before?);
        let release = now.active.id();
        if rollout.active != Some(release) {
            return None;
        }
        let breach = guard.judge(&scores.of(release), &scores.of(before))?;
        Some((release, breach.to_string()))
    }
}

/// The author that a rollback is attributed to.
fn host_name() -> String {
    let name = std::env::var("AWS_LAMBDA_FUNCTION_NAME").or_else(|_| std::env::var("HOSTNAME"));
    let process = format!("process {}", std::process::id());
    match name {
        Ok(name) => format!("sluice on {name}, {process}"),
        Err(_) => format!("sluice, {process}"),
    }
}
