//! The thread pool that transforms and encodes, in order of arrival.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use tokio::sync::oneshot;

/// A pool of threads for work that keeps a core busy.
pub struct Compute {
    pool: ThreadPool,
}

impl Compute {
    /// A pool of `threads` threads, at least one.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub fn new(threads: usize) -> Result<Self, ThreadPoolBuildError> {
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads.max(1))
            .thread_name(|index| format!("compute-{index}"))
            .build()?;
        Ok(Self { pool })
    }

    /// The number of threads.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// Queues `work`; the returned task gives its result. A panic in it continues where the task is
    /// awaited.
    pub fn spawn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Task<T> {
        let (sender, receiver) = oneshot::channel();
        self.pool.spawn_fifo(move || {
            let result = panic::catch_unwind(AssertUnwindSafe(work));
            let _receiver_is_gone = sender.send(result);
        });
        Task { receiver }
    }
}

/// Work in the pool.
pub struct Task<T> {
    receiver: oneshot::Receiver<Result<T, Box<dyn Any + Send>>>,
}

impl<T> Task<T> {
    /// Waits for the result.
    pub async fn finish(self) -> T {
        match self.receiver.await {
            Ok(Ok(result)) => result,
            Ok(Err(panicked)) => panic::resume_unwind(panicked),
            Err(closed) => unreachable!("the pool outlives its work: {closed}"),
        }
    }
}
