//! Compares the objects and the manifest of one chunk with those that its records make.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use sluice_engine::record::ShardId;

use super::content::Part;
use super::difference::Difference;
use super::finding::{Finding, Kind};
use super::inventory::{ChunkObjects, bus_key};
use super::read::get;
use super::report::{Counts, Report};
use super::{Audit, archive};
use crate::layout::Destination;
use crate::layout::chunk::{Chunk, RecordRef};
use crate::layout::chunk_manifest::ChunkManifest;
use crate::ledger::messages::Messages;
use crate::output::counted;

/// The check of one chunk.
pub(super) struct Check {
    /// The shared state.
    pub(super) audit: Arc<Audit>,
    /// The objects that exist.
    pub(super) present: ChunkObjects,
    /// Its manifest.
    pub(super) manifest: Arc<ChunkManifest>,
    /// The expected chunk.
    pub(super) chunk: Arc<Chunk>,
}

/// An existing object or file that is expected.
struct Read {
    /// Its key, or its name on the bus.
    key: String,
    part: Part,
}

/// The result of reading it.
enum Outcome {
    Gone,
    Damaged(String),
    Compared(Vec<Difference>),
}

/// The report on a chunk, and its records that are not where they should be.
#[derive(Default)]
struct Verdict {
    report: Report,
    wrong: HashSet<RecordRef>,
}

impl Check {
    /// Reads and compares all objects of the chunk.
    ///
    /// # Errors
    /// The lake or the bus cannot be read.
    pub(super) async fn run(self) -> anyhow::Result<Report> {
        let mut verdict = Verdict::default();
        let mut reads = self.objects(&mut verdict);
        reads.extend(self.messages(&mut verdict));
        let at_once = self.audit.lake.reads_at_once;
        let outcomes = stream::iter(reads).map(|read| self.outcome(read));
        let mut outcomes = outcomes.buffered(at_once);
        while let Some((read, outcome)) = outcomes.try_next().await? {
            self.assess(&read, outcome, &mut verdict);
        }
        drop(outcomes);
        let (lake, compute) = (&self.audit.lake, &self.audit.context.compute);
        let archived = lake.compare_archived(&self.manifest, compute).await?;
        verdict.report.absorb(archived);
        if verdict.report.findings.total() == 0 {
            self.compare_manifest(&mut verdict).await;
        }
        verdict.report.counts += self.counts(&verdict.wrong);
        Ok(verdict.report)
    }

    /// Compares the manifest with what the records make. If the objects differ from that too, the source may
    /// have changed, and they have been reported.
    async fn compare_manifest(&self, verdict: &mut Verdict) {
        let (chunk, manifest) = (self.chunk.clone(), self.manifest.clone());
        let compared = self.audit.context.compute.spawn(move || {
            let contents = chunk.destinations().cloned();
            let contents = contents.map(|to| {
                let content = chunk.content(&to);
                (to, content)
            });
            let last_digest = chunk.last_digest().unwrap_or(manifest.last_digest);
            let contents = contents.collect();
            let expected =
                ChunkManifest::new(chunk.outline(), manifest.after, last_digest, contents);
            let expected = expected.with_archive(archive::expected(&chunk, &manifest));
            manifest.difference(&expected)
        });
        if let Some([part, found, expected]) = compared.finish().await {
            let why = format!("{part} is {found}, and its records make {expected}");
            let (shard, name) = (self.shard(), self.manifest.name());
            verdict.find(|| Finding::of_chunk(Kind::ChangedManifest, shard, name, &why));
        }
    }

    fn shard(&self) -> &ShardId {
        &self.manifest.shard
    }

    /// The id of a record, which in a redrive is that of the shard that it came from.
    fn rid(&self, record: RecordRef) -> String {
        self.chunk.rid(record).to_string()
    }

    /// The objects to read. Unexpected and missing ones are reported.
    fn objects(&self, verdict: &mut Verdict) -> Vec<Read> {
        let expected = self.chunk.destinations().map(|to| (to.folder(), to));
        let mut missing: BTreeMap<String, &Destination> = expected.collect();
        let mut found = BTreeMap::new();
        let (inventory, name) = (&self.audit.lake.inventory, self.manifest.name());
        for place in &self.present.objects {
            let folder = inventory.folder(*place);
            let key = inventory.key(self.shard(), name, *place);
            let format = self.manifest.pins.format;
            let is_of_format = missing
                .get(folder)
                .is_some_and(|to| to.format(format) == place.format);
            let destination = is_of_format.then(|| missing.remove(folder)).flatten();
            if let Some(destination) = destination {
                let part = Part::Object(destination.clone(), place.format);
                found.insert(folder, Read { key, part });
            } else {
                let why = match found.get(folder) {
                    Some(Read { key: other, .. }) => format!("{key} exists as well as {other}"),
                    None => format!("{key} exists, and no record of its range belongs in it"),
                };
                verdict.find(|| Finding::new(Kind::ExtraObject, self.shard(), why).at(key));
            }
        }
        for (folder, destination) in missing {
            let format = destination.format(self.manifest.pins.format);
            let key = name.object_key(self.shard(), &folder, format);
            let part = Part::Object(destination.clone(), format);
            self.is_missing(&Read { key, part }, verdict);
        }
        found.into_values().collect()
    }

    /// As [`objects`](Self::objects), for the file of messages.
    fn messages(&self, verdict: &mut Verdict) -> Option<Read> {
        self.audit.lake.bus.as_ref()?;
        let name = self.manifest.name();
        let mut found = None;
        for messages in [Messages::Events, Messages::Packed, Messages::Objects] {
            let part = match messages {
                Messages::Events | Messages::Packed => Part::Messages,
                Messages::Objects => Part::Notifications,
            };
            let is_expected = self.chunk.pins().messages == Some(messages);
            let is_expected = is_expected && part.lines(&self.chunk) > 0;
            let key = bus_key(self.shard(), name, messages);
            match (is_expected, self.present.on_bus.contains(&messages)) {
                (true, true) => found = Some(Read { key, part }),
                (true, false) => self.is_missing(&Read { key, part }, verdict),
                (false, true) => {
                    let why = format!("{key} exists, and its records have no such message");
                    verdict.find(|| Finding::new(Kind::ExtraObject, self.shard(), why).at(key));
                }
                (false, false) => {}
            }
        }
        found
    }

    fn is_missing(&self, Read { key, part }: &Read, verdict: &mut Verdict) {
        if self.audit.lake.has_expired(&self.manifest) {
            verdict.report.counts.objects_expired += 1;
            return;
        }
        let records = part.records(&self.chunk).into_iter();
        let all: BTreeSet<_> = records.flatten().collect();
        let mut finding = Finding::new(Kind::MissingObject, self.shard(), "").at(key);
        finding.message = format!("{key} does not exist");
        if let (Some(first), Some(last)) = (all.first(), all.last()) {
            let (from, to) = (self.rid(*first), self.rid(*last));
            let records = counted(all.len() as u64, "record");
            let belong = if all.len() == 1 { "belongs" } else { "belong" };
            finding.message += &format!("; {records} {belong} in it, {from} to {to}");
            finding = finding.of_records(from, to);
        }
        verdict.find(|| finding);
        verdict.wrong.extend(all);
    }

    async fn outcome(&self, read: Read) -> anyhow::Result<(Read, Outcome)> {
        let objects = match (&read.part, &self.audit.lake.bus) {
            (Part::Messages | Part::Notifications, Some(bus)) => bus,
            _ => &self.audit.lake.store,
        };
        let Some(bytes) = get(&**objects, &read.key).await? else {
            return Ok((read, Outcome::Gone));
        };
        let (chunk, lake) = (self.chunk.clone(), self.audit.lake_name.clone());
        let compared = self.audit.context.compute.spawn(move || {
            let compared = read.part.compare(&chunk, &lake, &bytes);
            (read, compared)
        });
        let (read, compared) = compared.finish().await;
        let outcome = compared.map_or_else(
            |error| Outcome::Damaged(error.to_string()),
            Outcome::Compared,
        );
        Ok((read, outcome))
    }

    fn assess(&self, read: &Read, outcome: Outcome, verdict: &mut Verdict) {
        let counts = &mut verdict.report.counts;
        match outcome {
            Outcome::Gone => self.is_missing(read, verdict),
            Outcome::Damaged(why) => {
                let records = read.part.records(&self.chunk).into_iter();
                verdict.wrong.extend(records.flatten());
                let key = &read.key;
                let why = format!("{key} cannot be decoded: {why}");
                verdict.find(|| Finding::new(Kind::DamagedObject, self.shard(), why).at(key));
            }
            Outcome::Compared(differences) if differences.is_empty() => match read.part {
                Part::Object(..) => counts.objects += 1,
                _ => counts.messages += read.part.lines(&self.chunk) as u64,
            },
            Outcome::Compared(differences) => {
                let records = read.part.records(&self.chunk);
                for difference in differences {
                    let of_line = difference.expected().and_then(|line| records.get(line));
                    let of_line = of_line.map_or(&[][..], Vec::as_slice);
                    verdict.wrong.extend(of_line);
                    verdict.find(|| self.differs(&read.key, difference, of_line));
                }
            }
        }
    }

    /// The finding about a line of these records.
    fn differs(&self, key: &str, difference: Difference, records: &[RecordRef]) -> Finding {
        let ends = records.first().zip(records.last());
        let ends = ends.map(|(first, last)| (self.rid(*first), self.rid(*last)));
        let record = match &ends {
            None => "an object".to_owned(),
            Some((first, last)) if first == last => first.clone(),
            Some((first, last)) => {
                let different = records.chunk_by(|one, next| one == next).count();
                let records = counted(different as u64, "record");
                format!("{records} ({first} to {last})")
            }
        };
        let place = |line: usize| format!("line {} of {key}", line + 1);
        let (kind, line, message) = match difference {
            Difference::Missing { .. } => {
                let message = format!("the line of {record} is not in {key}");
                (Kind::MissingRecord, None, message)
            }
            Difference::Extra { line } => {
                let message = format!("{} belongs to no record", place(line));
                (Kind::ExtraLine, Some(line), message)
            }
            Difference::Changed { line, .. } => {
                let message = format!("{} differs from the line of {record}", place(line));
                (Kind::ChangedLine, Some(line), message)
            }
            Difference::Moved { line, .. } => {
                let message = format!("{} is the line of {record}, out of order", place(line));
                (Kind::MovedLine, Some(line), message)
            }
            Difference::Repeated { line, .. } => {
                let message = format!("{} repeats the line of {record}", place(line));
                (Kind::RepeatedLine, Some(line), message)
            }
        };
        let mut finding = Finding::new(kind, self.shard(), message).at(key);
        if let Some((first, last)) = ends {
            finding = finding.of_records(first, last);
        }
        line.into_iter().fold(finding, Finding::line)
    }

    /// The counts of the chunk's records by place, without the wrong ones.
    fn counts(&self, wrong: &HashSet<RecordRef>) -> Counts {
        let all = self.chunk.counts();
        let quarantined = all.quarantined_records();
        let redriven = self.audit.lake.redrives.redriven_of(&self.manifest);
        let mut counts = Counts {
            in_lake: all.records - quarantined - all.dropped - all.bus_only,
            quarantined: quarantined.saturating_sub(redriven),
            redriven,
            dropped: all.dropped,
            bus_only: all.bus_only,
            wrong: wrong.len() as u64,
            chunks: 1,
            ..Counts::default()
        };
        if wrong.is_empty() {
            return counts;
        }
        let mut in_lake: HashSet<&RecordRef> = HashSet::new();
        let mut in_quarantine: HashSet<&RecordRef> = HashSet::new();
        for destination in self.chunk.destinations() {
            let wrong_here = self.chunk.lines(destination).1.iter();
            let wrong_here = wrong_here.filter(|record| wrong.contains(record));
            match destination {
                Destination::Lake(_) => in_lake.extend(wrong_here),
                Destination::Quarantine(_) => in_quarantine.extend(wrong_here),
            }
        }
        counts.in_lake -= in_lake.len() as u64;
        // Some of them can be counted where a redrive has landed them.
        let in_quarantine_now = counts.quarantined.min(in_quarantine.len() as u64);
        counts.quarantined -= in_quarantine_now;
        counts.bus_only -= (wrong.len() - in_lake.len() - in_quarantine.len()) as u64;
        counts
    }
}

impl Verdict {
    fn find(&mut self, finding: impl FnOnce() -> Finding) {
        self.report.findings.add(finding);
    }
}
