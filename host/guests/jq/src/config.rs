//! The configuration of the transform.

use serde::Deserialize;
use sluice_transform::destination_rule::{ColumnConfig, DestinationRule};

/// The configuration as a document.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    program: String,
    #[serde(default)]
    partition_by: Vec<ColumnConfig>,
    routes: Option<Vec<String>>,
}

/// The program of a configuration, and where its events go. The error names the field and is for the operator.
pub(crate) fn parse(json: &str) -> Result<(String, DestinationRule), String> {
    // A derived reader would take an array for the fields in order.
    if !json.trim_start().starts_with('{') {
        return Err("expected a JSON object with the member `program`".to_owned());
    }
    let config: Config = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let rule = DestinationRule::new(config.partition_by, config.routes)?;
    Ok((config.program, rule))
}
