//! The transform that a user names: a file, a built-in transform, or a jq program.

mod jq_value;

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;
use serde_json::{Map, Value};
use sluice_release::bundle::ReleaseBundle;

use self::jq_value::{JqValue, has_jq_extension, read_stream_at, unreadable};
use super::ConfigError;
use super::read_transform_config;
use super::suggestion::{ask, closest, did_you_mean};
use crate::builtin::{self, Builtin};

pub(crate) use self::jq_value::read_stream;

/// The member of the configuration of `builtin:jq` that holds the program.
const PROGRAM: &str = "program";

/// Where a component comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransformSource {
    /// The program itself.
    Builtin(Builtin),
    /// A file.
    File(PathBuf),
}

impl TransformSource {
    /// Reads the component.
    ///
    /// # Errors
    /// A file that cannot be read, as the setting `transform`.
    pub fn read(&self) -> Result<Cow<'static, [u8]>, ConfigError> {
        let path = match self {
            Self::Builtin(builtin) => return Ok(builtin.component().into()),
            Self::File(path) => path,
        };
        std::fs::read(path).map(Cow::Owned).map_err(|error| {
            let hint = builtin_of_that_name(path).map(ask).unwrap_or_default();
            let why = format!("cannot read {}: {error}{hint}", path.display());
            ConfigError::new("transform", why)
        })
    }

    /// The file of a component.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Builtin(_) => None,
            Self::File(path) => Some(path),
        }
    }

    fn jq_file(&self) -> Option<&Path> {
        self.file().filter(|path| has_jq_extension(path))
    }
}

impl Default for TransformSource {
    fn default() -> Self {
        Self::Builtin(Builtin::default())
    }
}

/// As users name it: `builtin:jq`, or the path of a file.
impl fmt::Display for TransformSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Builtin(builtin) => builtin.fmt(f),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

impl FromStr for TransformSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix(builtin::PREFIX) {
            Some(name) => parse_builtin_name(name).map(Self::Builtin),
            None if text.is_empty() => Err("is empty; give a file or builtin:NAME".to_owned()),
            None => Ok(Self::File(text.into())),
        }
    }
}

/// Parses `builtin:NAME`.
///
/// # Errors
/// Lists the names, and suggests the closest one.
pub fn parse_builtin(text: &str) -> Result<Builtin, String> {
    let name = text.strip_prefix(builtin::PREFIX).unwrap_or(text);
    parse_builtin_name(name)
}

fn parse_builtin_name(name: &str) -> Result<Builtin, String> {
    let found = Builtin::ALL.into_iter().find(|it| it.name() == name);
    found.ok_or_else(|| {
        let all = Builtin::ALL.map(|it| it.to_string()).join(", ");
        let hint = did_you_mean(name, Builtin::ALL.map(Builtin::name)).unwrap_or_default();
        format!("there is no built-in transform `{name}`; there are {all}{hint}")
    })
}

/// The built-in transform that was probably meant by the path of a file that cannot be read.
fn builtin_of_that_name(path: &Path) -> Option<Builtin> {
    let name = closest(path.to_str()?, Builtin::ALL.map(Builtin::name))?;
    Builtin::ALL.into_iter().find(|it| it.name() == name)
}

/// A transform with its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransformChoice {
    /// The component.
    pub source: TransformSource,
    /// Its configuration, a JSON object.
    pub config: String,
    /// The jq program, if the user gave one instead of a component.
    pub jq: Option<JqProgram>,
}

/// The enrichment, without a configuration.
impl Default for TransformChoice {
    fn default() -> Self {
        Self {
            source: TransformSource::default(),
            config: "{}".to_owned(),
            jq: None,
        }
    }
}

/// A jq program that a user gives instead of a component and a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JqProgram {
    /// The file that holds it, unless it was given as text.
    pub file: Option<PathBuf>,
    /// The configuration without the program: a JSON object, or a file that holds one.
    pub rest: String,
}

impl TransformChoice {
    /// Chooses the transform that `transform` or `jq` names, by default `builtin:enrich`. `config` is that of
    /// `--transform-config`. A `transform` with the extension `.jq` is a jq program.
    ///
    /// # Errors
    /// Both are given, the program or the configuration cannot be read, or the configuration has a program too.
    pub fn new(
        transform: Option<TransformSource>,
        jq: Option<&str>,
        config: &str,
    ) -> Result<Self, ConfigError> {
        match (transform, jq) {
            (Some(transform), Some(_)) => {
                let why = format!("cannot be combined with the transform {transform}; give one");
                Err(ConfigError::new("jq", why))
            }
            (None, Some(program)) => Self::of_program(program, config),
            (transform, None) => match transform.as_ref().and_then(TransformSource::jq_file) {
                Some(path) => Self::of_file(path, config),
                None => Ok(Self {
                    source: transform.unwrap_or_default(),
                    config: read_transform_config(config)?,
                    jq: None,
                }),
            },
        }
    }

    /// Chooses a jq program: the text, or the content of the file, the pipe or the device of that name.
    fn of_program(program: &str, config: &str) -> Result<Self, ConfigError> {
        match JqValue::parse(program)? {
            JqValue::Text(program) => Self::of_text(program, config),
            JqValue::File(path) => Self::of_file(path, config),
            JqValue::Stream(path) => Self::of_text(&read_stream_at(path)?, config),
        }
    }

    /// Chooses a jq program, whatever its text looks like.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn of_text(program: &str, config: &str) -> Result<Self, ConfigError> {
        Self::of_jq(None, program, config)
    }

    /// Chooses the jq program in a file.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn of_file(path: &Path, config: &str) -> Result<Self, ConfigError> {
        let program = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
        Self::of_jq(Some(path), &program, config)
    }

    fn of_jq(file: Option<&Path>, program: &str, rest: &str) -> Result<Self, ConfigError> {
        if program.trim().is_empty() {
            let why = "the program is empty; `.` lands each record";
            return Err(ConfigError::new("jq", why));
        }
        let wrong = |why: String| ConfigError::new("transform_config", why);
        let mut config: Map<String, Value> = serde_json::from_str(&read_transform_config(rest)?)
            .map_err(|error| wrong(format!("not a JSON object: {error}")))?;
        if config.contains_key(PROGRAM) {
            let why = "has a `program`, and so has `jq`; give one of them";
            return Err(wrong(why.to_owned()));
        }
        config.insert(PROGRAM.to_owned(), program.into());
        Ok(Self {
            source: TransformSource::Builtin(Builtin::Jq),
            config: Value::from(config).to_string(),
            jq: Some(JqProgram {
                file: file.map(Path::to_owned),
                rest: rest.to_owned(),
            }),
        })
    }

    /// The file that holds the rules: the component or the jq program.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match &self.jq {
            Some(jq) => jq.file.as_deref(),
            None => self.source.file(),
        }
    }

    /// The transform in messages.
    #[must_use]
    pub fn name(&self) -> String {
        match (&self.jq, self.file()) {
            (Some(_), Some(file)) => format!("{} with {}", self.source, file.display()),
            _ => self.source.to_string(),
        }
    }

    /// The setting that is wrong if the transform rejects its configuration for the reason `why`.
    #[must_use]
    pub fn wrong_setting(&self, why: &str) -> &'static str {
        match self.jq {
            Some(_) if why.contains(PROGRAM) => "jq",
            _ => "transform_config",
        }
    }

    /// The setting that gives the rules, apart from their other configuration.
    #[must_use]
    pub fn rules_setting(&self) -> &'static str {
        match self.jq {
            Some(_) => "jq",
            None => "transform",
        }
    }

    /// Reads the component, or the jq program, once more, and bundles it with the configuration.
    ///
    /// # Errors
    /// As [`new`](Self::new) and [`bundle`](Self::bundle).
    pub fn read_again(&self) -> Result<ReleaseBundle, ConfigError> {
        match &self.jq {
            Some(JqProgram {
                file: Some(file),
                rest,
            }) => Self::of_file(file, rest)?.bundle(),
            _ => self.bundle(),
        }
    }

    /// Reads the component and bundles it with the configuration.
    ///
    /// # Errors
    /// A component that cannot be read, or a configuration that is not a JSON object.
    pub fn bundle(&self) -> Result<ReleaseBundle, ConfigError> {
        ReleaseBundle::new(self.source.read()?.into_owned(), &self.config)
            .map_err(|why| ConfigError::new("transform_config", why))
    }
}

/// The transform that a command of an author or a publisher is given.
#[derive(Clone, Debug, Args)]
pub struct TransformArgs {
    /// The component: a file, `builtin:enrich`, `builtin:jq` or `builtin:copy`. A file `NAME.jq` is a jq program.
    #[arg(required_unless_present = "jq")]
    pub file: Option<TransformSource>,
    /// Use `builtin:jq` with this program, or with the program in this file.
    #[arg(long, value_name = "PROGRAM|FILE", conflicts_with = "file")]
    pub jq: Option<String>,
    /// Set the transform configuration: a JSON object, or a file that holds one.
    #[arg(long, value_name = "JSON|FILE", default_value = "{}")]
    pub transform_config: String,
}

impl TransformArgs {
    /// The transform that they choose.
    ///
    /// # Errors
    /// As [`TransformChoice::new`].
    pub fn choose(&self) -> Result<TransformChoice, ConfigError> {
        TransformChoice::new(
            self.file.clone(),
            self.jq.as_deref(),
            &self.transform_config,
        )
    }
}

#[cfg(test)]
mod tests;
