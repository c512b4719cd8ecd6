//! The files of a warehouse as Iceberg reads and writes them.

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
use sluice_storage::object_store::{Found, Payload};

use super::warehouse::Warehouse;

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
        let found = self.warehouse()?.find(path, 0).await?;
        Ok(!matches!(found, Found::Nothing))
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
        self.warehouse()?.put(path, payload(bytes)).await
    }

    async fn writer(&self, path: &str) -> Result<Box<dyn FileWrite>> {
        Ok(Box::new(NewFile {
            warehouse: self.warehouse()?.clone(),
            uri: path.to_owned(),
            bytes: Vec::new(),
        }))
    }

    async fn delete(&self, path: &str) -> Result<()> {
        self.warehouse()?.remove(path).await
    }

    async fn delete_prefix(&self, path: &str) -> Result<()> {
        let warehouse = self.warehouse()?;
        for name in warehouse.names(path).await? {
            warehouse.remove(&warehouse.uri_of(&name)).await?;
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
        self.warehouse.put(&self.uri, payload(bytes.into())).await
    }
}

/// Bytes without a type.
fn payload(bytes: Bytes) -> Payload {
    Payload {
        bytes,
        content_type: None,
    }
}
