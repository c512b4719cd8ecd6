//! The releases of a lake, admitted when they are first needed.

use std::collections::HashMap;
use std::sync::Arc;

use sluice_engine::runtime::engine;
use sluice_release::admission::Release;
use sluice_release::bundle::ReleaseId;
use sluice_release::loader::ReleaseLoader;
use sluice_release::registry::{Registry, RegistryError};
use tokio::sync::Mutex;

use crate::config::RunSettings;
use crate::layout::object_key::{METADATA_FOLDER, ShortId};

/// The releases of a lake.
pub(super) struct Releases {
    loader: ReleaseLoader,
    registry: Registry,
    ids: Vec<ReleaseId>,
    known: Mutex<HashMap<ShortId, Kept>>,
}

/// A release, or why it cannot be used.
pub(super) type Kept = Result<Arc<Release>, String>;

impl Releases {
    /// The releases with these ids.
    ///
    /// # Errors
    /// The sandbox cannot be started.
    pub(super) async fn new(settings: &RunSettings, ids: Vec<ReleaseId>) -> anyhow::Result<Self> {
        let engine = engine(&settings.limits, settings.threads)
            .map_err(|error| anyhow::anyhow!("cannot start the sandbox: {error:#}"))?;
        let limits = settings.limits.clone();
        Ok(Self {
            loader: ReleaseLoader { engine, limits },
            registry: Registry::open(
                &settings.lake.below(METADATA_FOLDER),
                settings.retry_policy.clone(),
            )
            .await?,
            ids,
            known: Mutex::default(),
        })
    }

    /// The release with this short id.
    ///
    /// # Errors
    /// The lake cannot be read.
    pub(super) async fn get(&self, short: ShortId) -> Result<Kept, RegistryError> {
        let mut known = self.known.lock().await;
        if let Some(kept) = known.get(&short) {
            return Ok(kept.clone());
        }
        let kept = self.look_up(short).await?;
        known.insert(short, kept.clone());
        Ok(kept)
    }

    async fn look_up(&self, short: ShortId) -> Result<Kept, RegistryError> {
        let mut ids = self.ids.iter().filter(|id| ShortId::of(**id) == short);
        let id = match (ids.next(), ids.next()) {
            (Some(id), None) => *id,
            (None, _) => return Ok(Err("the lake does not have it".into())),
            (Some(a), Some(b)) => return Ok(Err(format!("it may be {a} or {b}"))),
        };
        match self.registry.get(id).await {
            Ok(bundle) => {
                let admitted = self.loader.load(bundle, None).await;
                Ok(admitted.map_err(|error| error.to_string()))
            }
            Err(error @ RegistryError::Storage(_)) => Err(error),
            Err(error) => Ok(Err(error.to_string())),
        }
    }

    /// All usable releases except those with these short ids.
    ///
    /// # Errors
    /// The lake cannot be read.
    pub(super) async fn all_but(
        &self,
        names: &[ShortId],
    ) -> Result<Vec<Arc<Release>>, RegistryError> {
        let mut all = Vec::new();
        for short in self.ids.iter().map(|id| ShortId::of(*id)) {
            if !names.contains(&short) {
                all.extend(self.get(short).await?.ok());
            }
        }
        Ok(all)
    }
}
