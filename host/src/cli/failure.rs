//! How a command that failed ends: its message and its exit code.

use std::process::ExitCode;

use crate::config::ConfigError;
use crate::generate;
use crate::output;

/// Exit codes; success is 0.
const FAILED: u8 = 1;
const WRONG_USAGE: u8 = 2;

/// Says why a command failed, and returns its exit code.
pub(super) fn report(error: &anyhow::Error) -> ExitCode {
    if let Some(usage) = error.downcast_ref::<clap::Error>() {
        return report_usage(usage);
    }
    output::error(output::with_causes(error));
    let wrong_usage = error.is::<ConfigError>() || error.is::<generate::PlanError>();
    ExitCode::from(if wrong_usage { WRONG_USAGE } else { FAILED })
}

/// Prints a help text on standard output, or what is wrong with the arguments on standard error.
fn report_usage(usage: &clap::Error) -> ExitCode {
    let printed = output::unless_closed(usage.print());
    match printed {
        Err(error) if !usage.use_stderr() => {
            output::message(format_args!(
                "sluice: cannot write to standard output: {error}"
            ));
            ExitCode::from(FAILED)
        }
        _ => ExitCode::from(u8::try_from(usage.exit_code()).unwrap_or(FAILED)),
    }
}
