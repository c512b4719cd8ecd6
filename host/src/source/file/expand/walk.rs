//! Walks the folders that a pattern names.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::fs::FileType;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::left_out::{LeftOut, Reason};
use super::pattern::{NamePattern, Part, PathPattern};
use crate::source::SourceError;
use crate::source::file::folders::or_current;
use crate::source::file::identity::is_absent;
use crate::source::file::stable::source_error;

/// What a walk found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The files, ordered by their paths, bytewise.
    pub(super) files: Vec<PathBuf>,
    pub(super) left_out: LeftOut,
    /// Folders that cannot be read.
    pub(super) failed: Vec<SourceError>,
}

/// Finds all files that match a pattern. One folder is open at a time.
pub(super) fn walk(pattern: &PathPattern) -> Found {
    let mut walk = Walk {
        parts: &pattern.parts,
        seen: HashSet::new(),
        ahead: Vec::new(),
        found: Found::default(),
    };
    match fs::metadata(or_current(&pattern.base)) {
        Ok(base) if !base.is_dir() => {}
        Err(error) if is_absent(&error) => {}
        // If it cannot be examined, reading it says why.
        _ => walk.ahead.push((pattern.base.clone(), 0)),
    }
    while let Some((folder, at)) = walk.ahead.pop() {
        if let Err(error) = walk.visit(&folder, at) {
            let name = or_current(&folder).display().to_string();
            walk.found.failed.push(source_error(&name, error));
        }
    }
    let files = &mut walk.found.files;
    files.sort_unstable_by(|a, b| a.as_os_str().cmp(b.as_os_str()));
    files.dedup();
    walk.found
}

struct Walk<'a> {
    parts: &'a [Part],
    /// The folders that were read, by device and inode, each for a part of the pattern.
    seen: HashSet<(u64, u64, usize)>,
    /// The folders to read, each for a part of the pattern; the next one is the last.
    ahead: Vec<(PathBuf, usize)>,
    found: Found,
}

/// What a name of a folder stands for, after links.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Folder,
    Other,
}

impl Kind {
    fn of(kind: FileType) -> Self {
        if kind.is_dir() {
            Self::Folder
        } else if kind.is_fifo()
            || kind.is_socket()
            || kind.is_char_device()
            || kind.is_block_device()
        {
            Self::Other
        } else {
            Self::File
        }
    }

    /// The kind of what is at `path`. A link that leads nowhere is a file, so that opening it says why it fails.
    fn at(path: &Path, kind: FileType) -> Self {
        match kind.is_symlink() {
            true => fs::metadata(path).map_or(Self::File, |there| Self::of(there.file_type())),
            false => Self::of(kind),
        }
    }
}

impl Walk<'_> {
    fn visit(&mut self, folder: &Path, at: usize) -> io::Result<()> {
        let there = fs::metadata(or_current(folder))?;
        if !self.seen.insert((there.dev(), there.ino(), at)) {
            return Ok(());
        }
        let below = match &self.parts[at] {
            Part::Literal(name) => self.take_named(folder.join(name), at)?,
            Part::Name(pattern) => self.take_matching(folder, pattern, at)?,
            Part::Folders => {
                let mut below = vec![(folder.to_owned(), at + 1)];
                below.extend(self.folders_in(folder, at)?);
                below
            }
        };
        self.ahead.extend(below.into_iter().rev());
        Ok(())
    }

    fn is_last(&self, at: usize) -> bool {
        at + 1 == self.parts.len()
    }

    /// Takes the file or the folder at `path`, if there is one. Returns the folder to read.
    fn take_named(&mut self, path: PathBuf, at: usize) -> io::Result<Vec<(PathBuf, usize)>> {
        let kind = match fs::metadata(&path) {
            Ok(there) => Kind::of(there.file_type()),
            Err(error) if is_absent(&error) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        match (self.is_last(at), kind) {
            (false, Kind::Folder) => return Ok(vec![(path, at + 1)]),
            (false, _) => {}
            (true, Kind::File) => self.found.files.push(path),
            (true, Kind::Folder) => self.found.left_out.add(Reason::Folder, path),
            (true, Kind::Other) => self.found.left_out.add(Reason::Other, path),
        }
        Ok(Vec::new())
    }

    /// Takes the files of a folder that match, or returns the folders that match.
    fn take_matching(
        &mut self,
        folder: &Path,
        pattern: &NamePattern,
        at: usize,
    ) -> io::Result<Vec<(PathBuf, usize)>> {
        let is_last = self.is_last(at);
        let is_recursive = at > 0 && matches!(self.parts[at - 1], Part::Folders);
        let mut below = Vec::new();
        for (name, kind) in entries(folder)? {
            if !pattern.matches(&name) {
                continue;
            }
            let path = folder.join(&name);
            let reason = Reason::of(&name, pattern);
            match Kind::at(&path, kind) {
                // The folders below are read by the part before.
                Kind::Folder if is_last && is_recursive => {}
                Kind::Folder => match reason.or(is_last.then_some(Reason::Folder)) {
                    Some(reason) => self.found.left_out.add(reason, path),
                    None => below.push((path, at + 1)),
                },
                // It is named where a folder is asked for.
                Kind::File | Kind::Other if !is_last => {}
                Kind::Other => {
                    let reason = reason.unwrap_or(Reason::Other);
                    self.found.left_out.add(reason, path);
                }
                Kind::File => match reason {
                    Some(reason) => self.found.left_out.add(reason, path),
                    None => self.found.files.push(path),
                },
            }
        }
        Ok(below)
    }

    /// The folders in a folder, for the same part of the pattern.
    fn folders_in(&mut self, folder: &Path, at: usize) -> io::Result<Vec<(PathBuf, usize)>> {
        let mut below = Vec::new();
        for (name, kind) in entries(folder)? {
            let path = folder.join(&name);
            if Kind::at(&path, kind) != Kind::Folder {
                continue;
            }
            match Reason::of(&name, &NamePattern::ALL) {
                Some(reason) => self.found.left_out.add(reason, path),
                None => below.push((path, at)),
            }
        }
        Ok(below)
    }
}

/// The names in a folder, in order. The folder is closed again.
fn entries(folder: &Path) -> io::Result<Vec<(OsString, FileType)>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(or_current(folder))? {
        let entry = entry?;
        entries.push((entry.file_name(), entry.file_type()?));
    }
    entries.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    Ok(entries)
}
