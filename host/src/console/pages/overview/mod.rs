//! The page "Overview": whether all is well, what flows, and which workers there are.

mod facts;
mod findings;
mod plots;
mod verdict;
mod worker_findings;
mod worker_table;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::{self, OptionFuture};

use crate::console::Console;
use crate::console::cached::{Seen, View};
use crate::console::flow::FlowView;
use crate::console::history::Mark;
use crate::console::ledgers::{LedgersView, landed_of_file};
use crate::console::page::{Page, PageError, PageRequest, Section};
use crate::console::pages::measures::{Measures, WorkerMeasures};
use crate::console::pages::quarantine;
use crate::console::releases::ReleasesView;
#[cfg(feature = "table")]
use crate::console::table::{self, TableView};
use crate::console::workers::{WorkerShard, WorkerStatus, WorkerView, latest_shards};

/// The records of a worker that has run for longer are in the figures of the lake: it has committed some, and their chunk
/// manifests were read.
const YOUNG: TimeDelta = TimeDelta::minutes(2);

/// What the page is made from.
struct Overview {
    now: DateTime<Utc>,
    workers: Vec<WorkerView>,
    worker_measures: WorkerMeasures,
    /// `None` without a lake.
    ledgers: Option<View<LedgersView>>,
    flow: Option<FlowView>,
    /// How many records are quarantined now; `None` without a lake.
    quarantined: Option<View<u64>>,
    /// `None` without a registry.
    releases: Option<View<ReleasesView>>,
    #[cfg(feature = "table")]
    table: View<TableView>,
}

/// The page.
///
/// # Errors
/// None: what cannot be read is shown as a problem.
pub(super) async fn page(
    console: &Arc<Console>,
    _request: &PageRequest,
) -> Result<Page, PageError> {
    let overview = Overview::of(console).await;
    let measures = overview.measures();
    let sections = [
        Section::live("verdict", verdict::verdict(&overview, measures.as_ref())),
        Section::live("now", facts::facts(&overview, measures.as_ref())),
        Section::live("plots", plots::plots(&overview, measures.as_ref())),
        Section::live("workers", worker_table::workers(&overview)),
        #[cfg(feature = "table")]
        Section::live("table", table::section(&overview.table)),
    ];
    Ok(Page {
        title: "Overview".into(),
        sections: sections.into(),
    })
}

impl Overview {
    async fn of(console: &Console) -> Self {
        let ledgers = console.lake.as_ref().map(|_| console.ledgers.view());
        let releases = console.registry.as_ref();
        let releases = releases.map(|place| console.releases.view(place));
        let quarantined = console.lake.as_ref();
        let quarantined = quarantined.map(|lake| quarantine::total(console, lake));
        let views = future::join3(
            OptionFuture::from(ledgers),
            OptionFuture::from(releases),
            OptionFuture::from(quarantined),
        );
        #[cfg(feature = "table")]
        let ((ledgers, releases, quarantined), table) =
            future::join(views, console.table.view()).await;
        #[cfg(not(feature = "table"))]
        let (ledgers, releases, quarantined) = views.await;
        let now = Utc::now();
        let worker_measures = console
            .workers
            .measured(|series| WorkerMeasures::of(series, now));
        Self {
            now,
            workers: console.workers.views(),
            worker_measures,
            ledgers,
            flow: console.flow.view(),
            quarantined,
            releases,
            #[cfg(feature = "table")]
            table,
        }
    }

    /// The ledgers, if they were read.
    fn read_ledgers(&self) -> Option<&Seen<LedgersView>> {
        self.ledgers.as_ref()?.ready()
    }

    /// The releases, if they were read.
    fn read_releases(&self) -> Option<&Seen<ReleasesView>> {
        self.releases.as_ref()?.ready()
    }

    /// What flows: by the lake if there is one, else by the workers.
    fn measures(&self) -> Option<Measures> {
        match &self.flow {
            Some(flow) => Some(Measures::of_flow(flow, self.now)),
            None if !self.workers.is_empty() => {
                Some(Measures::of_workers(&self.worker_measures, self.now))
            }
            None => None,
        }
    }

    /// The run of files that has filled the lake and has finished; `None` if a worker is polled, and if anything else may
    /// still land.
    fn finished_run(&self) -> Option<FinishedRun> {
        let seen = self.read_ledgers().filter(|seen| seen.problem.is_none())?;
        if !self.workers.is_empty() || !seen.value.problems.is_empty() {
            return None;
        }
        let mut run = FinishedRun::default();
        for ledger in &seen.value.ledgers {
            match landed_of_file(ledger) {
                Some(records) => {
                    run.files += 1;
                    run.records += records;
                }
                // Redrives have shards of their own.
                None if ledger.is_finished() => {}
                None => return None,
            }
        }
        (run.files > 0).then_some(run)
    }

    /// Whether the figures of the lake are old: its ledgers cannot be read any more.
    fn is_old(&self) -> bool {
        self.read_ledgers()
            .is_some_and(|seen| seen.problem.is_some())
    }

    /// The status of each worker whose last poll succeeded.
    fn statuses(&self) -> impl Iterator<Item = (&WorkerView, &WorkerStatus)> {
        let workers = self.workers.iter();
        workers.filter_map(|worker| Some((worker, worker.current()?)))
    }

    /// Whether a worker was started a moment ago.
    fn has_young_worker(&self) -> bool {
        self.statuses().any(|(_, status)| {
            let since = DateTime::parse_from_rfc3339(&status.since);
            since.is_ok_and(|since| since > self.now - YOUNG)
        })
    }

    /// The shards of all workers in their latest states.
    fn shards(&self) -> Vec<&WorkerShard> {
        latest_shards(&self.workers)
    }

    fn marks(&self) -> Vec<Mark> {
        let releases = self.read_releases();
        let mut marks = releases.map(|seen| seen.value.marks()).unwrap_or_default();
        let flow = self.flow.iter();
        marks.extend(flow.flat_map(|flow| flow.reshards.iter().cloned()));
        marks
    }
}

/// What a run of files has landed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct FinishedRun {
    files: u64,
    records: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::workers::status;

    /// The moment of the tests.
    pub(super) fn now() -> DateTime<Utc> {
        "2026-11-27T09:00:00Z".parse().unwrap()
    }

    /// Workers with these statuses and nothing else.
    pub(super) fn overview(statuses: Vec<WorkerStatus>) -> Overview {
        let workers = statuses.into_iter().enumerate();
        let workers = workers.map(|(index, status)| WorkerView {
            url: format!("http://worker-{index}:9464"),
            status: Some(Arc::new(status)),
            problem: None,
            seen_at: Some(now()),
        });
        Overview {
            now: now(),
            workers: workers.collect(),
            worker_measures: WorkerMeasures::default(),
            ledgers: None,
            flow: None,
            quarantined: None,
            releases: None,
            #[cfg(feature = "table")]
            table: seen(TableView::NotSet).unwrap_or(View::Reading),
        }
    }

    /// A view of a value that was read.
    pub(super) fn seen<T>(value: T) -> Option<View<T>> {
        Some(View::Ready(Seen {
            value: Arc::new(value),
            at: now(),
            problem: None,
        }))
    }

    #[test]
    fn a_shard_has_the_state_that_its_latest_worker_shows() {
        let (mut first, mut second) = (status("a b"), status("a"));
        first.shards[0].state = "failed".into();
        second.shards[0].since = "2026-11-27T08:30:00.000Z".into();
        let overview = overview(vec![first, second]);
        let shards = overview.shards();
        let states = shards
            .iter()
            .map(|shard| (shard.shard.as_str(), shard.state.as_str()));
        assert_eq!(
            states.collect::<Vec<_>>(),
            [("a", "working"), ("b", "working")]
        );
    }

    #[test]
    fn a_worker_that_cannot_be_polled_has_no_current_status() {
        let mut overview = overview(vec![status("a"), status("b")]);
        overview.workers[0].problem = Some("no answer".into());
        assert_eq!(overview.statuses().count(), 1);
        assert_eq!(overview.shards().len(), 1);
        assert!(overview.measures().is_some());
        overview.workers.clear();
        assert!(overview.measures().is_none());
    }
}
