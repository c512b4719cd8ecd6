//! `sluice table …`: the lake as a table that query engines read.

mod args;
mod audit;
mod create;
mod dedupe;
mod function;
mod rebuild;
mod remove;
mod status;
mod sync;

use std::path::Path;

use clap::Subcommand;

use self::args::TableArgs;
pub use self::audit::audit;

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
    /// Build the table when Lambda invokes this process: a function with the handler `table` runs this.
    #[command(hide = true)]
    Function(Box<function::FunctionArgs>),
}

impl Command {
    /// Its name on the command line.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Create(_) => "create",
            Self::Sync(_) => "sync",
            Self::Status(_) => "status",
            Self::Evolve(_) => "evolve",
            Self::Rebuild(_) => "rebuild",
            Self::Drop(_) => "drop",
            Self::Function(_) => "function",
        }
    }

    /// The file of settings that is given.
    #[must_use]
    pub fn config(&self) -> Option<&Path> {
        self.table().config.as_deref()
    }

    /// Whether it goes on until a signal.
    #[must_use]
    pub fn follows(&self) -> bool {
        match self {
            Self::Sync(args) => args.follow,
            Self::Function(_) => true,
            _ => false,
        }
    }

    fn table(&self) -> &TableArgs {
        match self {
            Self::Create(args) => &args.table,
            Self::Sync(args) => &args.table,
            Self::Status(args) => &args.table,
            Self::Evolve(args) => &args.table,
            Self::Rebuild(args) => &args.table,
            Self::Drop(args) => &args.table,
            Self::Function(args) => &args.table,
        }
    }
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
            Command::Function(args) => function::function(args).await,
        }
    })
}
