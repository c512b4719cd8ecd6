//! `sluice console`, with the lake and the registry of the settings file.

use std::ffi::OsString;

use clap::{CommandFactory as _, FromArgMatches as _};

use super::{Cli, known_settings, unknown_variables};
use crate::config::{CommandSettings, File};
use crate::console::{self, ConsoleArgs};

/// Serves the console. `args` are those that `argv` names without a file.
///
/// # Errors
/// Wrong usage, and what cannot be opened.
pub(super) fn execute(args: &ConsoleArgs, argv: Vec<OsString>) -> anyhow::Result<()> {
    let known = known_settings();
    unknown_variables(&known)?;
    let file = File::find(args.config(), &known)?;
    let settings = CommandSettings::new(argv, Cli::command(), &["console"], file.as_ref())?;
    let args = ConsoleArgs::from_arg_matches(&settings.matches)?;
    console::console(&args).map_err(|error| settings.origins.locate_any(error))
}
