//! The rule of a table: which events are taken for the same.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sluice_schema::{Column, ColumnType, Schema};

use crate::config::{ConfigError, DedupeArgs};

/// The properties of a table that have its rule.
pub(in crate::table) const KEY: &str = "sluice.dedupe.key";
pub(in crate::table) const WINDOW: &str = "sluice.dedupe.window";

/// The longest window. No stream keeps records as long, so a longer one is a slip.
const WINDOW_MAX: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);

/// Of the events with one value in a column that arrived within less than a window, the table has one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DedupeRule {
    /// The column.
    pub key: String,
    /// The window, milliseconds.
    pub window_ms: u64,
}

impl DedupeArgs {
    /// The rule, if one is given.
    ///
    /// # Errors
    /// Half of a rule, or a window that is none.
    pub fn rule(&self) -> Result<Option<DedupeRule>, ConfigError> {
        let missing = |setting: &str, other: &str| {
            let why = format!("missing; {other} needs it");
            ConfigError::new(format!("table.dedupe.{setting}"), why)
        };
        match (&self.dedupe_key, self.dedupe_window) {
            (None, None) => Ok(None),
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

impl DedupeRule {
    /// A rule.
    ///
    /// # Errors
    /// The window is shorter than a millisecond, or longer than ten years.
    pub fn new(key: &str, window: Duration) -> Result<Self, String> {
        if window > WINDOW_MAX {
            return Err("give at most ten years, 3660days".into());
        }
        match u64::try_from(window.as_millis()) {
            Ok(window_ms) if window_ms > 0 => Ok(Self {
                key: key.to_owned(),
                window_ms,
            }),
            _ => Err("give at least 1ms".into()),
        }
    }

    /// Checks that a schema has the column of the key.
    ///
    /// # Errors
    /// Says which columns would be right.
    pub fn check(&self, schema: &Schema) -> Result<(), String> {
        if self.position(schema).is_some() {
            return Ok(());
        }
        let right = schema.columns().iter().filter(|column| is_key(column));
        let right: Vec<_> = right.map(Column::name).collect();
        Err(format!(
            "the schema has no column {} that can be a key (string, uuid, long, decimal, timestamp, date or binary); those are: {}",
            self.key,
            match right.is_empty() {
                true => "none".to_owned(),
                false => right.join(", "),
            }
        ))
    }

    /// The position of the column of the key.
    pub(in crate::table) fn position(&self, schema: &Schema) -> Option<usize> {
        let mut columns = schema.columns().iter();
        columns.position(|column| column.name() == self.key && is_key(column))
    }

    /// The window.
    #[must_use]
    pub fn window(&self) -> Duration {
        Duration::from_millis(self.window_ms)
    }

    /// The properties of a table with this rule.
    pub(in crate::table) fn properties(&self) -> [(String, String); 2] {
        let window = humantime::format_duration(self.window()).to_string();
        [
            (KEY.to_owned(), self.key.clone()),
            (WINDOW.to_owned(), window),
        ]
    }

    /// The rule of a table with these properties, if it has one.
    ///
    /// # Errors
    /// The properties are those of no rule.
    pub(in crate::table) fn of(
        properties: &HashMap<String, String>,
    ) -> Result<Option<Self>, String> {
        match (properties.get(KEY), properties.get(WINDOW)) {
            (None, None) => Ok(None),
            (Some(key), Some(text)) => {
                let wrong = |why: String| format!("{WINDOW} is {text:?}: {why}");
                let window = humantime::parse_duration(text);
                let window = window.map_err(|error| wrong(error.to_string()))?;
                Self::new(key, window).map(Some).map_err(wrong)
            }
            (Some(_), None) => Err(format!("{KEY} is there, and {WINDOW} is not")),
            (None, Some(_)) => Err(format!("{WINDOW} is there, and {KEY} is not")),
        }
    }
}

fn is_key(column: &Column) -> bool {
    matches!(
        column.column_type(),
        ColumnType::String
            | ColumnType::Uuid
            | ColumnType::Long
            | ColumnType::Decimal { .. }
            | ColumnType::Timestamp { .. }
            | ColumnType::Date
            | ColumnType::Binary
    )
}

impl fmt::Display for DedupeRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let window = humantime::format_duration(self.window());
        write!(f, "by {} within {window}", self.key)
    }
}
