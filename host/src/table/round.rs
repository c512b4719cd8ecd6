//! What a round of a builder comes to.

use thiserror::Error;

use crate::format::parquet::UnmappedValues;

/// What a round of a builder came to.
#[derive(Clone, Debug, Default)]
pub struct Round {
    /// What became of the events that it found.
    pub outcome: RoundOutcome,
    /// Whether the lake has more that could be taken at once.
    pub has_more: bool,
    /// Whether the lake has no ledgers: nothing was ever landed in it.
    pub is_without_ledgers: bool,
}

/// What became of the events of a round.
#[derive(Clone, Debug, Default)]
pub enum RoundOutcome {
    /// There were none.
    #[default]
    Nothing,
    /// They wait for more.
    Waiting {
        /// How many there are.
        events: u64,
        /// When the oldest were put, milliseconds since the Unix epoch.
        since: i64,
    },
    /// They are in the table.
    Committed(Commit),
    /// Another builder has committed at the same time, or another table has got the name.
    Void,
}

/// The time of a round is over.
#[derive(Clone, Copy, Debug, Error)]
#[error(
    "there was not enough time to end the commit, so it is void; the next one takes fewer events"
)]
pub struct OutOfTime;

impl RoundOutcome {
    /// Its name for status pages.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Waiting { .. } => "waiting",
            Self::Committed(_) => "committed",
            Self::Void => "void",
        }
    }
}

/// A commit.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// Its events.
    pub events: u64,
    /// The events that it has dropped as duplicates.
    pub duplicates: u64,
    /// Its files.
    pub files: u64,
    /// Their size.
    pub bytes: u64,
    /// The bytes of its events as lines.
    pub event_bytes: u64,
    /// The number of chunks that it took.
    pub chunks: u64,
    /// Its snapshot.
    pub snapshot: i64,
    /// What no column has.
    pub unmapped: UnmappedValues,
    /// The events that the table has then.
    pub table_events: u64,
}
