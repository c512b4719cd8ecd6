//! The columns of a schema that are watched for drift, and what is at which path of an event.

use std::collections::HashMap;

use sluice_schema::{Column, ColumnType, Schema, path_of_members};

/// What is said in place of a type if members of the value have columns of their own.
pub(super) const OBJECT: &str = "object";

/// The columns of a schema, with those of structs. Columns in lists and maps are not among them: an event can have
/// any number of their values.
#[derive(Debug, Default)]
pub struct WatchedColumns {
    columns: Vec<WatchedColumn>,
    /// The columns of the event, in the order of the schema.
    pub(super) top: Vec<ColumnNode>,
    /// What is at the paths to which the schema leads, those in lists and maps too.
    targets: HashMap<String, PathTarget>,
}

/// A column of the event, or of a struct in it.
#[derive(Debug)]
struct WatchedColumn {
    path: String,
    column_type: String,
    /// The struct that it is in.
    parent: Option<usize>,
}

/// A column with those of its struct, by their numbers.
#[derive(Debug)]
pub(super) struct ColumnNode {
    pub(super) column: usize,
    pub(super) columns: Vec<ColumnNode>,
}

/// What is at a path.
#[derive(Debug)]
pub(super) struct PathTarget {
    /// The type of the column, as a schema names it.
    pub(super) column_type: String,
    /// The number of the column, if it is watched.
    pub(super) column: Option<usize>,
}

impl WatchedColumns {
    /// Prepares a schema.
    #[must_use]
    pub fn new(schema: &Schema) -> Self {
        let mut watched = Self::default();
        watched.top = watched.add_columns("", schema.columns(), None);
        watched
    }

    fn add_columns(
        &mut self,
        place: &str,
        columns: &[Column],
        parent: Option<usize>,
    ) -> Vec<ColumnNode> {
        let columns = columns.iter().map(|column| {
            let path = self.add_path(place, column.path());
            let number = self.columns.len();
            self.columns.push(WatchedColumn {
                path: path.clone(),
                column_type: column.column_type().to_string(),
                parent,
            });
            let columns = match column.column_type() {
                ColumnType::Struct(columns) => self.add_columns(&path, columns, Some(number)),
                other => {
                    self.add_parts(&path, other);
                    Vec::new()
                }
            };
            self.add_target(path, column.column_type(), Some(number));
            ColumnNode {
                column: number,
                columns,
            }
        });
        columns.collect()
    }

    /// Adds what is in lists and maps, which is not watched.
    fn add_parts(&mut self, place: &str, of: &ColumnType) {
        let (path, part) = match of {
            ColumnType::List(item) => (format!("{place}[]"), item),
            ColumnType::Map(value) => (format!("{place}{{}}"), value),
            ColumnType::Struct(columns) => {
                for column in columns {
                    let path = self.add_path(place, column.path());
                    self.add_parts(&path, column.column_type());
                    self.add_target(path, column.column_type(), None);
                }
                return;
            }
            _ => return,
        };
        self.add_parts(&path, part);
        self.add_target(path, part, None);
    }

    /// The path of a column, after the objects that lead to it are added.
    fn add_path(&mut self, place: &str, names: &[String]) -> String {
        for end in 1..names.len() {
            let on_the_way = path_of_members(place, &names[..end]);
            self.targets.entry(on_the_way).or_insert(PathTarget {
                column_type: OBJECT.to_owned(),
                column: None,
            });
        }
        path_of_members(place, names)
    }

    fn add_target(&mut self, path: String, column_type: &ColumnType, column: Option<usize>) {
        let column_type = column_type.to_string();
        let target = PathTarget {
            column_type,
            column,
        };
        self.targets.insert(path, target);
    }

    /// The number of columns.
    pub(super) fn count(&self) -> usize {
        self.columns.len()
    }

    /// What is at a path; `None` if the schema has nothing there.
    pub(super) fn target(&self, path: &str) -> Option<&PathTarget> {
        self.targets.get(path)
    }

    /// The path of a column's value in events, and its type as a schema names it.
    #[must_use]
    pub fn column(&self, column: usize) -> Option<(&str, &str)> {
        let column = self.columns.get(column)?;
        Some((&column.path, &column.column_type))
    }

    /// The struct that a column is in; `None` if it is a column of the event.
    #[must_use]
    pub fn parent(&self, column: usize) -> Option<usize> {
        self.columns.get(column)?.parent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched() -> WatchedColumns {
        let schema = r#"{"version": 1, "columns": [
            {"name": "city", "type": "string", "path": ["address", "city"]},
            {"name": "items", "type": {"list": {"struct": [{"name": "price", "type": "decimal(9,2)"}]}}},
            {"name": "order", "type": {"struct": [{"name": "a.b", "type": "long"}]}},
            {"name": "tags", "type": {"map": "double"}}
        ]}"#;
        WatchedColumns::new(&Schema::parse(schema.as_bytes()).unwrap())
    }

    #[test]
    fn columns_of_the_event_and_of_structs_are_watched() {
        let watched = watched();
        let columns: Vec<_> = (0..watched.count())
            .map(|column| (watched.column(column).unwrap(), watched.parent(column)))
            .collect();
        assert_eq!(
            columns,
            [
                (("address.city", "string"), None),
                (("items", "list<struct>"), None),
                (("order", "struct"), None),
                (("order.\"a.b\"", "long"), Some(2)),
                (("tags", "map<double>"), None),
            ]
        );
    }

    #[test]
    fn each_path_that_the_schema_knows_has_a_type() {
        let watched = watched();
        let of = |path: &str| watched.target(path).map(|target| &*target.column_type);
        for (path, expected) in [
            ("address", Some("object")),
            ("address.city", Some("string")),
            ("items[]", Some("struct")),
            ("items[].price", Some("decimal(9,2)")),
            ("order.\"a.b\"", Some("long")),
            ("tags{}", Some("double")),
            ("order", Some("struct")),
            ("order.c", None),
        ] {
            assert_eq!(of(path), expected, "{path}");
        }
        assert_eq!(watched.target("order.\"a.b\"").unwrap().column, Some(3));
        assert_eq!(watched.target("items[].price").unwrap().column, None);
    }
}
