//! The quarantine of the lake, as the page shows it: all of its objects, of which a filter selects some.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use sluice_engine::outcome::ReasonCode;
use sluice_engine::record::{SequenceNumber, ShardId};
use sluice_release::bundle::ReleaseId;

use crate::console::Lake;
use crate::console::tasks::{OBJECT_MAX_BYTES, content_permit};
use crate::layout::chunk::ArrivalTimes;
use crate::ledger::Ledger;
use crate::quarantine::{ListProblem, Quarantine, QuarantineFilter, QuarantineObject};
use crate::tools::quarantine::listed::{Listed, listed};

/// What is in quarantine.
#[derive(Default)]
pub(super) struct QuarantineView {
    /// Whether a run has committed anything in the lake.
    pub(super) has_commits: bool,
    /// The last record that each ledger had committed.
    pub(super) committed: BTreeMap<ShardId, SequenceNumber>,
    /// The objects with records that are quarantined now.
    pub(super) current: Vec<Listed>,
    /// The objects of which a redrive has committed records.
    pub(super) redriven: Vec<QuarantineObject>,
    /// The number of the chunks whose manifests were read.
    pub(super) chunks: u64,
    /// What is left out, in words.
    pub(super) left_out: Vec<String>,
    /// What cannot be read.
    pub(super) problems: Vec<ListProblem>,
}

/// What a filter takes of it, counted.
pub(super) struct Selected<'a> {
    /// The objects with records that are quarantined now.
    pub(super) current: Vec<&'a Listed>,
    /// The records that the filter does not take because they have no time of arrival.
    pub(super) undated: u64,
    /// By reason and release, those with the most records first.
    pub(super) by_release: Vec<((&'a ReasonCode, &'a ReleaseId), Group<'a>)>,
    /// By reason, those with the most records first.
    pub(super) by_reason: Vec<(&'a ReasonCode, Group<'a>)>,
    pub(super) total: Group<'a>,
}

/// The sums of some objects.
#[derive(Default)]
pub(super) struct Group<'a> {
    /// The records that are quarantined now.
    pub(super) records: u64,
    pub(super) bytes: u64,
    pub(super) objects: u64,
    /// Of these records: those that a redrive has claimed and not committed.
    pub(super) claimed: u64,
    /// The times of these records; `None` if there are none.
    pub(super) times: Option<ArrivalTimes>,
    pub(super) releases: BTreeSet<&'a ReleaseId>,
    pub(super) shards: BTreeSet<&'a ShardId>,
    /// The records that redrives have taken out of quarantine.
    pub(super) redriven: u64,
}

/// Reads the ledgers, the list of quarantine and the manifests of its chunks; of the objects, only those of which an
/// unfinished redrive has committed a part.
///
/// # Errors
/// The lake cannot be read.
pub(super) async fn read(lake: Lake) -> anyhow::Result<QuarantineView> {
    let quarantine = Quarantine::open(&lake.store, lake.reads_at_once).await?;
    let quarantine = quarantine.with_object_max_bytes(OBJECT_MAX_BYTES);
    let mut list = quarantine.objects(&QuarantineFilter::default()).await?;
    let chunks = list.objects.iter().map(|it| (&it.shard, it.chunk));
    let chunks = chunks.collect::<BTreeSet<_>>().len() as u64;
    let redriven = list.objects.iter().filter(|object| object.redriven > 0);
    let redriven = redriven.cloned().collect();
    let left_out = list.left_out.messages(lake.store.as_ref()).collect();
    let _permit = content_permit().await?;
    let current = listed(&quarantine, &mut list, false).await?;
    Ok(QuarantineView {
        has_commits: quarantine.has_commits(),
        committed: quarantine.committed_positions(),
        current,
        redriven,
        chunks,
        left_out,
        problems: list.problems,
    })
}

/// The rule of [`times`], as the page says it.
pub(super) const TIME_RULE: &str = "The time of a record is when it arrived in the stream. A record of a file has no such time: \
     its time is when its chunk landed.";

/// The times of the records of an object, milliseconds since the Unix epoch: when those of its chunk arrived or, if their
/// source has no times, when the object was put. Plots and tables have the same times.
pub(super) fn times(object: &QuarantineObject) -> ArrivalTimes {
    let put_at = u64::try_from(object.put_at).unwrap_or_default();
    let put_at = ArrivalTimes {
        min: put_at,
        max: put_at,
    };
    // A time of 0 is unknown.
    let arrived_at = object.arrived_at.filter(|times| times.max > 0);
    match arrived_at.unwrap_or(put_at) {
        ArrivalTimes { min: 0, max } => ArrivalTimes { min: max, max },
        times => times,
    }
}

impl QuarantineView {
    /// Whether ledgers have committed more than was read. Those of redrives are among them.
    pub(super) fn is_behind(&self, ledgers: &[Ledger]) -> bool {
        let mut committed = ledgers.iter().filter_map(|ledger| {
            let committed = ledger.committed()?;
            Some((ledger.shard(), committed.last))
        });
        committed.any(|(shard, last)| self.committed.get(shard).is_none_or(|read| *read < last))
    }

    /// The objects with records that are quarantined now and that a filter takes, and the records that it does not take
    /// because they have no time of arrival.
    pub(super) fn current(&self, filter: &QuarantineFilter) -> (Vec<&Listed>, u64) {
        let current = self.current.iter();
        let current = current.filter(|listed| takes_but_for_times(filter, &listed.object));
        let (mut dated, undated): (Vec<_>, Vec<_>) =
            current.partition(|listed| !filter.has_times() || listed.object.arrived_at.is_some());
        dated.retain(|listed| filter.has_arrival(listed.object.arrived_at));
        (dated, undated.iter().map(|listed| listed.records).sum())
    }

    /// What a filter takes.
    pub(super) fn select(&self, filter: &QuarantineFilter) -> Selected<'_> {
        let (current, undated) = self.current(filter);
        let mut by_release = BTreeMap::<_, Group<'_>>::new();
        for listed in current.iter().copied() {
            let key = (&listed.object.reason, &listed.object.release);
            by_release.entry(key).or_default().add(listed);
        }
        let redriven = self.redriven.iter();
        let redriven = redriven
            .filter(|it| takes_but_for_times(filter, it) && filter.has_arrival(it.arrived_at));
        for object in redriven {
            let group = by_release.entry((&object.reason, &object.release));
            group.or_default().redriven += object.redriven;
        }
        let mut by_reason = BTreeMap::<_, Group<'_>>::new();
        let mut total = Group::default();
        for ((reason, _), group) in &by_release {
            by_reason.entry(*reason).or_default().merge(group);
            total.merge(group);
        }
        Selected {
            current,
            undated,
            by_release: most_first(by_release),
            by_reason: most_first(by_reason),
            total,
        }
    }
}

impl Selected<'_> {
    /// Whether nothing of it is quarantined, and nothing was.
    pub(super) fn is_empty(&self) -> bool {
        self.total.records == 0 && self.total.redriven == 0
    }
}

/// The groups, those with the most records first.
fn most_first<'a, K>(groups: BTreeMap<K, Group<'a>>) -> Vec<(K, Group<'a>)> {
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, group)| Reverse(group.records));
    groups
}

impl<'a> Group<'a> {
    fn add(&mut self, listed: &'a Listed) {
        let object = &listed.object;
        self.records += listed.records;
        self.bytes += listed.bytes;
        self.objects += 1;
        if object.claimed_by.is_some() {
            self.claimed += listed.records;
        }
        self.times = earliest_to_latest(self.times, Some(times(object)));
        self.releases.insert(&object.release);
        self.shards.insert(&object.shard);
    }

    fn merge(&mut self, other: &Self) {
        self.records += other.records;
        self.bytes += other.bytes;
        self.objects += other.objects;
        self.claimed += other.claimed;
        self.redriven += other.redriven;
        self.times = earliest_to_latest(self.times, other.times);
        self.releases.extend(&other.releases);
        self.shards.extend(&other.shards);
    }
}

fn earliest_to_latest(a: Option<ArrivalTimes>, b: Option<ArrivalTimes>) -> Option<ArrivalTimes> {
    match (a, b) {
        (Some(a), Some(b)) => Some(ArrivalTimes {
            min: a.min.min(b.min),
            max: a.max.max(b.max),
        }),
        (a, b) => a.or(b),
    }
}

fn takes_but_for_times(filter: &QuarantineFilter, object: &QuarantineObject) -> bool {
    filter.has_reason(&object.reason)
        && filter.has_shard(&object.shard)
        && filter.has_release(&object.release)
}

#[cfg(test)]
pub(super) mod tests {
    use sluice_storage::location::StoreLocation;

    use super::*;
    use crate::console::ledgers::Ledgers;
    use crate::console::tasks::on_a_thread;
    use crate::quarantine::tests::lake::{Chunk, Lake as TestLake, code, shard};

    /// The lake of a test, as the console has it.
    pub(in super::super) fn lake(of: &TestLake) -> Lake {
        Lake {
            location: StoreLocation::Folder(of.path("")),
            store: of.store(),
            reads_at_once: 4,
        }
    }

    /// A lake with two chunks: the reasons `trap` and `missing_field`, and two releases.
    pub(in super::super) fn example() -> TestLake {
        let mut lake = TestLake::new();
        lake.commit(&Chunk {
            arrived_at: Some(ArrivalTimes {
                min: 1_767_225_600_000,
                max: 1_767_225_700_000,
            }),
            lines: &[("1", "trap"), ("2", "trap"), ("3", "missing_field")],
            ..Chunk::default()
        });
        lake.commit(&Chunk {
            first: 10,
            last: 19,
            release: b"other",
            lines: &[("11", "trap")],
            ..Chunk::default()
        });
        lake
    }

    #[tokio::test]
    async fn manifests_are_read_and_no_objects() {
        let test = example();
        let store = test.test_store();
        let lake = Lake {
            store: store.clone(),
            ..lake(&test)
        };
        let view = on_a_thread(move || read(lake)).await.unwrap();
        let (_, reads) = store.take_reads();
        assert_eq!((view.current.len(), view.chunks), (3, 2));
        assert_eq!(reads, 3, "a ledger and two manifests");
        assert!(view.has_commits && view.problems.is_empty());
    }

    /// The ledgers of a lake, as pages get them.
    async fn ledgers(test: &TestLake) -> Vec<Ledger> {
        let view = Ledgers::new(Some(lake(test))).view().await;
        view.ready().unwrap().value.ledgers.clone()
    }

    #[tokio::test]
    async fn what_ledgers_have_committed_since_is_not_in_it() {
        let mut test = example();
        let view = read(lake(&test)).await.unwrap();
        let before = ledgers(&test).await;
        assert!(!view.is_behind(&before) && QuarantineView::default().is_behind(&before));
        test.commit(&Chunk {
            first: 20,
            last: 29,
            lines: &[("21", "trap")],
            ..Chunk::default()
        });
        let after = ledgers(&test).await;
        assert!(view.is_behind(&after));
        let view = read(lake(&test)).await.unwrap();
        assert!(!view.is_behind(&after) && !view.is_behind(&before));
    }

    #[tokio::test]
    async fn a_filter_selects_of_what_was_read() {
        let view = read(lake(&example())).await.unwrap();
        let all = view.select(&QuarantineFilter::default());
        let by_reason = all.by_reason.iter();
        let by_reason: Vec<_> = by_reason
            .map(|(reason, group)| (reason.as_str(), group.records, group.objects))
            .collect();
        assert_eq!(by_reason, [("trap", 3, 2), ("missing_field", 1, 1)]);
        let of_release = all.by_release.iter().map(|(_, group)| group.records);
        assert_eq!(of_release.collect::<Vec<_>>(), [2, 1, 1]);
        let total = &all.total;
        let (releases, shards) = (total.releases.len(), total.shards.len());
        assert_eq!(
            (total.records, total.objects, releases, shards),
            (4, 3, 2, 1)
        );
        let traps = QuarantineFilter {
            reasons: vec![code("trap")],
            from: Some(1_767_225_650_000),
            ..QuarantineFilter::default()
        };
        let selected = view.select(&traps);
        assert_eq!((selected.total.records, selected.undated), (2, 1));
        let nothing = QuarantineFilter {
            shards: vec![shard("other")],
            ..QuarantineFilter::default()
        };
        assert_eq!(view.select(&nothing).total.records, 0);
    }

    #[tokio::test]
    async fn a_record_without_a_time_of_arrival_has_that_of_its_chunk() {
        let before = chrono::Utc::now().timestamp_millis() - 10_000;
        let view = read(lake(&example())).await.unwrap();
        let mut object = view.current[0].object.clone();
        let arrived = ArrivalTimes { min: 0, max: 7 };
        object.arrived_at = Some(arrived);
        assert_eq!(times(&object), ArrivalTimes { min: 7, max: 7 });
        object.arrived_at = None;
        let put_at = u64::try_from(object.put_at).unwrap();
        assert_eq!(times(&object).min, put_at);
        assert!(object.put_at > before, "{} {before}", object.put_at);
    }
}
