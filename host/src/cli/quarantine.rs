//! `sluice quarantine …`, with the lake of the settings file.

use std::ffi::OsString;

use clap::{CommandFactory as _, FromArgMatches as _};

use super::{Cli, known_settings, unknown_variables};
use crate::config::{CommandSettings, File};
use crate::tools::quarantine::{self, Command};

/// Runs a command of quarantine. `command` is the one that `argv` names without a file.
///
/// # Errors
/// Wrong usage, and what cannot be read.
pub(super) fn execute(command: &Command, argv: Vec<OsString>) -> anyhow::Result<()> {
    let known = known_settings();
    unknown_variables(&known)?;
    let file = File::find(command.config(), &known)?;
    let subcommands = ["quarantine", command.name()];
    let settings = CommandSettings::new(argv, Cli::command(), &subcommands, file.as_ref())?;
    let command = Command::from_arg_matches(&settings.matches)?;
    quarantine::execute(&command).map_err(|error| settings.origins.locate_any(error))
}
