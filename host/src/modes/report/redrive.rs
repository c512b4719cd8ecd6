//! The part of the summary that only a redrive has.

use indicatif::{HumanBytes, HumanCount};

use super::{drift, per_second, row, shares, unmapped};
use crate::config::{RunSettings, continue_command};
use crate::layout::chunk::RedrivenCounts;
use crate::observe::progress::{RedriveSummary, Summary};
use crate::output::{counted, plural};

/// The number of new reasons that are named for one old reason. JSON has all of them.
const NEW_REASONS_SHOWN: usize = 5;

/// The first line if nothing was redriven.
pub(super) fn nothing(redrive: &RedriveSummary) -> String {
    match (&redrive.id, redrive.objects) {
        (_, 0) => "nothing to redrive: no record of this kind is left in quarantine".to_owned(),
        (Some(id), _) => format!("nothing was left for the redrive {id}"),
        (None, _) => "nothing is left to redrive".to_owned(),
    }
}

/// The summary of a dry run, which has landed nothing.
pub(super) fn tried(summary: &Summary, redrive: &RedriveSummary) -> Vec<String> {
    if summary.records == 0 {
        return vec![nothing(redrive)];
    }
    let release = summary.release.get(..8).unwrap_or(&summary.release);
    let in_lake = match summary.events == summary.lake_events {
        true => "would land".to_owned(),
        false => format!("of which {} would land", HumanCount(summary.lake_events)),
    };
    let mut lines = vec![
        format!(
            "dry run, nothing was written: {} ({}) in {} s, {}/s, release {release}",
            counted(summary.records, "record"),
            HumanBytes(summary.bytes_in),
            summary.seconds,
            counted(per_second(summary.records, summary.seconds), "record"),
        ),
        row("events", summary.events, &in_lake),
        row(
            "quarantined",
            summary.quarantined,
            "would be quarantined again",
        ),
    ];
    lines.extend(shares(&summary.quarantined_reasons, "reason"));
    lines.push(row(
        "dropped",
        summary.dropped,
        "by the transform, or empty",
    ));
    lines.extend(unmapped(summary));
    lines.extend(drift(summary));
    lines
}

/// What became of the records by their old reasons, and what is not redriven.
pub(super) fn rows(settings: &RunSettings, redrive: &RedriveSummary) -> Vec<String> {
    let mut lines = Vec::new();
    let records = redrive.reasons.values().map(|counts| counts.records).sum();
    if records > 0 {
        let what = match &redrive.id {
            Some(id) => format!("by their old reasons, by the redrive {id}"),
            None => "by their old reasons".to_owned(),
        };
        let name = if redrive.dry_run { "tried" } else { "redriven" };
        lines.push(row(name, records, &what));
    }
    let reasons = redrive.reasons.iter();
    lines.extend(reasons.map(|(reason, counts)| {
        let what = format!("{reason}: {}", outcomes(counts, redrive.dry_run));
        row("", counts.records, &what)
    }));
    lines.extend(redrive.skipped.iter().map(|skipped| {
        let id = &skipped.redrive;
        let objects = counted(skipped.objects, "object");
        let records = plural(skipped.records, "record");
        let mut what = format!("{records} in {objects} that the redrive {id} has claimed");
        if let Some(release) = skipped.release {
            let command = continue_command(&settings.lake, id, release);
            what.push_str(&format!(
                "; if it does not work any more, `{command}` continues it"
            ));
        }
        row("skipped", skipped.records, &what)
    }));
    if let unreadable @ 1.. = redrive.unreadable.len() as u64 {
        let what = format!(
            "{} that cannot be used, standard error says why",
            plural(unreadable, "file")
        );
        lines.push(row("unreadable", unreadable, &what));
    }
    lines
}

/// What became of the records of one old reason, or would in a dry run.
fn outcomes(counts: &RedrivenCounts, dry_run: bool) -> String {
    let again = counts.quarantined_again();
    let words = match dry_run {
        false => ["landed", "on the bus only", "dropped", "quarantined again"],
        true => [
            "would land",
            "would go to the bus only",
            "would be dropped",
            "would be quarantined again",
        ],
    };
    let numbers = [counts.landed, counts.bus_only, counts.dropped, again];
    let named: Vec<_> = numbers.into_iter().zip(words).collect();
    let named = named.iter().filter(|(records, _)| *records > 0);
    let named = named.map(|(records, what)| format!("{} {what}", HumanCount(*records)));
    let mut text = Vec::from_iter(named).join(", ");
    if again > 0 {
        let mut reasons: Vec<_> = counts.quarantined.iter().collect();
        reasons.sort_by_key(|(_, records)| std::cmp::Reverse(**records));
        let others = reasons.len().saturating_sub(NEW_REASONS_SHOWN);
        let shown = reasons.into_iter().take(NEW_REASONS_SHOWN);
        let shown = shown.map(|(reason, records)| format!("{reason} {}", HumanCount(*records)));
        let mut shown: Vec<_> = shown.collect();
        if others > 0 {
            shown.push(counted(others as u64, "other reason"));
        }
        text.push_str(&format!(" ({})", shown.join(", ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn each_old_reason_says_what_became_of_its_records() {
        let quarantined = BTreeMap::from([("trap".to_owned(), 7), ("other".to_owned(), 1)]);
        let counts = RedrivenCounts {
            records: 1_010,
            landed: 1_000,
            dropped: 2,
            bus_only: 0,
            quarantined,
            ..RedrivenCounts::default()
        };
        assert_eq!(
            outcomes(&counts, false),
            "1,000 landed, 2 dropped, 8 quarantined again (trap 7, other 1)"
        );
        assert_eq!(
            outcomes(&counts, true),
            "1,000 would land, 2 would be dropped, 8 would be quarantined again (trap 7, other 1)"
        );
    }
}
