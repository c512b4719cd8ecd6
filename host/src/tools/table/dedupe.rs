//! The options that name the rule of a table for duplicates.

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use crate::config::ConfigError;
use crate::config::quantity::parse_duration;
use crate::table::duplicates::DedupeRule;

/// Which events are taken for the same.
#[derive(Debug, Args)]
pub(super) struct DedupeArgs {
    /// Leave out events whose value in this column the table has already, of an event that arrived within less than
    /// `--dedupe-window`.
    #[arg(long, value_name = "COLUMN", env = "SLUICE_TABLE_DEDUPE_KEY")]
    dedupe_key: Option<String>,

    /// How far apart two events with one key arrive at least, if both are to be in the table.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, env = "SLUICE_TABLE_DEDUPE_WINDOW")]
    dedupe_window: Option<Duration>,
}

impl DedupeArgs {
    /// The rule, if one is given.
    ///
    /// # Errors
    /// Half of a rule, or a window that is none.
    pub(super) fn rule(&self) -> Result<Option<DedupeRule>, ConfigError> {
        let missing = |setting: &str, other: &str| {
            let why = format!("missing; {other} needs it");
            ConfigError::new(format!("table.dedupe.{setting}"), why)
        };
        match (self.dedupe_key.as_deref(), self.dedupe_window) {
            (None, None) => Ok(None),
            (Some(""), _) => Err(ConfigError::new("table.dedupe.key", "it is empty")),
            (Some(key), Some(window)) => {
                let rule = DedupeRule::new(key, window);
                rule.map(Some)
                    .map_err(|why| ConfigError::new("table.dedupe.window", why))
            }
            (Some(_), None) => Err(missing("window", "table.dedupe.key")),
            (None, Some(_)) => Err(missing("key", "table.dedupe.window")),
        }
    }
}

/// A rule, for scripts.
pub(super) fn to_json(rule: &DedupeRule) -> Value {
    let window = humantime::format_duration(rule.window()).to_string();
    json!({"key": rule.key, "window": window})
}
