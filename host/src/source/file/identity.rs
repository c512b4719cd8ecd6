//! Which file is which: the shard of a file, and whether two paths have the same content.
//!
//! The name of a shard is `<file name>-<digest of the path>-<digest of the first line>`. So no two files share a
//! shard, and another file that takes the place of one gets a shard of its own.

use std::collections::HashMap;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use sluice_engine::digest::Digest;
use sluice_engine::record::ShardId;

use super::content::{Content, Input};
use super::prefix::PrefixHasher;
use super::stable::StableFile;
use super::tail::record_of;
use super::{Location, SourceFile};
use crate::ledger::source_file::{FileName, FilePrefix, FileStat};
use crate::source::SourceError;

/// The characters of a file's name that its shard's name keeps.
const SLUG_MAX_CHARS: usize = 64;

/// The hexadecimal digits of a digest that a shard's name keeps: 48 bits. The ledger holds the whole path, so two
/// files with the same digits are told apart.
const DIGEST_CHARS: usize = 12;

/// What a location is known by, with the settings' name for it, if there is one.
///
/// # Errors
/// The file does not exist, or its path is not UTF-8.
pub(super) fn file_name(location: &Location, given: Option<&str>) -> io::Result<FileName> {
    if let Some(name) = given {
        return Ok(FileName::Name(name.to_owned()));
    }
    let path = match location {
        Location::File(path) => path,
        Location::Stdin => return Ok(FileName::Name("stdin".into())),
        Location::Object(_) | Location::Objects(_) => {
            return Ok(FileName::Object(location.name()));
        }
    };
    if !fs::metadata(path)?.is_file() {
        // A pipe of a shell has no path of its own.
        let canonical = fs::canonicalize(path).unwrap_or_else(|_| path.clone());
        return Ok(FileName::Name(canonical.display().to_string()));
    }
    let canonical = fs::canonicalize(path)?.into_os_string().into_string();
    canonical.map(FileName::Path).map_err(|path| {
        let why = format!("its path {} is not UTF-8; rename it", path.display());
        io::Error::new(io::ErrorKind::InvalidInput, why)
    })
}

/// The shard of a file whose first line gives `head_suffix`. If a file has taken the place of another one that
/// began with the same line, it has a `number`.
pub(super) fn shard_id(name: &FileName, head_suffix: &str, number: u32) -> ShardId {
    let shard = format!("{}{head_suffix}", name_prefix(name, number));
    match ShardId::new(&shard) {
        Ok(shard) => shard,
        Err(error) => unreachable!("the name was made of what a shard's may hold: {error}"),
    }
}

/// The start of the names of all shards of files with this name and number.
pub(super) fn name_prefix(name: &FileName, number: u32) -> String {
    let (kind, text) = match name {
        FileName::Path(path) => ("path", path),
        FileName::Name(name) => ("name", name),
        FileName::Object(address) => ("object", address),
    };
    let digest = match number {
        0 => digits(format!("{kind}\0{text}").as_bytes()),
        _ => digits(format!("{kind}\0{text}\0{number}").as_bytes()),
    };
    format!("{}-{digest}", slug(text))
}

/// The end of the names of all shards of files that begin with this line.
pub(super) fn head_suffix(head: &[u8]) -> String {
    format!("-{}", digits(record_of(head)))
}

fn digits(bytes: &[u8]) -> String {
    Digest::of(bytes).to_string()[..DIGEST_CHARS].to_owned()
}

/// The part of a shard's name that people know the file by.
fn slug(path: &str) -> String {
    let name = Path::new(path).file_name().unwrap_or_default();
    let name = name.to_string_lossy();
    let safe = |c: char| match c {
        c if c.is_ascii_alphanumeric() || matches!(c, '.' | '_') => c,
        _ => '-',
    };
    let slug = name.chars().map(safe);
    let slug = slug.skip_while(|c| !c.is_ascii_alphanumeric());
    let slug: String = slug.take(SLUG_MAX_CHARS).collect();
    match slug.is_empty() {
        true => "file".into(),
        false => slug,
    }
}

/// What the file system says of a regular file.
pub(super) fn stat_of(metadata: &Metadata) -> Option<FileStat> {
    let modified_ns = nanoseconds(metadata.modified().ok()?)?;
    metadata.is_file().then(|| FileStat {
        size: metadata.len(),
        modified_ns,
        inode: metadata.ino(),
        created_ns: metadata.created().ok().and_then(nanoseconds),
        etag: None,
    })
}

fn nanoseconds(time: SystemTime) -> Option<u64> {
    let since_epoch = time.duration_since(UNIX_EPOCH).ok()?;
    Some(u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX))
}

/// A file on a device; two paths with the same one are one file (hard links).
fn device_and_inode(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// What two locations of the same file have in common.
#[derive(PartialEq, Eq, Hash)]
enum SameFile {
    Stdin,
    /// Of what is no regular file, or of an object.
    Path(PathBuf),
    Inode((u64, u64)),
}

/// Splits files into those to read and the locations of those that are the same file as an earlier one, each with the
/// location of that one. One that does not exist stays, so that opening it says so.
#[must_use]
pub fn distinct(files: Vec<SourceFile>) -> (Vec<SourceFile>, Vec<(Location, Location)>) {
    let mut seen: HashMap<SameFile, usize> = HashMap::new();
    let (mut read, mut again): (Vec<SourceFile>, _) = (Vec::new(), Vec::new());
    for file in files {
        let keys = keys(&file.location);
        let earlier = keys.iter().filter_map(|key| seen.get(key)).min();
        if let Some(earlier) = earlier {
            again.push((file.location, read[*earlier].location.clone()));
            continue;
        }
        seen.extend(keys.into_iter().map(|key| (key, read.len())));
        read.push(file);
    }
    (read, again)
}

fn keys(location: &Location) -> Vec<SameFile> {
    if matches!(location, Location::Object(_) | Location::Objects(_)) {
        return vec![SameFile::Path(location.name().into())];
    }
    let Location::File(path) = location else {
        let metadata = stdin().and_then(|file| file.metadata()).ok();
        let inode = metadata.filter(Metadata::is_file);
        let inode = inode.as_ref().map(device_and_inode);
        let inode = inode.map(SameFile::Inode);
        return inode.into_iter().chain([SameFile::Stdin]).collect();
    };
    let metadata = fs::metadata(path).ok();
    let inode = metadata.filter(Metadata::is_file);
    match inode.as_ref().map(device_and_inode) {
        Some(inode) => vec![SameFile::Inode(inode)],
        None => {
            let path = fs::canonicalize(path).unwrap_or_else(|_| path.clone());
            vec![SameFile::Path(path)]
        }
    }
}

/// Whether the file at `path` begins with `prefix`. It is read that far, unless the file system says that it has
/// not changed.
///
/// # Errors
/// It exists and cannot be read.
pub fn still_holds(path: &Path, prefix: &FilePrefix) -> io::Result<bool> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if is_absent(&error) => return Ok(false),
        Err(error) => return Err(error),
    };
    if prefix.stat.is_some() && stat_of(&metadata) == prefix.stat {
        return Ok(true);
    }
    if !metadata.is_file() {
        return Ok(false);
    }
    let raw = StableFile::at(Arc::new(File::open(path)?), 0);
    match Content::open(&path.display().to_string(), Box::new(raw)) {
        Ok(content) => Ok(matching(content.input, &[*prefix])? == [0]),
        Err(SourceError::Io { source, .. }) => Err(source),
        // It is of another kind now.
        Err(_) => Ok(false),
    }
}

/// Whether there is nothing at a path.
pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Whether nothing is at `path`, or the file at `now` by another name.
///
/// # Errors
/// It cannot be found out.
pub fn is_elsewhere(path: &Path, now: &str) -> io::Result<bool> {
    match fs::metadata(path) {
        Ok(there) => {
            let is_same = device_and_inode(&there) == device_and_inode(&fs::metadata(now)?);
            Ok(is_same || fs::canonicalize(path)? == Path::new(now))
        }
        Err(error) if is_absent(&error) => Ok(true),
        Err(error) => Err(error),
    }
}

/// The places of those prefixes that the content begins with. It is read once, up to the end of the longest.
///
/// # Errors
/// It cannot be read.
pub(super) fn matching(mut input: Input, prefixes: &[FilePrefix]) -> io::Result<Vec<usize>> {
    let mut order: Vec<usize> = (0..prefixes.len()).collect();
    order.sort_by_key(|at| prefixes[*at].bytes);
    let (mut hasher, mut found) = (PrefixHasher::default(), Vec::new());
    for at in order {
        let prefix = &prefixes[at];
        let is_there =
            hasher.bytes() == prefix.bytes || hasher.read_to(prefix.bytes, &mut input)?.is_some();
        if !is_there {
            break;
        }
        if hasher.is(prefix) {
            found.push(at);
        }
    }
    Ok(found)
}

/// Standard input as a file of its own, so that errors of reading are seen.
pub(super) fn stdin() -> io::Result<File> {
    Ok(File::from(io::stdin().as_fd().try_clone_to_owned()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(path: &str) -> FileName {
        FileName::Path(path.into())
    }

    #[test]
    fn the_name_of_a_shard_is_readable_and_no_other_file_has_it() {
        let shard = shard_id(&path("/data/events.ndjson"), &head_suffix(b"{}"), 0);
        let next = shard_id(&path("/data/events.ndjson"), &head_suffix(b"{}"), 1);
        assert_ne!(shard, next);
        assert!(shard.as_str().starts_with("events.ndjson-"), "{shard}");
        let (long, head) = ("x".repeat(200), b"{}".as_slice());
        let names = [
            path("/data/東京.ndjson"),
            path("/data/大阪.ndjson"),
            path("/one/part.ndjson"),
            path("/two/part.ndjson"),
            FileName::Name("/two/part.ndjson".into()),
            FileName::Object("/two/part.ndjson".into()),
            FileName::Object("s3://bucket/two/part.ndjson".into()),
            path(&format!("/{long}-1")),
            path(&format!("/{long}-2")),
            FileName::Name(" ".into()),
        ];
        let shard_id = |name, head| shard_id(name, &head_suffix(head), 0);
        let shards: Vec<_> = names.iter().map(|name| shard_id(name, head)).collect();
        for (at, shard) in shards.iter().enumerate() {
            assert!(!shards[..at].contains(shard), "{shard}");
            assert!(shard.as_str().ends_with(&head_suffix(head)));
            assert_ne!(*shard, shard_id(&names[at], b"[]"));
        }
    }

    #[test]
    fn all_prefixes_that_a_file_begins_with_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "abcdef").unwrap();
        let prefix = |content: &[u8]| {
            let mut hasher = PrefixHasher::default();
            hasher.update(content);
            hasher.prefix(None)
        };
        let prefixes = [b"abcdefg", &b"abc"[..], b"abd", b"abcdef", b"abc"].map(prefix);
        assert_eq!(
            matching(Box::new(File::open(&file).unwrap()), &prefixes).unwrap(),
            [1, 4, 3]
        );
        assert!(still_holds(&file, &prefixes[1]).unwrap());
        assert!(!still_holds(&file, &prefixes[2]).unwrap());
        assert!(!still_holds(&folder.path().join("none"), &prefixes[1]).unwrap());
    }
}
