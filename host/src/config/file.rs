//! The settings file, `sluice.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue};
use clap::{Arg, Command};
use toml::de::{DeTable, DeValue};

use super::ConfigError;
use super::json;
use super::suggestion::did_you_mean;

/// The file that is read if none is given.
const DEFAULT_NAME: &str = "sluice.toml";

/// The settings of a file: dotted keys and their values as text.
#[derive(Debug)]
pub struct File {
    path: PathBuf,
    settings: BTreeMap<String, Setting>,
}

/// One setting of a file.
#[derive(Debug)]
struct Setting {
    /// The line of the key, from 1.
    line: usize,
    values: Vec<String>,
}

impl File {
    /// Reads the file at `path`, or `sluice.toml` in the current folder if there is one, and checks
    /// it against the arguments of `known`.
    ///
    /// # Errors
    /// Names the file, the line, and the key that is unknown or has a wrong value.
    pub fn find(path: Option<&Path>, known: &Command) -> Result<Option<Self>, ConfigError> {
        let named = path.is_some();
        let path = path.unwrap_or(Path::new(DEFAULT_NAME));
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(path, &text, known).map(Some),
            Err(error) if !named && error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ConfigError::new(path.display().to_string(), error)),
        }
    }

    /// Parses the text of the file at `path`, as [`find`](Self::find) does.
    ///
    /// # Errors
    /// Names the file, the line, and the key that is unknown or has a wrong value.
    pub fn parse(path: &Path, text: &str, known: &Command) -> Result<Self, ConfigError> {
        let mut file = Self {
            path: path.to_owned(),
            settings: BTreeMap::new(),
        };
        let table = DeTable::parse(text).map_err(|error| {
            let line = line_at(text, error.span().unwrap_or_default().start);
            ConfigError::new(format!("{}:{line}", file.name()), error.message())
        })?;
        file.add(text, "", table.into_inner())?;
        for (key, setting) in &file.settings {
            check(known, key, &setting.values)
                .map_err(|why| ConfigError::new(file.place(key, setting.line), why))?;
        }
        Ok(file)
    }

    /// Adds the settings of a table whose keys begin with `prefix`.
    fn add(&mut self, text: &str, prefix: &str, table: DeTable<'_>) -> Result<(), ConfigError> {
        for (name, value) in table {
            let key = canonical(format!("{prefix}{}", name.get_ref()));
            let line = line_at(text, name.span().start);
            let values = match value.into_inner() {
                DeValue::Table(inner) if is_json(&key) => {
                    self.add_json(&key, line, inner)?;
                    continue;
                }
                DeValue::Table(inner) => {
                    self.add(text, &format!("{key}."), inner)?;
                    continue;
                }
                DeValue::Array(items) => {
                    let items = items.into_iter().map(|item| scalar(item.get_ref()));
                    items.collect()
                }
                single => scalar(&single).map(|single| vec![single]),
            };
            let values = values.map_err(|why| ConfigError::new(self.place(&key, line), why))?;
            self.insert(key, Setting { line, values })?;
        }
        Ok(())
    }

    /// Adds a setting that is a JSON object as a table.
    fn add_json(&mut self, key: &str, line: usize, table: DeTable<'_>) -> Result<(), ConfigError> {
        let wrong = |why: String| ConfigError::new(self.place(key, line), why);
        let json = json::from_table(table).map_err(wrong)?;
        let values = vec![json.to_string()];
        self.insert(key.to_owned(), Setting { line, values })
    }

    fn insert(&mut self, key: String, setting: Setting) -> Result<(), ConfigError> {
        let place = self.place(&key, setting.line);
        match self.settings.insert(key, setting) {
            None => Ok(()),
            Some(_) => Err(ConfigError::new(place, "is given twice")),
        }
    }

    /// The file as the user named it.
    #[must_use]
    pub fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Whether the file sets this key.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.settings.contains_key(key)
    }

    /// Where the file sets this key, such as `sluice.toml:7: limits.fuel`; the key alone if it does not.
    #[must_use]
    pub fn locate(&self, key: &str) -> String {
        match self.settings.get(key) {
            Some(setting) => self.place(key, setting.line),
            None => key.to_owned(),
        }
    }

    fn place(&self, key: &str, line: usize) -> String {
        format!("{}:{line}: {key}", self.name())
    }

    /// The command with the file's values as defaults, which flags and environment override.
    #[must_use]
    pub fn as_defaults(&self, command: Command) -> Command {
        self.as_defaults_of(command, |_| true)
    }

    /// As [`as_defaults`](Self::as_defaults), of the settings that `is_taken` accepts. A command need not have all of them.
    #[must_use]
    pub fn as_defaults_of(&self, command: Command, is_taken: impl Fn(&str) -> bool) -> Command {
        let has: BTreeSet<_> = command
            .get_arguments()
            .map(|arg| arg.get_id().to_string())
            .collect();
        let settings = self.settings.iter();
        let settings = settings.filter(|(key, _)| has.contains(*key) && is_taken(key));
        settings.fold(command, |command, (key, setting)| {
            command.mut_arg(key, |arg| arg.default_values(&setting.values))
        })
    }
}

/// Whether a table with this key is one JSON object and not a group of settings.
fn is_json(key: &str) -> bool {
    key == "transform_config"
}

/// The key of the setting that a file calls `key`. The name of the transform configuration may be that of the flag.
fn canonical(key: String) -> String {
    match key.as_str() {
        "transform-config" => "transform_config".to_owned(),
        _ => key,
    }
}

/// The line, from 1, of a byte of the text.
fn line_at(text: &str, byte: usize) -> usize {
    let before = text.as_bytes().iter().take(byte);
    1 + before.filter(|byte| **byte == b'\n').count()
}

fn scalar(value: &DeValue<'_>) -> Result<String, String> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix())
            .map(|number| number.to_string())
            .map_err(|_| "the number is too large".to_owned()),
        DeValue::Float(number) => match number.as_str().parse::<f64>() {
            Ok(number) => Ok(number.to_string()),
            Err(error) => Err(error.to_string()),
        },
        DeValue::Boolean(flag) => Ok(flag.to_string()),
        other => Err(format!("a setting cannot be a {}", other.type_str())),
    }
}

/// Checks that `key` is an argument of `known` that takes these values.
fn check(known: &Command, key: &str, values: &[String]) -> Result<(), String> {
    let keys = || known.get_arguments().filter(|arg| arg.get_id() != "config");
    match keys().find(|arg| arg.get_id() == key) {
        Some(arg) => values
            .iter()
            .try_for_each(|value| check_value(known, arg, value)),
        None => {
            if key == "table.catalog_token" {
                return Err(
                    "give the token in the variable SLUICE_TABLE_CATALOG_TOKEN only".into(),
                );
            }
            let section = format!("{key}.");
            if keys().any(|arg| arg.get_id().as_str().starts_with(&section)) {
                return Err(format!("is a section; write [{key}], and its keys below"));
            }
            let hint = did_you_mean(key, keys().map(|arg| arg.get_id().as_str()));
            let hint = hint
                .as_deref()
                .unwrap_or("; `sluice config show` lists all");
            Err(format!("unknown key{hint}"))
        }
    }
}

/// Checks one value with clap, as a flag of a command without environment and defaults.
pub(super) fn check_value(known: &Command, arg: &Arg, value: &str) -> Result<(), String> {
    if value.is_empty() {
        return Err("is empty; give a value, or leave the setting out".to_owned());
    }
    let flag = format!("--{}={value}", arg.get_long().unwrap_or_default());
    let alone = known.clone().mut_args(|arg| arg.env(Resettable::Reset));
    let Err(error) = alone.try_get_matches_from(["sluice", flag.as_str()]) else {
        return Ok(());
    };
    let why = std::error::Error::source(&error).map(ToString::to_string);
    let why = why.or_else(|| match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(valid)) => Some(expected(value, valid)),
        _ => None,
    });
    Err(format!(
        "{value:?}: {}",
        why.unwrap_or_else(|| error.to_string())
    ))
}

fn expected(value: &str, valid: &[String]) -> String {
    let hint = did_you_mean(value, valid.iter().map(String::as_str)).unwrap_or_default();
    format!("expected one of {}{hint}", valid.join(", "))
}

#[cfg(test)]
mod tests {
    use clap::Args as _;

    use super::*;
    use crate::config::RunArgs;

    fn parse(text: &str) -> Result<File, ConfigError> {
        let known = RunArgs::augment_args(Command::new("sluice"));
        File::parse(Path::new("sluice.toml"), text, &known)
    }

    #[test]
    fn tables_become_dotted_keys() {
        let text = "source = ['file:a', 'file:b']\n[limits]\nfuel = 5\nmemory = '8MiB'\n";
        let file = parse(text).unwrap();
        assert_eq!(file.settings["source"].values, ["file:a", "file:b"]);
        assert_eq!(file.settings["limits.fuel"].values, ["5"]);
        assert!(file.has("limits.memory") && !file.has("limits.time"));
    }

    #[test]
    fn the_transform_configuration_can_be_a_table() {
        for name in ["transform_config", "transform-config"] {
            let text = format!(
                "lake = 'file:x'\n[{name}]\npartition_by = ['date']\nlimit = 5\n[{name}.deep]\nshare = 0.5\n"
            );
            let file = parse(&text).unwrap();
            let json: serde_json::Value =
                serde_json::from_str(&file.settings["transform_config"].values[0]).unwrap();
            let expected =
                serde_json::json!({"partition_by": ["date"], "limit": 5, "deep": {"share": 0.5}});
            assert_eq!(json, expected);
            assert_eq!(
                file.locate("transform_config"),
                "sluice.toml:2: transform_config"
            );
        }
        let twice = "transform_config = '{}'\n[transform-config]\na = 1\n";
        assert!(parse(twice).is_err());
        let error = parse("[transform_config]\nshare = nan\n")
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "sluice.toml:1: transform_config: share: JSON has no number nan"
        );
    }

    #[test]
    fn an_unknown_key_is_rejected_by_its_dotted_name() {
        let error = parse("[limits]\nfeul = 5\n").unwrap_err().to_string();
        assert_eq!(
            error,
            "sluice.toml:2: limits.feul: unknown key; did you mean `limits.fuel`?"
        );
        let error = parse("# colours\nshade = 'x'\n").unwrap_err().to_string();
        assert_eq!(
            error,
            "sluice.toml:2: shade: unknown key; `sluice config show` lists all"
        );
        assert!(parse("config = 'x'\n").is_err());
        for (text, why) in [
            ("table = 'events'\n", "is a section; write [table]"),
            ("table.catalog_token = 'x'\n", "SLUICE_TABLE_CATALOG_TOKEN"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn a_setting_is_found_by_its_line() {
        let file = parse("lake = 'file:lake'\n\n[limits]\nfuel = 5\n").unwrap();
        assert_eq!(file.locate("limits.fuel"), "sluice.toml:4: limits.fuel");
        assert_eq!(file.locate("bus"), "bus");
    }

    #[test]
    fn numbers_are_read_as_toml_writes_them() {
        let text = "threads = 0x10\n[chunk]\nrecords = +1_000\nbytes = '7B'\n";
        let file = parse(text).unwrap();
        assert_eq!(file.settings["threads"].values, ["16"]);
        assert_eq!(file.settings["chunk.records"].values, ["1000"]);
        assert_eq!(file.settings["chunk.bytes"].values, ["7B"]);
        assert!(parse("threads = 1.5\n").is_err());
    }

    #[test]
    fn a_wrong_value_is_rejected_with_its_reason() {
        for (text, key, reason) in [
            ("[limits]\nfuel = 'much'\n", "limits.fuel", "whole number"),
            ("compression = 'lz4'\n", "compression", "none, gzip, zstd"),
            (
                "compression = 'zsdt'\n",
                "sluice.toml:1: compression",
                "did you mean `zstd`?",
            ),
            (
                "[limits]\ntime = 'soon'\n",
                "limits.time",
                "expected number",
            ),
            ("[chunk]\nbytes = '1 zorb'\n", "chunk.bytes", "unit"),
            ("[chunk]\nbytes = 64\n", "chunk.bytes", "KiB, MiB, GiB"),
            ("lease = 60\n", "sluice.toml:1: lease", "ms, s, m, h"),
            ("lake = ''\n", "sluice.toml:1: lake", "is empty"),
            ("lake = 2026-01-01\n", "lake", "datetime"),
            (
                "threads = 99999999999999999999999999999999999999999\n",
                "threads",
                "too large",
            ),
            ("threads = 0\n", "sluice.toml:1: threads", "give 1 or more"),
            ("threads = 65_535\n", "threads", "the largest is 1024"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(key) && error.contains(reason), "{error}");
        }
    }

    #[test]
    fn bad_toml_is_rejected_with_its_line() {
        let error = parse("bus = 'none'\nlake = \n").unwrap_err().to_string();
        assert!(error.starts_with("sluice.toml:2: "), "{error}");
    }
}
