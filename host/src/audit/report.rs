//! The report of an audit: counts of records by place, findings, notes.

use std::ops::AddAssign;

use indicatif::HumanCount;
use serde::Serialize;
use sluice_engine::sanitize::sanitize;

use super::finding::{Finding, Findings};
use crate::config::{RunSettings, SummaryFormat};
use crate::output;

/// The number of findings in the text.
const FINDINGS_SHOWN: usize = 20;

/// Counts. Each record of the source, and each that the ledger counts, is in one of the first nine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Counts {
    /// Records whose events are in the lake, and on the bus if they are routed there.
    pub(super) in_lake: u64,
    /// Records that are quarantined and that no redrive has landed since.
    pub(super) quarantined: u64,
    /// Records that the transform dropped.
    pub(super) dropped: u64,
    /// Records whose events all go to the bus only.
    pub(super) bus_only: u64,
    /// Records that are not, or cannot be proven to be, where they should be.
    pub(super) wrong: u64,
    /// Records of pending chunks.
    pub(super) pending: u64,
    /// Records after those.
    pub(super) not_yet: u64,
    /// Committed records that have expired from the source, or part of whose chunk has.
    pub(super) gone: u64,
    /// Records before the first one that a function received: its mapping chose the start.
    pub(super) before: u64,
    /// Ranges of the stream whose records may be lost, by the ledgers.
    pub(super) lost_ranges: u64,
    /// How many times a redrive has taken a record out of quarantine. A record that was redriven twice counts twice. Each is
    /// also counted above, where it is now.
    pub(super) redriven: u64,
    /// Chunks that were checked.
    pub(super) chunks: u64,
    /// Objects that were read and are correct.
    pub(super) objects: u64,
    /// Messages that were read and are correct.
    pub(super) messages: u64,
    /// Objects of records that have expired from the source.
    pub(super) objects_gone: u64,
    /// Objects of pending chunks, which may not be complete yet.
    pub(super) objects_pending: u64,
    /// Objects that a run has landed during the audit.
    pub(super) objects_new: u64,
    /// Objects that no longer exist and have expired from the lake.
    pub(super) objects_expired: u64,
    /// Objects of shards of other sources.
    pub(super) objects_of_others: u64,
}

impl Counts {
    /// The records that are proven to be where they belong.
    #[must_use]
    pub(super) fn proven(&self) -> u64 {
        self.in_lake + self.quarantined + self.dropped + self.bus_only
    }

    /// The records that the proof is not about, as the end of a sentence: those that have not landed yet.
    fn unfinished(&self) -> String {
        let not_yet = match self.not_yet {
            0 => None,
            1 => Some("1 has not landed yet".to_owned()),
            many => Some(format!("{} have not landed yet", HumanCount(many))),
        };
        let pending = match self.pending {
            0 => None,
            1 => Some("1 is pending".to_owned()),
            many => Some(format!("{} are pending", HumanCount(many))),
        };
        let parts: Vec<_> = not_yet.into_iter().chain(pending).collect();
        match parts.is_empty() {
            true => String::new(),
            false => format!("; {}", parts.join(", ")),
        }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        self.in_lake += more.in_lake;
        self.quarantined += more.quarantined;
        self.dropped += more.dropped;
        self.bus_only += more.bus_only;
        self.wrong += more.wrong;
        self.pending += more.pending;
        self.not_yet += more.not_yet;
        self.gone += more.gone;
        self.before += more.before;
        self.lost_ranges += more.lost_ranges;
        self.redriven += more.redriven;
        self.chunks += more.chunks;
        self.objects += more.objects;
        self.messages += more.messages;
        self.objects_gone += more.objects_gone;
        self.objects_pending += more.objects_pending;
        self.objects_new += more.objects_new;
        self.objects_expired += more.objects_expired;
        self.objects_of_others += more.objects_of_others;
    }
}

/// How much an audit reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditKind {
    /// The source and every object.
    Full,
    /// Ledgers, chunk manifests and the names of objects.
    Quick,
}

impl AuditKind {
    /// The word for an audit with findings.
    pub(super) fn disproven(self) -> &'static str {
        match self {
            Self::Full => "not proven",
            Self::Quick => "not consistent",
        }
    }
}

/// The report on a chunk, a shard or a lake.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// Counts.
    pub(super) counts: Counts,
    pub(super) findings: Findings,
    /// Notes, which are not findings.
    pub(super) notes: Vec<String>,
}

impl Report {
    /// Adds another report.
    pub(super) fn absorb(&mut self, other: Self) {
        self.counts += other.counts;
        self.findings.absorb(other.findings);
        self.notes.extend(other.notes);
    }

    /// Whether nothing is wrong.
    pub(super) fn is_right(&self) -> bool {
        self.findings.total() == 0 && self.counts.wrong == 0
    }

    /// Prints the report on standard output, in the format of the settings.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub(super) fn print(&self, settings: &RunSettings, kind: AuditKind) -> anyhow::Result<()> {
        match settings.summary {
            SummaryFormat::Json => output::line(self.json(kind)?)?,
            SummaryFormat::Text => output::text(self.text(settings, kind))?,
            SummaryFormat::None => {}
        }
        Ok(())
    }

    /// Notes about objects that are not compared with anything.
    pub(super) fn state_notes(&self) -> Vec<String> {
        let counts = &self.counts;
        let moving = counts.objects_pending + counts.objects_new;
        let expired = counts.objects_expired;
        let mut notes = Vec::new();
        if moving > 0 {
            notes.push(format!(
                "{} of chunks that are pending or were landed during the audit",
                output::counted(moving, "object")
            ));
        }
        if expired > 0 {
            notes.push(format!(
                "{} no longer there, whose records arrived before --expired-after",
                output::counted(expired, "object")
            ));
        }
        notes
    }

    fn json(&self, kind: AuditKind) -> serde_json::Result<String> {
        #[derive(Serialize)]
        struct Json<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            proven: Option<bool>,
            #[serde(skip_serializing_if = "Option::is_none")]
            consistent: Option<bool>,
            #[serde(flatten)]
            counts: &'a Counts,
            findings: u64,
            found: &'a [Finding],
            notes: &'a [String],
        }
        serde_json::to_string(&Json {
            proven: (kind == AuditKind::Full).then_some(self.is_right()),
            consistent: (kind == AuditKind::Quick).then_some(self.is_right()),
            counts: &self.counts,
            findings: self.findings.total(),
            found: self.findings.kept(),
            notes: &self.notes,
        })
    }

    fn text(&self, settings: &RunSettings, kind: AuditKind) -> String {
        let mut lines = vec![self.verdict(kind)];
        lines.extend(self.table(settings, kind));
        let kept = self.findings.kept();
        for finding in kept.iter().take(FINDINGS_SHOWN) {
            let (kind, message) = (finding.kind.name(), sanitize(&finding.message));
            lines.push(format!("  {kind}: {message}"));
        }
        let shown = kept.len().min(FINDINGS_SHOWN) as u64;
        match self.findings.total() - shown {
            0 => {}
            more => lines.push(format!(
                "  and {} more; --summary json names the first 1,000",
                HumanCount(more)
            )),
        }
        let notes = self
            .notes
            .iter()
            .map(|note| format!("note: {}", sanitize(note)));
        lines.extend(notes);
        lines
            .iter()
            .map(|line| format!("{}\n", line.trim_end()))
            .collect()
    }

    fn verdict(&self, kind: AuditKind) -> String {
        let records = HumanCount(self.counts.proven());
        let rest = self.counts.unfinished();
        match (self.is_right(), kind) {
            (true, AuditKind::Full) if self.counts.proven() == 1 => {
                format!("proven: 1 record is in exactly one place{rest}")
            }
            (true, AuditKind::Full) => {
                format!("proven: {records} records are each in exactly one place{rest}")
            }
            (true, AuditKind::Quick) => format!(
                "consistent: ledgers, chunk manifests and object names agree on {}{rest}; contents were not read",
                output::counted(self.counts.proven(), "record")
            ),
            (false, kind) => {
                let findings = counted(self.findings.total());
                format!("{}: {findings}", kind.disproven())
            }
        }
    }

    fn table(&self, settings: &RunSettings, kind: AuditKind) -> Vec<String> {
        let read = match kind {
            AuditKind::Full => "read line by line",
            AuditKind::Quick => "by their names",
        };
        let counts = &self.counts;
        let lake = &settings.lake;
        let rows = [
            ("in the lake", counts.in_lake, format!("in {lake}")),
            (
                "quarantined",
                counts.quarantined,
                "with their reasons".into(),
            ),
            (
                "dropped",
                counts.dropped,
                "by the transform, or empty".into(),
            ),
            ("bus only", counts.bus_only, "not in the lake".into()),
            (
                "redriven",
                counts.redriven,
                "times that a redrive took a record from quarantine".into(),
            ),
            ("wrong", counts.wrong, "see below".into()),
            (
                "pending",
                counts.pending,
                "the next run finishes them".into(),
            ),
            ("not yet", counts.not_yet, "landed".into()),
            (
                "gone",
                counts.gone,
                "expired from the source, only names were compared".into(),
            ),
            (
                "before",
                counts.before,
                "the first record that the function received".into(),
            ),
            (
                "lost ranges",
                counts.lost_ranges,
                "of the stream, whose records may be lost: see the notes".into(),
            ),
            (
                "objects",
                counts.objects,
                format!("of {}, {read}", output::counted(counts.chunks, "chunk")),
            ),
            ("messages", counts.messages, read.into()),
        ];
        let always = ["in the lake", "quarantined", "dropped", "objects"];
        rows.into_iter()
            .filter(|(name, count, _)| *count > 0 || always.contains(name))
            .map(|(name, count, what)| {
                format!("  {name:<11} {:>12}  {what}", HumanCount(count).to_string())
            })
            .collect()
    }
}

/// The number of findings, in words.
#[must_use]
pub(super) fn counted(findings: u64) -> String {
    output::counted(findings, "finding")
}

#[cfg(test)]
mod tests {
    use sluice_engine::record::ShardId;

    use super::*;
    use crate::audit::finding::Kind;

    #[test]
    fn the_first_line_names_what_has_not_landed() {
        let mut report = Report::default();
        report.counts.in_lake = 1;
        let proven = "proven: 1 record is in exactly one place";
        assert_eq!(report.verdict(AuditKind::Full), proven);
        (report.counts.not_yet, report.counts.pending) = (20, 98_000);
        let both = format!("{proven}; 20 have not landed yet, 98,000 are pending");
        assert_eq!(report.verdict(AuditKind::Full), both);
        (report.counts.not_yet, report.counts.pending) = (1, 0);
        let one = format!("{proven}; 1 has not landed yet");
        assert_eq!(report.verdict(AuditKind::Full), one);
        report.counts.not_yet = 0;
        report.counts.pending = 1;
        let quick = "agree on 1 record; 1 is pending; contents were not read";
        assert!(report.verdict(AuditKind::Quick).ends_with(quick));
    }

    #[test]
    fn the_report_has_counts_and_findings() {
        let shard = ShardId::new("s").unwrap();
        let mut report = Report::default();
        report.counts.in_lake = 3;
        report.findings.add(|| {
            Finding::new(Kind::ExtraLine, &shard, "line 4 of x")
                .line(3)
                .at("x")
        });
        let mut all = Report::default();
        all.absorb(report);
        let json: serde_json::Value =
            serde_json::from_str(&all.json(AuditKind::Full).unwrap()).unwrap();
        assert_eq!(json["proven"], false);
        assert_eq!(
            (&json["in_lake"], &json["findings"]),
            (&3.into(), &1.into())
        );
        let found = serde_json::json!({
            "kind": "extra_line", "shard": "s", "object": "x", "line": 4, "message": "line 4 of x"
        });
        assert_eq!(json["found"][0], found);
        assert_eq!(all.verdict(AuditKind::Full), "not proven: 1 finding");
        assert_eq!(all.verdict(AuditKind::Quick), "not consistent: 1 finding");
    }
}
