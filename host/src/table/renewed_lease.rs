//! A lease that is renewed while its builder works.

use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::lease::{BuilderLease, LeaseError, OpenAttempt, RENEWED_EACH};

/// A lease that is renewed while the builder works.
pub(super) struct Renewed {
    lease: Arc<tokio::sync::Mutex<BuilderLease>>,
    renewal: Renewal,
}

/// The task that renews the lease. It ends with the builder, even if that is dropped in the middle of its work.
struct Renewal(JoinHandle<()>);

impl Drop for Renewal {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Renewed {
    pub(super) fn start(lease: BuilderLease) -> Self {
        let lease = Arc::new(tokio::sync::Mutex::new(lease));
        let renewed = lease.clone();
        let renewal = tokio::spawn(async move {
            loop {
                sleep(RENEWED_EACH).await;
                if let Err(error) = renewed.lock().await.renew().await {
                    // Whoever has taken over and this builder do each other no harm.
                    tracing::warn!(%error, "cannot renew the lease of the table");
                }
            }
        });
        let renewal = Renewal(renewal);
        Self { lease, renewal }
    }

    pub(super) async fn begin(&self, attempt: OpenAttempt) -> Result<(), LeaseError> {
        self.lease.lock().await.begin(attempt).await
    }

    pub(super) async fn attempts(&self) -> Vec<OpenAttempt> {
        self.lease.lock().await.attempts().to_vec()
    }

    pub(super) async fn settle(&self, settled: &[String]) -> Result<(), LeaseError> {
        if settled.is_empty() {
            return Ok(());
        }
        self.lease.lock().await.settle(settled).await
    }

    /// Gives the lease back. If that fails, it ends by itself.
    pub(super) async fn end(mut self) {
        self.renewal.0.abort();
        let _ended = (&mut self.renewal.0).await;
        if let Some(lease) = Arc::into_inner(self.lease)
            && let Err(error) = lease.into_inner().release().await
        {
            tracing::debug!(%error, "cannot give back the lease of the table");
        }
    }
}
