//! The release that a run serves with, and those that it finishes the work of others with.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use wasmtime::Engine;

use super::lambda;
use super::own_files::{self, OwnFiles};
use crate::config::{Chosen, RunSettings};
use crate::encode::Format;
use crate::ledger::Pending;
use crate::pipeline::Plan;
use crate::source::aggregate::Outsiders;
use crate::transform::ENRICH;
use crate::transform::admit::{Release, admit, admit_compiled};
use crate::transform::engine::engine;
use crate::transform::limits::Limits;
use crate::transform::precompiled;
use crate::transform::registry::Registry;
use crate::transform::release::Offer;

/// The folder of a deployment package with components compiled ahead of time.
pub const PRECOMPILED: &str = "precompiled";

/// The engine and the active release.
pub struct Rules {
    engine: Engine,
    limits: Limits,
    format: Format,
    outsiders: Outsiders,
    offer: Offer,
    active: Arc<Release>,
}

impl Rules {
    /// Admits the release that is offered.
    ///
    /// # Errors
    /// A component that is refused.
    pub fn admit(settings: &RunSettings, offer: Offer) -> anyhow::Result<Self> {
        let engine = engine(&settings.limits, settings.threads)
            .map_err(|error| anyhow::anyhow!("cannot start the sandbox: {error:#}"))?;
        let compiled = lambda::packaged(PRECOMPILED)
            .and_then(|folder| precompiled::load(&engine, &folder, offer.component()));
        let active = match compiled {
            Some(component) => admit_compiled(&engine, &component, &offer, &settings.limits),
            None => admit(&engine, &offer, &settings.limits),
        };
        let active = active.with_context(|| format!("{} is refused", name(settings)))?;
        tracing::info!(release = %active.id(), transform = active.name(), "serving");
        Ok(Self {
            engine,
            limits: settings.limits.clone(),
            format: settings.format,
            outsiders: settings.outsiders,
            offer,
            active: Arc::new(active),
        })
    }

    /// The release that fresh chunks get.
    #[must_use]
    pub fn active(&self) -> &Arc<Release> {
        &self.active
    }

    /// The active release as it is kept in a registry.
    #[must_use]
    pub fn offer(&self) -> &Offer {
        &self.offer
    }

    /// How fresh chunks are made.
    #[must_use]
    pub fn fresh_plan(&self) -> Plan {
        Plan {
            release: self.active.clone(),
            format: self.format,
            outsiders: self.outsiders,
            range: None,
            condemned: Arc::new([]),
        }
    }

    /// What an interrupted run had begun to write is finished with its own release and format.
    ///
    /// # Errors
    /// Its release is gone or not admitted any more.
    pub async fn replay_plan(
        &self,
        registry: &Registry<OwnFiles>,
        pending: &Pending,
    ) -> anyhow::Result<Plan> {
        let release = if pending.release == self.active.id() {
            self.active.clone()
        } else {
            let offer = registry.get(pending.release).await?;
            let release = admit(&self.engine, &offer, &self.limits);
            let refused = || format!("release {}, which has a range to finish", pending.release);
            Arc::new(release.with_context(refused)?)
        };
        Ok(Plan {
            release,
            format: pending.format,
            outsiders: pending.outsiders,
            range: Some(pending.range),
            condemned: pending.condemned.clone().into(),
        })
    }
}

/// Compiles a component, or the one that the program carries, into a folder that is to be
/// [`PRECOMPILED`] of a deployment package.
///
/// # Errors
/// A component that cannot be read or compiled, or a folder that cannot be written.
pub fn precompile(transform: Option<&Path>, folder: &Path) -> anyhow::Result<PathBuf> {
    let component = component(transform)?;
    let compiled = engine(&Limits::default(), 1)
        .and_then(|engine| precompiled::compile(&engine, &component))
        .map_err(|error| anyhow::anyhow!("cannot compile: {error:#}"))?;
    let path = precompiled::path(folder, &component);
    let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, compiled));
    written.with_context(|| path.display().to_string())?;
    Ok(path)
}

fn component(transform: Option<&Path>) -> anyhow::Result<Vec<u8>> {
    let Some(path) = transform else {
        return Ok(ENRICH.to_vec());
    };
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The release that the settings choose.
///
/// # Errors
/// A component or a release that cannot be read.
pub async fn offer(settings: &RunSettings) -> anyhow::Result<Offer> {
    if let Some(Chosen { registry, release }) = &settings.chosen {
        let registry = own_files::registry(registry, settings.patience.clone()).await;
        return Ok(registry.get(*release).await?);
    }
    let component = component(settings.transform.as_deref())?;
    Offer::new(component, &settings.settings).map_err(|why| anyhow::anyhow!("settings: {why}"))
}

/// The transform as users name it.
fn name(settings: &RunSettings) -> String {
    match (&settings.chosen, &settings.transform) {
        (Some(chosen), _) => format!("release {}", chosen.release),
        (None, Some(path)) => path.display().to_string(),
        (None, None) => "the built-in transform".to_owned(),
    }
}
