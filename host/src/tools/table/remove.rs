//! `sluice table drop`.

use clap::{ArgAction, Args};

use super::args::TableArgs;
use crate::config::ConfigError;
use crate::output;

/// Which table.
#[derive(Debug, Args)]
pub struct DropArgs {
    #[command(flatten)]
    pub(super) table: TableArgs,

    /// Remove the files of the table too. Nobody can read it then, and no tool brings it back, but `sluice table create` and
    /// `sync` build it again as long as the lake has its events.
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
    let table = tables.load(&location.table).await?;
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
    output::line(match args.purge {
        true => format!(
            "removed the table {name} and {}",
            output::counted(removed, "file")
        ),
        false => format!(
            "removed the table {name} from {}; its files are still in {place}",
            location.catalog
        ),
    })?;
    Ok(())
}
