//! The workers that are polled: their status, and what they have measured in the last hour.

mod counter;
mod poll;
mod release_series;
mod series;
mod shards;
mod status;
mod url;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::{MissedTickBehavior, interval};

pub(super) use self::counter::Counter;
use self::poll::{client, poll};
pub(super) use self::release_series::ReleasePoints;
pub(super) use self::series::WorkerSeries;
pub(super) use self::shards::{LAGGING_SECONDS, WorkerSight, latest_shards, sights};
#[cfg(test)]
pub(super) use self::status::tests::{nothing_done, status};
pub(super) use self::status::{
    WorkerDriftEntry, WorkerScore, WorkerShard, WorkerStatus, WorkerTotals,
};
pub(super) use self::url::WorkerUrl;
use super::tasks::keep_running;

/// How often a worker is polled.
const INTERVAL: Duration = Duration::from_secs(5);

/// The workers.
pub(super) struct Workers {
    polled: Vec<PolledWorker>,
    series: Mutex<WorkerSeries>,
}

/// A worker as a page shows it.
#[derive(Clone, Debug)]
pub(super) struct WorkerView {
    /// Its address.
    pub(super) url: String,
    /// Its status when it was last polled with success.
    pub(super) status: Option<Arc<WorkerStatus>>,
    /// Why the last poll failed. If it did, the status is old.
    pub(super) problem: Option<String>,
    /// When it was last polled with success.
    pub(super) seen_at: Option<DateTime<Utc>>,
}

impl WorkerView {
    /// The status, unless the last poll failed.
    pub(super) fn current(&self) -> Option<&WorkerStatus> {
        let status = self.status.as_deref();
        status.filter(|_| self.problem.is_none())
    }
}

struct PolledWorker {
    url: WorkerUrl,
    client: reqwest::Client,
    view: Mutex<WorkerView>,
}

impl Workers {
    /// The workers at these addresses. Nothing is asked of them yet.
    ///
    /// # Errors
    /// A client of HTTP that cannot be made, such as for certificates of this machine that cannot be read.
    pub(super) fn new(urls: Vec<WorkerUrl>) -> anyhow::Result<Self> {
        let mut polled: Vec<PolledWorker> = Vec::new();
        for url in urls {
            if polled.iter().any(|worker| worker.url == url) {
                continue;
            }
            let client = match polled.first() {
                Some(first) => first.client.clone(),
                None => client()?,
            };
            polled.push(PolledWorker::new(url, client));
        }
        Ok(Self {
            polled,
            series: Mutex::new(WorkerSeries::new()),
        })
    }

    /// Begins to poll them, until the runtime ends.
    pub(super) fn start(self: &Arc<Self>) {
        for index in 0..self.polled.len() {
            let workers = Arc::clone(self);
            keep_running(move || {
                let workers = Arc::clone(&workers);
                async move { workers.follow(&workers.polled[index]).await }
            });
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.polled.len()
    }

    /// What is known of each, in the order of the options.
    pub(super) fn views(&self) -> Vec<WorkerView> {
        let views = self.polled.iter().map(|worker| worker.view().clone());
        views.collect()
    }

    /// What is made of their measures of the last hour.
    pub(super) fn measured<T>(&self, read: impl FnOnce(&WorkerSeries) -> T) -> T {
        read(&self.series())
    }

    fn series(&self) -> MutexGuard<'_, WorkerSeries> {
        self.series.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn follow(&self, worker: &PolledWorker) {
        let mut previous: Option<(DateTime<Utc>, Arc<WorkerStatus>)> = None;
        let mut ticks = interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let polled = poll(&worker.client, &worker.url).await;
            let now = Utc::now();
            if let Ok(polled) = &polled {
                let previous = previous.as_ref().map(|(at, polled)| (*at, &**polled));
                let name = worker.url.to_string();
                self.series().add(&name, polled, previous, now);
            }
            worker.set(&polled, now);
            if let Ok(polled) = polled {
                previous = Some((now, polled));
            }
        }
    }
}

impl PolledWorker {
    fn new(url: WorkerUrl, client: reqwest::Client) -> Self {
        let view = WorkerView {
            url: url.to_string(),
            status: None,
            problem: None,
            seen_at: None,
        };
        Self {
            url,
            client,
            view: Mutex::new(view),
        }
    }

    fn view(&self) -> MutexGuard<'_, WorkerView> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, polled: &Result<Arc<WorkerStatus>, String>, now: DateTime<Utc>) {
        let mut view = self.view();
        match polled {
            Ok(status) => {
                view.status = Some(Arc::clone(status));
                (view.problem, view.seen_at) = (None, Some(now));
            }
            Err(why) => view.problem = Some(why.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_is_given_twice_is_polled_once() {
        let urls = ["http://a:1", "http://a:1/", "http://b:1"];
        let urls = urls.map(|url| url.parse().unwrap());
        assert_eq!(Workers::new(urls.into()).unwrap().count(), 2);
    }

    #[test]
    fn a_failed_poll_keeps_the_last_status() {
        let workers = Workers::new(vec!["http://a:1".parse().unwrap()]).unwrap();
        let (worker, now) = (&workers.polled[0], Utc::now());
        worker.set(&Ok(Arc::new(status("1"))), now);
        assert!(worker.view().current().is_some());
        worker.set(&Err("no answer".into()), now + Duration::from_secs(5));
        let view = workers.views().remove(0);
        assert!(view.current().is_none() && view.status.is_some());
        assert_eq!(
            (view.problem.as_deref(), view.seen_at),
            (Some("no answer"), Some(now))
        );
    }
}
