//! The ledgers of files: in groups, or, of lakes that an earlier build has written, each in a document of its own.

use std::collections::BTreeSet;
use std::sync::Arc;

use sluice_engine::record::ShardId;
use sluice_storage::folder::FolderStore;
use sluice_storage::location::StoreLocation;

use super::Targets;
use crate::layout::object_key::METADATA_FOLDER;
use crate::ledger::DocumentName;
use crate::ledger::groups::LedgerGroups;
use crate::ledger::store::StoreError;

/// What the folder of the ledgers holds, by name.
#[derive(Debug, Default)]
pub struct LedgerNames {
    /// The shards with a ledger of their own.
    pub ledgers: BTreeSet<ShardId>,
    /// The shards with a lock, in a lake in a folder.
    pub locks: BTreeSet<ShardId>,
    /// The ledger groups.
    groups: Vec<String>,
}

/// The ledgers of files.
pub(super) struct FileLedgers {
    groups: Arc<LedgerGroups>,
    /// What the folder of the ledgers held when the run began.
    names: LedgerNames,
}

impl Targets {
    /// Lists the folder of the ledgers.
    ///
    /// # Errors
    /// The lake cannot be listed.
    pub async fn ledger_names(&self) -> Result<LedgerNames, StoreError> {
        let mut names = LedgerNames::default();
        let mut found = |name: &str| names.add(name);
        let store = self.lake_store().await?;
        store
            .list(&format!("{METADATA_FOLDER}/ledger/"), &mut found)
            .await?;
        Ok(names)
    }

    /// The shards that have a ledger, and those that had a lock when the run began and have no ledger.
    ///
    /// # Errors
    /// The lake cannot be read.
    pub async fn known_shards(&self) -> Result<[BTreeSet<ShardId>; 2], StoreError> {
        let FileLedgers { groups, names } = self.file_ledgers().await?;
        let mut with_ledger = names.ledgers.clone();
        with_ledger.extend(groups.shards());
        let without = &names.locks - &with_ledger;
        Ok([with_ledger, without])
    }

    /// The ledger groups of the lake.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn groups(&self) -> Result<&Arc<LedgerGroups>, StoreError> {
        Ok(&self.file_ledgers().await?.groups)
    }

    async fn file_ledgers(&self) -> Result<&FileLedgers, StoreError> {
        let open = || async {
            let names = self.ledger_names().await?;
            let store = match &self.lake {
                StoreLocation::Folder(root) => Arc::new(FolderStore::shared(
                    root.join(METADATA_FOLDER).join("ledger"),
                )),
                StoreLocation::S3 { bucket, prefix } => {
                    let prefix = format!("{prefix}{METADATA_FOLDER}/ledger/");
                    self.s3_store(bucket, prefix, self.retry_policy.clone())
                        .await?
                }
            };
            let groups = names.groups.iter().map(String::as_str);
            Ok(FileLedgers {
                groups: LedgerGroups::open(store, groups).await?,
                names,
            })
        };
        self.file_ledgers.get_or_try_init(open).await
    }

    /// The groups, if the ledger of the shard is kept in one or, as one of a new file, will be.
    pub(super) async fn groups_of(
        &self,
        shard: &ShardId,
    ) -> Result<Option<&Arc<LedgerGroups>>, StoreError> {
        if !self.uses_files {
            return Ok(None);
        }
        let ledgers = self.file_ledgers().await?;
        Ok(Some(&ledgers.groups).filter(|_| !ledgers.names.ledgers.contains(shard)))
    }
}

impl LedgerNames {
    fn add(&mut self, name: &str) {
        match DocumentName::parse(name) {
            Some(DocumentName::Own(shard)) => {
                self.ledgers.insert(shard);
            }
            Some(DocumentName::Group) => self.groups.push(name.to_owned()),
            None => {
                let lock = name.strip_suffix(".lock");
                self.locks
                    .extend(lock.and_then(|shard| ShardId::new(shard).ok()));
            }
        }
    }
}
