//! The shards of a stream as units of parts.

use std::collections::{HashMap, HashSet};

use anyhow::Context as _;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use sluice_engine::record::{Bound, Bounds, SequenceNumber};
use sluice_storage::error::RequestError;

use super::{PartPlan, Planner, Selected, Unit, Units};
use crate::config::RunSettings;
use crate::modes::targets::Targets;
use crate::pipeline::RunContext;
use crate::source::kinesis::api::Start;
use crate::source::kinesis::{KinesisError, ShardInfo, Stream};

/// The number of shards that are read at once to find out whether they have records.
const READS_AT_ONCE: usize = 16;

/// The shards of a stream that are of one part.
#[derive(Debug)]
pub struct StreamPart {
    plan: PartPlan,
    /// Whether the replay goes on to the newest record.
    is_open_ended: bool,
    /// The shards without a part that are reported.
    reported: HashSet<String>,
    /// The shards of this part that the stream does not list any more, each with whether all of it has landed.
    gone: HashMap<String, bool>,
}

impl StreamPart {
    /// The part of these settings, if they are of one. The first part that starts plans all.
    ///
    /// # Errors
    /// The stream or the lake cannot be read, or the lake has the plan of another replay.
    pub async fn of(
        settings: &RunSettings,
        targets: &Targets,
        stream: &Stream,
    ) -> anyhow::Result<Option<Self>> {
        let (Some(_), Some(bounds)) = (settings.part, settings.replay) else {
            return Ok(None);
        };
        let divider = Divider {
            settings,
            stream,
            bounds,
        };
        let what = || format!("plan the parts of the stream {}", stream.address());
        let created_at = divider.created_at().await.with_context(what)?;
        let Some(planner) = Planner::of(settings, Some(created_at)).await? else {
            return Ok(None);
        };
        let units = async { Ok(divider.units().await?) };
        let plan = planner.plan(targets, units).await;
        Ok(Some(Self {
            plan: plan.with_context(what)?,
            is_open_ended: bounds.to.is_none(),
            reported: HashSet::new(),
            gone: HashMap::new(),
        }))
    }

    /// Divides the shards that the stream lists now. What was reported before is not among the result. The end of the
    /// bounds had passed when the plan was made, so a shard that came later has no record in them.
    pub fn select(&mut self, listed: Vec<ShardInfo>, context: &RunContext) -> Selected<ShardInfo> {
        let mut selected = self.plan.select(listed, |info| info.id.clone());
        let (plan, gone) = (&self.plan, &self.gone);
        selected
            .missing
            .retain(|id| !plan.is_without_records(id) && !gone.contains_key(id));
        let (is_open_ended, reported) = (self.is_open_ended, &mut self.reported);
        selected
            .unplanned
            .retain(|id| is_open_ended && reported.insert(id.clone()));
        super::report_unplanned(&selected.unplanned, context);
        selected
    }

    /// Notes that the stream does not list a shard of this part any more. `has_landed` says whether all of it has landed.
    pub fn is_gone(&mut self, id: String, has_landed: bool) {
        if !has_landed {
            tracing::error!(shard = id, "{}", self.plan.why_missing());
        }
        self.gone.insert(id, has_landed);
    }

    /// Checks at the end that nothing of this part is lost.
    ///
    /// # Errors
    /// A shard is gone from the stream that has not landed.
    pub fn check_end(&self) -> anyhow::Result<()> {
        let lost = self.gone.iter().filter(|(_, has_landed)| !**has_landed);
        let lost = lost.map(|(id, _)| id.as_str()).min();
        let why = || self.plan.why_missing();
        lost.map_or(Ok(()), |id| anyhow::bail!("the shard {id}: {}", why()))
    }

    /// Says that this part has nothing to do, if that is so.
    pub fn report_empty(&self) {
        if self.plan.mine().next().is_none() {
            super::warn_of_nothing(self.plan.part);
        }
    }
}

/// Divides the shards of a stream.
struct Divider<'a> {
    settings: &'a RunSettings,
    stream: &'a Stream,
    bounds: Bounds,
}

impl Divider<'_> {
    async fn created_at(&self) -> Result<i64, RequestError> {
        let describe = || async {
            let described = self.stream.describe().await;
            described.map_err(KinesisError::into_request_error)
        };
        let policy = &self.settings.retry_policy;
        let described = policy.retry("list_shards", "describe the stream", describe);
        Ok(described.await?.created_at)
    }

    async fn units(&self) -> Result<Units, RequestError> {
        let list = || async {
            let shards = self.stream.list_shards().await;
            shards.map_err(KinesisError::into_request_error)
        };
        let policy = &self.settings.retry_policy;
        let shards = policy.retry("list_shards", "list the shards", list).await?;
        let reads = stream::iter(&shards).map(|info| self.has_records(info));
        let has_records: Vec<_> = reads.buffered(READS_AT_ONCE).try_collect().await?;
        Ok(divide(&shards, &has_records, self.bounds))
    }

    /// Whether a shard has a record in the bounds.
    async fn has_records(&self, info: &ShardInfo) -> Result<bool, RequestError> {
        let start = match self.bounds.from {
            Some(Bound::Moment(from)) => Start::At(from),
            Some(Bound::Sequence(_)) | None => Start::TrimHorizon,
        };
        let first = || async {
            match self.stream.first_record(&info.id, start).await {
                Err(KinesisError::UnknownPosition(_)) => Ok(None),
                first => first.map_err(KinesisError::into_request_error),
            }
        };
        let what = format!("read {} of {}", info.id, self.stream.name());
        let policy = &self.settings.retry_policy;
        let first = policy.retry("get_records", &what, first).await?;
        let arrived_at = first.map(|record| {
            let arrived_at = record.approximate_arrival_timestamp();
            let arrived_at = arrived_at.and_then(|at| at.to_millis().ok());
            arrived_at
                .and_then(|at| u64::try_from(at).ok())
                .unwrap_or(0)
        });
        // The bounds of a part have times only, so the number of the record does not matter.
        let is_after = |at: u64| self.bounds.is_after(SequenceNumber::from(0), at);
        Ok(arrived_at.is_some_and(|at| !is_after(at)))
    }
}

/// The units of a stream. Shards with records to replay that descend from each other are a family, with those between
/// them. A shard without such records holds up no other one, so it divides families.
fn divide(shards: &[ShardInfo], has_records: &[bool], bounds: Bounds) -> Units {
    let lineage = Lineage::of(shards);
    let is_relevant: Vec<bool> = has_records
        .iter()
        .enumerate()
        // An open shard can get records up to the newest one.
        .map(|(at, has)| *has || (bounds.to.is_none() && lineage.is_open[at]))
        .collect();
    let families = lineage.families(&is_relevant);
    let (mut units, mut without_records) = (Vec::new(), Vec::new());
    for (at, info) in shards.iter().enumerate() {
        let family = families[at].map(|first| shards[first].id.clone());
        units.push(Unit::new(info.id.clone(), is_relevant[at].into()).in_family(family));
        if !is_relevant[at] {
            without_records.push(info.id.clone());
        }
    }
    Units {
        units,
        without_records,
    }
}

/// Which shards were split or merged into which, by their places in the list.
struct Lineage {
    /// The pairs of a parent and its child.
    edges: Vec<(usize, usize)>,
    /// The shards without children.
    is_open: Vec<bool>,
}

impl Lineage {
    fn of(shards: &[ShardInfo]) -> Self {
        let ids = shards.iter().enumerate();
        let places: HashMap<_, _> = ids.map(|(at, info)| (info.id.as_str(), at)).collect();
        let children = shards.iter().enumerate();
        let edges = children.flat_map(|(child, info)| {
            let parents = info.parents.iter();
            let parents = parents.filter_map(|parent| places.get(parent.as_str()).copied());
            parents.map(move |parent| (parent, child))
        });
        let edges: Vec<_> = edges.collect();
        let mut is_open = vec![true; shards.len()];
        edges
            .iter()
            .for_each(|(parent, _)| is_open[*parent] = false);
        Self { edges, is_open }
    }

    /// The first shard of the family of each shard; `None` for those that are of none.
    fn families(&self, is_relevant: &[bool]) -> Vec<Option<usize>> {
        let (mut is_behind, mut is_before) = (is_relevant.to_vec(), is_relevant.to_vec());
        self.repeat(|parent, child| {
            raise(&mut is_behind, parent, child) | raise(&mut is_before, child, parent)
        });
        let is_linked = is_behind.iter().zip(&is_before).map(|(a, b)| *a && *b);
        let is_linked: Vec<bool> = is_linked.collect();
        let mut first: Vec<usize> = (0..self.is_open.len()).collect();
        self.repeat(|parent, child| {
            is_linked[parent] && is_linked[child] && lower(&mut first, parent, child)
        });
        let of = |(at, first): (usize, usize)| is_linked[at].then_some(first);
        first.into_iter().enumerate().map(of).collect()
    }

    /// Does a step for each parent and child, until none changes anything.
    fn repeat(&self, mut step: impl FnMut(usize, usize) -> bool) {
        let mut has_changed = true;
        while has_changed {
            let steps = self
                .edges
                .iter()
                .map(|(parent, child)| step(*parent, *child));
            has_changed = steps.fold(false, |before, changed| before | changed);
        }
    }
}

/// Passes a mark on. Returns whether that is new.
fn raise(marks: &mut [bool], from: usize, to: usize) -> bool {
    let is_new = marks[from] && !marks[to];
    marks[to] |= marks[from];
    is_new
}

/// Gives two shards the lesser of their numbers. Returns whether one of them changed.
fn lower(first: &mut [usize], one: usize, other: usize) -> bool {
    let least = first[one].min(first[other]);
    let is_new = first[one] != first[other];
    (first[one], first[other]) = (least, least);
    is_new
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn shard(id: usize, parents: &[usize]) -> ShardInfo {
        let name = |id: &usize| format!("shard-{id}");
        ShardInfo {
            id: name(&id),
            parents: parents.iter().map(name).collect(),
            hash_keys: 0..=1,
        }
    }

    fn bounded() -> Bounds {
        Bounds {
            from: None,
            to: "2026-01-01T00:00:00Z".parse().ok(),
        }
    }

    /// The families by their shards, with more than one.
    fn families(shards: &[ShardInfo], has_records: &[bool], bounds: Bounds) -> Vec<Vec<usize>> {
        let lineage = Lineage::of(shards);
        let is_relevant = has_records.iter().enumerate();
        let is_relevant: Vec<_> = is_relevant
            .map(|(at, has)| *has || (bounds.to.is_none() && lineage.is_open[at]))
            .collect();
        let mut families = BTreeMap::<usize, Vec<usize>>::new();
        for (at, first) in lineage.families(&is_relevant).into_iter().enumerate() {
            if let Some(first) = first {
                families.entry(first).or_default().push(at);
            }
        }
        families
            .into_values()
            .filter(|shards| shards.len() > 1)
            .collect()
    }

    #[test]
    fn a_split_and_a_merge_are_families() {
        // 0 is split into 2 and 3; 3 and 1 are merged into 4.
        let shards = [
            shard(0, &[]),
            shard(1, &[]),
            shard(2, &[0]),
            shard(3, &[0]),
            shard(4, &[3, 1]),
        ];
        let all = [true; 5];
        assert_eq!(families(&shards, &all, bounded()), [[0, 1, 2, 3, 4]]);
        // Nothing of the parents is replayed, so nobody waits for them.
        let children = [false, false, true, true, true];
        assert_eq!(families(&shards, &children, bounded()), [[3, 4]]);
        // 3 has no records, and is between shards that have some.
        let around = [true, false, false, false, true];
        assert_eq!(families(&shards, &around, bounded()), [[0, 3, 4]]);
        let none: Vec<Vec<usize>> = Vec::new();
        assert_eq!(
            families(&shards, &[true, true, false, false, false], bounded()),
            none
        );
        // Without an end, the open shards may get records.
        assert_eq!(
            families(
                &shards,
                &[true, true, false, false, false],
                Bounds::default()
            ),
            [[0, 1, 2, 3, 4]]
        );
    }

    #[test]
    fn shards_without_records_are_planned_and_named() {
        let shards = [shard(0, &[]), shard(1, &[0])];
        let units = divide(&shards, &[false, true], bounded());
        assert_eq!(units.units.len(), 2);
        assert_eq!(units.without_records, ["shard-0"]);
        let units = divide(&shards, &[true, false], Bounds::default());
        assert_eq!(units.without_records, Vec::<String>::new());
    }

    /// Shards with up to two earlier ones as parents each, in any order, and which of them have records.
    fn streams() -> impl Strategy<Value = (Vec<ShardInfo>, Vec<bool>)> {
        let parents = prop::collection::vec((any::<prop::sample::Index>(), 0..3_u8), 1..24);
        let shards = parents.prop_map(|parents| {
            let shards = parents.iter().enumerate();
            shards
                .map(|(id, (index, number))| {
                    let first = index.index(id.max(1));
                    let parents: Vec<_> = (first..id).take((*number).into()).collect();
                    shard(id, &parents)
                })
                .collect::<Vec<_>>()
        });
        shards.prop_shuffle().prop_flat_map(|shards| {
            let records = prop::collection::vec(any::<bool>(), shards.len());
            (Just(shards), records)
        })
    }

    proptest! {
        #[test]
        fn a_shard_with_records_is_in_the_family_of_each_ancestor_with_records((shards, has_records) in streams()) {
            let lineage = Lineage::of(&shards);
            let families = lineage.families(&has_records);
            for start in 0..shards.len() {
                let mut behind = vec![start];
                let mut seen = HashSet::new();
                while let Some(at) = behind.pop() {
                    for (parent, child) in &lineage.edges {
                        if *parent == at && seen.insert(*child) {
                            behind.push(*child);
                        }
                    }
                }
                for descendant in seen {
                    if has_records[start] && has_records[descendant] {
                        prop_assert!(families[start].is_some());
                        prop_assert_eq!(families[start], families[descendant]);
                    }
                }
            }
        }
    }
}
