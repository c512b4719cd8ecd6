//! Programs that the local job is compared with if they are installed.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

/// An installed program.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    /// Its name and version.
    pub(crate) name: String,
}

/// Finds Vector at `given`, or otherwise on the PATH.
///
/// # Errors
///
/// What was given is not Vector, or cannot be run.
pub(crate) fn vector(given: Option<&Path>) -> anyhow::Result<Option<Program>> {
    let path = given.unwrap_or(Path::new("vector"));
    let found = vector_version(path).map(|version| Program {
        path: path.to_owned(),
        name: format!("Vector {version}"),
    });
    match given {
        Some(path) => {
            let error = || format!("--vector {}: it does not run as Vector", path.display());
            found.with_context(error).map(Some)
        }
        None => Ok(found),
    }
}

fn vector_version(path: &Path) -> Option<String> {
    let answer = answer(Command::new(path).arg("--version"))?;
    let version = answer.strip_prefix("vector ")?.split_whitespace().next()?;
    Some(version.to_owned())
}

/// The output of a program that ends well.
fn answer(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    let output = output.status.success().then_some(output.stdout)?;
    String::from_utf8(output).ok()
}
