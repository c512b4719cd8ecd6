//! Logs to standard error.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use crate::config::log_format::LogFormat;
use crate::output;
use crate::output::LogWriter;

/// Starts to log messages that pass `level`: a level (`info`) or directives (`warn,transform=debug`).
///
/// # Errors
/// `level` is neither.
pub fn start(format: LogFormat, level: &str) -> Result<(), ParseError> {
    let filter = EnvFilter::try_new(level)?;
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
