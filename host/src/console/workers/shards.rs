//! What workers say of shards. All pages take the state and the lag of a shard from here.

use std::collections::BTreeMap;

use super::WorkerView;
use super::status::WorkerShard;

/// A shard that is further behind than this, seconds, is lagging.
pub(in crate::console) const LAGGING_SECONDS: f64 = 60.0;

/// A shard as a worker sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::console) struct WorkerSight<'a> {
    /// The address of the worker.
    pub(in crate::console) url: &'a str,
    pub(in crate::console) shard: &'a WorkerShard,
}

impl WorkerShard {
    /// Whether the worker has stopped on it with an error.
    pub(in crate::console) fn has_failed(&self) -> bool {
        self.state == "failed"
    }

    /// Whether the worker works on it and cannot read it at the moment.
    pub(in crate::console) fn is_unread(&self) -> bool {
        !self.has_failed() && self.error.is_some()
    }

    /// How far it is behind, seconds: its lag, or the age of the last read. A lag that is old says nothing of what came
    /// since.
    pub(in crate::console) fn behind_seconds(&self) -> Option<f64> {
        let behind = [self.lag_seconds, self.read_age_seconds];
        behind.into_iter().flatten().max_by(f64::total_cmp)
    }
}

/// What workers say of shards, by the ids of these, the latest change of state first: a worker also names shards that others
/// have taken over. A worker whose last poll failed says nothing.
pub(in crate::console) fn sights(workers: &[WorkerView]) -> BTreeMap<&str, Vec<WorkerSight<'_>>> {
    let mut sights = BTreeMap::<&str, Vec<WorkerSight<'_>>>::new();
    for worker in workers {
        let shards = worker.current().map(|status| &status.shards);
        for shard in shards.into_iter().flatten() {
            let url = &worker.url;
            let of_shard = sights.entry(&shard.shard).or_default();
            of_shard.push(WorkerSight { url, shard });
        }
    }
    for of_shard in sights.values_mut() {
        // The times are in UTC and of one form, so they sort as texts do.
        of_shard.sort_by(|one, other| other.shard.since.cmp(&one.shard.since));
    }
    sights
}

/// All shards that workers name, each as the worker sees it whose state changed last.
pub(in crate::console) fn latest_shards(workers: &[WorkerView]) -> Vec<&WorkerShard> {
    let sights = sights(workers).into_values();
    let latest = sights.filter_map(|sights| sights.first().map(|sight| sight.shard));
    latest.collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::status::tests::status;
    use super::*;

    #[test]
    fn the_latest_worker_says_how_a_shard_is() {
        let (mut before, mut now) = (status("a b"), status("a"));
        before.shards[0].lag_seconds = Some(900.0);
        now.shards[0].since = "2026-11-27T08:30:00.000Z".into();
        now.shards[0].lag_seconds = None;
        let mut workers = [before, now].map(|status| WorkerView {
            url: String::new(),
            status: Some(Arc::new(status)),
            problem: None,
            seen_at: None,
        });
        let lags = |workers: &[WorkerView]| {
            let shards = latest_shards(workers).into_iter();
            let lags = shards.map(|shard| (shard.shard.clone(), shard.lag_seconds));
            lags.collect::<Vec<_>>()
        };
        assert_eq!(
            lags(&workers),
            [("a".to_owned(), None), ("b".to_owned(), Some(2.5))]
        );
        assert_eq!(sights(&workers)["a"].len(), 2);
        workers[1].problem = Some("no answer".into());
        assert_eq!(lags(&workers)[0].1, Some(900.0));
    }

    #[test]
    fn a_shard_is_behind_by_its_lag_or_by_the_age_of_the_last_read() {
        let mut shard = status("a").shards.remove(0);
        assert_eq!(shard.behind_seconds(), Some(2.5));
        shard.read_age_seconds = Some(70.0);
        assert_eq!(shard.behind_seconds(), Some(70.0));
        shard.error = Some("throttled".into());
        assert!(shard.is_unread() && !shard.has_failed());
        shard.state = "failed".into();
        assert!(!shard.is_unread() && shard.has_failed());
    }
}
