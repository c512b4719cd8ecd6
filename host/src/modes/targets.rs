//! The targets of a run: the ledgers, the lake with its releases, and the bus.

use std::path::Path;
use std::sync::Arc;

use aws_config::SdkConfig;
use tokio::sync::OnceCell;

use crate::config::RunSettings;
use crate::engine::record::{SequenceNumber, ShardId};
use crate::layout::object_key::METADATA_FOLDER;
use crate::ledger::Ledger;
use crate::ledger::file::LedgerFile;
use crate::ledger::lease::Versioned;
use crate::ledger::s3::{LedgerLocation, S3Ledger};
use crate::ledger::store::{LedgerStore, StoreError};
use crate::pipeline::Sinks;
use crate::release::registry::{Known, Registry};
use crate::sink::bus::{BusConnection, BusTarget, ConnectOptions};
use crate::sink::folder::DirectoryLake;
use crate::sink::metadata_store::MetadataStore;
use crate::sink::read::Objects;
use crate::sink::s3::S3Lake;
use crate::sink::{Lake, Messages, SinkError};
use crate::storage::aws;
use crate::storage::files::Folder;
use crate::storage::location::StoreLocation;
use crate::storage::retry::RetryPolicy;

/// The targets of a run.
pub struct Targets {
    lake: StoreLocation,
    bus: Option<BusTarget>,
    messages: Messages,
    retry_policy: RetryPolicy,
    owner: String,
    sdk: OnceCell<SdkConfig>,
    s3: OnceCell<aws_sdk_s3::Client>,
    bus_connection: OnceCell<BusConnection>,
    /// The releases that are known to be in the lake.
    kept: Known,
}

/// How a shard becomes this process's own. A ledger in a folder is locked in any case.
pub enum Claim {
    /// Take it, whoever has it.
    Take,
    /// Take it, unless its ledger has changed since it was found.
    TakeUnchanged(Box<Versioned>),
    /// Use the ledger that this process has read already; the first step takes the shard.
    Acquired(Arc<S3Ledger>),
}

/// A shard that this process owns, with its targets opened.
pub struct ClaimedShard {
    /// The ledger.
    pub ledger: LedgerStore,
    /// Where its outcomes go.
    pub sinks: Sinks,
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
            bus_connection: OnceCell::new(),
            kept: Known::default(),
        }
    }

    /// The name of this process in leases.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// The configuration that all AWS clients share.
    pub async fn sdk(&self) -> &SdkConfig {
        self.sdk.get_or_init(aws::sdk_config).await
    }

    async fn s3(&self) -> &aws_sdk_s3::Client {
        let open = || async { aws::s3(self.sdk().await) };
        self.s3.get_or_init(open).await
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
                let folder = DirectoryLake::new(root.clone())
                    .metadata_folder()
                    .join("ledger");
                let ledger = LedgerFile::peek(&folder, shard)?;
                Ok(Versioned { ledger, etag: None })
            }
            StoreLocation::S3 { bucket, prefix } => {
                let mut location = self.ledger_location(shard, bucket, prefix).await;
                location.retry_policy = retry_policy;
                location.read(shard).await
            }
        }
    }

    /// Requests a shard from its owner, with one attempt.
    ///
    /// # Errors
    /// The ledger has changed since it was found, or cannot be written.
    pub async fn request(&self, found: Versioned) -> Result<(), StoreError> {
        if let StoreLocation::S3 { bucket, prefix } = &self.lake {
            let mut location = self
                .ledger_location(found.ledger.shard(), bucket, prefix)
                .await;
            location.retry_policy = self.retry_policy.for_one_attempt();
            let requested = found.ledger.requested_by(&self.owner);
            location.swap(requested, found.etag).await?;
        }
        Ok(())
    }

    async fn ledger_location(&self, shard: &ShardId, bucket: &str, prefix: &str) -> LedgerLocation {
        LedgerLocation {
            client: self.s3().await.clone(),
            bucket: bucket.to_owned(),
            key: format!("{prefix}{METADATA_FOLDER}/ledger/{shard}.json"),
            retry_policy: self.retry_policy.clone(),
        }
    }

    /// Claims a shard and opens its targets. The bus is connected to before, so that no process owns a
    /// shard that it cannot work on.
    ///
    /// # Errors
    /// Another process owns the shard, or a target cannot be opened.
    pub async fn claim(&self, shard: &ShardId, claim: Claim) -> anyhow::Result<ClaimedShard> {
        let bus_connection = self.bus_connection().await?;
        let (ledger, lake, files) = match &self.lake {
            StoreLocation::Folder(root) => self.lock(shard, root)?,
            StoreLocation::S3 { bucket, prefix } => {
                let location = self.ledger_location(shard, bucket, prefix).await;
                let ledger = match claim {
                    Claim::Take => S3Ledger::take(location, shard, &self.owner).await?.into(),
                    Claim::TakeUnchanged(found) => {
                        let taken = S3Ledger::take_from(location, &self.owner, *found);
                        taken.await?.into()
                    }
                    Claim::Acquired(ledger) => ledger,
                };
                let lake = self.s3_lake(bucket, prefix).await;
                let files = MetadataStore::S3(lake.below(&format!("{METADATA_FOLDER}/")));
                (LedgerStore::S3(ledger), Lake::S3(lake), files)
            }
        };
        let bus = bus_connection.map(|connection| connection.open(shard));
        Ok(ClaimedShard {
            ledger,
            sinks: Sinks {
                shard: shard.clone(),
                lake: Arc::new(lake),
                lake_name: self.lake.to_string(),
                bus: bus.transpose()?,
                max_event_bytes: bus_connection.and_then(|bus| bus.max_event_bytes),
                messages: self.messages,
                registry: Registry::new(files, self.kept.clone()),
            },
        })
    }

    /// Locks the ledger of a shard in a folder, and opens the lake there.
    fn lock(
        &self,
        shard: &ShardId,
        root: &Path,
    ) -> Result<(LedgerStore, Lake, MetadataStore), StoreError> {
        let lake = DirectoryLake::new(root.to_owned());
        let own = lake.metadata_folder();
        let tmp = own.join("tmp").join(shard.as_str());
        let ledger = LedgerFile::open(&own.join("ledger"), shard, tmp)?;
        let scratch = ledger.scratch().clone();
        let files = MetadataStore::Folder(Folder::new(own, scratch.clone()));
        let ledger = LedgerStore::File(Box::new(ledger));
        Ok((ledger, Lake::Directory(lake, scratch), files))
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
        let location = self.ledger_location(shard, bucket, prefix).await;
        let mut found = location.read(shard).await?;
        if let Some(first) = first {
            found.ledger = found.ledger.begun_with(first);
        }
        Ok(S3Ledger::acquire(location, &self.owner, found))
    }

    fn in_s3(&self) -> anyhow::Result<(&str, &str)> {
        match &self.lake {
            StoreLocation::S3 { bucket, prefix } => Ok((bucket, prefix)),
            StoreLocation::Folder(root) => {
                anyhow::bail!("the lake {} is not in S3", root.display())
            }
        }
    }

    async fn s3_lake(&self, bucket: &str, prefix: &str) -> S3Lake {
        S3Lake::new(
            self.s3().await.clone(),
            bucket.to_owned(),
            prefix.to_owned(),
            self.retry_policy.clone(),
        )
    }

    /// The lake, for reading.
    pub async fn lake_objects(&self) -> Objects {
        match &self.lake {
            StoreLocation::Folder(root) => Objects::Directory(root.clone()),
            StoreLocation::S3 { bucket, prefix } => Objects::S3(self.s3_lake(bucket, prefix).await),
        }
    }

    /// The bus, for reading, if it is a folder.
    #[must_use]
    pub fn bus_objects(&self) -> Option<Objects> {
        let folder = self.bus.as_ref().and_then(BusTarget::folder);
        folder.map(Objects::Directory)
    }

    /// The largest event that the bus takes, bytes; `None` without a bus or a limit.
    ///
    /// # Errors
    /// There is no such bus, or it cannot be read.
    pub async fn max_event_bytes(&self) -> Result<Option<usize>, SinkError> {
        let bus = self.bus_connection().await?;
        Ok(bus.and_then(|bus| bus.max_event_bytes))
    }

    /// The bus, if there is one.
    async fn bus_connection(&self) -> Result<Option<&BusConnection>, SinkError> {
        let Some(bus) = &self.bus else {
            return Ok(None);
        };
        let lake = self.lake.to_string();
        let options = ConnectOptions {
            sdk: &self.sdk,
            lake: &lake,
            retry_policy: &self.retry_policy,
        };
        let connected = self.bus_connection.get_or_try_init(|| bus.connect(options));
        connected.await.map(Some)
    }
}
