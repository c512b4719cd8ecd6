//! Tables: what their names lead to, and how that changes.

use std::collections::HashMap;
use std::sync::Arc;

use iceberg::spec::{
    FormatVersion, Schema, SortOrder, TableMetadata, TableMetadataBuilder, UnboundPartitionSpec,
};
use iceberg::{
    Error, MetadataLocation, NamespaceIdent, TableCreation, TableIdent, TableRequirement,
    TableUpdate,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::http::Failed;
use super::super::rpc::{Failure, Outcome};
use super::{Shared, State, failure};

/// The property in which a client asks for a version of the format.
const FORMAT_VERSION: &str = "format-version";

/// A table.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) metadata: Arc<TableMetadata>,
    /// The file of this metadata.
    pub(super) location: MetadataLocation,
}

/// The input of `createTable`.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct NewTable {
    name: String,
    #[serde(default)]
    location: Option<String>,
    schema: Schema,
    #[serde(default)]
    partition_spec: Option<UnboundPartitionSpec>,
    #[serde(default)]
    write_order: Option<SortOrder>,
    #[serde(default)]
    stage_create: Option<bool>,
    #[serde(default)]
    properties: Option<HashMap<String, String>>,
}

/// The input of `updateTable`.
#[derive(Deserialize)]
pub(super) struct Changes {
    requirements: Vec<TableRequirement>,
    updates: Vec<TableUpdate>,
}

/// The input of `renameTable`.
#[derive(Deserialize)]
pub(super) struct Rename {
    source: TableIdent,
    destination: TableIdent,
}

fn invalid(why: impl Into<Failed>) -> Failure {
    failure(400, "BadRequestException", why.into().to_string())
}

fn unsupported(why: &str) -> Failure {
    failure(406, "UnsupportedOperationException", why)
}

fn conflict(error: &Error) -> Failure {
    failure(409, "CommitFailedException", error.to_string())
}

impl Entry {
    fn output(&self) -> Value {
        json!({ "metadata-location": self.location.to_string(), "metadata": *self.metadata })
    }
}

impl NewTable {
    fn metadata(self, default_location: String) -> Result<TableMetadata, Failure> {
        let mut properties = self.properties.unwrap_or_default();
        let format_version = match properties.remove(FORMAT_VERSION).as_deref() {
            Some("1") => FormatVersion::V1,
            None | Some("2") => FormatVersion::V2,
            Some("3") => FormatVersion::V3,
            Some(_) => return Err(invalid("there is no such version of the format")),
        };
        let creation = TableCreation {
            name: self.name,
            location: Some(self.location.unwrap_or(default_location)),
            schema: self.schema,
            partition_spec: self.partition_spec,
            sort_order: self.write_order,
            properties,
            format_version,
        };
        let builder = TableMetadataBuilder::from_table_creation(creation).map_err(invalid)?;
        Ok(builder.build().map_err(invalid)?.metadata)
    }
}

impl State {
    pub(super) fn table(&self, table: &TableIdent) -> Result<&Entry, Failure> {
        let missing = || {
            let why = format!("there is no table {table}");
            failure(404, "NoSuchTableException", why)
        };
        self.tables.get(table).ok_or_else(missing)
    }

    pub(super) fn list_tables(&self, namespace: &NamespaceIdent) -> Outcome {
        self.namespace(namespace)?;
        let tables = self.tables.keys();
        let tables: Vec<_> = tables
            .filter(|table| table.namespace() == namespace)
            .collect();
        Ok(json!({ "identifiers": tables }))
    }

    /// Whether a table can get this name.
    fn check_is_free(&self, table: &TableIdent) -> Result<(), Failure> {
        self.namespace(table.namespace())?;
        if self.tables.contains_key(table) {
            let why = format!("there is a table {table}");
            return Err(failure(409, "AlreadyExistsException", why));
        }
        Ok(())
    }
}

impl Shared {
    pub(super) fn load_table(&self, table: &TableIdent) -> Outcome {
        let entry = self.state().table(table)?.clone();
        Ok(self.loaded(&entry))
    }

    fn loaded(&self, entry: &Entry) -> Value {
        let mut output = entry.output();
        output["config"] = self.files.config();
        output
    }

    /// Writes the metadata of a table into its file.
    async fn entry(
        &self,
        metadata: TableMetadata,
        location: MetadataLocation,
    ) -> Result<Entry, Failure> {
        let location = location.with_new_metadata(&metadata);
        let name = location.to_string();
        if name.ends_with(".gz.metadata.json") {
            return Err(unsupported("the stand-in does not compress metadata"));
        }
        let content = serde_json::to_vec(&metadata).map_err(invalid)?;
        self.files.put(&name, content).await?;
        let metadata = Arc::new(metadata);
        Ok(Entry { metadata, location })
    }

    pub(super) async fn create_table(&self, namespace: NamespaceIdent, new: NewTable) -> Outcome {
        if new.stage_create == Some(true) {
            return Err(unsupported("the stand-in does not stage tables"));
        }
        let table = TableIdent::new(namespace, new.name.clone());
        let folder = table.namespace().join("/");
        let folder = format!("{folder}/{}-{:08x}", table.name(), rand::random::<u32>());
        let _change = self.changes.lock().await;
        self.state().check_is_free(&table)?;
        let metadata = new.metadata(self.files.uri_of(&folder))?;
        let location = MetadataLocation::new_with_metadata(metadata.location(), &metadata);
        let entry = self.entry(metadata, location).await?;
        self.state().tables.insert(table, entry.clone());
        Ok(self.loaded(&entry))
    }

    /// A commit: its requirements are checked and its updates made while no other change is.
    pub(super) async fn update_table(&self, table: &TableIdent, changes: Changes) -> Outcome {
        let _change = self.changes.lock().await;
        let present = self.state().table(table)?.clone();
        for requirement in &changes.requirements {
            let checked = requirement.check(Some(&present.metadata));
            checked.map_err(|error| conflict(&error))?;
        }
        let mut builder = TableMetadataBuilder::new_from_metadata(
            TableMetadata::clone(&present.metadata),
            Some(present.location.to_string()),
        );
        for update in changes.updates {
            builder = update.apply(builder).map_err(invalid)?;
        }
        let metadata = builder.build().map_err(invalid)?.metadata;
        let entry = self
            .entry(metadata, present.location.with_next_version())
            .await?;
        let output = entry.output();
        self.state().tables.insert(table.clone(), entry);
        Ok(output)
    }

    pub(super) async fn drop_table(&self, table: &TableIdent, purge: bool) -> Outcome {
        let _change = self.changes.lock().await;
        let location = self.state().table(table)?.metadata.location().to_owned();
        self.state().tables.remove(table);
        if purge {
            self.files.remove_folder(&location).await?;
        }
        Ok(Value::Null)
    }

    pub(super) async fn rename_table(&self, rename: Rename) -> Outcome {
        let _change = self.changes.lock().await;
        let mut state = self.state();
        let entry = state.table(&rename.source)?.clone();
        state.check_is_free(&rename.destination)?;
        state.tables.remove(&rename.source);
        state.tables.insert(rename.destination, entry);
        Ok(Value::Null)
    }
}
