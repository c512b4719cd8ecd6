//! An object store below a prefix of a bucket.

mod errors;
mod listing;
pub mod reader;
mod url;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use aws_sdk_s3::primitives::ByteStream;
use futures_util::future::BoxFuture;

use self::errors::{S3_ERRORS, actions};
use crate::aws::errors::why;
use crate::error::{ErrorKind, Operation, RequestError, StorageError};
use crate::object_store::{
    ConditionalRead, Found, ListedObject, NewObject, ObjectStore, Payload, StorageResult, Version,
};
use crate::retry::RetryPolicy;
use sluice_engine::content_digest::ContentDigest;

/// The metadata of an object (`x-amz-meta-…`) with the digest of its content.
const DIGEST: &str = "sluice-content-digest";

/// HTTP's "Not Modified": with `If-None-Match`, the object still is the version that is named.
const NOT_MODIFIED: u16 = 304;

/// A document that is changed by compare-and-swap is small.
const DOCUMENT_MAX_BYTES: usize = 16 << 20;

/// How often an object is put that another process removes each time before it can be compared.
const PUTS_MAX: usize = 3;

/// Concurrent requests, which hide their latency.
const REQUESTS_AT_ONCE: usize = 32;

/// Objects below a prefix of a bucket. A put has the condition `If-None-Match: *`, a change `If-Match` with the
/// `ETag` that was seen, unless the bucket [takes no conditions](Self::without_conditions).
#[derive(Clone, Debug)]
pub struct S3Store {
    client: Client,
    bucket: String,
    prefix: String,
    retry_policy: RetryPolicy,
    has_conditions: bool,
}

/// How an object that exists compares with one that was to be put.
enum Existing {
    Same,
    Different,
    /// It was removed since.
    Removed,
}

/// The condition of a write.
#[derive(Clone, Copy)]
enum Condition<'a> {
    None,
    Absent,
    Unchanged(&'a Version),
}

impl S3Store {
    /// The store at `bucket` below `prefix`, which is empty or ends with a slash.
    #[must_use]
    pub fn new(client: Client, bucket: String, prefix: String, retry_policy: RetryPolicy) -> Self {
        Self {
            client,
            bucket,
            prefix,
            retry_policy,
            has_conditions: true,
        }
    }

    /// The store of a bucket that takes no conditions, such as one of S3 Tables. A put replaces what is there, so each key
    /// must be put by one process only, which always puts the same bytes. Nothing can be changed by compare-and-swap.
    #[must_use]
    pub fn without_conditions(self) -> Self {
        Self {
            has_conditions: false,
            ..self
        }
    }

    fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// Retries an operation on the object of a key.
    async fn retry<T, F: Future<Output = Result<T, RequestError>>>(
        &self,
        operation: Operation,
        key: &str,
        attempt: impl FnMut() -> F,
    ) -> StorageResult<T> {
        let place = self.place(key);
        let what = format!("{operation} {place}");
        let retried = self.retry_policy.retry(operation.label(), &what, attempt);
        retried.await.map_err(|cause| StorageError {
            operation,
            place,
            cause,
        })
    }

    /// Writes an object under a condition, with one attempt, and returns its version. If the condition does not
    /// hold, the caller compares the content before it calls that a conflict.
    async fn write(
        &self,
        operation: Operation,
        key: &str,
        object: &NewObject<'_>,
        condition: Condition<'_>,
    ) -> Result<Version, RequestError> {
        let digest = object.digest.map(|digest| (DIGEST, digest.to_string()));
        let metadata = digest.into_iter().chain(object.metadata.iter().cloned());
        let put = self.client.put_object().bucket(&self.bucket);
        let put = put.key(self.key(key));
        let put = put.set_content_type(object.payload.content_type.map(str::to_owned));
        let put = metadata.fold(put, |put, (name, value)| put.metadata(name, value));
        let put = match condition {
            Condition::None => put,
            Condition::Absent => put.if_none_match("*"),
            Condition::Unchanged(Version(etag)) => put.if_match(etag),
        };
        let put = put.body(ByteStream::from(object.payload.bytes.clone()));
        let written = put
            .send()
            .await
            .map_err(|error| failed(operation, &error))?;
        version(written.e_tag().map(str::to_owned))
    }

    async fn check(&self, key: &str, object: &NewObject<'_>) -> StorageResult<Existing> {
        match object.digest {
            Some(digest) => self.check_digest(key, digest).await,
            None => self.check_bytes(key, object).await,
        }
    }

    async fn check_digest(&self, key: &str, digest: ContentDigest) -> StorageResult<Existing> {
        let head = || async {
            let head = self.client.head_object().bucket(&self.bucket);
            match head.key(self.key(key)).send().await {
                Ok(head) => {
                    let found = head.metadata().and_then(|metadata| metadata.get(DIGEST));
                    let is_same = found == Some(&digest.to_string());
                    Ok(if is_same {
                        Existing::Same
                    } else {
                        Existing::Different
                    })
                }
                Err(error) => match failed(Operation::Check, &error) {
                    error if error.kind() == ErrorKind::NotFound => Ok(Existing::Removed),
                    error => Err(error),
                },
            }
        };
        self.retry(Operation::Check, key, head).await
    }

    async fn check_bytes(&self, key: &str, object: &NewObject<'_>) -> StorageResult<Existing> {
        let put = &object.payload.bytes;
        let get = || self.read_up_to(Operation::Check, key, usize::MAX);
        Ok(match self.retry(Operation::Check, key, get).await? {
            Found::Content(found) if found == *put => Existing::Same,
            Found::Content(found) if (object.same_content)(&found, put) => Existing::Same,
            Found::Content(_) | Found::TooLarge(_) => Existing::Different,
            Found::Nothing => Existing::Removed,
        })
    }

    async fn put(&self, key: &str, object: &NewObject<'_>) -> StorageResult<()> {
        if !self.has_conditions {
            let put = || self.write(Operation::Put, key, object, Condition::None);
            return self.retry(Operation::Put, key, put).await.map(drop);
        }
        let mut puts = 0;
        loop {
            puts += 1;
            let put = || self.write(Operation::Put, key, object, Condition::Absent);
            let conflict = match self.retry(Operation::Put, key, put).await {
                Err(error) if error.is_conflict() => error,
                put => return put.map(drop),
            };
            match self.check(key, object).await? {
                Existing::Same => return Ok(()),
                Existing::Removed if puts < PUTS_MAX => {}
                Existing::Removed | Existing::Different => return Err(conflict),
            }
        }
    }

    async fn swap(
        &self,
        key: &str,
        object: &NewObject<'_>,
        condition: Condition<'_>,
    ) -> StorageResult<Version> {
        if !self.has_conditions {
            let cause = "the bucket takes no conditions, so nothing in it can be changed";
            return Err(StorageError {
                operation: Operation::Write,
                place: self.place(key),
                cause: RequestError::new(ErrorKind::Invalid, cause),
            });
        }
        let write = || self.write(Operation::Write, key, object, condition);
        let conflict = match self.retry(Operation::Write, key, write).await {
            Err(error) if error.is_conflict() => error,
            written => return written,
        };
        // An earlier attempt may have succeeded without an answer.
        match self.get_if_changed(key, None).await? {
            ConditionalRead::Content(found, version) if found == object.payload.bytes => {
                Ok(version)
            }
            _ => Err(conflict),
        }
    }

    async fn get_if_none_match(
        &self,
        key: &str,
        seen: Option<&Version>,
    ) -> Result<Option<GetObjectOutput>, SdkError<GetObjectError>> {
        let get = self.client.get_object().bucket(&self.bucket);
        let get = get.key(self.key(key));
        let get = get.set_if_none_match(seen.map(|Version(etag)| etag.clone()));
        match get.send().await {
            Ok(object) => Ok(Some(object)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn read_up_to(
        &self,
        operation: Operation,
        key: &str,
        max: usize,
    ) -> Result<Found, RequestError> {
        let object = self.get_if_none_match(key, None).await;
        match object.map_err(|error| failed(operation, &error))? {
            Some(object) => content(object, max).await,
            None => Ok(Found::Nothing),
        }
    }

    async fn read_if_changed(
        &self,
        key: &str,
        seen: Option<&Version>,
    ) -> Result<ConditionalRead, RequestError> {
        let object = match self.get_if_none_match(key, seen).await {
            Ok(Some(object)) => object,
            Ok(None) => return Ok(ConditionalRead::Nothing),
            Err(error) if status(&error) == Some(NOT_MODIFIED) => {
                return Ok(ConditionalRead::Unchanged);
            }
            Err(error) => return Err(failed(Operation::Read, &error)),
        };
        let version = version(object.e_tag().map(str::to_owned))?;
        match content(object, DOCUMENT_MAX_BYTES).await? {
            Found::Content(_) if seen == Some(&version) => Ok(ConditionalRead::Unchanged),
            Found::Content(content) => Ok(ConditionalRead::Content(content, version)),
            Found::Nothing => Ok(ConditionalRead::Nothing),
            Found::TooLarge(bytes) => {
                let why = format!("it has {bytes} bytes, at most {DOCUMENT_MAX_BYTES} are read");
                Err(RequestError::new(ErrorKind::Other, why))
            }
        }
    }
}

fn failed<E>(operation: Operation, error: &SdkError<E, HttpResponse>) -> RequestError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    S3_ERRORS.classify(error, actions(operation))
}

fn version(etag: Option<String>) -> Result<Version, RequestError> {
    let missing = || RequestError::new(ErrorKind::Other, "an answer without an ETag");
    etag.map(Version).ok_or_else(missing)
}

async fn content(object: GetObjectOutput, max: usize) -> Result<Found, RequestError> {
    let bytes = object.content_length().unwrap_or(0);
    let bytes = u64::try_from(bytes).unwrap_or(0);
    if bytes > max as u64 {
        return Ok(Found::TooLarge(bytes));
    }
    let body = object.body.collect().await;
    let cut = |error| RequestError::new(ErrorKind::Unavailable, why(&error));
    Ok(Found::Content(body.map_err(cut)?.to_vec()))
}

fn is_missing(error: &SdkError<GetObjectError>) -> bool {
    error
        .as_service_error()
        .is_some_and(GetObjectError::is_no_such_key)
}

fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error
        .raw_response()
        .map(|response| response.status().as_u16())
}

impl ObjectStore for S3Store {
    fn put_if_absent<'a>(
        &'a self,
        key: &'a str,
        object: NewObject<'a>,
    ) -> BoxFuture<'a, StorageResult<()>> {
        Box::pin(async move { self.put(key, &object).await })
    }

    fn compare_and_swap<'a>(
        &'a self,
        key: &'a str,
        payload: Payload,
        seen: Option<&'a Version>,
    ) -> BoxFuture<'a, StorageResult<Version>> {
        let condition = seen.map_or(Condition::Absent, Condition::Unchanged);
        Box::pin(async move { self.swap(key, &NewObject::plain(payload), condition).await })
    }

    fn get<'a>(&'a self, key: &'a str, max: usize) -> BoxFuture<'a, StorageResult<Found>> {
        let get = move || self.read_up_to(Operation::Read, key, max);
        Box::pin(self.retry(Operation::Read, key, get))
    }

    fn get_if_changed<'a>(
        &'a self,
        key: &'a str,
        seen: Option<&'a Version>,
    ) -> BoxFuture<'a, StorageResult<ConditionalRead>> {
        let get = move || self.read_if_changed(key, seen);
        Box::pin(self.retry(Operation::Read, key, get))
    }

    fn list<'a>(
        &'a self,
        folder: &'a str,
        found: &'a mut (dyn FnMut(&str) + Send),
    ) -> BoxFuture<'a, StorageResult<()>> {
        Box::pin(async move {
            let mut key = |object: ListedObject<'_>| found(object.key);
            self.list_all(folder, None, &mut key).await
        })
    }

    fn list_objects<'a>(
        &'a self,
        folder: &'a str,
        after: Option<&'a str>,
        found: &'a mut (dyn FnMut(ListedObject<'_>) + Send),
    ) -> BoxFuture<'a, StorageResult<()>> {
        Box::pin(self.list_all(folder, after, found))
    }

    fn list_page<'a>(
        &'a self,
        folder: &'a str,
        after: Option<&'a str>,
        found: &'a mut (dyn FnMut(ListedObject<'_>) + Send),
    ) -> BoxFuture<'a, StorageResult<bool>> {
        Box::pin(async move {
            let next = self.list_part(folder, after, None, found).await?;
            Ok(next.is_some())
        })
    }

    fn remove<'a>(&'a self, key: &'a str) -> BoxFuture<'a, StorageResult<()>> {
        let remove = move || async move {
            let remove = self.client.delete_object().bucket(&self.bucket);
            let removed = remove.key(self.key(key)).send().await;
            let removed = removed.map(drop);
            removed.map_err(|error| failed(Operation::Remove, &error))
        };
        Box::pin(self.retry(Operation::Remove, key, remove))
    }

    fn place(&self, key: &str) -> String {
        format!("s3://{}/{}", self.bucket, self.key(key))
    }

    fn operations_at_once(&self, _threads: usize) -> usize {
        REQUESTS_AT_ONCE
    }
}
