//! The standard output and standard error of a function. Both are files, so that the output before
//! a response is there when the response is.

use std::fs::{self, File};
use std::process::Stdio;

use tempfile::TempDir;

/// The logs of all processes of a function.
pub(super) struct Logs {
    folder: TempDir,
}

/// Lines of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lines {
    pub(crate) stdout: Vec<String>,
    pub(crate) stderr: Vec<String>,
}

impl Logs {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder }
    }

    /// The files for the standard output and standard error of a process.
    pub(super) fn outputs(&self) -> [Stdio; 2] {
        ["stdout", "stderr"].map(|name| {
            let path = self.folder.path().join(name);
            let file = File::options().append(true).create(true).open(path);
            file.unwrap().into()
        })
    }

    /// The whole output.
    pub(super) fn lines(&self) -> Lines {
        let [stdout, stderr] = ["stdout", "stderr"].map(|name| {
            // If the function was never started, there are no files.
            let bytes = fs::read(self.folder.path().join(name)).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes);
            text.lines().map(ToOwned::to_owned).collect()
        });
        Lines { stdout, stderr }
    }
}

impl Lines {
    /// The lines after these.
    pub(super) fn without(mut self, before: &Self) -> Self {
        self.stdout.drain(..before.stdout.len());
        self.stderr.drain(..before.stderr.len());
        self
    }
}
