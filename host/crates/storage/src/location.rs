//! A folder, or a prefix of a bucket.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::aws;
use crate::error::RequestError;
use crate::folder::FolderStore;
use crate::object_store::ObjectStore;
use crate::retry::RetryPolicy;
use crate::s3::S3Store;

/// The location of a lake or a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreLocation {
    /// A folder.
    Folder(PathBuf),
    /// Below a prefix of a bucket.
    S3 {
        /// The bucket.
        bucket: String,
        /// Empty, or ending with a slash.
        prefix: String,
    },
}

impl StoreLocation {
    /// The location of a folder in this one.
    #[must_use]
    pub fn below(&self, folder: &str) -> Self {
        match self {
            Self::Folder(root) => Self::Folder(root.join(folder)),
            Self::S3 { bucket, prefix } => Self::S3 {
                bucket: bucket.clone(),
                prefix: format!("{prefix}{folder}/"),
            },
        }
    }

    /// The store here, which other processes may write to as well.
    ///
    /// # Errors
    /// AWS is not configured.
    pub async fn open(
        &self,
        retry_policy: RetryPolicy,
    ) -> Result<Arc<dyn ObjectStore>, RequestError> {
        Ok(match self {
            Self::Folder(root) => Arc::new(FolderStore::shared(root.clone())),
            Self::S3 { bucket, prefix } => {
                let client = aws::s3(&aws::sdk_config().await?);
                let (bucket, prefix) = (bucket.clone(), prefix.clone());
                Arc::new(S3Store::new(client, bucket, prefix, retry_policy))
            }
        })
    }
}

impl fmt::Display for StoreLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "{}", path.display()),
            Self::S3 { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
        }
    }
}
