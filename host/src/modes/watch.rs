//! Reloads the transform's file when it changes, for development.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sluice_release::bundle::{ReleaseBundle, ReleaseId};
use sluice_release::release_switch::ActiveReleases;

use super::rules::Rules;
use crate::config::{ConfigError, RunSettings, TransformChoice};
use crate::observe::events;
use crate::pipeline::RunContext;

/// How often the file is polled.
const EVERY: Duration = Duration::from_millis(300);

/// What the watcher has seen of the file.
struct Seen {
    modified: Option<SystemTime>,
    /// The release of its content.
    release: ReleaseId,
    /// Why its content cannot be used, so that this is logged once.
    error: Option<ConfigError>,
}

/// Watches the file of the component or of the jq program.
pub struct Watcher {
    file: PathBuf,
    transform: TransformChoice,
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
        let file = settings.transform.file().filter(|_| settings.watch)?;
        context
            .health
            .set_registry(format!("file:{}", file.display()));
        Some(Self {
            file: file.to_owned(),
            transform: settings.transform.clone(),
            rules,
            context,
        })
    }

    /// Polls the file until the run ends.
    pub async fn follow(&self) {
        let mut seen = Seen {
            modified: None,
            release: self.rules.own().id(),
            error: None,
        };
        loop {
            tokio::time::sleep(EVERY).await;
            self.poll(&mut seen).await;
        }
    }

    /// Reloads the file when it has not changed for one poll: one that is being written may be
    /// incomplete.
    async fn poll(&self, seen: &mut Seen) {
        let modified = std::fs::metadata(&self.file).and_then(|file| file.modified());
        let Ok(modified) = modified else { return };
        if seen.modified != Some(modified) {
            seen.modified = Some(modified);
            return;
        }
        match self.transform.read_again() {
            Ok(bundle) if bundle.manifest().id() == seen.release => {}
            Ok(bundle) => {
                seen.release = bundle.manifest().id();
                seen.error = None;
                self.reload(bundle).await;
            }
            Err(error) if seen.error.as_ref() == Some(&error) => {}
            Err(error) => {
                tracing::error!(%error, "the file has changed and cannot be used, correct it");
                seen.error = Some(error);
            }
        }
    }

    async fn reload(&self, bundle: ReleaseBundle) {
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
