//! Follows a registry: a release that is activated there is loaded while the current one stays active, and
//! transforms from the next chunk on, which begins with the next batch. If it fails admission, the current release stays active.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use chrono::Utc;
use sluice_release::admission::AdmissionError;
use sluice_release::admission::Release;
use sluice_release::bundle::ReleaseId;
use sluice_release::registry::{Registry, RegistryError, VersionedRollout};
use sluice_release::release_switch::{ActiveReleases, TrialRelease};
use sluice_release::rollout::{Author, Rollout, Trial, host_name};
use tokio::sync::Mutex;

use super::rules::Rules;
use crate::config::{RegistryConfig, RunSettings};
use crate::observe::events;
use crate::pipeline::RunContext;

/// Follows the registry of a run.
pub struct Follower {
    registry: Registry,
    config: RegistryConfig,
    rules: Arc<Rules>,
    context: Arc<RunContext>,
    seen: Mutex<Seen>,
}

/// The last known state of the registry.
#[derive(Default)]
struct Seen {
    active: Option<VersionedRollout>,
    /// Releases that failed admission. A release does not change, so the error is permanent.
    rejected: HashMap<ReleaseId, AdmissionError>,
    /// Whether a release could not be loaded because of a transient error.
    again: bool,
    polled_at: Option<Instant>,
}

impl Follower {
    /// The follower of the registry in the settings, if there is one.
    ///
    /// # Errors
    /// The registry cannot be read, or it is empty and must not be; or no release of it is admitted.
    pub async fn of(
        settings: &RunSettings,
        rules: &Arc<Rules>,
        context: &Arc<RunContext>,
    ) -> anyhow::Result<Option<Arc<Self>>> {
        let Some(config) = &settings.registry else {
            return Ok(None);
        };
        let follower = Self::begin(settings, config, rules.clone(), context.clone()).await?;
        if settings.has_one_release() {
            // Neither a canary nor a shadow takes part.
            let active = rules.switch().now().active.clone();
            rules.switch().swap(ActiveReleases::of(active));
        }
        Ok(Some(Arc::new(follower)))
    }

    /// Reads the registry for the first time. No release is active in this run yet, so one must be
    /// loaded: the registry's active one, or else the last good one before it.
    ///
    /// # Errors
    /// The registry cannot be read, or it is empty and must not be; or no release is admitted.
    async fn begin(
        settings: &RunSettings,
        config: &RegistryConfig,
        rules: Arc<Rules>,
        context: Arc<RunContext>,
    ) -> anyhow::Result<Self> {
        let retry_policy = settings.retry_policy.clone();
        let registry = Registry::open(&config.target, retry_policy).await?;
        let active = registry.active().await;
        let active = active.with_context(|| format!("the registry {}", config.target))?;
        if active.rollout.number == 0 {
            check_not_mistyped(&registry, config).await?;
        } else if active.rollout.active.is_none() && settings.has_one_release() {
            warn_of_no_active_release(settings, config);
        }
        let mut follower = Self {
            registry,
            config: config.clone(),
            rules,
            context,
            seen: Mutex::default(),
        };
        let mut seen = follower.seen.lock().await;
        follower
            .context
            .health
            .set_registry(config.target.to_string());
        follower.begin_with(&mut seen, active).await?;
        drop(seen);
        // From here on the run has a release, so a failed poll does not end it.
        let retry_policy = settings.retry_policy.for_one_attempt();
        follower.registry = Registry::open(&config.target, retry_policy).await?;
        Ok(follower)
    }

    async fn begin_with(&self, seen: &mut Seen, active: VersionedRollout) -> anyhow::Result<()> {
        seen.active = Some(active.clone());
        let release = self.first_release(seen, &active.rollout).await?;
        if let Some(flag) = self.config.instead_of
            && release.id() != self.rules.own().id()
        {
            let (id, registry) = (release.id(), &self.config.target);
            tracing::warn!(release = %id, %registry, "the active release of the registry transforms, and the rules of {flag} are not used");
        }
        self.context
            .health
            .set_active_release(release.as_ref().into());
        self.rules.switch().swap(ActiveReleases::of(release));
        self.adopt(seen, active).await;
        seen.polled_at = Some(Instant::now());
        Ok(())
    }

    /// The active release, or else the last one before it that is admitted.
    ///
    /// # Errors
    /// None of them is admitted. The transform that the run was started with does not take their place, since
    /// records would land by other rules than those that were activated.
    async fn first_release(
        &self,
        seen: &mut Seen,
        rollout: &Rollout,
    ) -> anyhow::Result<Arc<Release>> {
        let error = match self.resolve(seen, rollout.active).await {
            Ok(release) => return Ok(release),
            Err(error) if error.is_transient() => return Err(error.into()),
            Err(error) => error,
        };
        for before in rollout.fallbacks() {
            match self.resolve(seen, Some(before)).await {
                Ok(release) => return Ok(release),
                Err(error) if error.is_transient() => return Err(error.into()),
                Err(_logged_already) => {}
            }
        }
        let release = rollout.active.map_or_else(String::new, |id| id.to_string());
        let target = &self.config.target;
        anyhow::bail!(
            "the active release {release} of the registry {target} fails admission, and none before it is \
             admitted: {error}; correct the settings, such as --public-key, or activate a release that is admitted"
        )
    }

    /// Polls the registry until the run ends.
    pub async fn follow(&self) {
        loop {
            tokio::time::sleep(self.config.poll).await;
            self.poll().await;
        }
    }

    /// Polls the registry if the last poll is at least one polling interval ago.
    pub async fn poll_if_due(&self) {
        let polled_at = self.seen.lock().await.polled_at;
        if polled_at.is_none_or(|at| at.elapsed() >= self.config.poll) {
            self.poll().await;
        }
    }

    /// Polls the registry once: adopts what has changed there, and rolls back a release that does worse
    /// than its rollback policy allows.
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
        self.roll_back_if_exceeded(&seen).await;
    }

    fn failed(&self, error: &RegistryError) {
        let error = error.to_string();
        tracing::warn!(
            event = events::REGISTRY_FAILURE,
            error,
            "cannot use the registry, keeping the active release"
        );
        self.context.progress.registry_failed();
        self.context.health.polled_registry(Some(error));
    }

    /// Adopts the state of the registry as far as its releases are admitted. The run switches to
    /// the active release before it loads the others.
    async fn adopt(&self, seen: &mut Seen, active: VersionedRollout) {
        let (rollout, now) = (&active.rollout, self.rules.switch().now());
        seen.again = false;
        let number = |seen: &VersionedRollout| seen.rollout.number;
        if seen.active.as_ref().map(number) != Some(rollout.number) {
            // The reason of a rejection, such as a missing signature, may have been corrected since.
            seen.rejected.clear();
        }
        let mut releases = ActiveReleases::clone(&now);
        if let Ok(release) = self.resolve(seen, rollout.active).await
            && release.id() != now.active.id()
        {
            releases = ActiveReleases::of(release);
            releases.before = Some(now.active.id());
            self.switch_to(&releases);
        }
        releases.canary = self.on_trial(seen, rollout.canary.as_ref()).await;
        releases.shadow = self.on_trial(seen, rollout.shadow.as_ref()).await;
        let tried =
            |releases: &ActiveReleases| releases.canary.as_ref().map(|canary| canary.release.id());
        if let Some(new) = tried(&releases).filter(|new| tried(&now) != Some(*new)) {
            self.context.scores.reset(new);
        }
        self.context.health.set_rollout(rollout, &releases);
        self.rules.switch().swap(releases);
        seen.active = Some(active);
    }

    fn switch_to(&self, releases: &ActiveReleases) {
        let release = &releases.active;
        self.context.scores.reset(release.id());
        self.rules.switch().swap(releases.clone());
        self.context
            .health
            .set_active_release(release.as_ref().into());
        self.context.progress.swapped();
        let (id, transform) = (release.id(), release.name());
        tracing::info!(release = %id, transform, "switching to another release from the next chunk on");
    }

    async fn on_trial(&self, seen: &mut Seen, trial: Option<&Trial>) -> Option<TrialRelease> {
        let trial = trial?;
        let release = self.resolve(seen, Some(trial.release)).await.ok()?;
        let share = trial.share;
        Some(TrialRelease { release, share })
    }

    /// Loads the wanted release; `None` is the one that the run was started with. An error is logged
    /// once.
    async fn resolve(
        &self,
        seen: &mut Seen,
        wanted: Option<ReleaseId>,
    ) -> Result<Arc<Release>, AdmissionError> {
        let Some(id) = wanted else {
            return Ok(self.rules.own().clone());
        };
        let key = self.config.public_key.as_ref();
        let known = self.rules.known(id);
        // Nobody has signed the release that the run was started with, as long as it is not read from the registry.
        let is_unsigned =
            |release: &Arc<Release>| key.is_some() && Arc::ptr_eq(release, self.rules.own());
        if let Some(release) = known.filter(|release| !is_unsigned(release)) {
            return Ok(release);
        }
        if let Some(error) = seen.rejected.get(&id) {
            return Err(error.clone());
        }
        let admitted = self.rules.loader().load_from(&self.registry, key, id).await;
        match &admitted {
            Ok(release) => self.rules.remember(release.clone()),
            Err(error) => self.admission_failed(seen, id, error),
        }
        admitted
    }

    fn admission_failed(&self, seen: &mut Seen, id: ReleaseId, error: &AdmissionError) {
        let step = error.step();
        self.context.health.admission_failed(id, error);
        if error.is_transient() {
            // The fault of the registry, not of the release: the next poll tries again.
            tracing::warn!(event = events::REGISTRY_FAILURE, release = %id, step, %error, "cannot use the registry to load a release, keeping the active one");
            self.context.progress.registry_failed();
            seen.again = true;
        } else {
            tracing::error!(event = events::RELEASE_ADMISSION_ERROR, release = %id, step, %error, "a release failed admission, keeping the active one");
            self.context.progress.admission_failed(step);
            seen.rejected.insert(id, error.clone());
        }
    }

    /// Rolls back a release that does worse than its rollback policy allows.
    async fn roll_back_if_exceeded(&self, seen: &Seen) {
        let Some(active) = &seen.active else { return };
        let Some((release, why)) = self.breach(&active.rollout) else {
            return;
        };
        let author = Author {
            by: name_of_host(),
            at: Utc::now(),
            why: Some(why.clone()),
        };
        let Some(next) = active.rollout.roll_back_release(release, &author) else {
            return;
        };
        tracing::error!(event = events::RELEASE_ROLLBACK, %release, why, "rolling back a release, it exceeds its rollback policy");
        match self.registry.change(active, &next).await {
            Ok(()) => self.context.progress.rolled_back(),
            Err(RegistryError::Conflict) => {}
            Err(error) => self.failed(&error),
        }
    }

    /// The canary or the new active release, if it exceeds its rollback policy.
    fn breach(&self, rollout: &Rollout) -> Option<(ReleaseId, String)> {
        let (now, scores) = (self.rules.switch().now(), &self.context.scores);
        let tried = rollout.canary.as_ref().zip(now.canary.as_ref());
        if let Some((
            Trial {
                rollback_policy: Some(policy),
                ..
            },
            canary,
        )) = tried
        {
            let release = canary.release.id();
            let breach = policy.evaluate(&scores.of(release), &scores.of(now.active.id()));
            if let Some(breach) = breach {
                return Some((release, breach.to_string()));
            }
        }
        let (policy, before) = (rollout.policy_at(Utc::now())?, now.before?);
        let release = now.active.id();
        if rollout.active != Some(release) {
            return None;
        }
        let breach = policy.evaluate(&scores.of(release), &scores.of(before))?;
        Some((release, breach.to_string()))
    }
}

/// Checks that a registry in which nothing was ever activated is the one that was meant: a release was
/// published there, or the settings say that it may be empty.
///
/// # Errors
/// The registry cannot be read; or it is empty, as one with a mistyped name is.
pub(super) async fn check_not_mistyped(
    registry: &Registry,
    config: &RegistryConfig,
) -> anyhow::Result<()> {
    let target = &config.target;
    let releases = registry.releases().await;
    let releases = releases.with_context(|| format!("the registry {target}"))?;
    if releases.is_empty() && !config.may_be_empty {
        anyhow::bail!(
            "no release was ever published to the registry {target}; correct --registry, or publish a release with \
             `sluice transform publish`; to begin with the transform of --transform, give --allow-empty-registry"
        );
    }
    if releases.is_empty() {
        tracing::info!(registry = %target, "the registry is empty, using the transform of --transform");
    } else {
        tracing::warn!(registry = %target, "no release was ever activated in the registry, using the transform of --transform");
    }
    Ok(())
}

/// Warns that a run which keeps the rules that it begins with takes none of the registry. They were rolled back.
fn warn_of_no_active_release(settings: &RunSettings, config: &RegistryConfig) {
    tracing::warn!(
        registry = %config.target,
        "no release of the registry is active, so {} transforms the records; give --release ID to take one of its releases, \
         or activate one",
        settings.transform.name()
    );
}

/// The author that a rollback is attributed to.
fn name_of_host() -> String {
    let name = std::env::var("AWS_LAMBDA_FUNCTION_NAME").or_else(|_| std::env::var("HOSTNAME"));
    host_name(name.as_deref().ok(), std::process::id())
}
