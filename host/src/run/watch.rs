//! Watches the transform's file, for development: a file that changes is taken up as a release that is
//! activated would be.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::rules::Rules;
use crate::config::RunSettings;
use crate::pipeline::Host;

use crate::transform::release::{Digest, ReleaseBundle};
use crate::transform::release_switch::ActiveReleases;

/// How often the file is looked at.
const EVERY: Duration = Duration::from_millis(300);

/// A file that is watched.
pub struct Watcher {
    file: PathBuf,
    settings: String,
    rules: Arc<Rules>,
    host: Arc<Host>,
}

impl Watcher {
    /// Watches the transform of these settings, if it is to be watched.
    #[must_use]
    pub fn new(settings: &RunSettings, rules: Arc<Rules>, host: Arc<Host>) -> Option<Self> {
        let file = settings.transform.clone().filter(|_| settings.watch)?;
        host.health.follows(format!("file:{}", file.display()));
        Some(Self {
            file,
            settings: settings.settings.clone(),
            rules,
            host,
        })
    }

    /// Looks at the file again and again.
    pub async fn follow(&self) {
        let mut seen = (None, self.rules.own().bundle().manifest().component);
        loop {
            tokio::time::sleep(EVERY).await;
            self.look(&mut seen).await;
        }
    }

    /// A file that has been written a moment ago may not be whole yet: it is taken up when it has stayed
    /// the same for a look.
    async fn look(&self, (changed, digest): &mut (Option<SystemTime>, Digest)) {
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
            self.take_up(component).await;
        }
    }

    async fn take_up(&self, component: Vec<u8>) {
        let bundle = match ReleaseBundle::new(component, &self.settings) {
            Ok(bundle) => bundle,
            Err(error) => return tracing::error!(error, "the settings"),
        };
        let id = bundle.manifest().id();
        match self.rules.loader().load(bundle, None).await {
            Ok(release) => {
                let (transform, serving) = (release.name(), release.as_ref().into());
                self.host.scores.reset(id);
                self.rules.switch().swap(ActiveReleases::of(release));
                self.host.health.serve(serving);
                self.host.progress.swapped();
                tracing::warn!(release = %id, transform, "the file has changed, serving it now");
            }
            Err(error) => {
                let step = error.step();
                tracing::error!(release = %id, step, %error, "the file has changed and fails admission");
                self.host.progress.admission_failed(step);
                self.host.health.admission_failed(id, &error);
            }
        }
    }
}
