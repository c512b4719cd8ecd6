//! `sluice table create` and `sluice table evolve`.

use std::path::PathBuf;

use clap::{ArgAction, Args};
use serde_json::json;
use sluice_schema::{Column, ColumnType, Schema, Zone};

use super::args::TableArgs;
use super::dedupe;
use crate::config::table_settings::with_short_flag;
use crate::config::{ConfigError, DedupeArgs};
use crate::output;
use crate::table::layout::TableLayout;
use crate::table::manage::{Created, ManageError};
use crate::tools::schema::{self, document};

/// Which table, with which columns.
#[derive(Debug, Args)]
#[command(mut_args(with_short_flag))]
pub struct CreateArgs {
    #[command(flatten)]
    pub(super) table: TableArgs,

    /// The columns: a file that `sluice schema infer --output` has written, or your own. [default: the six members of the
    /// events that `builtin:enrich` makes]
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,

    /// How files are divided: `day(COLUMN)` by the day of a timestamp or a date, `COLUMN` by each value of a string, both
    /// with a comma between, or `none`. [default: by the day of the only timestamp, or of `created_datetime` if there are
    /// several, or else none]
    #[arg(long, value_name = "LAYOUT")]
    partition: Option<String>,

    #[command(flatten)]
    dedupe: DedupeArgs,

    /// Print one JSON object, for scripts.
    #[arg(long, action = ArgAction::SetTrue)]
    json: bool,
}

/// Which table, and its new columns.
#[derive(Debug, Args)]
pub struct TableEvolveArgs {
    #[command(flatten)]
    pub(super) table: TableArgs,

    /// The columns: a file that `sluice schema evolve --output` has written.
    #[arg(long, value_name = "FILE")]
    schema: PathBuf,
}

/// The columns of a table for the events of the built-in transform `enrich`, whose time can divide files.
fn usual_schema() -> Result<Schema, sluice_schema::InvalidSchema> {
    let time = ColumnType::Timestamp {
        digits: 3,
        zone: Zone::PlusZero,
    };
    Schema::new(vec![
        Column::new("event_uuid", ColumnType::String),
        Column::new("event_name", ColumnType::String),
        Column::new("created_at", ColumnType::Double),
        Column::new("created_datetime", time),
        Column::new("event_type", ColumnType::String),
        Column::new("event_subtype", ColumnType::String),
    ])
}

/// The columns and the layout that arguments name.
///
/// # Errors
/// Wrong usage.
pub(super) fn columns(
    schema: Option<&PathBuf>,
    partition: Option<&str>,
) -> anyhow::Result<(Schema, TableLayout)> {
    let schema = match schema {
        Some(path) => document::read(path)?,
        None => usual_schema()?,
    };
    let wrong = |why: String| ConfigError::new("partition", why);
    let layout = match partition {
        Some(text) => text.parse().map_err(wrong)?,
        None => TableLayout::usual(&schema),
    };
    layout.check(&schema).map_err(wrong)?;
    Ok((schema, layout))
}

/// Creates a table.
///
/// # Errors
/// Wrong usage, a table with other columns or another layout, or what cannot be read or written.
pub(super) async fn create(args: &CreateArgs) -> anyhow::Result<()> {
    let location = args.table.location()?;
    location.check_new_name()?;
    let (schema, layout) = columns(args.schema.as_ref(), args.partition.as_deref())?;
    let rule = args.dedupe.rule()?;
    let checked = rule.iter().try_for_each(|rule| rule.check(&schema));
    checked.map_err(|why| ConfigError::new("table.dedupe.key", why))?;
    let tables = location.open().await?;
    let created = tables.create(&location.table, &schema, &layout, rule.as_ref());
    let created = created.await?;
    // The catalog may have given it another place than this one.
    let loaded = tables.load(&location.table).await?;
    let place = loaded.metadata().location();
    if args.json {
        let object = json!({
            "table": location.table.to_string(),
            "catalog": location.catalog.to_string(),
            "warehouse": tables.warehouse.uri(),
            "location": place,
            "schema": document::digest(&schema).to_string(),
            "partition": layout.to_string(),
            "dedupe": rule.as_ref().map(dedupe::to_json),
            "created": created == Created::Now,
        });
        return Ok(schema::print_json(&object)?);
    }
    let table = &location.table;
    let columns = output::counted(schema.columns().len() as u64, "column");
    output::line(match created {
        Created::Now => {
            let own = loaded
                .metadata()
                .current_schema()
                .as_struct()
                .fields()
                .len();
            let own = own.saturating_sub(schema.columns().len());
            format!(
                "created the table {table} with {columns} and {own} of Sluice, partitioned by {layout}"
            )
        }
        Created::Before => format!(
            "the table {table} exists with these columns, this layout and this rule for duplicates"
        ),
    })?;
    if let Some(rule) = &rule {
        output::line(format_args!("duplicates are left out, {rule}"))?;
    }
    output::line(format_args!(
        "catalog {}, files in {place}",
        location.catalog
    ))?;
    Ok(())
}

/// Adds columns to a table.
///
/// # Errors
/// Wrong usage, columns that are not only added, or what cannot be read or written.
pub(super) async fn evolve(args: &TableEvolveArgs) -> anyhow::Result<()> {
    let location = args.table.location()?;
    let schema = document::read(&args.schema)?;
    let tables = location.open_existing().await?;
    let added = match tables.evolve(&location.table, &schema).await {
        Err(ManageError::Columns(why)) => return Err(ConfigError::new("schema", why).into()),
        added => added?,
    };
    let added = output::counted(added as u64, "column");
    output::line(format_args!(
        "added {added} to the table {}",
        location.table
    ))?;
    Ok(())
}
