//! Adds columns to a schema. What it has is never changed or removed.

use std::collections::{HashMap, HashSet};

use crate::column_type::ColumnType;
use crate::path::push_member;
use crate::schema::{Column, InvalidSchema, Schema, check_name};

/// A schema with more columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evolution {
    /// The schema.
    pub schema: Schema,
    /// The columns that were added: the paths of their values, and their types.
    pub added: Vec<(String, ColumnType)>,
    /// The paths that got no column, and why.
    pub not_added: Vec<(String, String)>,
}

/// Adds a column for each value of `inferred` for which `old` has none.
///
/// # Errors
/// The schema would have too many columns.
pub fn evolve(old: &Schema, inferred: &Schema) -> Result<Evolution, InvalidSchema> {
    let mut evolving = Evolving::default();
    let columns = evolving.add_all(old.columns(), inferred.columns(), "", true);
    Ok(Evolution {
        schema: Schema::new(columns)?,
        added: evolving.added,
        not_added: evolving.not_added,
    })
}

/// Columns to which others are added. They are found by index, since there can be thousands.
#[derive(Default)]
struct Columns {
    list: Vec<Column>,
    /// The positions of columns by their paths.
    paths: HashMap<Vec<String>, usize>,
    /// Paths that lead to objects whose members have columns.
    objects: HashSet<Vec<String>>,
    /// The positions of columns by their names in small letters.
    names: HashMap<String, usize>,
}

impl Columns {
    fn new(columns: &[Column]) -> Self {
        let mut all = Self::default();
        columns.iter().for_each(|column| all.push(column.clone()));
        all
    }

    fn push(&mut self, column: Column) {
        let (path, position) = (column.path(), self.list.len());
        for end in 1..path.len() {
            self.objects.insert(path[..end].to_vec());
        }
        self.paths.insert(path.to_vec(), position);
        self.names.insert(column.name().to_lowercase(), position);
        self.list.push(column);
    }

    fn at_path(&mut self, path: &[String]) -> Option<&mut Column> {
        let position = self.paths.get(path)?;
        self.list.get_mut(*position)
    }

    fn named(&self, name: &str) -> Option<&Column> {
        let position = self.names.get(&name.to_lowercase())?;
        self.list.get(*position)
    }
}

#[derive(Default)]
struct Evolving {
    added: Vec<(String, ColumnType)>,
    not_added: Vec<(String, String)>,
}

impl Evolving {
    fn add_all(
        &mut self,
        old: &[Column],
        inferred: &[Column],
        place: &str,
        is_top: bool,
    ) -> Vec<Column> {
        let mut columns = Columns::new(old);
        for column in inferred {
            let mut place = place.to_owned();
            column
                .path()
                .iter()
                .for_each(|name| push_member(&mut place, name));
            self.add(
                &mut columns,
                column.path(),
                column.column_type(),
                place,
                is_top,
            );
        }
        columns.list
    }

    /// Adds a column for the value at `path`, which reports name `place`, unless there is one.
    fn add(
        &mut self,
        columns: &mut Columns,
        path: &[String],
        inferred: &ColumnType,
        place: String,
        is_top: bool,
    ) {
        if let Some(column) = columns.at_path(path) {
            let grown = self.grow(column.column_type(), inferred, &place);
            *column = column.clone().with_type(grown);
            return;
        }
        if columns.objects.contains(path) {
            self.add_members(columns, path, inferred, &place, is_top);
            return;
        }
        let name = path.join("_");
        match (check_name(&name, is_top), columns.named(&name)) {
            (Err(why), _) => self.not_added.push((place, why)),
            (Ok(()), Some(taken)) => {
                let why = format!(
                    "the name {name:?} is taken by the column {:?}",
                    taken.name()
                );
                self.not_added.push((place, why));
            }
            (Ok(()), None) => {
                columns.push(Column::new(name, inferred.clone()).with_path(path.to_vec()));
                self.added.push((place, inferred.clone()));
            }
        }
    }

    /// Adds columns for the members of an object of which some have columns of their own.
    fn add_members(
        &mut self,
        columns: &mut Columns,
        path: &[String],
        inferred: &ColumnType,
        place: &str,
        is_top: bool,
    ) {
        let ColumnType::Struct(members) = inferred else {
            let why = format!("it is {inferred} here, and members of it have columns");
            self.not_added.push((place.to_owned(), why));
            return;
        };
        for member in members {
            let mut place = place.to_owned();
            member
                .path()
                .iter()
                .for_each(|name| push_member(&mut place, name));
            let path = [path, member.path()].concat();
            self.add(columns, &path, member.column_type(), place, is_top);
        }
    }

    fn grow(&mut self, old: &ColumnType, inferred: &ColumnType, place: &str) -> ColumnType {
        match (old, inferred) {
            (ColumnType::Struct(old), ColumnType::Struct(inferred)) => {
                ColumnType::Struct(self.add_all(old, inferred, place, false))
            }
            (ColumnType::List(old), ColumnType::List(inferred)) => {
                ColumnType::List(Box::new(self.grow(old, inferred, &format!("{place}[]"))))
            }
            (ColumnType::Map(old), ColumnType::Map(inferred)) => {
                ColumnType::Map(Box::new(self.grow(old, inferred, &format!("{place}{{}}"))))
            }
            _ => old.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(columns: &str) -> Schema {
        Schema::parse(format!("{{\"version\":1,\"columns\":[{columns}]}}").as_bytes()).unwrap()
    }

    #[test]
    fn columns_are_added_at_all_levels_and_none_is_changed() {
        let old = schema(
            r#"{"name":"a","type":"long","doc":"kept"},
            {"name":"city","type":"string","path":["address","city"]},
            {"name":"items","type":{"list":{"struct":[{"name":"price","type":"decimal(18,2)"}]}}},
            {"name":"tags","type":"json"}"#,
        );
        let inferred = schema(
            r#"{"name":"b","type":"date"},{"name":"a","type":"string"},
            {"name":"address","type":{"struct":[{"name":"city","type":"string"},{"name":"zip","type":"string"}]}},
            {"name":"items","type":{"list":{"struct":[{"name":"note","type":"string"},
                {"name":"price","type":"double"}]}}},
            {"name":"tags","type":{"list":"string"}}"#,
        );
        let evolution = evolve(&old, &inferred).unwrap();
        let added: Vec<_> = evolution
            .added
            .iter()
            .map(|(path, of)| format!("{path} {of}"))
            .collect();
        assert_eq!(
            added,
            ["address.zip string", "b date", "items[].note string"]
        );
        assert_eq!(evolution.not_added, []);
        let expected = schema(
            r#"{"name":"a","type":"long","doc":"kept"},
            {"name":"address_zip","type":"string","path":["address","zip"]},
            {"name":"b","type":"date"},
            {"name":"city","type":"string","path":["address","city"]},
            {"name":"items","type":{"list":{"struct":[{"name":"note","type":"string"},
                {"name":"price","type":"decimal(18,2)"}]}}},
            {"name":"tags","type":"json"}"#,
        );
        assert_eq!(evolution.schema, expected);
        assert_eq!(evolve(&evolution.schema, &inferred).unwrap().added, []);
    }

    #[test]
    fn what_gets_no_column_is_named() {
        let old = schema(
            r#"{"name":"X","type":"long","path":["a","x"]},{"name":"b","type":"long","path":["c"]}"#,
        );
        let inferred = schema(
            r#"{"name":"a","type":"string"},{"name":"b","type":"string"},{"name":"x","type":"string"}"#,
        );
        let evolution = evolve(&old, &inferred).unwrap();
        assert_eq!(evolution.schema, old);
        let not_added: Vec<_> = evolution
            .not_added
            .iter()
            .map(|(path, why)| format!("{path}: {why}"))
            .collect();
        assert_eq!(
            not_added,
            [
                "a: it is string here, and members of it have columns",
                "b: the name \"b\" is taken by the column \"b\"",
                "x: the name \"x\" is taken by the column \"X\"",
            ]
        );
    }
}
