//! What flows through the lake: counts of the last hour, by the chunk manifests that come.

mod figures;
mod reader;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::Utc;

pub(super) use self::figures::FlowView;
use self::reader::FlowReader;
use super::Lake;
use super::ledgers::Ledgers;
use super::tasks::keep_running;

#[cfg(test)]
pub(super) use self::reader::tests::manifest as test_manifest;

/// How often manifests are read, and how soon again if the ledgers were not read yet.
const INTERVAL: Duration = Duration::from_secs(10);
const FIRST_INTERVAL: Duration = Duration::from_secs(1);

/// Figures that were brought up to date longer ago are not shown: they would say that nothing came since.
const OLD: Duration = Duration::from_secs(120);

/// How long after a page has asked for the figures manifests are read. A later page gets what came in between.
const WANTED: Duration = Duration::from_secs(300);

/// The figures, which a task brings up to date.
pub(super) struct Flow {
    lake: Option<Lake>,
    ledgers: Arc<Ledgers>,
    state: Mutex<State>,
}

struct State {
    /// The figures, and when they were brought up to date.
    view: Option<(FlowView, Instant)>,
    /// When a page asked for the figures last.
    asked_at: Option<Instant>,
}

impl Flow {
    pub(super) fn new(lake: Option<Lake>, ledgers: Arc<Ledgers>) -> Self {
        let state = State {
            view: None,
            asked_at: None,
        };
        Self {
            lake,
            ledgers,
            state: Mutex::new(state),
        }
    }

    /// Begins to read the chunk manifests, if there is a lake.
    pub(super) fn start(self: &Arc<Self>) {
        if let Some(lake) = self.lake.clone() {
            let flow = Arc::clone(self);
            keep_running(move || {
                let (flow, lake) = (Arc::clone(&flow), lake.clone());
                async move { flow.follow(lake).await }
            });
        }
    }

    /// The figures; `None` without a lake, before they were read first, and if they are old since no page asked for them.
    pub(super) fn view(&self) -> Option<FlowView> {
        let mut state = self.state();
        state.asked_at = Some(Instant::now());
        let current = state.view.as_ref().filter(|(_, at)| at.elapsed() < OLD);
        current.map(|(view, _)| view.clone())
    }

    async fn follow(&self, lake: Lake) {
        let mut reader = FlowReader::new(lake, Utc::now());
        loop {
            let asked_at = self.state().asked_at;
            if asked_at.is_some_and(|at| at.elapsed() < WANTED) {
                let ledgers = self.ledgers.view().await;
                reader.read(&ledgers, Utc::now()).await;
                self.state().view = reader.view().map(|view| (view, Instant::now()));
            }
            let is_first = self.state().view.is_none();
            let pause = if is_first { FIRST_INTERVAL } else { INTERVAL };
            tokio::time::sleep(pause).await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
