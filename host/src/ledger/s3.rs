//! A ledger as an object in S3, changed only by compare-and-swap (`If-Match` on its `ETag`, or
//! `If-None-Match: *` for the first). Every write carries a nonce: if the answer to a write was
//! lost, reading the object back tells whether the write succeeded.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::primitives::ByteStream;
use tokio::sync::Mutex;

use super::error::StoreError;
use super::lease::{Lease, Resolved, Swap, Versioned};
use super::{Ledger, LedgerError};
use crate::engine::record::ShardId;
use crate::storage::aws::why;
use crate::storage::retry::{Attempts, RetryPolicy};

/// "Precondition Failed": the object is not the expected version.
const PRECONDITION_FAILED: u16 = 412;

/// The location of a ledger in S3, and how to reach it.
#[derive(Clone, Debug)]
pub struct LedgerLocation {
    /// The client to reach it with.
    pub client: Client,
    /// The bucket of the lake.
    pub bucket: String,
    /// The ledger's key.
    pub key: String,
    /// How its operations are retried.
    pub retry_policy: RetryPolicy,
}

/// The ledger of one shard that this process owns until another process takes it.
#[derive(Debug)]
pub struct S3Ledger {
    location: LedgerLocation,
    lease: Mutex<Lease>,
}

/// The answer of S3 to a conditional write.
enum Answer {
    /// It succeeded, with this `ETag`.
    Done(Option<String>),
    /// The precondition failed: the object is another version, this one.
    Conflict(Box<Versioned>),
}

impl S3Ledger {
    /// Takes the shard. Its previous owner is fenced out: it cannot take a step any more.
    ///
    /// # Errors
    /// [`StoreError::Lost`] if another process took it at the same moment.
    pub async fn take(
        location: LedgerLocation,
        shard: &ShardId,
        owner: &str,
    ) -> Result<Self, StoreError> {
        let found = location.read(shard).await?;
        Self::take_from(location, owner, found).await
    }

    /// Takes the shard if its ledger still is the version that was found.
    ///
    /// # Errors
    /// [`StoreError::Lost`] if it has changed since.
    pub async fn take_from(
        location: LedgerLocation,
        owner: &str,
        found: Versioned,
    ) -> Result<Self, StoreError> {
        let taken = found.ledger.taken_by(owner);
        let known = location.swap(taken, found.etag).await?;
        Ok(Self {
            location,
            lease: Mutex::new(Lease::taken(owner, known)),
        })
    }

    /// The ledger that is taken with the first step, and only if it has not changed since it was found.
    #[must_use]
    pub fn acquire(location: LedgerLocation, owner: &str, found: Versioned) -> Self {
        Self {
            location,
            lease: Mutex::new(Lease::acquired(owner, found)),
        }
    }

    /// The last known ledger.
    pub async fn ledger(&self) -> Ledger {
        self.lease.lock().await.known().ledger.clone()
    }

    /// Writes the ledger that `step` makes of the last known one.
    ///
    /// # Errors
    /// [`StoreError::Lost`] if another process has taken the shard.
    pub async fn step(
        &self,
        step: impl Fn(&Ledger) -> Result<Ledger, LedgerError>,
    ) -> Result<(), StoreError> {
        let mut lease = self.lease.lock().await;
        loop {
            let swap = lease.swap(&step, nonce())?;
            match self.location.write(&swap).await? {
                Answer::Done(etag) => {
                    lease.done(swap, etag);
                    return Ok(());
                }
                Answer::Conflict(found) => match lease.resolve_conflict(&swap, *found)? {
                    Resolved::Done => return Ok(()),
                    Resolved::Retry => {}
                },
            }
        }
    }
}

impl LedgerLocation {
    /// Reads the ledger of `shard`, which is new if there is no object.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], and [`StoreError::Service`] after the retry timeout.
    pub async fn read(&self, shard: &ShardId) -> Result<Versioned, StoreError> {
        let what = format!("read s3://{}/{}", self.bucket, self.key);
        let mut attempts = Attempts::new(&self.retry_policy, "read_ledger");
        loop {
            let why = match self.get().await {
                Ok(Some((text, etag))) => {
                    let damaged = |why: String| StoreError::Damaged {
                        place: format!("s3://{}/{}", self.bucket, self.key),
                        why,
                    };
                    let ledger = serde_json::from_slice::<Ledger>(&text)
                        .map_err(|error| damaged(error.to_string()))?;
                    let ledger = ledger
                        .check(shard)
                        .map_err(|error| damaged(error.to_string()))?;
                    return Ok(Versioned { ledger, etag });
                }
                Ok(None) => {
                    let ledger = Ledger::new(shard.clone());
                    return Ok(Versioned { ledger, etag: None });
                }
                Err(why) => why,
            };
            if !attempts.wait_to_retry(&what, &why).await {
                return Err(StoreError::Service { what, why });
            }
        }
    }

    async fn get(&self) -> Result<Option<(Vec<u8>, Option<String>)>, String> {
        let request = self.client.get_object().bucket(&self.bucket).key(&self.key);
        match request.send().await {
            Ok(object) => {
                let etag = object.e_tag().map(str::to_owned);
                let body = object.body.collect().await.map_err(|error| why(&error))?;
                Ok(Some((body.to_vec(), etag)))
            }
            Err(SdkError::ServiceError(error))
                if matches!(error.err(), GetObjectError::NoSuchKey(_)) =>
            {
                Ok(None)
            }
            Err(error) => Err(why(&error)),
        }
    }

    /// Writes `next` if the object still is the version `etag`.
    ///
    /// # Errors
    /// [`StoreError::Lost`], and [`StoreError::Service`] after the retry timeout.
    pub async fn swap(&self, next: Ledger, etag: Option<String>) -> Result<Versioned, StoreError> {
        let swap = Swap::new(next, etag, nonce());
        match self.write(&swap).await? {
            Answer::Done(etag) => Ok(swap.done(etag)),
            Answer::Conflict(found) => Ok(swap.resolve(*found)?),
        }
    }

    /// Retries a write until it is answered.
    async fn write(&self, swap: &Swap) -> Result<Answer, StoreError> {
        let what = format!("write s3://{}/{}", self.bucket, self.key);
        let mut attempts = Attempts::new(&self.retry_policy, "write_ledger");
        loop {
            match self.put(&swap.next, swap.seen.as_deref()).await {
                Ok(etag) => return Ok(Answer::Done(etag)),
                Err((Some(PRECONDITION_FAILED), _)) => {
                    let found = self.read(swap.next.shard()).await?;
                    return Ok(Answer::Conflict(Box::new(found)));
                }
                Err((_, why)) => {
                    if !attempts.wait_to_retry(&what, &why).await {
                        return Err(StoreError::Service { what, why });
                    }
                }
            }
        }
    }

    async fn put(
        &self,
        next: &Ledger,
        etag: Option<&str>,
    ) -> Result<Option<String>, (Option<u16>, String)> {
        let text = serde_json::to_vec_pretty(next).map_err(|error| (None, error.to_string()))?;
        let request = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(&self.key)
            .content_type("application/json")
            .body(ByteStream::from(text));
        let request = match etag {
            Some(etag) => request.if_match(etag),
            None => request.if_none_match("*"),
        };
        match request.send().await {
            Ok(written) => Ok(written.e_tag().map(str::to_owned)),
            Err(error) => {
                let status = error
                    .raw_response()
                    .map(|response| response.status().as_u16());
                Err((status, why(&error)))
            }
        }
    }
}

fn nonce() -> String {
    format!("{:016x}", rand::random::<u64>())
}
