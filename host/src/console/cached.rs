//! A value that is read when a page needs it, kept for a moment, and read by one reader at a time.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use tokio::sync::watch;

use crate::output::with_causes;

/// A read that takes longer fails, so that a value that cannot be read again is never shown as if it were new.
const READ_MAX: Duration = Duration::from_secs(600);

/// How many times its age a value may be old before a page waits for the next one, as it does for the first one: nobody
/// has looked for a while.
const OLD_AGES: u32 = 10;

/// A read that took longer is dear. It is not made again before this many times as long have passed: one open page does
/// not keep a lake busy.
const DEAR: Duration = Duration::from_secs(1);
const REST: u32 = 5;

/// A value that is read again when it is older than an age. While it is, pages get the old value.
pub(super) struct Cached<T> {
    max_age: Duration,
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    /// Changes whenever a read ends.
    ended: watch::Sender<()>,
}

struct State<T> {
    value: Option<(Arc<T>, Instant, DateTime<Utc>)>,
    /// Why the last read failed, and when.
    failed: Option<(String, Instant)>,
    is_reading: bool,
    /// When the last read began, and how long the last one that succeeded took.
    began: Instant,
    took: Duration,
    /// How often the value was expired. A read that began before is too old.
    expired: u64,
}

/// What is known of a value.
pub(super) enum View<T> {
    /// The first read has not ended yet.
    Reading,
    /// It was read. If a later read failed, the value is old.
    Ready(Seen<T>),
    /// It was never read: why.
    Failed(String),
}

/// A value, and when it was read.
pub(super) struct Seen<T> {
    pub(super) value: Arc<T>,
    pub(super) at: DateTime<Utc>,
    /// Why the value could not be read again.
    pub(super) problem: Option<String>,
}

impl<T> View<T> {
    /// What was read.
    pub(super) fn ready(&self) -> Option<&Seen<T>> {
        match self {
            Self::Ready(seen) => Some(seen),
            Self::Reading | Self::Failed(_) => None,
        }
    }

    /// The same of what is made of the value.
    pub(super) fn map<U>(self, made: impl FnOnce(&T) -> U) -> View<U> {
        match self {
            Self::Reading => View::Reading,
            Self::Failed(why) => View::Failed(why),
            Self::Ready(Seen { value, at, problem }) => View::Ready(Seen {
                value: Arc::new(made(&value)),
                at,
                problem,
            }),
        }
    }
}

impl<T: Send + Sync + 'static> Cached<T> {
    pub(super) fn new(max_age: Duration) -> Self {
        let state = State {
            value: None,
            failed: None,
            is_reading: false,
            began: Instant::now(),
            took: Duration::ZERO,
            expired: 0,
        };
        Self {
            max_age,
            shared: Arc::new(Shared {
                state: Mutex::new(state),
                ended: watch::Sender::new(()),
            }),
        }
    }

    /// The value. If there is none or it is too old, `read` begins to read it, unless a read goes on. The first value, and
    /// one instead of a very old one, is waited for this long.
    pub(super) async fn view<F>(&self, wait: Duration, read: impl FnOnce() -> F) -> View<T>
    where
        F: Future<Output = anyhow::Result<T>> + Send + 'static,
    {
        self.view_of_age(self.max_age, wait, read).await
    }

    /// The value, which may have this age instead of the usual one.
    pub(super) async fn view_of_age<F>(
        &self,
        max_age: Duration,
        wait: Duration,
        read: impl FnOnce() -> F,
    ) -> View<T>
    where
        F: Future<Output = anyhow::Result<T>> + Send + 'static,
    {
        let mut ended = self.shared.ended.subscribe();
        if let Some(expired) = self.shared.begin(max_age, self.max_age) {
            let (shared, reading) = (Arc::clone(&self.shared), read());
            tokio::spawn(async move { shared.end(ended_read(reading, READ_MAX).await, expired) });
        }
        if self.shared.is_awaited(max_age) {
            let _too_slow = tokio::time::timeout(wait, ended.changed()).await;
        }
        self.shared.view()
    }

    /// The value that was read last.
    pub(super) fn last(&self) -> Option<Arc<T>> {
        let state = self.shared.state();
        state.value.as_ref().map(|(value, ..)| Arc::clone(value))
    }

    /// Forgets the value, so that the next page reads it again: something was changed here.
    pub(super) fn expire(&self) {
        let mut state = self.shared.state();
        (state.value, state.failed) = (None, None);
        (state.is_reading, state.expired) = (false, state.expired + 1);
    }
}

/// What a read returns. One that panics has failed, and one that takes longer than the limit is ended: the value is read
/// again then.
async fn ended_read<T: Send + 'static>(
    read: impl Future<Output = anyhow::Result<T>> + Send + 'static,
    limit: Duration,
) -> anyhow::Result<T> {
    let limited = tokio::spawn(tokio::time::timeout(limit, read));
    let ended = limited.await;
    let ended = ended.context("the read has failed; this is an error of the console")?;
    ended.unwrap_or_else(|_| anyhow::bail!("the read did not end within {} s", limit.as_secs()))
}

impl<T> State<T> {
    /// How old the value may be: older than usual if it is dear.
    fn age(&self, max_age: Duration) -> Duration {
        match self.took > DEAR {
            true => max_age.max(self.took * REST),
            false => max_age,
        }
    }

    /// Whether there is no value, or one of at least this age.
    fn is_older_than(&self, age: Duration) -> bool {
        let value = self.value.as_ref();
        value.is_none_or(|(_, read, _)| read.elapsed() >= age)
    }
}

impl<T> Shared<T> {
    fn state(&self) -> std::sync::MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often the value was expired, if the caller is to read. A read that has failed is not made again before `pause`.
    fn begin(&self, max_age: Duration, pause: Duration) -> Option<u64> {
        let mut state = self.state();
        let has_failed = state.failed.as_ref();
        let has_failed = has_failed.is_some_and(|(_, at)| at.elapsed() < pause);
        let begins = state.is_older_than(state.age(max_age)) && !has_failed && !state.is_reading;
        if begins {
            (state.is_reading, state.began) = (true, Instant::now());
        }
        begins.then_some(state.expired)
    }

    /// Whether a page waits for the read that goes on: there is no value, or a very old one.
    fn is_awaited(&self, max_age: Duration) -> bool {
        let state = self.state();
        let old = state.age(max_age) * OLD_AGES;
        state.is_reading && state.failed.is_none() && state.is_older_than(old)
    }

    fn end(&self, read: anyhow::Result<T>, expired: u64) {
        let mut state = self.state();
        if state.expired != expired {
            return;
        }
        state.is_reading = false;
        match read {
            Ok(value) => {
                state.value = Some((Arc::new(value), Instant::now(), Utc::now()));
                (state.failed, state.took) = (None, state.began.elapsed());
            }
            Err(error) => state.failed = Some((with_causes(&error), Instant::now())),
        }
        drop(state);
        self.ended.send_replace(());
    }

    fn view(&self) -> View<T> {
        let state = self.state();
        let problem = state.failed.as_ref().map(|(why, _)| why.clone());
        match (&state.value, problem) {
            (Some((value, _, at)), problem) => View::Ready(Seen {
                value: Arc::clone(value),
                at: *at,
                problem,
            }),
            (None, Some(why)) => View::Failed(why),
            (None, None) => View::Reading,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::oneshot;

    use super::*;
    use crate::console::tasks::on_a_thread;

    const WAIT: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn many_pages_cost_one_read() {
        let cached = Cached::new(WAIT);
        let reads = Arc::new(AtomicU32::new(0));
        let read = || {
            let reads = Arc::clone(&reads);
            async move {
                tokio::task::yield_now().await;
                Ok(reads.fetch_add(1, Ordering::SeqCst))
            }
        };
        let views = [cached.view(WAIT, read), cached.view(WAIT, read)];
        for view in futures_util::future::join_all(views).await {
            assert!(matches!(view, View::Ready(seen) if *seen.value == 0));
        }
        cached.expire();
        let again = cached.view(WAIT, read).await;
        assert!(matches!(again, View::Ready(seen) if *seen.value == 1));
    }

    #[tokio::test]
    async fn an_old_value_stays_when_a_read_fails() {
        let cached = Cached::new(Duration::ZERO);
        let first = cached.view(WAIT, || async { Ok(1) }).await;
        assert!(matches!(first, View::Ready(Seen { problem: None, .. })));
        let mut seen = None;
        while seen.is_none() {
            let failing = || async { Err(anyhow::anyhow!("no connection")) };
            match cached.view(WAIT, failing).await {
                View::Ready(Seen { value, problem, .. }) => {
                    assert_eq!(*value, 1);
                    seen = problem;
                }
                View::Reading | View::Failed(_) => panic!("the value is gone"),
            }
            tokio::task::yield_now().await;
        }
        assert_eq!(seen.as_deref(), Some("no connection"));
    }

    #[tokio::test]
    async fn a_read_that_panics_has_failed_and_the_value_is_read_again() {
        let cached = Cached::new(Duration::ZERO);
        let failing = || async { Err(panicking()) };
        let view: View<u32> = cached.view(WAIT, failing).await;
        assert!(matches!(view, View::Failed(why) if why.contains("an error of the console")));
        let mut seen = None;
        while seen.is_none() {
            if let View::Ready(ready) = cached.view(WAIT, || async { Ok(1) }).await {
                seen = Some(*ready.value);
            }
            tokio::task::yield_now().await;
        }
        assert_eq!(seen, Some(1));
    }

    #[tokio::test]
    async fn a_read_that_takes_too_long_is_ended_with_its_thread() {
        let (reading, ended) = oneshot::channel::<()>();
        let read = on_a_thread(move || async move {
            let _until_it_ends = reading;
            std::future::pending::<anyhow::Result<u32>>().await
        });
        let error = ended_read(read, Duration::from_millis(10)).await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains("did not end within 0 s"), "{error}");
        assert!(ended.await.is_err(), "its thread has ended");
    }

    fn panicking() -> anyhow::Error {
        panic!("a bug")
    }

    #[test]
    fn a_dear_value_is_kept_for_longer() {
        let cached = Cached::<u32>::new(Duration::from_secs(5));
        let mut state = cached.shared.state();
        for (took, age) in [(0, 5), (1, 5), (2, 10), (60, 300)] {
            state.took = Duration::from_secs(took);
            assert_eq!(state.age(Duration::from_secs(5)), Duration::from_secs(age));
        }
    }

    #[tokio::test]
    async fn a_very_old_value_is_waited_for() {
        let cached = Cached::<u32>::new(Duration::ZERO);
        for value in 0..3 {
            // However long the read before took, it was cheap.
            cached.shared.state().took = Duration::ZERO;
            let view = cached.view(WAIT, move || async move { Ok(value) }).await;
            assert!(matches!(view, View::Ready(seen) if *seen.value == value));
        }
    }

    #[tokio::test]
    async fn a_value_is_read_again_as_soon_as_a_page_needs_a_newer_one() {
        let cached = Cached::new(WAIT);
        assert!(cached.last().is_none());
        for (value, max_age, expected) in [(0, WAIT, 0), (1, WAIT, 0), (2, Duration::ZERO, 2)] {
            let read = move || async move { Ok(value) };
            let view = cached.view_of_age(max_age, WAIT, read).await;
            assert!(matches!(view, View::Ready(seen) if *seen.value == expected));
            assert_eq!(cached.last().as_deref(), Some(&expected));
        }
    }

    #[tokio::test]
    async fn a_first_read_that_takes_long_or_fails_is_said() {
        let cached: Cached<u32> = Cached::new(WAIT);
        let never = || std::future::pending();
        let view = cached.view(Duration::ZERO, never).await;
        assert!(matches!(view, View::Reading));
        let cached: Cached<u32> = Cached::new(WAIT);
        let failing = || async { Err(anyhow::anyhow!("no bucket")) };
        let view = cached.view(WAIT, failing).await;
        assert!(matches!(view, View::Failed(why) if why == "no bucket"));
    }
}
