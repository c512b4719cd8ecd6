//! The shutdown of a worker on SIGTERM or SIGINT.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::observe::health::Health;

/// How long a running poll may continue after the signal. A poll that waits for a failing service would
/// otherwise continue until the retry timeout.
const POLL_GRACE: Duration = Duration::from_secs(2);

/// Whether the process has received SIGTERM or SIGINT.
pub(super) struct ShutdownSignal {
    requested: watch::Receiver<bool>,
}

impl ShutdownSignal {
    /// Listens for the signals. From the signal on, the run is not ready any more.
    ///
    /// # Errors
    /// The system does not allow it.
    pub(super) fn listen(health: Arc<Health>) -> io::Result<Self> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let (request, requested) = watch::channel(false);
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            health.stopping();
            request.send_replace(true);
        });
        Ok(Self { requested })
    }

    /// Waits for the signal.
    pub(super) async fn requested(&mut self) {
        let _sent_before_the_sender_goes = self.requested.wait_for(|requested| *requested).await;
    }

    /// Waits for the signal and for the grace of a poll after it.
    pub(super) async fn grace_is_over(&mut self) {
        self.requested().await;
        sleep(POLL_GRACE).await;
    }
}
