//! Rebuilds a table: a new one gets all events of the lake, beside the present one, and then its name.
//!
//! ```text
//! create NAME__rebuild ─▶ sync it ─▶ rename NAME to NAME__before_UUID ─▶ rename NAME__rebuild to NAME
//! ```
//!
//! It can be killed between any two of these steps, and goes on from what it finds. Between the two renames, no table has
//! the name, so a reader that looks it up in this moment finds none.
//!
//! Glue has no rename: it is a copy of the entry and the removal of the first one. A kill between the two leaves one table
//! with two names. The entry with the temporary name, or with the new one of the table before, is removed then, and never
//! NAME's: a builder that follows NAME may have committed to it since.
//!
//! A builder that follows NAME meanwhile goes on with the table that it finds under it. Its attempt on another table is
//! void: see [`commit`](super::commit).

mod columns;
#[cfg(test)]
mod tests;

use std::time::Duration;

use iceberg::table::Table;
use iceberg::{ErrorKind, NamespaceIdent, TableIdent};
use sluice_schema::Schema;
use thiserror::Error;

pub use self::columns::NewColumns;
use self::columns::new_rule;
use super::documents::DocumentError;
use super::duplicates::DedupeRule;
use super::layout::TableLayout;
use super::manage::{ManageError, Tables, is_same};
use super::state::{REPLACED, TableState, TableStateError};

/// What the name of the new table ends with until the switch.
const REBUILD: &str = "__rebuild";

/// What the name of the table before ends with after the switch, with a part of its UUID.
const BEFORE: &str = "__before_";

/// How many steps a switch takes at most. It needs two; a catalog that is busy may lose some.
const STEPS_MAX: u32 = 8;

/// The pause after a step that failed; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

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
    /// The name after the switch of the table that it replaces.
    kept: Option<TableIdent>,
}

/// A rebuild that has ended.
#[derive(Clone, Debug)]
pub struct Rebuilt {
    /// The events of the new table.
    pub events: u64,
    /// The table that had the name before, by the name that it has now; `None` if it is gone.
    pub kept: Option<TableIdent>,
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
        let left = self.left(table, &new_table).await?;
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
                let replaced = present.map(|present| kept_name(table, &present));
                let rule = dedupe.as_ref();
                let created =
                    self.create_new(&new_table, location, &schema, &layout, rule, replaced);
                if let Err(error) = created.await {
                    // Its answer may be lost.
                    match self.find(&new_table).await {
                        Ok(Some(left)) => self.check_left(left, &schema, &layout, rule).await?,
                        _ => return Err(error.into()),
                    }
                }
            }
        }
        let new = self.load(&new_table).await?;
        let uuid = new.metadata().uuid().to_string();
        let kept = new.metadata().properties().get(REPLACED);
        let namespace = table.namespace();
        let kept = kept.map(|name| TableIdent::new(namespace.clone(), name.clone()));
        Ok(Rebuild {
            kept,
            table: new_table,
            is_continued,
            schema,
            layout,
            dedupe,
            uuid,
        })
    }

    /// What an earlier rebuild has left. If it is the table itself with a second name, this name is removed.
    async fn left(
        &self,
        table: &TableIdent,
        new_table: &TableIdent,
    ) -> Result<Option<Table>, RebuildError> {
        let mut pause = FIRST_PAUSE;
        let mut failure = None;
        for _ in 0..STEPS_MAX {
            let left = self.find(new_table).await?;
            let named = self.find(table).await?;
            let second = named.and_then(|named| left.as_ref().filter(|left| is_same(left, &named)));
            let Some(second) = second else {
                return Ok(left);
            };
            if let Err(error) = self.remove_name(second).await {
                failure = Some(error);
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
        }
        let busy = || RebuildError::Busy(new_table.clone());
        Err(failure.map_or_else(busy, RebuildError::from))
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
        let mut kept = rebuild.kept.clone();
        for _ in 0..STEPS_MAX {
            // What a rename says does not count: a catalog may lose its own commit.
            match self.step(table, rebuild, &mut kept).await {
                Ok(None) => {}
                Ok(Some(present)) => return self.rebuilt(present, kept).await,
                Err(error) => {
                    failure = Some(error);
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
            }
        }
        match self.find(table).await? {
            Some(present) if is(&present, rebuild) => self.rebuilt(present, kept).await,
            _ => Err(failure.unwrap_or_else(|| RebuildError::Busy(rebuild.table.clone()))),
        }
    }

    /// Looks at what has which name, and does the next rename. Returns the new table if it has its name. `kept` becomes the
    /// name that the table before gets.
    async fn step(
        &self,
        table: &TableIdent,
        rebuild: &Rebuild,
        kept: &mut Option<TableIdent>,
    ) -> Result<Option<Table>, RebuildError> {
        let present = match self.find(table).await? {
            Some(present) if is(&present, rebuild) => {
                let second = self.find(&rebuild.table).await?;
                if let Some(second) = second.filter(|second| is_same(second, &present)) {
                    self.remove_name(&second).await?;
                }
                return Ok(Some(present));
            }
            present => present,
        };
        let new = self.find(&rebuild.table).await?;
        if !new.is_some_and(|new| is(&new, rebuild)) {
            return Err(RebuildError::Gone(rebuild.table.clone()));
        }
        let renamed = match present {
            Some(present) => {
                let name = kept_name(table, &present);
                *kept = Some(name.clone());
                let second = self.find(&name).await?;
                if let Some(second) = second.filter(|second| is_same(second, &present)) {
                    // If it was renamed meanwhile, this is its only name: by another process, or a request that was late.
                    let still = self.find(table).await?;
                    if !still.is_some_and(|still| is_same(&still, &present)) {
                        return Ok(None);
                    }
                    self.remove_name(&second).await?;
                }
                self.catalog.rename_table(table, &name).await
            }
            None => self.catalog.rename_table(&rebuild.table, table).await,
        };
        renamed.map_err(ManageError::from)?;
        Ok(None)
    }

    /// Another name of a table, which a rebuild that was killed has left.
    ///
    /// # Errors
    /// [`ManageError`]
    pub(super) async fn other_name(
        &self,
        table: &Table,
    ) -> Result<Option<TableIdent>, ManageError> {
        let name = table.identifier().name();
        let before = name.split(BEFORE).next().unwrap_or(name);
        let first = before.strip_suffix(REBUILD).unwrap_or(before);
        let first = TableIdent::new(table.identifier().namespace().clone(), first.to_owned());
        for other in [kept_name(&first, table), suffixed(&first, REBUILD), first] {
            if other == *table.identifier() {
                continue;
            }
            if let Some(found) = self.find(&other).await?
                && is_same(&found, table)
            {
                return Ok(Some(other));
            }
        }
        Ok(None)
    }

    /// Removes the second name of a table. Its files stay.
    async fn remove_name(&self, second: &Table) -> Result<(), ManageError> {
        match self.catalog.drop_table(second.identifier()).await {
            Err(error) if error.kind() != ErrorKind::TableNotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    async fn rebuilt(
        &self,
        table: Table,
        kept: Option<TableIdent>,
    ) -> Result<Rebuilt, RebuildError> {
        let kept = match kept {
            Some(kept) => self.find(&kept).await?.map(|_| kept),
            None => None,
        };
        let state = TableState::read(table, &self.warehouse).await?;
        let events = state.watermark.rows();
        Ok(Rebuilt { events, kept })
    }

    /// The tables that had the name of a table before earlier rebuilds.
    ///
    /// # Errors
    /// The catalog cannot be read.
    pub(super) async fn kept(&self, table: &TableIdent) -> Result<Vec<TableIdent>, ManageError> {
        let prefix = format!("{}{BEFORE}", table.name());
        let namespace: &NamespaceIdent = table.namespace();
        let mut tables = self.catalog.list_tables(namespace).await?;
        tables.retain(|table| table.name().starts_with(&prefix));
        tables.sort_unstable_by(|a, b| a.name().cmp(b.name()));
        Ok(tables)
    }
}

/// Whether a table is the new one.
fn is(table: &Table, rebuild: &Rebuild) -> bool {
    table.metadata().uuid().to_string() == rebuild.uuid
}

/// Whether a rebuild gives such a name to a table, so that none may be created with it.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    name.ends_with(REBUILD) || name.contains(BEFORE)
}

/// The name that a table keeps if another one gets the name that it has.
fn kept_name(name: &TableIdent, table: &Table) -> TableIdent {
    // The first digits are those of the time.
    let part = table.metadata().uuid().as_u128() & 0xffff_ffff;
    suffixed(name, &format!("{BEFORE}{part:08x}"))
}

/// A name in the same namespace.
fn suffixed(table: &TableIdent, suffix: &str) -> TableIdent {
    let name = format!("{}{suffix}", table.name());
    TableIdent::new(table.namespace().clone(), name)
}

/// The most characters that a rebuild adds to the name of a table.
pub const SUFFIX_LENGTH: usize = BEFORE.len() + 8;
