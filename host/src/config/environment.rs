//! Finds environment variables that begin with `SLUICE_` and are no settings.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, Command};

use super::file::check_value;
use super::suggestion::{ask, closest};
use super::{ConfigError, Origins};

/// What every variable of a setting begins with.
const PREFIX: &str = "SLUICE_";

/// The variables that are secrets, so they are no settings, which a command line and a file can have.
const SECRETS: [&str; 1] = ["SLUICE_TABLE_CATALOG_TOKEN"];

/// Parts of the variables that Kubernetes sets in every container for a service that is called `sluice`.
const KUBERNETES: [&str; 2] = ["_SERVICE_HOST", "_PORT"];

/// The environment variable of a setting.
pub(super) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.to_uppercase().replace('.', "_"))
}

/// The values of a variable of a setting that can be given several times: they are separated by commas, and `\,` is a
/// comma of a value. Spaces before a value do not count.
///
/// # Errors
/// Names the variable and the place of a value that is empty.
pub(super) fn split_list(variable: &str, list: &str) -> Result<Vec<String>, ConfigError> {
    let (mut values, mut value) = (Vec::new(), String::new());
    let mut rest = list.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' if rest.peek() == Some(&',') => value.extend(rest.next()),
            ',' => values.push(std::mem::take(&mut value)),
            ' ' if value.is_empty() => {}
            c => value.push(c),
        }
    }
    values.push(value);
    match values.iter().position(String::is_empty) {
        None => Ok(values),
        Some(at) => {
            let why = format!(
                "value {} of {} is empty; a comma separates values, and `\\,` is a comma of a value",
                at + 1,
                values.len()
            );
            Err(ConfigError::new(variable, why))
        }
    }
}

/// The error of a command line, or that of the environment variable whose value is wrong: clap names the flag
/// although it was not given. `known` has all settings, and `get` returns a variable.
#[must_use]
pub fn blame(
    error: clap::Error,
    argv: &[OsString],
    known: &Command,
    get: impl Fn(&str) -> Option<OsString>,
) -> anyhow::Error {
    let wrong = wrong_argument(&error, known).filter(|arg| !is_given(arg, argv));
    let Some((arg, variable)) = wrong.and_then(|arg| Some((arg, arg.get_env()?.to_str()?))) else {
        return error.into();
    };
    let value = get(variable).unwrap_or_default();
    let Some(value) = value.to_str() else {
        return ConfigError::new(variable, "is not UTF-8").into();
    };
    match check_value(known, arg, value) {
        Ok(()) => error.into(),
        Err(why) => ConfigError::new(variable, why).into(),
    }
}

/// The variables of the environment that set something: those without a flag on the command line.
#[must_use]
pub fn origins(
    argv: &[OsString],
    known: &Command,
    get: impl Fn(&str) -> Option<OsString>,
) -> Origins {
    let set = known.get_arguments().filter(|arg| !is_given(arg, argv));
    Origins::new(set.filter_map(|arg| {
        let variable = arg.get_env()?.to_str()?;
        get(variable)?;
        Some((arg.get_id().to_string(), variable.to_owned()))
    }))
}

/// The setting whose value clap rejects.
fn wrong_argument<'a>(error: &clap::Error, known: &'a Command) -> Option<&'a Arg> {
    let Some(ContextValue::String(name)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    let flag = name.strip_prefix("--")?.split([' ', '[', '=']).next();
    known.get_arguments().find(|arg| arg.get_long() == flag)
}

/// Whether the command line has the flag, which overrides the environment.
fn is_given(arg: &Arg, argv: &[OsString]) -> bool {
    let flag = format!("--{}", arg.get_long().unwrap_or_default());
    argv.iter().any(|given| {
        let given = given.to_string_lossy();
        given.split('=').next() == Some(flag.as_str())
    })
}

/// The names among `variables` that begin with `SLUICE_` and are no settings of `command`.
///
/// # Errors
/// Names a variable that was probably meant to be a setting, and the setting.
pub fn unknown(
    variables: impl IntoIterator<Item = String>,
    command: &Command,
) -> Result<Vec<String>, ConfigError> {
    let settings = || {
        let variables = command.get_arguments().filter_map(|arg| arg.get_env());
        variables.filter_map(|variable| variable.to_str()?.strip_prefix(PREFIX))
    };
    let mut unknown = Vec::new();
    for variable in variables {
        let Some(name) = variable.strip_prefix(PREFIX) else {
            continue;
        };
        if settings().any(|setting| setting == name)
            || SECRETS.contains(&variable.as_str())
            || KUBERNETES.iter().any(|part| variable.contains(part))
        {
            continue;
        }
        if let Some(meant) = closest(name, settings()) {
            let meant = format!("{PREFIX}{meant}");
            let why = format!("unknown environment variable{}", ask(meant));
            return Err(ConfigError::new(variable, why));
        }
        unknown.push(variable);
    }
    Ok(unknown)
}

#[cfg(test)]
mod tests {
    use clap::Args as _;

    use super::*;
    use crate::config::RunArgs;

    fn check(variables: &[&str]) -> Result<Vec<String>, String> {
        let command = RunArgs::augment_args(Command::new("sluice"));
        let variables = variables.iter().map(ToString::to_string);
        unknown(variables, &command).map_err(|error| error.to_string())
    }

    #[test]
    fn a_misspelt_setting_is_rejected_with_the_setting() {
        let error = check(&["PATH", "SLUICE_LIMITS_FEUL"]).unwrap_err();
        assert_eq!(
            error,
            "SLUICE_LIMITS_FEUL: unknown environment variable; did you mean `SLUICE_LIMITS_FUEL`?"
        );
        assert!(check(&["SLUICE_log_level"]).is_err());
        let error = check(&["SLUICE_JG"]).unwrap_err();
        assert!(error.ends_with("did you mean `SLUICE_JQ`?"), "{error}");
    }

    #[test]
    fn a_list_is_split_at_commas_that_are_no_part_of_a_value() {
        for (list, values) in [
            ("file:a", &["file:a"][..]),
            ("file:a,-", &["file:a", "-"]),
            ("file:a,  file:b c ", &["file:a", "file:b c "]),
            ("file:a\\,b,file:\\c\\", &["file:a,b", "file:\\c\\"]),
        ] {
            let split = split_list("SLUICE_SOURCE", list).unwrap();
            assert_eq!(split, values, "{list}");
        }
        for (list, place) in [("", "1 of 1"), ("a,,b", "2 of 3"), ("a, ", "2 of 2")] {
            let error = split_list("SLUICE_SOURCE", list).unwrap_err().to_string();
            let begin = format!("SLUICE_SOURCE: value {place} is empty; ");
            assert!(error.starts_with(&begin), "{error}");
        }
    }

    fn blamed(argv: &[&str], variable: &str, value: &str) -> String {
        let known = RunArgs::augment_args(Command::new("sluice"))
            .mut_args(|arg| arg.env(clap::builder::Resettable::Reset));
        // The variable is given as a flag, because a test cannot set the environment.
        let flag = variable.strip_prefix(PREFIX).unwrap().to_lowercase();
        let flag = format!("--{}={value}", flag.replace('_', "-"));
        let error = known.try_get_matches_from(["sluice", &flag]).unwrap_err();
        let argv: Vec<_> = argv.iter().map(OsString::from).collect();
        let known = RunArgs::augment_args(Command::new("sluice"));
        let get = |name: &str| (name == variable).then(|| value.into());
        blame(error, &argv, &known, get).to_string()
    }

    #[test]
    fn a_wrong_value_of_a_variable_is_blamed_on_it() {
        let error = blamed(&["sluice", "run"], "SLUICE_THREADS", "many");
        assert!(error.starts_with("SLUICE_THREADS: \"many\": "), "{error}");
        let error = blamed(&["sluice", "run"], "SLUICE_FINAL", "perhaps");
        assert!(error.starts_with("SLUICE_FINAL: "), "{error}");
        let error = blamed(&["sluice", "run"], "SLUICE_LAKE", "");
        assert!(error.starts_with("SLUICE_LAKE: is empty"), "{error}");
    }

    #[test]
    fn a_wrong_value_of_a_flag_is_not_blamed_on_its_variable() {
        for argv in [
            &["sluice", "--threads=many"][..],
            &["sluice", "--threads", "many"],
        ] {
            let error = blamed(argv, "SLUICE_THREADS", "many");
            assert!(error.contains("--threads"), "{error}");
        }
    }

    #[test]
    fn settings_and_foreign_variables_are_accepted() {
        for foreign in [
            "SLUICE_LAKE",
            "SLUICE_CONFIG",
            "SLUICE_PORT",
            "SLUICE_PORT_9464_TCP_ADDR",
            "SLUICE_REGISTRY_PORT",
            "SLUICE_SERVICE_HOST",
            "SLUICE_TABLE_CATALOG_TOKEN",
            "LAKE",
        ] {
            assert_eq!(check(&[foreign]), Ok(vec![]), "{foreign}");
        }
    }

    #[test]
    fn a_variable_that_is_close_to_no_setting_is_reported() {
        let found = check(&["SLUICE_IMAGE_DIGEST", "SLUICE_BUS"]);
        assert_eq!(found, Ok(vec!["SLUICE_IMAGE_DIGEST".to_owned()]));
    }
}
