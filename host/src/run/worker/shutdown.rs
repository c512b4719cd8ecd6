//! Being told to stop.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::health::Health;

/// How long a poll that is under way when the process is told to stop may take to end. One that waits
/// for a service that fails would otherwise take as long as operations are retried.
const POLL_GRACE: Duration = Duration::from_secs(2);

/// SIGTERM or SIGINT, from when it comes.
pub(super) struct Stop {
    told: watch::Receiver<bool>,
}

impl Stop {
    /// Begins to listen; the run is not ready any more from the signal on.
    ///
    /// # Errors
    /// When the system does not let it.
    pub(super) fn listen(health: Arc<Health>) -> io::Result<Self> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let (tell, told) = watch::channel(false);
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            health.stopping();
            tell.send_replace(true);
        });
        Ok(Self { told })
    }

    /// Waits until it comes.
    pub(super) async fn told(&mut self) {
        let _sent_before_it_goes = self.told.wait_for(|told| *told).await;
    }

    /// Waits until it has come and what was under way has had its time.
    pub(super) async fn overdue(&mut self) {
        self.told().await;
        sleep(POLL_GRACE).await;
    }
}
