//! Lists the files of a folder.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, SystemTime};

use super::{FolderStore, if_exists};
use crate::object_store::ListedObject;

/// A file that was modified within this time may be changed once more without another time: file systems count in ticks
/// of up to 10 ms.
const RECENTLY: Duration = Duration::from_millis(50);

impl FolderStore {
    pub(super) fn walk(&self, folder: &str, found: &mut dyn FnMut(&str)) -> io::Result<()> {
        let root = self.root.join(folder);
        let mut folders = vec![String::new()];
        while let Some(folder) = folders.pop() {
            // Another process may remove what it made.
            let Some(entries) = if_exists(fs::read_dir(root.join(&folder)))? else {
                continue;
            };
            for entry in entries {
                let entry = entry?;
                let key = format!("{folder}{}", entry.file_name().to_string_lossy());
                if entry.file_type()?.is_dir() {
                    folders.push(format!("{key}/"));
                } else {
                    found(&key);
                }
            }
        }
        Ok(())
    }

    pub(super) fn walk_objects(
        &self,
        folder: &str,
        after: Option<&str>,
        found: &mut dyn FnMut(ListedObject<'_>),
    ) -> io::Result<()> {
        let root = self.root.join(folder);
        let mut keys = Vec::new();
        self.walk(folder, &mut |key| {
            if after.is_none_or(|after| key > after) {
                keys.push(key.to_owned());
            }
        })?;
        for key in keys {
            if let Some(metadata) = if_exists(fs::metadata(root.join(&key)))? {
                found(listed(&key, &metadata));
            }
        }
        Ok(())
    }
}

/// A file in a list. A change makes a new file or another time. Two changes in one tick of the clock may do neither, so a
/// file that was modified recently has another tag in each list.
fn listed<'a>(key: &'a str, metadata: &fs::Metadata) -> ListedObject<'a> {
    let (seconds, nanoseconds) = (metadata.mtime(), metadata.mtime_nsec());
    let (file, bytes) = (metadata.ino(), metadata.len());
    let mut tag = format!("{file:x}-{seconds:x}.{nanoseconds:x}-{bytes:x}");
    let now = SystemTime::now();
    let modified = metadata.modified().ok();
    let age = modified.and_then(|modified| now.duration_since(modified).ok());
    if age.is_none_or(|age| age < RECENTLY) {
        let now = now.duration_since(SystemTime::UNIX_EPOCH);
        tag = format!("{tag}-{:x}", now.unwrap_or_default().as_nanos());
    }
    ListedObject {
        key,
        modified_at: seconds.saturating_mul(1_000) + nanoseconds / 1_000_000,
        tag,
    }
}
