//! One function per call of the Kinesis API, with errors that the reader can match on.

use std::ops::RangeInclusive;

use aws_config::SdkConfig;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::http::HttpResponse;
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kinesis::operation::get_shard_iterator::GetShardIteratorError;
use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types::{
    HashKeyRange, PutRecordsRequestEntry, PutRecordsResultEntry, Record, Shard, ShardIteratorType,
};
use sluice_engine::record::{Bound, SequenceNumber};
use sluice_storage::aws::service_config;
use sluice_storage::error::{ErrorKind, RequestError};
use thiserror::Error;
use tokio::time::sleep;

use super::BETWEEN_CALLS;
use super::errors::KINESIS_ERRORS;
use super::stream_address::StreamAddress;
use crate::ledger::Ledger;
use crate::source::ResumePoint;

/// "GetRecords": at most 10,000 records in one answer.
pub(super) const GET_RECORDS_MAX: i32 = 10_000;

/// The actions of IAM for reading and writing, with those on the key of an encrypted stream.
const GET_RECORDS: &str = "kinesis:GetRecords (and, if the stream has a KMS key, kms:Decrypt)";
const PUT_RECORDS: &str =
    "kinesis:PutRecords (and, if the stream has a KMS key, kms:GenerateDataKey)";

/// A stream.
#[derive(Clone, Debug)]
pub struct Stream {
    pub(super) client: Client,
    address: StreamAddress,
}

/// A shard as `ListShards` describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardInfo {
    /// Its id: `shardId-000000000000`.
    pub id: String,
    /// The shards that it was split or merged from. They must be finished before it is begun.
    pub parents: Vec<String>,
    /// Its range of hash keys.
    pub hash_keys: RangeInclusive<u128>,
}

/// Where reading begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the oldest record in the shard.
    TrimHorizon,
    /// At the first record that arrived at or after a moment, milliseconds since the Unix epoch.
    At(i64),
    /// At this record.
    From(SequenceNumber),
    /// After this record.
    After(SequenceNumber),
}

impl Start {
    /// With the pending range, or else after the committed records, or else at `new`, where the pipeline
    /// starts in a new shard.
    #[must_use]
    pub fn resume(from: &ResumePoint, new: Self) -> Self {
        match (&from.pending, &from.committed) {
            (Some(pending), _) => Self::From(pending.range.first),
            (None, Some(committed)) => Self::After(committed.last),
            (None, None) => new,
        }
    }

    /// Where a pipeline started in a shard, if its ledger says so.
    #[must_use]
    pub fn of_pipeline(ledger: &Ledger) -> Option<Self> {
        if let Some(moment) = ledger.began_at() {
            return Some(Self::At(moment));
        }
        Some(match ledger.replay()?.from {
            Some(Bound::Moment(moment)) => Self::At(moment),
            Some(Bound::Sequence(first)) => Self::From(first),
            None => Self::TrimHorizon,
        })
    }
}

/// The answer of one `GetRecords`.
#[derive(Clone, Debug)]
pub struct RecordsPage {
    /// The records.
    pub records: Vec<Record>,
    /// The next iterator; `None` at the end of a closed shard.
    pub next: Option<String>,
    /// The time between the newest of these records and the tip, milliseconds.
    pub lag_ms: i64,
}

/// Why a call failed.
#[derive(Debug, Error)]
pub enum KinesisError {
    /// The iterator is older than five minutes.
    #[error("the shard iterator has expired")]
    ExpiredIterator,
    /// The shard has no such position: its record has expired, or is of another stream.
    #[error(transparent)]
    UnknownPosition(RequestError),
    /// Any other error of a request.
    #[error(transparent)]
    Request(#[from] RequestError),
}

impl KinesisError {
    /// An error of a kind, without advice.
    #[must_use]
    pub fn new(kind: ErrorKind, why: impl Into<String>) -> Self {
        Self::Request(RequestError::new(kind, why))
    }

    /// The error for the retry policy.
    #[must_use]
    pub fn into_request_error(self) -> RequestError {
        match self {
            // The next attempt gets a new iterator.
            Self::ExpiredIterator => {
                RequestError::new(ErrorKind::Unavailable, Self::ExpiredIterator.to_string())
            }
            Self::UnknownPosition(error) | Self::Request(error) => error,
        }
    }

    /// The kind of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::ExpiredIterator => ErrorKind::Unavailable,
            Self::UnknownPosition(error) | Self::Request(error) => error.kind(),
        }
    }
}

/// The error of a request that needs the `action` of IAM.
pub(super) fn failed<E>(action: &'static str) -> impl Fn(SdkError<E, HttpResponse>) -> KinesisError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    move |error| {
        let answer = error.as_service_error();
        match answer.and_then(ProvideErrorMetadata::code) {
            Some("ExpiredIteratorException") => KinesisError::ExpiredIterator,
            _ => KINESIS_ERRORS.classify(&error, action).into(),
        }
    }
}

/// The error of a request for an iterator.
fn no_iterator(error: SdkError<GetShardIteratorError, HttpResponse>) -> KinesisError {
    let answer = error.as_service_error();
    let is_unknown = answer.is_some_and(GetShardIteratorError::is_invalid_argument_exception);
    match failed("kinesis:GetShardIterator")(error) {
        KinesisError::Request(error) if is_unknown => KinesisError::UnknownPosition(error),
        error => error,
    }
}

impl Stream {
    /// The stream of this name.
    #[must_use]
    pub fn new(client: Client, name: String) -> Self {
        let address = StreamAddress::of_name(name);
        Self { client, address }
    }

    /// The stream at an address, with a client for its region.
    #[must_use]
    pub fn connect(sdk: &SdkConfig, address: &StreamAddress) -> Self {
        let config = service_config(sdk, "Kinesis", address.region());
        Self {
            client: Client::new(&config),
            address: address.clone(),
        }
    }

    /// The stream's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.address.name()
    }

    /// The stream as the settings name it.
    #[must_use]
    pub fn address(&self) -> &StreamAddress {
        &self.address
    }

    /// The parameters `StreamName` and `StreamARN`. Only an ARN can name a stream of another account.
    pub(super) fn parameters(&self) -> (Option<String>, Option<String>) {
        match self.address.arn() {
            Some(arn) => (None, Some(arn.to_string())),
            None => (Some(self.name().to_owned()), None),
        }
    }

    /// All shards, closed ones included as long as they hold records.
    ///
    /// # Errors
    /// [`KinesisError`]
    pub async fn list_shards(&self) -> Result<Vec<ShardInfo>, KinesisError> {
        let mut shards = Vec::new();
        let mut page = None;
        loop {
            let request = self.client.list_shards();
            let (name, arn) = self.parameters();
            let request = match page {
                // The token names the stream.
                Some(token) => request.next_token(token),
                None => request.set_stream_name(name).set_stream_arn(arn),
            };
            let answer = request.send().await;
            let answer = answer.map_err(failed("kinesis:ListShards"))?;
            shards.extend(answer.shards().iter().map(shard_info));
            match answer.next_token() {
                Some(token) => page = Some(token.to_owned()),
                None => return Ok(shards),
            }
        }
    }

    /// An iterator over a shard.
    ///
    /// # Errors
    /// [`KinesisError`]
    pub async fn iterator(&self, shard: &str, start: Start) -> Result<String, KinesisError> {
        let (name, arn) = self.parameters();
        let request = self.client.get_shard_iterator().shard_id(shard);
        let request = request.set_stream_name(name).set_stream_arn(arn);
        let request = match start {
            Start::TrimHorizon => request.shard_iterator_type(ShardIteratorType::TrimHorizon),
            Start::At(ms) => request
                .shard_iterator_type(ShardIteratorType::AtTimestamp)
                .timestamp(DateTime::from_millis(ms)),
            Start::From(number) => request
                .shard_iterator_type(ShardIteratorType::AtSequenceNumber)
                .starting_sequence_number(number.to_string()),
            Start::After(number) => request
                .shard_iterator_type(ShardIteratorType::AfterSequenceNumber)
                .starting_sequence_number(number.to_string()),
        };
        let answer = request.send().await;
        let answer = answer.map_err(no_iterator)?;
        let iterator = answer.shard_iterator().map(str::to_owned);
        let missing = || KinesisError::new(ErrorKind::Other, "an answer without an iterator");
        iterator.ok_or_else(missing)
    }

    /// The sequence number of the first record that is there; `None` where there is none yet.
    ///
    /// # Errors
    /// [`KinesisError`]
    pub async fn first(
        &self,
        shard: &str,
        start: Start,
    ) -> Result<Option<SequenceNumber>, KinesisError> {
        let first = self.first_record(shard, start).await?;
        let number = first.map(|first| first.sequence_number().parse());
        let wrong = |why: String| KinesisError::new(ErrorKind::Other, why);
        number.transpose().map_err(wrong)
    }

    /// The first record that is there; `None` where there is none yet.
    ///
    /// # Errors
    /// [`KinesisError`]
    pub async fn first_record(
        &self,
        shard: &str,
        start: Start,
    ) -> Result<Option<Record>, KinesisError> {
        let mut iterator = Some(self.iterator(shard, start).await?);
        while let Some(at) = iterator {
            let mut page = self.get(&at, 1).await?;
            if let Some(first) = page.records.pop() {
                return Ok(Some(first));
            }
            iterator = page.next.filter(|_| page.lag_ms > 0);
            if iterator.is_some() {
                sleep(BETWEEN_CALLS).await;
            }
        }
        Ok(None)
    }

    /// The records at an iterator.
    ///
    /// # Errors
    /// [`KinesisError`]
    pub async fn get_records(&self, iterator: &str) -> Result<RecordsPage, KinesisError> {
        self.get(iterator, GET_RECORDS_MAX).await
    }

    /// At most `limit` records at an iterator.
    ///
    /// # Errors
    /// [`KinesisError`]
    pub async fn get(&self, iterator: &str, limit: i32) -> Result<RecordsPage, KinesisError> {
        let request = self.client.get_records().shard_iterator(iterator);
        let (_, arn) = self.parameters();
        let answer = request.set_stream_arn(arn).limit(limit).send().await;
        let answer = answer.map_err(failed(GET_RECORDS))?;
        Ok(RecordsPage {
            next: answer.next_shard_iterator().map(str::to_owned),
            lag_ms: answer.millis_behind_latest().unwrap_or(0),
            records: answer.records,
        })
    }

    /// Puts records, at most what `PutRecords` allows in one call. Returns for each record,
    /// in order, the shard that accepted it, or why none did: the service was at its limit or failed for
    /// that record alone.
    ///
    /// # Errors
    /// [`KinesisError`]; if the answer was lost, records may have been accepted nevertheless.
    pub async fn put_records(
        &self,
        records: Vec<PutRecordsRequestEntry>,
    ) -> Result<Vec<Result<String, KinesisError>>, KinesisError> {
        let given = records.len();
        let (name, arn) = self.parameters();
        let request = self.client.put_records().set_stream_name(name);
        let request = request.set_stream_arn(arn);
        let answer = request.set_records(Some(records)).send().await;
        let answer = answer.map_err(failed(PUT_RECORDS))?;
        match answer.records().len() {
            answered if answered == given => Ok(answer.records().iter().map(put_result).collect()),
            answered => {
                let why =
                    format!("the answer is about {answered} records, the request had {given}");
                Err(KinesisError::new(ErrorKind::Other, why))
            }
        }
    }
}

/// The shard that accepted a record, or why none did.
fn put_result(record: &PutRecordsResultEntry) -> Result<String, KinesisError> {
    /// A record fails alone when the shard is at its limit or the service has an internal fault.
    const SERVICE_FAULT: u16 = 500;
    let Some(code) = record.error_code() else {
        return Ok(record.shard_id().unwrap_or_default().to_owned());
    };
    let message = record.error_message();
    Err(KINESIS_ERRORS
        .of_answer(SERVICE_FAULT, Some(code), message, PUT_RECORDS)
        .into())
}

fn shard_info(shard: &Shard) -> ShardInfo {
    let parents = [shard.parent_shard_id(), shard.adjacent_parent_shard_id()];
    let range = shard.hash_key_range();
    let key =
        |text: Option<&str>, otherwise| text.and_then(|t| t.parse().ok()).unwrap_or(otherwise);
    ShardInfo {
        id: shard.shard_id().to_owned(),
        parents: parents.into_iter().flatten().map(str::to_owned).collect(),
        hash_keys: key(range.map(HashKeyRange::starting_hash_key), 0)
            ..=key(range.map(HashKeyRange::ending_hash_key), u128::MAX),
    }
}

#[cfg(test)]
mod tests;
