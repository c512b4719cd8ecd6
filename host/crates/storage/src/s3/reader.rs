//! Lists and reads objects that other programs have written.
//!
//! An object is read in the version that was listed. If the connection breaks, reading goes on with a range from the
//! byte that is missing.

mod content;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{EncodingType, Object};
use thiserror::Error;
use tokio::runtime::Handle;

pub use self::content::ObjectContent;
use super::{failed, status, url};
use crate::error::{ErrorKind, Operation, RequestError, StorageError};
use crate::object_store::StorageResult;
use crate::retry::{Attempts, RetryPolicy};

/// The label of listings in the metric of retries. They are not those of the lake: a permission for one says nothing
/// of the other.
const LIST: &str = "list_source_objects";

/// HTTP's "Precondition Failed": with `If-Match`, the object is not the version that is named any more.
const PRECONDITION_FAILED: u16 = 412;

/// What is needed to read objects. Clones share the client.
#[derive(Clone, Debug)]
pub struct ObjectReader {
    client: Client,
    retry_policy: RetryPolicy,
    runtime: Handle,
}

/// A bucket whose objects are read.
#[derive(Debug)]
pub struct ReadBucket {
    reader: ObjectReader,
    name: String,
    /// Whether a read was denied for as long as a new permission takes. Later ones do not wait for it again.
    is_denied: AtomicBool,
}

/// An object as it was listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedObject {
    /// Its key.
    pub key: Box<str>,
    /// Its size, bytes.
    pub bytes: u64,
    /// Its `ETag`, in quotes, which names this version.
    pub etag: Box<str>,
    /// When it was last modified, nanoseconds since the Unix epoch; 0 if the service does not say.
    pub modified_ns: u64,
}

/// Why an object cannot be read. Transient errors have been retried by then.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ObjectReadError {
    /// It does not exist any more.
    #[error("it was removed after it was listed")]
    Removed,
    /// It has another version than when it was listed.
    #[error(
        "it was replaced after it was listed; run again: the next run compares what has landed with the new object"
    )]
    Replaced,
    /// Its storage class does not allow reads.
    #[error(
        "it is archived (S3 Glacier Flexible Retrieval, Deep Archive, or an archive tier); restore it (aws s3api \
         restore-object), and run again when the copy is there"
    )]
    Archived,
    /// The request fails.
    #[error("{0}")]
    Failed(RequestError),
}

impl ObjectReader {
    /// Reads objects with this client, by tasks of this runtime.
    #[must_use]
    pub fn new(client: Client, retry_policy: RetryPolicy, runtime: Handle) -> Self {
        Self {
            client,
            retry_policy,
            runtime,
        }
    }

    /// The bucket of this name. Nothing is requested.
    #[must_use]
    pub fn bucket(&self, name: &str) -> Arc<ReadBucket> {
        Arc::new(ReadBucket {
            reader: self.clone(),
            name: name.to_owned(),
            is_denied: AtomicBool::new(false),
        })
    }
}

impl ReadBucket {
    /// The name of the bucket.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The object with exactly this key, if there is one. It takes one request and the permission to list.
    ///
    /// # Errors
    /// The bucket cannot be listed.
    pub async fn find(&self, key: &str) -> StorageResult<Option<ListedObject>> {
        // No key sorts between a prefix and itself.
        let page = self.page(key, Some(1), None).await?;
        let first = page.into_iter_of(self, key)?.next();
        Ok(first.filter(|object| *object.key == *key))
    }

    /// Calls `found` with each object whose key begins with `prefix`. No more than a page is kept in memory.
    ///
    /// # Errors
    /// The bucket cannot be listed.
    pub async fn list(
        &self,
        prefix: &str,
        found: &mut (dyn FnMut(ListedObject) + Send),
    ) -> StorageResult<()> {
        let mut token = None;
        loop {
            let page = self.page(prefix, None, token.take()).await?;
            token = page.0.next_continuation_token().map(str::to_owned);
            page.into_iter_of(self, prefix)?.for_each(&mut *found);
            if token.is_none() {
                return Ok(());
            }
        }
    }

    /// A range of the content of an object of this bucket. Nothing is requested before the first read.
    #[must_use]
    pub fn read(self: &Arc<Self>, object: &Arc<ListedObject>, range: Range<u64>) -> ObjectContent {
        ObjectContent::new(self.clone(), object.clone(), range)
    }

    async fn page(
        &self,
        prefix: &str,
        max_keys: Option<i32>,
        token: Option<String>,
    ) -> StorageResult<Page> {
        let what = format!("list s3://{}/{prefix}", self.name);
        let page = || async {
            let page = self.reader.client.list_objects_v2().bucket(&self.name);
            let page = page.prefix(prefix).encoding_type(EncodingType::Url);
            let page = page.set_max_keys(max_keys);
            let page = page.set_continuation_token(token.clone()).send().await;
            page.map_err(|error| failed(Operation::List, &error))
        };
        // No success is noted: the permission to list one prefix says nothing of that for another one, so a denied
        // request is not retried for long.
        let mut attempts = Attempts::new(&self.reader.retry_policy, LIST);
        loop {
            match page().await {
                Ok(page) => return Ok(Page(page)),
                Err(cause) if attempts.wait_to_retry(&what, &cause).await => {}
                Err(cause) => return Err(self.listing_error(prefix, cause)),
            }
        }
    }

    fn listing_error(&self, prefix: &str, cause: RequestError) -> StorageError {
        StorageError {
            operation: Operation::List,
            place: format!("s3://{}/{prefix}", self.name),
            cause,
        }
    }

    /// Requests a range of a version of an object, with one attempt.
    async fn get(
        &self,
        object: &ListedObject,
        range: Range<u64>,
    ) -> Result<ByteStream, ObjectReadError> {
        let is_all = range == (0..object.bytes);
        let get = self.reader.client.get_object().bucket(&self.name);
        let get = get.key(&*object.key).if_match(&*object.etag);
        let get = match is_all {
            true => get,
            false => get.range(format!("bytes={}-{}", range.start, range.end - 1)),
        };
        let found = get.send().await.map_err(|error| read_error(&error))?;
        let begin = format!("bytes {}-", range.start);
        let is_range = found
            .content_range()
            .is_some_and(|found| found.starts_with(&begin));
        if !is_all && !is_range {
            let why = "the service ignores the header Range";
            return Err(ObjectReadError::Failed(RequestError::new(
                ErrorKind::Other,
                why,
            )));
        }
        Ok(found.body)
    }
}

/// A page of a listing.
struct Page(ListObjectsV2Output);

impl Page {
    /// The objects of the page.
    ///
    /// # Errors
    /// One of them has no `ETag`, so that it could be replaced without notice.
    fn into_iter_of(
        self,
        bucket: &ReadBucket,
        prefix: &str,
    ) -> StorageResult<impl Iterator<Item = ListedObject>> {
        let is_encoded = self.0.encoding_type() == Some(&EncodingType::Url);
        let objects = self.0.contents.unwrap_or_default();
        let objects: Option<Vec<_>> = objects
            .into_iter()
            .map(|object| listed(object, is_encoded))
            .collect();
        let objects = objects.ok_or_else(|| {
            let why = "the service lists an object without its key or its ETag";
            bucket.listing_error(prefix, RequestError::new(ErrorKind::Other, why))
        });
        objects.map(IntoIterator::into_iter)
    }
}

fn listed(object: Object, is_encoded: bool) -> Option<ListedObject> {
    let key = object.key?;
    let modified = object.last_modified.map_or(0, |moment| moment.as_nanos());
    Some(ListedObject {
        key: match is_encoded {
            true => url::decode(&key).into(),
            false => key.into(),
        },
        bytes: object.size.and_then(|bytes| u64::try_from(bytes).ok())?,
        etag: object.e_tag?.into(),
        modified_ns: u64::try_from(modified).unwrap_or(0),
    })
}

fn read_error(error: &SdkError<GetObjectError>) -> ObjectReadError {
    match (error.code(), status(error)) {
        (Some("NoSuchKey"), _) => ObjectReadError::Removed,
        (Some("InvalidObjectState"), _) => ObjectReadError::Archived,
        (_, Some(PRECONDITION_FAILED)) => ObjectReadError::Replaced,
        _ => ObjectReadError::Failed(failed(Operation::Read, error)),
    }
}
