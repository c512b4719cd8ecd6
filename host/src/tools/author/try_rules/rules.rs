//! The rules that are tried: a component with its configuration, or a release.

use std::path::PathBuf;

use anyhow::Context as _;
use sluice_engine::digest::Digest;
use sluice_engine::limits::Limits;
use sluice_engine::precompiled;
use sluice_release::admission;
use sluice_release::admission::{AdmissionError, Release};
use sluice_release::bundle::ReleaseBundle;
use wasmtime::Engine;
use wasmtime::component::Component;

use super::TryArgs;
use crate::config::transform_source::read_stream;
use crate::config::{ConfigError, TransformChoice, TransformSource};
use crate::tools::author::component;

/// The rules, which are loaded for each round.
pub(super) struct Rules {
    given: Given,
    engine: Engine,
    /// The component of the last round: only its configuration may have changed.
    compiled: Option<(Digest, Component)>,
}

/// What the user gave.
enum Given {
    Release(ReleaseBundle),
    Transform(GivenTransform),
}

struct GivenTransform {
    transform: Option<TransformSource>,
    jq: Option<String>,
    /// The jq program, if it comes from a pipe or a device, which cannot be read again.
    stream: Option<String>,
    config: String,
}

impl GivenTransform {
    fn choose(&self) -> Result<TransformChoice, ConfigError> {
        if let Some(program) = &self.stream {
            return TransformChoice::of_text(program, &self.config);
        }
        TransformChoice::new(self.transform.clone(), self.jq.as_deref(), &self.config)
    }
}

impl Rules {
    /// The rules of the options; those of `release` if there is one. Files are read when the rules are
    /// [loaded](Self::load), and pipes now.
    ///
    /// # Errors
    /// The sandbox cannot start, or a pipe cannot be read.
    pub(super) fn new(args: &TryArgs, release: Option<ReleaseBundle>) -> anyhow::Result<Self> {
        let given = match release {
            Some(bundle) => Given::Release(bundle),
            None => Given::Transform(GivenTransform {
                transform: args.transform.clone(),
                jq: args.jq.clone(),
                stream: args.jq.as_deref().map(read_stream).transpose()?.flatten(),
                config: args.transform_config.clone(),
            }),
        };
        Ok(Self {
            given,
            engine: component::engine(1)?,
            compiled: None,
        })
    }

    /// The files that the rules come from.
    ///
    /// # Errors
    /// A file that cannot be read, or a configuration that is none.
    pub(super) fn files(&self) -> anyhow::Result<Vec<PathBuf>> {
        let Given::Transform(transform) = &self.given else {
            return Ok(Vec::new());
        };
        let rules = transform.choose()?.file().map(PathBuf::from);
        let config = &transform.config;
        let is_file = !config.trim_start().starts_with('{');
        let config = is_file.then(|| PathBuf::from(config));
        Ok(rules.into_iter().chain(config).collect())
    }

    /// Loads the rules: reads their files and validates them, as a run does.
    ///
    /// # Errors
    /// Wrong usage, or rules that fail admission.
    pub(super) fn load(&mut self) -> anyhow::Result<Release> {
        let choice = match &self.given {
            Given::Release(bundle) => {
                let bundle = bundle.clone();
                let admitted = self.validate(&bundle);
                let name = || format!("cannot admit release {}", bundle.manifest().id());
                return admitted.with_context(name);
            }
            Given::Transform(transform) => transform.choose()?,
        };
        let admitted = self.validate(&choice.bundle()?);
        let option = "--transform-config";
        admitted.map_err(|error| component::not_admitted(&choice, option, error))
    }

    fn validate(&mut self, bundle: &ReleaseBundle) -> Result<Release, AdmissionError> {
        let digest = bundle.manifest().component;
        let compiled = match self.compiled.take() {
            Some((known, compiled)) if known == digest => compiled,
            _ => self.compile(bundle.component())?,
        };
        let release =
            admission::validate_compiled(&self.engine, &compiled, bundle, &Limits::default());
        self.compiled = Some((digest, compiled));
        release
    }

    fn compile(&self, bytes: &[u8]) -> Result<Component, AdmissionError> {
        let folder = precompiled::next_to_the_program(bytes);
        let loaded = folder.and_then(|folder| precompiled::load(&self.engine, &folder, bytes));
        loaded.map_or_else(|| admission::compile(&self.engine, bytes), Ok)
    }
}
