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
use wasmtime::Engine;

use crate::config::RunSettings;
use crate::layout::object_key::METADATA_FOLDER;

/// The releases of a lake.
pub(super) struct Releases {
    engine: Engine,
    registry: Registry,
    known: Mutex<HashMap<ReleaseId, Kept>>,
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
            engine,
            registry: Registry::open(
                &settings.lake.below(METADATA_FOLDER),
                settings.retry_policy.clone(),
            )
            .await?,
            known: Mutex::default(),
        })
    }

    /// A release for chunks with these limits.
    ///
    /// # Errors
    /// The lake cannot be read.
    pub(super) async fn get(&self, id: ReleaseId, limits: &Limits) -> Result<Kept, RegistryError> {
        let limits = limits.for_repetition();
        let with_limits = |release: Arc<Release>| {
            if *release.program().limits() == limits {
                return release;
            }
            Arc::new(release.with_limits(limits.clone()))
        };
        let mut known = self.known.lock().await;
        if let Some(kept) = known.get(&id) {
            return Ok(kept.clone().map(with_limits));
        }
        let loader = ReleaseLoader {
            engine: self.engine.clone(),
            limits: limits.clone(),
        };
        let kept = match self.registry.get(id).await {
            Ok(bundle) => {
                let admitted = loader.load(bundle, None).await;
                admitted.map_err(|error| error.to_string())
            }
            Err(error @ RegistryError::Storage(_)) => return Err(error),
            Err(error) => Err(error.to_string()),
        };
        known.insert(id, kept.clone());
        Ok(kept)
    }
}
