//! Opens the targets of a run: for each shard its ledger, its lake, its bus, and the lake's releases.

use std::sync::Arc;

use aws_config::SdkConfig;
use tokio::sync::OnceCell;

use crate::config::{BusTarget, RunSettings};
use crate::engine::record::{SequenceNumber, ShardId};
use crate::layout::object_key::METADATA_FOLDER;
use crate::ledger::Ledger;
use crate::ledger::file::LedgerFile;
use crate::ledger::lease::Versioned;
use crate::ledger::s3::{LedgerLocation, S3Ledger};
use crate::ledger::store::{LedgerStore, StoreError};
use crate::pipeline::Sinks;
use crate::release::registry::{Known, Registry};
use crate::sink::bus::folder::DirectoryBus;
use crate::sink::bus::sqs::SqsBus;
use crate::sink::{Bus, Lake, Messages};
use crate::storage::aws;
use crate::storage::error::RequestError;
use crate::storage::files::Scratch;
use crate::storage::folder::FolderStore;
use crate::storage::location::StoreLocation;
use crate::storage::object_store::ObjectStore;
use crate::storage::retry::RetryPolicy;
use crate::storage::s3::S3Store;

/// The targets of a run.
pub struct Targets {
    lake: StoreLocation,
    bus: Option<BusTarget>,
    messages: Messages,
    retry_policy: RetryPolicy,
    owner: String,
    sdk: OnceCell<SdkConfig>,
    s3: OnceCell<aws_sdk_s3::Client>,
    sqs: OnceCell<SqsBus>,
    /// The releases that are known to be in the lake.
    kept: Known,
}

/// A shard that this process owns, with its targets opened.
pub struct OpenShard {
    /// The shard's ledger.
    pub ledger: LedgerStore,
    /// Where its outcomes go.
    pub sinks: Sinks,
    scratches: Vec<Arc<Scratch>>,
}

impl Targets {
    /// Targets that are opened when they are first needed.
    #[must_use]
    pub fn new(settings: &RunSettings) -> Self {
        let number = rand::random::<u64>();
        Self {
            lake: settings.lake.clone(),
            bus: settings.bus.clone(),
            messages: settings.messages,
            retry_policy: settings.retry_policy.clone(),
            owner: format!("{}-{number:016x}", std::process::id()),
            sdk: OnceCell::new(),
            s3: OnceCell::new(),
            sqs: OnceCell::new(),
            kept: Known::default(),
        }
    }

    /// The name of this process in leases.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// The configuration that all AWS clients share.
    ///
    /// # Errors
    /// AWS is not configured.
    pub async fn sdk(&self) -> Result<&SdkConfig, RequestError> {
        self.sdk.get_or_try_init(aws::sdk_config).await
    }

    async fn s3(&self) -> Result<&aws_sdk_s3::Client, RequestError> {
        let open = || async { self.sdk().await.map(aws::s3) };
        self.s3.get_or_try_init(open).await
    }

    async fn s3_store(
        &self,
        bucket: &str,
        prefix: String,
        retry_policy: RetryPolicy,
    ) -> Result<Arc<dyn ObjectStore>, RequestError> {
        let client = self.s3().await?.clone();
        Ok(Arc::new(S3Store::new(
            client,
            bucket.to_owned(),
            prefix,
            retry_policy,
        )))
    }

    /// Reads the ledger of a shard without taking the shard.
    ///
    /// # Errors
    /// A ledger that cannot be read.
    pub async fn ledger(&self, shard: &ShardId) -> Result<Ledger, StoreError> {
        let found = self.peek(shard, self.retry_policy.clone()).await?;
        Ok(found.ledger)
    }

    /// As [`ledger`](Self::ledger), with the version of the object. S3 is retried by `retry_policy`.
    ///
    /// # Errors
    /// A ledger that cannot be read.
    pub async fn peek(
        &self,
        shard: &ShardId,
        retry_policy: RetryPolicy,
    ) -> Result<Versioned, StoreError> {
        match &self.lake {
            StoreLocation::Folder(root) => {
                let folder = root.join(METADATA_FOLDER).join("ledger");
                let ledger = LedgerFile::peek(&folder, shard).await?;
                Ok(Versioned { ledger, etag: None })
            }
            StoreLocation::S3 { bucket, prefix } => {
                let location = self.ledger_location(shard, bucket, prefix, retry_policy);
                location.await?.read(shard).await
            }
        }
    }

    /// Requests a shard from its owner, with one attempt.
    ///
    /// # Errors
    /// The ledger has changed since it was found, or cannot be written.
    pub async fn request(&self, found: Versioned) -> Result<(), StoreError> {
        if let StoreLocation::S3 { bucket, prefix } = &self.lake {
            let once = self.retry_policy.for_one_attempt();
            let location = self.ledger_location(found.ledger.shard(), bucket, prefix, once);
            let requested = found.ledger.requested_by(&self.owner);
            location.await?.swap(requested, found.etag).await?;
        }
        Ok(())
    }

    async fn ledger_location(
        &self,
        shard: &ShardId,
        bucket: &str,
        prefix: &str,
        retry_policy: RetryPolicy,
    ) -> Result<LedgerLocation, RequestError> {
        let store = self.s3_store(bucket, prefix.to_owned(), retry_policy);
        let key = format!("{METADATA_FOLDER}/ledger/{shard}.json");
        Ok(LedgerLocation::new(store.await?, key))
    }

    /// Takes a shard and opens its targets. A queue is looked up before, so that no process owns a
    /// shard that it cannot work on. With `found`, the shard is taken only if its ledger has not
    /// changed since.
    ///
    /// # Errors
    /// Another process owns the shard, or a target cannot be opened.
    pub async fn open(
        &self,
        shard: &ShardId,
        found: Option<Versioned>,
    ) -> anyhow::Result<OpenShard> {
        self.queue().await?;
        let root = match &self.lake {
            StoreLocation::Folder(root) => root,
            StoreLocation::S3 { bucket, prefix } => {
                let policy = self.retry_policy.clone();
                let location = self.ledger_location(shard, bucket, prefix, policy).await?;
                let ledger = match found {
                    Some(found) => S3Ledger::take_from(location, &self.owner, found).await?,
                    None => S3Ledger::take(location, shard, &self.owner).await?,
                };
                return self.resume(shard, Arc::new(ledger)).await;
            }
        };
        let own = root.join(METADATA_FOLDER);
        let tmp = own.join("tmp").join(shard.as_str());
        let ledger = LedgerFile::open(&own.join("ledger"), shard, tmp).await?;
        let scratch = ledger.scratch().clone();
        let store = |root| Arc::new(FolderStore::new(root, scratch.clone()));
        let (lake, metadata) = (store(root.clone()), store(own));
        let ledger = LedgerStore::File(Box::new(ledger));
        let scratches = vec![scratch.clone()];
        self.open_shard(shard, ledger, lake, metadata, scratches)
            .await
    }

    /// Reads the ledger of a shard, which is taken with the first step. If the shard is new, that step
    /// also notes that the pipeline began with the record `first`.
    ///
    /// # Errors
    /// The ledger cannot be read, or the lake is not in S3.
    pub async fn acquire(
        &self,
        shard: &ShardId,
        first: Option<SequenceNumber>,
    ) -> anyhow::Result<S3Ledger> {
        let (bucket, prefix) = self.in_s3()?;
        let policy = self.retry_policy.clone();
        let location = self.ledger_location(shard, bucket, prefix, policy).await?;
        let mut found = location.read(shard).await?;
        if let Some(first) = first {
            found.ledger = found.ledger.begun_with(first);
        }
        Ok(S3Ledger::acquire(location, &self.owner, found))
    }

    /// Opens the targets of a shard whose ledger was acquired.
    ///
    /// # Errors
    /// The bus cannot be opened, or the lake is not in S3.
    pub async fn resume(
        &self,
        shard: &ShardId,
        ledger: Arc<S3Ledger>,
    ) -> anyhow::Result<OpenShard> {
        let (bucket, prefix) = self.in_s3()?;
        let store = |prefix| self.s3_store(bucket, prefix, self.retry_policy.clone());
        let lake = store(prefix.to_owned()).await?;
        let metadata = store(format!("{prefix}{METADATA_FOLDER}/")).await?;
        let ledger = LedgerStore::S3(ledger);
        self.open_shard(shard, ledger, lake, metadata, Vec::new())
            .await
    }

    fn in_s3(&self) -> anyhow::Result<(&str, &str)> {
        match &self.lake {
            StoreLocation::S3 { bucket, prefix } => Ok((bucket, prefix)),
            StoreLocation::Folder(root) => {
                anyhow::bail!("the lake {} is not in S3", root.display())
            }
        }
    }

    async fn open_shard(
        &self,
        shard: &ShardId,
        ledger: LedgerStore,
        lake: Arc<dyn ObjectStore>,
        metadata: Arc<dyn ObjectStore>,
        mut scratches: Vec<Arc<Scratch>>,
    ) -> anyhow::Result<OpenShard> {
        let bus = self.open_bus(shard, &mut scratches).await?;
        Ok(OpenShard {
            ledger,
            sinks: Sinks {
                shard: shard.clone(),
                lake: Lake::new(lake),
                lake_name: self.lake.to_string(),
                bus,
                messages: self.messages,
                registry: Registry::new(metadata, self.kept.clone()),
            },
            scratches,
        })
    }

    /// The lake, for reading.
    ///
    /// # Errors
    /// AWS is not configured.
    pub async fn lake_store(&self) -> Result<Arc<dyn ObjectStore>, RequestError> {
        self.lake.open(self.retry_policy.clone()).await
    }

    /// The bus, for reading, if it is a folder.
    #[must_use]
    pub fn bus_store(&self) -> Option<Arc<dyn ObjectStore>> {
        match &self.bus {
            Some(BusTarget::Directory(root)) => Some(Arc::new(FolderStore::shared(root.clone()))),
            _ => None,
        }
    }

    /// The largest event that the bus takes, bytes, if it is a queue.
    ///
    /// # Errors
    /// There is no such queue, or it cannot be read.
    pub async fn max_message_bytes(&self) -> anyhow::Result<Option<usize>> {
        let queue = self.queue().await?;
        Ok(queue.map(|queue| queue.max_event_bytes()))
    }

    async fn open_bus(
        &self,
        shard: &ShardId,
        scratches: &mut Vec<Arc<Scratch>>,
    ) -> anyhow::Result<Option<Bus>> {
        Ok(match &self.bus {
            None => None,
            Some(BusTarget::Directory(root)) => {
                let bus = DirectoryBus::new(root.clone());
                let scratch = Arc::new(bus.scratch(shard)?);
                scratches.push(scratch.clone());
                Some(Bus::Directory(bus, scratch))
            }
            Some(BusTarget::Sqs(_)) => self.queue().await?.map(Bus::Sqs),
        })
    }

    /// The queue of the bus, if the bus is a queue.
    async fn queue(&self) -> anyhow::Result<Option<SqsBus>> {
        let Some(BusTarget::Sqs(queue)) = &self.bus else {
            return Ok(None);
        };
        let open = || async {
            let client = aws_sdk_sqs::Client::new(self.sdk().await?);
            let (lake, policy) = (self.lake.to_string(), self.retry_policy.clone());
            anyhow::Ok(SqsBus::open(client, queue, lake, policy).await?)
        };
        self.sqs.get_or_try_init(open).await.cloned().map(Some)
    }
}

impl OpenShard {
    /// Removes the temporary files of the shard.
    ///
    /// # Errors
    /// The file system fails.
    pub fn close(scratches: &[Arc<Scratch>]) -> std::io::Result<()> {
        scratches.iter().try_for_each(|scratch| scratch.close())
    }

    /// The parts: the shard's ledger and sinks, and what to [`close`](Self::close) at the end.
    #[must_use]
    pub fn into_parts(self) -> (LedgerStore, Sinks, Vec<Arc<Scratch>>) {
        (self.ledger, self.sinks, self.scratches)
    }
}
