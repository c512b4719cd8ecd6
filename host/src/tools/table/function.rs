//! A Lambda function that builds a table.

use clap::Args;
use sluice_storage::location::StoreLocation;

use super::args::TableArgs;
use crate::config::log_format::LogFormat;
use crate::config::table_settings::{USUAL_AGE, with_short_flag};
use crate::config::{BuildArgs, ConfigError, DueArgs};
use crate::modes::lambda::table::TableFunction;
use crate::observe::telemetry;
use crate::source::lambda_event;

/// Which table, and how.
#[derive(Debug, Args)]
#[command(mut_args(with_short_flag))]
pub struct FunctionArgs {
    #[command(flatten)]
    pub(super) table: TableArgs,

    #[command(flatten)]
    due: DueArgs,

    #[command(flatten)]
    build: BuildArgs,
}

/// Builds a table at each invocation, until Lambda ends the process.
///
/// # Errors
/// Wrong usage, or the runtime API fails.
pub(super) async fn function(args: &FunctionArgs) -> anyhow::Result<()> {
    if !lambda_event::is_lambda() {
        anyhow::bail!(
            "works only in a Lambda function; elsewhere, run `sluice table sync --follow`"
        );
    }
    let location = args.table.location()?;
    for (key, place) in [
        ("lake", &location.lake),
        ("table.warehouse", &location.warehouse),
    ] {
        if matches!(place, StoreLocation::Folder(_)) {
            let why = "a Lambda function cannot keep a folder; give s3://BUCKET/PREFIX";
            return Err(ConfigError::new(key, why).into());
        }
    }
    telemetry::start(LogFormat::Json, "info")?;
    let age = args.due.max_age.unwrap_or(USUAL_AGE);
    TableFunction::new(location, args.build.clone(), age)
        .run()
        .await
}
