//! What a function writes to its standard output and standard error. Both are files: whatever it
//! wrote before it answered is there when the answer is.

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

    /// Where a process writes its standard output and its standard error.
    pub(super) fn outputs(&self) -> [Stdio; 2] {
        ["stdout", "stderr"].map(|name| {
            let path = self.folder.path().join(name);
            let file = File::options().append(true).create(true).open(path);
            file.unwrap().into()
        })
    }

    /// All that was written.
    pub(super) fn lines(&self) -> Lines {
        let [stdout, stderr] = ["stdout", "stderr"].map(|name| {
            // A function that was never started has no files.
            let bytes = fs::read(self.folder.path().join(name)).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes);
            text.lines().map(ToOwned::to_owned).collect()
        });
        Lines { stdout, stderr }
    }
}

impl Lines {
    /// The lines that came after these.
    pub(super) fn without(mut self, before: &Self) -> Self {
        self.stdout.drain(..before.stdout.len());
        self.stderr.drain(..before.stderr.len());
        self
    }
}
