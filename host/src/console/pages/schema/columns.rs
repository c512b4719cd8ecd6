//! The schemas of the lake: their columns, since when they are pinned, and what changed.

use maud::{Markup, html};
use sluice_schema::{Column, ColumnType, Schema, path_of_members};

use super::recent::{RecentLake, RecentSchema, SCHEMAS_MAX, SchemaContent};
use crate::console::components::{
    count, empty, facts, pager, problem, rows_of_page, short, table, time_ms,
};
use crate::console::page::{PageError, PageRequest};
use crate::console::payload::inert;
use crate::console::words::further;
use crate::output::counted;
use crate::tools::schema::diff::ChangedColumn;

/// The most changes between two schemas that are shown.
const CHANGES_MAX: usize = 100;

/// A column of a schema, with those in structs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ColumnRow {
    /// The names that lead to the column, such as `items[].price`.
    name: String,
    column_type: String,
    /// The members that have its value, if they are not its name.
    path: Option<String>,
    doc: Option<String>,
}

/// The columns of a schema, each before those in it.
pub(super) fn column_rows(schema: &Schema) -> Vec<ColumnRow> {
    let mut rows = Vec::new();
    add_columns(schema.columns(), "", &mut rows);
    rows
}

fn add_columns(columns: &[Column], place: &str, rows: &mut Vec<ColumnRow>) {
    for column in columns {
        let name = path_of_members(place, &[column.name().to_owned()]);
        let path = (!column.has_own_path()).then(|| path_of_members("", column.path()));
        rows.push(ColumnRow {
            column_type: column.column_type().to_string(),
            path,
            doc: column.doc().map(str::to_owned),
            name: name.clone(),
        });
        add_parts(column.column_type(), &name, rows);
    }
}

/// Adds the columns in a type.
fn add_parts(column_type: &ColumnType, place: &str, rows: &mut Vec<ColumnRow>) {
    match column_type {
        ColumnType::List(item) => add_parts(item, &format!("{place}[]"), rows),
        ColumnType::Map(value) => add_parts(value, &format!("{place}{{}}"), rows),
        ColumnType::Struct(columns) => add_columns(columns, place, rows),
        _ => {}
    }
}

/// The schemas of the lake over time.
pub(super) fn schemas(lake: &RecentLake) -> Markup {
    if lake.schemas.is_empty() {
        return empty(
            "The lake keeps no schema, so its objects are lines.",
            "Objects have typed columns with --format parquet and a schema, which `sluice schema infer` makes from the events of the lake.",
        );
    }
    let rows = lake.schemas.iter().map(|schema| {
        let columns = match &schema.content {
            Ok(content) => count(content.columns.len() as u64),
            Err(_) => html! { "unknown" },
        };
        vec![
            html! { a href=(link(schema)) { (short(&schema.digest.to_string())) } },
            time_ms(schema.stored_at),
            schema
                .last_pinned
                .map_or_else(|| html! { "by none of these chunks" }, time_ms),
            count(schema.chunks),
            columns,
            changed_columns(schema),
        ]
    });
    let columns = [
        "Schema",
        "Stored for its first chunk",
        "Last pinned",
        "Chunks of those read",
        "Columns",
        "Changes",
    ];
    html! {
        p {
            "The lake keeps each schema that a chunk has pinned. The newest one is first, and each is compared with the one "
            "before it."
        }
        (table("Schemas of the lake over time", &columns, &rows.collect::<Vec<_>>()))
        @if lake.older_schemas > 0 {
            p {
                (counted(lake.older_schemas as u64, "older schema"))
                " of the lake are not read, only the newest " (SCHEMAS_MAX) "."
            }
        }
    }
}

fn link(schema: &RecentSchema) -> String {
    format!("/schema?schema={}", schema.digest)
}

/// In how many columns a schema differs from the one before.
fn changed_columns(schema: &RecentSchema) -> Markup {
    match &schema.content {
        Err(why) => problem(why),
        Ok(SchemaContent { changes: None, .. }) => html! { "the first one that was read" },
        Ok(SchemaContent {
            changes: Some(changes),
            ..
        }) => html! { (counted(changes.len() as u64, "changed column")) },
    }
}

/// One schema: its columns, and what changed.
///
/// # Errors
/// The lake does not have it, or it was not read.
pub(super) fn one(
    lake: &RecentLake,
    digest: &str,
    request: &PageRequest,
) -> Result<Markup, PageError> {
    let found = lake.schemas.iter();
    let mut found = found.filter(|schema| schema.digest.to_string() == digest);
    let Some(schema) = found.next() else {
        let why = format!(
            "This schema is none of the newest {SCHEMAS_MAX} of the lake. The page Schema lists them."
        );
        return Err(PageError::NotFound(why));
    };
    let content = match &schema.content {
        Ok(content) => content,
        Err(why) => return Ok(problem(why)),
    };
    let list = [
        ("Digest", html! { code { (digest) } }),
        ("Stored for its first chunk", time_ms(schema.stored_at)),
        ("Columns", count(content.columns.len() as u64)),
    ];
    Ok(html! {
        (facts(&list))
        @if let Some(changes) = &content.changes {
            h2 { "Changes since the schema before" }
            (changed(changes))
        }
        h2 { "Columns" }
        p { "Every column can be null: an event need not have the value. What is in no column is in _rest." }
        (columns(rows_of_page(request, &content.columns)))
        (pager(request, content.columns.len()))
    })
}

/// The columns of a schema.
fn columns(columns: &[ColumnRow]) -> Markup {
    let rows = columns.iter().map(|column| {
        vec![
            html! { code { (inert(&column.name)) } },
            html! { code { (column.column_type) } },
            html! { "can be null" },
            html! { @if let Some(path) = &column.path { code { (inert(path)) } } },
            html! { @if let Some(doc) = &column.doc { (inert(doc)) } },
        ]
    });
    let titles = ["Column", "Type", "Null", "Value of", "Description"];
    table("Columns of the schema", &titles, &rows.collect::<Vec<_>>())
}

/// The columns that differ from those of the schema before.
fn changed(changes: &[ChangedColumn]) -> Markup {
    if changes.is_empty() {
        return html! { p { "Both have the same columns." } };
    }
    let part =
        |part: &Option<String>| html! { @if let Some(part) = part { code { (inert(part)) } } };
    let rows = changes.iter().take(CHANGES_MAX).map(|change| {
        let fits = match change.is_compatible {
            true => "yes",
            false => "no",
        };
        vec![
            html! { code { (inert(&change.column)) } },
            html! { (change.change) },
            part(&change.old),
            part(&change.new),
            html! { (fits) },
        ]
    });
    let titles = ["Column", "Change", "Old", "New", "Old values fit"];
    html! {
        (table("Columns that differ from the schema before", &titles, &rows.collect::<Vec<_>>()))
        (further(CHANGES_MAX, changes.len(), "changed column"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::schema::diff;
    use sluice_engine::digest::Digest;

    fn schema(columns: Vec<Column>) -> Schema {
        Schema::new(columns).unwrap()
    }

    fn nested() -> Schema {
        let price = Column::new("price", ColumnType::Double);
        let items = ColumnType::List(Box::new(ColumnType::Struct(vec![price])));
        let name = Column::new("name", ColumnType::String);
        let name = name.with_path(vec!["person".into(), "a.b".into()]);
        schema(vec![
            Column::new("items", items),
            name.with_doc(Some("<i>who</i>\u{202e}".into())),
        ])
    }

    fn recent(new: &Schema, old: Option<&Schema>) -> RecentLake {
        RecentLake {
            schemas: vec![RecentSchema {
                digest: Digest::of(b"schema"),
                stored_at: 1_767_225_600_000,
                chunks: 3,
                last_pinned: None,
                content: Ok(SchemaContent {
                    columns: column_rows(new),
                    changes: old.map(|old| diff::changes(old, new)),
                }),
            }],
            ..RecentLake::default()
        }
    }

    #[test]
    fn columns_in_lists_and_structs_have_their_paths() {
        let rows = column_rows(&nested());
        let names: Vec<_> = rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names, ["items", "items[].price", "name"]);
        assert_eq!(rows[2].path.as_deref(), Some("person.\"a.b\""));
    }

    #[test]
    fn a_schema_shows_its_columns_and_what_changed() {
        let old = schema(vec![Column::new("name", ColumnType::Long)]);
        let lake = recent(&nested(), Some(&old));
        let digest = Digest::of(b"schema").to_string();
        let request = PageRequest::parse(&format!("/schema?schema={digest}"));
        let html = one(&lake, &digest, &request).unwrap().into_string();
        for text in [
            "items[].price",
            "&lt;i&gt;who&lt;/i&gt;\\u{202e}",
            "<td>added</td>",
            "<td>type</td>",
            "<td>no</td>",
        ] {
            assert!(html.contains(text), "{text}: {html}");
        }
        let html = schemas(&lake).into_string();
        assert!(html.contains(&format!("/schema?schema={digest}")), "{html}");
        assert!(html.contains("changed columns"), "{html}");
        let other = one(&lake, "0123", &request);
        assert!(matches!(other, Err(PageError::NotFound(_))));
    }

    #[test]
    fn a_schema_that_cannot_be_read_says_why() {
        let mut lake = recent(&nested(), None);
        lake.schemas[0].content = Err("<damaged>".into());
        assert!(
            schemas(&lake).into_string().contains("&lt;damaged&gt;"),
            "the error"
        );
        let none = schemas(&RecentLake::default()).into_string();
        assert!(none.contains("--format parquet"), "{none}");
    }
}
