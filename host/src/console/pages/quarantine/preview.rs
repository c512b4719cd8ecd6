//! Tries quarantined records with a release, in the sandbox: what would a redrive make of them? Nothing is written.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use sluice_engine::limits::Limits;
use sluice_engine::outcome::ReasonCode;
use sluice_release::admission::{Release, validate_compiled};
use sluice_release::bundle::ReleaseId;
use sluice_release::loader::ReleaseLoader;

use crate::console::{Lake, RegistryPlace};
use crate::ledger::decoding::RecordDecoding;
use crate::tools::author::component;
use crate::tools::author::try_rules::quarantined::batches;
use crate::tools::author::try_rules::summary::Summary;
use crate::tools::author::try_rules::trial::{Outcome, Trial, Tried};
use crate::tools::quarantine::listed::{Listed, read_lines};
use crate::tools::quarantine::sample::{chosen, evenly, spread};

/// How many records are tried.
pub(super) const RECORDS: u64 = 1_000;

/// The most objects that are read for them.
const OBJECTS: u64 = 20;

/// How many records are tried between two looks at the clock.
const BATCH: usize = 50;

/// How long records are tried.
pub(super) const TIME: Duration = Duration::from_secs(30);

/// The most samples of each outcome, and the most events of one.
const SAMPLES: usize = 3;
const EVENTS: usize = 5;

/// The rules to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rules {
    /// The release that is active in the registry.
    Active,
    /// This release.
    Release(ReleaseId),
}

impl Rules {
    /// The release, unless it is whichever is active.
    pub(super) fn release(self) -> Option<ReleaseId> {
        match self {
            Self::Active => None,
            Self::Release(id) => Some(id),
        }
    }
}

/// What becomes of a record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Events,
    Quarantined(ReasonCode),
    Dropped,
}

/// A record that was tried.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) rid: String,
    /// The code of the reason that it was quarantined for.
    pub(super) was: String,
    /// The JSON of its first events, or the message of its new reason.
    pub(super) texts: Vec<String>,
}

/// What became of the records.
pub(super) struct Preview {
    pub(super) release: ReleaseId,
    pub(super) counts: Summary,
    pub(super) samples: BTreeMap<Kind, Vec<Sample>>,
    /// How many objects were read.
    pub(super) objects: usize,
    /// Whether time was up before all were tried.
    pub(super) is_cut: bool,
    /// Objects that cannot be read.
    pub(super) problems: Vec<String>,
}

/// Tries records of some of these objects, evenly over all of them.
///
/// # Errors
/// A release that cannot be read or fails admission, a lake that cannot be read, or rules that fail outside of any record.
pub(super) async fn preview(
    place: Arc<RegistryPlace>,
    rules: Rules,
    lake: Lake,
    objects: Vec<Listed>,
) -> anyhow::Result<Preview> {
    let id = match rules {
        Rules::Release(id) => id,
        Rules::Active => {
            let active = place.registry.active().await?.rollout.active;
            active.context("no release of the registry is active; choose a release")?
        }
    };
    let release = load(&place, id).await;
    let release = release.with_context(|| format!("cannot try release {}", id.short()))?;
    try_records(release, &lake, &objects).await
}

/// Reads, compiles and validates a release as a host does, with the default limits.
async fn load(place: &RegistryPlace, id: ReleaseId) -> anyhow::Result<Release> {
    let bundle = place.registry.get(id).await?;
    let (engine, limits) = (component::engine(1)?, Limits::default());
    let loader = ReleaseLoader::new(engine.clone(), limits.clone(), None);
    let (compiled, bundle) = loader.compile(bundle).await?;
    Ok(validate_compiled(&engine, &compiled, &bundle, &limits)?)
}

/// Tries records with a release.
async fn try_records(release: Release, lake: &Lake, objects: &[Listed]) -> anyhow::Result<Preview> {
    let mut preview = Preview::new(release.id());
    let mut trial = Trial::new(release);
    let until = Instant::now() + TIME;
    let indexes = evenly(OBJECTS, objects.len() as u64);
    let read = indexes.filter_map(|index| objects.get(usize::try_from(index).ok()?));
    let read: Vec<_> = read.collect();
    let records: Vec<_> = read.iter().map(|listed| listed.records).collect();
    for (listed, number) in read.into_iter().zip(spread(&records, RECORDS)) {
        let lines = match read_lines(lake.store.as_ref(), &listed.object).await? {
            Ok(lines) => lines,
            Err(problem) => {
                preview.problems.push(problem.to_string());
                continue;
            }
        };
        preview.objects += 1;
        let place = lake.store.place(&listed.object.key);
        let records = chosen(&lines, listed, number).map(|(_, record)| record);
        let mut records = records.peekable();
        while records.peek().is_some() {
            if Instant::now() >= until {
                preview.is_cut = true;
                return Ok(preview);
            }
            // How `run` decodes records is no part of a lake, so what could not be decoded is tried as it came.
            let batch = records.by_ref().take(BATCH);
            for batch in batches(&place, batch, RecordDecoding::default())? {
                for tried in trial.run(&batch)? {
                    preview.add(&tried);
                }
            }
        }
    }
    Ok(preview)
}

impl Preview {
    pub(super) fn new(release: ReleaseId) -> Self {
        Self {
            release,
            counts: Summary::new(release),
            samples: BTreeMap::new(),
            objects: 0,
            is_cut: false,
            problems: Vec::new(),
        }
    }

    fn add(&mut self, tried: &Tried<'_>) {
        self.counts.add(tried);
        let kind = match &tried.outcome {
            Outcome::Events(_) => Kind::Events,
            Outcome::Quarantined(reason) => Kind::Quarantined(reason.code.clone()),
            Outcome::Dropped => Kind::Dropped,
        };
        let samples = self.samples.entry(kind).or_default();
        if samples.len() == SAMPLES {
            return;
        }
        let was = tried.origin.quarantined.as_ref();
        samples.push(Sample {
            rid: tried.rid(),
            was: was.map_or_else(String::new, |(code, _)| code.clone()),
            texts: match &tried.outcome {
                Outcome::Events(events) => {
                    let events = events.iter().take(EVENTS);
                    events.map(|event| event.json.clone()).collect()
                }
                Outcome::Quarantined(reason) => vec![reason.message.clone()],
                Outcome::Dropped => Vec::new(),
            },
        });
    }
}

#[cfg(test)]
mod tests {
    use sluice_release::admission::validate;
    use sluice_release::bundle::ReleaseBundle;

    use super::*;
    use crate::console::pages::quarantine::view::{read, tests};
    use crate::quarantine::QuarantineFilter;

    /// The keys of all objects of a lake.
    async fn keys(lake: &Lake) -> Vec<String> {
        let mut keys = Vec::new();
        let mut found = |key: &str| keys.push(key.to_owned());
        lake.store.list("", &mut found).await.unwrap();
        keys.sort_unstable();
        keys
    }

    #[tokio::test]
    async fn records_are_tried_and_sampled_and_nothing_is_written() {
        let test = tests::example();
        let before = keys(&tests::lake(&test)).await;
        let view = read(tests::lake(&test)).await.unwrap();
        let selected = view.select(&QuarantineFilter::default());
        let objects: Vec<_> = selected.current.into_iter().cloned().collect();
        let bundle = ReleaseBundle::new(crate::ENRICH.to_vec(), "{}").unwrap();
        let engine = component::engine(1).unwrap();
        let release = validate(&engine, &bundle, &Limits::default()).unwrap();
        let preview = try_records(release, &tests::lake(&test), &objects)
            .await
            .unwrap();
        assert_eq!(keys(&tests::lake(&test)).await, before);
        // Their data is no JSON.
        let code = ReasonCode::new("invalid_json").unwrap();
        assert_eq!(preview.counts.records(), 4);
        assert_eq!(preview.counts.quarantined[&code], 4);
        let samples = &preview.samples[&Kind::Quarantined(code)];
        assert_eq!(
            (samples.len(), preview.objects, preview.is_cut),
            (SAMPLES, 3, false)
        );
        assert!(samples.iter().all(|sample| !sample.was.is_empty()));
    }
}
