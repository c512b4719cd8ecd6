//! Finds the files that a source names: one file, the files of a folder, or those that match a pattern. Objects of S3
//! are found by the same rules (`objects.rs`), but those below a prefix are read recursively, as AWS's tools do.
//!
//! ```text
//! PATH is a file ───────────────────────────────────────▶ that file
//! PATH is a folder ─────────────▶ as the pattern PATH/* ─┐
//! nothing is there, and it has ─▶ a pattern ─────────────┴─▶ walk ─▶ files, ordered by path
//! one of the characters *?[                                    └───▶ the rest is left out and counted
//! ```
//!
//! A pattern is matched name by name, so only folders that can hold a file of it are read. A folder alone is not read
//! recursively; `FOLDER/**` is. Each folder is read once, whatever links lead to it, so a loop of links ends.

mod key_pattern;
mod left_out;
mod objects;
mod pattern;
#[cfg(test)]
mod tests;
mod walk;

use std::fs;
use std::path::Path;

use sluice_storage::s3::reader::ObjectReader;

use self::pattern::{PathPattern, has_wildcards};
use self::walk::walk;
use super::folders::or_current;
use super::identity::is_absent;
use super::{Location, SourceFile};
use crate::source::SourceError;

pub use self::left_out::LeftOut;
pub use self::objects::reads_below;

/// The files that the sources of a run name.
#[derive(Debug, Default)]
pub struct SourceFiles {
    /// The files to read: sources in their order, and the files of each one by their paths, bytewise.
    pub files: Vec<SourceFile>,
    /// What the folders hold besides them.
    pub left_out: LeftOut,
    /// The folders that hold no file to read.
    pub empty: Vec<String>,
    /// Folders that cannot be read, and patterns that no file matches.
    pub failed: Vec<SourceError>,
}

/// What a path names.
enum Form {
    /// A file, a pipe, or nothing that exists.
    File,
    Folder(PathPattern),
    Pattern(PathPattern),
    /// It does not exist, and is no valid pattern for this reason.
    Invalid(String),
}

impl Form {
    /// A path that exists as it is written is no pattern.
    fn of(path: &Path) -> Self {
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => Self::Folder(PathPattern::of_folder(path)),
            Err(error) if is_absent(&error) => match path.to_str() {
                Some(text) if has_wildcards(text) => match PathPattern::parse(text) {
                    Ok(pattern) => Self::Pattern(pattern),
                    Err(error) => Self::Invalid(error.msg.to_owned()),
                },
                _ => Self::File,
            },
            _ => Self::File,
        }
    }
}

/// Finds the files of all sources, and the objects if there is something to list them with; otherwise, what names them is
/// left as it is. What cannot be read is among the result, so that the rest can be landed.
pub async fn expand(locations: &[Location], objects: Option<&ObjectReader>) -> SourceFiles {
    let mut all = SourceFiles::default();
    for location in locations {
        match (location, objects) {
            (Location::File(path), _) => all.add(path),
            (Location::Objects(address), Some(reader)) => all.add_objects(reader, address).await,
            _ => all.files.push(SourceFile::given(location.clone())),
        }
    }
    all
}

/// Whether the location is one file or standard input, and neither a folder nor a pattern. In S3, this is known once it
/// is listed.
#[must_use]
pub fn is_one_file(location: &Location) -> bool {
    match location {
        Location::File(path) => matches!(Form::of(path), Form::File),
        Location::Stdin | Location::Object(_) | Location::Objects(_) => true,
    }
}

/// Whether a source at `path` reads files in `folder` or below it, if there are any. `folder` is absolute and has
/// no links.
#[must_use]
pub fn reads_in(path: &Path, folder: &Path) -> bool {
    let (Form::Folder(pattern) | Form::Pattern(pattern)) = Form::of(path) else {
        return false;
    };
    let Ok(base) = fs::canonicalize(or_current(&pattern.base)) else {
        return false;
    };
    folder
        .strip_prefix(base)
        .is_ok_and(|below| pattern.enters(below))
}

impl SourceFiles {
    fn add(&mut self, path: &Path) {
        let (found, is_pattern) = match Form::of(path) {
            Form::File => {
                let file = Location::File(path.to_owned());
                return self.files.push(SourceFile::given(file));
            }
            Form::Invalid(why) => {
                let why = format!("nothing has this name, and it is no pattern: {why}");
                return self.failed.push(no_file(path, why));
            }
            Form::Folder(pattern) => (walk(&pattern), false),
            Form::Pattern(pattern) => (walk(&pattern), true),
        };
        if found.files.is_empty() && found.failed.is_empty() {
            let nothing = match is_pattern {
                true => "nothing has this name, and as a pattern, it matches no file to read",
                false => "the folder has no file to read",
            };
            let why = nothing_found(nothing, &found.left_out);
            match is_pattern {
                true => self.failed.push(no_file(path, why)),
                false => self.empty.push(format!("{}: {why}", path.display())),
            }
        }
        let files = found.files.into_iter().map(Location::File);
        self.files.extend(files.map(SourceFile::listed));
        self.left_out.absorb(found.left_out);
        self.failed.extend(found.failed);
    }
}

fn nothing_found(nothing: &str, left_out: &LeftOut) -> String {
    match left_out.total() {
        0 => nothing.to_owned(),
        _ => format!("{nothing}; left out: {left_out}"),
    }
}

fn no_file(path: &Path, why: String) -> SourceError {
    let name = path.display().to_string();
    SourceError::NoFile { name, why }
}
