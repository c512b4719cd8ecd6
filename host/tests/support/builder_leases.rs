//! The leases of builders of tables, which a test ends as if their time was over.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use testkit::s3::S3;
use tokio::runtime::Runtime;

/// How often a lease in a bucket is written if its builder renews it at the same time.
const TRIES: usize = 5;

/// The paths of the documents of a warehouse that say which builder works.
pub(crate) fn leases(warehouse: &Path) -> Vec<PathBuf> {
    let tables = fs::read_dir(warehouse.join("_sluice/tables"));
    let folders = tables.into_iter().flatten();
    let leases = folders.map(|folder| folder.unwrap().path().join("builder.json"));
    leases.filter(|lease| lease.exists()).collect()
}

/// What a builder that ended long ago has left of its lease.
fn expired(lease: &[u8]) -> Option<Vec<u8>> {
    let mut lease: Value = serde_json::from_slice(lease).ok()?;
    lease["renewed_at"] = 0.into();
    Some(lease.to_string().into_bytes())
}

/// Ends the leases of a warehouse that is a folder. `by` tells the callers that do so at once apart.
pub(crate) fn expire_in_folder(warehouse: &Path, by: &str) {
    for lease in leases(warehouse) {
        let expired = fs::read(&lease).ok().and_then(|lease| expired(&lease));
        let new = lease.with_file_name(format!(".{by}"));
        if let Some(expired) = expired {
            fs::write(&new, expired).unwrap();
            fs::rename(&new, &lease).unwrap();
        }
    }
}

/// Ends the leases of a warehouse that is a folder of a bucket.
pub(crate) fn expire_in_bucket(s3: &S3, bucket: &str, warehouse: &Path) {
    let root = s3.root.join(bucket);
    let runtime = Runtime::new().unwrap();
    for lease in leases(warehouse) {
        let key = lease.strip_prefix(&root).unwrap().to_str().unwrap();
        runtime.block_on(async {
            for _ in 0..TRIES {
                if expire_object(s3, bucket, key).await {
                    break;
                }
            }
        });
    }
}

/// Removes the leases of a warehouse that is a folder of a bucket.
pub(crate) fn remove_in_bucket(s3: &S3, bucket: &str, warehouse: &Path) {
    let root = s3.root.join(bucket);
    let runtime = Runtime::new().unwrap();
    for lease in leases(warehouse) {
        let key = lease.strip_prefix(&root).unwrap().to_str().unwrap();
        let delete = s3.client().delete_object().bucket(bucket).key(key);
        runtime.block_on(delete.send()).unwrap();
    }
}

/// Ends a lease, and returns whether nobody has changed it at the same time.
async fn expire_object(s3: &S3, bucket: &str, key: &str) -> bool {
    let client = s3.client();
    let found = client.get_object().bucket(bucket).key(key).send().await;
    let found = found.unwrap();
    let tag = found.e_tag.unwrap();
    let lease = found.body.collect().await.unwrap().into_bytes();
    let expired = expired(&lease).unwrap();
    let put = client.put_object().bucket(bucket).key(key).if_match(tag);
    put.body(expired.into()).send().await.is_ok()
}
