//! Settings with their origin: the command line, the environment, a file or a default.

use std::ffi::OsString;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args as _, Command, FromArgMatches as _};

use super::archive;
use super::file::File;
use super::table_settings::TABLE_BUILD;
use super::toml_string::quoted;
use super::{ConfigError, Mode, Origins, RunArgs, RunSettings, environment};

/// Settings that only a worker on a stream has.
const OF_STREAMS: [&str; 5] = [
    "start",
    "exit_when_caught_up",
    "on_expired_checkpoint",
    "lease",
    "chunk.age",
];

/// Why files and archives do not have such a setting.
const NO_STREAM: &str = "only a stream has this; leave it out, or give --source kinesis:STREAM";

/// The setting that can be given several times.
const SOURCE: &str = "source";

/// The two settings that name the transform. The one of the higher origin wins.
const TRANSFORM: &str = "transform";
const JQ: &str = "jq";

/// The settings that give rules, with their flags.
const RULES: [(&str, &str); 3] = [
    (TRANSFORM, "--transform"),
    (JQ, "--jq"),
    ("transform_config", "--transform-config"),
];

const REGISTRY: &str = "registry";

/// The settings, each with its origin.
pub struct Resolved {
    args: RunArgs,
    matches: ArgMatches,
    file: Option<File>,
    /// The one of `transform` and `jq` that the other one overrides.
    overridden: Option<&'static str>,
}

impl Resolved {
    /// Parses `argv` with the values of the file as the defaults of `command`. The settings belong to
    /// the last of `subcommands`.
    ///
    /// # Errors
    /// An invalid command line.
    pub fn new(
        argv: Vec<OsString>,
        command: Command,
        subcommands: &[&str],
        file: Option<File>,
    ) -> anyhow::Result<Self> {
        let command = subcommand(command, subcommands, file.as_ref());
        let mut matches = command.try_get_matches_from(argv)?;
        for _ in subcommands {
            if let Some((_, inner)) = matches.remove_subcommand() {
                matches = inner;
            }
        }
        let args = RunArgs::from_arg_matches(&matches)?;
        let mut resolved = Self {
            args,
            matches,
            file,
            overridden: None,
        };
        resolved.override_transform();
        if let Some(variable) = resolved.variable_of(SOURCE) {
            let list = resolved.args.source.join(",");
            resolved.args.source = environment::split_list(&variable, &list)?;
        }
        Ok(resolved)
    }

    /// Drops the one of `transform` and `jq` that has the lower origin. If both have the same origin, both stay, which is
    /// an error of [`validate`](RunArgs::validate).
    fn override_transform(&mut self) {
        let (transform, jq) = (self.rank(TRANSFORM), self.rank(JQ));
        if jq > 0 && transform > jq {
            self.args.jq = None;
            self.overridden = Some(JQ);
        }
        if transform > 0 && jq > transform {
            self.args.transform = None;
            self.overridden = Some(TRANSFORM);
        }
    }

    /// How high the origin of a setting without a default is; 0 if it is not set.
    fn rank(&self, key: &str) -> u8 {
        match self.matches.value_source(key) {
            Some(ValueSource::CommandLine) => 3,
            Some(ValueSource::EnvVariable) => 2,
            Some(_) => 1,
            None => 0,
        }
    }

    /// Whether a setting has its default.
    #[must_use]
    pub fn is_default(&self, key: &str) -> bool {
        self.matches.value_source(key) == Some(ValueSource::DefaultValue)
            && self.file_of(key).is_none()
    }

    /// The file that a setting comes from.
    fn file_of(&self, key: &str) -> Option<&File> {
        let file = self.file.as_ref().filter(|file| file.has(key))?;
        (self.matches.value_source(key) == Some(ValueSource::DefaultValue)).then_some(file)
    }

    /// The environment variable that a setting comes from.
    fn variable_of(&self, key: &str) -> Option<String> {
        let source = self.matches.value_source(key);
        (source == Some(ValueSource::EnvVariable)).then(|| environment::variable(key))
    }

    /// Whether a setting is given on the command line.
    #[must_use]
    pub fn is_flag(&self, key: &str) -> bool {
        self.matches.value_source(key) == Some(ValueSource::CommandLine)
    }

    /// As [`settings`](Self::settings), for a command that reads no source and so needs none.
    ///
    /// # Errors
    /// [`ConfigError`]
    pub fn settings_without_source(mut self) -> Result<RunSettings, ConfigError> {
        if self.args.source.is_empty() {
            self.args.source.push("file:-".to_owned());
        }
        self.settings()
    }

    /// Reads no source, whatever the settings say.
    #[must_use]
    pub fn without_source(mut self) -> Self {
        self.args.source = vec!["-".to_owned()];
        self.args.source_name = None;
        self.args.is_final = false;
        self
    }

    /// The settings as they were written, and where they come from.
    #[must_use]
    pub fn into_args(self) -> (RunArgs, Origins) {
        let origins = self.origins();
        (self.args, origins)
    }

    /// Turns the archive off, whatever the settings say.
    #[must_use]
    pub fn without_archive(mut self) -> Self {
        self.args.archive = None;
        self
    }

    /// The settings, checked.
    ///
    /// # Errors
    /// [`ConfigError`]
    pub fn settings(self) -> Result<RunSettings, ConfigError> {
        self.validated(|_| Ok(()))
    }

    /// As [`settings`](Self::settings), for a command that repeats what `run` did: it uses a bus only if that is given as a
    /// flag, since the file and the environment are meant for `run`.
    ///
    /// # Errors
    /// [`ConfigError`]
    pub fn repeat_settings(mut self) -> Result<RunSettings, ConfigError> {
        let wants_messages = self.has_message_flag();
        if !self.has_bus_flag() {
            "none".clone_into(&mut self.args.bus);
        }
        self.validated(|settings| settings.check_messages(wants_messages))
    }

    /// As [`settings`](Self::settings), for the command `run`.
    ///
    /// # Errors
    /// [`ConfigError`]
    pub fn run_settings(self) -> Result<RunSettings, ConfigError> {
        self.check_registry()?;
        let of_stream = OF_STREAMS.iter().find(|key| self.is_given(key));
        let rules = self.rules_flag();
        let builds = self.is_given(TABLE_BUILD);
        let wants_messages = self.wants_messages();
        let settings = self.validated(|settings| {
            settings.check_end()?;
            settings.check_messages(wants_messages)?;
            archive::check_not_its_own(&settings.mode, settings.archive.as_ref())?;
            settings
                .table_settings
                .check_build(&settings.mode, builds)?;
            match (&settings.mode, of_stream) {
                (Mode::Files(_) | Mode::Archive(_), Some(key)) => {
                    Err(ConfigError::new(*key, NO_STREAM))
                }
                _ => Ok(()),
            }
        });
        settings.map(|mut settings| {
            if let Some(registry) = &mut settings.registry {
                registry.instead_of = rules.map(|(_, flag)| flag);
            }
            settings
        })
    }

    /// The first setting that gives rules as a flag, and the flag.
    pub(super) fn rules_flag(&self) -> Option<(&'static str, &'static str)> {
        RULES.into_iter().find(|(key, _)| self.is_flag(key))
    }

    /// Checks that rules on the command line are not ignored because of a registry of another place. Rules of the
    /// environment or the file, and a registry on the same command line, mean: these rules until a release is active.
    fn check_registry(&self) -> Result<(), ConfigError> {
        let Some(registry) = self
            .args
            .registry
            .as_ref()
            .filter(|_| !self.is_flag(REGISTRY))
        else {
            return Ok(());
        };
        let Some((key, flag)) = self.rules_flag() else {
            return Ok(());
        };
        let (place, remove) = match (self.variable_of(REGISTRY), self.file_of(REGISTRY)) {
            (None, Some(file)) => (file.locate(REGISTRY), "remove that key"),
            (variable, _) => (variable.unwrap_or_default(), "unset that variable"),
        };
        let why = format!(
            "{flag} of the command line cannot be combined with the registry {registry} ({place}), whose active release \
             transforms instead; leave {flag} out, {remove}, or give --registry as a flag too, for rules that transform \
             only until a release is active"
        );
        Err(ConfigError::new(key, why))
    }

    /// Whether a setting is given for this run, and more than turned off. The file may be for runs of all kinds.
    pub(super) fn is_given(&self, key: &str) -> bool {
        let is_off = key == "exit_when_caught_up" && !self.args.exit_when_caught_up;
        !is_off && (self.is_flag(key) || self.variable_of(key).is_some())
    }

    fn validated(
        self,
        check: impl Fn(&RunSettings) -> Result<(), ConfigError>,
    ) -> Result<RunSettings, ConfigError> {
        let origins = self.origins();
        let settings = self.args.validate().and_then(|settings| {
            check(&settings)?;
            Ok(settings)
        });
        match settings {
            Ok(settings) => Ok(RunSettings {
                origins,
                ..settings
            }),
            Err(error) => Err(origins.locate(error)),
        }
    }

    fn origins(&self) -> Origins {
        let known = RunArgs::augment_args(Command::new("sluice"));
        let keys = known.get_arguments().map(|arg| arg.get_id().as_str());
        let places = keys.filter_map(|key| {
            let in_file = self.file_of(key).map(|file| file.locate(key));
            let place = in_file.or_else(|| self.variable_of(key))?;
            Some((key.to_owned(), place))
        });
        Origins::new(places)
    }

    /// Every setting as a line of TOML with its origin in a comment; one that is not set is a comment.
    #[must_use]
    pub fn show(&self) -> String {
        let known = RunArgs::augment_args(Command::new("sluice"));
        let keys = known.get_arguments().map(|arg| arg.get_id().as_str());
        keys.filter(|key| *key != "config")
            .map(|key| format!("{}  # {}\n", self.line(key), self.origin(key)))
            .collect()
    }

    fn line(&self, key: &str) -> String {
        if self.overridden == Some(key) {
            return format!("# {key} = -");
        }
        let raw = self.matches.get_raw(key).unwrap_or_default();
        let values: Vec<_> = match key {
            SOURCE => self.args.source.iter().map(|value| quoted(value)).collect(),
            _ => raw.map(|value| quoted(&value.to_string_lossy())).collect(),
        };
        match values.as_slice() {
            [] => format!("# {key} = -"),
            [one] if key != SOURCE => format!("{key} = {one}"),
            several => format!("{key} = [{}]", several.join(", ")),
        }
    }

    fn origin(&self, key: &str) -> String {
        if self.overridden == Some(key) {
            return "overridden by another setting of the transform".to_owned();
        }
        match (self.matches.value_source(key), self.file_of(key)) {
            (Some(ValueSource::CommandLine), _) => "flag".to_owned(),
            (Some(ValueSource::EnvVariable), _) => "environment".to_owned(),
            (Some(_), Some(file)) => file.name(),
            (Some(_), None) => "default".to_owned(),
            (None, _) => "not set".to_owned(),
        }
    }
}

/// The command with the file's values as the defaults of the innermost subcommand.
fn subcommand(command: Command, path: &[&str], file: Option<&File>) -> Command {
    match (path.split_first(), file) {
        (Some((name, rest)), _) => {
            let name = (*name).to_owned();
            command.mut_subcommand(name, |inner| subcommand(inner, rest, file))
        }
        (None, Some(file)) => file.as_defaults(command),
        (None, None) => command,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// The settings `transform` and `jq` of a file and of flags.
    fn transform_of(file: &str, flags: &[&str]) -> (Result<String, String>, String) {
        let command = RunArgs::augment_args(Command::new("sluice"))
            .mut_args(|arg| arg.env(clap::builder::Resettable::Reset));
        let file = File::parse(Path::new("sluice.toml"), file, &command).unwrap();
        let required = ["sluice", "--source", "file:events", "--lake", "file:lake"];
        let argv = required.iter().chain(flags).map(OsString::from).collect();
        let resolved = Resolved::new(argv, file.as_defaults(command), &[], Some(file)).unwrap();
        let shown = resolved.show();
        let settings = resolved.settings().map_err(|error| error.to_string());
        (settings.map(|settings| settings.transform.config), shown)
    }

    #[test]
    fn a_transform_and_a_program_override_each_other_by_their_origins() {
        let program = Ok(r#"{"program":"."}"#.to_owned());
        let (config, shown) = transform_of("transform = 'builtin:copy'\n", &["--jq", "."]);
        assert_eq!(config, program);
        assert!(shown.contains("# transform = -  # overridden"), "{shown}");
        assert!(shown.contains("jq = \".\"  # flag"), "{shown}");
        let (config, shown) = transform_of("jq = '.'\n", &["--transform", "builtin:copy"]);
        assert_eq!(config, Ok("{}".to_owned()));
        assert!(shown.contains("# jq = -  # overridden"), "{shown}");
        assert_eq!(transform_of("jq = '.'\n", &[]).0, program);
        let both = "jq = '.'\ntransform = 'builtin:copy'\n";
        let error = transform_of(both, &[]).0.unwrap_err();
        assert_eq!(
            error,
            "sluice.toml:1: jq: cannot be combined with the transform builtin:copy; give one"
        );
        let error = transform_of("", &["--jq", ".", "--transform", "x.wasm"]).0;
        assert_eq!(
            error.unwrap_err(),
            "jq: cannot be combined with the transform x.wasm; give one"
        );
    }

    #[test]
    fn what_is_shown_is_a_file_that_says_the_same() {
        let value = "file:a\u{7f}\0\n'\"\\é";
        let argv = ["sluice", "--source", value, "--lake", value];
        let command = RunArgs::augment_args(Command::new("sluice"));
        let argv = argv.map(OsString::from).to_vec();
        let resolved = Resolved::new(argv, command, &[], None).unwrap();
        let shown: toml::Table = toml::from_str(&resolved.show()).unwrap();
        assert_eq!(shown["lake"].as_str(), Some(value));
        assert_eq!(shown["source"][0].as_str(), Some(value));
    }
}
