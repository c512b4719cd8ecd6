//! The targets of a run: the ledgers, the lake with its releases, and the bus.

mod bus;
mod file_ledgers;

use std::path::Path;
use std::sync::Arc;

use aws_config::SdkConfig;
use sluice_engine::record::{SequenceNumber, ShardId};
use sluice_release::registry::{Known, Registry};
use sluice_storage::aws;
use sluice_storage::error::RequestError;
use sluice_storage::folder::FolderStore;
use sluice_storage::location::StoreLocation;
use sluice_storage::object_store::ObjectStore;
use sluice_storage::retry::RetryPolicy;
use sluice_storage::s3::S3Store;
use sluice_storage::s3::reader::ObjectReader;
use tokio::runtime::Handle;
use tokio::sync::OnceCell;

use self::file_ledgers::FileLedgers;
use crate::config::{RunSettings, store_setting};
use crate::layout::object_key::METADATA_FOLDER;
use crate::ledger::Ledger;
use crate::ledger::file::LedgerFile;
use crate::ledger::lease::Versioned;
use crate::ledger::s3::{LedgerLocation, S3Ledger};
use crate::ledger::store::{LedgerStore, StoreError};
use crate::pipeline::Sinks;
use crate::sink::bus::{BusConnection, BusTarget, MessageSettings};
use crate::sink::schema_store::KnownSchemas;
use crate::sink::{Archive, Lake, SchemaStore};

/// The targets of a run.
pub struct Targets {
    lake: StoreLocation,
    bus: Option<BusTarget>,
    archive: Option<StoreLocation>,
    messages: MessageSettings,
    retry_policy: RetryPolicy,
    owner: String,
    sdk: OnceCell<SdkConfig>,
    s3: OnceCell<aws_sdk_s3::Client>,
    bus_connection: OnceCell<BusConnection>,
    /// Whether the ledgers of files are used. A worker and a function use those of a stream only.
    uses_files: bool,
    /// The ledgers of files, once they are read.
    file_ledgers: OnceCell<FileLedgers>,
    /// The releases that are known to be in the lake.
    kept: Known,
    /// The schemas that are known to be in the lake.
    schemas: KnownSchemas,
}

/// How a shard becomes this process's own. A ledger in a folder is locked in any case.
pub enum Claim {
    /// Take it from any owner.
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
    /// Its lake, bus and quarantine.
    pub sinks: Sinks,
}

/// The stores of a shard that this process owns.
struct ClaimedStores {
    ledger: LedgerStore,
    lake: Arc<dyn ObjectStore>,
    /// The folder for metadata in the lake.
    metadata: Arc<dyn ObjectStore>,
}

impl Targets {
    /// Targets that are opened when they are first needed.
    #[must_use]
    pub fn new(settings: &RunSettings) -> Self {
        let number = rand::random::<u64>();
        Self {
            lake: settings.lake.clone(),
            bus: settings.bus.clone(),
            archive: settings.archive.clone(),
            messages: settings.messages.clone(),
            retry_policy: settings.retry_policy.clone(),
            owner: format!("{}-{number:016x}", std::process::id()),
            sdk: OnceCell::new(),
            s3: OnceCell::new(),
            bus_connection: OnceCell::new(),
            uses_files: settings.mode.files().is_some(),
            file_ledgers: OnceCell::new(),
            kept: Known::default(),
            schemas: KnownSchemas::default(),
        }
    }

    /// The targets with the ledgers of files, whatever the source of the settings is.
    #[must_use]
    pub fn with_files(self) -> Self {
        Self {
            uses_files: true,
            ..self
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

    /// What reads objects of S3 as a source.
    ///
    /// # Errors
    /// AWS is not configured.
    pub async fn object_reader(&self) -> Result<ObjectReader, RequestError> {
        let client = self.s3().await?.clone();
        let policy = self.retry_policy.clone();
        Ok(ObjectReader::new(client, policy, Handle::current()))
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

    /// As [`ledger`](Self::ledger), but not as this process has read it before.
    ///
    /// # Errors
    /// A ledger that cannot be read.
    pub async fn ledger_now(&self, shard: &ShardId) -> Result<Ledger, StoreError> {
        if let Some(groups) = self.groups_of(shard).await? {
            groups.refresh(shard).await?;
        }
        self.ledger(shard).await
    }

    /// Whether another process works on the shard. Only a lake in a folder tells.
    #[must_use]
    pub fn is_locked(&self, shard: &ShardId) -> bool {
        match &self.lake {
            StoreLocation::Folder(root) => {
                let folder = root.join(METADATA_FOLDER).join("ledger");
                LedgerFile::is_locked(&folder, shard)
            }
            StoreLocation::S3 { .. } => false,
        }
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
        if let Some(groups) = self.groups_of(shard).await? {
            return LedgerLocation::in_groups(groups.clone()).read(shard).await;
        }
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
            let requested = found.ledger.request_for(&self.owner);
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

    /// Claims a shard and opens its targets. The bus is connected to before, so that no process owns a
    /// shard that it cannot work on.
    ///
    /// # Errors
    /// Another process owns the shard, or a target cannot be opened.
    pub async fn claim(&self, shard: &ShardId, claim: Claim) -> anyhow::Result<ClaimedShard> {
        let bus_connection = self.bus_connection().await?;
        let stores = match &self.lake {
            StoreLocation::Folder(root) => self.lock(shard, root).await?,
            StoreLocation::S3 { bucket, prefix } => {
                self.claim_in_s3(shard, claim, bucket, prefix).await?
            }
        };
        let bus = bus_connection.map(|connection| connection.open(shard));
        let archive = match &self.archive {
            Some(location) => Some(self.archive(location).await?),
            None => None,
        };
        Ok(ClaimedShard {
            ledger: stores.ledger,
            sinks: Sinks {
                shard: shard.clone(),
                lake: Lake::new(stores.lake),
                lake_name: self.lake.to_string(),
                bus: bus.transpose()?,
                messages: bus_connection.map(|bus| bus.rules),
                schemas: SchemaStore::new(stores.metadata.clone(), self.schemas.clone()),
                registry: Registry::new(stores.metadata, self.kept.clone()),
                archive,
            },
        })
    }

    /// The archive of the settings, or of the pins of a chunk.
    ///
    /// # Errors
    /// AWS is not configured.
    pub async fn archive(&self, location: &StoreLocation) -> Result<Archive, RequestError> {
        let store = self.store(location).await?;
        Ok(Archive::new(store, store_setting(location)))
    }

    /// A store that other processes may write to as well.
    ///
    /// # Errors
    /// AWS is not configured.
    pub async fn store(
        &self,
        location: &StoreLocation,
    ) -> Result<Arc<dyn ObjectStore>, RequestError> {
        match location {
            StoreLocation::Folder(root) => Ok(Arc::new(FolderStore::shared(root.clone()))),
            StoreLocation::S3 { bucket, prefix } => {
                let policy = self.retry_policy.clone();
                self.s3_store(bucket, prefix.clone(), policy).await
            }
        }
    }

    /// Locks the ledger of a shard in a folder, and opens the lake there.
    async fn lock(&self, shard: &ShardId, root: &Path) -> Result<ClaimedStores, StoreError> {
        let own = root.join(METADATA_FOLDER);
        let tmp = own.join("tmp").join(shard.as_str());
        let groups = self.groups_of(shard).await?.cloned();
        let ledger = LedgerFile::open(&own.join("ledger"), shard, tmp, groups).await?;
        let scratch = ledger.scratch().clone();
        let store = |root| Arc::new(FolderStore::new(root, scratch.clone()));
        Ok(ClaimedStores {
            lake: store(root.to_owned()),
            metadata: store(own),
            ledger: LedgerStore::File(Box::new(ledger)),
        })
    }

    /// Claims the ledger of a shard in S3, and opens the lake there.
    async fn claim_in_s3(
        &self,
        shard: &ShardId,
        claim: Claim,
        bucket: &str,
        prefix: &str,
    ) -> Result<ClaimedStores, StoreError> {
        let policy = || self.retry_policy.clone();
        let location = self.ledger_location(shard, bucket, prefix, policy());
        let groups = self.groups_of(shard).await?;
        let ledger = match (claim, groups) {
            // The first step takes the shard, so that a small file needs one write less.
            (Claim::Take, Some(groups)) => {
                let location = LedgerLocation::in_groups(groups.clone());
                let found = location.read(shard).await?;
                S3Ledger::acquire(location, &self.owner, found).into()
            }
            (Claim::Take, None) => S3Ledger::take(location.await?, shard, &self.owner)
                .await?
                .into(),
            (Claim::TakeUnchanged(found), _) => {
                let taking = S3Ledger::take_from(location.await?, &self.owner, *found);
                taking.await?.into()
            }
            (Claim::Acquired(ledger), _) => ledger,
        };
        let metadata = format!("{prefix}{METADATA_FOLDER}/");
        Ok(ClaimedStores {
            ledger: LedgerStore::S3(ledger),
            lake: self.s3_store(bucket, prefix.to_owned(), policy()).await?,
            metadata: self.s3_store(bucket, metadata, policy()).await?,
        })
    }

    /// Reads the ledger of a shard. The first step takes the shard. If the shard is new, that step also
    /// notes that the pipeline began with the record `first`.
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
            found.ledger = found.ledger.begin_with(first);
        }
        Ok(S3Ledger::acquire(location, &self.owner, found))
    }

    fn in_s3(&self) -> anyhow::Result<(&str, &str)> {
        match &self.lake {
            StoreLocation::S3 { bucket, prefix } => Ok((bucket, prefix)),
            StoreLocation::Folder(root) => {
                anyhow::bail!(
                    "the lake {} is not in S3; give s3://BUCKET/PREFIX",
                    root.display()
                )
            }
        }
    }

    /// The lake, for reading.
    ///
    /// # Errors
    /// AWS is not configured.
    pub async fn lake_store(&self) -> Result<Arc<dyn ObjectStore>, RequestError> {
        self.lake.open(self.retry_policy.clone()).await
    }
}
