//! The quarantine of the lake, as the page shows it: all of its objects, of which a filter selects some.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::console::Lake;
use crate::quarantine::{ListProblem, Quarantine, QuarantineFilter, QuarantineObject};
use crate::tools::quarantine::listed::{Listed, listed};
use crate::tools::quarantine::sums::Sums;

/// What is in quarantine.
#[derive(Default)]
pub(super) struct QuarantineView {
    /// Whether a run has committed anything in the lake.
    pub(super) has_commits: bool,
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

/// What a filter takes of it.
pub(super) struct Selected<'a> {
    pub(super) current: Vec<&'a Listed>,
    pub(super) redriven: Vec<&'a QuarantineObject>,
    /// The records that the filter does not take because they have no time of arrival.
    pub(super) undated: u64,
}

/// The sums of some objects.
#[derive(Default)]
pub(super) struct Group {
    /// Of what is quarantined now.
    pub(super) sums: Sums,
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
    let mut list = quarantine.objects(&QuarantineFilter::default()).await?;
    let chunks = list.objects.iter().map(|it| (&it.shard, it.chunk));
    let chunks = chunks.collect::<BTreeSet<_>>().len() as u64;
    let redriven = list.objects.iter().filter(|object| object.redriven > 0);
    let redriven = redriven.cloned().collect();
    let left_out = list.left_out.messages(lake.store.as_ref()).collect();
    let current = listed(&quarantine, &mut list, false).await?;
    Ok(QuarantineView {
        has_commits: quarantine.has_commits(),
        current,
        redriven,
        chunks,
        left_out,
        problems: list.problems,
    })
}

impl QuarantineView {
    /// The objects that a filter takes.
    pub(super) fn select(&self, filter: &QuarantineFilter) -> Selected<'_> {
        let current = self.current.iter();
        let (taken, undated): (Vec<_>, Vec<_>) = current
            .filter(|listed| takes_but_for_times(filter, &listed.object))
            .partition(|listed| !filter.has_times() || listed.object.arrived_at.is_some());
        let taken = taken.into_iter();
        let redriven = self.redriven.iter();
        Selected {
            current: taken
                .filter(|listed| filter.has_arrival(listed.object.arrived_at))
                .collect(),
            redriven: redriven
                .filter(|it| takes_but_for_times(filter, it) && filter.has_arrival(it.arrived_at))
                .collect(),
            undated: undated.iter().map(|listed| listed.records).sum(),
        }
    }
}

fn takes_but_for_times(filter: &QuarantineFilter, object: &QuarantineObject) -> bool {
    filter.has_reason(&object.reason)
        && filter.has_shard(&object.shard)
        && filter.has_release(&object.release)
}

impl<'a> Selected<'a> {
    /// The sums by a key, those with the most records first.
    pub(super) fn by<K: Ord>(&self, key: impl Fn(&'a QuarantineObject) -> K) -> Vec<(K, Group)> {
        let mut groups = BTreeMap::<K, Group>::new();
        for listed in self.current.iter().copied() {
            let group = groups.entry(key(&listed.object)).or_default();
            group.sums.add(listed);
        }
        for object in self.redriven.iter().copied() {
            let group = groups.entry(key(object)).or_default();
            group.redriven += object.redriven;
        }
        let mut groups: Vec<_> = groups.into_iter().collect();
        groups.sort_by_key(|(_, group)| Reverse(group.sums.records));
        groups
    }

    /// The sums of all.
    pub(super) fn total(&self) -> Group {
        let all = self.by(|_| ()).pop();
        all.map(|(_, group)| group).unwrap_or_default()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use sluice_storage::location::StoreLocation;

    use super::*;
    use crate::console::tasks::on_a_thread;
    use crate::layout::chunk::ArrivalTimes;
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

    #[tokio::test]
    async fn a_filter_selects_of_what_was_read() {
        let view = read(lake(&example())).await.unwrap();
        let all = view.select(&QuarantineFilter::default());
        let by_reason = all.by(|object| &object.reason);
        let by_reason: Vec<_> = by_reason
            .iter()
            .map(|(reason, group)| (reason.as_str(), group.sums.records, group.sums.objects))
            .collect();
        assert_eq!(by_reason, [("trap", 3, 2), ("missing_field", 1, 1)]);
        assert_eq!(all.total().sums.records, 4);
        let traps = QuarantineFilter {
            reasons: vec![code("trap")],
            from: Some(1_767_225_650_000),
            ..QuarantineFilter::default()
        };
        let selected = view.select(&traps);
        assert_eq!((selected.total().sums.records, selected.undated), (2, 1));
        let nothing = QuarantineFilter {
            shards: vec![shard("other")],
            ..QuarantineFilter::default()
        };
        assert_eq!(view.select(&nothing).total().sums.records, 0);
    }
}
