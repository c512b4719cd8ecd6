//! The settings that a command other than `run` shares with it: flags override the environment, which overrides
//! `sluice.toml`.

use std::ffi::OsString;

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

use super::table_settings::SECTION;
use super::{File, Origins, environment};

/// The arguments of a command of tables or of quarantine, with the values of the file.
#[derive(Debug)]
pub struct CommandSettings {
    /// The arguments of the group of commands, which has the command.
    pub matches: ArgMatches,
    /// Where settings come from that are no flags.
    pub origins: Origins,
    /// The command.
    name: String,
}

/// Whether a command of tables or of quarantine takes this setting of the file.
fn is_taken(key: &str) -> bool {
    key == "lake" || key.starts_with(SECTION)
}

impl CommandSettings {
    /// Parses `argv` with the values of the file as the defaults of the command `name` of a group.
    ///
    /// # Errors
    /// An invalid command line.
    pub fn new(
        argv: Vec<OsString>,
        command: Command,
        [group, name]: [&str; 2],
        file: Option<&File>,
    ) -> Result<Self, clap::Error> {
        let with_file = |command: Command| match file {
            Some(file) => file.as_defaults_of(command, is_taken),
            None => command,
        };
        let of_group = |commands: Command| commands.mut_subcommand(name, with_file);
        let command = command.mut_subcommand(group, of_group);
        let mut matches = command.try_get_matches_from(argv)?;
        if let Some((_, of_group)) = matches.remove_subcommand() {
            matches = of_group;
        }
        let origins = origins(matches.subcommand_matches(name), file);
        Ok(Self {
            matches,
            origins,
            name: name.to_owned(),
        })
    }

    /// Whether a setting is given on the command line.
    #[must_use]
    pub fn is_flag(&self, key: &str) -> bool {
        let command = self.matches.subcommand_matches(&self.name);
        let has = |command: &&ArgMatches| command.try_contains_id(key).is_ok();
        let source = command
            .filter(has)
            .and_then(|command| command.value_source(key));
        source == Some(ValueSource::CommandLine)
    }
}

/// Where the settings come from that are no flags.
fn origins(matches: Option<&ArgMatches>, file: Option<&File>) -> Origins {
    let keys = matches.into_iter().flat_map(|matches| {
        let keys = matches.ids().map(clap::Id::as_str);
        keys.map(move |key| (key, matches.value_source(key)))
    });
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
