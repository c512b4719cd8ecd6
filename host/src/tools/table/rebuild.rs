//! `sluice table rebuild`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args};
use serde_json::json;

use super::args::TableArgs;
use super::dedupe;
use crate::config::table_settings::with_short_flag;
use crate::config::{BuildArgs, ConfigError, DedupeArgs};
use crate::output;
use crate::table::build::{Done, once};
use crate::table::location::{TableLocation, command_retries};
use crate::table::manage::Tables;
use crate::table::rebuild::{NewColumns, Rebuild, RebuildError, Rebuilt, SUFFIX_LENGTH};
use crate::tools::schema::{self, document};

/// The longest name of a table that another command takes.
const NAME_MAX: usize = 100;

/// Which table, and what changes.
#[derive(Debug, Args)]
#[command(mut_args(with_short_flag))]
pub struct RebuildArgs {
    #[command(flatten)]
    pub(super) table: TableArgs,

    /// The columns of the new table: a file that `sluice schema infer` or `evolve` has written, or your own. [default: those
    /// of the present table]
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,

    /// How the files of the new table are divided, as in `create`. [default: as those of the present table]
    #[arg(long, value_name = "LAYOUT")]
    partition: Option<String>,

    #[command(flatten)]
    dedupe: DedupeArgs,

    /// Build a table without a rule for duplicates, whatever the two above say. Without this and these, the new table has
    /// the rule of the present one.
    #[arg(long, action = ArgAction::SetTrue)]
    no_dedupe: bool,

    #[command(flatten)]
    build: BuildArgs,

    /// Print one JSON object, for scripts.
    #[arg(long, action = ArgAction::SetTrue)]
    json: bool,
}

/// Builds a new table from the whole lake, and gives it the name of the present one.
///
/// # Errors
/// Wrong usage, what an earlier rebuild with another schema or layout has left, or what cannot be read or written.
pub(super) async fn rebuild(args: &RebuildArgs) -> anyhow::Result<()> {
    let location = args.table.location()?;
    location.check_new_name()?;
    let name = &location.table;
    if name.name().len() + SUFFIX_LENGTH > NAME_MAX {
        let most = NAME_MAX - SUFFIX_LENGTH;
        let why = format!("{name} is too long to be rebuilt: at most {most} characters");
        return Err(ConfigError::new("table.name", why).into());
    }
    let new = new_columns(args)?;
    let tables = location.open_existing().await?;
    let begun = tables.begin_rebuild(name, new).await.map_err(wrong)?;
    if !args.json {
        output::line(match begun.is_continued {
            true => format!("going on with {}", begun.table),
            false => format!("building {}", begun.table),
        })?;
    }
    let done = build(args, &location, &tables, &begun).await?;
    let ended = tables.end_rebuild(name, &begun).await?;
    match args.json {
        true => print_json(&location, &begun, &done, &ended),
        false => print(&location, &begun, &ended),
    }
}

fn new_columns(args: &RebuildArgs) -> anyhow::Result<NewColumns> {
    let schema = args.schema.as_deref().map(document::read).transpose()?;
    let layout = args.partition.as_deref().map(str::parse).transpose();
    let layout = layout.map_err(|why: String| ConfigError::new("partition", why))?;
    let dedupe = match args.no_dedupe {
        true => Some(None),
        false => args.dedupe.rule()?.map(Some),
    };
    Ok(NewColumns {
        schema,
        layout,
        dedupe,
    })
}

/// Names the setting that is wrong, if it is one.
fn wrong(error: RebuildError) -> anyhow::Error {
    match error {
        RebuildError::Layout(why) => ConfigError::new("partition", why).into(),
        RebuildError::Dedupe(why) => ConfigError::new("table.dedupe.key", why).into(),
        error @ RebuildError::Schema { .. } => ConfigError::new("schema", error).into(),
        error => error.into(),
    }
}

/// Syncs the new table until nothing is new.
async fn build(
    args: &RebuildArgs,
    location: &TableLocation,
    tables: &Tables,
    begun: &Rebuild,
) -> anyhow::Result<Done> {
    let (tables, table) = (tables.clone(), begun.table.clone());
    let (age, retries) = (Duration::ZERO, command_retries());
    let builder = args.build.builder(location, tables, table, age, &retries);
    once(&mut builder.await?, &location.lake, args.json).await
}

fn print_json(
    location: &TableLocation,
    begun: &Rebuild,
    done: &Done,
    ended: &Rebuilt,
) -> anyhow::Result<()> {
    let mut object = done.json(location);
    object["schema"] = document::digest(&begun.schema).to_string().into();
    object["partition"] = begun.layout.to_string().into();
    object["dedupe"] = json!(begun.dedupe.as_ref().map(dedupe::to_json));
    object["table_events"] = ended.events.into();
    object["kept"] = json!(ended.kept.as_ref().map(ToString::to_string));
    Ok(schema::print_json(&object)?)
}

fn print(location: &TableLocation, begun: &Rebuild, ended: &Rebuilt) -> anyhow::Result<()> {
    let name = &location.table;
    let events = output::counted(ended.events, "event");
    let columns = output::counted(begun.schema.columns().len() as u64, "column");
    output::line(format_args!(
        "the table {name} is rebuilt: {events}, {columns}, partitioned by {}",
        begun.layout
    ))?;
    if let Some(rule) = &begun.dedupe {
        output::line(format_args!("duplicates are left out, {rule}"))?;
    }
    if let Some(kept) = &ended.kept {
        output::line(format_args!(
            "kept what it was before as {kept}; remove it with `{} --purge --yes`",
            location.command("drop", kept)
        ))?;
    }
    Ok(())
}
