//! The buckets outside of a warehouse that have tables: their catalog has said so.
//!
//! A bucket of S3 Tables takes no conditional puts, lists nothing and removes nothing: the service does that.

use std::sync::Arc;

use iceberg::{Error, ErrorKind, Result};
use sluice_storage::aws;
use sluice_storage::object_store::ObjectStore;
use sluice_storage::retry::RetryPolicy;
use sluice_storage::s3::S3Store;
use tokio::sync::OnceCell;

/// What the names of the buckets of S3 Tables end with.
const TABLE_BUCKET: &str = "--table-s3";

/// The buckets outside of a warehouse, over one client.
#[derive(Debug)]
pub(super) struct Outside {
    retries: RetryPolicy,
    /// The region of the table bucket whose catalog this is.
    table_bucket_region: Option<String>,
    client: OnceCell<aws_sdk_s3::Client>,
}

impl Outside {
    /// The buckets of a catalog: of one of S3 Tables, if a region is given.
    pub(super) fn new(retries: RetryPolicy, table_bucket_region: Option<String>) -> Self {
        Self {
            retries,
            table_bucket_region,
            client: OnceCell::new(),
        }
    }

    /// Whether a bucket is one of S3 Tables.
    pub(super) fn is_table_bucket(&self, bucket: &str) -> bool {
        self.table_bucket_region.is_some() || bucket.ends_with(TABLE_BUCKET)
    }

    /// The store of a bucket.
    pub(super) async fn bucket(&self, bucket: &str) -> Result<Arc<dyn ObjectStore>> {
        let client = self.client.get_or_try_init(|| self.client()).await?;
        let (name, retries) = (bucket.to_owned(), self.retries.clone());
        let store = S3Store::new(client.clone(), name, String::new(), retries);
        Ok(match self.is_table_bucket(bucket) {
            true => Arc::new(store.without_conditions()),
            false => Arc::new(store),
        })
    }

    async fn client(&self) -> Result<aws_sdk_s3::Client> {
        let config = aws::sdk_config().await;
        let config =
            config.map_err(|error| Error::new(ErrorKind::Unexpected, error.to_string()))?;
        Ok(aws::s3_in(&config, self.table_bucket_region.as_deref()))
    }
}

/// The bucket and the key of the URI of an object in S3.
pub(super) fn split(uri: &str) -> Option<(&str, &str)> {
    let schemes = ["s3://", "s3a://", "s3n://"];
    let path = schemes.iter().find_map(|scheme| uri.strip_prefix(scheme))?;
    Some(path.split_once('/').unwrap_or((path, "")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_has_a_bucket_and_a_key() {
        assert_eq!(split("s3://b/x/y"), Some(("b", "x/y")));
        assert_eq!(split("s3a://b/x"), Some(("b", "x")));
        assert_eq!(split("s3://b"), Some(("b", "")));
        for other in ["x/y", "file:///x", "/x"] {
            assert_eq!(split(other), None, "{other}");
        }
    }
}
