//! The configuration of the transform: the members that it reads, and how events are partitioned in the lake.

use json_scan::{Kind, check};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use sluice_transform::{Read, TimeFormat, Timestamp, Write};

use crate::{
    CREATED_AT, CREATED_DATETIME, EVENT_NAME, EVENT_SUBTYPE, EVENT_TYPE, EVENT_UUID, Enrichment,
};

/// The configuration as a document.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default, deserialize_with = "columns")]
    partition_by: Vec<Column>,
    #[serde(default, deserialize_with = "text")]
    id_member: Option<String>,
    #[serde(default, deserialize_with = "text")]
    name_member: Option<String>,
    #[serde(default, deserialize_with = "text")]
    time_member: Option<String>,
    #[serde(default, deserialize_with = "text")]
    time_format: Option<String>,
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
pub(crate) fn parse(json: &str) -> Result<Enrichment, String> {
    // A derived reader would take an array for the fields in order.
    match check(json.as_bytes()) {
        Ok(Kind::Object) | Err(_) => {}
        Ok(other) => return Err(format!("expected a JSON object, found {}", other.text())),
    }
    let config: Config = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let rules = Enrichment {
        partition_by: config.partition_by,
        id: named(EVENT_UUID, config.id_member),
        name: named(EVENT_NAME, config.name_member),
        time: timed(named(CREATED_AT, config.time_member), config.time_format)?,
    };
    check_members(&rules)?;
    Ok(rules)
}

/// The read with the name of the configuration, if there is one.
fn named(read: Read, name: Option<String>) -> Read {
    match name {
        Some(name) => read.with_name(name),
        None => read,
    }
}

/// The read with the format of the configuration, if there is one.
fn timed(read: Read, format: Option<String>) -> Result<Read, String> {
    let Some(format) = format else {
        return Ok(read);
    };
    let format: TimeFormat = format
        .parse()
        .map_err(|error| format!("time_format: {error}"))?;
    Ok(read.with_time_format(format))
}

/// Checks that the members are three, and that events keep their id.
fn check_members(rules: &Enrichment) -> Result<(), String> {
    let members = [
        ("id_member", rules.id),
        ("name_member", rules.name),
        ("time_member", rules.time),
    ];
    for (index, (field, read)) in members.iter().enumerate() {
        let name = read.name();
        let mut earlier = members.iter().take(index);
        if let Some((other, _)) = earlier.find(|(_, other)| other.name() == name) {
            return Err(format!(
                "{field}: {name:?} is the name of {other} too; each needs a member of its own"
            ));
        }
    }
    let id = rules.id.name();
    let replaced = |write: &Write| write.name() == id;
    if [CREATED_DATETIME, EVENT_TYPE, EVENT_SUBTYPE]
        .iter()
        .any(replaced)
    {
        return Err(format!(
            "id_member: events would lose their id, because the transform sets {id:?}; name another member"
        ));
    }
    Ok(())
}

/// A text that is given, so not `null`.
fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    String::deserialize(from).map(Some)
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
