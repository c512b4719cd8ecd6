//! The settings that a command other than `run` shares with it: flags override the environment, which overrides
//! `sluice.toml`.

use std::ffi::OsString;

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

use super::table_settings::SECTION;
use super::{File, Origins, environment};

/// The arguments of a command, with the values of the file.
#[derive(Debug)]
pub struct CommandSettings {
    /// The arguments of the first command of the path: of the group, if the command is in one.
    pub matches: ArgMatches,
    /// Where settings come from that are no flags.
    pub origins: Origins,
    /// The arguments of the command.
    own: ArgMatches,
}

/// Whether a command other than `run` takes this setting of the file. It takes those that it has a flag for.
fn is_taken(key: &str) -> bool {
    key == "lake" || key == "registry" || key.starts_with(SECTION)
}

/// Changes the command at a path of names.
fn at_path(command: Command, path: &[&str], change: &dyn Fn(Command) -> Command) -> Command {
    match path {
        [] => change(command),
        [name, below @ ..] => {
            command.mut_subcommand(name, |command| at_path(command, below, change))
        }
    }
}

impl CommandSettings {
    /// Parses `argv` with the values of the file as the defaults of the command at a path of names, such as
    /// `["quarantine", "list"]`.
    ///
    /// # Errors
    /// An invalid command line.
    pub fn new(
        argv: Vec<OsString>,
        command: Command,
        path: &[&str],
        file: Option<&File>,
    ) -> Result<Self, clap::Error> {
        let with_file = |command: Command| match file {
            Some(file) => file.as_defaults_of(command, is_taken),
            None => command,
        };
        let command = at_path(command, path, &with_file);
        let mut matches = command.try_get_matches_from(argv)?;
        if let Some((_, of_command)) = matches.remove_subcommand() {
            matches = of_command;
        }
        let own = path
            .get(1)
            .and_then(|name| matches.subcommand_matches(name));
        let own = own.unwrap_or(&matches).clone();
        let origins = origins(&own, file);
        Ok(Self {
            matches,
            origins,
            own,
        })
    }

    /// Whether a setting is given on the command line.
    #[must_use]
    pub fn is_flag(&self, key: &str) -> bool {
        let has = self.own.try_contains_id(key).is_ok();
        has && self.own.value_source(key) == Some(ValueSource::CommandLine)
    }
}

/// Where the settings come from that are no flags.
fn origins(matches: &ArgMatches, file: Option<&File>) -> Origins {
    let keys = matches.ids().map(clap::Id::as_str);
    let keys = keys.map(|key| (key, matches.value_source(key)));
    let taken = keys.filter(|(key, _)| is_taken(key));
    Origins::new(taken.filter_map(|(key, source)| {
        let place = match source? {
            ValueSource::EnvVariable => environment::variable(key),
            ValueSource::DefaultValue => file.filter(|file| file.has(key))?.locate(key),
            _ => return None,
        };
        Some((key.to_owned(), place))
    }))
}
