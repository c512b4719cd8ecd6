//! `sluice schema diff`: compares two schemas.

use std::path::PathBuf;

use clap::{ArgAction, Args};
use serde_json::{Value, json};
use sluice_schema::{ColumnChange, ColumnChangeKind, Schema, difference};

use super::table::Table;
use super::{document, print_json};
use crate::output::{self, counted};

/// What to compare.
#[derive(Debug, Args)]
pub struct SchemaDiffArgs {
    /// The old schema.
    old: PathBuf,
    /// The new schema.
    new: PathBuf,
    /// Print one JSON object, for scripts.
    #[arg(long, action = ArgAction::SetTrue)]
    json: bool,
}

/// A column that differs between two schemas, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChangedColumn {
    /// The names that lead to the column.
    pub(crate) column: String,
    /// What differs: `added`, `removed`, `type`, `path` or `doc`.
    pub(crate) change: &'static str,
    /// What the old schema has.
    pub(crate) old: Option<String>,
    /// What the new schema has.
    pub(crate) new: Option<String>,
    /// Whether every value of the old column fits the new one.
    pub(crate) is_compatible: bool,
}

/// The columns that differ, in the order of their names.
pub(crate) fn changes(old: &Schema, new: &Schema) -> Vec<ChangedColumn> {
    let changes = difference(old, new).into_iter();
    changes.map(ChangedColumn::from).collect()
}

/// Compares two schemas and prints the columns that differ.
///
/// # Errors
/// A schema that cannot be read or is not valid, and schemas that differ.
pub(super) fn diff(args: &SchemaDiffArgs) -> anyhow::Result<()> {
    let changes = changes(&document::read(&args.old)?, &document::read(&args.new)?);
    if args.json {
        let incompatible = changes.iter().filter(|change| !change.is_compatible);
        let incompatible = incompatible.count();
        let all: Vec<_> = changes.iter().map(to_json).collect();
        print_json(&json!({"changes": all, "incompatible": incompatible}))?;
    } else {
        output::text(to_text(&changes))?;
    }
    let count = counted(changes.len() as u64, "column");
    let verb = if changes.len() == 1 {
        "differs"
    } else {
        "differ"
    };
    anyhow::ensure!(changes.is_empty(), "{count} {verb}");
    Ok(())
}

fn to_text(changes: &[ChangedColumn]) -> String {
    if changes.is_empty() {
        return "the schemas have the same columns\n".to_owned();
    }
    let mut table = Table::new(["column", "change", "old", "new", "old values fit"]);
    for change in changes {
        let fits = if change.is_compatible { "yes" } else { "no" };
        table.add([
            change.column.clone(),
            change.change.to_owned(),
            change.old.clone().unwrap_or_default(),
            change.new.clone().unwrap_or_default(),
            fits.to_owned(),
        ]);
    }
    table.to_string()
}

fn to_json(change: &ChangedColumn) -> Value {
    json!({
        "column": change.column,
        "change": change.change,
        "old": change.old,
        "new": change.new,
        "compatible": change.is_compatible,
    })
}

impl From<ColumnChange> for ChangedColumn {
    fn from(change: ColumnChange) -> Self {
        let is_compatible = change.is_compatible();
        let (kind, old, new) = parts(&change.kind);
        Self {
            column: change.column,
            change: kind,
            old,
            new,
            is_compatible,
        }
    }
}

fn parts(kind: &ColumnChangeKind) -> (&'static str, Option<String>, Option<String>) {
    match kind {
        ColumnChangeKind::Added(new) => ("added", None, Some(new.to_string())),
        ColumnChangeKind::Removed(old) => ("removed", Some(old.to_string()), None),
        ColumnChangeKind::Type { old, new } => {
            ("type", Some(old.to_string()), Some(new.to_string()))
        }
        ColumnChangeKind::Path { old, new } => (
            "path",
            Some(json!(old).to_string()),
            Some(json!(new).to_string()),
        ),
        ColumnChangeKind::Doc => ("doc", None, None),
    }
}
