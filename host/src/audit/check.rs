//! One chunk: what there is of it against what its records give.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::Audit;
use super::content::Part;
use super::difference::Difference;
use super::finding::{Finding, Kind, rid};
use super::inventory::{Held, bus_suffix};
use super::report::{Counts, Report};
use crate::chunk::Chunk;
use crate::record::{Position, ShardId};
use crate::sink::object_key::ChunkName;
use crate::sink::read::Objects;
use crate::sink::{Destination, Messages};

/// A chunk that is to be checked.
pub(super) struct Check {
    /// What it is checked with.
    pub(super) audit: Arc<Audit>,
    /// Its shard.
    pub(super) shard: ShardId,
    /// What its objects are called.
    pub(super) name: ChunkName,
    /// What there is of it.
    pub(super) held: Held,
    /// What there should be.
    pub(super) chunk: Arc<Chunk>,
}

/// An object or file that is there and should be.
struct Read {
    /// Its key, or its name on the bus.
    key: String,
    part: Part,
}

/// What reading it brought.
enum Outcome {
    Gone,
    Damaged(String),
    Compared(Vec<Difference>),
}

/// The findings about a chunk, and which of its records are not where they should be.
#[derive(Default)]
struct Verdict {
    report: Report,
    wrong: HashSet<Position>,
}

impl Check {
    /// Reads everything of the chunk and compares it.
    ///
    /// # Errors
    /// The lake or the bus cannot be read.
    pub(super) async fn run(self) -> anyhow::Result<Report> {
        let mut verdict = Verdict::default();
        let mut reads = self.objects(&mut verdict);
        reads.extend(self.messages(&mut verdict));
        let at_once = self
            .audit
            .lake
            .gets_at_once(self.audit.host.compute.threads());
        let outcomes = stream::iter(reads).map(|read| self.outcome(read));
        let mut outcomes = outcomes.buffered(at_once);
        while let Some((read, outcome)) = outcomes.try_next().await? {
            self.assess(&read, outcome, &mut verdict);
        }
        drop(outcomes);
        verdict.report.counts += self.counts(&verdict.wrong);
        Ok(verdict.report)
    }

    /// Which objects are to be read; what is there and should not be, and the other way round, is
    /// told.
    fn objects(&self, verdict: &mut Verdict) -> Vec<Read> {
        let expected = self.chunk.destinations().map(|to| (to.folder(), to));
        let mut missing: BTreeMap<String, &Destination> = expected.collect();
        let mut found = BTreeMap::new();
        for place in &self.held.objects {
            let folder = self.audit.inventory.folder(*place);
            let key = self.name.object_key(&self.shard, folder, place.format);
            if let Some(destination) = missing.remove(folder) {
                let part = Part::Object(destination.clone(), place.format);
                found.insert(folder, Read { key, part });
            } else {
                let why = match found.get(folder) {
                    Some(Read { key: other, .. }) => format!("{key} is there beside {other}"),
                    None => format!("{key} is there, and no record of its name belongs in it"),
                };
                verdict.find(|| Finding::new(Kind::ExtraObject, &self.shard, why).at(key));
            }
        }
        let format = self.held.objects.first().map(|place| place.format);
        for (folder, destination) in missing {
            let format = format.unwrap_or_default();
            let key = self.name.object_key(&self.shard, &folder, format);
            let part = Part::Object(destination.clone(), format);
            self.is_missing(&Read { key, part }, verdict);
        }
        found.into_values().collect()
    }

    /// As [`objects`](Self::objects), for the file of messages.
    fn messages(&self, verdict: &mut Verdict) -> Option<Read> {
        self.audit.bus.as_ref()?;
        let part = match self.audit.messages {
            Messages::None => return None,
            Messages::Events => Part::Messages,
            Messages::Objects => {
                let format = self.held.objects.first().map(|place| place.format);
                Part::Announcements(format.unwrap_or_default())
            }
        };
        let suffix = bus_suffix(self.audit.messages);
        let key = format!("bus:{}{suffix}", self.name.stem(&self.shard));
        let expected = part.lines(&self.chunk) > 0;
        let read = Read { key, part };
        match (expected, self.held.on_bus) {
            (true, true) => return Some(read),
            (true, false) => self.is_missing(&read, verdict),
            (false, true) => verdict.find(|| {
                let why = format!("{} is there, and its records give no message", read.key);
                Finding::new(Kind::ExtraObject, &self.shard, why).at(read.key)
            }),
            (false, false) => {}
        }
        None
    }

    fn is_missing(&self, Read { key, part }: &Read, verdict: &mut Verdict) {
        let lines = part.lines(&self.chunk);
        let positions = (0..lines).filter_map(|line| part.position(&self.chunk, line));
        let positions: BTreeSet<_> = positions.collect();
        let mut finding = Finding::new(Kind::MissingObject, &self.shard, "").at(key);
        finding.message = format!("{key} is not there");
        if let (Some(first), Some(last)) = (positions.first(), positions.last()) {
            let (from, to) = (rid(&self.shard, *first), rid(&self.shard, *last));
            let records = positions.len();
            finding = finding.between(*first, *last);
            finding.message += &format!(", which {records} records belong in, {from} to {to}");
        }
        verdict.find(|| finding);
        verdict.wrong.extend(positions);
    }

    async fn outcome(&self, read: Read) -> anyhow::Result<(Read, Outcome)> {
        let objects = match (&read.part, &self.audit.bus) {
            (Part::Messages | Part::Announcements(_), Some(bus)) => bus,
            _ => &self.audit.lake,
        };
        let Some(bytes) = get(objects, &read.key).await? else {
            return Ok((read, Outcome::Gone));
        };
        let (chunk, lake) = (self.chunk.clone(), self.audit.lake_name.clone());
        let compared = self.audit.host.compute.spawn(move || {
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
                let lines = read.part.lines(&self.chunk);
                let positions = (0..lines).filter_map(|i| read.part.position(&self.chunk, i));
                verdict.wrong.extend(positions);
                let key = &read.key;
                let why = format!("{key} cannot be decoded: {why}");
                verdict.find(|| Finding::new(Kind::DamagedObject, &self.shard, why).at(key));
            }
            Outcome::Compared(differences) if differences.is_empty() => match read.part {
                Part::Object(..) => counts.objects += 1,
                _ => counts.messages += read.part.lines(&self.chunk) as u64,
            },
            Outcome::Compared(differences) => {
                for difference in differences {
                    let position = difference.expected();
                    let position = position.and_then(|i| read.part.position(&self.chunk, i));
                    verdict.wrong.extend(position);
                    verdict.find(|| self.differs(&read.key, difference, position));
                }
            }
        }
    }

    fn differs(&self, key: &str, difference: Difference, position: Option<Position>) -> Finding {
        let record = position.map(|position| rid(&self.shard, position));
        let record = record.as_deref().unwrap_or("an object");
        let place = |line: usize| format!("line {} of {key}", line + 1);
        let (kind, line, message) = match difference {
            Difference::Missing { .. } => {
                let message = format!("the line of {record} is not in {key}");
                (Kind::MissingRecord, None, message)
            }
            Difference::Extra { line } => {
                let message = format!("{} comes of no record", place(line));
                (Kind::ExtraLine, Some(line), message)
            }
            Difference::Changed { line, .. } => {
                let message = format!("{} is not what {record} gives", place(line));
                (Kind::ChangedLine, Some(line), message)
            }
            Difference::Moved { line, .. } => {
                let message = format!("{} is that of {record}, out of order", place(line));
                (Kind::MovedLine, Some(line), message)
            }
            Difference::Repeated { line, .. } => {
                let message = format!("{} is that of {record} once more", place(line));
                (Kind::RepeatedLine, Some(line), message)
            }
        };
        let mut finding = Finding::new(kind, &self.shard, message).at(key);
        finding = position.into_iter().fold(finding, Finding::of);
        line.into_iter().fold(finding, Finding::line)
    }

    /// Where the chunk's records are; the wrong ones are taken from where they should be.
    fn counts(&self, wrong: &HashSet<Position>) -> Counts {
        let all = self.chunk.counts();
        let rejected = all.rejected_records();
        let mut counts = Counts {
            in_lake: all.records - rejected - all.dropped - all.bus_only,
            in_quarantine: rejected,
            dropped: all.dropped,
            bus_only: all.bus_only,
            wrong: wrong.len() as u64,
            chunks: 1,
            ..Counts::default()
        };
        if wrong.is_empty() {
            return counts;
        }
        let mut in_lake: HashSet<&Position> = HashSet::new();
        let mut in_quarantine: HashSet<&Position> = HashSet::new();
        for destination in self.chunk.destinations() {
            let wrong_here = self.chunk.lines(destination).1.iter();
            let wrong_here = wrong_here.filter(|position| wrong.contains(position));
            match destination {
                Destination::Lake(_) => in_lake.extend(wrong_here),
                Destination::Quarantine(_) => in_quarantine.extend(wrong_here),
            }
        }
        counts.in_lake -= in_lake.len() as u64;
        counts.in_quarantine -= in_quarantine.len() as u64;
        counts.bus_only -= (wrong.len() - in_lake.len() - in_quarantine.len()) as u64;
        counts
    }
}

impl Verdict {
    fn find(&mut self, finding: impl FnOnce() -> Finding) {
        self.report.findings.add(finding);
    }
}

/// Reads an object by its key, or a file by its name behind `bus:`.
async fn get(objects: &Objects, key: &str) -> anyhow::Result<Option<Vec<u8>>> {
    let name = key.strip_prefix("bus:").unwrap_or(key);
    Ok(objects.get(name).await?)
}
