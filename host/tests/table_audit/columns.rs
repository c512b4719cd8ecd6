//! Columns are those with the same field ids, whatever their names.

use std::collections::HashMap;
use std::fs;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Field, Fields, Schema};
use serde_json::{Value, json};

use super::Audited;
use crate::support::lake;

impl Audited {
    /// Writes the first data file again, with other fields of the columns.
    fn edit_fields(&self, change: impl Fn(&Field) -> Field) {
        self.edit(|batch| {
            let fields = batch.schema_ref().fields().iter();
            let fields: Fields = fields.map(|field| change(field)).collect();
            let schema = Arc::new(Schema::new(fields));
            vec![RecordBatch::try_new(schema, batch.columns().to_vec()).unwrap()]
        });
    }

    /// Changes the current metadata of the table, as another program does.
    fn edit_metadata(&self, change: impl Fn(&mut Value)) {
        let warehouse = self.0.path("lake.warehouse");
        let keys = lake::tree(&warehouse).into_keys();
        // Their names begin with numbers.
        let current = keys
            .filter(|key| key.ends_with(".metadata.json"))
            .max()
            .unwrap();
        let path = warehouse.join(current);
        let mut metadata = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        change(&mut metadata);
        fs::write(path, metadata.to_string()).unwrap();
    }

    /// Changes the columns of the table.
    fn edit_columns(&self, change: impl Fn(&mut Vec<Value>)) {
        self.edit_metadata(|metadata| {
            metadata["last-column-id"] = 1_000.into();
            let fields = metadata["schemas"][0]["fields"].as_array_mut().unwrap();
            change(fields);
        });
    }
}

/// The position of a column among those of the metadata.
fn position(fields: &[Value], name: &str) -> usize {
    let found = fields.iter().position(|field| field["name"] == name);
    found.unwrap()
}

#[test]
fn a_column_that_others_rename_has_the_same_values() {
    let table = Audited::new();
    table.edit_columns(|fields| {
        for name in ["event_name", "created_datetime", "_chunk"] {
            let at = position(fields, name);
            fields[at]["name"] = format!("{name}_of_old").into();
        }
    });
    assert_eq!(table.proven()["rows"], 90);
    table.is_consistent();
    // A builder does not go on with other names.
    let sync = ["table", "sync", "--lake", "file:lake"];
    table.0.run(&sync).failed(1, &["sluice.events", "rebuild"]);
}

#[test]
fn a_column_that_is_removed_and_added_again_has_lost_its_values() {
    for is_added in [true, false] {
        let table = Audited::new();
        table.edit_columns(|fields| {
            let at = position(fields, "event_name");
            fields.remove(at);
            if is_added {
                let field =
                    json!({"id": 1_000, "name": "event_name", "required": false, "type": "string"});
                fields.push(field);
            }
        });
        let (kinds, found) = table.found(&[]);
        assert_eq!(kinds, ["changed_rows"; 2], "{found:#?}");
        table.is_consistent();
    }
}

#[test]
fn a_file_that_has_other_names_and_the_same_ids_is_proven() {
    for prefix in ["x_", "_x20"] {
        let table = Audited::new();
        table.edit_fields(|field| field.clone().with_name(format!("{prefix}{}", field.name())));
        table.proven();
        table.is_consistent();
    }
    let table = Audited::new();
    // Two columns have changed places under the names of each other.
    table.edit_fields(|field| match field.name().as_str() {
        "event_name" => field.clone().with_name("event_subtype"),
        "event_subtype" => field.clone().with_name("event_name"),
        _ => field.clone(),
    });
    table.proven();
}

#[test]
fn a_file_without_ids_has_its_columns_by_name_or_by_the_name_mapping() {
    let without_ids = |field: &Field| field.clone().with_metadata(HashMap::new());
    let table = Audited::new();
    table.edit_fields(without_ids);
    table.proven();
    table.edit_fields(|field| without_ids(field).with_name(format!("x_{}", field.name())));
    assert_eq!(table.found(&[]).0, ["missing_rows"]);
    table.edit_metadata(|metadata| {
        let fields = metadata["schemas"][0]["fields"].as_array().unwrap();
        let mapping = fields.iter().map(|field| {
            let name = field["name"].as_str().unwrap();
            json!({"field-id": field["id"], "names": [name, format!("x_{name}")]})
        });
        let mapping = Value::from_iter(mapping).to_string();
        metadata["properties"]["schema.name-mapping.default"] = mapping.into();
    });
    table.proven();
    table.edit_metadata(|metadata| {
        metadata["properties"]["schema.name-mapping.default"] = "{".into();
    });
    let why = "schema.name-mapping.default of the table sluice.events is no name mapping";
    table.audit(&[]).failed(1, &[why]);
}
