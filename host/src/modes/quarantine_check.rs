//! What a run that has ended says about its quarantined records.

use indicatif::HumanCount;

use crate::config::RunSettings;
use crate::observe::progress::Summary;
use crate::output::counted;

/// Checks the share of quarantined records. If there is no limit, and all records are quarantined, a warning says so:
/// the transform is probably the wrong one for this source.
///
/// # Errors
/// More records are quarantined than `--max-quarantined` allows.
pub(super) fn check_quarantined(settings: &RunSettings, summary: &Summary) -> anyhow::Result<()> {
    let (quarantined, records) = (summary.quarantined, summary.records);
    let lake = settings.lake.to_string();
    let place = format!("{}/_sluice/quarantine", lake.trim_end_matches('/'));
    let is_tried = summary
        .redrive
        .as_ref()
        .is_some_and(|redrive| redrive.dry_run);
    match settings.max_quarantined {
        Some(max) if is_tried && max.is_exceeded(quarantined, records) => anyhow::bail!(
            "the redrive would quarantine {} of {} again, more than --max-quarantined allows ({max})",
            HumanCount(quarantined),
            counted(records, "record")
        ),
        None if is_tried => {}
        Some(max) if max.is_exceeded(quarantined, records) => anyhow::bail!(
            "the run quarantined {} of {}, more than --max-quarantined allows ({max}); all \
             records have landed, {place} has the reasons",
            HumanCount(quarantined),
            counted(records, "record")
        ),
        None if records > 0 && quarantined == records => {
            tracing::warn!(
                records,
                "every record is quarantined, {place} has the reasons; --max-quarantined makes this an error"
            );
        }
        _ => {}
    }
    Ok(())
}
