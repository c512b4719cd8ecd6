//! The commit of an attempt: its files and its watermark, together or not at all, and at most once.
//!
//! A commit is an append, so the catalog takes it only on the snapshot that it was built on. Before each try, the present
//! table is looked at:
//!
//! | its watermark | means |
//! | --- | --- |
//! | that of this attempt | an answer was lost: the commit has succeeded |
//! | the one that the attempt follows | the attempt can be tried, whatever others have committed meanwhile |
//! | any other | another builder has committed: the attempt is void |

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use iceberg::spec::DataFile;
use iceberg::table::Table;
use iceberg::transaction::{ApplyTransactionAction as _, Transaction};
use iceberg::{
    Catalog, Error, ErrorKind, Namespace, NamespaceIdent, Result, TableCommit, TableCreation,
    TableIdent,
};
use thiserror::Error as ThisError;

use super::state::{ATTEMPT, TableStateError, attempt, check_not_rolled_back};

/// How often a commit is tried: others may commit at the same moment.
const TRIES_MAX: u32 = 10;

/// The pause after the first try; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What is to be committed.
pub(super) struct Attempt {
    /// Its id.
    pub(super) id: String,
    /// The attempt of the watermark that it follows; empty for none.
    pub(super) after: String,
    /// Its files.
    pub(super) files: Vec<DataFile>,
}

/// What became of an attempt.
pub(super) enum Outcome {
    /// It is committed; the table after it.
    Committed(Box<Table>),
    /// Another builder has committed. The attempt never will be.
    Void(Box<Table>),
}

/// A commit that failed.
#[derive(Debug, ThisError)]
pub enum CommitError {
    /// It is not known whether it succeeded.
    #[error(
        "cannot commit to the table, and it is not known whether a try has succeeded: {0}; run the command again, which finds out"
    )]
    InDoubt(Error),
    /// The table is not one to go on with.
    #[error(transparent)]
    State(#[from] TableStateError),
}

/// Commits an attempt.
///
/// # Errors
/// [`CommitError`]
pub(super) async fn commit(
    catalog: &dyn Catalog,
    table: &TableIdent,
    wanted: &Attempt,
) -> std::result::Result<Outcome, CommitError> {
    let mut pause = FIRST_PAUSE;
    let mut failure = None;
    for _ in 0..TRIES_MAX {
        match catalog.load_table(table).await {
            Ok(base) => {
                if let Some(outcome) = settled(&base, wanted)? {
                    return Ok(outcome);
                }
                // Whether it has succeeded is looked up, since a catalog may lose its own commit, or its answer.
                failure = try_once(catalog, base, wanted).await.err().or(failure);
            }
            Err(error) => failure = Some(error),
        }
        if failure.is_some() {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
    let present = catalog
        .load_table(table)
        .await
        .map_err(CommitError::InDoubt)?;
    let lost = || {
        Error::new(
            ErrorKind::Unexpected,
            "the catalog takes each commit and then does not have it",
        )
    };
    let in_doubt = || CommitError::InDoubt(failure.unwrap_or_else(lost));
    settled(&present, wanted)?.ok_or_else(in_doubt)
}

/// What the present table says about an attempt; `None` if it can be tried.
fn settled(
    present: &Table,
    wanted: &Attempt,
) -> std::result::Result<Option<Outcome>, TableStateError> {
    let last = attempt(present);
    if last == wanted.id {
        return Ok(Some(Outcome::Committed(Box::new(present.clone()))));
    }
    if last != wanted.after {
        return Ok(Some(Outcome::Void(Box::new(present.clone()))));
    }
    check_not_rolled_back(present)?;
    Ok(None)
}

async fn try_once(catalog: &dyn Catalog, base: Table, wanted: &Attempt) -> Result<()> {
    let transaction = Transaction::new(&base);
    let by = HashMap::from([(ATTEMPT.to_owned(), wanted.id.clone())]);
    let append = transaction
        .fast_append()
        .with_check_duplicate(false)
        .set_snapshot_properties(by)
        .add_data_files(wanted.files.iter().cloned());
    let transaction = append.apply(transaction)?;
    let properties = transaction.update_table_properties();
    let properties = properties.set(ATTEMPT.to_owned(), wanted.id.clone());
    let transaction = properties.apply(transaction)?;
    let once = Once { base, catalog };
    transaction.commit(&once).await.map(drop)
}

/// A catalog that takes one commit, on the table that was looked at: by itself, a transaction loads the table again, builds
/// on what it finds, and tries again after a conflict.
#[derive(Debug)]
pub(super) struct Once<'a> {
    pub(super) base: Table,
    pub(super) catalog: &'a dyn Catalog,
}

fn unused<T>() -> Result<T> {
    Err(Error::new(
        ErrorKind::FeatureUnsupported,
        "a commit does not need this",
    ))
}

#[async_trait]
impl Catalog for Once<'_> {
    async fn load_table(&self, _: &TableIdent) -> Result<Table> {
        Ok(self.base.clone())
    }

    async fn update_table(&self, commit: TableCommit) -> Result<Table> {
        let updated = self.catalog.update_table(commit).await;
        updated.map_err(|error| error.with_retryable(false))
    }

    async fn list_namespaces(&self, _: Option<&NamespaceIdent>) -> Result<Vec<NamespaceIdent>> {
        unused()
    }

    async fn create_namespace(
        &self,
        _: &NamespaceIdent,
        _: HashMap<String, String>,
    ) -> Result<Namespace> {
        unused()
    }

    async fn get_namespace(&self, _: &NamespaceIdent) -> Result<Namespace> {
        unused()
    }

    async fn namespace_exists(&self, _: &NamespaceIdent) -> Result<bool> {
        unused()
    }

    async fn update_namespace(&self, _: &NamespaceIdent, _: HashMap<String, String>) -> Result<()> {
        unused()
    }

    async fn drop_namespace(&self, _: &NamespaceIdent) -> Result<()> {
        unused()
    }

    async fn list_tables(&self, _: &NamespaceIdent) -> Result<Vec<TableIdent>> {
        unused()
    }

    async fn create_table(&self, _: &NamespaceIdent, _: TableCreation) -> Result<Table> {
        unused()
    }

    async fn drop_table(&self, _: &TableIdent) -> Result<()> {
        unused()
    }

    async fn purge_table(&self, _: &TableIdent) -> Result<()> {
        unused()
    }

    async fn table_exists(&self, _: &TableIdent) -> Result<bool> {
        unused()
    }

    async fn rename_table(&self, _: &TableIdent, _: &TableIdent) -> Result<()> {
        unused()
    }

    async fn register_table(&self, _: &TableIdent, _: String) -> Result<Table> {
        unused()
    }
}
