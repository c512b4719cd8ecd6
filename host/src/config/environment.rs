//! Finds environment variables that begin with `SLUICE_` and are no settings.

use clap::Command;

use super::ConfigError;
use super::suggestion::{ask, closest};

/// What every variable of a setting begins with.
const PREFIX: &str = "SLUICE_";

/// Parts of the variables that Kubernetes sets in every container for a service that is called `sluice`.
const KUBERNETES: [&str; 2] = ["_SERVICE_HOST", "_PORT"];

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
