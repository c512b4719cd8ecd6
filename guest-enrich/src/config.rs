//! The configuration of the transform: how events are partitioned in the lake.

use json_scan::{Kind, check};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use sluice_transform::Timestamp;

/// The configuration as a document.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default, deserialize_with = "columns")]
    partition_by: Vec<Column>,
}

/// The number of columns that there are.
pub(crate) const COLUMNS_MAX: usize = 2;

/// A partition column after `event_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Column {
    Date,
    Hour,
}

impl Column {
    fn name(self) -> &'static str {
        match self {
            Self::Date => "date",
            Self::Hour => "hour",
        }
    }

    /// Its name, and its value for a moment.
    pub(crate) fn of(self, created: &Timestamp) -> (&'static str, &[u8]) {
        let value = match self {
            Self::Date => created.date(),
            Self::Hour => created.hour(),
        };
        (self.name(), value.as_bytes())
    }
}

/// Reads the configuration; the error names the field and is for the operator.
pub(crate) fn parse_columns(json: &str) -> Result<Vec<Column>, String> {
    // A derived reader would take an array for the fields in order.
    match check(json.as_bytes()) {
        Ok(Kind::Object) | Err(_) => {}
        Ok(other) => return Err(format!("expected a JSON object, found {}", other.text())),
    }
    let config: Config = serde_json::from_str(json).map_err(|error| error.to_string())?;
    Ok(config.partition_by)
}

/// No column can be given twice, so there are [`COLUMNS_MAX`] at most.
fn columns<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Column>, D::Error> {
    let columns = Vec::<Column>::deserialize(from)
        .map_err(|error| D::Error::custom(format_args!("partition_by: {error}")))?;
    for (index, column) in columns.iter().enumerate() {
        if columns.iter().take(index).any(|earlier| earlier == column) {
            let name = column.name();
            return Err(D::Error::custom(format_args!(
                "partition_by: `{name}` is given more than once"
            )));
        }
    }
    Ok(columns)
}

#[cfg(test)]
mod tests;
