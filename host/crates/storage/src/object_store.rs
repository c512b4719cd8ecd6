//! One store for everything that Sluice keeps: the lake, ledgers, releases and registries.

use std::fmt;

use bytes::Bytes;
use futures_util::future::BoxFuture;

use crate::error::StorageError;
use sluice_engine::content_digest::ContentDigest;

/// The result of an operation.
pub type StorageResult<T> = Result<T, StorageError>;

/// Objects by key: in a folder, or below a prefix of a bucket.
///
/// Every write has a condition, so no process ever overwrites what it has not seen:
///
/// - [`put_if_absent`](Self::put_if_absent) creates an object or leaves the one that exists. Several processes
///   may put the same object; one with other content is a conflict.
/// - [`compare_and_swap`](Self::compare_and_swap) changes an object only from the version that was seen. Of
///   several processes that change the same version one succeeds; the others get a conflict.
///
/// A write is durable and visible to every reader when it returns, and a reader never sees a part of it. An
/// answer that was lost is no error: a write that is found to have succeeded returns success. Transient errors
/// are retried inside; an error that is returned is final.
pub trait ObjectStore: fmt::Debug + Send + Sync {
    /// Puts an object that does not exist yet. One that exists with the same content is success.
    ///
    /// # Errors
    /// A conflict if one exists with other content; that one is not changed.
    fn put_if_absent<'a>(
        &'a self,
        key: &'a str,
        object: NewObject<'a>,
    ) -> BoxFuture<'a, StorageResult<()>>;

    /// Writes an object if it still is the version that was `seen`, or if it does not exist and none was.
    /// Returns its new version.
    ///
    /// # Errors
    /// A conflict if it has changed.
    fn compare_and_swap<'a>(
        &'a self,
        key: &'a str,
        payload: Payload,
        seen: Option<&'a Version>,
    ) -> BoxFuture<'a, StorageResult<Version>>;

    /// Reads an object, unless it is larger than `max` bytes.
    ///
    /// # Errors
    /// It cannot be read.
    fn get<'a>(&'a self, key: &'a str, max: usize) -> BoxFuture<'a, StorageResult<Found>>;

    /// Reads a document, unless it still is the version that was `seen`.
    ///
    /// # Errors
    /// It cannot be read.
    fn get_if_changed<'a>(
        &'a self,
        key: &'a str,
        seen: Option<&'a Version>,
    ) -> BoxFuture<'a, StorageResult<ConditionalRead>>;

    /// Calls `found` with the key of every object below `folder`, in no particular order and without the
    /// folder's name. `folder` is empty or ends with a slash; one that does not exist has no objects.
    ///
    /// # Errors
    /// It cannot be listed.
    fn list<'a>(
        &'a self,
        folder: &'a str,
        found: &'a mut (dyn FnMut(&str) + Send),
    ) -> BoxFuture<'a, StorageResult<()>>;

    /// Calls `found` with each object below `folder` whose key there comes after `after`, in no particular order.
    /// `folder` is as in [`list`](Self::list).
    ///
    /// # Errors
    /// It cannot be listed.
    fn list_objects<'a>(
        &'a self,
        folder: &'a str,
        after: Option<&'a str>,
        found: &'a mut (dyn FnMut(ListedObject<'_>) + Send),
    ) -> BoxFuture<'a, StorageResult<()>>;

    /// As [`list_objects`](Self::list_objects), with one request: calls `found` with the first objects only, by their keys.
    /// Returns whether there are more. A store without requests lists all.
    ///
    /// # Errors
    /// It cannot be listed.
    fn list_page<'a>(
        &'a self,
        folder: &'a str,
        after: Option<&'a str>,
        found: &'a mut (dyn FnMut(ListedObject<'_>) + Send),
    ) -> BoxFuture<'a, StorageResult<bool>> {
        Box::pin(async move {
            self.list_objects(folder, after, found).await?;
            Ok(false)
        })
    }

    /// Removes an object, if it exists.
    ///
    /// # Errors
    /// It cannot be removed.
    fn remove<'a>(&'a self, key: &'a str) -> BoxFuture<'a, StorageResult<()>>;

    /// The object of a key as messages name it: a path, or a URL.
    fn place(&self, key: &str) -> String;

    /// The number of concurrent operations: enough to keep the cores busy, and to hide the latency of a
    /// service.
    fn operations_at_once(&self, threads: usize) -> usize;
}

/// The bytes of an object.
#[derive(Clone, Debug)]
pub struct Payload {
    /// The bytes.
    pub bytes: Bytes,
    /// Their type (RFC 9110), if the store keeps it.
    pub content_type: Option<&'static str>,
}

impl From<Vec<u8>> for Payload {
    /// Bytes without a type.
    fn from(bytes: Vec<u8>) -> Self {
        Self {
            bytes: bytes.into(),
            content_type: None,
        }
    }
}

/// Whether an object that exists has the same content as one that was to be put.
pub type SameContent = dyn Fn(&[u8], &[u8]) -> bool + Send + Sync;

/// An object to put.
#[derive(Clone)]
pub struct NewObject<'a> {
    /// Its bytes.
    pub payload: Payload,
    /// The metadata that a bucket keeps with it.
    pub metadata: Vec<(&'static str, String)>,
    /// The digest of its content, which a bucket keeps with it and compares.
    pub digest: Option<ContentDigest>,
    /// Compares the bytes that exist with these, where there is no digest to compare.
    pub same_content: &'a SameContent,
}

impl NewObject<'_> {
    /// An object that is compared by its bytes.
    #[must_use]
    pub fn plain(payload: Payload) -> Self {
        Self {
            payload,
            metadata: Vec::new(),
            digest: None,
            same_content: &|found, put| found == put,
        }
    }
}

/// The result of a read.
#[derive(Debug)]
pub enum Found {
    /// There is no such object.
    Nothing,
    /// It is too large: its size in bytes.
    TooLarge(u64),
    /// Its content.
    Content(Vec<u8>),
}

/// An object in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedObject<'a> {
    /// Its key, without the name of the folder.
    pub key: &'a str,
    /// When it was written last, milliseconds since the Unix epoch.
    pub modified_at: i64,
    /// Another one after each change, and perhaps in the next list too if the object was changed just now. It is no
    /// [`Version`].
    pub tag: String,
}

/// A version of an object: its `ETag`, or its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version(pub String);

/// The result of a conditional read.
#[derive(Debug)]
pub enum ConditionalRead {
    /// The object has not changed.
    Unchanged,
    /// There is no such object.
    Nothing,
    /// Its new content and version.
    Content(Vec<u8>, Version),
}
