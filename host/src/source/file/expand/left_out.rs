//! What is left out of a folder, and why.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use super::pattern::NamePattern;
use crate::output::counted;

/// The ends of the names of files that their writers have not finished: of downloads, of rsync and of editors.
const UNFINISHED_ENDS: [&str; 3] = [".tmp", ".part", "~"];

/// What the folders of sources hold besides the files that are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Hidden files and folders, whose names begin with a dot.
    pub hidden: u64,
    /// Files and folders that are not finished by their names: `_NAME`, `NAME.tmp`, `NAME.part` and `NAME~`.
    pub unfinished: u64,
    /// Folders that are not read because the source is not recursive.
    pub folders: u64,
    /// Special files: pipes, sockets and devices.
    pub others: u64,
    /// One of all these.
    pub first: Option<PathBuf>,
}

/// Why a file or a folder is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    Hidden,
    Unfinished,
    Folder,
    Other,
}

impl Reason {
    /// Why a file or a folder with this name is left out, if it is. A pattern that asks for such names takes them:
    /// `.*`, `_*`, `*.tmp`.
    pub(super) fn of(name: &OsStr, pattern: &NamePattern) -> Option<Self> {
        let name = name.as_bytes();
        let begins = |first: &str| name.starts_with(first.as_bytes()) && !pattern.begins(first);
        let ends = |end: &str| has_end(name, end) && !pattern.ends(end);
        if begins(".") {
            Some(Self::Hidden)
        } else if begins("_") || UNFINISHED_ENDS.into_iter().any(ends) {
            Some(Self::Unfinished)
        } else {
            None
        }
    }
}

fn has_end(name: &[u8], end: &str) -> bool {
    let at = name.len().checked_sub(end.len());
    at.is_some_and(|at| name[at..].eq_ignore_ascii_case(end.as_bytes()))
}

impl LeftOut {
    /// The number of files and folders.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.hidden + self.unfinished + self.folders + self.others
    }

    pub(super) fn add(&mut self, reason: Reason, path: PathBuf) {
        let count = match reason {
            Reason::Hidden => &mut self.hidden,
            Reason::Unfinished => &mut self.unfinished,
            Reason::Folder => &mut self.folders,
            Reason::Other => &mut self.others,
        };
        *count += 1;
        self.first.get_or_insert(path);
    }

    pub(super) fn absorb(&mut self, other: Self) {
        self.hidden += other.hidden;
        self.unfinished += other.unfinished;
        self.folders += other.folders;
        self.others += other.others;
        self.first = self.first.take().or(other.first);
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let folders = counted(self.folders, "sub-folder");
        let others = counted(self.others, "special file");
        let kinds = [
            (self.hidden, format!("{} hidden", self.hidden)),
            (
                self.unfinished,
                format!(
                    "{} unfinished by name (_NAME, NAME.tmp, NAME.part, NAME~)",
                    self.unfinished
                ),
            ),
            (
                self.folders,
                format!("{folders}, which FOLDER/** reads too"),
            ),
            (self.others, others),
        ];
        let kinds = kinds.into_iter().filter(|(count, _)| *count > 0);
        let kinds: Vec<_> = kinds.map(|(_, kind)| kind).collect();
        f.write_str(&kinds.join("; "))?;
        match &self.first {
            Some(first) => write!(f, "; for example {}", first.display()),
            None => Ok(()),
        }
    }
}
