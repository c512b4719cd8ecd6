//! `sluice table …`: the lake as a table that query engines read.

mod audit;
mod build;
mod create;
mod dedupe;
mod location;
mod rebuild;
mod remove;
mod status;
mod sync;

use clap::Subcommand;

pub use self::audit::audit;
pub use self::location::LocationArgs;

/// The commands of tables.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create a table in a catalog. It has no events until `sync`.
    Create(Box<create::CreateArgs>),
    /// Write the events that are committed in the lake and not in the table yet, each once.
    Sync(Box<sync::SyncArgs>),
    /// Print what a table has, how far it is behind its lake, and what could be done about it.
    Status(status::StatusArgs),
    /// Add columns to a table. Columns are never changed or removed.
    Evolve(create::TableEvolveArgs),
    /// Build a new table from the whole lake, with other columns or another layout if asked, and give it the name of the
    /// present one, which is kept under another name. Killed at any point, the same command goes on.
    Rebuild(Box<rebuild::RebuildArgs>),
    /// Remove a table from its catalog, and its files too if asked.
    Drop(remove::DropArgs),
}

/// Runs a command.
///
/// # Errors
/// Wrong usage, and what cannot be read or written.
pub fn execute(command: &Command) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match command {
            Command::Create(args) => create::create(args).await,
            Command::Sync(args) => sync::sync(args).await,
            Command::Status(args) => status::status(args).await,
            Command::Evolve(args) => create::evolve(args).await,
            Command::Rebuild(args) => rebuild::rebuild(args).await,
            Command::Drop(args) => remove::drop_table(args).await,
        }
    })
}
