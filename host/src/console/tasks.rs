//! Work that no page waits for on its own thread: tasks that never end, and reads that hold up a thread.

use std::future::Future;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

/// How long after a task has failed it begins again.
const PAUSE: Duration = Duration::from_secs(1);

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
}
