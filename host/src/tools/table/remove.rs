//! `sluice table drop`.

use clap::{ArgAction, Args};
use sluice_storage::location::StoreLocation;

use super::args::TableArgs;
use crate::config::{ConfigError, shell_word};
use crate::output;
use crate::table::location::TableLocation;
use crate::table::manage::{ManageError, Tables};

/// Which table.
#[derive(Debug, Args)]
pub struct DropArgs {
    #[command(flatten)]
    pub(super) table: TableArgs,

    /// Remove the files of the table too: later, no command of Sluice does. Nobody can read it then, and no tool brings it
    /// back, but `sluice table create` and `sync` build it again as long as the lake has its events.
    #[arg(long, action = ArgAction::SetTrue)]
    purge: bool,

    /// Do it. Without this, the command says what it would do.
    #[arg(long, action = ArgAction::SetTrue)]
    yes: bool,
}

/// Removes a table.
///
/// # Errors
/// Wrong usage, or what cannot be read or removed.
pub(super) async fn drop_table(args: &DropArgs) -> anyhow::Result<()> {
    let location = args.table.location()?;
    let tables = location.open_existing().await?;
    let table = match tables.load(&location.table).await {
        Err(ManageError::Missing { table, catalog, .. }) => {
            let what = format!("there is no table {table} in {catalog}, so none was removed");
            let left = tables.leftovers(&table).await?;
            anyhow::bail!("{what}{}", of_dropped(&location, &tables, &left))
        }
        table => table?,
    };
    let (name, place) = (&location.table, table.metadata().location());
    if !args.yes {
        let files = if args.purge {
            ", and remove its files"
        } else {
            ", and keep its files"
        };
        let what = format!(
            "missing; the command would remove {name} from {}{files} in {place}",
            location.catalog
        );
        return Err(ConfigError::new("--yes", what).into());
    }
    let removed = tables.drop_table(&table, args.purge).await?;
    if args.purge {
        let files = output::counted(removed, "file");
        return Ok(output::line(format_args!(
            "removed the table {name} and {files}"
        ))?);
    }
    output::line(format_args!(
        "removed the table {name} from {}; its files are still in {place}",
        location.catalog
    ))?;
    if let Ok(folders) = tables.folders(&table) {
        let commands = commands(&location, &tables, &folders);
        output::text(format_args!("to remove them:\n{commands}"))?;
    }
    Ok(())
}

/// What to do about the folders that tables with this name have left.
fn of_dropped(location: &TableLocation, tables: &Tables, folders: &[String]) -> String {
    if folders.is_empty() {
        return String::new();
    }
    format!(
        ". The warehouse has files of tables with this name that were dropped before, or that are in another catalog. If \
         they are in none, remove them:\n{}",
        commands(location, tables, folders).trim_end()
    )
}

/// The commands that remove folders of a warehouse, one a line.
fn commands(location: &TableLocation, tables: &Tables, folders: &[String]) -> String {
    let remove = match location.warehouse {
        StoreLocation::Folder(_) => "rm -r --",
        StoreLocation::S3 { .. } => "aws s3 rm --recursive",
    };
    let place = |folder: &String| match location.warehouse {
        StoreLocation::Folder(_) => shell_word(&tables.warehouse.store().place(folder)),
        StoreLocation::S3 { .. } => shell_word(&tables.warehouse.uri_of(folder)),
    };
    let command = |folder| format!("  {remove} {}\n", place(folder));
    folders.iter().map(command).collect()
}
