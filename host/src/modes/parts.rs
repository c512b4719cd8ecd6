//! A replay in parts: `sluice replay --part K/N`, by several processes in one lake.
//!
//! ```text
//! the lake has a plan ──▶ it must be of this replay ─────────────────────────┐
//! it has none ──▶ list the units ──▶ divide them ──▶ create `_sluice/parts.json`
//!                                                      │ another part was first ──▶ read its plan
//!                                                      └──▶ the units of this part ◀─┘
//! ```
//!
//! A plan is created once and never changes. So each unit (a file, a shard) is of one part, whatever the source lists
//! later. What is planned for a part and is gone is an error of that part. What comes after the plan is of no part: each
//! part names and counts it.
//!
//! Units that depend on each other are a family, which one part gets: a shard of a stream waits for its parents, and a
//! file with the first line of another one may be its copy.

mod assignment;
mod document;
pub mod files;
mod names;
pub mod shards;

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use sluice_storage::location::StoreLocation;
use sluice_storage::object_store::{Found, NewObject, ObjectStore, Payload};
use tokio::time::sleep;

pub use self::assignment::Unit;
pub use self::document::Units;
use self::document::{PlanDocument, PlannedReplay};
use super::targets::Targets;
use crate::config::{Mode, Part, RunSettings};
use crate::layout::object_key::METADATA_FOLDER;
use crate::output::counted;
use crate::pipeline::RunContext;
use crate::source::SourceError;
use crate::source::file::Location;

/// The plan, in the folder for metadata.
const PLAN: &str = "parts.json";

/// A larger plan is neither written nor read.
const PLAN_MAX_BYTES: usize = 512 << 20;

/// How often a part that is about to plan looks whether another one has. Those of an array job start together, and what a
/// plan takes of a stream's limits, they share.
const BETWEEN_LOOKS: Duration = Duration::from_secs(2);

/// The units without a part that a warning names.
const UNPLANNED_NAMED: usize = 10;

/// A part whose plan is not known yet.
pub struct Planner {
    part: Part,
    replay: PlannedReplay,
    store: Arc<dyn ObjectStore>,
}

/// The plan, as one part sees it.
#[derive(Debug)]
pub struct PartPlan {
    part: Part,
    /// The index of the part of each unit.
    owners: HashMap<String, u32>,
    without_records: HashSet<String>,
}

/// What the source lists, by the plan.
#[derive(Debug)]
pub struct Selected<T> {
    /// What this part works on, in the order of the list.
    pub mine: Vec<T>,
    /// The names of units of this part that are not listed.
    pub missing: Vec<String>,
    /// The names of listed units that no part has.
    pub unplanned: Vec<String>,
}

/// What a run works on.
#[derive(Debug)]
pub struct RunUnits<T> {
    /// What is listed.
    pub mine: Vec<T>,
    /// Why what was planned and is not listed any more cannot be landed.
    pub missing: Vec<SourceError>,
}

/// The units that this run works on: all of them, or those of its part of a replay. Those that no part has are named and
/// counted.
///
/// # Errors
/// The lake has the plan of another replay, or cannot be read.
pub async fn select<T>(
    settings: &RunSettings,
    targets: &Targets,
    context: &RunContext,
    listed: Vec<T>,
    unit: impl Fn(&T) -> Unit,
) -> anyhow::Result<RunUnits<T>> {
    let Some(planner) = Planner::of(settings, None).await? else {
        return Ok(RunUnits {
            mine: listed,
            missing: Vec::new(),
        });
    };
    let units: Vec<_> = listed.iter().map(&unit).collect();
    let plan = planner.plan(targets, async { Ok(units.into()) }).await?;
    let selected = plan.select(listed, |listed| unit(listed).into_name());
    Ok(plan.report(selected, context))
}

impl Planner {
    /// The part of these settings, if they are of one.
    ///
    /// # Errors
    /// AWS is not configured.
    pub async fn of(
        settings: &RunSettings,
        stream_created_at: Option<i64>,
    ) -> anyhow::Result<Option<Self>> {
        let (Some(part), Some(bounds)) = (settings.part, settings.replay) else {
            return Ok(None);
        };
        let store = settings.lake.below(METADATA_FOLDER);
        Ok(Some(Self {
            part,
            replay: PlannedReplay {
                parts: part.of(),
                bounds,
                source: source_text(&settings.mode),
                stream_created_at,
            },
            store: store.open(settings.retry_policy.clone()).await?,
        }))
    }

    /// The plan of the replay. If the lake has none, one is made of these units, unless another part is faster.
    ///
    /// # Errors
    /// The plan, or a ledger of the lake, is of another replay; there are no units; or the lake fails.
    pub async fn plan(
        &self,
        targets: &Targets,
        units: impl Future<Output = anyhow::Result<Units>>,
    ) -> anyhow::Result<PartPlan> {
        if let Some(plan) = self.read().await? {
            return Ok(plan);
        }
        self.check_ledgers(targets).await?;
        tokio::select! {
            units = units => self.create(units?).await,
            plan = self.made_by_another() => plan,
        }
    }

    async fn made_by_another(&self) -> anyhow::Result<PartPlan> {
        loop {
            sleep(BETWEEN_LOOKS).await;
            if let Some(plan) = self.read().await? {
                return Ok(plan);
            }
        }
    }

    async fn read(&self) -> anyhow::Result<Option<PartPlan>> {
        let text = match self.store.get(PLAN, PLAN_MAX_BYTES).await? {
            Found::Nothing => return Ok(None),
            Found::TooLarge(bytes) => {
                anyhow::bail!(
                    "{}: it has {bytes} bytes, which is no plan of Sluice",
                    self.place()
                )
            }
            Found::Content(text) => text,
        };
        let document = PlanDocument::parse(&text);
        let checked = document.and_then(|document| {
            document.replay.check(&self.replay, self.part)?;
            PartPlan::of(self.part, document)
        });
        let plan = checked.map_err(anyhow::Error::msg);
        let what = || format!("the plan of the parts of this lake, {}", self.place());
        plan.with_context(what).map(Some)
    }

    fn place(&self) -> String {
        self.store.place(PLAN)
    }

    /// Creates the plan, or reads the one that another part has created first.
    async fn create(&self, units: Units) -> anyhow::Result<PartPlan> {
        anyhow::ensure!(
            !units.units.is_empty(),
            "the source has nothing to replay, so it cannot be divided into parts; correct --source"
        );
        let document = PlanDocument::new(self.replay.clone(), units);
        let text = document.text()?;
        anyhow::ensure!(
            text.len() <= PLAN_MAX_BYTES,
            "the names of all files are too long for one plan of parts; replay a part of the source, such as a longer \
             prefix, into each of several lakes"
        );
        let payload = Payload {
            bytes: text.into(),
            content_type: Some("application/json"),
        };
        let put = self.store.put_if_absent(PLAN, NewObject::plain(payload));
        match put.await {
            Err(error) if error.is_conflict() => {
                let plan = self.read().await?;
                plan.with_context(|| format!("{} was removed; start this part again", self.place()))
            }
            put => {
                put?;
                tracing::info!(
                    plan = self.place(),
                    parts = self.part.of(),
                    "divided the source into parts"
                );
                PartPlan::of(self.part, document).map_err(anyhow::Error::msg)
            }
        }
    }

    /// Checks that the lake is not one of a run or of another replay, before it gets a plan.
    async fn check_ledgers(&self, targets: &Targets) -> anyhow::Result<()> {
        let [shards, _] = targets.known_shards().await?;
        if let Some(shard) = shards.first() {
            let ledger = targets.ledger(shard).await?;
            ledger.for_replay(Some(self.replay.bounds))?;
        }
        Ok(())
    }
}

impl PartPlan {
    /// # Errors
    /// A unit is in two parts.
    fn of(part: Part, document: PlanDocument) -> Result<Self, String> {
        let mut owners = HashMap::new();
        for (owner, names) in (0..).zip(document.units) {
            for name in names.into_inner() {
                match owners.entry(name) {
                    Entry::Vacant(new) => new.insert(owner),
                    Entry::Occupied(taken) => {
                        let (name, before, owner) = (taken.key(), taken.get() + 1, owner + 1);
                        return Err(format!(
                            "it is damaged: {name} is in the parts {before} and {owner}"
                        ));
                    }
                };
            }
        }
        let without_records = document.without_records.into_inner();
        Ok(Self {
            part,
            owners,
            without_records: without_records.into_iter().collect(),
        })
    }

    /// Divides what the source lists now.
    pub fn select<T>(&self, listed: Vec<T>, name: impl Fn(&T) -> String) -> Selected<T> {
        let (mut mine, mut unplanned, mut found) = (Vec::new(), Vec::new(), HashSet::new());
        for item in listed {
            let name = name(&item);
            match self.owners.get_key_value(&name) {
                None => unplanned.push(name),
                Some((name, owner)) if *owner == self.part.index() => {
                    found.insert(name.as_str());
                    mine.push(item);
                }
                Some(_) => {}
            }
        }
        let missing = self.mine().filter(|name| !found.contains(name));
        let mut missing: Vec<_> = missing.map(str::to_owned).collect();
        missing.sort_unstable();
        Selected {
            mine,
            missing,
            unplanned,
        }
    }

    /// The names of the units of this part.
    fn mine(&self) -> impl Iterator<Item = &str> {
        let mine = self.owners.iter();
        let mine = mine.filter(|(_, owner)| **owner == self.part.index());
        mine.map(|(name, _)| name.as_str())
    }

    /// Whether a unit had no record to replay when the plan was made.
    fn is_without_records(&self, name: &str) -> bool {
        self.without_records.contains(name)
    }

    /// Says what no part has, and if this part has nothing.
    fn report<T>(&self, selected: Selected<T>, context: &RunContext) -> RunUnits<T> {
        let Selected {
            mine,
            missing,
            unplanned,
        } = selected;
        report_unplanned(&unplanned, context);
        if mine.is_empty() && missing.is_empty() {
            warn_of_nothing(self.part);
        }
        let missing = missing.into_iter().map(|name| SourceError::NoFile {
            name,
            why: self.why_missing(),
        });
        RunUnits {
            mine,
            missing: missing.collect(),
        }
    }

    /// What to do about a unit of this part that the source does not list.
    fn why_missing(&self) -> String {
        format!(
            "it is planned for part {} and is not there any more; restore it and start the part again. If it cannot be \
             restored, replay what is left into another lake",
            self.part
        )
    }
}

fn warn_of_nothing(part: Part) {
    tracing::warn!(
        "part {part} has nothing to do: the plan gives all files and shards to other parts"
    );
}

/// Names and counts what no part has.
fn report_unplanned(unplanned: &[String], context: &RunContext) {
    context.progress.found_unplanned(unplanned.len());
    for name in unplanned.iter().take(UNPLANNED_NAMED) {
        tracing::warn!(
            source = name,
            "it came after the parts of this replay were planned, so no part has it"
        );
    }
    if !unplanned.is_empty() {
        let all = counted(unplanned.len() as u64, "source");
        tracing::warn!(
            "{all} came after the parts of this replay were planned; when all parts have ended, the same command without \
             --part lands what no part has"
        );
    }
}

/// The sources as text, the same wherever a part is started.
fn source_text(mode: &Mode) -> Vec<String> {
    match mode {
        Mode::Files(locations) => locations.iter().map(location_text).collect(),
        Mode::Worker(stream) => {
            vec![format!("kinesis:{}", stream.stream)]
        }
        Mode::Archive(archive) => vec![match &archive.location {
            StoreLocation::Folder(path) => format!("archive:file:{}", absolute(path)),
            location @ StoreLocation::S3 { .. } => format!("archive:{location}"),
        }],
        Mode::Redrive(_) => Vec::new(),
        Mode::Lambda => Vec::new(),
    }
}

fn location_text(location: &Location) -> String {
    match location {
        Location::File(path) => format!("file:{}", absolute(path)),
        Location::Stdin => "-".into(),
        Location::Object(_) | Location::Objects(_) => location.name(),
    }
}

fn absolute(path: &Path) -> String {
    let absolute = std::path::absolute(path);
    let path = absolute.as_deref().unwrap_or(path);
    path.display().to_string()
}

#[cfg(test)]
mod tests;
