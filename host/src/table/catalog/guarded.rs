//! A catalog that is a service: each call ends in time, and its errors say what to do.
//!
//! A call that ends without an answer may have succeeded, so each change looks up whether it has. A request may also arrive
//! later than that. The catalog compares before it swaps, so a late commit changes nothing twice, and a late creation or
//! rename finds its name taken. But no catalog compares before it drops: a late drop removes whatever has the name by then,
//! such as the new table of a rebuild. Its files stay, unless it was a purge.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use iceberg::table::Table;
use iceberg::{
    Catalog, Error, ErrorKind, Namespace, NamespaceIdent, Result, TableCommit, TableCreation,
    TableIdent,
};

/// The time for a call, with the files that it reads and writes, whose requests are retried for a minute.
const TIMEOUT: Duration = Duration::from_secs(180);

/// What is asked of a catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Load,
    Create,
    Commit,
    Drop,
    Rename,
    List,
    Namespace,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Load => "load the table",
            Self::Create => "create the table",
            Self::Commit => "commit to the table",
            Self::Drop => "drop the table",
            Self::Rename => "rename the table",
            Self::List => "list the tables",
            Self::Namespace => "find or create the namespace",
        })
    }
}

/// What is special about a service.
#[async_trait]
pub(super) trait Service: fmt::Debug + Send + Sync {
    /// The kind of an error, and a text that says what to do; `None` if it says so by itself.
    fn explain(&self, call: Call, error: &Error) -> Option<(ErrorKind, String)>;

    /// Whether what a table would be in exists. It is asked if there is no such table.
    async fn check_exists(&self) -> Result<()> {
        Ok(())
    }

    /// Prepares the creation of a table.
    async fn before_create(&self, _: &TableIdent, _: &mut TableCreation) -> Result<()> {
        Ok(())
    }
}

/// A catalog that is a service.
#[derive(Debug)]
pub(super) struct Guarded {
    catalog: Box<dyn Catalog>,
    service: Box<dyn Service>,
    /// The catalog as the user gave it.
    name: String,
}

impl Guarded {
    pub(super) fn of(
        name: String,
        catalog: impl Catalog + 'static,
        service: impl Service + 'static,
    ) -> Arc<dyn Catalog> {
        Arc::new(Self {
            catalog: Box::new(catalog),
            service: Box::new(service),
            name,
        })
    }

    async fn call<T>(
        &self,
        call: Call,
        of: impl fmt::Display,
        calling: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let prefix = || format!("cannot {call} {of} in table.catalog {}", self.name);
        let Ok(answer) = tokio::time::timeout(TIMEOUT, calling).await else {
            let seconds = TIMEOUT.as_secs();
            let why = format!("{}: no answer within {seconds} s", prefix());
            return Err(Error::new(ErrorKind::Unexpected, why));
        };
        answer.map_err(|error| match self.service.explain(call, &error) {
            Some((kind, why)) => {
                let retryable = error.retryable();
                Error::new(kind, format!("{}: {why}", prefix())).with_retryable(retryable)
            }
            None if error.kind() == ErrorKind::Unexpected => {
                let retryable = error.retryable();
                Error::new(error.kind(), prefix())
                    .with_source(error)
                    .with_retryable(retryable)
            }
            None => error,
        })
    }
}

#[async_trait]
impl Catalog for Guarded {
    async fn list_namespaces(
        &self,
        parent: Option<&NamespaceIdent>,
    ) -> Result<Vec<NamespaceIdent>> {
        let listed = self.catalog.list_namespaces(parent);
        self.call(Call::List, "of all namespaces", listed).await
    }

    async fn create_namespace(
        &self,
        namespace: &NamespaceIdent,
        properties: HashMap<String, String>,
    ) -> Result<Namespace> {
        let created = self.catalog.create_namespace(namespace, properties);
        self.call(Call::Namespace, namespace, created).await
    }

    async fn get_namespace(&self, namespace: &NamespaceIdent) -> Result<Namespace> {
        let found = self.catalog.get_namespace(namespace);
        self.call(Call::Namespace, namespace, found).await
    }

    async fn namespace_exists(&self, namespace: &NamespaceIdent) -> Result<bool> {
        let exists = self.catalog.namespace_exists(namespace);
        self.call(Call::Namespace, namespace, exists).await
    }

    async fn update_namespace(
        &self,
        namespace: &NamespaceIdent,
        properties: HashMap<String, String>,
    ) -> Result<()> {
        let updated = self.catalog.update_namespace(namespace, properties);
        self.call(Call::Namespace, namespace, updated).await
    }

    async fn drop_namespace(&self, namespace: &NamespaceIdent) -> Result<()> {
        let dropped = self.catalog.drop_namespace(namespace);
        self.call(Call::Namespace, namespace, dropped).await
    }

    async fn list_tables(&self, namespace: &NamespaceIdent) -> Result<Vec<TableIdent>> {
        let listed = self.catalog.list_tables(namespace);
        self.call(Call::List, namespace, listed).await
    }

    async fn create_table(
        &self,
        namespace: &NamespaceIdent,
        mut creation: TableCreation,
    ) -> Result<Table> {
        let table = TableIdent::new(namespace.clone(), creation.name.clone());
        let created = async {
            self.service.before_create(&table, &mut creation).await?;
            self.catalog.create_table(namespace, creation).await
        };
        self.call(Call::Create, &table, created).await
    }

    async fn load_table(&self, table: &TableIdent) -> Result<Table> {
        let loaded = async {
            let loaded = self.catalog.load_table(table).await;
            if let Err(error) = &loaded
                && error.kind() == ErrorKind::TableNotFound
            {
                self.service.check_exists().await?;
            }
            loaded
        };
        self.call(Call::Load, table, loaded).await
    }

    async fn drop_table(&self, table: &TableIdent) -> Result<()> {
        let dropped = self.catalog.drop_table(table);
        self.call(Call::Drop, table, dropped).await
    }

    async fn purge_table(&self, table: &TableIdent) -> Result<()> {
        let purged = self.catalog.purge_table(table);
        self.call(Call::Drop, table, purged).await
    }

    async fn table_exists(&self, table: &TableIdent) -> Result<bool> {
        let exists = self.catalog.table_exists(table);
        self.call(Call::Load, table, exists).await
    }

    async fn rename_table(&self, table: &TableIdent, to: &TableIdent) -> Result<()> {
        let renamed = self.catalog.rename_table(table, to);
        self.call(Call::Rename, table, renamed).await
    }

    async fn register_table(&self, table: &TableIdent, metadata: String) -> Result<Table> {
        let registered = self.catalog.register_table(table, metadata);
        self.call(Call::Create, table, registered).await
    }

    async fn update_table(&self, commit: TableCommit) -> Result<Table> {
        let table = commit.identifier().clone();
        let updated = self.catalog.update_table(commit);
        self.call(Call::Commit, &table, updated).await
    }
}
