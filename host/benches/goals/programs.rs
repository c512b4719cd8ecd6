//! Programs that the local job is compared with if they are installed.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

/// The Python that `make readers-setup` installs, with `DuckDB`.
const READERS_PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/readers/bin/python");

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

/// Finds a Python with `DuckDB`: `given`, or otherwise that of the PATH or of `make readers-setup`.
///
/// # Errors
///
/// What was given has no `DuckDB`, or cannot be run.
pub(crate) fn duckdb(given: Option<&Path>) -> anyhow::Result<Option<Program>> {
    let Some(path) = given else {
        let usual = ["python3", READERS_PYTHON].map(Path::new);
        return Ok(usual.into_iter().find_map(duckdb_of));
    };
    let error = || {
        format!(
            "--python {}: it does not run as a Python with the package duckdb",
            path.display()
        )
    };
    duckdb_of(path).with_context(error).map(Some)
}

/// The interpreter itself, without the time that a launcher such as pyenv's takes.
fn duckdb_of(python: &Path) -> Option<Program> {
    let script = "import duckdb, sys; print(duckdb.__version__); print(sys.executable)";
    let answer = answer(Command::new(python).args(["-c", script]))?;
    let (version, interpreter) = answer.trim_end().split_once('\n')?;
    Some(Program {
        path: interpreter.into(),
        name: format!("DuckDB {version}"),
    })
}

/// The output of a program that ends well.
fn answer(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    let output = output.status.success().then_some(output.stdout)?;
    String::from_utf8(output).ok()
}
