//! Compares two schemas, column by column.

use crate::column_type::ColumnType;
use crate::path::push_member;
use crate::schema::{Column, Schema};

/// A column that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnChange {
    /// The names that lead to the column: `items[].price`.
    pub column: String,
    /// What differs.
    pub kind: ColumnChangeKind,
}

/// What differs in a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnChangeKind {
    /// Only the new schema has the column.
    Added(ColumnType),
    /// Only the old schema has the column.
    Removed(ColumnType),
    /// It has another type.
    Type {
        /// The old type.
        old: ColumnType,
        /// The new type.
        new: ColumnType,
    },
    /// It takes its values from another member.
    Path {
        /// The old path.
        old: Vec<String>,
        /// The new path.
        new: Vec<String>,
    },
    /// It has another description.
    Doc,
}

impl ColumnChange {
    /// Whether every value that the old column has is also one of the new column.
    #[must_use]
    pub fn is_compatible(&self) -> bool {
        match &self.kind {
            ColumnChangeKind::Added(_) | ColumnChangeKind::Doc => true,
            ColumnChangeKind::Removed(_) | ColumnChangeKind::Path { .. } => false,
            ColumnChangeKind::Type { old, new } => old.is_part_of(new),
        }
    }
}

/// The columns that differ, in the order of their names.
#[must_use]
pub fn difference(old: &Schema, new: &Schema) -> Vec<ColumnChange> {
    let mut changes = Vec::new();
    compare_columns(old.columns(), new.columns(), "", &mut changes);
    changes
}

fn compare_columns(old: &[Column], new: &[Column], place: &str, changes: &mut Vec<ColumnChange>) {
    let find = |columns: &[Column], name: &str| {
        let position = columns.binary_search_by(|column| column.name().cmp(name));
        position.ok()
    };
    let mut names: Vec<_> = old.iter().chain(new).map(Column::name).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let mut column = place.to_owned();
        push_member(&mut column, name);
        let old = find(old, name).and_then(|position| old.get(position));
        let new = find(new, name).and_then(|position| new.get(position));
        compare_column(old, new, column, changes);
    }
}

fn compare_column(
    old: Option<&Column>,
    new: Option<&Column>,
    column: String,
    changes: &mut Vec<ColumnChange>,
) {
    let mut add = |kind| {
        changes.push(ColumnChange {
            column: column.clone(),
            kind,
        });
    };
    let (old, new) = match (old, new) {
        (Some(old), Some(new)) => (old, new),
        (Some(old), None) => return add(ColumnChangeKind::Removed(old.column_type().clone())),
        (None, Some(new)) => return add(ColumnChangeKind::Added(new.column_type().clone())),
        (None, None) => return,
    };
    if old.path() != new.path() {
        let (old, new) = (old.path().to_vec(), new.path().to_vec());
        add(ColumnChangeKind::Path { old, new });
    }
    if old.doc() != new.doc() {
        add(ColumnChangeKind::Doc);
    }
    compare_types(old.column_type(), new.column_type(), column, changes);
}

fn compare_types(
    old: &ColumnType,
    new: &ColumnType,
    column: String,
    changes: &mut Vec<ColumnChange>,
) {
    match (old, new) {
        (ColumnType::Struct(old), ColumnType::Struct(new)) => {
            compare_columns(old, new, &column, changes);
        }
        (ColumnType::List(old), ColumnType::List(new)) => {
            compare_types(old, new, format!("{column}[]"), changes);
        }
        (ColumnType::Map(old), ColumnType::Map(new)) => {
            compare_types(old, new, format!("{column}{{}}"), changes);
        }
        _ if old == new => {}
        _ => {
            let (old, new) = (old.clone(), new.clone());
            let kind = ColumnChangeKind::Type { old, new };
            changes.push(ColumnChange { column, kind });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(columns: &str) -> Schema {
        Schema::parse(format!("{{\"version\":1,\"columns\":[{columns}]}}").as_bytes()).unwrap()
    }

    fn changes(old: &str, new: &str) -> Vec<(String, String, bool)> {
        let show = |change: ColumnChange| {
            let compatible = change.is_compatible();
            let kind = match change.kind {
                ColumnChangeKind::Added(new) => format!("+{new}"),
                ColumnChangeKind::Removed(old) => format!("-{old}"),
                ColumnChangeKind::Type { old, new } => format!("{old} {new}"),
                ColumnChangeKind::Path { old, new } => format!("{old:?} {new:?}"),
                ColumnChangeKind::Doc => "doc".to_owned(),
            };
            (change.column, kind, compatible)
        };
        difference(&schema(old), &schema(new))
            .into_iter()
            .map(show)
            .collect()
    }

    #[test]
    fn columns_are_compared_by_their_names_at_all_levels() {
        let old = r#"{"name":"a","type":"long"},{"name":"b","type":"date"},{"name":"d","type":"json","doc":"x"},
            {"name":"i","type":{"list":{"struct":[{"name":"p","type":"double"},{"name":"q","type":"long"}]}}},
            {"name":"m","type":{"map":"long"}},{"name":"x","type":"long"}"#;
        let new = r#"{"name":"b","type":"string"},{"name":"c","type":"uuid"},{"name":"d","type":"json"},
            {"name":"i","type":{"list":{"struct":[{"name":"p","type":"long"},{"name":"q","type":"long"}]}}},
            {"name":"m","type":{"map":"json"}},{"name":"x","type":"long","path":["y"]}"#;
        let expected = [
            ("a", "-long", false),
            ("b", "date string", true),
            ("c", "+uuid", true),
            ("d", "doc", true),
            ("i[].p", "double long", false),
            ("m{}", "long json", true),
            ("x", "[\"x\"] [\"y\"]", false),
        ];
        let expected = expected.map(|(column, kind, is)| (column.to_owned(), kind.to_owned(), is));
        assert_eq!(changes(old, new), expected);
        assert_eq!(changes(old, old), []);
    }
}
