//! Work that no page waits for on its own thread: tasks that never end, and reads that hold up a thread.

use std::future::Future;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};
use tokio::task::spawn_blocking;

/// How long after a task has failed it begins again.
const PAUSE: Duration = Duration::from_secs(1);

/// The most bytes that a page reads of an object of quarantine, as it is stored and as lines.
pub(super) const OBJECT_MAX_BYTES: usize = 128 << 20;

/// Permits to read the contents of objects, which takes memory. All pages share them.
static CONTENT_READS: Semaphore = Semaphore::const_new(3);

/// Runs a task that never ends. One that panics begins again: what it brings up to date does not stay old for ever.
pub(super) fn keep_running<F>(task: impl Fn() -> F + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    tokio::spawn(async move {
        loop {
            let running = tokio::spawn(task());
            let _has_panicked = running.await;
            tokio::time::sleep(PAUSE).await;
        }
    });
}

/// Runs a read on a thread of its own: it parses and decompresses what it reads, and other pages do not wait for that. If
/// nobody waits for it any more, it ends where it waits next.
///
/// # Errors
/// Those of the read.
pub(super) async fn on_a_thread<T, F>(
    read: impl FnOnce() -> F + Send + 'static,
) -> anyhow::Result<T>
where
    T: Send + 'static,
    F: Future<Output = anyhow::Result<T>>,
{
    let runtime = Handle::current();
    let (_awaited, forgotten) = oneshot::channel::<()>();
    let reading = spawn_blocking(move || {
        runtime.block_on(async {
            tokio::select! {
                read = read() => read,
                _ = forgotten => Err(anyhow::anyhow!("nobody waits for the read")),
            }
        })
    });
    reading.await?
}

/// Waits until this read of contents is one of at most three. It is, while it keeps the permit.
///
/// # Errors
/// None is expected.
pub(super) async fn content_permit() -> anyhow::Result<SemaphorePermit<'static>> {
    Ok(CONTENT_READS.acquire().await?)
}

/// Runs a read of contents of objects as [`on_a_thread`] does, and at most three at once.
///
/// # Errors
/// Those of the read.
pub(super) async fn read_contents<T, F>(
    read: impl FnOnce() -> F + Send + 'static,
) -> anyhow::Result<T>
where
    T: Send + 'static,
    F: Future<Output = anyhow::Result<T>>,
{
    let permit = content_permit().await?;
    let read_it = move || async move {
        let _until_it_ends = permit;
        read().await
    };
    on_a_thread(read_it).await
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_begins_again() {
        let (begun, again) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
        let notified = Arc::clone(&again);
        keep_running(move || {
            let (begun, again) = (Arc::clone(&begun), Arc::clone(&again));
            async move {
                assert!(begun.fetch_add(1, Ordering::SeqCst) > 0, "a bug");
                again.notify_one();
                std::future::pending::<()>().await;
            }
        });
        notified.notified().await;
    }

    #[tokio::test]
    async fn a_read_on_a_thread_ends_when_nobody_waits_for_it() {
        let begun = Arc::new(Notify::new());
        let (reading, ended) = oneshot::channel::<()>();
        let notified = Arc::clone(&begun);
        let read = on_a_thread(move || async move {
            let _until_it_ends = reading;
            notified.notify_one();
            std::future::pending::<anyhow::Result<()>>().await
        });
        tokio::select! {
            _ = read => panic!("it does not end by itself"),
            () = begun.notified() => {}
        }
        assert!(ended.await.is_err(), "its thread has ended");
    }

    #[tokio::test]
    async fn contents_are_read_by_three_at_once() {
        let now = Arc::new(AtomicU32::new(0));
        let reads = (0..12).map(|_| {
            let now = Arc::clone(&now);
            read_contents(move || async move {
                let others = now.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                now.fetch_sub(1, Ordering::SeqCst);
                Ok(others)
            })
        });
        for others in futures_util::future::join_all(reads).await {
            assert!(others.unwrap() < 3);
        }
    }
}
