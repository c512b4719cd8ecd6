//! Admission of whatever is to run: the steps of [`admit`](super::admit), with a compiler that is bounded,
//! on threads that no record waits for. Releases come from a registry while others serve, from a lake
//! that keeps them, or from the file that a run is started with.

use std::sync::Arc;

use thiserror::Error;
use wasmtime::Engine;

use super::admit::{Refusal, Release, admit_compiled, check_form};
use super::apart;
use super::cases::from_document;
use super::limits::Limits;
use super::registry::files::Files;
use super::registry::{Registry, RegistryError};
use super::release::{Offer, ReleaseId};
use super::signature::PublicKey;

/// Why a release does not serve.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{why}")]
pub struct Refused {
    /// The step that it failed: `fetch`, `size`, `digest`, `signature`, `compile`, `imports`, `world`,
    /// `describe`, `schema`, `transform_config`, `configure` or `cases`.
    pub step: &'static str,
    /// What is wrong.
    pub why: String,
    /// Whether another try may go otherwise.
    pub may_pass: bool,
}

impl Refused {
    fn at(step: &'static str, why: &impl ToString) -> Self {
        Self {
            step,
            why: format!("{step}: {}", why.to_string()),
            may_pass: false,
        }
    }
}

impl From<RegistryError> for Refused {
    fn from(error: RegistryError) -> Self {
        Self {
            may_pass: error.may_pass(),
            ..Self::at(error.step(), &error)
        }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self {
            step: refusal.step(),
            why: refusal.to_string(),
            may_pass: false,
        }
    }
}

/// Where releases are admitted to.
#[derive(Clone)]
pub struct Gate {
    /// The engine that they are to run on.
    pub engine: Engine,
    /// What they may use.
    pub limits: Limits,
}

impl Gate {
    /// Fetches a release from a registry and admits it: size, digest, signature where a `key` is given,
    /// compilation, imports, world, `describe`, its configuration, `configure`, golden cases.
    ///
    /// # Errors
    /// The first step that it fails.
    pub async fn admit_from<F: Files>(
        &self,
        registry: &Registry<F>,
        key: Option<&PublicKey>,
        id: ReleaseId,
    ) -> Result<Arc<Release>, Refused> {
        let offer = registry.get(id).await?;
        if let Some(key) = key {
            let signature = registry.signature(id).await?;
            let checked = key.check(id, signature.as_deref());
            checked.map_err(|why| Refused::at("signature", &why))?;
        }
        let cases = registry.cases(offer.manifest()).await?;
        self.admit(offer, cases).await
    }

    /// Admits a release again that has written to a lake. What the lake keeps of it are neither golden
    /// cases nor a signature: it passed those before it served.
    ///
    /// # Errors
    /// The first step that it fails.
    pub async fn admit_again<F: Files>(
        &self,
        lake: &Registry<F>,
        id: ReleaseId,
    ) -> Result<Arc<Release>, Refused> {
        self.admit(lake.get(id).await?, None).await
    }

    /// Admits an offer, from compilation on.
    ///
    /// # Errors
    /// The first step that it fails.
    pub async fn admit(
        &self,
        offer: Offer,
        cases: Option<Vec<u8>>,
    ) -> Result<Arc<Release>, Refused> {
        check_form(offer.component())?;
        let component = apart::compile(&self.engine, offer.component()).await;
        let component = component.map_err(|why| Refused::at("compile", &why))?;
        let Self { engine, limits } = self.clone();
        let admitting = tokio::task::spawn_blocking(move || {
            let release = admit_compiled(&engine, &component, &offer, &limits)?;
            if let Some(cases) = cases {
                check_cases(&release, &cases)?;
            }
            Ok(Arc::new(release))
        });
        let panicked = |error| Refused::at("world", &format!("admission ended early: {error}"));
        admitting.await.map_err(panicked)?
    }
}

fn check_cases(release: &Release, cases: &[u8]) -> Result<(), Refused> {
    let wrong = |why: String| Refused::at("cases", &why);
    for case in from_document(cases).map_err(|error| wrong(error.to_string()))? {
        let failure = case.failure(release);
        if let Some(why) = failure.map_err(|error| wrong(error.to_string()))? {
            return Err(wrong(why));
        }
    }
    Ok(())
}
