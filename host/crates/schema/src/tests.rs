//! What holds for any events and any schema, and a table of values that are easily damaged.

mod event_hash;
mod events;
mod inferring;
mod nasty;
mod properties;

use crate::{Mapper, Reason, Row, Schema, is_same_event};

/// A schema of these columns, in the form of the document.
fn schema(columns: &str) -> Schema {
    Schema::parse(format!("{{\"version\":1,\"columns\":[{columns}]}}").as_bytes()).unwrap()
}

/// Maps an event, and checks that it can be put together again.
fn map<'a>(mapper: &Mapper, event: &'a str) -> Row<'a> {
    let row = mapper.map(event.as_bytes()).unwrap();
    let again = mapper.assemble(&row.values, row.rest.as_deref()).unwrap();
    assert!(
        is_same_event(event.as_bytes(), again.as_bytes()),
        "{event}\n{again}\n{row:?}"
    );
    assert_eq!(row.rest.is_some(), !row.unmapped.is_empty(), "{row:?}");
    assert_eq!(mapper.map_valid(event.as_bytes()).as_ref(), Ok(&row));
    if let Some(rest) = &row.rest {
        assert_eq!(
            json_scan::check(rest.as_bytes()),
            Ok(json_scan::Kind::Object),
            "{rest}"
        );
    }
    row
}

/// The paths of what is in `_rest`, with the reasons.
fn unmapped(row: &Row<'_>) -> Vec<(String, Reason)> {
    row.unmapped
        .iter()
        .map(|unmapped| (unmapped.path.to_string(), unmapped.reason))
        .collect()
}
