//! The settings of `redrive`: those of `run`, which quarantined records, and the release.

use clap::{Arg, Args};
use sluice_release::bundle::{ReleaseId, ReleasePrefix};
use sluice_storage::location::StoreLocation;

use super::replay::PinnedRelease;
use super::{
    ConfigError, Mode, QuarantineFilterArgs, Resolved, RunArgs, RunSettings, store_setting,
};
use crate::layout::object_key::METADATA_FOLDER;
use crate::layout::quarantine_filter::QuarantineFilter;
use crate::redrive::RedriveId;

/// What a redrive takes, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedriveSettings {
    /// Which quarantined records it takes.
    pub filter: QuarantineFilter,
    /// The redrive to continue or to begin. Without one, an unfinished redrive of the same request is continued.
    pub id: Option<RedriveId>,
    /// Whether it only tries the rules, and writes nothing.
    pub dry_run: bool,
}

/// The command that continues a redrive with a release, which the lake has kept.
#[must_use]
pub fn continue_command(lake: &StoreLocation, id: &RedriveId, release: ReleaseId) -> String {
    let lake = store_setting(lake);
    let lake = lake.trim_end_matches('/');
    let release = release.short();
    format!(
        "sluice redrive --lake {lake} --id {id} --release {release} --registry {lake}/{METADATA_FOLDER}"
    )
}

/// Hides the settings of `run` that a redrive refuses as flags. They stay known, so that an error says why.
fn hide_refused(arg: Arg) -> Arg {
    match arg.get_id().as_str() {
        "source" | "archive" => arg.hide(true),
        _ => arg,
    }
}

/// The options of `redrive`, on top of the settings of `run`.
#[derive(Clone, Debug, Args)]
#[command(mut_args(hide_refused))]
pub struct RedriveArgs {
    /// Which quarantined records are taken.
    #[command(flatten)]
    pub filter: QuarantineFilterArgs,

    /// Continue the redrive with this id, or begin one with it. [default: continue an unfinished redrive of the same
    /// records and the same release; otherwise, begin one whose id is the time]
    #[arg(long, value_name = "ID")]
    pub id: Option<RedriveId>,

    /// Transform with this release of the registry (`--registry`) instead of the active one: its id, or
    /// at least the first 8 digits of it. Each lake keeps a registry below `_sluice` with every release that has written to it.
    #[arg(long, value_name = "RELEASE")]
    pub release: Option<ReleasePrefix>,

    /// Transform the records and show what would become of them. Nothing is written or sent.
    #[arg(id = "dry_run", long = "dry-run")]
    pub dry_run: bool,

    /// The settings of `run`. A bus is used only if it is given as a flag: the file and the environment are meant for `run`.
    /// `--transform` or `--jq` as a flag takes precedence over a registry, and cannot be combined with `--release`.
    /// `--source` cannot be given, and settings of sources have no effect.
    #[command(flatten)]
    pub run: RunArgs,
}

impl RedriveArgs {
    /// Turns the settings of `run` into those of the redrive.
    ///
    /// # Errors
    /// The first setting that is missing or wrong.
    pub fn settings(&self, resolved: Resolved) -> Result<RunSettings, ConfigError> {
        if resolved.is_flag("source") {
            let why = "a redrive reads the quarantine of the lake; leave this out";
            return Err(ConfigError::new("source", why));
        }
        if resolved.is_flag("archive") {
            let why = "a redrive does not archive: its records were archived when they came; leave this out";
            return Err(ConfigError::new("archive", why));
        }
        let has_transform = resolved.is_flag("transform") || resolved.is_flag("jq");
        PinnedRelease::check_flags(self.release.as_ref(), &resolved)?;
        let filter = self.filter.filter()?;
        let resolved = resolved.without_source().without_archive();
        let mut settings = resolved.repeat_settings()?;
        let pinned = PinnedRelease::of(self.release.as_ref(), &mut settings.registry);
        settings.pinned_release = pinned?;
        settings.registry = settings.registry.filter(|_| !has_transform);
        settings.watch = false;
        settings.mode = Mode::Redrive(RedriveSettings {
            filter,
            id: self.id.clone(),
            dry_run: self.dry_run,
        });
        Ok(settings)
    }
}
