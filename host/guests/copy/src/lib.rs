//! The transform `copy`: each record is an event, byte for byte as far as the host keeps it.

use std::borrow::Cow;

use serde::Deserialize;
use sluice_transform::destination_rule::DestinationRule;
use sluice_transform::{
    Description, Events, Kind, Read, Record, Rejection, Transform, Write, export,
};

/// The configuration as a document.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    partition_by: Option<Vec<String>>,
    routes: Option<Vec<String>>,
}

/// The transform with its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyTransform {
    rule: DestinationRule,
    /// The members of `partition_by`, in the same order.
    reads: Vec<Read>,
}

impl Transform for CopyTransform {
    fn describe() -> Description {
        Description {
            name: "copy",
            version: env!("CARGO_PKG_VERSION"),
            summary: "Lands each record as it is",
            config_schema: include_str!("config.schema.json"),
        }
    }

    fn configure(config: &str) -> Result<Self, String> {
        let config: Config = serde_json::from_str(config).map_err(|error| error.to_string())?;
        let rule = DestinationRule::new(config.partition_by, config.routes)?;
        let reads = (0..).zip(rule.partition_by.iter().cloned());
        Ok(Self {
            reads: reads
                .map(|(number, name)| Read::owned(number, name))
                .collect(),
            rule,
        })
    }

    fn reads(&self) -> Vec<Read> {
        self.reads.clone()
    }

    fn writes(&self) -> Vec<Write> {
        Vec::new()
    }

    fn transform(&self, record: &Record<'_>, events: &mut Events) -> Result<(), Rejection> {
        let columns = self.reads.iter().map(|read| column(record, read));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let partition: Vec<_> = columns
            .iter()
            .map(|(name, value)| (*name, &**value))
            .collect();
        events.event(self.rule.routes, &partition);
        Ok(())
    }
}

/// A partition column: its name, and the text of the member's value.
fn column<'r>(record: &Record<'r>, read: &Read) -> Result<(&'static str, Cow<'r, str>), Rejection> {
    let name = read.name();
    if record.is_repeated(read) {
        return Err(Rejection::duplicate(read));
    }
    let value = match record.kind(read) {
        None => return Err(Rejection::missing_partition_field(name, false)),
        Some(Kind::Null) => return Err(Rejection::missing_partition_field(name, true)),
        Some(kind @ (Kind::Object | Kind::Array)) => {
            return Err(Rejection::invalid_partition_field(name, kind));
        }
        Some(Kind::String) => record.text(read)?,
        Some(Kind::Number) => Cow::Borrowed(record.number(read)?.as_str()),
        Some(Kind::Boolean) => Cow::Borrowed(match record.boolean(read)? {
            true => "true",
            false => "false",
        }),
    };
    Ok((name, value))
}

export!(CopyTransform);
