//! Sluice's own files below the prefix of a lake or a registry: created once, or changed by
//! compare-and-swap.

use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use aws_sdk_s3::primitives::ByteStream;
use futures_util::future::BoxFuture;

use super::{PRECONDITION_FAILED, S3Lake, status};
use crate::storage::aws::why;
use crate::storage::object_store::{ConditionalRead, FileResult, Files, Found, Version};
use crate::storage::retry::Attempts;

/// HTTP's "Not Modified": with `If-None-Match`, the object still is the version that is named.
const NOT_MODIFIED: u16 = 304;

/// A file of which only the newest version is of use is small.
const DOCUMENT_MAX_BYTES: usize = 1 << 20;

impl S3Lake {
    /// Retries an operation on the object of a name until the retry timeout.
    async fn with_retries<T, F: Future<Output = Result<T, String>>>(
        &self,
        (operation, verb): (&'static str, &str),
        name: &str,
        attempt: impl Fn(String) -> F,
    ) -> FileResult<T> {
        let key = format!("{}{name}", self.prefix);
        let what = format!("{verb} s3://{}/{key}", self.bucket);
        let mut attempts = Attempts::new(&self.retry_policy, operation);
        loop {
            let why = match attempt(key.clone()).await {
                Ok(done) => return Ok(done),
                Err(why) => why,
            };
            if !attempts.wait_to_retry(&what, &why).await {
                return Err(format!("{what}: {why}"));
            }
        }
    }

    /// Puts an object if it still is the version `seen`, or if there is none; returns `false` where it
    /// has changed since.
    async fn put_if_unchanged(
        &self,
        key: String,
        content: &[u8],
        seen: Option<&Version>,
    ) -> FileResult<bool> {
        let put = self.client.put_object().bucket(&self.bucket).key(key);
        let put = match seen {
            Some(Version(etag)) => put.if_match(etag),
            None => put.if_none_match("*"),
        };
        match put.body(ByteStream::from(content.to_vec())).send().await {
            Ok(_) => Ok(true),
            Err(error) if status(&error) == Some(PRECONDITION_FAILED) => Ok(false),
            Err(error) => Err(why(&error)),
        }
    }

    async fn get_if_none_match(
        &self,
        key: String,
        seen: Option<&Version>,
    ) -> Result<Option<GetObjectOutput>, SdkError<GetObjectError>> {
        let get = self.client.get_object().bucket(&self.bucket).key(key);
        let get = get.set_if_none_match(seen.map(|Version(etag)| etag.clone()));
        match get.send().await {
            Ok(object) => Ok(Some(object)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn read_up_to(&self, key: String, max: usize) -> FileResult<Found> {
        let object = self
            .get_if_none_match(key, None)
            .await
            .map_err(|error| why(&error))?;
        match object {
            Some(object) => content(object, max).await,
            None => Ok(Found::Nothing),
        }
    }

    async fn read_if_changed(
        &self,
        key: String,
        seen: Option<&Version>,
    ) -> FileResult<ConditionalRead> {
        let object = match self.get_if_none_match(key, seen).await {
            Ok(Some(object)) => object,
            Ok(None) => return Ok(ConditionalRead::Nothing),
            Err(error) if status(&error) == Some(NOT_MODIFIED) => {
                return Ok(ConditionalRead::Unchanged);
            }
            Err(error) => return Err(why(&error)),
        };
        let version = Version(object.e_tag().unwrap_or_default().to_owned());
        match content(object, DOCUMENT_MAX_BYTES).await? {
            Found::Content(_) if seen == Some(&version) => Ok(ConditionalRead::Unchanged),
            Found::Content(content) => Ok(ConditionalRead::Content(content, version)),
            Found::Nothing => Ok(ConditionalRead::Nothing),
            Found::TooLarge(bytes) => Err(format!("has {bytes} bytes")),
        }
    }

    /// Whether the object holds this, after a write of it was rejected: then it was an earlier attempt
    /// of the same write, whose answer was lost.
    async fn holds(&self, name: &str, written: &[u8]) -> FileResult<bool> {
        Ok(match self.read(name, DOCUMENT_MAX_BYTES).await? {
            Found::Content(found) => found == written,
            Found::Nothing | Found::TooLarge(_) => false,
        })
    }

    async fn names(&self, folder: &str) -> FileResult<Vec<String>> {
        let mut names = Vec::new();
        let below = self.below(&format!("{folder}/"));
        let mut found = |name: &str| names.push(name.to_owned());
        below.list(&mut found).await?;
        Ok(names)
    }
}

async fn content(object: GetObjectOutput, max: usize) -> FileResult<Found> {
    let bytes = object.content_length().unwrap_or(0);
    let bytes = u64::try_from(bytes).unwrap_or(0);
    if bytes > max as u64 {
        return Ok(Found::TooLarge(bytes));
    }
    let body = object.body.collect().await.map_err(|error| why(&error))?;
    Ok(Found::Content(body.to_vec()))
}

fn is_missing(error: &SdkError<GetObjectError>) -> bool {
    error
        .as_service_error()
        .is_some_and(GetObjectError::is_no_such_key)
}

impl Files for S3Lake {
    fn create<'a>(&'a self, name: &'a str, content: &'a [u8]) -> BoxFuture<'a, FileResult<()>> {
        Box::pin(async move {
            let put = |key| self.put_if_unchanged(key, content, None);
            let put = self.with_retries(("keep_release", "put"), name, put);
            put.await.map(drop)
        })
    }

    fn read<'a>(&'a self, name: &'a str, max: usize) -> BoxFuture<'a, FileResult<Found>> {
        let get = move |key| self.read_up_to(key, max);
        Box::pin(self.with_retries(("read_release", "read"), name, get))
    }

    fn get_if_changed<'a>(
        &'a self,
        name: &'a str,
        seen: Option<&'a Version>,
    ) -> BoxFuture<'a, FileResult<ConditionalRead>> {
        let get = move |key| self.read_if_changed(key, seen);
        Box::pin(self.with_retries(("poll_registry", "read"), name, get))
    }

    fn swap<'a>(
        &'a self,
        name: &'a str,
        content: &'a [u8],
        seen: Option<&'a Version>,
    ) -> BoxFuture<'a, FileResult<bool>> {
        Box::pin(async move {
            let put = |key| self.put_if_unchanged(key, content, seen);
            let put = self.with_retries(("change_registry", "put"), name, put);
            Ok(put.await? || self.holds(name, content).await?)
        })
    }

    fn list<'a>(&'a self, folder: &'a str) -> BoxFuture<'a, FileResult<Vec<String>>> {
        Box::pin(self.names(folder))
    }

    fn remove<'a>(&'a self, name: &'a str) -> BoxFuture<'a, FileResult<()>> {
        let remove = move |key| async move {
            let remove = self.client.delete_object().bucket(&self.bucket).key(key);
            let removed = remove.send().await;
            removed.map(drop).map_err(|error| why(&error))
        };
        Box::pin(self.with_retries(("remove_release", "delete"), name, remove))
    }
}
