//! `sluice table …`, with the values of the settings file.

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, FromArgMatches as _};

use super::{Cli, known_settings, unknown_variables};
use crate::config::{CommandSettings, File};
use crate::tools::table::{self, Command};

/// The setting that only a builder that goes on has.
const INTERVAL: &str = "table.interval";

/// Runs a command of tables. `command` is the one that `argv` names without a file.
///
/// # Errors
/// Wrong usage, and what cannot be read or written.
pub(super) fn execute(command: &Command, argv: Vec<OsString>) -> anyhow::Result<()> {
    let known = known_settings();
    unknown_variables(&known)?;
    let file = File::find(command.config(), &known)?;
    let subcommands = ["table", command.name()];
    let settings = CommandSettings::new(argv, Cli::command(), &subcommands, file.as_ref())?;
    let command = Command::from_arg_matches(&settings.matches)?;
    if settings.is_flag(INTERVAL) && !command.follows() {
        let why = "--interval is for a builder that goes on; add --follow, or leave --interval out";
        return Err(Cli::command()
            .error(ErrorKind::MissingRequiredArgument, why)
            .into());
    }
    table::execute(&command).map_err(|error| settings.origins.locate_any(error))
}
