//! A builder that goes on: it looks for chunks again and again.

use std::time::Duration;

use tokio::time::sleep;

use super::build::is_busy;
use super::builder::{Builder, Round, RoundOutcome};
use super::commit::CommitError;
use super::lease::LeaseError;
use super::progress::TableProgress;
use super::state::TableStateError;
use crate::observe::events;
use crate::output::with_causes;

/// The longest pause after a failure.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How a builder goes on.
#[derive(Clone, Copy, Debug)]
pub struct FollowSettings {
    /// The pause between rounds.
    pub interval: Duration,
    /// Whether it goes on if a person has to decide. It builds again as soon as that has happened.
    pub waits_for_decision: bool,
}

/// Whether a builder cannot go on until a person has decided what is right.
#[must_use]
pub fn needs_decision(error: &anyhow::Error) -> bool {
    let of_commit = error.downcast_ref().and_then(|error| match error {
        CommitError::State(state) => Some(state),
        CommitError::InDoubt(_) => None,
    });
    matches!(
        error.downcast_ref().or(of_commit),
        Some(
            TableStateError::RolledBack { .. }
                | TableStateError::Foreign(_)
                | TableStateError::Layout(_)
                | TableStateError::Column { .. }
                | TableStateError::Incomplete { .. }
                | TableStateError::Dedupe { .. }
        )
    )
}

impl FollowSettings {
    /// Builds until a person has to decide. Dropped at any point, it has either committed or not.
    ///
    /// # Errors
    /// What a person has to decide, unless the builder waits for it.
    pub async fn build(self, mut builder: Builder, progress: &TableProgress) -> anyhow::Result<()> {
        let mut failures = 0;
        loop {
            let pause = match builder.round().await {
                Ok(round) => {
                    failures = 0;
                    progress.round(round.outcome.name());
                    log(&round);
                    if round.has_more {
                        Duration::ZERO
                    } else {
                        self.interval
                    }
                }
                Err(error) if is_busy(&error) => {
                    progress.round("busy");
                    match error.downcast_ref() {
                        Some(LeaseError::Lost { .. }) => tracing::warn!("{error}"),
                        _ => tracing::info!("{error}"),
                    }
                    self.interval
                }
                Err(error) if needs_decision(&error) && !self.waits_for_decision => {
                    let why = with_causes(&error);
                    tracing::error!(event = events::TABLE_STOPPED, "the builder ends: {why}");
                    return Err(error);
                }
                Err(error) => {
                    failures += 1;
                    log_failure(progress, &error, failures);
                    (self.interval * failures).min(LONGEST_PAUSE)
                }
            };
            sleep(pause).await;
        }
    }
}

/// Counts and logs that a table is not built.
pub fn log_failure(progress: &TableProgress, error: &anyhow::Error, failures: u32) {
    let error = with_causes(error);
    progress.failed(&error);
    tracing::error!(
        event = events::TABLE_STOPPED,
        failures,
        "the table is not built: {error}"
    );
}

/// Logs what a round came to.
pub fn log(round: &Round) {
    match &round.outcome {
        RoundOutcome::Nothing => tracing::debug!("nothing new"),
        RoundOutcome::Waiting { events, .. } => tracing::debug!(events, "events wait for a file"),
        RoundOutcome::Void => {
            tracing::warn!(
                "another builder has committed at the same time, or the table was rebuilt; this attempt is void"
            );
        }
        RoundOutcome::Committed(commit) => tracing::info!(
            events = commit.events,
            duplicates = commit.duplicates,
            files = commit.files,
            bytes = commit.bytes,
            chunks = commit.chunks,
            snapshot = %commit.snapshot,
            table_events = commit.table_events,
            "committed"
        ),
    }
}
