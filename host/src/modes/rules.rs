//! The releases of a run: the active ones, and those of pending ranges that it finishes.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use sluice_engine::precompiled;
use sluice_engine::runtime::engine;
use sluice_engine::sandbox::SandboxError;
use sluice_engine::schema::SchemaError;
use sluice_release::admission::{AdmissionError, Release};
use sluice_release::bundle::{ReleaseBundle, ReleaseId};
use sluice_release::loader::ReleaseLoader;
use sluice_release::registry::Registry;
use sluice_release::release_switch::ReleaseSwitch;

use super::deployment_package;
use crate::builtin::Builtin;
use crate::config::{ConfigError, PinnedRelease, RunSettings, TransformSource};
use crate::format::parquet::TableSchema;
use crate::ledger::Pending;
use crate::ledger::messages::MessageRules;
use crate::ledger::pins::Pins;
use crate::pipeline::{ChunkPlan, NewChunks, Sinks};
use crate::sink::{Archive, SchemaStore};
use crate::source::unpacking::Unpacking;

/// The number of admitted releases that are kept in memory although they are not active, so that
/// a rollback is quick.
const REMEMBERED: usize = 8;

/// The active releases of a run, and the loader of others.
pub struct Rules {
    loader: ReleaseLoader,
    /// The settings of new chunks, except for those of their bus.
    pins: Pins,
    /// The schema of new chunks, if their objects have columns.
    table: Option<Arc<TableSchema>>,
    own: Arc<Release>,
    switch: Arc<ReleaseSwitch>,
    admitted: Mutex<VecDeque<Arc<Release>>>,
}

impl Rules {
    /// Loads the release that the run is started with, which is active until another is activated. `table` is the schema
    /// of new chunks, if their objects have columns.
    ///
    /// # Errors
    /// A component that fails admission.
    pub async fn admit(
        settings: &RunSettings,
        bundle: &ReleaseBundle,
        table: Option<Arc<TableSchema>>,
    ) -> anyhow::Result<Self> {
        let engine = engine(settings.threads)
            .map_err(|error| anyhow::anyhow!("cannot start the sandbox: {error:#}"))?;
        let packed = deployment_package::file(precompiled::FOLDER);
        let loader = ReleaseLoader::new(engine, settings.limits.clone(), packed);
        let own = loader.load(bundle.clone(), None).await;
        let own = own.map_err(|error| not_admitted(settings, error))?;
        Ok(Self {
            loader,
            pins: Pins {
                limits: settings.limits.clone(),
                format: settings.format,
                misplaced_records: settings.unpacking.misplaced_records,
                decoding: settings.unpacking.decoding,
                schema: table.as_ref().map(|table| table.digest()),
                archive: None,
                messages: None,
                message_bytes: None,
                pack_bytes: None,
            },
            table,
            switch: Arc::new(ReleaseSwitch::new(own.clone())),
            own,
            admitted: Mutex::default(),
        })
    }

    /// The release that the run was started with.
    #[must_use]
    pub fn own(&self) -> &Arc<Release> {
        &self.own
    }

    /// The switch that holds the active releases.
    #[must_use]
    pub fn switch(&self) -> &ReleaseSwitch {
        &self.switch
    }

    /// Loads other releases.
    #[must_use]
    pub fn loader(&self) -> &ReleaseLoader {
        &self.loader
    }

    fn admitted(&self) -> MutexGuard<'_, VecDeque<Arc<Release>>> {
        self.admitted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An admitted release, if it is in memory.
    #[must_use]
    pub fn known(&self, id: ReleaseId) -> Option<Arc<Release>> {
        let releases = self.switch.now();
        let admitted = self.admitted();
        // Those of a registry first: they have passed all of its checks.
        let known = releases.iter().chain(&*admitted).chain([&self.own]);
        known
            .into_iter()
            .find(|release| release.id() == id)
            .cloned()
    }

    /// Keeps an admitted release in memory.
    pub fn remember(&self, release: Arc<Release>) {
        let mut admitted = self.admitted();
        admitted.push_back(release);
        let excess = admitted.len().saturating_sub(REMEMBERED);
        admitted.drain(..excess);
    }

    /// How new chunks for these sinks are made.
    #[must_use]
    pub fn new_chunks(&self, sinks: &Sinks) -> NewChunks {
        NewChunks {
            switch: self.switch.clone(),
            pins: sinks.complete(self.pins.clone()),
            table: self.table.clone(),
            archive: sinks.archive.clone(),
        }
    }

    /// How chunks are made that are not landed. `messages` are those of the bus, if there is one.
    #[must_use]
    pub fn untargeted_chunks(&self, messages: Option<MessageRules>) -> NewChunks {
        NewChunks {
            switch: self.switch.clone(),
            pins: self.pins.clone().with_bus(messages),
            table: self.table.clone(),
            archive: None,
        }
    }

    /// How the records of new chunks are unpacked.
    #[must_use]
    pub fn unpacking(&self) -> Unpacking {
        Unpacking::of(&self.pins)
    }

    /// The plan that finishes a pending range, with everything that it was pinned with. `archive` is that of its pins.
    ///
    /// # Errors
    /// The release or the schema is not in the lake, or the release fails admission now.
    pub async fn replay_plan(
        &self,
        sinks: &Sinks,
        pending: &Pending,
        archive: Option<Archive>,
    ) -> anyhow::Result<ChunkPlan> {
        let table = pinned_schema(&sinks.schemas, pending).await?;
        let limits = pending.pins.limits.for_repetition();
        let release = match self.known(pending.release) {
            Some(known) => Arc::new(known.with_limits(limits)),
            None => {
                let what = || format!("release {}, which a pending range needs", pending.release);
                let loader = self.loader.with_limits(limits);
                let loaded = loader.reload(&sinks.registry, pending.release).await;
                loaded.with_context(what)?
            }
        };
        Ok(ChunkPlan {
            release,
            role: None,
            shadow: None,
            pins: pending.pins.clone(),
            begin: None,
            range: Some(pending.range),
            resource_faults: pending.resource_faults.clone(),
            with_positions: false,
            table,
            archive,
        })
    }
}

/// The schema that a pending range was pinned with.
async fn pinned_schema(
    schemas: &SchemaStore,
    pending: &Pending,
) -> anyhow::Result<Option<Arc<TableSchema>>> {
    let Some(digest) = pending.pins.schema else {
        return Ok(None);
    };
    let schema = schemas.get(digest).await;
    let what = || format!("schema {digest}, which a pending range needs");
    schema.map(Some).with_context(what)
}

/// Compiles a component, or all built-in transforms, into a folder, for [`precompiled::FOLDER`] of a
/// deployment package or next to the program. A file is named by the digest of its component, so that each is found.
/// Returns the files.
///
/// # Errors
/// A component that cannot be read or compiled, or a folder that cannot be written.
pub fn precompile(
    transform: Option<&TransformSource>,
    folder: &Path,
) -> anyhow::Result<Vec<PathBuf>> {
    let all = Builtin::ALL.map(TransformSource::Builtin);
    let sources = transform.map_or(&all[..], std::slice::from_ref);
    let compile = |source: &TransformSource| precompile_one(source, folder);
    sources.iter().map(compile).collect()
}

fn precompile_one(source: &TransformSource, folder: &Path) -> anyhow::Result<PathBuf> {
    let component = source.read()?;
    let engine =
        engine(1).map_err(|error| anyhow::anyhow!("cannot compile {source}: {error:#}"))?;
    let compiled = precompiled::compile(&engine, &component);
    let compiled = compiled.map_err(|error| {
        ConfigError::new("transform", format!("cannot compile {source}: {error:#}"))
    })?;
    let path = precompiled::path(folder, &component);
    let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, compiled));
    written.with_context(|| path.display().to_string())?;
    Ok(path)
}

/// The release that the settings choose.
///
/// # Errors
/// A component or a release that cannot be read.
pub async fn bundle(settings: &RunSettings) -> anyhow::Result<ReleaseBundle> {
    if let Some(PinnedRelease {
        registry,
        release,
        public_key,
    }) = &settings.pinned_release
    {
        let registry = Registry::open(registry, settings.retry_policy.clone()).await?;
        let release = registry.find(release).await?;
        if let Some(key) = public_key {
            let signature = registry.signature(release).await?;
            let checked = key.check(release, signature.as_deref());
            checked.map_err(|why| anyhow::anyhow!("release {release}: signature: {why}"))?;
        }
        return Ok(registry.get(release).await?);
    }
    let bundle = settings.transform.bundle();
    bundle.map_err(|error| settings.origins.locate(error).into())
}

/// The error of a transform that fails admission. Wrong rules are wrong usage, unless they are those of a release.
fn not_admitted(settings: &RunSettings, error: AdmissionError) -> anyhow::Error {
    let name = name(settings);
    let cannot_admit = format!("cannot admit {name}");
    if settings.pinned_release.is_some() || !error.is_of_rules() {
        return anyhow::Error::new(error).context(cannot_admit);
    }
    let transform = &settings.transform;
    let all = format!("{cannot_admit}: {error}");
    let (key, why) = match &error {
        AdmissionError::Schema(SchemaError::TransformConfig(why)) => {
            let why = format!("{name} rejects it: {why}");
            (transform.wrong_setting(&why), why)
        }
        AdmissionError::Configure(cause) => match &**cause {
            // The setting is named, and a program has its own place: only its file is to be said.
            SandboxError::TransformConfig(why) if transform.jq.is_some() => {
                let why = match transform.file() {
                    Some(file) => format!("{}: {why}", file.display()),
                    None => why.clone(),
                };
                (transform.wrong_setting(&why), why)
            }
            SandboxError::TransformConfig(_) => (transform.wrong_setting(&all), all),
            _ => (transform.rules_setting(), all),
        },
        _ => (transform.rules_setting(), all),
    };
    settings.origins.locate(ConfigError::new(key, why)).into()
}

/// The transform as the settings name it.
fn name(settings: &RunSettings) -> String {
    match &settings.pinned_release {
        Some(pinned) => format!("release {}", pinned.release),
        None => settings.transform.name(),
    }
}
