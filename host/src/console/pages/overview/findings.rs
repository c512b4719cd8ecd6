//! What is wrong, in words, with what to do and the page that says more.

use chrono::{DateTime, TimeDelta, Utc};
use sluice_release::rollout::{Change, ChangeKind};

use super::{Overview, worker_findings};
use crate::console::cached::View;
use crate::console::flow::FlowView;
use crate::console::ledgers::GONE;
use crate::console::pages::measures::{Measures, RECENT_SECONDS};
use crate::console::payload::inert;
use crate::console::releases::STARTED_WITH;
#[cfg(feature = "table")]
use crate::console::table::TableView;
use crate::ledger::Ledger;
use crate::output::counted;

/// The share of quarantined records above which it is said, and above which much is wrong.
const QUARANTINED_SHARE: f64 = 0.01;
const QUARANTINED_SHARE_BAD: f64 = 0.1;

/// If the lake could be read within this time before now, it may be readable in a moment.
const BRIEF: TimeDelta = TimeDelta::minutes(1);

/// How many of many things of a kind are named.
const NAMED_MAX: usize = 3;

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Severity {
    /// Records do not land, or are lost, or nobody knows.
    Broken,
    /// Somebody should look at it.
    Warning,
}

/// A page, and what the link to it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) target: &'static str,
    pub(super) text: &'static str,
}

pub(super) const WORKERS: Link = Link {
    target: "#workers",
    text: "Workers",
};
pub(super) const SHARDS: Link = Link {
    target: "/shards",
    text: "Shards",
};
pub(super) const RELEASES: Link = Link {
    target: "/releases",
    text: "Releases",
};
const QUARANTINE: Link = Link {
    target: "/quarantine",
    text: "Quarantine",
};

#[cfg(feature = "table")]
const TABLE: Link = Link {
    target: "#table",
    text: "Table",
};

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) severity: Severity,
    /// What it is, in one sentence.
    pub(super) what: String,
    /// Which, or why: one line each.
    pub(super) details: Vec<String>,
    /// When what is shown of it was read, if it cannot be read any more.
    pub(super) as_of: Option<DateTime<Utc>>,
    /// What to do.
    pub(super) advice: &'static str,
    pub(super) link: Link,
}

/// What is wrong, the worst first.
pub(super) fn findings(overview: &Overview, measures: Option<&Measures>) -> Vec<Finding> {
    let mut findings = worker_findings::of_workers(overview);
    findings.extend(of_ledgers(overview));
    findings.extend(overview.flow.as_ref().and_then(of_flow));
    findings.extend(of_registry(overview));
    findings.extend(measures.and_then(of_quarantine));
    #[cfg(feature = "table")]
    findings.extend(of_table(&overview.table));
    // Those of one severity keep their order.
    findings.sort_by_key(|finding| finding.severity);
    findings
}

/// The first of many things, one line each, and how many others there are. They come from outside, so nothing in them
/// acts.
pub(super) fn named(things: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut things = things.into_iter();
    let mut named: Vec<_> = things
        .by_ref()
        .take(NAMED_MAX)
        .map(|thing| inert(&thing))
        .collect();
    match things.count() {
        0 => {}
        others => named.push(format!("and {others} more")),
    }
    named
}

/// A table that no builder can go on with.
#[cfg(feature = "table")]
fn of_table(view: &View<TableView>) -> Option<Finding> {
    let problem = view.ready().and_then(|seen| match seen.value.as_ref() {
        TableView::Status(status) => status.problem.clone(),
        TableView::NotSet | TableView::Missing(_) => None,
    });
    let Some(problem) = problem else {
        return unread(Some(view), "The table", TABLE);
    };
    Some(Finding {
        severity: Severity::Broken,
        what: "No builder can go on with the table.".into(),
        details: named([problem]),
        as_of: None,
        advice: "Do what the problem says. The lake is not affected.",
        link: TABLE,
    })
}

/// Whether a moment was within this time before now.
pub(super) fn was_within(at: DateTime<Utc>, time: TimeDelta, now: DateTime<Utc>) -> bool {
    at > now - time
}

/// What a view says that could not be read.
fn unread<T>(view: Option<&View<T>>, what: &str, link: Link) -> Option<Finding> {
    let (severity, what, why, as_of) = match view? {
        View::Failed(why) => (
            Severity::Broken,
            format!("{what} cannot be read."),
            why,
            None,
        ),
        View::Ready(seen) => (
            Severity::Warning,
            format!("{what} cannot be read any more."),
            seen.problem.as_ref()?,
            Some(seen.at),
        ),
        View::Reading => return None,
    };
    Some(Finding {
        severity,
        what,
        details: named([why.clone()]),
        as_of,
        advice: "Do what the details say. If they do not say what to do, check the network, the service and the permissions. \
                 The console reads it again by itself.",
        link,
    })
}

/// A lake that cannot be read. One that is gone is worse than one that cannot be read for a moment.
fn unread_lake(overview: &Overview) -> Option<Finding> {
    let mut finding = unread(overview.ledgers.as_ref(), "The lake", SHARDS)?;
    let is_gone = finding.details.iter().any(|why| why.contains(GONE));
    let is_brief = |at| was_within(at, BRIEF, overview.now);
    if is_gone || !finding.as_of.is_some_and(is_brief) {
        finding.severity = Severity::Broken;
    }
    Some(finding)
}

fn of_ledgers(overview: &Overview) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(unread_lake(overview));
    let Some(seen) = overview.read_ledgers() else {
        return findings;
    };
    let problems = &seen.value.problems;
    if !problems.is_empty() {
        findings.push(Finding {
            severity: Severity::Broken,
            what: format!("{} of the ledgers.", counted(problems.len() as u64, "problem")),
            details: named(problems.iter().cloned()),
            as_of: None,
            advice: "A shard whose ledger cannot be read does not go on. See docs/operate.md, \"A pinned chunk that \
                     cannot be repeated\".",
            link: SHARDS,
        });
    }
    findings.extend(of_lost_ranges(&seen.value.ledgers, overview.now));
    findings
}

/// Chunk manifests that cannot be read.
fn of_flow(flow: &FlowView) -> Option<Finding> {
    let why = flow.problem.clone()?;
    Some(Finding {
        severity: Severity::Warning,
        what: "Chunk manifests cannot be read, so the figures are too low.".into(),
        details: named([why]),
        as_of: None,
        advice: "Check the permission s3:GetObject on _sluice/*. The command `sluice audit` names what is damaged.",
        link: SHARDS,
    })
}

/// The lost ranges that stop a shard, and those behind which a run has gone on in the last day.
fn of_lost_ranges(ledgers: &[Ledger], now: DateTime<Utc>) -> Option<Finding> {
    let mut lost = Vec::new();
    for ledger in ledgers {
        let ranges = ledger.lost().iter().filter(|range| {
            let found_at = DateTime::from_timestamp_millis(range.found_at);
            let is_new = found_at.is_none_or(|at| was_within(at, TimeDelta::days(1), now));
            !range.continued || is_new
        });
        let shard = ledger.shard();
        lost.extend(ranges.map(|range| format!("{shard}: {}", range.describe())));
    }
    lost_ranges(lost)
}

pub(super) fn lost_ranges(lost: Vec<String>) -> Option<Finding> {
    let count = lost.len() as u64;
    (count > 0).then(|| Finding {
        severity: Severity::Broken,
        what: format!("The stream may have lost records before they were landed: {}.", counted(count, "range")),
        details: named(lost),
        as_of: None,
        advice: "See docs/kinesis.md, \"Lost records\": restore what you have, then let a worker go on with \
                 --on-expired-checkpoint continue.",
        link: SHARDS,
    })
}

fn of_registry(overview: &Overview) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(unread(overview.releases.as_ref(), "The registry", RELEASES));
    let Some(seen) = overview.read_releases() else {
        findings.extend(worker_findings::of_rollbacks(overview));
        return findings;
    };
    let new = seen.value.rollout.history.iter().rev().filter(|change| {
        let at = DateTime::parse_from_rfc3339(&change.at);
        at.is_ok_and(|at| was_within(at.to_utc(), TimeDelta::hours(1), overview.now))
    });
    let ended = new
        .clone()
        .filter(|it| it.what == ChangeKind::EndTrial && it.is_by_host());
    findings.extend(ended_canaries(ended));
    let rollbacks: Vec<_> = new
        .filter(|change| change.what == ChangeKind::Rollback)
        .map(|change| {
            let release = match change.release {
                Some(release) => release.to_string(),
                None => STARTED_WITH.into(),
            };
            let why = change.why.as_deref().unwrap_or("no reason given");
            format!("{} {release}, by {}: {why}", change.what, change.by)
        })
        .collect();
    if !rollbacks.is_empty() {
        findings.push(rolled_back(rollbacks));
    }
    let problems = &seen.value.problems;
    if !problems.is_empty() {
        findings.push(Finding {
            severity: Severity::Warning,
            what: format!(
                "{} of the registry cannot be read.",
                counted(problems.len() as u64, "release")
            ),
            details: named(problems.iter().cloned()),
            as_of: None,
            advice: "Publish them again, or restore their objects.",
            link: RELEASES,
        });
    }
    findings
}

/// Canaries that workers have ended by their rollback policies.
fn ended_canaries<'a>(ended: impl Iterator<Item = &'a Change>) -> Option<Finding> {
    let ended = ended.map(|change| {
        let release = change.release.map(|release| release.short());
        let why = change.why.as_deref().unwrap_or("no reason given");
        format!("canary {}: {why}", release.unwrap_or_default())
    });
    let details: Vec<_> = ended.collect();
    (!details.is_empty()).then(|| Finding {
        severity: Severity::Warning,
        what: "A worker ended a canary in the last hour.".into(),
        details: named(details),
        advice: "The active release stays. Mend the rules before you try them again, and redrive what the canary has \
                 quarantined.",
        as_of: None,
        link: RELEASES,
    })
}

pub(super) fn rolled_back(rollbacks: Vec<String>) -> Finding {
    Finding {
        severity: Severity::Warning,
        what: "A release was rolled back in the last hour.".into(),
        details: named(rollbacks),
        as_of: None,
        advice: "Redrive what it has quarantined, and try the next release as a canary or a shadow first.",
        link: RELEASES,
    }
}

fn of_quarantine(measures: &Measures) -> Option<Finding> {
    let share = measures.quarantined_share()?;
    let severity = match share {
        share if share > QUARANTINED_SHARE_BAD => Severity::Broken,
        share if share > QUARANTINED_SHARE => Severity::Warning,
        _ => return None,
    };
    Some(Finding {
        severity,
        what: format!(
            "{:.1} % of the records of the last {} min were quarantined.",
            share * 100.0,
            RECENT_SECONDS / 60
        ),
        details: Vec::new(),
        as_of: None,
        advice: "If a new release is active, roll it back and redrive the records. If not, a producer has sent \
                 something else: read some of the records.",
        link: QUARANTINE,
    })
}

#[cfg(test)]
mod tests;
