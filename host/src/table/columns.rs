//! The columns of a table: those of a schema, as Iceberg names their types, and those that lead back to the event.
//!
//! | type of the schema | Iceberg |
//! | --- | --- |
//! | boolean, long, double, date, binary | the same |
//! | decimal(P,S) | decimal(P,S) |
//! | string, json, uuid | string: not all readers know Iceberg's UUIDs, and none JSON |
//! | timestamp | timestamptz, in microseconds |
//! | list, struct, map | the same; keys of maps are strings |

use iceberg::spec::{
    ListType, MapType, NestedField, NestedFieldRef, PrimitiveType, Schema as TableSchema,
    StructType, Type,
};
use iceberg::transaction::AddColumn;
use sluice_schema::{Column, ColumnChangeKind, ColumnType, Schema, difference};

/// The columns of a table besides those of its schema.
pub(super) const OWN: [(&str, PrimitiveType); 4] = [
    ("_rest", PrimitiveType::String),
    ("_shard", PrimitiveType::String),
    ("_chunk", PrimitiveType::String),
    ("_line", PrimitiveType::Long),
];

/// The columns of a new table.
///
/// # Errors
/// None is expected: the names of a schema are different.
pub(super) fn table_schema(schema: &Schema) -> iceberg::Result<TableSchema> {
    let mut ids = FieldIds(0);
    let mut fields = ids.fields(schema.columns());
    fields.extend(OWN.map(|(name, own)| ids.field(name, Type::Primitive(own), None)));
    TableSchema::builder().with_fields(fields).build()
}

/// Numbers fields. The catalog may number those of a new table again.
struct FieldIds(i32);

impl FieldIds {
    fn next(&mut self) -> i32 {
        self.0 += 1;
        self.0
    }

    fn fields(&mut self, columns: &[Column]) -> Vec<NestedFieldRef> {
        let fields = columns.iter().map(|column| {
            let field_type = self.field_type(column.column_type());
            self.field(column.name(), field_type, column.doc())
        });
        fields.collect()
    }

    fn field(&mut self, name: &str, field_type: Type, doc: Option<&str>) -> NestedFieldRef {
        let field = NestedField::optional(self.next(), name, field_type);
        match doc {
            Some(doc) => field.with_doc(doc).into(),
            None => field.into(),
        }
    }

    fn field_type(&mut self, column_type: &ColumnType) -> Type {
        Type::Primitive(match column_type {
            ColumnType::Boolean => PrimitiveType::Boolean,
            ColumnType::Long => PrimitiveType::Long,
            ColumnType::Double => PrimitiveType::Double,
            ColumnType::Decimal { precision, scale } => PrimitiveType::Decimal {
                precision: u32::from(*precision),
                scale: u32::from(*scale),
            },
            ColumnType::String | ColumnType::Json | ColumnType::Uuid => PrimitiveType::String,
            ColumnType::Timestamp { .. } => PrimitiveType::Timestamptz,
            ColumnType::Date => PrimitiveType::Date,
            ColumnType::Binary => PrimitiveType::Binary,
            ColumnType::List(item) => {
                let item = self.field_type(item);
                let element = NestedField::list_element(self.next(), item, false);
                return Type::List(ListType::new(element.into()));
            }
            ColumnType::Struct(columns) => {
                return Type::Struct(StructType::new(self.fields(columns)));
            }
            ColumnType::Map(value) => {
                let value = self.field_type(value);
                let key = Type::Primitive(PrimitiveType::String);
                let key = NestedField::map_key_element(self.next(), key);
                let value = NestedField::map_value_element(self.next(), value, false);
                return Type::Map(MapType::new(key.into(), value.into()));
            }
        })
    }
}

/// A column of a schema that a table does not have, by its full name.
///
/// # Errors
/// None is expected: the names of a schema are different.
pub(super) fn missing_column(
    schema: &Schema,
    table: &TableSchema,
) -> iceberg::Result<Option<String>> {
    let wanted = table_schema(schema)?;
    let mut names = wanted.field_id_to_name_map().values();
    let missing = names.find(|name| table.field_id_by_name(name).is_none());
    Ok(missing.cloned())
}

/// The columns that a table with the schema `old` gets for `new`. Of those of `old`, it gets the ones that `table` lacks: a
/// catalog may have taken the name of a schema without its columns.
///
/// # Errors
/// Names a column that is not only added: a table keeps its columns.
pub(super) fn added_columns(
    old: &Schema,
    new: &Schema,
    table: &TableSchema,
) -> Result<Vec<AddColumn>, String> {
    for change in difference(old, new) {
        match change.kind {
            ColumnChangeKind::Doc | ColumnChangeKind::Added(_) => {}
            ColumnChangeKind::Removed(_)
            | ColumnChangeKind::Type { .. }
            | ColumnChangeKind::Path { .. } => {
                return Err(format!(
                    "the column {} is removed or is another one, and a table only gets new columns; give a schema that \
                     `sluice schema evolve` has made of the present one, or rebuild the table",
                    change.column
                ));
            }
        }
    }
    let mut added = Vec::new();
    let known = Known(table);
    known.add_columns(old.columns(), new.columns(), None, &mut added)?;
    Ok(added)
}

/// Stands for a point of a name itself.
const POINT: &str = "\u{0}";

/// The columns that a table has.
struct Known<'a>(&'a TableSchema);

impl Known<'_> {
    fn has(&self, marked: &str) -> bool {
        self.0
            .field_id_by_name(&marked.replace(POINT, "."))
            .is_some()
    }

    /// Adds the columns of an object that are new. `parent` is the object, by the name that Iceberg gives it.
    fn add_columns(
        &self,
        old: &[Column],
        new: &[Column],
        parent: Option<&str>,
        added: &mut Vec<AddColumn>,
    ) -> Result<(), String> {
        for column in new {
            let name = column.name();
            // A point of a name itself is marked, since no column can be added there.
            let own = name.replace('.', POINT);
            let full = parent.map_or(own.clone(), |parent| format!("{parent}.{own}"));
            let known = old.iter().find(|known| known.name() == name);
            match known.filter(|_| self.has(&full)) {
                Some(known) => {
                    let (known, column) = (known.column_type(), column.column_type());
                    self.add_in_type(known, column, &full, added)?;
                }
                // Iceberg tells the parts of a name by its points.
                None if full.contains(POINT) => {
                    return Err(no_point(column, parent));
                }
                None => added.push(new_column(parent, column)),
            }
        }
        Ok(())
    }

    /// Adds the columns that are new in the structs of a type.
    fn add_in_type(
        &self,
        old: &ColumnType,
        new: &ColumnType,
        name: &str,
        added: &mut Vec<AddColumn>,
    ) -> Result<(), String> {
        match (old, new) {
            (ColumnType::Struct(old), ColumnType::Struct(new)) => {
                self.add_columns(old, new, Some(name), added)
            }
            (ColumnType::List(old), ColumnType::List(new)) => {
                self.add_in_type(old, new, &format!("{name}.element"), added)
            }
            (ColumnType::Map(old), ColumnType::Map(new)) => {
                self.add_in_type(old, new, &format!("{name}.value"), added)
            }
            _ => Ok(()),
        }
    }
}

/// A column that cannot be added, and what to do.
fn no_point(column: &Column, parent: Option<&str>) -> String {
    let name = column.name();
    let what =
        format!("{name:?}: a column whose name has a point, or a struct with one, cannot be added");
    if parent.is_some_and(|parent| parent.contains(POINT)) {
        return format!("{what}; rebuild the table");
    }
    let other = serde_json::json!(name.replace('.', "_"));
    let path = serde_json::json!(column.path());
    format!(
        "{what}; give the column another name and the path of its value, such as \"name\": {other}, \"path\": {path}, or \
         rebuild the table"
    )
}

fn new_column(parent: Option<&str>, column: &Column) -> AddColumn {
    let field_type = FieldIds(0).field_type(column.column_type());
    let added = AddColumn::builder()
        .name(column.name())
        .field_type(field_type);
    match (parent, column.doc()) {
        (None, None) => added.build(),
        (None, Some(doc)) => added.doc(doc).build(),
        (Some(parent), None) => added.parent(parent).build(),
        (Some(parent), Some(doc)) => added.parent(parent).doc(doc).build(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(columns: &str) -> Schema {
        Schema::parse(format!("{{\"version\":1,\"columns\":[{columns}]}}").as_bytes()).unwrap()
    }

    #[test]
    fn each_type_has_a_column_and_each_field_a_number_of_its_own() {
        let columns = r#"{"name":"a","type":{"list":{"struct":[{"name":"x","type":"decimal(9,2)"}]}}},
            {"name":"b","type":{"map":"json"}},{"name":"c","type":"timestamp(3)"},{"name":"d","type":"uuid"}"#;
        let table = table_schema(&schema(columns)).unwrap();
        let types = ["a.element.x", "b.value", "c", "d", "_rest", "_line"].map(|name| {
            let field = table.field_by_name(name).unwrap();
            format!("{name} {}", field.field_type)
        });
        let expected = [
            "a.element.x decimal(9, 2)",
            "b.value string",
            "c timestamptz",
            "d string",
            "_rest string",
            "_line long",
        ];
        assert_eq!(types, expected);
        assert_eq!(table.field_id_to_name_map().len(), 12);
    }

    #[test]
    fn columns_are_added_at_all_levels_and_never_changed() {
        let old = schema(r#"{"name":"a","type":{"list":{"struct":[{"name":"x","type":"long"}]}}}"#);
        let new = schema(
            r#"{"name":"a","type":{"list":{"struct":[{"name":"x","type":"long"},{"name":"y","type":"date"}]}}},
            {"name":"b","type":"json"}"#,
        );
        let added = |from: &Schema, to: &Schema, table: &Schema| {
            added_columns(from, to, &table_schema(table).unwrap()).map(|added| added.len())
        };
        assert_eq!(added(&old, &new, &old), Ok(2));
        assert_eq!(added(&new, &new, &new), Ok(0));
        assert!(added(&new, &old, &new).unwrap_err().contains("a[].y"));
        let (none, point) = (schema(""), schema(r#"{"name":"a.b","type":"long"}"#));
        let error = added(&none, &point, &none).unwrap_err();
        assert!(error.contains("has a point"), "{error}");
        let advice = r#""name": "a_b", "path": ["a.b"]"#;
        assert!(error.contains(advice), "{error}");
        let named = schema(&format!(r#"{{{advice},"type":"long"}}"#));
        assert_eq!(added(&none, &named, &none), Ok(1));
        assert_eq!(added(&point, &point, &point), Ok(0));
        // The name of the schema came without its columns.
        assert_eq!(added(&new, &new, &old), Ok(2));
        let missing = |of: &Schema, table: &Schema| {
            missing_column(of, &table_schema(table).unwrap()).unwrap()
        };
        assert!(missing(&new, &old).is_some());
        assert_eq!(missing(&new, &new), None);
        assert_eq!(missing(&old, &new), None);
    }
}
