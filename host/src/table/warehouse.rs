//! The warehouse: the folder or the prefix of a bucket that has the files of tables, over the same store that a lake uses,
//! so with the same client, credentials and retries.
//!
//! Iceberg names files by URIs. Those of the warehouse begin with its root, and the rest is the key of the object.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use iceberg::io::{
    FileMetadata, FileRead, FileWrite, InputFile, OutputFile, Storage, StorageConfig,
    StorageFactory,
};
use iceberg::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use sluice_storage::error::StorageError;
use sluice_storage::location::StoreLocation;
use sluice_storage::object_store::{Found, NewObject, ObjectStore, Payload};
use sluice_storage::retry::RetryPolicy;

/// A warehouse.
#[derive(Clone, Debug)]
pub struct Warehouse {
    store: Arc<dyn ObjectStore>,
    /// The URI of its root, which ends with a slash.
    root: String,
}

impl Warehouse {
    /// The warehouse at a location.
    ///
    /// # Errors
    /// AWS is not configured, or the path of the folder is not UTF-8.
    pub async fn open(location: &StoreLocation, retries: RetryPolicy) -> anyhow::Result<Self> {
        let root = root(location)?;
        let store = location.open(retries).await?;
        Ok(Self { store, root })
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

    /// The URI of an object.
    #[must_use]
    pub fn uri_of(&self, key: &str) -> String {
        format!("{}{key}", self.root)
    }

    /// The key of the object with a URI.
    ///
    /// # Errors
    /// It is not in the warehouse.
    pub fn key<'a>(&self, uri: &'a str) -> Result<&'a str> {
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

    async fn get(&self, uri: &str) -> Result<Bytes> {
        let key = self.key(uri)?;
        match self.store.get(key, usize::MAX).await.map_err(failed)? {
            Found::Content(bytes) => Ok(bytes.into()),
            Found::Nothing | Found::TooLarge(_) => {
                let why = format!("{} does not exist", self.store.place(key));
                Err(Error::new(ErrorKind::DataInvalid, why))
            }
        }
    }

    async fn put(&self, uri: &str, bytes: Bytes) -> Result<()> {
        let payload = Payload {
            bytes,
            content_type: None,
        };
        let key = self.key(uri)?;
        let put = self.store.put_if_absent(key, NewObject::plain(payload));
        put.await.map_err(failed)
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

fn failed(error: StorageError) -> Error {
    // Iceberg shows the source after the message.
    Error::new(ErrorKind::Unexpected, "the warehouse cannot be used").with_source(error)
}

/// Gives the files of a warehouse to a catalog. No table is sent to another process, so the warehouse itself needs no form
/// in which it could be.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct WarehouseFiles {
    #[serde(skip)]
    warehouse: Option<Warehouse>,
}

impl WarehouseFiles {
    pub(super) fn of(warehouse: &Warehouse) -> Arc<Self> {
        let warehouse = Some(warehouse.clone());
        Arc::new(Self { warehouse })
    }
}

#[typetag::serde(name = "sluice-warehouse")]
impl StorageFactory for WarehouseFiles {
    fn build(&self, _: &StorageConfig) -> Result<Arc<dyn Storage>> {
        let warehouse = self.warehouse.clone();
        Ok(Arc::new(WarehouseStorage { warehouse }))
    }
}

/// The files of a warehouse.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct WarehouseStorage {
    #[serde(skip)]
    warehouse: Option<Warehouse>,
}

impl WarehouseStorage {
    fn warehouse(&self) -> Result<&Warehouse> {
        let missing = || Error::new(ErrorKind::Unexpected, "a storage without its warehouse");
        self.warehouse.as_ref().ok_or_else(missing)
    }
}

#[async_trait]
#[typetag::serde(name = "sluice-warehouse")]
impl Storage for WarehouseStorage {
    async fn exists(&self, path: &str) -> Result<bool> {
        let warehouse = self.warehouse()?;
        let found = warehouse.store.get(warehouse.key(path)?, 0).await;
        Ok(!matches!(found.map_err(failed)?, Found::Nothing))
    }

    async fn metadata(&self, path: &str) -> Result<FileMetadata> {
        let size = self.read(path).await?.len() as u64;
        Ok(FileMetadata { size })
    }

    async fn read(&self, path: &str) -> Result<Bytes> {
        self.warehouse()?.get(path).await
    }

    async fn reader(&self, path: &str) -> Result<Box<dyn FileRead>> {
        Ok(Box::new(WholeFile(self.read(path).await?)))
    }

    async fn write(&self, path: &str, bytes: Bytes) -> Result<()> {
        self.warehouse()?.put(path, bytes).await
    }

    async fn writer(&self, path: &str) -> Result<Box<dyn FileWrite>> {
        Ok(Box::new(NewFile {
            warehouse: self.warehouse()?.clone(),
            uri: path.to_owned(),
            bytes: Vec::new(),
        }))
    }

    async fn delete(&self, path: &str) -> Result<()> {
        let warehouse = self.warehouse()?;
        let removed = warehouse.store.remove(warehouse.key(path)?);
        removed.await.map_err(failed)
    }

    async fn delete_prefix(&self, path: &str) -> Result<()> {
        let warehouse = self.warehouse()?;
        let folder = format!("{}/", warehouse.key(path)?.trim_end_matches('/'));
        let mut keys = Vec::new();
        let mut found = |key: &str| keys.push(format!("{folder}{key}"));
        warehouse
            .store
            .list(&folder, &mut found)
            .await
            .map_err(failed)?;
        for key in keys {
            warehouse.store.remove(&key).await.map_err(failed)?;
        }
        Ok(())
    }

    async fn delete_stream(&self, mut paths: BoxStream<'static, String>) -> Result<()> {
        while let Some(path) = paths.next().await {
            self.delete(&path).await?;
        }
        Ok(())
    }

    fn new_input(&self, path: &str) -> Result<InputFile> {
        Ok(InputFile::new(Arc::new(self.clone()), path.to_owned()))
    }

    fn new_output(&self, path: &str) -> Result<OutputFile> {
        Ok(OutputFile::new(Arc::new(self.clone()), path.to_owned()))
    }
}

/// A file that was read as a whole: what Iceberg reads through this trait is small.
struct WholeFile(Bytes);

#[async_trait]
impl FileRead for WholeFile {
    async fn read(&self, range: Range<u64>) -> Result<Bytes> {
        let end = |_| Error::new(ErrorKind::DataInvalid, "a range behind the end of a file");
        let start = usize::try_from(range.start).map_err(end)?;
        let end = usize::try_from(range.end).map_err(end)?;
        if start > end || end > self.0.len() {
            let why = format!("bytes {start} to {end} of a file with {}", self.0.len());
            return Err(Error::new(ErrorKind::DataInvalid, why));
        }
        Ok(self.0.slice(start..end))
    }
}

/// A file that is put as a whole when it is closed. One that is given up leaves nothing.
struct NewFile {
    warehouse: Warehouse,
    uri: String,
    bytes: Vec<u8>,
}

#[async_trait]
impl FileWrite for NewFile {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.bytes.extend_from_slice(&bytes);
        Ok(())
    }

    async fn close(&mut self) -> Result<()> {
        let bytes = std::mem::take(&mut self.bytes);
        self.warehouse.put(&self.uri, bytes.into()).await
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
        }
    }

    #[test]
    fn a_uri_is_the_root_and_a_key() {
        let folder = warehouse(&StoreLocation::Folder("/tmp/a b/wh/".into()));
        assert_eq!(folder.uri(), "file:///tmp/a b/wh");
        assert_eq!(folder.uri_of("x/y"), "file:///tmp/a b/wh/x/y");
        assert_eq!(folder.key("file:///tmp/a b/wh/x/y").unwrap(), "x/y");
        assert_eq!(folder.key("/tmp/a b/wh/x/y").unwrap(), "x/y");
        assert_eq!(folder.key("file:/tmp/a b/wh/x/y").unwrap(), "x/y");
        assert!(folder.key("file:///tmp/other/x").is_err());
        let (bucket, prefix) = ("b".into(), "p/".into());
        let bucket = warehouse(&StoreLocation::S3 { bucket, prefix });
        assert_eq!(bucket.uri(), "s3://b/p");
        assert_eq!(bucket.key(&bucket.uri_of("x")).unwrap(), "x");
        assert!(bucket.key("s3://b/other/x").is_err());
    }
}
