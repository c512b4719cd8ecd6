//! `sluice quarantine …`: the quarantined records of a lake.

mod args;
mod list;
pub(crate) mod listed;
mod notes;
pub(crate) mod record;
pub(crate) mod sample;
pub(crate) mod show;
mod sums;

use std::path::Path;

use clap::Subcommand;

use self::args::LakeArgs;

/// The commands of quarantine.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print how many records are quarantined for which reason, by which releases, and when they arrived.
    List(list::ListArgs),
    /// Find a quarantined record by its id, and print why it was quarantined and where it is now.
    Show(show::ShowArgs),
    /// Print some quarantined records of each reason.
    Sample(sample::SampleArgs),
}

impl Command {
    /// Its name on the command line.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::List(_) => "list",
            Self::Show(_) => "show",
            Self::Sample(_) => "sample",
        }
    }

    /// The file of settings that is given.
    #[must_use]
    pub fn config(&self) -> Option<&Path> {
        self.lake().config.as_deref()
    }

    fn lake(&self) -> &LakeArgs {
        match self {
            Self::List(args) => &args.lake,
            Self::Show(args) => &args.lake,
            Self::Sample(args) => &args.lake,
        }
    }
}

/// Runs a command.
///
/// # Errors
/// Wrong usage, and what cannot be read.
pub fn execute(command: &Command) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match command {
            Command::List(args) => list::list(args).await,
            Command::Show(args) => show::show(args).await,
            Command::Sample(args) => sample::sample(args).await,
        }
    })
}
