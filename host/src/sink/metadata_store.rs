//! Sluice's own documents: the releases that a lake keeps, and registries.

use std::path::Path;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::release::registry::{Known, Registry};
use crate::sink::s3::S3Lake;
use crate::storage::aws;
use crate::storage::files::{Folder, Scratch};
use crate::storage::location::StoreLocation;
use crate::storage::object_store::{ConditionalRead, FileResult, Files, Found, Version};
use crate::storage::retry::RetryPolicy;

/// Files by name, in a folder or below a prefix of a bucket.
pub enum MetadataStore {
    /// In a folder.
    Folder(Folder),
    /// In S3.
    S3(S3Lake),
}

impl MetadataStore {
    /// The store at a target that other processes may write to as well.
    pub async fn open(target: &StoreLocation, retry_policy: RetryPolicy) -> Self {
        match target {
            StoreLocation::Folder(root) => Self::Folder(Folder::new(root.clone(), scratch(root))),
            StoreLocation::S3 { bucket, prefix } => {
                let client = aws::s3(&aws::sdk_config().await);
                Self::S3(S3Lake::new(
                    client,
                    bucket.clone(),
                    prefix.clone(),
                    retry_policy,
                ))
            }
        }
    }
}

/// The registry at a place.
pub async fn registry(
    target: &StoreLocation,
    retry_policy: RetryPolicy,
) -> Registry<MetadataStore> {
    Registry::new(
        MetadataStore::open(target, retry_policy).await,
        Known::default(),
    )
}

/// Named by process and chance: other processes may write temporary files to the same folder.
fn scratch(root: &Path) -> Arc<Scratch> {
    let name = format!("{}-{:016x}", std::process::id(), rand::random::<u64>());
    Scratch::unopened(root.join(".tmp").join(name)).into()
}

impl MetadataStore {
    fn files(&self) -> &dyn Files {
        match self {
            Self::Folder(folder) => folder,
            Self::S3(lake) => lake,
        }
    }
}

impl Files for MetadataStore {
    fn create<'a>(&'a self, name: &'a str, content: &'a [u8]) -> BoxFuture<'a, FileResult<()>> {
        self.files().create(name, content)
    }

    fn read<'a>(&'a self, name: &'a str, max: usize) -> BoxFuture<'a, FileResult<Found>> {
        self.files().read(name, max)
    }

    fn get_if_changed<'a>(
        &'a self,
        name: &'a str,
        seen: Option<&'a Version>,
    ) -> BoxFuture<'a, FileResult<ConditionalRead>> {
        self.files().get_if_changed(name, seen)
    }

    fn swap<'a>(
        &'a self,
        name: &'a str,
        content: &'a [u8],
        seen: Option<&'a Version>,
    ) -> BoxFuture<'a, FileResult<bool>> {
        self.files().swap(name, content, seen)
    }

    fn list<'a>(&'a self, folder: &'a str) -> BoxFuture<'a, FileResult<Vec<String>>> {
        self.files().list(folder)
    }

    fn remove<'a>(&'a self, name: &'a str) -> BoxFuture<'a, FileResult<()>> {
        self.files().remove(name)
    }
}
