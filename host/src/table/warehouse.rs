//! The warehouse: the folder or the prefix of a bucket that has the files of tables, over the same store that a lake uses,
//! so with the same client, credentials and retries.
//!
//! Iceberg names files by URIs. Those of the warehouse begin with its root, and the rest is the key of the object. A catalog
//! that is a service may keep a table in another bucket, which is outside of the warehouse. An object has a name: its key,
//! or its URI if it is outside.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use iceberg::{Error, ErrorKind, Result};
use sluice_storage::error::StorageError;
use sluice_storage::location::StoreLocation;
use sluice_storage::object_store::{Found, NewObject, ObjectStore, Payload};
use sluice_storage::retry::RetryPolicy;

use super::outside::{Outside, split};

/// A warehouse.
#[derive(Clone, Debug)]
pub struct Warehouse {
    store: Arc<dyn ObjectStore>,
    /// The URI of its root, which ends with a slash.
    root: String,
    /// The buckets outside of it, if its catalog may keep tables there.
    outside: Option<Arc<Outside>>,
}

/// An object, and the store that has it.
struct Object<'a> {
    store: Arc<dyn ObjectStore>,
    key: &'a str,
    is_in_table_bucket: bool,
}

impl Warehouse {
    /// The warehouse at a location.
    ///
    /// # Errors
    /// AWS is not configured, or the path of the folder is not UTF-8.
    pub async fn open(location: &StoreLocation, retries: RetryPolicy) -> anyhow::Result<Self> {
        let root = root(location)?;
        let store = location.open(retries).await?;
        Ok(Self {
            store,
            root,
            outside: None,
        })
    }

    /// The warehouse of a catalog that may keep tables outside of it.
    #[must_use]
    pub(super) fn reaching(self, outside: Outside) -> Self {
        let outside = Some(Arc::new(outside));
        Self { outside, ..self }
    }

    /// The store of its objects.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// The URI of its root, without a slash at the end.
    #[must_use]
    pub fn uri(&self) -> &str {
        self.root.trim_end_matches('/')
    }

    /// The URI of the object with a name.
    #[must_use]
    pub fn uri_of(&self, name: &str) -> String {
        match split(name) {
            Some(_) => name.to_owned(),
            None => format!("{}{name}", self.root),
        }
    }

    /// The name of the object with a URI.
    ///
    /// # Errors
    /// It is not in the warehouse, and its catalog keeps no table elsewhere.
    pub fn name<'a>(&self, uri: &'a str) -> Result<&'a str> {
        match (self.key(uri), &self.outside) {
            (Err(_), Some(_)) if split(uri).is_some() => Ok(uri),
            (key, _) => key,
        }
    }

    /// The key of the object with a URI.
    fn key<'a>(&self, uri: &'a str) -> Result<&'a str> {
        // Other programs name a file by its path, or by `file:` and its path.
        let path = || {
            let root = self.root.strip_prefix("file://")?;
            uri.strip_prefix("file:").unwrap_or(uri).strip_prefix(root)
        };
        uri.strip_prefix(&self.root).or_else(path).ok_or_else(|| {
            let why = format!("{uri} is not in the warehouse {}", self.uri());
            Error::new(ErrorKind::DataInvalid, why)
        })
    }

    async fn object<'a>(&self, uri: &'a str) -> Result<Object<'a>> {
        let name = self.name(uri)?;
        match (&self.outside, split(name)) {
            (Some(outside), Some((bucket, key))) => Ok(Object {
                store: outside.bucket(bucket).await?,
                key,
                is_in_table_bucket: outside.is_table_bucket(bucket),
            }),
            _ => Ok(Object {
                store: self.store.clone(),
                key: name,
                is_in_table_bucket: false,
            }),
        }
    }

    /// Reads the object with a URI, unless it is larger than `max` bytes.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn find(&self, uri: &str, max: usize) -> Result<Found> {
        let object = self.object(uri).await?;
        let found = object.store.get(object.key, max).await;
        found.map_err(|error| object.failed(&error))
    }

    /// Reads the object with a URI, which exists.
    ///
    /// # Errors
    /// It cannot be read, or does not exist.
    pub(super) async fn get(&self, uri: &str) -> Result<Bytes> {
        match self.find(uri, usize::MAX).await? {
            Found::Content(bytes) => Ok(bytes.into()),
            Found::Nothing | Found::TooLarge(_) => {
                let why = format!("{uri} does not exist");
                Err(Error::new(ErrorKind::DataInvalid, why))
            }
        }
    }

    /// Puts the object with a URI, whose name no other one has.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) async fn put(&self, uri: &str, payload: Payload) -> Result<()> {
        let object = self.object(uri).await?;
        let new = NewObject::plain(payload);
        let put = object.store.put_if_absent(object.key, new).await;
        put.map_err(|error| object.failed(&error))
    }

    /// Removes the object with a URI, if it exists.
    ///
    /// # Errors
    /// It cannot be removed.
    pub(super) async fn remove(&self, uri: &str) -> Result<()> {
        let object = self.object(uri).await?;
        let removed = object.store.remove(object.key).await;
        removed.map_err(|error| object.failed(&error))
    }

    /// The names of the objects in the folder with a URI, in their order. There are none of a bucket of S3 Tables, which
    /// lists nothing and removes by itself what no table names.
    ///
    /// # Errors
    /// They cannot be listed.
    pub(super) async fn names(&self, folder: &str) -> Result<Vec<String>> {
        let folder = format!("{}/", folder.trim_end_matches('/'));
        let object = self.object(&folder).await?;
        let mut names = Vec::new();
        if object.is_in_table_bucket {
            return Ok(names);
        }
        let folder = self.name(&folder)?;
        let mut found = |key: &str| names.push(format!("{folder}{key}"));
        let listed = object.store.list(object.key, &mut found).await;
        listed.map_err(|error| object.failed(&error))?;
        names.sort_unstable();
        Ok(names)
    }

    /// Whether the object with a URI is in a bucket of S3 Tables.
    pub(super) fn is_in_table_bucket(&self, uri: &str) -> bool {
        let bucket = self.name(uri).ok().and_then(split);
        match (&self.outside, bucket) {
            (Some(outside), Some((bucket, _))) => outside.is_table_bucket(bucket),
            _ => false,
        }
    }
}

impl Object<'_> {
    fn failed(&self, error: &StorageError) -> Error {
        let why = match self.is_in_table_bucket {
            true => format!(
                "{error}; in a bucket of S3 Tables, reads need s3tables:GetTableData and writes s3tables:PutTableData"
            ),
            false => error.to_string(),
        };
        Error::new(ErrorKind::Unexpected, why)
    }
}

impl fmt::Display for Warehouse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.uri())
    }
}

/// The URI of a location, with a slash at its end.
fn root(location: &StoreLocation) -> anyhow::Result<String> {
    match location {
        StoreLocation::Folder(path) => {
            let path = std::path::absolute(path)?;
            let path = path.to_str().ok_or_else(|| {
                anyhow::anyhow!("{}: the path of a warehouse is UTF-8", path.display())
            })?;
            Ok(format!("file://{}/", path.trim_end_matches('/')))
        }
        StoreLocation::S3 { bucket, prefix } => Ok(format!("s3://{bucket}/{prefix}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warehouse(location: &StoreLocation) -> Warehouse {
        let store = sluice_storage::folder::FolderStore::shared("/nowhere".into());
        Warehouse {
            store: Arc::new(store),
            root: root(location).unwrap(),
            outside: None,
        }
    }

    #[test]
    fn a_uri_is_the_root_and_a_key() {
        let folder = warehouse(&StoreLocation::Folder("/tmp/a b/wh/".into()));
        assert_eq!(folder.uri(), "file:///tmp/a b/wh");
        assert_eq!(folder.uri_of("x/y"), "file:///tmp/a b/wh/x/y");
        assert_eq!(folder.name("file:///tmp/a b/wh/x/y").unwrap(), "x/y");
        assert_eq!(folder.name("/tmp/a b/wh/x/y").unwrap(), "x/y");
        assert_eq!(folder.name("file:/tmp/a b/wh/x/y").unwrap(), "x/y");
        assert!(folder.name("file:///tmp/other/x").is_err());
        let (bucket, prefix) = ("b".into(), "p/".into());
        let bucket = warehouse(&StoreLocation::S3 { bucket, prefix });
        assert_eq!(bucket.uri(), "s3://b/p");
        assert_eq!(bucket.name(&bucket.uri_of("x")).unwrap(), "x");
        assert!(bucket.name("s3://b/other/x").is_err());
        let outside = Outside::new(RetryPolicy::new(std::time::Duration::ZERO), None);
        let reaching = bucket.reaching(outside);
        assert_eq!(reaching.name("s3://b/p/x").unwrap(), "x");
        let uri = "s3://b/other/x";
        assert_eq!(reaching.name(uri).unwrap(), uri);
        assert_eq!(reaching.uri_of(uri), uri);
        assert!(reaching.name("file:///x").is_err());
        assert!(!reaching.is_in_table_bucket(uri));
        assert!(reaching.is_in_table_bucket("s3://id--table-s3/metadata/x"));
        assert!(!reaching.is_in_table_bucket("s3://b/p/x"));
    }
}
