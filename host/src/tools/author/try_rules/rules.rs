//! The rules that are tried: a component with its configuration, or a release.

use std::path::PathBuf;

use anyhow::Context as _;
use sluice_release::admission::Release;
use sluice_release::bundle::ReleaseBundle;

use super::sandbox::Sandbox;
use crate::config::transform_source::read_stream;
use crate::config::{ConfigError, RulesSettings, TransformChoice};
use crate::tools::author::component;

/// The rules, which are loaded for each round.
pub(super) struct Rules {
    given: Given,
    sandbox: Sandbox,
}

/// What the user gave.
enum Given {
    Release(ReleaseBundle),
    Transform(GivenTransform),
}

struct GivenTransform {
    settings: RulesSettings,
    /// The jq program, if it comes from a pipe or a device, which cannot be read again.
    stream: Option<String>,
}

impl GivenTransform {
    fn new(settings: RulesSettings) -> Result<Self, ConfigError> {
        let stream = settings.jq.as_deref().map(read_stream).transpose();
        let stream = stream.map_err(|error| settings.origins.locate(error))?;
        Ok(Self {
            stream: stream.flatten(),
            settings,
        })
    }

    fn choose(&self) -> Result<TransformChoice, ConfigError> {
        let chosen = match &self.stream {
            Some(program) => TransformChoice::of_text(program, &self.settings.transform_config),
            None => self.settings.choose(),
        };
        chosen.map_err(|error| self.settings.origins.locate(error))
    }
}

impl Rules {
    /// The rules of the settings; those of `release` if there is one. Files are read when the rules are
    /// [loaded](Self::load), and pipes now.
    ///
    /// # Errors
    /// The sandbox cannot start, or a pipe cannot be read.
    pub(super) fn new(
        settings: RulesSettings,
        release: Option<ReleaseBundle>,
    ) -> anyhow::Result<Self> {
        let given = match release {
            Some(bundle) => Given::Release(bundle),
            None => Given::Transform(GivenTransform::new(settings)?),
        };
        Ok(Self {
            given,
            sandbox: Sandbox::new()?,
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
        let config = &transform.settings.transform_config;
        let is_file = !config.trim_start().starts_with('{');
        let config = is_file.then(|| PathBuf::from(config));
        Ok(rules.into_iter().chain(config).collect())
    }

    /// Loads the rules: reads their files and validates them, as a run does.
    ///
    /// # Errors
    /// Wrong usage, or rules that fail admission.
    pub(super) fn load(&mut self) -> anyhow::Result<Release> {
        let (choice, origins) = match &self.given {
            Given::Release(bundle) => {
                let admitted = self.sandbox.validate(bundle);
                let name = || format!("cannot admit release {}", bundle.manifest().id());
                return admitted.with_context(name);
            }
            Given::Transform(given) => (given.choose()?, given.settings.origins.clone()),
        };
        let bundle = choice.bundle().map_err(|error| origins.locate(error))?;
        let option = "--transform-config";
        self.sandbox
            .validate(&bundle)
            .map_err(|error| origins.locate_any(component::not_admitted(&choice, option, error)))
    }
}
