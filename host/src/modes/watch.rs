//! Reloads the transform's file when it changes, for development.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sluice_engine::digest::Digest;
use sluice_release::bundle::ReleaseBundle;
use sluice_release::release_switch::ActiveReleases;

use super::rules::Rules;
use crate::config::RunSettings;
use crate::observe::events;
use crate::pipeline::RunContext;

/// How often the file is polled.
const EVERY: Duration = Duration::from_millis(300);

/// Watches the transform's file.
pub struct Watcher {
    file: PathBuf,
    transform_config: String,
    rules: Arc<Rules>,
    context: Arc<RunContext>,
}

impl Watcher {
    /// The watcher, if `--watch` is set.
    #[must_use]
    pub fn new(
        settings: &RunSettings,
        rules: Arc<Rules>,
        context: Arc<RunContext>,
    ) -> Option<Self> {
        let file = settings.transform.clone().filter(|_| settings.watch)?;
        context
            .health
            .set_registry(format!("file:{}", file.display()));
        Some(Self {
            file,
            transform_config: settings.transform_config.clone(),
            rules,
            context,
        })
    }

    /// Polls the file until the run ends.
    pub async fn follow(&self) {
        let mut seen = (None, self.rules.own().bundle().manifest().component);
        loop {
            tokio::time::sleep(EVERY).await;
            self.poll(&mut seen).await;
        }
    }

    /// Reloads the file when it has not changed for one poll: one that is being written may be
    /// incomplete.
    async fn poll(&self, (changed, digest): &mut (Option<SystemTime>, Digest)) {
        let modified = std::fs::metadata(&self.file).and_then(|file| file.modified());
        let Ok(modified) = modified else { return };
        if *changed != Some(modified) {
            *changed = Some(modified);
            return;
        }
        let Ok(component) = tokio::fs::read(&self.file).await else {
            return;
        };
        let found = Digest::of(&component);
        if found != *digest {
            *digest = found;
            self.reload(component).await;
        }
    }

    async fn reload(&self, component: Vec<u8>) {
        let bundle = match ReleaseBundle::new(component, &self.transform_config) {
            Ok(bundle) => bundle,
            Err(error) => {
                return tracing::error!(
                    error,
                    "the transform configuration is invalid, correct it"
                );
            }
        };
        let id = bundle.manifest().id();
        match self.rules.loader().load(bundle, None).await {
            Ok(release) => {
                let (transform, active) = (release.name(), release.as_ref().into());
                self.context.scores.reset(id);
                self.rules.switch().swap(ActiveReleases::of(release));
                self.context.health.set_active_release(active);
                self.context.progress.swapped();
                tracing::warn!(release = %id, transform, "the file has changed, its release is active from the next chunk on");
            }
            Err(error) => {
                let step = error.step();
                tracing::error!(event = events::RELEASE_ADMISSION_ERROR, release = %id, step, %error, "the file has changed and fails admission");
                self.context.progress.admission_failed(step);
                self.context.health.admission_failed(id, &error);
            }
        }
    }
}
