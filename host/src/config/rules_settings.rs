//! The rules that `transform try` is given: by flags, by variables, or by the settings file of `run`, in this order.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::Resettable;
use clap::{Args as _, Command, ValueEnum};

use super::environment::blame;
use super::file::File;
use super::resolved::Resolved;
use super::transform_source::{TransformChoice, TransformSource};
use super::{ConfigError, Origins, RunArgs};
use crate::ledger::decoding::{RecordDecoding, RecordEncoding, RecordFormat};

/// The settings of `run` that name rules, and those that say how records are decoded.
const KEYS: [&str; 6] = [
    "transform",
    "jq",
    "transform_config",
    "registry",
    "record_encoding",
    "record_format",
];

/// The flags of a command that name rules, and the file with the settings of `run`.
#[derive(Clone, Debug, Default)]
pub struct RulesFlags {
    /// `--config`
    pub config: Option<PathBuf>,
    /// `--transform`
    pub transform: Option<TransformSource>,
    /// `--jq`
    pub jq: Option<String>,
    /// `--transform-config`
    pub transform_config: Option<String>,
    /// `--registry`
    pub registry: Option<String>,
    /// `--record-encoding`
    pub record_encoding: Option<RecordEncoding>,
    /// `--record-format`
    pub record_format: Option<RecordFormat>,
}

/// The settings that name rules.
#[derive(Clone, Debug)]
pub struct RulesSettings {
    transform: Option<TransformSource>,
    /// The jq program, or the file that holds it.
    pub jq: Option<String>,
    /// The transform configuration: a JSON object, or a file that holds one.
    pub transform_config: String,
    /// The registry.
    pub registry: Option<String>,
    /// How records are decoded.
    pub decoding: RecordDecoding,
    /// Where they come from.
    pub origins: Origins,
}

impl RulesFlags {
    /// The settings: each from its flag, or else from its variable, or else from the file. `transform` and `jq` override
    /// each other as in `run`.
    ///
    /// # Errors
    /// Wrong usage.
    pub fn resolve(&self) -> anyhow::Result<RulesSettings> {
        let known = RunArgs::augment_args(Command::new("sluice"));
        let file = File::find(self.config.as_deref(), &known)?;
        let only_rules =
            known
                .clone()
                .mut_args(|arg| match KEYS.contains(&arg.get_id().as_str()) {
                    true => arg,
                    false => arg.env(Resettable::Reset),
                });
        let argv = self.argv();
        let resolved = Resolved::new(argv.clone(), only_rules, &[], file);
        let resolved = resolved.map_err(|error| match error.downcast() {
            Ok(error) => blame(error, &argv, &known, |name| std::env::var_os(name)),
            Err(error) => error,
        });
        let (args, origins) = resolved?.into_args();
        Ok(RulesSettings {
            transform: args.transform,
            jq: args.jq,
            transform_config: args.transform_config,
            registry: args.registry,
            decoding: RecordDecoding {
                encoding: args.record_encoding,
                format: args.record_format,
            },
            origins,
        })
    }

    /// The command line with these flags.
    fn argv(&self) -> Vec<OsString> {
        let transform = self.transform.as_ref().map(|source| match source {
            TransformSource::Builtin(builtin) => builtin.to_string().into(),
            TransformSource::File(path) => path.clone().into_os_string(),
        });
        let text = |text: &Option<String>| text.as_ref().map(OsString::from);
        let flags = [
            ("--transform=", transform),
            ("--jq=", text(&self.jq)),
            ("--transform-config=", text(&self.transform_config)),
            ("--registry=", text(&self.registry)),
            (
                "--record-encoding=",
                self.record_encoding.as_ref().map(name),
            ),
            ("--record-format=", self.record_format.as_ref().map(name)),
        ];
        let given = flags.into_iter().filter_map(|(flag, value)| {
            let mut argument = OsString::from(flag);
            argument.push(value?);
            Some(argument)
        });
        [OsString::from("sluice")]
            .into_iter()
            .chain(given)
            .collect()
    }
}

/// The name of a value on the command line.
fn name(value: &impl ValueEnum) -> OsString {
    let value = value.to_possible_value();
    value.map_or_else(OsString::new, |value| value.get_name().into())
}

impl RulesSettings {
    /// The transform that they choose. The file of a jq program is read now.
    ///
    /// # Errors
    /// As [`TransformChoice::new`].
    pub fn choose(&self) -> Result<TransformChoice, ConfigError> {
        TransformChoice::new(
            self.transform.clone(),
            self.jq.as_deref(),
            &self.transform_config,
        )
    }
}
