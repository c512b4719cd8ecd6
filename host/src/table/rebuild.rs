//! Rebuilds a table: a new one gets all events of the lake, beside the present one, and then its name.
//!
//! ```text
//! create NAME__rebuild ─▶ sync it ─▶ rename NAME to NAME__before_UUID ─▶ rename NAME__rebuild to NAME
//! ```
//!
//! It can be killed between any two of these steps, and goes on from what it finds. Between the two renames, no table has
//! the name, so a reader that looks it up in this moment finds none.
//!
//! A builder that follows NAME meanwhile goes on with the table that it finds under it. Its attempt on another table is
//! void: see [`commit`](super::commit).

use std::time::Duration;

use iceberg::table::Table;
use iceberg::{NamespaceIdent, TableIdent};
use sluice_schema::Schema;
use thiserror::Error;

use super::documents::DocumentError;
use super::duplicates::DedupeRule;
use super::layout::TableLayout;
use super::manage::{ManageError, Tables};
use super::state::{
    TableState, TableStateError, created_layout, created_rule, documents, schema_digest,
};

/// What the name of the new table ends with until the switch.
const REBUILD: &str = "__rebuild";

/// What the name of the table before ends with after the switch, with a part of its UUID.
const BEFORE: &str = "__before_";

/// How many steps a switch takes at most. It needs two; a catalog that is busy may lose some.
const STEPS_MAX: u32 = 8;

/// The pause after a step that failed; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The columns, the layout and the rule of the new table, as far as they are not to be those of the present one.
#[derive(Clone, Debug, Default)]
pub struct NewColumns {
    /// The columns.
    pub schema: Option<Schema>,
    /// How its files are divided.
    pub layout: Option<TableLayout>,
    /// Its rule for duplicates: `Some(None)` if it is to have none.
    pub dedupe: Option<Option<DedupeRule>>,
}

/// A rebuild that has begun.
#[derive(Clone, Debug)]
pub struct Rebuild {
    /// The new table, until it gets its name.
    pub table: TableIdent,
    /// Whether an earlier rebuild has left it.
    pub is_continued: bool,
    /// Its columns.
    pub schema: Schema,
    /// How its files are divided.
    pub layout: TableLayout,
    /// Its rule for duplicates.
    pub dedupe: Option<DedupeRule>,
    /// The UUID of the new table.
    uuid: String,
}

/// A rebuild that has ended.
#[derive(Clone, Debug)]
pub struct Rebuilt {
    /// The events of the new table.
    pub events: u64,
    /// The tables that had the name before, by the names that they have now.
    pub kept: Vec<TableIdent>,
}

/// A rebuild that fails.
#[derive(Debug, Error)]
pub enum RebuildError {
    /// An earlier rebuild was another one.
    #[error(
        "{table}, which an earlier rebuild has left, has {what}; give the same schema, layout and rule for duplicates to go on with it, or remove it \
         with `sluice table drop --name {table} --purge --yes`, and with --lake, --warehouse and --catalog as here"
    )]
    Other {
        /// What it has left.
        table: TableIdent,
        /// What differs.
        what: String,
    },
    /// The schema of the present table cannot be used.
    #[error(
        "missing; the one of the table {table} cannot be used, so give the schema of the new one: {error}"
    )]
    Schema {
        /// The table.
        table: TableIdent,
        /// Why.
        error: DocumentError,
    },
    /// The layout is missing, or needs other columns.
    #[error("{0}")]
    Layout(String),
    /// The rule for duplicates cannot be used, or needs another column.
    #[error("{0}")]
    Dedupe(String),
    /// What the name leads to was changed by others.
    #[error("{0} is gone or is another table now: another program has renamed or dropped it")]
    Gone(TableIdent),
    /// The catalog has lost its own commits.
    #[error("the catalog was too busy to rename {0}; run the same command again, which goes on")]
    Busy(TableIdent),
    /// The tables cannot be read or changed.
    #[error(transparent)]
    Tables(#[from] ManageError),
}

impl From<TableStateError> for RebuildError {
    fn from(error: TableStateError) -> Self {
        Self::Tables(error.into())
    }
}

impl Tables {
    /// Creates the new table, or finds the one that an earlier rebuild has left.
    ///
    /// # Errors
    /// [`RebuildError`]
    pub async fn begin_rebuild(
        &self,
        table: &TableIdent,
        new: NewColumns,
    ) -> Result<Rebuild, RebuildError> {
        let new_table = suffixed(table, REBUILD);
        let left = self.find(&new_table).await?;
        // An earlier rebuild that was killed between the renames has left no table with the name.
        let present = match self.load(table).await {
            Err(ManageError::Missing { .. }) if left.is_some() => None,
            present => Some(present?),
        };
        let Some(model) = present.as_ref().or(left.as_ref()) else {
            return Err(RebuildError::Gone(new_table));
        };
        let rule = new.dedupe.clone();
        let (schema, layout) = self.columns(model, new).await?;
        let dedupe = new_rule(model, rule, &schema).map_err(RebuildError::Dedupe)?;
        let is_continued = left.is_some();
        match left {
            Some(left) => {
                let rule = dedupe.as_ref();
                self.check_left(left, &schema, &layout, rule).await?;
            }
            None => {
                let location = self.new_location(table);
                self.create_new(&new_table, location, &schema, &layout, dedupe.as_ref())
                    .await?;
            }
        }
        let uuid = self.load(&new_table).await?.metadata().uuid().to_string();
        Ok(Rebuild {
            table: new_table,
            is_continued,
            schema,
            layout,
            dedupe,
            uuid,
        })
    }

    /// The columns and the layout of the new table. `model` may be rolled back or divided in another way: both are reasons
    /// to rebuild it.
    async fn columns(
        &self,
        model: &Table,
        new: NewColumns,
    ) -> Result<(Schema, TableLayout), RebuildError> {
        let digest = schema_digest(model)?;
        let schema = match new.schema {
            Some(schema) => schema,
            None => match documents(model, &self.warehouse).schema(digest).await {
                Err(error @ (DocumentError::Missing(_) | DocumentError::Damaged { .. })) => {
                    let table = model.identifier().clone();
                    return Err(RebuildError::Schema { table, error });
                }
                schema => schema.map_err(ManageError::from)?,
            },
        };
        let unknown = || {
            let table = model.identifier();
            RebuildError::Layout(format!(
                "missing; the files of the table {table} are divided in a way that Sluice does not write, so give the layout of \
                 the new one, such as none"
            ))
        };
        let layout = new
            .layout
            .or_else(|| created_layout(model))
            .ok_or_else(unknown)?;
        layout.check(&schema).map_err(RebuildError::Layout)?;
        Ok((schema, layout))
    }

    async fn check_left(
        &self,
        left: Table,
        schema: &Schema,
        layout: &TableLayout,
        dedupe: Option<&DedupeRule>,
    ) -> Result<(), RebuildError> {
        match self.compare(left, schema, layout, dedupe).await {
            Ok(_) => Ok(()),
            Err(ManageError::Exists { table, what }) => Err(RebuildError::Other { table, what }),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives its name to the new table. The one that has it keeps its events under another one.
    ///
    /// # Errors
    /// [`RebuildError`]
    pub async fn end_rebuild(
        &self,
        table: &TableIdent,
        rebuild: &Rebuild,
    ) -> Result<Rebuilt, RebuildError> {
        let mut pause = FIRST_PAUSE;
        let mut failure = None;
        for _ in 0..STEPS_MAX {
            // What a rename says does not count: a catalog may lose its own commit.
            match self.step(table, rebuild).await {
                Ok(None) => {}
                Ok(Some(present)) => return self.rebuilt(present).await,
                Err(error) => {
                    failure = Some(error);
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
            }
        }
        match self.find(table).await? {
            Some(present) if is(&present, rebuild) => self.rebuilt(present).await,
            _ => Err(failure.unwrap_or_else(|| RebuildError::Busy(rebuild.table.clone()))),
        }
    }

    /// Looks at what has which name, and does the next rename. Returns the new table if it has its name.
    async fn step(
        &self,
        table: &TableIdent,
        rebuild: &Rebuild,
    ) -> Result<Option<Table>, RebuildError> {
        let present = match self.find(table).await? {
            Some(present) if is(&present, rebuild) => return Ok(Some(present)),
            present => present,
        };
        let new = self.find(&rebuild.table).await?;
        if !new.is_some_and(|new| is(&new, rebuild)) {
            return Err(RebuildError::Gone(rebuild.table.clone()));
        }
        let renamed = match present {
            Some(present) => {
                // The first digits are those of the time.
                let part = present.metadata().uuid().as_u128() & 0xffff_ffff;
                let kept = suffixed(table, &format!("{BEFORE}{part:08x}"));
                self.catalog.rename_table(table, &kept).await
            }
            None => self.catalog.rename_table(&rebuild.table, table).await,
        };
        renamed.map_err(ManageError::from)?;
        Ok(None)
    }

    async fn rebuilt(&self, table: Table) -> Result<Rebuilt, RebuildError> {
        let kept = self.kept(table.identifier()).await?;
        let state = TableState::read(table, &self.warehouse).await?;
        let events = state.watermark.rows();
        Ok(Rebuilt { events, kept })
    }

    /// The tables that had the name before.
    async fn kept(&self, table: &TableIdent) -> Result<Vec<TableIdent>, ManageError> {
        let prefix = format!("{}{BEFORE}", table.name());
        let namespace: &NamespaceIdent = table.namespace();
        let mut tables = self.catalog.list_tables(namespace).await?;
        tables.retain(|table| table.name().starts_with(&prefix));
        tables.sort_unstable_by(|a, b| a.name().cmp(b.name()));
        Ok(tables)
    }
}

/// The rule of the new table.
///
/// # Errors
/// The present one cannot be used, or the schema does not have its column.
fn new_rule(
    model: &Table,
    given: Option<Option<DedupeRule>>,
    schema: &Schema,
) -> Result<Option<DedupeRule>, String> {
    let unknown = |why: String| {
        let table = model.identifier();
        format!(
            "missing; the properties of the table {table} have no rule that can be used ({why}), so give the one of the new table"
        )
    };
    let rule = match given {
        Some(rule) => rule,
        None => created_rule(model).map_err(unknown)?,
    };
    rule.iter().try_for_each(|rule| rule.check(schema))?;
    Ok(rule)
}

/// Whether a table is the new one.
fn is(table: &Table, rebuild: &Rebuild) -> bool {
    table.metadata().uuid().to_string() == rebuild.uuid
}

/// A name in the same namespace.
fn suffixed(table: &TableIdent, suffix: &str) -> TableIdent {
    let name = format!("{}{suffix}", table.name());
    TableIdent::new(table.namespace().clone(), name)
}

/// The most characters that a rebuild adds to the name of a table.
pub const SUFFIX_LENGTH: usize = BEFORE.len() + 8;
