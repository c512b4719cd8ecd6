//! A ledger as an object in S3, changed only by compare-and-swap (`If-Match` on its `ETag`, or
//! `If-None-Match: *` for the first). Every write carries a nonce: where the answer to a write was
//! lost, reading the object back says whether the write was done.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::primitives::ByteStream;
use tokio::sync::Mutex;

use super::store::StoreError;
use super::{Ledger, LedgerError};
use crate::aws::why;
use crate::record::ShardId;
use crate::retry::{Attempts, Patience};

/// Statuses of a conditional write that was not done: 412 "Precondition Failed", 409 "Conditional
/// Request Conflict" (another write at the same moment).
const PRECONDITION_FAILED: u16 = 412;

/// Where a ledger is.
#[derive(Clone, Debug)]
pub struct Place {
    /// A client of S3.
    pub client: Client,
    /// The bucket of the lake.
    pub bucket: String,
    /// The ledger's key.
    pub key: String,
    /// How long an operation is tried.
    pub patience: Patience,
}

/// A ledger and the version of the object that says so.
#[derive(Clone, Debug)]
pub struct Versioned {
    /// What the ledger says.
    pub ledger: Ledger,
    /// The object's `ETag`; none where there is no object yet.
    pub etag: Option<String>,
}

/// The ledger of one shard, held by this process until another takes it.
#[derive(Debug)]
pub struct S3Ledger {
    place: Place,
    owner: String,
    state: Mutex<Versioned>,
}

impl S3Ledger {
    /// Takes the shard, from whoever had it: a holder before cannot take a step any more.
    ///
    /// # Errors
    /// [`StoreError::Lost`] where another took it at the same moment.
    pub async fn take(place: Place, shard: &ShardId, owner: &str) -> Result<Self, StoreError> {
        let found = place.read(shard).await?;
        Self::take_from(place, owner, found).await
    }

    /// Takes the shard from the state that was found, and only from that.
    ///
    /// # Errors
    /// [`StoreError::Lost`] where it has changed since.
    pub async fn take_from(
        place: Place,
        owner: &str,
        found: Versioned,
    ) -> Result<Self, StoreError> {
        let taken = found.ledger.taken_by(owner);
        let state = place.swap(taken, found.etag).await?;
        Ok(Self {
            place,
            owner: owner.to_owned(),
            state: Mutex::new(state),
        })
    }

    /// The ledger as it was found, which is taken with the first step, and only if it has not changed
    /// until then.
    #[must_use]
    pub fn assume(place: Place, owner: &str, found: Versioned) -> Self {
        let ledger = found.ledger.taken_by(owner);
        Self {
            place,
            owner: owner.to_owned(),
            state: Mutex::new(Versioned {
                ledger,
                etag: found.etag,
            }),
        }
    }

    /// What the ledger says.
    pub async fn ledger(&self) -> Ledger {
        self.state.lock().await.ledger.clone()
    }

    /// Takes a step.
    ///
    /// # Errors
    /// [`StoreError::Lost`] where another has taken the shard.
    pub async fn step(
        &self,
        step: impl Fn(&Ledger) -> Result<Ledger, LedgerError>,
    ) -> Result<(), StoreError> {
        let mut state = self.state.lock().await;
        loop {
            let next = step(&state.ledger)?;
            match self.place.swap(next, state.etag.clone()).await {
                Ok(written) => {
                    *state = written;
                    return Ok(());
                }
                Err(StoreError::Lost { shard, by }) if by == self.owner => {
                    // A note that someone left in the ledger, such as a wish to have the shard.
                    *state = self.place.read(&shard).await?;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

impl Place {
    /// Reads the ledger of `shard`, which is new where there is none.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], and [`StoreError::Service`] when patience is at its end.
    pub async fn read(&self, shard: &ShardId) -> Result<Versioned, StoreError> {
        let what = format!("read s3://{}/{}", self.bucket, self.key);
        let mut attempts = Attempts::new(&self.patience, "read_ledger");
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
            if !attempts.again(&what, &why).await {
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

    /// Writes `next` where the object still is what `etag` says.
    ///
    /// # Errors
    /// [`StoreError::Lost`], and [`StoreError::Service`] when patience is at its end.
    pub async fn swap(&self, next: Ledger, etag: Option<String>) -> Result<Versioned, StoreError> {
        let nonce = format!("{:016x}", rand::random::<u64>());
        let next = next.with_nonce(nonce);
        let what = format!("write s3://{}/{}", self.bucket, self.key);
        let mut attempts = Attempts::new(&self.patience, "write_ledger");
        loop {
            match self.put(&next, etag.as_deref()).await {
                Ok(etag) => return Ok(Versioned { ledger: next, etag }),
                Err((Some(PRECONDITION_FAILED), _)) => return self.settle(next).await,
                Err((_, why)) => {
                    if !attempts.again(&what, &why).await {
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

    /// The object is not what it was: either by a write of ours whose answer was lost, or by another.
    async fn settle(&self, ours: Ledger) -> Result<Versioned, StoreError> {
        let found = self.read(ours.shard()).await?;
        if found.ledger == ours {
            return Ok(found);
        }
        Err(StoreError::Lost {
            shard: ours.shard().clone(),
            by: found.ledger.owner().unwrap_or("nobody").to_owned(),
        })
    }
}
