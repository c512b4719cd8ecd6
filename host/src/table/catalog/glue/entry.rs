//! The entry of a table in Glue: what leads to its metadata, and what is there for people to see.

use std::collections::HashMap;

use aws_sdk_glue::types::builders::TableInputBuilder;
use aws_sdk_glue::types::{StorageDescriptor, Table as Entry, TableInput};
use iceberg::spec::TableMetadata;
use iceberg::{Error, ErrorKind, Result, TableIdent};

use super::columns::columns;
use super::failure::incomplete;

/// The parameter that says which kind of table it is, and its value. It is read in any case.
const TABLE_TYPE: &str = "table_type";
const ICEBERG: &str = "ICEBERG";

/// The parameters with the URIs of the metadata and of those before.
const METADATA: &str = "metadata_location";
const METADATA_BEFORE: &str = "previous_metadata_location";

/// What Glue calls a table whose files are not its own.
const EXTERNAL: &str = "EXTERNAL_TABLE";

/// Whether an entry is one of an Iceberg table.
pub(super) fn is_iceberg(entry: &Entry) -> bool {
    parameter(entry, TABLE_TYPE).is_some_and(|of| of.eq_ignore_ascii_case(ICEBERG))
}

/// The URI of the metadata of a table.
pub(super) fn metadata_location<'a>(table: &TableIdent, entry: &'a Entry) -> Result<&'a str> {
    let location = parameter(entry, METADATA).filter(|_| is_iceberg(entry));
    location.ok_or_else(|| {
        let why = format!("{table} in Glue is no Iceberg table; give another --name");
        Error::new(ErrorKind::DataInvalid, why)
    })
}

fn parameter<'a>(entry: &'a Entry, name: &str) -> Option<&'a str> {
    entry.parameters()?.get(name).map(String::as_str)
}

/// The entry of a table that is created.
pub(super) fn new_entry(
    table: &TableIdent,
    metadata: &TableMetadata,
    location: &str,
) -> Result<TableInput> {
    let entry = TableInput::builder().name(table.name());
    finished(entry, metadata, HashMap::new(), location)
}

/// The entry of a table after a commit. What others have noted in it stays.
pub(super) fn next_entry(
    table: &TableIdent,
    entry: &Entry,
    metadata: &TableMetadata,
    location: &str,
) -> Result<TableInput> {
    let before = metadata_location(table, entry)?.to_owned();
    let mut parameters = entry.parameters.clone().unwrap_or_default();
    parameters.insert(METADATA_BEFORE.to_owned(), before);
    finished(notes(table, entry), metadata, parameters, location)
}

/// The entry of a table under another name.
pub(super) fn copy(to: &TableIdent, entry: &Entry) -> Result<TableInput> {
    notes(to, entry)
        .set_parameters(entry.parameters.clone())
        .set_storage_descriptor(entry.storage_descriptor.clone())
        .set_table_type(entry.table_type.clone())
        .build()
        .map_err(incomplete)
}

/// What others can write into an entry besides parameters; a commit keeps it.
fn notes(table: &TableIdent, entry: &Entry) -> TableInputBuilder {
    TableInput::builder()
        .name(table.name())
        .set_description(entry.description.clone())
        .set_owner(entry.owner.clone())
}

fn finished(
    entry: TableInputBuilder,
    metadata: &TableMetadata,
    mut parameters: HashMap<String, String>,
    location: &str,
) -> Result<TableInput> {
    parameters.insert(TABLE_TYPE.to_owned(), ICEBERG.to_owned());
    parameters.insert(METADATA.to_owned(), location.to_owned());
    let storage = StorageDescriptor::builder()
        .location(metadata.location())
        .set_columns(Some(columns(metadata)?))
        .build();
    entry
        .table_type(EXTERNAL)
        .set_parameters(Some(parameters))
        .storage_descriptor(storage)
        .build()
        .map_err(incomplete)
}

#[cfg(test)]
mod tests {
    use iceberg::TableCreation;
    use iceberg::spec::{NestedField, PrimitiveType, Schema, TableMetadataBuilder, Type};

    use super::*;

    const FIRST: &str = "s3://w/n/events/metadata/00000-x.metadata.json";
    const SECOND: &str = "s3://w/n/events/metadata/00001-y.metadata.json";

    fn named(name: &str) -> TableIdent {
        TableIdent::from_strs(["n", name]).unwrap()
    }

    fn metadata() -> TableMetadata {
        let at = Type::Primitive(PrimitiveType::Timestamptz);
        let field = NestedField::optional(1, "at", at).into();
        let schema = Schema::builder().with_fields([field]).build().unwrap();
        let creation = TableCreation::builder()
            .name("events".into())
            .location("s3://w/n/events".into())
            .schema(schema)
            .build();
        let builder = TableMetadataBuilder::from_table_creation(creation).unwrap();
        builder.build().unwrap().metadata
    }

    /// What Glue has after an input.
    fn stored(input: &TableInput) -> Entry {
        Entry::builder()
            .name(input.name())
            .set_description(input.description.clone())
            .set_owner(input.owner.clone())
            .set_parameters(input.parameters.clone())
            .set_storage_descriptor(input.storage_descriptor.clone())
            .set_table_type(input.table_type.clone())
            .build()
            .unwrap()
    }

    #[test]
    fn a_new_entry_leads_to_the_metadata() {
        let input = new_entry(&named("events"), &metadata(), FIRST).unwrap();
        assert_eq!(input.name(), "events");
        assert_eq!(input.table_type(), Some(EXTERNAL));
        let storage = input.storage_descriptor().unwrap();
        assert_eq!(storage.location(), Some("s3://w/n/events"));
        assert_eq!(storage.columns()[0].r#type(), Some("timestamp"));
        let entry = stored(&input);
        assert!(is_iceberg(&entry));
        assert_eq!(metadata_location(&named("events"), &entry).unwrap(), FIRST);
        assert_eq!(parameter(&entry, METADATA_BEFORE), None);
    }

    #[test]
    fn a_commit_keeps_what_others_have_noted() {
        let mut entry = stored(&new_entry(&named("events"), &metadata(), FIRST).unwrap());
        entry.description = Some("clicks".into());
        let parameters = entry.parameters.as_mut().unwrap();
        parameters.insert("team".into(), "web".into());
        let next = next_entry(&named("events"), &entry, &metadata(), SECOND).unwrap();
        assert_eq!(next.description(), Some("clicks"));
        let next = stored(&next);
        assert_eq!(parameter(&next, METADATA), Some(SECOND));
        assert_eq!(parameter(&next, METADATA_BEFORE), Some(FIRST));
        assert_eq!(parameter(&next, "team"), Some("web"));
        let renamed = stored(&copy(&named("other"), &next).unwrap());
        assert_eq!(renamed.name(), "other");
        assert_eq!(renamed.parameters, next.parameters);
        assert_eq!(renamed.storage_descriptor, next.storage_descriptor);
        assert_eq!(renamed.table_type(), Some(EXTERNAL));
    }

    #[test]
    fn an_entry_of_another_kind_is_no_table() {
        let iceberg = |of: &str| (TABLE_TYPE.to_owned(), of.to_owned());
        let location = (METADATA.to_owned(), FIRST.to_owned());
        for (parameters, is_one) in [
            (vec![], false),
            (vec![iceberg("ICEBERG")], false),
            (vec![location.clone()], false),
            (vec![iceberg("HUDI"), location.clone()], false),
            (vec![iceberg("iceberg"), location], true),
        ] {
            let parameters: HashMap<_, _> = parameters.into_iter().collect();
            let entry = Entry::builder()
                .name("lake")
                .set_parameters(Some(parameters));
            let entry = entry.build().unwrap();
            let found = metadata_location(&named("lake"), &entry);
            assert_eq!(found.is_ok(), is_one);
            if let Err(error) = found {
                assert!(
                    error
                        .message()
                        .contains("n.lake in Glue is no Iceberg table")
                );
            }
        }
    }
}
