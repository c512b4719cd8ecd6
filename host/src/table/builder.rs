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

use super::attempt_keys::{count_dropped, known_keys, put_mark};
use super::commit::{Attempt, Outcome, commit};
use super::documents::VoidFiles;
use super::files::{self, FilesSettings, TableColumns, Written};
use super::lease::{BuilderLease, OpenAttempt, committed_attempts};
use super::news::{Limit, News, NewsReader};
use super::process::{own_name, process_has_ended, process_name};
use super::progress::{Added, TableProgress};
use super::renewed_lease::Renewed;
use super::state::{self, TableState};
use super::upload::{Upload, folder};
use super::warehouse::Warehouse;
use super::watermark::Watermark;
use crate::format::parquet::{TableSchema, UnmappedValues};
use crate::sink::SchemaStore;

/// The beginning of the name of a local folder.
pub(super) const SCRATCH: &str = "sluice-table-";

/// A commit takes events of at most about this many bytes, and this many objects: so much is lost when a builder is killed.
const COMMIT_MAX: Limit = Limit {
    event_bytes: 4 << 30,
    objects: 200_000,
};

/// The bytes of events in a byte of files, until the table has some.
const USUAL_RATIO: u64 = 8;

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
    /// The number of chunks that it took.
    pub chunks: u64,
    /// Its snapshot.
    pub snapshot: i64,
    /// What no column has.
    pub unmapped: UnmappedValues,
    /// The events that the table has then.
    pub table_events: u64,
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
        let state = self.state().await?;
        let lease = BuilderLease::take(state.documents.clone(), self.owner.clone()).await?;
        let lease = Renewed::start(lease);
        let round = self.work(state, &lease).await;
        lease.end().await;
        round
    }

    async fn state(&self) -> anyhow::Result<TableState> {
        let table = self.catalog.load_table(&self.table).await;
        let table = table.map_err(|error| match error.kind() {
            iceberg::ErrorKind::TableNotFound => anyhow::anyhow!(
                "there is no table {} any more; create it with `sluice table create`",
                self.table
            ),
            _ => error.into(),
        })?;
        Ok(TableState::read(table, &self.warehouse).await?)
    }

    async fn work(&mut self, state: TableState, lease: &Renewed) -> anyhow::Result<Round> {
        let news = self.news.read(&state.watermark, COMMIT_MAX).await?;
        self.progress.read(&state, &news);
        let (has_more, is_without_ledgers) = (!news.is_all, news.documents == 0);
        let waiting = RoundOutcome::Waiting {
            events: news.events,
            since: news.oldest_put_at.unwrap_or(0),
        };
        let outcome = match news.oldest_put_at {
            None => RoundOutcome::Nothing,
            Some(oldest) if !self.is_due(&news, &state.watermark, oldest) => waiting,
            Some(_) => self.attempt(&state, news, lease).await?,
        };
        Ok(Round {
            outcome,
            has_more,
            is_without_ledgers,
        })
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
        let scratch = self.scratch(attempt);
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

    /// The local folder of an attempt. Those of builders that were killed are removed before.
    fn scratch(&self, attempt: &str) -> PathBuf {
        let folder = &self.settings.scratch;
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let owner = name.to_str().and_then(|name| name.strip_prefix(SCRATCH));
            if owner.is_some_and(process_has_ended) {
                let _removed_by_another_one = std::fs::remove_dir_all(entry.path());
            }
        }
        folder.join(format!("{SCRATCH}{}-{attempt}", process_name()))
    }

    /// Lists the files of attempts that can never be committed any more. Those of an attempt that could still be are left
    /// alone.
    async fn settle(&self, table: &Table, lease: &Renewed) -> anyhow::Result<()> {
        let documents = state::documents(table, &self.warehouse);
        let present = state::attempt(table);
        let attempts = lease.attempts().await;
        let committed = committed_attempts(&documents, present, &attempts).await?;
        let mut settled = Vec::new();
        for open in attempts {
            let is_committed = committed.contains(&open.id);
            if !is_committed && open.after == present {
                continue;
            }
            if !is_committed {
                let of_files = folder(&self.warehouse, table, &open.id)?;
                let of_keys = documents.duplicates_folder(&open.id);
                let mut keys = Vec::new();
                for folder in [of_files, of_keys] {
                    let mut found = |key: &str| keys.push(format!("{folder}{key}"));
                    self.warehouse.store().list(&folder, &mut found).await?;
                }
                keys.sort_unstable();
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
