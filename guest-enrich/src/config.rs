//! The configuration of the transform, and the partitions that it defines.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::enrich::Enriched;
use json_scan::{Kind, check};

/// How events are partitioned in the lake.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    #[serde(default, deserialize_with = "columns")]
    partition_by: Vec<Column>,
}

/// A partition column after `event_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Column {
    Date,
    Hour,
}

impl Config {
    /// The configuration as a JSON Schema document.
    pub const SCHEMA: &str = include_str!("config.schema.json");

    /// Reads the configuration; the error names the field and is for the operator.
    pub fn parse(json: &str) -> Result<Self, String> {
        // A derived reader would take an array for the fields in order.
        match check(json.as_bytes()) {
            Ok(Kind::Object) | Err(_) => {}
            Ok(other) => return Err(format!("expected a JSON object, found {}", other.text())),
        }
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    /// The lake partition of an event, outermost column first.
    pub fn partition(&self, event: &Enriched<'_>) -> Vec<(String, String)> {
        let event_type = String::from_utf8_lossy(&event.event_type).into_owned();
        let event_type = ("event_type".to_owned(), event_type);
        let more = self.partition_by.iter().map(|column| {
            let value = column.value(event);
            (column.name().to_owned(), value.to_owned())
        });
        std::iter::once(event_type).chain(more).collect()
    }

    /// Appends a key that is unique for the partition of an event under this configuration. Values of a fixed
    /// length come first, so that no event type can make two keys equal.
    #[inline]
    pub fn partition_key(&self, event: &Enriched<'_>, key: &mut Vec<u8>) {
        for column in &self.partition_by {
            key.extend_from_slice(column.value(event).as_bytes());
        }
        key.extend_from_slice(&event.event_type);
    }
}

impl Column {
    fn name(self) -> &'static str {
        match self {
            Self::Date => "date",
            Self::Hour => "hour",
        }
    }

    fn value<'e>(self, event: &'e Enriched<'_>) -> &'e str {
        match self {
            Self::Date => event.created.date(),
            Self::Hour => event.created.hour(),
        }
    }
}

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
