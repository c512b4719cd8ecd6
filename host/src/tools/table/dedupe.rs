//! The rule of a table for duplicates, for scripts.

use serde_json::{Value, json};

use crate::table::duplicates::DedupeRule;

/// A rule as JSON.
pub(super) fn to_json(rule: &DedupeRule) -> Value {
    let window = humantime::format_duration(rule.window()).to_string();
    json!({"key": rule.key, "window": window})
}
