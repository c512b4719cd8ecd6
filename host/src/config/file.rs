//! The settings file, `sluice.toml`.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue};
use clap::{Arg, Command};
use toml::{Table, Value};

use super::ConfigError;

/// The file that is read if none is given.
const DEFAULT_NAME: &str = "sluice.toml";

/// The settings of a file: dotted keys and their values as text.
#[derive(Debug)]
pub struct File {
    path: PathBuf,
    values: BTreeMap<String, Vec<String>>,
}

impl File {
    /// Reads the file at `path`, or `sluice.toml` in the current folder if there is one, and checks
    /// it against the arguments of `known`.
    ///
    /// # Errors
    /// Names the file, and the key where one is unknown or has a wrong value.
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
    /// Names the file, and the key where one is unknown or has a wrong value.
    pub fn parse(path: &Path, text: &str, known: &Command) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        let table: Table = toml::from_str(text)
            .map_err(|error| ConfigError::new(name.clone(), error.to_string().trim_end()))?;
        let mut values = BTreeMap::new();
        flatten("", table, &mut values).map_err(|fault| in_file(&name, fault))?;
        let file = Self {
            path: path.to_owned(),
            values,
        };
        file.check(known).map_err(|fault| in_file(&name, fault))?;
        Ok(file)
    }

    fn check(&self, known: &Command) -> Result<(), ConfigError> {
        for (key, values) in &self.values {
            let arg = known
                .get_arguments()
                .find(|arg| arg.get_id() == key && key != "config");
            let Some(arg) = arg else {
                return Err(ConfigError::new(key, unknown(key, known)));
            };
            for value in values {
                check_value(known, arg, value).map_err(|why| ConfigError::new(key, why))?;
            }
        }
        Ok(())
    }

    /// The file as the user named it.
    #[must_use]
    pub fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Whether the file sets this key.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    /// The command with the file's values as defaults, which flags and environment override.
    #[must_use]
    pub fn as_defaults(&self, command: Command) -> Command {
        self.values.iter().fold(command, |command, (key, values)| {
            command.mut_arg(key, |arg| arg.default_values(values))
        })
    }
}

fn in_file(name: &str, fault: ConfigError) -> ConfigError {
    ConfigError::new(format!("{name}: {}", fault.key), fault.why)
}

fn flatten(
    prefix: &str,
    table: Table,
    values: &mut BTreeMap<String, Vec<String>>,
) -> Result<(), ConfigError> {
    for (name, value) in table {
        let key = format!("{prefix}{name}");
        match value {
            Value::Table(inner) => flatten(&format!("{key}."), inner, values)?,
            Value::Array(items) => {
                let items = items.into_iter().map(|item| scalar(&key, item));
                let items = items.collect::<Result<Vec<_>, _>>()?;
                values.insert(key, items);
            }
            single => {
                let single = scalar(&key, single)?;
                values.insert(key, vec![single]);
            }
        }
    }
    Ok(())
}

fn scalar(key: &str, value: Value) -> Result<String, ConfigError> {
    match value {
        Value::String(text) => Ok(text),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Float(number) => Ok(number.to_string()),
        Value::Boolean(flag) => Ok(flag.to_string()),
        other => {
            let why = format!("a setting cannot be a {}", other.type_str());
            Err(ConfigError::new(key, why))
        }
    }
}

fn unknown(key: &str, known: &Command) -> String {
    let closest = known
        .get_arguments()
        .map(|arg| arg.get_id().as_str())
        .filter(|id| *id != "config")
        .min_by_key(|id| distance(id, key));
    match closest {
        Some(closest) if distance(closest, key) <= 3 => {
            format!("unknown key (did you mean {closest}?)")
        }
        _ => "unknown key; `sluice config show` lists the known ones".to_owned(),
    }
}

/// The edits between two keys (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// Checks one value with clap, as a flag of a command without environment and defaults.
fn check_value(known: &Command, arg: &Arg, value: &str) -> Result<(), String> {
    let flag = format!("--{}={value}", arg.get_long().unwrap_or_default());
    let alone = known.clone().mut_args(|arg| arg.env(Resettable::Reset));
    let Err(error) = alone.try_get_matches_from(["sluice", flag.as_str()]) else {
        return Ok(());
    };
    let why = std::error::Error::source(&error).map(ToString::to_string);
    let why = why.or_else(|| match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(valid)) => Some(format!("expected one of {}", valid.join(", "))),
        _ => None,
    });
    Err(format!(
        "{value:?}: {}",
        why.unwrap_or_else(|| error.to_string())
    ))
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
        assert_eq!(file.values["source"], ["file:a", "file:b"]);
        assert_eq!(file.values["limits.fuel"], ["5"]);
        assert!(file.has("limits.memory") && !file.has("limits.time"));
    }

    #[test]
    fn an_unknown_key_is_refused_by_its_dotted_name() {
        let error = parse("[limits]\nfeul = 5\n").unwrap_err().to_string();
        assert_eq!(
            error,
            "sluice.toml: limits.feul: unknown key (did you mean limits.fuel?)"
        );
        assert!(parse("config = 'x'\n").is_err());
    }

    #[test]
    fn a_wrong_value_is_refused_with_its_reason() {
        for (text, key, reason) in [
            ("[limits]\nfuel = 'much'\n", "limits.fuel", "invalid digit"),
            ("compression = 'lz4'\n", "compression", "none, gzip, zstd"),
            (
                "[limits]\ntime = 'soon'\n",
                "limits.time",
                "expected number",
            ),
            ("[chunk]\nbytes = '1 zorb'\n", "chunk.bytes", "unit"),
            ("lake = 2026-01-01\n", "lake", "datetime"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(key) && error.contains(reason), "{error}");
        }
    }

    #[test]
    fn bad_toml_is_refused_with_its_line() {
        let error = parse("lake = \n").unwrap_err().to_string();
        assert!(
            error.contains("sluice.toml") && error.contains("line 1"),
            "{error}"
        );
    }
}
