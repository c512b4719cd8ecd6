//! Builds a table: takes what is committed in the lake and not in the table yet, writes it as files, and commits them.
//!
//! ```text
//! lease ─▶ table and watermark ─▶ news ─▶ due? ─▶ files ─▶ upload ─▶ watermark document ─▶ commit ─▶ settle
//! ```
//!
//! It can be killed between any two of these steps. What it has done then is either committed or void.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use iceberg::arrow::schema_to_arrow_schema;
use iceberg::table::Table;
use iceberg::{Catalog, TableIdent};
use sluice_storage::object_store::ObjectStore;
use sluice_storage::retry::Retries;
use tokio::time::timeout_at;

use super::attempt_keys::{count_dropped, known_keys, put_mark};
use super::commit::{Attempt, Outcome, commit};
use super::documents::VoidFiles;
use super::files::{self, FilesSettings, TableColumns, Written};
use super::lease::{BuilderLease, OpenAttempt, committed_attempts};
use super::news::{Limit, News, NewsReader};
use super::process::own_name;
use super::progress::{Added, TableProgress};
use super::renewed_lease::Renewed;
use super::room::Room;
pub use super::round::{Commit, OutOfTime, Round, RoundOutcome};
use super::scratch;
use super::state::{self, TableState};
use super::upload::{Upload, folder};
use super::warehouse::Warehouse;
use super::watermark::Watermark;
use crate::format::parquet::TableSchema;
use crate::sink::SchemaStore;

/// A commit takes events of at most about this many bytes, and this many objects: so much is lost when a builder is killed.
const COMMIT_MAX: Limit = Limit {
    event_bytes: 4 << 30,
    objects: 200_000,
};

/// The bytes of events in a byte of files, until the table has some.
const USUAL_RATIO: u64 = 8;

/// At most so many void attempts are settled after an attempt, since each takes requests. The others wait for the next one.
const SETTLED_MAX: usize = 100;

/// When a builder writes.
#[derive(Clone, Copy, Debug)]
pub struct Due {
    /// If the events that wait would make files of this many bytes.
    pub bytes: u64,
    /// If events have waited this long.
    pub age: Duration,
}

/// The settings of a builder.
#[derive(Clone, Debug)]
pub struct BuilderSettings {
    /// When it writes.
    pub due: Due,
    /// The size at which a file is closed, bytes.
    pub file_bytes: u64,
    /// The memory for events and files, bytes.
    pub memory: u64,
    /// The number of threads.
    pub threads: usize,
    /// The folder for files until they are uploaded.
    pub scratch: PathBuf,
}

/// The builder of one table.
pub struct Builder {
    catalog: Arc<dyn Catalog>,
    warehouse: Warehouse,
    lake: Arc<dyn ObjectStore>,
    schemas: SchemaStore,
    table: TableIdent,
    settings: BuilderSettings,
    owner: String,
    news: NewsReader,
    progress: Arc<TableProgress>,
}

impl Builder {
    /// The builder of `table` from the lake.
    #[must_use]
    pub fn new(
        catalog: Arc<dyn Catalog>,
        warehouse: Warehouse,
        lake: Arc<dyn ObjectStore>,
        schemas: SchemaStore,
        table: TableIdent,
        settings: BuilderSettings,
    ) -> Self {
        let reads_at_once = lake.operations_at_once(settings.threads);
        Self {
            news: NewsReader::new(lake.clone(), reads_at_once),
            progress: Arc::new(TableProgress::new(
                &table,
                Retries::default(),
                Duration::ZERO,
            )),
            catalog,
            warehouse,
            lake,
            schemas,
            table,
            settings,
            owner: own_name(),
        }
    }

    /// Reports to `progress` what it does.
    #[must_use]
    pub fn observed(self, progress: Arc<TableProgress>) -> Self {
        Self { progress, ..self }
    }

    /// Takes what is new, if it is enough or has waited long enough.
    ///
    /// # Errors
    /// What cannot be read or written; the table is unchanged, or it is not known whether it is.
    pub async fn round(&mut self) -> anyhow::Result<Round> {
        self.round_within(Room::ALL).await
    }

    /// As [`round`](Self::round), with an attempt for which there is room.
    ///
    /// # Errors
    /// Also [`OutOfTime`].
    pub async fn round_within(&mut self, room: Room) -> anyhow::Result<Round> {
        let state = self.state().await?;
        let lease = BuilderLease::take(state.documents.clone(), self.owner.clone()).await?;
        let lease = Renewed::start(lease);
        let work = self.work(state, &lease, room);
        let round = match room.end() {
            None => work.await,
            Some(end) => match timeout_at(end, work).await {
                Ok(round) => round,
                Err(_) => {
                    // It was interrupted at any point.
                    self.news = self.news.anew();
                    Err(OutOfTime.into())
                }
            },
        };
        lease.end().await;
        round
    }

    async fn state(&self) -> anyhow::Result<TableState> {
        let table = self.catalog.load_table(&self.table).await;
        let table = table.map_err(|error| match error.kind() {
            iceberg::ErrorKind::TableNotFound | iceberg::ErrorKind::NamespaceNotFound => {
                anyhow::anyhow!(
                    "there is no table {} any more; create it with `sluice table create`",
                    self.table
                )
            }
            _ => error.into(),
        })?;
        Ok(TableState::read(table, &self.warehouse).await?)
    }

    async fn work(
        &mut self,
        state: TableState,
        lease: &Renewed,
        room: Room,
    ) -> anyhow::Result<Round> {
        let mut news = self.news.read(&state.watermark, COMMIT_MAX).await?;
        self.progress.read(&state, &news);
        let is_without_ledgers = news.documents == 0;
        let waiting = RoundOutcome::Waiting {
            events: news.events,
            since: news.oldest_put_at.unwrap_or(0),
        };
        let mut has_more = !news.is_all;
        let outcome = match news.oldest_put_at {
            None => RoundOutcome::Nothing,
            Some(oldest) if !self.is_due(&news, &state.watermark, oldest) => waiting,
            Some(_) => {
                news = self.within(room, &state, news, lease).await?;
                has_more = !news.is_all;
                match room.has_time_for(news.event_bytes) {
                    true => self.attempt(&state, news, lease).await?,
                    false => {
                        has_more = true;
                        waiting
                    }
                }
            }
        };
        Ok(Round {
            outcome,
            has_more,
            is_without_ledgers,
        })
    }

    /// The part of the news that there is room for.
    async fn within(
        &mut self,
        room: Room,
        state: &TableState,
        news: News,
        lease: &Renewed,
    ) -> anyhow::Result<News> {
        let present = &state.watermark.attempt;
        let attempts = lease.attempts().await;
        let begun = attempts
            .iter()
            .filter(|open| open.after == *present)
            .count();
        let event_bytes = room.event_bytes(&state.watermark, begun);
        if news.event_bytes <= event_bytes {
            return Ok(news);
        }
        let limit = Limit {
            event_bytes,
            ..COMMIT_MAX
        };
        Ok(self.news.read(&state.watermark, limit).await?)
    }

    fn is_due(&self, news: &News, watermark: &Watermark, oldest: i64) -> bool {
        let (known, files) = (watermark.event_bytes, watermark.file_bytes);
        let bytes = match files {
            0 => news.event_bytes / USUAL_RATIO,
            _ => {
                let bytes = u128::from(news.event_bytes) * u128::from(files);
                u64::try_from(bytes / u128::from(known.max(1))).unwrap_or(u64::MAX)
            }
        };
        let due = &self.settings.due;
        let age = Utc::now().timestamp_millis().saturating_sub(oldest);
        let age = Duration::from_millis(u64::try_from(age).unwrap_or(0));
        !news.is_all || bytes >= due.bytes || age >= due.age
    }

    async fn attempt(
        &self,
        state: &TableState,
        news: News,
        lease: &Renewed,
    ) -> anyhow::Result<RoundOutcome> {
        let id = format!("{:032x}", rand::random::<u128>());
        let after = state.watermark.attempt.clone();
        let open = OpenAttempt {
            id: id.clone(),
            after: after.clone(),
        };
        lease.begin(open).await?;
        let written = self.write(state, &news, &id).await?;
        self.progress.step();
        let upload = Upload {
            warehouse: &self.warehouse,
            state,
            progress: &self.progress,
        };
        let files = upload.all(&id, &written).await?;
        let (mut keys, mut shards, mut duplicates) = (None, news.shards, 0);
        if let Some(written) = &written.keys {
            upload.documents(&id, &written.documents).await?;
            keys = put_mark(state, &id, written).await?;
            count_dropped(&mut shards, written);
            duplicates = written.total_dropped();
        }
        drop(written.folder);
        let bytes = written.files.iter().map(|file| file.bytes).sum::<u64>();
        let sizes = (written.event_bytes, bytes);
        let (ledgers, unmapped, columns) = (news.ledgers, &written.unmapped, state.columns()?);
        let mut watermark = (state.watermark).next(&id, shards, ledgers, columns, sizes, unmapped);
        watermark.keys = keys;
        state.documents.put_watermark(&watermark).await?;
        let wanted = Attempt {
            id,
            table: state.table.metadata().uuid().to_string(),
            after,
            files,
        };
        let outcome = commit(self.catalog.as_ref(), &self.table, &wanted).await?;
        let (table, is_committed) = match &outcome {
            Outcome::Committed(table) => (table, true),
            Outcome::Void(table) => (table, false),
            // The attempt stays open: it is not known whether the table that it was made for has it.
            Outcome::Replaced => {
                self.progress.void();
                return Ok(RoundOutcome::Void);
            }
        };
        let snapshot = table.metadata().current_snapshot_id().unwrap_or(0);
        match is_committed {
            true => {
                let added = Added {
                    events: written.rows,
                    duplicates,
                    files: written.files.len() as u64,
                    bytes,
                    unmapped: written.unmapped.total(),
                    is_all: news.is_all,
                };
                self.progress.committed(&added, &watermark, snapshot);
            }
            false => self.progress.void(),
        }
        self.settle(table, lease).await?;
        if !is_committed {
            return Ok(RoundOutcome::Void);
        }
        Ok(RoundOutcome::Committed(Commit {
            events: written.rows,
            duplicates,
            files: written.files.len() as u64,
            bytes,
            event_bytes: written.event_bytes,
            chunks: news.chunks.len() as u64,
            snapshot,
            unmapped: written.unmapped,
            table_events: watermark.rows(),
        }))
    }

    async fn write(
        &self,
        state: &TableState,
        news: &News,
        attempt: &str,
    ) -> anyhow::Result<Written> {
        let columns = schema_to_arrow_schema(state.table.metadata().current_schema())?;
        let schema = Arc::new(TableSchema::new(state.schema.clone()));
        let columns = TableColumns::new(schema, &columns)?;
        scratch::remove_ended(&self.settings.scratch);
        let scratch = scratch::folder(&self.settings.scratch, attempt);
        let settings = FilesSettings {
            file_bytes: self.settings.file_bytes,
            memory: self.settings.memory,
            ..FilesSettings::new(scratch, self.settings.threads)
        };
        let layout = state.layout.files();
        let lake = self.lake.clone();
        Ok(files::write(
            lake,
            &self.schemas,
            &news.chunks,
            &columns,
            &layout,
            known_keys(state).as_ref(),
            &settings,
        )
        .await?)
    }

    /// Lists the files of attempts that can never be committed any more. Those of an attempt that could still be are left
    /// alone.
    async fn settle(&self, table: &Table, lease: &Renewed) -> anyhow::Result<()> {
        let documents = state::documents(table, &self.warehouse);
        let present = state::attempt(table);
        let attempts = lease.attempts().await;
        let committed = committed_attempts(&documents, present, &attempts).await?;
        let (mut settled, mut void) = (Vec::new(), 0);
        for open in attempts {
            if !committed.contains(&open.id) {
                if open.after == present || void == SETTLED_MAX {
                    continue;
                }
                void += 1;
                let mut keys = Vec::new();
                let of_files = folder(&self.warehouse, table, &open.id)?;
                let of_keys = documents.duplicates_folder(&open.id);
                for folder in [of_files, self.warehouse.uri_of(&of_keys)] {
                    keys.extend(self.warehouse.names(&folder).await?);
                }
                let attempt = open.id.clone();
                if !keys.is_empty() {
                    documents.put_void(&VoidFiles { attempt, keys }).await?;
                }
            }
            settled.push(open.id);
        }
        Ok(lease.settle(&settled).await?)
    }
}
