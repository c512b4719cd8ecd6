//! Finds the objects of S3 that a source names.

use std::path::PathBuf;

use sluice_storage::s3::reader::{ListedObject, ObjectReader};

use super::key_pattern::{KeyPattern, Verdict};
use super::left_out::{LeftOut, Reason};
use super::pattern::has_wildcards;
use super::{SourceFiles, nothing_found};
use crate::source::SourceError;
use crate::source::file::{Location, ObjectsAddress, SourceFile, SourceObject};

/// Whether a source at `address` reads objects below `folder` of its bucket, which is empty or ends with a slash.
#[must_use]
pub fn reads_below(address: &ObjectsAddress, folder: &str) -> bool {
    KeyPattern::parse(&address.key).is_ok_and(|pattern| pattern.reads_below(folder))
}

impl SourceFiles {
    /// Adds the objects that an address names, ordered by their keys.
    pub(super) async fn add_objects(&mut self, reader: &ObjectReader, address: &ObjectsAddress) {
        if let Err(error) = self.try_add_objects(reader, address).await {
            self.failed.push(error);
        }
    }

    async fn try_add_objects(
        &mut self,
        reader: &ObjectReader,
        address: &ObjectsAddress,
    ) -> Result<(), SourceError> {
        let bucket = reader.bucket(&address.bucket);
        let object = |found| Location::Object(SourceObject::new(bucket.clone(), found));
        let key = &address.key;
        if !key.is_empty() && !key.ends_with('/') {
            let found = bucket.find(key).await.map_err(SourceError::of_storage)?;
            if let Some(found) = found {
                self.files.push(SourceFile::given(object(found)));
                return Ok(());
            }
        }
        let failed = |why: String| SourceError::NoFile {
            name: address.to_string(),
            why,
        };
        let pattern = KeyPattern::parse(key).map_err(|error| {
            failed(format!(
                "nothing has this key, and it is no pattern: {}",
                error.msg
            ))
        })?;
        let mut sifted = Sifted::default();
        let mut sift = |found| sifted.add(&pattern, &address.bucket, found);
        let listed = bucket.list(pattern.prefix(), &mut sift).await;
        listed.map_err(SourceError::of_storage)?;
        let Sifted {
            mut objects,
            left_out,
            ..
        } = sifted;
        if objects.is_empty() {
            let is_folder = key.is_empty() || key.ends_with('/') || left_out.total() > 0;
            match has_wildcards(key) {
                true => self.failed.push(failed(nothing_found(NO_MATCH, &left_out))),
                false if is_folder => {
                    let why = nothing_found("no object to read has this prefix", &left_out);
                    self.empty.push(format!("{address}: {why}"));
                }
                false => self.failed.push(failed(NO_OBJECT.into())),
            }
        }
        // S3 lists them in this order, except in directory buckets.
        objects.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        let files = objects.into_iter().map(object);
        self.files.extend(files.map(SourceFile::listed));
        self.left_out.absorb(left_out);
        Ok(())
    }
}

const NO_MATCH: &str = "nothing has this key, and as a pattern, it matches no object to read";
const NO_OBJECT: &str =
    "no object has this key, and none is below it; give the key of an object, or a prefix";

/// Objects that were listed.
#[derive(Default)]
struct Sifted {
    objects: Vec<ListedObject>,
    left_out: LeftOut,
    /// The folder that was left out last. Its objects follow each other, and it is counted once.
    folder: Option<String>,
}

impl Sifted {
    fn add(&mut self, pattern: &KeyPattern, bucket: &str, found: ListedObject) {
        if let Some(folder) = &self.folder
            && found.key.starts_with(folder.as_str())
        {
            return;
        }
        match pattern.judge(&found.key, found.bytes) {
            Verdict::Taken => self.objects.push(found),
            Verdict::LeftOut(reason, key) => {
                self.left_out
                    .add(reason, PathBuf::from(format!("s3://{bucket}/{key}")));
                let is_folder = key.ends_with('/') && reason != Reason::Other;
                self.folder = is_folder.then(|| key.to_owned());
            }
            Verdict::Unmatched => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_left_out_is_counted_once() {
        let pattern = KeyPattern::parse("in").unwrap();
        let mut sifted = Sifted::default();
        for key in ["in/", "in/.x/a", "in/.x/b/c", "in/.y", "in/a", "in/b.tmp"] {
            let found = ListedObject {
                key: key.into(),
                bytes: u64::from(key != "in/"),
                etag: "\"e\"".into(),
                modified_ns: 1,
            };
            sifted.add(&pattern, "bucket", found);
        }
        let taken: Vec<&str> = sifted.objects.iter().map(|object| &*object.key).collect();
        assert_eq!(taken, ["in/a"]);
        let left_out = sifted.left_out;
        let counts = [left_out.hidden, left_out.unfinished, left_out.others];
        assert_eq!(counts, [2, 1, 1]);
        assert_eq!(left_out.first, Some(PathBuf::from("s3://bucket/in/")));
    }
}
