//! The release that a run serves with, and those that it finishes the work of others with.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use wasmtime::Engine;

use super::targets::OwnFiles;
use crate::config::RunSettings;
use crate::encode::Format;
use crate::ledger::Pending;
use crate::pipeline::Plan;
use crate::transform::ENRICH;
use crate::transform::admit::{Release, admit};
use crate::transform::engine::engine;
use crate::transform::limits::Limits;
use crate::transform::registry::Registry;
use crate::transform::release::Offer;

/// The engine and the active release.
pub struct Rules {
    engine: Engine,
    limits: Limits,
    format: Format,
    offer: Offer,
    active: Arc<Release>,
}

impl Rules {
    /// Admits the transform of the settings.
    ///
    /// # Errors
    /// A component that cannot be read or is refused.
    pub fn admit(settings: &RunSettings) -> anyhow::Result<Self> {
        let (component, name) = component(settings.transform.as_deref())?;
        let offer = Offer::new(component, &settings.settings)
            .map_err(|why| anyhow::anyhow!("settings: {why}"))?;
        let engine = engine(&settings.limits, settings.threads)
            .map_err(|error| anyhow::anyhow!("cannot start the sandbox: {error:#}"))?;
        let active = admit(&engine, &offer, &settings.limits)
            .with_context(|| format!("{name} is refused"))?;
        tracing::info!(release = %active.id(), transform = active.name(), "serving");
        Ok(Self {
            engine,
            limits: settings.limits.clone(),
            format: settings.format,
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
            range: Some(pending.range),
            condemned: pending.condemned.clone().into(),
        })
    }
}

fn component(path: Option<&Path>) -> anyhow::Result<(Vec<u8>, String)> {
    let Some(path) = path else {
        return Ok((ENRICH.to_vec(), "the built-in transform".to_owned()));
    };
    let name = path.display().to_string();
    let component = std::fs::read(path).with_context(|| format!("cannot read {name}"))?;
    Ok((component, name))
}
