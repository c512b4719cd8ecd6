//! The releases of a lake, admitted when they are first needed.

use std::collections::HashMap;
use std::sync::Arc;

use sluice_engine::limits::Limits;
use sluice_engine::runtime::engine;
use sluice_release::admission::Release;
use sluice_release::bundle::ReleaseId;
use sluice_release::loader::ReleaseLoader;
use sluice_release::registry::{Registry, RegistryError};
use tokio::sync::Mutex;

use crate::config::RunSettings;
use crate::layout::object_key::METADATA_FOLDER;

/// The releases of a lake.
pub(super) struct Releases {
    loader: ReleaseLoader,
    registry: Registry,
    /// Those that were admitted, and the limits with which the others were not.
    admitted: Mutex<HashMap<ReleaseId, Arc<Release>>>,
    refused: Mutex<Vec<(ReleaseId, Limits, String)>>,
}

/// A release, or why it cannot be used.
pub(super) type Kept = Result<Arc<Release>, String>;

impl Releases {
    /// The releases of the lake of the settings.
    ///
    /// # Errors
    /// The sandbox cannot be started.
    pub(super) async fn new(settings: &RunSettings) -> anyhow::Result<Self> {
        let engine = engine(settings.threads)
            .map_err(|error| anyhow::anyhow!("cannot start the sandbox: {error:#}"))?;
        Ok(Self {
            loader: ReleaseLoader::new(engine, settings.limits.clone(), None),
            registry: Registry::open(
                &settings.lake.below(METADATA_FOLDER),
                settings.retry_policy.clone(),
            )
            .await?,
            admitted: Mutex::default(),
            refused: Mutex::default(),
        })
    }

    /// A release for chunks with these limits.
    ///
    /// # Errors
    /// The lake cannot be read.
    pub(super) async fn get(&self, id: ReleaseId, limits: &Limits) -> Result<Kept, RegistryError> {
        let limits = limits.for_repetition();
        let mut admitted = self.admitted.lock().await;
        if let Some(release) = admitted.get(&id) {
            let has_limits = *release.program().limits() == limits;
            let release = release.clone();
            return Ok(Ok(if has_limits {
                release
            } else {
                Arc::new(release.with_limits(limits))
            }));
        }
        let mut refused = self.refused.lock().await;
        let known =
            |(other, with, _): &&(ReleaseId, Limits, String)| *other == id && *with == limits;
        if let Some((_, _, why)) = refused.iter().find(known) {
            return Ok(Err(why.clone()));
        }
        match self.load(id, limits.clone()).await? {
            Ok(release) => {
                admitted.insert(id, release.clone());
                Ok(Ok(release))
            }
            Err(why) => {
                refused.push((id, limits, why.clone()));
                Ok(Err(why))
            }
        }
    }

    async fn load(&self, id: ReleaseId, limits: Limits) -> Result<Kept, RegistryError> {
        let loader = self.loader.with_limits(limits);
        match self.registry.get(id).await {
            Ok(bundle) => {
                let admitted = loader.load(bundle, None).await;
                Ok(admitted.map_err(|error| error.to_string()))
            }
            Err(error @ RegistryError::Storage(_)) => Err(error),
            Err(error) => Ok(Err(error.to_string())),
        }
    }
}
