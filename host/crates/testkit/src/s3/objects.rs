//! Stores objects as files and their metadata in memory. The crate `s3s-fs` keeps metadata in files
//! whose names hold the whole key, and the keys of a stream's objects are too long for that.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use s3s::dto::{
    DeleteObjectInput, DeleteObjectOutput, ETag, ETagCondition, GetObjectInput, GetObjectOutput,
    HeadObjectInput, HeadObjectOutput, ListObjectsV2Input, ListObjectsV2Output, Metadata,
    PutObjectInput, PutObjectOutput, StreamingBlob,
};
use s3s::{Body, S3, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;

pub(super) struct Objects {
    root: PathBuf,
    listing: FileSystem,
    known: Mutex<HashMap<PathBuf, Known>>,
    keys_per_page: Arc<AtomicI32>,
}

/// "ListObjectsV2": up to 1,000 keys.
pub(super) const KEYS_PER_PAGE: i32 = 1_000;

#[derive(Clone)]
struct Known {
    etag: String,
    metadata: Option<Metadata>,
}

impl Objects {
    pub(super) fn new(root: &Path, keys_per_page: Arc<AtomicI32>) -> Self {
        Self {
            root: root.to_owned(),
            listing: FileSystem::new(root).unwrap(),
            known: Mutex::new(HashMap::new()),
            keys_per_page,
        }
    }

    fn path(&self, bucket: &str, key: &str) -> PathBuf {
        self.root.join(bucket).join(key)
    }

    fn known(&self, path: &Path) -> S3Result<Known> {
        let known = self.known.lock().unwrap().get(path).cloned();
        known.ok_or_else(|| s3_error!(NoSuchKey))
    }

    /// One lock is held from the check to the write, so that one of two conditional puts wins.
    fn put(&self, path: PathBuf, content: &[u8], input: Conditions) -> S3Result<ETag> {
        let mut known = self.known.lock().unwrap();
        let there = known.get(&path);
        let conflict = match (&input.if_none_match, &input.if_match) {
            (Some(_), _) => there.is_some(),
            (None, Some(ETagCondition::ETag(expected))) => {
                there.is_none_or(|there| expected.value() != there.etag)
            }
            (None, Some(_)) => there.is_none(),
            (None, None) => false,
        };
        if conflict {
            return Err(s3_error!(PreconditionFailed));
        }
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // Tests and other requests read the file without the lock, and must not see a part of it.
        let unfinished = self.root.join(".unfinished");
        fs::write(&unfinished, content).unwrap();
        fs::rename(&unfinished, &path).unwrap();
        let etag = format!("{:032x}", rand::random::<u128>());
        let metadata = input.metadata;
        let made = Known {
            etag: etag.clone(),
            metadata,
        };
        known.insert(path, made);
        Ok(ETag::Strong(etag))
    }
}

/// A key in S3's URL encoding: a space as `+`, and all but a few characters as bytes.
fn url_encoded(key: &str) -> String {
    let mut encoded = String::new();
    for byte in key.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' | b'/' => {
                encoded.push(byte.into());
            }
            b' ' => encoded.push('+'),
            other => encoded += &format!("%{other:02X}"),
        }
    }
    encoded
}

struct Conditions {
    if_none_match: Option<ETagCondition>,
    if_match: Option<ETagCondition>,
    metadata: Option<Metadata>,
}

#[async_trait::async_trait]
impl S3 for Objects {
    async fn put_object(
        &self,
        request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let input = request.input;
        if !self.root.join(&input.bucket).is_dir() {
            return Err(s3_error!(NoSuchBucket));
        }
        let body = input.body.ok_or_else(|| s3_error!(IncompleteBody))?;
        let parts: Vec<Bytes> = body
            .try_collect()
            .await
            .map_err(|_| s3_error!(IncompleteBody))?;
        let conditions = Conditions {
            if_none_match: input.if_none_match,
            if_match: input.if_match,
            metadata: input.metadata,
        };
        let path = self.path(&input.bucket, &input.key);
        let e_tag = Some(self.put(path, &parts.concat(), conditions)?);
        Ok(S3Response::new(PutObjectOutput {
            e_tag,
            ..PutObjectOutput::default()
        }))
    }

    async fn get_object(
        &self,
        request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        if !self.root.join(&request.input.bucket).is_dir() {
            return Err(s3_error!(NoSuchBucket));
        }
        let path = self.path(&request.input.bucket, &request.input.key);
        let known = self.known(&path)?;
        if let Some(ETagCondition::ETag(seen)) = &request.input.if_none_match
            && seen.value() == known.etag
        {
            return Err(s3_error!(NotModified));
        }
        if let Some(ETagCondition::ETag(expected)) = &request.input.if_match
            && expected.value() != known.etag
        {
            return Err(s3_error!(PreconditionFailed));
        }
        let mut content = fs::read(&path).map_err(|_| s3_error!(NoSuchKey))?;
        let mut content_range = None;
        if let Some(range) = &request.input.range {
            let all = content.len();
            let part = range.check(all as u64)?;
            content_range = Some(format!("bytes {}-{}/{all}", part.start, part.end - 1));
            let at = |offset: u64| usize::try_from(offset).unwrap();
            content = content[at(part.start)..at(part.end)].to_vec();
        }
        Ok(S3Response::new(GetObjectOutput {
            content_length: i64::try_from(content.len()).ok(),
            content_range,
            body: Some(StreamingBlob::from(Body::from(Bytes::from(content)))),
            e_tag: Some(ETag::Strong(known.etag)),
            metadata: known.metadata,
            ..GetObjectOutput::default()
        }))
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let path = self.path(&request.input.bucket, &request.input.key);
        let known = self.known(&path)?;
        let bytes = fs::metadata(&path).map_err(|_| s3_error!(NoSuchKey))?.len();
        Ok(S3Response::new(HeadObjectOutput {
            content_length: i64::try_from(bytes).ok(),
            e_tag: Some(ETag::Strong(known.etag)),
            metadata: known.metadata,
            ..HeadObjectOutput::default()
        }))
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let path = self.path(&request.input.bucket, &request.input.key);
        self.known.lock().unwrap().remove(&path);
        let _not_there_any_more = fs::remove_file(&path);
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn list_objects_v2(
        &self,
        mut request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let page = self.keys_per_page.load(Relaxed);
        let asked = request.input.max_keys.unwrap_or(page);
        request.input.max_keys = Some(asked.min(page));
        let encoded = request.input.encoding_type.is_some();
        let bucket = request.input.bucket.clone();
        let mut answer = self.listing.list_objects_v2(request).await?;
        for object in answer.output.contents.iter_mut().flatten() {
            let Some(key) = object.key.as_mut() else {
                continue;
            };
            let known = self.known(&self.path(&bucket, key));
            object.e_tag = known.ok().map(|known| ETag::Strong(known.etag));
            if encoded {
                *key = url_encoded(key);
            }
        }
        Ok(answer)
    }
}
