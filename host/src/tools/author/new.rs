//! `sluice transform new`: a package of its own with a transform that works, to go on from.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use crate::config::ConfigError;

/// What to make.
#[derive(Debug, Args)]
pub struct NewArgs {
    /// The package's name: lower case letters, digits, `-` and `_`, a letter first.
    pub name: String,
    /// The folder to make; without it, one of the package's name in the current folder.
    #[arg(long, value_name = "DIR")]
    pub path: Option<PathBuf>,
}

/// Where each file goes, and what it holds but for the names.
const FILES: &[(&str, &str)] = &[
    ("Cargo.toml", include_str!("template/Cargo.toml.in")),
    ("README.md", include_str!("template/README.md.in")),
    (".gitignore", include_str!("template/gitignore.in")),
    ("src/lib.rs", include_str!("template/lib.rs.in")),
    ("src/component.rs", include_str!("template/component.rs.in")),
    (
        "cases/lesson.in.json",
        include_str!("template/lesson.in.json"),
    ),
    (
        "cases/lesson.out.ndjson",
        include_str!("template/lesson.out.ndjson"),
    ),
    (
        "cases/refused.in.ndjson",
        include_str!("template/refused.in.ndjson"),
    ),
    (
        "cases/refused.out.ndjson",
        include_str!("template/refused.out.ndjson"),
    ),
    (
        "wit/transform.wit",
        include_str!("../../../../wit/transform.wit"),
    ),
    ("wit/log.wit", include_str!("../../../../wit/log.wit")),
];

/// Writes the package.
///
/// # Errors
/// A name that no package may have or a folder that holds something, which are wrong usage; what
/// cannot be written.
pub fn new(args: &NewArgs) -> anyhow::Result<()> {
    let name = checked(&args.name)?;
    let folder = args.path.clone().unwrap_or_else(|| PathBuf::from(name));
    refuse_full(&folder)?;
    for (path, content) in FILES {
        write(&folder.join(path), &filled(content, name))?;
    }
    print!(
        "{}",
        filled(NEXT, name).replace("{{folder}}", &folder.display().to_string())
    );
    Ok(())
}

/// What to do with the package.
const NEXT: &str = "{{folder}} is ready; its README.md says more. Next, in it:
  cargo build --release --target wasm32-unknown-unknown
  sluice transform wrap target/wasm32-unknown-unknown/release/{{module}}.wasm --out {{name}}.wasm
  sluice transform test {{name}}.wasm --cases cases
";

const NAME_MAX_BYTES: usize = 64;

fn checked(name: &str) -> Result<&str, ConfigError> {
    let letters = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
    let well_formed = name.len() <= NAME_MAX_BYTES
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(letters);
    if well_formed {
        return Ok(name);
    }
    let why = format!(
        "{name:?} is not a lower case letter followed by up to {} lower case letters, digits, '-' and '_'",
        NAME_MAX_BYTES - 1
    );
    Err(ConfigError::new("name", why))
}

/// Nothing that is there is written over.
fn refuse_full(folder: &Path) -> Result<(), ConfigError> {
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

/// Puts the package's name in, and the one that cargo makes of it for the module's file.
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
    use super::*;

    #[test]
    fn a_name_is_one_that_a_package_may_have() {
        for name in ["a", "my-rules_2"] {
            assert_eq!(checked(name).unwrap(), name);
        }
        for name in ["", "-a", "2a", "A", "a b", "../a", "é", &"a".repeat(65)] {
            assert!(checked(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn no_name_is_left_open() {
        for (path, content) in FILES {
            assert!(!filled(content, "x").contains("{{"), "{path}");
        }
    }

    /// Two versions of the bindings would make two formats of what they say of a module.
    #[test]
    fn the_template_has_the_bindings_of_the_built_in_transform() {
        let version = |manifest: &str| {
            let line = manifest
                .lines()
                .find(|line| line.starts_with("wit-bindgen"));
            line.unwrap().to_owned()
        };
        let built_in = include_str!("../../../../guest-enrich/Cargo.toml");
        assert_eq!(version(FILES[0].1), version(built_in));
    }
}
