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
//!
//! An attempt is one on one table, which its UUID tells. If another table has got the name, as at the end of a rebuild, the
//! attempt is no attempt on that one, whatever its watermark: two tables without commits have the same.

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
const TRIES_MAX: usize = 10;

/// The pause before the second try; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The pause before each try: none before the first.
pub(super) fn pauses() -> impl Iterator<Item = Duration> {
    let double = |pause: &Duration| Some((*pause * 2).min(LONGEST_PAUSE));
    let later = std::iter::successors(Some(FIRST_PAUSE), double);
    std::iter::once(Duration::ZERO).chain(later).take(TRIES_MAX)
}

/// What is to be committed.
pub(super) struct Attempt {
    /// Its id.
    pub(super) id: String,
    /// The UUID of the table that it is one on.
    pub(super) table: String,
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
    /// Another table has the name. The attempt is not in that one, but may be committed in the one that it was made for.
    Replaced,
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
    commit_with(catalog, table, wanted, pauses()).await
}

/// As [`commit`], with a pause before each try.
async fn commit_with(
    catalog: &dyn Catalog,
    table: &TableIdent,
    wanted: &Attempt,
    pauses: impl Iterator<Item = Duration>,
) -> std::result::Result<Outcome, CommitError> {
    let mut failure = None;
    for pause in pauses {
        tokio::time::sleep(pause).await;
        let base = match look(catalog, table, wanted).await? {
            Look::Settled(outcome) => return Ok(outcome),
            Look::Open(base) => base,
            Look::Failed(error) => {
                failure = Some(error);
                continue;
            }
        };
        // Whether it has succeeded is looked up at once, since a catalog may lose its own commit, or its answer.
        failure = try_once(catalog, *base, wanted).await.err().or(failure);
        match look(catalog, table, wanted).await? {
            Look::Settled(outcome) => return Ok(outcome),
            Look::Open(_) => {}
            Look::Failed(error) => failure = Some(error),
        }
    }
    let lost = || {
        Error::new(
            ErrorKind::Unexpected,
            "the catalog takes each commit and then does not have it",
        )
    };
    Err(CommitError::InDoubt(failure.unwrap_or_else(lost)))
}

/// The table when it was looked at.
enum Look {
    /// It says what became of the attempt.
    Settled(Outcome),
    /// The attempt can be tried on it.
    Open(Box<Table>),
    /// It cannot be read.
    Failed(Error),
}

async fn look(
    catalog: &dyn Catalog,
    table: &TableIdent,
    wanted: &Attempt,
) -> std::result::Result<Look, TableStateError> {
    Ok(match catalog.load_table(table).await {
        Ok(present) => match settled(&present, wanted)? {
            Some(outcome) => Look::Settled(outcome),
            None => Look::Open(Box::new(present)),
        },
        Err(error) => Look::Failed(error),
    })
}

/// What the present table says about an attempt; `None` if it can be tried.
fn settled(
    present: &Table,
    wanted: &Attempt,
) -> std::result::Result<Option<Outcome>, TableStateError> {
    if present.metadata().uuid().to_string() != wanted.table {
        return Ok(Some(Outcome::Replaced));
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::test_catalog::{Fault, UnsteadyCatalog, create, in_memory, named};

    fn first_attempt_on(table: &Table) -> Attempt {
        Attempt {
            id: "a".into(),
            table: table.metadata().uuid().to_string(),
            after: String::new(),
            files: Vec::new(),
        }
    }

    /// Both tables have no commits, so their watermarks are the same.
    #[tokio::test]
    async fn an_attempt_on_a_table_is_none_on_another_one_with_its_name() {
        let catalog = in_memory().await;
        let table = create(&catalog, "t").await;
        let attempt = first_attempt_on(&table);
        let (name, before) = (named("t"), named("before"));
        catalog.rename_table(&name, &before).await.unwrap();
        let other = create(&catalog, "t").await;
        let outcome = commit(&catalog, &name, &attempt).await.unwrap();
        assert!(matches!(outcome, Outcome::Replaced));
        let outcome = commit(&catalog, &name, &first_attempt_on(&other)).await;
        assert!(matches!(outcome.unwrap(), Outcome::Committed(_)));
        let outcome = commit(&catalog, &before, &attempt).await;
        assert!(matches!(outcome.unwrap(), Outcome::Committed(_)));
    }

    #[tokio::test]
    async fn a_commit_whose_answer_is_lost_is_seen_at_once() {
        for before in [&[][..], &[Fault::Conflict], &[Fault::LostCommit]] {
            let memory = in_memory().await;
            let table = create(&memory, "t").await;
            let faults = [before, &[Fault::LostAnswer]].concat();
            let tries = faults.len();
            let catalog = UnsteadyCatalog::new(memory, faults);
            let no_more = std::iter::once_with(|| panic!("a pause after the success"));
            let pauses = std::iter::repeat_n(Duration::ZERO, tries).chain(no_more);
            let attempt = first_attempt_on(&table);
            let outcome = commit_with(&catalog, &named("t"), &attempt, pauses).await;
            assert!(matches!(outcome.unwrap(), Outcome::Committed(_)));
            assert_eq!(catalog.tries(), tries);
        }
    }

    #[tokio::test]
    async fn a_catalog_that_loses_each_commit_leaves_it_in_doubt() {
        let memory = in_memory().await;
        let table = create(&memory, "t").await;
        let catalog = UnsteadyCatalog::new(memory, vec![Fault::LostCommit; 3]);
        let pauses = std::iter::repeat_n(Duration::ZERO, 3);
        let attempt = first_attempt_on(&table);
        let outcome = commit_with(&catalog, &named("t"), &attempt, pauses).await;
        let error = outcome.err().unwrap().to_string();
        assert!(error.contains("does not have it"), "{error}");
        assert_eq!(catalog.tries(), 3);
    }

    #[test]
    fn pauses_double_up_to_a_bound() {
        let all: Vec<_> = pauses().collect();
        assert_eq!(all.len(), TRIES_MAX);
        assert_eq!(all[..3], [Duration::ZERO, FIRST_PAUSE, FIRST_PAUSE * 2]);
        assert_eq!(all.last(), Some(&LONGEST_PAUSE));
    }
}
