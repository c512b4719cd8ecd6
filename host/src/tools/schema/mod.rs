//! `sluice schema …`: infers schemas from events, compares and extends them, and maps events to them.
//!
//! ```text
//! files or a lake ─▶ parts ─▶ threads: each adds the events of its parts ─▶ merged in order ─▶ report
//! ```

mod check;
pub(crate) mod diff;
pub(in crate::tools) mod document;
mod evolve;
pub(crate) mod infer;
mod input;
mod lake;
mod object_rows;
mod progress;
mod reading;
mod table;
mod unmapped;

use clap::Subcommand;
use serde_json::Value;

use crate::output::{self, OutputError};
use crate::tools::author::try_rules::escape_json;

/// The commands of schemas.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Infer a schema from events, and print what is at each path: its type, how often it is present, conflicts and
    /// examples. Nothing is written, unless you give `--output`.
    #[command(after_help = infer::EXAMPLES)]
    Infer(infer::InferArgs),
    /// Compare two schemas, column by column. If they differ, the exit code is 1.
    Diff(diff::SchemaDiffArgs),
    /// Add columns to a schema for what events have and no column takes. Columns are never changed or removed.
    Evolve(evolve::EvolveArgs),
    /// Map events to a schema, and print what goes to `_rest` and why. Also check that each event can be put together
    /// again from its columns and `_rest`. Nothing is written.
    Check(check::SchemaCheckArgs),
}

/// Runs a command.
///
/// # Errors
/// Wrong usage, what cannot be read or written, schemas that differ, and events that cannot be put together again.
pub fn execute(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Infer(args) => infer::infer(args),
        Command::Diff(args) => diff::diff(args),
        Command::Evolve(args) => evolve::evolve(args),
        Command::Check(args) => check::check(args),
    }
}

/// Prints one JSON object. What events hold cannot control the terminal.
pub(in crate::tools) fn print_json(object: &Value) -> Result<(), OutputError> {
    output::line(escape_json(object.to_string()))
}
