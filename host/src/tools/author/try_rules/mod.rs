//! `sluice transform try`: runs rules on a few records and shows what becomes of each. Nothing is written anywhere.
//!
//! ```text
//! input ─▶ trial (sandbox, limits of a chunk) ─▶ people or json
//!   ▲           ▲
//!   └── watch ──┘ the files of both
//! ```

pub(crate) mod archive;
mod args;
mod difference;
pub(crate) mod input;
mod json;
pub(crate) mod origin;
mod people;
pub(crate) mod quarantined;
mod rules;
pub(crate) mod sandbox;
mod stream;
pub(crate) mod summary;
pub(crate) mod trial;
mod watch;

use sluice_release::bundle::ReleaseBundle;

pub use self::args::TryArgs;
use self::input::Input;
use self::json::JsonPrinter;
pub use self::json::escape as escape_json;
use self::people::PeoplePrinter;
use self::rules::Rules;
use self::summary::Summary;
use self::trial::{Trial, Tried};
use crate::config::log_format::LogFormat;
use crate::config::{ConfigError, RulesSettings};
use crate::observe::telemetry;
use crate::output::OutputError;

/// Tries rules, once or whenever a file of theirs changes: `release`, which [`TryArgs::release`] names, or those of
/// the settings.
///
/// # Errors
/// Rules that cannot be loaded, input that cannot be read or has no records, and a share of quarantined records above
/// `--max-quarantined`. When files are watched, these are printed, and trying goes on.
pub fn try_rules(
    args: &TryArgs,
    settings: RulesSettings,
    release: Option<ReleaseBundle>,
) -> anyhow::Result<()> {
    if let Some(level) = &args.log_level {
        start_log(level)?;
    }
    let mut session = Session {
        input: Input::new(args, settings.decoding)?,
        rules: Rules::new(settings, release)?,
        args,
    };
    match args.watch {
        true => watch::run(session),
        false => session.round()?.check(args.max_quarantined),
    }
}

/// Starts to log, except for what the rules log, which is shown with each record. A level alone is that of Sluice: the
/// compiler runs in this process, and says much at `debug`.
fn start_log(level: &str) -> Result<(), ConfigError> {
    let level = match level.contains('=') {
        true => format!("{level},transform=off"),
        false => format!("sluice={level}"),
    };
    telemetry::start(LogFormat::Human, &level).map_err(|why| ConfigError::new("log_level", why))
}

/// What is tried on what.
struct Session<'a> {
    args: &'a TryArgs,
    rules: Rules,
    input: Input,
}

impl Session<'_> {
    /// Tries all records once, and prints what becomes of them.
    fn round(&mut self) -> anyhow::Result<Summary> {
        let release = self.rules.load()?;
        let mut summary = Summary::new(release.id());
        let mut trial = Trial::new(release);
        let printer = Printer::new(self.args);
        let mut left = self.args.limit();
        let mut records = self.input.open(left)?;
        while left > 0
            && let Some(batch) = records.next(left)?
        {
            left -= batch.len();
            for tried in trial.run(&batch)? {
                summary.add(&tried);
                if self.args.shows(&tried) {
                    printer.record(&tried)?;
                }
            }
        }
        drop(records);
        anyhow::ensure!(summary.records() > 0, self.input.nothing());
        if left == 0 {
            summary.stopped_at(self.args.limit());
        }
        printer.summary(&summary)?;
        Ok(summary)
    }
}

/// How results are printed.
enum Printer {
    People(PeoplePrinter),
    Json(JsonPrinter),
}

impl Printer {
    fn new(args: &TryArgs) -> Self {
        match args.json {
            true => Self::Json(JsonPrinter { full: args.full }),
            false => Self::People(PeoplePrinter::new(args.full)),
        }
    }

    fn record(&self, tried: &Tried<'_>) -> Result<(), OutputError> {
        match self {
            Self::People(printer) => printer.record(tried),
            Self::Json(printer) => printer.record(tried),
        }
    }

    fn summary(&self, summary: &Summary) -> Result<(), OutputError> {
        match self {
            Self::People(printer) => printer.summary(summary),
            Self::Json(printer) => printer.summary(summary),
        }
    }
}
