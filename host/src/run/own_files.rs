//! Files of Sluice's own: what the lake keeps of releases, and registries.

use std::path::Path;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::aws;
use crate::config::LakeTarget;
use crate::files::{Folder, Scratch};
use crate::retry::Patience;
use crate::sink::s3::S3Lake;
use crate::transform::registry::{Registry, WriteOnce};

/// Files by name, in a folder or below a prefix of a bucket.
pub enum OwnFiles {
    /// In a folder.
    Folder(Folder),
    /// In S3.
    S3(S3Lake),
}

impl OwnFiles {
    /// The files of a place that is shared with others.
    pub async fn open(target: &LakeTarget, patience: Patience) -> Self {
        match target {
            LakeTarget::Directory(root) => Self::Folder(Folder::new(root.clone(), scratch(root))),
            LakeTarget::S3 { bucket, prefix } => {
                let client = aws::s3(&aws::sdk_config().await);
                Self::S3(S3Lake::new(
                    client,
                    bucket.clone(),
                    prefix.clone(),
                    patience,
                ))
            }
        }
    }
}

/// The registry at a place.
pub async fn registry(target: &LakeTarget, patience: Patience) -> Registry<OwnFiles> {
    Registry::new(OwnFiles::open(target, patience).await)
}

/// Others may be making files in the same place.
fn scratch(root: &Path) -> Arc<Scratch> {
    let name = format!("{}-{:016x}", std::process::id(), rand::random::<u64>());
    Scratch::unopened(root.join(".tmp").join(name)).into()
}

impl WriteOnce for OwnFiles {
    fn create<'a>(&'a self, name: &'a str, content: &'a [u8]) -> BoxFuture<'a, Result<(), String>> {
        match self {
            Self::Folder(folder) => folder.create(name, content),
            Self::S3(lake) => Box::pin(lake.create_own(name, content)),
        }
    }

    fn read<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, String>> {
        match self {
            Self::Folder(folder) => folder.read(name),
            Self::S3(lake) => Box::pin(lake.read_own(name)),
        }
    }
}
