//! The events that were handled, in a file of `SQLite`.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

use super::events::Event;

/// How long a process waits for another one that writes to the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(60);

/// The events that were handled. An event is noted in the same transaction in which it is handled. So what its handler writes
/// to this database is written once, even if the process is killed.
pub(crate) struct Seen {
    database: SqliteConnection,
}

impl Seen {
    /// Opens the file, which is created if it does not exist.
    ///
    /// # Errors
    /// The file cannot be opened, or is none of `SQLite`.
    pub(crate) async fn open(file: &Path) -> anyhow::Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .busy_timeout(BUSY_TIMEOUT)
            .journal_mode(SqliteJournalMode::Wal);
        let database = options.connect().await;
        let database = database.with_context(|| format!("cannot open {}", file.display()))?;
        let mut seen = Self { database };
        seen.execute(
            "CREATE TABLE IF NOT EXISTS seen \
             (rid TEXT, event INTEGER, at INTEGER NOT NULL, PRIMARY KEY (rid, event)) WITHOUT ROWID",
        )
        .await?;
        Ok(seen)
    }

    /// Runs a statement, such as one that creates the table of a handler.
    ///
    /// # Errors
    /// The statement fails.
    pub(crate) async fn execute(&mut self, statement: &'static str) -> anyhow::Result<()> {
        self.database.execute(statement).await?;
        Ok(())
    }

    /// Calls `handle` for each event that was not seen: for all of them, or for none if one fails. Returns how many events were
    /// new, and how many were repeats.
    ///
    /// # Errors
    /// The handler fails, or the database does. Then nothing has changed in the database.
    pub(crate) async fn handle_once<H>(
        &mut self,
        events: &[Event],
        handle: &mut H,
    ) -> anyhow::Result<(u64, u64)>
    where
        H: AsyncFnMut(&mut SqliteConnection, &Event) -> anyhow::Result<()>,
    {
        let mut transaction = self.database.begin_with("BEGIN IMMEDIATE").await?;
        let (mut new, mut repeats) = (0, 0);
        for event in events {
            let claim = "INSERT OR IGNORE INTO seen VALUES (?, ?, unixepoch())";
            let claim = sqlx::query(claim).bind(&event.rid).bind(event.event);
            if claim.execute(&mut *transaction).await?.rows_affected() == 0 {
                repeats += 1;
                continue;
            }
            let handled = handle(&mut transaction, event).await;
            handled.with_context(|| format!("event {} of {}", event.event, event.rid))?;
            new += 1;
        }
        transaction.commit().await?;
        Ok((new, repeats))
    }

    /// Forgets what was seen longer ago than this. Returns how many events that were.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn forget(&mut self, older_than: Duration) -> anyhow::Result<u64> {
        let seconds = i64::try_from(older_than.as_secs())?;
        let forget = sqlx::query("DELETE FROM seen WHERE at < unixepoch() - ?").bind(seconds);
        Ok(forget.execute(&mut self.database).await?.rows_affected())
    }
}
