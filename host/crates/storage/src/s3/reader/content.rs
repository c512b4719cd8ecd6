//! The content of an object as a blocking [`Read`].
//!
//! A task of the runtime gets the bytes and sends them in small parts. So the reader needs no runtime: it can be a
//! thread of its own, or a task. If the runtime ends, reading fails with an error.

use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::mpsc;

use super::{ListedObject, ObjectReadError, ReadBucket};
use crate::aws::errors::why;
use crate::error::{ErrorKind, RequestError};
use crate::retry::Attempts;

/// The label of reads in the metric of retries.
const READ: &str = "read_source_object";

/// The size of a part, and how many are read ahead: together 1 MiB.
const PART_BYTES: usize = 64 << 10;
const PARTS_AHEAD: usize = 16;

/// A range of an object, which is requested when its first byte is read.
#[derive(Debug)]
pub struct ObjectContent {
    bucket: Arc<ReadBucket>,
    object: Arc<ListedObject>,
    /// What is left of the range.
    left: Range<u64>,
    parts: Option<mpsc::Receiver<Result<Bytes, ObjectReadError>>>,
    /// The rest of the last part.
    part: Bytes,
}

impl ObjectContent {
    pub(super) fn new(
        bucket: Arc<ReadBucket>,
        object: Arc<ListedObject>,
        range: Range<u64>,
    ) -> Self {
        Self {
            bucket,
            object,
            left: range,
            parts: None,
            part: Bytes::new(),
        }
    }

    /// The next part; `None` at the end.
    fn next(&mut self) -> io::Result<Option<Bytes>> {
        if self.parts.is_none() && self.left.is_empty() {
            return Ok(None);
        }
        let (bucket, object, left) = (&self.bucket, &self.object, &self.left);
        let parts = self.parts.get_or_insert_with(|| {
            let (sender, receiver) = mpsc::channel(PARTS_AHEAD);
            let request = RangeRequest::new(bucket.clone(), object.clone(), left.clone());
            bucket.reader.runtime.spawn(request.send_parts(sender));
            receiver
        });
        match receive(parts) {
            Some(Ok(part)) => Ok(Some(part)),
            Some(Err(error)) => Err(io_error(error)),
            None if self.left.is_empty() => Ok(None),
            None => Err(io::Error::other("the run has ended")),
        }
    }
}

impl Read for ObjectContent {
    /// An [`ObjectReadError`] is the inner error of the [`io::Error`].
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        if self.part.is_empty() {
            match self.next()? {
                Some(part) => self.part = part,
                None => return Ok(0),
            }
        }
        let read = self.part.len().min(out.len());
        out[..read].copy_from_slice(&self.part.split_to(read));
        self.left.start += read as u64;
        Ok(read)
    }
}

/// Waits for a part, without holding up other tasks of the runtime.
fn receive<T>(parts: &mut mpsc::Receiver<T>) -> Option<T> {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(|| parts.blocking_recv()),
        _ => parts.blocking_recv(),
    }
}

fn io_error(error: ObjectReadError) -> io::Error {
    let kind = match error {
        ObjectReadError::Removed => io::ErrorKind::NotFound,
        ObjectReadError::Replaced | ObjectReadError::Archived | ObjectReadError::Failed(_) => {
            io::ErrorKind::Other
        }
    };
    io::Error::new(kind, error)
}

/// The request for a range, which is made again for the rest if its answer breaks off.
struct RangeRequest {
    bucket: Arc<ReadBucket>,
    object: Arc<ListedObject>,
    /// What has not been received.
    left: Range<u64>,
    body: Option<ByteStream>,
    /// The attempts since bytes were received, once one has failed.
    attempts: Option<Attempts>,
}

impl RangeRequest {
    fn new(bucket: Arc<ReadBucket>, object: Arc<ListedObject>, left: Range<u64>) -> Self {
        Self {
            bucket,
            object,
            left,
            body: None,
            attempts: None,
        }
    }

    async fn send_parts(mut self, parts: mpsc::Sender<Result<Bytes, ObjectReadError>>) {
        loop {
            let next = tokio::select! {
                () = parts.closed() => return,
                next = self.next() => next,
            };
            match next {
                Ok(None) => return,
                Ok(Some(mut bytes)) => {
                    while !bytes.is_empty() {
                        let part = bytes.split_to(bytes.len().min(PART_BYTES));
                        if parts.send(Ok(part)).await.is_err() {
                            return;
                        }
                    }
                }
                Err(error) => {
                    let _reader_is_gone = parts.send(Err(error)).await;
                    return;
                }
            }
        }
    }

    /// The next bytes; `None` at the end. Transient errors are retried.
    async fn next(&mut self) -> Result<Option<Bytes>, ObjectReadError> {
        loop {
            let cause = match self.attempt().await {
                // What has been received cannot be taken back, if it was damaged.
                Err(ObjectReadError::Failed(cause)) if !self.left.is_empty() => cause,
                Ok(Some(bytes)) => {
                    // It is not noted as a success of the operation: the permission for an object says nothing of that
                    // for the next one.
                    self.attempts = None;
                    return Ok(Some(bytes));
                }
                ended => return ended,
            };
            self.body = None;
            let is_denied = cause.kind() == ErrorKind::Denied;
            if is_denied && self.bucket.is_denied.load(Relaxed) {
                return Err(ObjectReadError::Failed(cause));
            }
            let what = format!("read s3://{}/{}", self.bucket.name, self.object.key);
            let policy = &self.bucket.reader.retry_policy;
            let attempts = self
                .attempts
                .get_or_insert_with(|| Attempts::new(policy, READ));
            if !attempts.wait_to_retry(&what, &cause).await {
                self.bucket.is_denied.fetch_or(is_denied, Relaxed);
                return Err(ObjectReadError::Failed(cause));
            }
        }
    }

    async fn attempt(&mut self) -> Result<Option<Bytes>, ObjectReadError> {
        let broken =
            |why: String| ObjectReadError::Failed(RequestError::new(ErrorKind::Unavailable, why));
        let body = match &mut self.body {
            Some(body) => body,
            None => {
                let body = self.bucket.get(&self.object, self.left.clone()).await?;
                self.body.insert(body)
            }
        };
        let left = self.left.end - self.left.start;
        match body.next().await {
            Some(Ok(bytes)) if bytes.len() as u64 <= left => {
                self.left.start += bytes.len() as u64;
                Ok(Some(bytes))
            }
            Some(Ok(_)) => Err(broken("the answer is longer than the object".into())),
            Some(Err(error)) => Err(broken(why(&error))),
            None if left > 0 => Err(broken("the answer has ended early".into())),
            None => Ok(None),
        }
    }
}
