//! Loads releases: reads them from a registry, a lake or a file, compiles them within limits, and validates
//! them on threads that no record waits for.

use std::path::PathBuf;
use std::sync::Arc;

use sluice_engine::limits::Limits;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::admission::{AdmissionError, Release, check_header, validate_compiled};
use crate::bundle::{ReleaseBundle, ReleaseId};
use crate::cases::from_document;
use crate::compiled_components::CompiledComponents;
use crate::registry::Registry;
use crate::signature::PublicKey;

/// Loads releases for one engine. Releases with the same component share its compiled code.
#[derive(Clone)]
pub struct ReleaseLoader {
    limits: Limits,
    components: Arc<CompiledComponents>,
}

impl ReleaseLoader {
    /// A loader of releases with these limits. A component that was compiled ahead of time, next to the program or in
    /// the folder `precompiled` of a deployment package, is not compiled again.
    #[must_use]
    pub fn new(engine: Engine, limits: Limits, precompiled: Option<PathBuf>) -> Self {
        let components = Arc::new(CompiledComponents::new(engine, precompiled));
        Self { limits, components }
    }

    /// A loader of releases with other limits, which shares the compiled components.
    #[must_use]
    pub fn with_limits(&self, limits: Limits) -> Self {
        let components = self.components.clone();
        Self { limits, components }
    }

    /// The engine that the releases run on.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        self.components.engine()
    }

    /// Loads a release from a registry: checks its size, its digest, its signature if a `key` is given,
    /// everything that [`validate`](crate::admission::validate) checks, and its golden cases.
    ///
    /// # Errors
    /// The first step that fails.
    pub async fn load_from(
        &self,
        registry: &Registry,
        key: Option<&PublicKey>,
        id: ReleaseId,
    ) -> Result<Arc<Release>, AdmissionError> {
        let bundle = registry.get(id).await?;
        if let Some(key) = key {
            let signature = registry.signature(id).await?;
            key.check(id, signature.as_deref())
                .map_err(AdmissionError::Signature)?;
        }
        let cases = registry.cases(bundle.manifest()).await?;
        self.load(bundle, cases).await
    }

    /// Loads a release that has written to a lake before. The lake keeps neither golden cases nor
    /// signatures; the release passed those before it was active.
    ///
    /// # Errors
    /// The first step that fails.
    pub async fn reload(
        &self,
        lake: &Registry,
        id: ReleaseId,
    ) -> Result<Arc<Release>, AdmissionError> {
        self.load(lake.get(id).await?, None).await
    }

    /// Compiles the component of a bundle, within the limits of time and memory of a compiler process. Also returns the
    /// bundle, which now shares the bytes of the component with earlier ones.
    ///
    /// # Errors
    /// As [`check_header`], and [`AdmissionError::Compile`].
    pub async fn compile(
        &self,
        bundle: ReleaseBundle,
    ) -> Result<(Component, ReleaseBundle), AdmissionError> {
        check_header(bundle.component())?;
        let compiled = self.components.get(bundle).await;
        compiled.map_err(AdmissionError::Compile)
    }

    /// Loads a bundle, from compilation on. If its component is compiled already, only the configuration is new, and
    /// this takes milliseconds.
    ///
    /// # Errors
    /// The first step that fails.
    pub async fn load(
        &self,
        bundle: ReleaseBundle,
        cases: Option<Vec<u8>>,
    ) -> Result<Arc<Release>, AdmissionError> {
        let (component, bundle) = self.compile(bundle).await?;
        let (engine, limits) = (self.engine().clone(), self.limits.clone());
        let validating = tokio::task::spawn_blocking(move || {
            let release = validate_compiled(&engine, &component, &bundle, &limits)?;
            if let Some(cases) = cases {
                check_cases(&release, &cases)?;
            }
            Ok(Arc::new(release))
        });
        let panicked =
            |error| AdmissionError::World(format!("the validation task failed: {error}"));
        validating.await.map_err(panicked)?
    }
}

fn check_cases(release: &Release, cases: &[u8]) -> Result<(), AdmissionError> {
    let failed = |error: &dyn std::error::Error| AdmissionError::Cases(error.to_string());
    for case in from_document(cases).map_err(|error| failed(&error))? {
        let failure = case.failure(release).map_err(|error| failed(&error))?;
        if let Some(why) = failure {
            return Err(AdmissionError::Cases(why));
        }
    }
    Ok(())
}
