//! The configuration of the transform.

use serde::Deserialize;
use sluice_transform::destination_rule::DestinationRule;

/// The configuration as a document.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    program: String,
    #[serde(default)]
    partition_by: Vec<Item>,
    routes: Option<Vec<String>>,
}

/// A column: the name of a member that is the column's name too, or both names.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "partition_by: expected the name of a member, or an object with the names `column` and `member`"
)]
enum Item {
    Member(String),
    Column(Column),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Column {
    column: String,
    member: String,
}

impl Item {
    /// The column and its member.
    fn into_names(self) -> (String, String) {
        match self {
            Self::Member(name) => (name.clone(), name),
            Self::Column(Column { column, member }) => (column, member),
        }
    }
}

/// The program of a configuration, and where its events go. The error names the field and is for the operator.
pub(crate) fn parse(json: &str) -> Result<(String, DestinationRule), String> {
    // A derived reader would take an array for the fields in order.
    if !json.trim_start().starts_with('{') {
        return Err("expected a JSON object with the member `program`".to_owned());
    }
    let config: Config = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let columns = config.partition_by.into_iter().map(Item::into_names);
    let rule = DestinationRule::new(columns.collect(), config.routes)?;
    Ok((config.program, rule))
}
