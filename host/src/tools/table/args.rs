//! What all commands of tables take.

use std::path::PathBuf;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use crate::config::table_settings::with_short_flag;
use crate::config::{ConfigError, LocationArgs, missing, parse_store};
use crate::table::location::TableLocation;

/// The lake, and the table of its events.
#[derive(Clone, Debug, Args)]
#[command(mut_args(with_short_flag))]
pub(super) struct TableArgs {
    /// Read the keys `lake` and `table` of this file. [default: `sluice.toml` in the current folder, if it exists]
    #[arg(long, env = "SLUICE_CONFIG", value_name = "FILE")]
    pub(super) config: Option<PathBuf>,

    /// The lake that has the events: `file:DIR` or `s3://BUCKET/PREFIX`.
    #[arg(long, value_name = "TARGET", env = "SLUICE_LAKE")]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(super) lake: Option<String>,

    #[command(flatten)]
    pub(super) location: LocationArgs,
}

impl TableArgs {
    /// The table.
    ///
    /// # Errors
    /// Wrong usage.
    pub(super) fn location(&self) -> Result<TableLocation, ConfigError> {
        let lake = self.lake.as_deref();
        let lake = lake.ok_or_else(|| missing("lake", "file:lake"))?;
        self.location.of(parse_store("lake", lake)?)
    }
}
