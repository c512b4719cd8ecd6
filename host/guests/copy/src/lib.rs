//! The transform `copy`: each record is an event, byte for byte as far as the host keeps it.
//!
//! It reads only the members that events are partitioned by, and writes none.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")
)]

use serde::Deserialize;
use sluice_transform::destination_rule::{ColumnConfig, DestinationRule};
use sluice_transform::{Description, Events, Read, Record, Rejection, Transform, Write, export};

/// The configuration as a document.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default)]
    partition_by: Vec<ColumnConfig>,
    routes: Option<Vec<String>>,
}

/// The transform with its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyTransform {
    rule: DestinationRule,
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
        Ok(Self {
            rule: DestinationRule::new(config.partition_by, config.routes)?,
        })
    }

    fn reads(&self) -> Vec<Read> {
        self.rule.partition_by.reads()
    }

    fn writes(&self) -> Vec<Write> {
        Vec::new()
    }

    #[inline]
    fn transform(&self, record: &Record<'_>, events: &mut Events) -> Result<(), Rejection> {
        let DestinationRule {
            partition_by,
            routes,
        } = &self.rule;
        partition_by.begin_event(*routes, record, events)?;
        Ok(())
    }
}

export!(CopyTransform);

#[cfg(test)]
mod tests;
