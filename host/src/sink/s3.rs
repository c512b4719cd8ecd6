//! A lake in S3.

mod metadata_store;
mod url;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{EncodingType, Object as ListedObject};
use bytes::Bytes;

use super::SinkError;
use crate::engine::digest::Digest;
use crate::layout::Object;
use crate::storage::aws::why;
use crate::storage::retry::{Attempts, RetryPolicy};

/// The metadata of an object (`x-amz-meta-…`): the digest of its content, its release, range and lines.
const DIGEST: &str = "sluice-content-sha256";
const RELEASE: &str = "sluice-release";
const RANGE: &str = "sluice-range";
const COUNT: &str = "sluice-count";

/// HTTP's "Precondition Failed": with `If-None-Match: *`, the object exists already.
const PRECONDITION_FAILED: u16 = 412;

/// A lake below a prefix of a bucket.
#[derive(Clone, Debug)]
pub struct S3Lake {
    client: Client,
    bucket: String,
    prefix: String,
    retry_policy: RetryPolicy,
}

impl S3Lake {
    /// The lake at `bucket` below `prefix`, which is empty or ends with a slash.
    #[must_use]
    pub fn new(client: Client, bucket: String, prefix: String, retry_policy: RetryPolicy) -> Self {
        Self {
            client,
            bucket,
            prefix,
            retry_policy,
        }
    }

    /// The lake below a further part of the prefix, which ends with a slash.
    #[must_use]
    pub fn below(&self, part: &str) -> Self {
        Self {
            prefix: format!("{}{part}", self.prefix),
            ..self.clone()
        }
    }

    /// Puts an object that does not exist yet, with retries.
    ///
    /// # Errors
    /// [`SinkError::Different`], and [`SinkError::Service`] after the retry timeout.
    pub async fn put(&self, object: Object) -> Result<(), SinkError> {
        let key = format!("{}{}", self.prefix, object.key);
        let body = Bytes::from(object.body);
        let (range, digest) = (object.origin.range, object.digest);
        let mut attempts = Attempts::new(&self.retry_policy, "put_object");
        loop {
            let put = self
                .client
                .put_object()
                .bucket(&self.bucket)
                .key(&key)
                .if_none_match("*")
                .content_type(object.format.content_type())
                .set_metadata(digest.map(|digest| [(DIGEST.to_owned(), digest.to_string())].into()))
                .metadata(RELEASE, object.origin.release.to_string())
                .metadata(RANGE, format!("{}-{}", range.first, range.last))
                .metadata(COUNT, object.lines.to_string())
                .body(ByteStream::from(body.clone()))
                .send()
                .await;
            match put {
                Ok(_) => return Ok(()),
                Err(error) if status(&error) == Some(PRECONDITION_FAILED) => {
                    return self.compare(&key, digest).await;
                }
                Err(error) => {
                    let (what, why) = (format!("put s3://{}/{key}", self.bucket), why(&error));
                    if !attempts.wait_to_retry(&what, &why).await {
                        return Err(SinkError::Service { what, why });
                    }
                }
            }
        }
    }

    /// Calls `found` with every key below the prefix, without the prefix.
    ///
    /// # Errors
    /// S3 fails until the retry timeout.
    pub async fn list(&self, found: &mut (dyn FnMut(&str) + Send)) -> Result<(), String> {
        let mut token = None;
        loop {
            let page = self.page(token).await?;
            let encoded = page.encoding_type() == Some(&EncodingType::Url);
            for key in page.contents().iter().filter_map(ListedObject::key) {
                let key = if encoded {
                    url::decode(key)
                } else {
                    key.into()
                };
                if let Some(key) = key.strip_prefix(&self.prefix) {
                    found(key);
                }
            }
            token = page.next_continuation_token().map(str::to_owned);
            if token.is_none() {
                return Ok(());
            }
        }
    }

    async fn page(&self, token: Option<String>) -> Result<ListObjectsV2Output, String> {
        let mut attempts = Attempts::new(&self.retry_policy, "list_objects");
        loop {
            let page = self
                .client
                .list_objects_v2()
                .bucket(&self.bucket)
                .prefix(&self.prefix)
                .encoding_type(EncodingType::Url)
                .set_continuation_token(token.clone())
                .send()
                .await;
            let why = match page {
                Ok(page) => return Ok(page),
                Err(error) => why(&error),
            };
            let what = format!("list s3://{}/{}", self.bucket, self.prefix);
            if !attempts.wait_to_retry(&what, &why).await {
                return Err(why);
            }
        }
    }

    /// Succeeds if the existing object has the same content.
    async fn compare(&self, key: &str, digest: Option<Digest>) -> Result<(), SinkError> {
        let what = format!("check s3://{}/{key}", self.bucket);
        let mut attempts = Attempts::new(&self.retry_policy, "compare_object");
        loop {
            match self
                .client
                .head_object()
                .bucket(&self.bucket)
                .key(key)
                .send()
                .await
            {
                Ok(head) => {
                    let found = head.metadata().and_then(|metadata| metadata.get(DIGEST));
                    return match digest {
                        Some(digest) if found == Some(&digest.to_string()) => Ok(()),
                        _ => Err(SinkError::Different(format!("s3://{}/{key}", self.bucket))),
                    };
                }
                Err(error) => {
                    // An answer to HEAD has no body that would say more than its status.
                    let status = status(&error).map(|status| format!("status {status}, "));
                    let why = format!("{}{}", status.unwrap_or_default(), why(&error));
                    if !attempts.wait_to_retry(&what, &why).await {
                        return Err(SinkError::Service { what, why });
                    }
                }
            }
        }
    }
}

fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error
        .raw_response()
        .map(|response| response.status().as_u16())
}
