//! Logs to standard error.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{LevelFilter, ParseError};

use crate::config::log_format::LogFormat;
use crate::output;
use crate::output::LogWriter;

/// Crates of the AWS SDK. Their warnings hold the debug output of errors, and Sluice reports these errors itself.
const SDK_TARGETS: [&str; 4] = [
    "aws_config",
    "aws_runtime",
    "aws_smithy_runtime",
    "aws_smithy_http_client",
];

/// The filter of `level`. If it lets warnings pass, but nothing below `info`, those of the SDK pass only if a directive
/// names their target.
fn filter(level: &str) -> Result<EnvFilter, ParseError> {
    let usual = [LevelFilter::WARN, LevelFilter::INFO];
    let is_usual = |part: &str| part.parse().is_ok_and(|level| usual.contains(&level));
    if !level.split(',').any(is_usual) {
        return EnvFilter::try_new(level);
    }
    // Of two directives for a target, the last one counts.
    let quiet = SDK_TARGETS.map(|target| format!("{target}=error"));
    EnvFilter::try_new(format!("{},{level}", quiet.join(",")))
}

/// Starts to log messages that pass `level`: a level (`info`) or directives (`warn,transform=debug`).
///
/// # Errors
/// `level` is neither.
pub fn start(format: LogFormat, level: &str) -> Result<(), ParseError> {
    let filter = filter(level)?;
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // It would be told on standard error, with a panic if that cannot be written.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(|| LogWriter);
    match format {
        LogFormat::Human => logs.compact().init(),
        LogFormat::Json => {
            output::write_errors_as_json();
            logs.json().flatten_event(true).init();
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directives(level: &str) -> Vec<String> {
        let filter = filter(level).unwrap().to_string();
        filter.split(',').map(ToOwned::to_owned).collect()
    }

    #[test]
    fn warnings_of_the_sdk_are_not_logged_unless_they_are_asked_for() {
        for level in ["warn", "INFO", "warn,sluice=debug"] {
            let directives = directives(level);
            assert!(
                directives.contains(&"aws_config=error".to_owned()),
                "{directives:?}"
            );
        }
        for level in ["debug", "trace", "error", "off"] {
            assert_eq!(directives(level), [level]);
        }
        let asked = directives("info,aws_config=debug");
        assert!(asked.contains(&"aws_config=debug".to_owned()), "{asked:?}");
        assert!(!asked.contains(&"aws_config=error".to_owned()), "{asked:?}");
    }
}
