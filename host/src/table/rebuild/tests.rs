use std::sync::Arc;

use sluice_schema::Schema;

use super::*;
use crate::table::test_catalog::{Fault, UnsteadyCatalog, in_memory, named, tables_in};

/// The table `t`, which has the name `t__rebuild` too, in a catalog whose first removals fail.
async fn two_names(folder: &std::path::Path, failures: usize) -> Tables {
    let mut catalog = UnsteadyCatalog::new(in_memory().await, Vec::<Fault>::new());
    catalog.fail_drops(failures);
    let tables = tables_in(folder, Arc::new(catalog)).await;
    let columns = br#"{"version":1,"columns":[{"name":"a","type":"long"}]}"#;
    let (schema, layout) = (Schema::parse(columns).unwrap(), TableLayout::default());
    let (name, place) = (named("t"), "memory://w/t".to_owned());
    let created = tables.create_new(&name, place, &schema, &layout, None, None);
    created.await.unwrap();
    let table = tables.load(&name).await.unwrap();
    let (second, metadata) = (named("t__rebuild"), table.metadata_location().unwrap());
    let registered = tables.catalog.register_table(&second, metadata.to_owned());
    registered.await.unwrap();
    tables
}

#[tokio::test]
async fn the_removal_of_a_second_name_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let tables = two_names(folder.path(), 2).await;
    let before = tables.load(&named("t")).await.unwrap();
    let name = named("t");
    let begun = tables.begin_rebuild(&name, NewColumns::default());
    let begun = begun.await.unwrap();
    assert!(!begun.is_continued);
    let new = tables.load(&named("t__rebuild")).await.unwrap();
    assert!(is(&new, &begun));
    assert!(!is_same(&new, &before));
    assert!(is_same(&tables.load(&named("t")).await.unwrap(), &before));
}

#[tokio::test]
async fn a_drop_that_fails_is_none_unless_the_table_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let tables = two_names(folder.path(), 1).await;
    let table = tables.load(&named("t")).await.unwrap();
    let error = tables.drop_table(&table, false).await.unwrap_err();
    assert!(error.to_string().contains("no answer"), "{error}");
    tables.load(&named("t")).await.unwrap();
    tables.catalog.drop_table(&named("t")).await.unwrap();
    assert_eq!(tables.drop_table(&table, false).await.unwrap(), 0);
}
