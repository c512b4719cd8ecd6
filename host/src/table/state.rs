//! A table as its metadata and its documents describe it.

use std::collections::BTreeMap;

use iceberg::spec::SnapshotRef;
use iceberg::table::Table;
use iceberg::util::snapshot::ancestors_of;
use sluice_schema::Schema;
use thiserror::Error;

use super::columns::{missing_column, table_schema};
use super::documents::{DocumentError, TableDocuments};
use super::duplicates::DedupeRule;
use super::layout::TableLayout;
use super::warehouse::Warehouse;
use super::watermark::Watermark;

/// The property that names the attempt of the last commit, and so its watermark. In the summary of a snapshot, the attempt
/// that has made it.
pub(super) const ATTEMPT: &str = "sluice.attempt";

/// The property that names the schema by its digest.
pub(super) const SCHEMA: &str = "sluice.schema";

/// The property that has the layout as it was created.
pub(super) const LAYOUT: &str = "sluice.partition";

/// The property that has the name which the table gets that a rebuilt one replaces.
pub(super) const REPLACED: &str = "sluice.replaced";

/// A table at one moment.
#[derive(Debug)]
pub(super) struct TableState {
    pub(super) table: Table,
    pub(super) documents: TableDocuments,
    pub(super) schema: Schema,
    pub(super) layout: TableLayout,
    /// Its rule for duplicates, if it has one.
    pub(super) dedupe: Option<DedupeRule>,
    pub(super) watermark: Watermark,
}

/// A table that Sluice cannot go on with.
#[derive(Debug, Error)]
pub enum TableStateError {
    /// Another program has created it.
    #[error(
        "the table {0} was not created by `sluice table create`, so it is not known which events it has; give another name"
    )]
    Foreign(String),
    /// The snapshot of the last commit is no part of the table any more.
    #[error(
        "the table {table} was rolled back: its watermark is that of snapshot {snapshot}, which is neither a part of the \
         present one nor expired. Nothing was written. Roll forward to snapshot {snapshot} with a tool for Iceberg, such as \
         Spark's `CALL CATALOG.system.set_current_snapshot('CATALOG.{table}', {snapshot})`, or build the table again with `sluice table rebuild`"
    )]
    RolledBack {
        /// The table.
        table: String,
        /// The snapshot of the last commit.
        snapshot: i64,
    },
    /// Its files are divided in a way that Sluice cannot write.
    #[error(
        "the table {0} has another partition spec than `sluice table create` makes; set it back, or rebuild the table"
    )]
    Layout(String),
    /// A column is another one than in the files that are there.
    #[error(
        "another program has renamed or removed the column {column} of the table {table}, so the values of earlier events are no \
         longer under this name; rename the column back, or build the table again with `sluice table rebuild`. Adding a column \
         with this name does not bring them back"
    )]
    Column {
        /// The table.
        table: String,
        /// The full name of the column.
        column: String,
    },
    /// A column of its schema is missing.
    #[error(
        "the table {table} does not have the column {column} of its schema: the catalog has taken the name of the schema without \
         its columns, or another program has removed the column; add it with `sluice table evolve` and the same schema, or build \
         the table again with `sluice table rebuild`"
    )]
    Incomplete {
        /// The table.
        table: String,
        /// The full name of the column.
        column: String,
    },
    /// Its rule for duplicates is not the one that it was created with.
    #[error(
        "another program has changed the rule for duplicates of the table {table}: {why}; set the properties sluice.dedupe.key \
         and sluice.dedupe.window back to what `sluice table create` has set, or build the table again with `sluice table rebuild`"
    )]
    Dedupe {
        /// The table.
        table: String,
        /// What is wrong.
        why: String,
    },
    /// The columns of a schema cannot be named; none is expected.
    #[error(transparent)]
    Schema(#[from] iceberg::Error),
    /// One of its documents cannot be used.
    #[error(transparent)]
    Document(#[from] DocumentError),
}

/// What of a table can be read, each part by itself: `sluice table status` also shows a table that no builder can go on with,
/// and an audit needs neither the layout nor the names of columns.
#[derive(Debug)]
pub(super) struct TableParts {
    pub(super) documents: TableDocuments,
    pub(super) schema: Result<Schema, TableStateError>,
    pub(super) layout: Result<TableLayout, TableStateError>,
    /// Whether the last commit is a part of the table.
    pub(super) history: Result<(), TableStateError>,
    pub(super) watermark: Result<Watermark, TableStateError>,
    /// Whether the columns of the files that are there have their names.
    pub(super) columns: Result<(), TableStateError>,
    /// Its rule for duplicates, if it has one.
    pub(super) dedupe: Result<Option<DedupeRule>, TableStateError>,
}

impl TableParts {
    /// Reads the documents of a table.
    ///
    /// # Errors
    /// [`TableStateError::Foreign`], or the warehouse cannot be read.
    pub(super) async fn read(
        table: &Table,
        warehouse: &Warehouse,
    ) -> Result<Self, TableStateError> {
        let documents = documents(table, warehouse);
        let schema = unless_unreadable(documents.schema(schema_digest(table)?).await)?;
        let is_possible = |layout: &TableLayout| {
            let schema = schema.as_ref();
            schema.map_or(true, |schema| layout.check(schema).is_ok())
        };
        let layout = layout(table).filter(is_possible);
        let layout = layout.ok_or_else(|| TableStateError::Layout(table.identifier().to_string()));
        let watermark = match attempt(table) {
            "" => Ok(Watermark::default()),
            attempt => unless_unreadable(documents.watermark(attempt).await)?,
        };
        let columns = match &watermark {
            Ok(watermark) => check_columns(table, watermark),
            Err(_) => Ok(()),
        };
        let dedupe = dedupe(table, schema.as_ref().ok(), watermark.as_ref().ok());
        Ok(Self {
            history: check_not_rolled_back(table),
            documents,
            schema,
            layout,
            watermark,
            columns,
            dedupe,
        })
    }
}

/// Tells a document that is missing or damaged from a warehouse that cannot be read, which is the outer error.
fn unless_unreadable<T>(
    read: Result<T, DocumentError>,
) -> Result<Result<T, TableStateError>, DocumentError> {
    match read {
        Err(error @ (DocumentError::Missing(_) | DocumentError::Damaged { .. })) => {
            Ok(Err(error.into()))
        }
        read => read.map(Ok),
    }
}

impl TableState {
    /// Reads the documents of a table.
    ///
    /// # Errors
    /// [`TableStateError`]
    pub(super) async fn read(table: Table, warehouse: &Warehouse) -> Result<Self, TableStateError> {
        let state = Self::read_incomplete(table, warehouse).await?;
        check_complete(&state.table, &state.schema)?;
        Ok(state)
    }

    /// As [`read`](Self::read), also of a table that lacks columns of its schema.
    ///
    /// # Errors
    /// [`TableStateError`]
    pub(super) async fn read_incomplete(
        table: Table,
        warehouse: &Warehouse,
    ) -> Result<Self, TableStateError> {
        let parts = TableParts::read(&table, warehouse).await?;
        let (schema, layout) = (parts.schema?, parts.layout?);
        parts.history?;
        let watermark = parts.watermark?;
        parts.columns?;
        let dedupe = parts.dedupe?;
        Ok(Self {
            documents: parts.documents,
            schema,
            layout,
            dedupe,
            watermark,
            table,
        })
    }

    /// The ids of the columns that files are written with, by their full names.
    ///
    /// # Errors
    /// None is expected: the names of a schema are different.
    pub(super) fn columns(&self) -> iceberg::Result<BTreeMap<String, i32>> {
        let columns = table_schema(&self.schema)?;
        let names = columns.field_id_to_name_map().values();
        let present = self.table.metadata().current_schema();
        let ids = names.filter_map(|name| Some((name.clone(), present.field_id_by_name(name)?)));
        Ok(ids.collect())
    }
}

/// The rule for duplicates of a table, compared with its schema and its watermark as far as they can be read.
///
/// # Errors
/// [`TableStateError::Dedupe`]
fn dedupe(
    table: &Table,
    schema: Option<&Schema>,
    watermark: Option<&Watermark>,
) -> Result<Option<DedupeRule>, TableStateError> {
    let checked = || {
        let rule = created_rule(table)?;
        if let (Some(rule), Some(schema)) = (&rule, schema) {
            rule.check(schema)?;
        }
        match watermark.filter(|watermark| !watermark.attempt.is_empty()) {
            Some(watermark) if watermark.rule() != rule.as_ref() => {
                Err(other_rule(rule.as_ref(), watermark.rule()))
            }
            _ => Ok(rule),
        }
    };
    checked().map_err(|why| TableStateError::Dedupe {
        table: table.identifier().to_string(),
        why,
    })
}

fn other_rule(present: Option<&DedupeRule>, pinned: Option<&DedupeRule>) -> String {
    let text = |rule: Option<&DedupeRule>| rule.map_or("none".into(), ToString::to_string);
    let (present, pinned) = (text(present), text(pinned));
    format!("it is {present}, and its watermark says {pinned}")
}

/// The rule for duplicates in the properties of a table.
///
/// # Errors
/// It is none.
pub(super) fn created_rule(table: &Table) -> Result<Option<DedupeRule>, String> {
    DedupeRule::of(table.metadata().properties())
}

/// Checks that the columns of the files that are there have their names.
///
/// # Errors
/// [`TableStateError::Column`]
fn check_columns(table: &Table, watermark: &Watermark) -> Result<(), TableStateError> {
    let present = table.metadata().current_schema();
    let is_another = |(name, id): &(&String, &i32)| present.field_id_by_name(name) != Some(**id);
    match watermark.columns.iter().find(is_another) {
        None => Ok(()),
        Some((column, _)) => Err(TableStateError::Column {
            table: table.identifier().to_string(),
            column: column.clone(),
        }),
    }
}

/// Checks that a table has the columns of its schema.
///
/// # Errors
/// [`TableStateError::Incomplete`]
pub(super) fn check_complete(table: &Table, schema: &Schema) -> Result<(), TableStateError> {
    match missing_column(schema, table.metadata().current_schema())? {
        None => Ok(()),
        Some(column) => Err(TableStateError::Incomplete {
            table: table.identifier().to_string(),
            column,
        }),
    }
}

/// The digest of the schema of a table.
///
/// # Errors
/// [`TableStateError::Foreign`]
pub(super) fn schema_digest(table: &Table) -> Result<&str, TableStateError> {
    let digest = table.metadata().properties().get(SCHEMA);
    let foreign = || TableStateError::Foreign(table.identifier().to_string());
    digest.map(String::as_str).ok_or_else(foreign)
}

/// How the files of a table are divided; `None` if Sluice has not divided them so.
fn layout(table: &Table) -> Option<TableLayout> {
    let metadata = table.metadata();
    let present =
        TableLayout::of_spec(metadata.default_partition_spec(), metadata.current_schema());
    let created = metadata.properties().get(LAYOUT);
    present.filter(|present| created.is_none_or(|created| *created == present.to_string()))
}

/// The layout that a table was created with.
pub(super) fn created_layout(table: &Table) -> Option<TableLayout> {
    let created = table.metadata().properties().get(LAYOUT);
    created.and_then(|created| created.parse().ok())
}

/// The documents of a table.
pub(super) fn documents(table: &Table, warehouse: &Warehouse) -> TableDocuments {
    let uuid = table.metadata().uuid().to_string();
    TableDocuments::new(warehouse.store().clone(), &uuid)
}

/// The attempt of the last commit; empty if there is none.
pub(super) fn attempt(table: &Table) -> &str {
    let attempt = table.metadata().properties().get(ATTEMPT);
    attempt.map_or("", String::as_str)
}

/// The snapshot of the last commit of Sluice, unless it has expired or there is none.
pub(super) fn last_commit(table: &Table) -> Option<&SnapshotRef> {
    let attempt = attempt(table);
    let is_its = |snapshot: &&SnapshotRef| {
        let made_by = snapshot.summary().additional_properties.get(ATTEMPT);
        !attempt.is_empty() && made_by.is_some_and(|made_by| made_by == attempt)
    };
    table.metadata().snapshots().find(is_its)
}

/// Checks that the files of the last commit are still in the table, or were expired in the course of time.
///
/// # Errors
/// [`TableStateError::RolledBack`]
pub(super) fn check_not_rolled_back(table: &Table) -> Result<(), TableStateError> {
    let metadata = table.metadata_ref();
    let Some(last) = last_commit(table) else {
        return Ok(());
    };
    let current = metadata.current_snapshot_id();
    let present = current
        .into_iter()
        .flat_map(|id| ancestors_of(&metadata, id));
    let mut oldest = None;
    for snapshot in present {
        if snapshot.snapshot_id() == last.snapshot_id() {
            return Ok(());
        }
        oldest = Some(snapshot);
    }
    // Snapshots between the present ones and that of the commit can have expired.
    let is_gap_before = |oldest: &SnapshotRef| {
        oldest.parent_snapshot_id().is_some() && oldest.sequence_number() > last.sequence_number()
    };
    match oldest.as_ref().is_some_and(is_gap_before) {
        true => Ok(()),
        false => Err(TableStateError::RolledBack {
            table: table.identifier().to_string(),
            snapshot: last.snapshot_id(),
        }),
    }
}
