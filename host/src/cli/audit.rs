//! `sluice audit`: of a lake, or of a table.

use std::ffi::OsString;
use std::time::Duration;

use clap::Args;
#[cfg(feature = "table")]
use clap::CommandFactory as _;
#[cfg(feature = "table")]
use clap::error::ErrorKind;

#[cfg(feature = "table")]
use super::Cli;
use super::{start_log, with_file};
use crate::audit::{AuditKind, AuditOptions};
#[cfg(feature = "table")]
use crate::config::Resolved;
use crate::config::RunArgs;
use crate::config::quantity::parse_duration;
use crate::config::table_settings::with_short_flag_of_location;
#[cfg(feature = "table")]
use crate::tools::table;

/// The options of `audit`, on top of the settings of `run`.
#[derive(Debug, Args)]
#[command(mut_args(with_short_flag_of_location))]
pub(super) struct AuditArgs {
    /// Compare only ledgers, chunk manifests and the names of objects. This reads neither the source nor an
    /// object, so it is much faster and needs no `--source`; what is in the objects is not proven.
    #[arg(long)]
    quick: bool,

    /// Count objects that no longer exist as expired instead of missing, if their records arrived longer ago than
    /// this, such as `90d`: the age at which a lifecycle rule of the bucket removes objects. [default: never]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    expired_after: Option<Duration>,

    /// Prove instead that the rows of a table are the events of the lake up to the table's watermark, each once. This
    /// reads the objects of the lake and the data files of the table, and needs no `--source`. With `--quick`, only the
    /// number and the places of the rows are compared with the chunk manifests.
    #[cfg(feature = "table")]
    #[arg(long)]
    table: bool,

    /// The settings of `run`.
    #[command(flatten)]
    run: RunArgs,
}

/// Runs `sluice audit`.
///
/// # Errors
/// Wrong usage; something cannot be read; or there are findings, which have been printed.
pub(super) fn audit(args: &AuditArgs, argv: Vec<OsString>) -> anyhow::Result<()> {
    let resolved = with_file(&args.run, argv, &["audit"])?;
    let kind = match args.quick {
        true => AuditKind::Quick,
        false => AuditKind::Full,
    };
    let options = AuditOptions {
        kind,
        expired_after: args.expired_after,
    };
    #[cfg(feature = "table")]
    if args.table {
        let settings = resolved.settings_without_source()?;
        start_log(&settings)?;
        let audited = table::audit(&settings, options);
        return audited.map_err(|error| settings.origins.locate_any(error));
    }
    #[cfg(feature = "table")]
    check_location(&resolved)?;
    let settings = match kind {
        AuditKind::Quick => resolved.settings_without_source()?,
        AuditKind::Full => resolved.settings()?,
    };
    start_log(&settings)?;
    crate::audit::run(&settings, options)
}

/// Rejects the options of a table in an audit of the lake. Their variables are for other commands too.
#[cfg(feature = "table")]
fn check_location(resolved: &Resolved) -> Result<(), clap::Error> {
    let flags = [
        ("table.name", "--name"),
        ("table.catalog", "--catalog"),
        ("table.warehouse", "--warehouse"),
    ];
    let mut flags = flags.into_iter();
    match flags.find(|(key, _)| resolved.is_flag(key)) {
        None => Ok(()),
        Some((_, flag)) => Err(Cli::command().error(
            ErrorKind::MissingRequiredArgument,
            format!("{flag} names a table, and this is an audit of the lake; add --table, or leave {flag} out"),
        )),
    }
}
