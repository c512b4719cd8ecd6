//! `sluice transform new`: creates a package with a working transform, in one of several
//! [languages](super::languages).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use super::languages::Language;
use crate::config::ConfigError;
use crate::output;

/// What to create.
#[derive(Debug, Args)]
pub struct NewArgs {
    /// The package's name: lower case letters, digits, `-` and `_`, a letter first. In Rust, the names of the SDK's own
    /// packages are taken.
    pub name: String,
    /// Write the rules in this language.
    #[arg(long, value_enum, value_name = "LANGUAGE", default_value_t = Language::Rust)]
    pub language: Language,
    /// Create this folder; by default, one of the package's name in the current folder.
    #[arg(long, value_name = "DIR")]
    pub path: Option<PathBuf>,
}

/// Writes the package.
///
/// # Errors
/// An invalid name or a folder that is not empty, which is wrong usage; files that cannot be written.
pub fn new(args: &NewArgs) -> anyhow::Result<()> {
    let name = checked(&args.name, args.language)?;
    let folder = args.path.clone().unwrap_or_else(|| PathBuf::from(name));
    check_empty(&folder)?;
    for (path, content) in args.language.files() {
        write(&folder.join(path), &filled(&content, name))?;
    }
    let next = filled(args.language.next_steps(), name);
    output::text(next.replace("{{folder}}", &folder.display().to_string()))?;
    Ok(())
}

const NAME_MAX_BYTES: usize = 64;

/// The packages of the SDK, in the spelling of modules. Cargo cannot build two packages with one name.
const TAKEN: [&str; 2] = ["sluice_transform", "json_scan"];

fn checked(name: &str, language: Language) -> Result<&str, ConfigError> {
    let letters = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
    let well_formed = name.len() <= NAME_MAX_BYTES
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(letters);
    if language == Language::Rust && TAKEN.contains(&name.replace('-', "_").as_str()) {
        let why = format!(
            "{name:?} is a package of the SDK, which the new package contains; choose another name"
        );
        return Err(ConfigError::new("name", why));
    }
    if well_formed {
        return Ok(name);
    }
    let why = format!(
        "{name:?} is not a lower case letter followed by up to {} lower case letters, digits, '-' and '_'",
        NAME_MAX_BYTES - 1
    );
    Err(ConfigError::new("name", why))
}

/// Existing files are never overwritten.
fn check_empty(folder: &Path) -> Result<(), ConfigError> {
    let place = folder.display();
    let full = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(ConfigError::new("path", format!("{place}: {error}"))),
    };
    if full {
        return Err(ConfigError::new("path", format!("{place} is not empty")));
    }
    Ok(())
}

/// Replaces the placeholders: the package's name, and the name that cargo gives the module's file.
fn filled(content: &str, name: &str) -> String {
    content
        .replace("{{name}}", name)
        .replace("{{module}}", &name.replace('-', "_"))
}

fn write(path: &Path, content: &str) -> anyhow::Result<()> {
    let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
    let written = folder.and_then(|()| fs::write(path, content));
    written.with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::super::sdk;
    use super::*;

    #[test]
    fn a_name_is_valid_for_a_package() {
        for name in ["a", "my-rules_2"] {
            assert_eq!(checked(name, Language::Jq).unwrap(), name);
        }
        for name in ["", "-a", "2a", "A", "a b", "../a", "é", &"a".repeat(65)] {
            assert!(checked(name, Language::Jq).is_err(), "{name:?}");
        }
    }

    #[test]
    fn the_names_of_the_sdk_are_taken() {
        let checked = |name: &str| checked(name, Language::Rust).map(str::to_owned);
        for (path, manifest) in sdk::files().filter(|(path, _)| path.ends_with("Cargo.toml")) {
            let name = manifest
                .lines()
                .find_map(|line| line.strip_prefix("name = "));
            assert!(checked(name.unwrap().trim_matches('"')).is_err(), "{path}");
        }
        for name in [
            "sluice-transform",
            "sluice_transform",
            "json-scan",
            "json_scan",
        ] {
            let error = checked(name).unwrap_err().to_string();
            assert!(error.contains("choose another name"), "{error}");
        }
        assert!(checked("sluice-transforms").is_ok());
        assert!(super::checked("json-scan", Language::JavaScript).is_ok());
    }
}
