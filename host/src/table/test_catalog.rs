//! A catalog in memory for unit tests, and one that fails when it is told to.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use iceberg::memory::{MEMORY_CATALOG_WAREHOUSE, MemoryCatalog, MemoryCatalogBuilder};
use iceberg::spec::{NestedField, PrimitiveType, Schema, Type};
use iceberg::table::Table;
use iceberg::transaction::{ApplyTransactionAction as _, Transaction};
use iceberg::{
    Catalog, CatalogBuilder as _, Error, ErrorKind, Namespace, NamespaceIdent, Result, TableCommit,
    TableCreation, TableIdent, TableUpdate,
};
use sluice_storage::location::StoreLocation;
use sluice_storage::retry::RetryPolicy;

use super::manage::Tables;
use super::warehouse::Warehouse;

/// A catalog with the namespace `n`.
pub(super) async fn in_memory() -> MemoryCatalog {
    let place = HashMap::from([(MEMORY_CATALOG_WAREHOUSE.to_owned(), "memory://w".into())]);
    let catalog = MemoryCatalogBuilder::default().load("c", place);
    let catalog = catalog.await.unwrap();
    let namespace = NamespaceIdent::new("n".into());
    let created = catalog.create_namespace(&namespace, HashMap::new()).await;
    created.unwrap();
    catalog
}

/// The tables of a catalog, with a folder for their documents.
pub(super) async fn tables_in(folder: &Path, catalog: Arc<dyn Catalog>) -> Tables {
    let location = StoreLocation::Folder(folder.to_owned());
    let retries = RetryPolicy::new(Duration::from_secs(1));
    Tables {
        catalog,
        catalog_name: "memory".into(),
        create: "sluice table create".into(),
        warehouse: Warehouse::open(&location, retries).await.unwrap(),
    }
}

pub(super) fn named(name: &str) -> TableIdent {
    TableIdent::from_strs(["n", name]).unwrap()
}

/// Creates a table with one column.
pub(super) async fn create(catalog: &dyn Catalog, name: &str) -> Table {
    let field = NestedField::optional(1, "x", Type::Primitive(PrimitiveType::Long));
    let schema = Schema::builder().with_fields([field.into()]).build();
    let creation = TableCreation::builder()
        .name(name.to_owned())
        .schema(schema.unwrap())
        .build();
    let table = named(name);
    let created = catalog.create_table(table.namespace(), creation).await;
    created.unwrap()
}

/// A fault of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is not taken, and the catalog says so.
    Conflict,
    /// It is not taken, and the catalog says that it is.
    LostCommit,
    /// It is taken, and the catalog says that it is not.
    LostAnswer,
    /// Another table gets the name just before.
    Replaced,
    /// Its properties are taken, but no columns.
    NoColumns,
}

/// A catalog with a fault in each of its first commits.
#[derive(Debug)]
pub(super) struct UnsteadyCatalog<C> {
    pub(super) catalog: C,
    faults: Vec<Fault>,
    tries: Mutex<usize>,
    /// The removals of tables that will fail.
    drops: Mutex<usize>,
}

impl<C: Catalog> UnsteadyCatalog<C> {
    pub(super) fn new(catalog: C, faults: Vec<Fault>) -> Self {
        Self {
            catalog,
            faults,
            tries: Mutex::default(),
            drops: Mutex::default(),
        }
    }

    /// Lets the first removals of tables fail. Nothing happens to the tables.
    pub(super) fn fail_drops(&mut self, count: usize) {
        self.drops = Mutex::new(count);
    }

    /// The number of commits so far.
    pub(super) fn tries(&self) -> usize {
        *self.tries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> Option<Fault> {
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        *tries += 1;
        self.faults.get(*tries - 1).copied()
    }

    /// Takes only the properties of a commit.
    async fn set_properties(&self, commit: &mut TableCommit) -> Result<Table> {
        let table = self.catalog.load_table(commit.identifier()).await?;
        let transaction = Transaction::new(&table);
        let mut properties = transaction.update_table_properties();
        for update in commit.take_updates() {
            if let TableUpdate::SetProperties { updates } = update {
                for (name, value) in updates {
                    properties = properties.set(name, value);
                }
            }
        }
        let transaction = properties.apply(transaction)?;
        transaction.commit(&self.catalog).await
    }

    /// Gives the name to the table with `__rebuild` after it, as the end of a rebuild does.
    async fn replace(&self, table: &TableIdent) -> Result<()> {
        let other = |suffix: &str| {
            let name = format!("{}{suffix}", table.name());
            TableIdent::new(table.namespace().clone(), name)
        };
        self.catalog.rename_table(table, &other("__before")).await?;
        self.catalog.rename_table(&other("__rebuild"), table).await
    }
}

#[async_trait]
impl<C: Catalog> Catalog for UnsteadyCatalog<C> {
    async fn update_table(&self, mut commit: TableCommit) -> Result<Table> {
        let failed = || Error::new(ErrorKind::Unexpected, "no answer");
        match self.next() {
            None => self.catalog.update_table(commit).await,
            Some(Fault::Conflict) => {
                let error = Error::new(ErrorKind::CatalogCommitConflicts, "a conflict");
                Err(error.with_retryable(true))
            }
            Some(Fault::LostCommit) => self.catalog.load_table(commit.identifier()).await,
            Some(Fault::LostAnswer) => {
                self.catalog.update_table(commit).await?;
                Err(failed())
            }
            Some(Fault::Replaced) => {
                self.replace(commit.identifier()).await?;
                self.catalog.update_table(commit).await
            }
            Some(Fault::NoColumns) => self.set_properties(&mut commit).await,
        }
    }

    async fn load_table(&self, table: &TableIdent) -> Result<Table> {
        self.catalog.load_table(table).await
    }

    async fn list_namespaces(&self, of: Option<&NamespaceIdent>) -> Result<Vec<NamespaceIdent>> {
        self.catalog.list_namespaces(of).await
    }

    async fn create_namespace(
        &self,
        namespace: &NamespaceIdent,
        properties: HashMap<String, String>,
    ) -> Result<Namespace> {
        self.catalog.create_namespace(namespace, properties).await
    }

    async fn get_namespace(&self, namespace: &NamespaceIdent) -> Result<Namespace> {
        self.catalog.get_namespace(namespace).await
    }

    async fn namespace_exists(&self, namespace: &NamespaceIdent) -> Result<bool> {
        self.catalog.namespace_exists(namespace).await
    }

    async fn update_namespace(
        &self,
        namespace: &NamespaceIdent,
        properties: HashMap<String, String>,
    ) -> Result<()> {
        self.catalog.update_namespace(namespace, properties).await
    }

    async fn drop_namespace(&self, namespace: &NamespaceIdent) -> Result<()> {
        self.catalog.drop_namespace(namespace).await
    }

    async fn list_tables(&self, namespace: &NamespaceIdent) -> Result<Vec<TableIdent>> {
        self.catalog.list_tables(namespace).await
    }

    async fn create_table(
        &self,
        namespace: &NamespaceIdent,
        creation: TableCreation,
    ) -> Result<Table> {
        self.catalog.create_table(namespace, creation).await
    }

    async fn drop_table(&self, table: &TableIdent) -> Result<()> {
        {
            let mut drops = self.drops.lock().unwrap_or_else(PoisonError::into_inner);
            if *drops > 0 {
                *drops -= 1;
                return Err(Error::new(ErrorKind::Unexpected, "no answer"));
            }
        }
        self.catalog.drop_table(table).await
    }

    async fn purge_table(&self, table: &TableIdent) -> Result<()> {
        self.catalog.purge_table(table).await
    }

    async fn table_exists(&self, table: &TableIdent) -> Result<bool> {
        self.catalog.table_exists(table).await
    }

    async fn rename_table(&self, from: &TableIdent, to: &TableIdent) -> Result<()> {
        self.catalog.rename_table(from, to).await
    }

    async fn register_table(&self, table: &TableIdent, metadata: String) -> Result<Table> {
        self.catalog.register_table(table, metadata).await
    }
}
