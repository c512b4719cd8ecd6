//! The table of the lake: how far it is behind, its files, and what keeps a builder from going on.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use maud::{Markup, html};
use sluice_storage::location::StoreLocation;
use sluice_storage::retry::RetryPolicy;
use tokio::runtime;
use tokio::sync::oneshot;

use super::RETRY_TIMEOUT;
use super::cached::{Cached, View};
use super::components::{
    Tone, badge, bytes, count, empty, facts, problem, short, table, time_ms, viewed,
};
use super::payload::inert;
use crate::config::{ConfigError, LocationArgs};
use crate::output::counted;
use crate::table::location::TableLocation;
use crate::table::status::{ShardLag, TableStatus};

/// A status reads the catalog, the ledgers of the lake and the manifests of all chunks that wait. So it is not read more
/// often.
const MAX_AGE: Duration = Duration::from_secs(30);

/// The time that a page waits for the first status.
const WAIT: Duration = Duration::from_secs(2);

/// The most shards and paths that are shown.
const SHOWN_MAX: usize = 20;

/// The table of the lake, whose status is read when a page needs it.
pub(super) struct Table {
    location: Option<Arc<TableLocation>>,
    status: Cached<TableView>,
}

/// What is known of the table.
pub(super) enum TableView {
    /// The settings name none.
    NotSet,
    /// There is no catalog yet: the command that creates the table.
    Missing(String),
    /// Its status.
    Status(Box<TableStatus>),
}

/// The table of a lake, by the settings; `None` if they name none.
///
/// # Errors
/// A setting of the table that is given and wrong.
pub(super) fn location(
    args: &LocationArgs,
    lake: Option<&StoreLocation>,
) -> Result<Option<TableLocation>, ConfigError> {
    let is_given = args.table_warehouse.is_some() || args.table_catalog.is_some();
    match lake.map(|lake| args.of(lake.clone())) {
        Some(Err(error)) if is_given => Err(error),
        Some(found) => Ok(found.ok()),
        None => Ok(None),
    }
}

impl Table {
    pub(super) fn new(location: Option<TableLocation>) -> Self {
        Self {
            location: location.map(Arc::new),
            status: Cached::new(MAX_AGE),
        }
    }

    /// The status of the table, which is read at most every 30 seconds.
    pub(super) async fn view(&self) -> View<TableView> {
        let location = self.location.clone();
        let read = || async move {
            match location {
                Some(location) => on_thread(move || read(&location)).await,
                None => Ok(TableView::NotSet),
            }
        };
        self.status.view(WAIT, read).await
    }
}

/// Runs a read on a thread of its own: the clients of catalogs need a runtime that they do not share, and the console ends
/// without waiting for them.
async fn on_thread<T: Send + 'static>(
    read: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    let (sender, receiver) = oneshot::channel();
    let work = move || {
        // The console may have ended.
        let _receiver_may_be_gone = sender.send(read());
    };
    thread::Builder::new()
        .name("table-status".into())
        .spawn(work)?;
    receiver
        .await
        .context("the thread that reads the table has failed")?
}

/// Reads the status of a table.
///
/// # Errors
/// What cannot be read.
fn read(location: &TableLocation) -> anyhow::Result<TableView> {
    if !location.catalog.exists() {
        let create = location.command("create", &location.table);
        return Ok(TableView::Missing(create));
    }
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let retries = RetryPolicy::new(RETRY_TIMEOUT);
        let tables = location.open_existing_with(retries.clone()).await?;
        let lake = location.lake.open(retries).await?;
        let status = TableStatus::read(&tables, &location.table, lake).await?;
        Ok(TableView::Status(Box::new(status)))
    })
}

/// What pages show of the table.
pub(super) fn section(view: &View<TableView>) -> Markup {
    html! {
        h2 { "Table" }
        (viewed(view, "the table", |seen| match seen.value.as_ref() {
            TableView::NotSet => empty(
                "No table is set.",
                "To show the Iceberg table of the lake, start the console with the settings of `sluice table`: --table-warehouse and --table-catalog, or the section [table] of sluice.toml. A lake in a folder has its table beside it, without any setting.",
            ),
            TableView::Missing(create) => html! {
                (empty("The lake has no table yet.", "To query the lake as an Iceberg table, create one:"))
                pre { code { (inert(create)) " --schema schema.json" } }
            },
            TableView::Status(status) => shown(status),
        }))
    }
}

fn shown(status: &TableStatus) -> Markup {
    let average = status.file_bytes / status.files.max(1);
    let columns = status
        .columns
        .map_or_else(|| html! { "unknown" }, |columns| html! { (count(columns)) });
    let list = [
        ("Name", html! { code { (inert(&status.table)) } }),
        ("State", state(status)),
        ("Waiting", waiting(status)),
        ("Events", count(status.events)),
        (
            "Files",
            html! { (count(status.files)) ", " (bytes(status.file_bytes)) ", " (bytes(average)) " on average" },
        ),
        ("Snapshots", count(status.snapshots)),
        (
            "Last snapshot",
            status
                .committed_at
                .map_or_else(|| html! { "none" }, time_ms),
        ),
        ("Last commit by Sluice", last_commit(status)),
        ("Columns", columns),
        ("Schema", short(&inert(&status.schema))),
        (
            "Partitioned by",
            html! { (inert(status.layout.as_deref().unwrap_or("not by Sluice"))) },
        ),
        ("Values in no column", count(status.unmapped.total())),
    ];
    html! {
        @if let Some(why) = &status.problem {
            (problem(&format!("No builder can go on with the table: {}", inert(why))))
        }
        (facts(&list))
        @if let Some(rule) = &status.dedupe {
            p { (count(status.duplicates)) " duplicates are left out, " (inert(&rule.to_string())) "." }
        }
        @if !status.removable.is_empty() {
            p {
                (counted(status.removable.len() as u64, "file")) " of attempts that were given up can be removed. "
                code { "sluice table status --json" } " lists them."
            }
        }
        (behind(status))
        (unmapped(status))
    }
}

/// Whether the table has all events, in a word.
fn state(status: &TableStatus) -> Markup {
    match (&status.problem, status.ledgers, status.waiting_chunks()) {
        (Some(_), ..) => badge(Tone::Bad, "stopped"),
        (None, None, _) => badge(Tone::Warning, "unknown"),
        (None, Some(_), 0) => badge(Tone::Good, "up to date"),
        (None, Some(_), _) => badge(Tone::Neutral, "behind the lake"),
    }
}

/// What waits in the lake, and since when.
fn waiting(status: &TableStatus) -> Markup {
    match (status.oldest, status.ledgers) {
        (Some(oldest), _) => html! {
            (counted(status.waiting_chunks(), "chunk")) ", the oldest since " (time_ms(oldest))
        },
        (None, None) => html! { "unknown" },
        (None, Some(0)) => html! { "nothing: nothing has landed in the lake" },
        (None, Some(_)) => html! { "nothing" },
    }
}

fn last_commit(status: &TableStatus) -> Markup {
    match status.last_commit.as_ref().map(|last| last.snapshot) {
        Some(Some((snapshot, at))) => html! { (time_ms(at)) ", snapshot " code { (snapshot) } },
        Some(None) => html! { "its snapshot has expired" },
        None => html! { "none; run " code { "sluice table sync" } },
    }
}

/// The shards of which something waits, those with the most chunks first.
fn behind(status: &TableStatus) -> Markup {
    let mut behind: Vec<&ShardLag> = status.shards.iter().collect();
    behind.retain(|shard| shard.chunks > 0);
    behind.sort_by_key(|shard| std::cmp::Reverse(shard.chunks));
    let number =
        |number: Option<String>| html! { code { (number.unwrap_or_else(|| "none".into())) } };
    let rows = behind.iter().take(SHOWN_MAX).map(|shard| {
        vec![
            html! { code { (inert(shard.shard.as_str())) } },
            count(shard.chunks),
            shard.oldest.map_or_else(|| html! { "unknown" }, time_ms),
            number(shard.table.map(|last| last.to_string())),
            number(shard.lake.map(|last| last.to_string())),
        ]
    });
    let rows: Vec<_> = rows.collect();
    let columns = [
        "Shard",
        "Chunks that wait",
        "Oldest since",
        "Last record of the table",
        "Last record of the lake",
    ];
    html! {
        @if !rows.is_empty() {
            h3 { "Shards behind the lake" }
            (table("Shards of which the table lacks something", &columns, &rows))
            (further(behind.len(), "shard"))
        }
    }
}

/// The paths whose values no column of the table has.
fn unmapped(status: &TableStatus) -> Markup {
    let mut paths: Vec<_> = status.unmapped.by_path().iter().collect();
    paths.sort_by(|(a, more), (b, less)| less.cmp(more).then(a.cmp(b)));
    let rows = paths.iter().take(SHOWN_MAX);
    let rows = rows.map(|(path, values)| vec![html! { code { (inert(path)) } }, count(**values)]);
    let rows: Vec<_> = rows.collect();
    html! {
        @if !rows.is_empty() {
            h3 { "Values in no column of the table" }
            (table("Paths whose values are in no column of the table, but in _rest", &["Path", "Values"], &rows))
            (further(paths.len(), "path"))
        }
    }
}

/// Says that a list has more than is shown.
fn further(all: usize, name: &str) -> Markup {
    html! {
        @if all > SHOWN_MAX {
            p { "And " (counted((all - SHOWN_MAX) as u64, &format!("more {name}"))) "." }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::cached::Seen;
    use super::*;
    use crate::config::parse_store;
    use chrono::{DateTime, Utc};
    use sluice_engine::record::ShardId;

    fn status() -> TableStatus {
        let shard = |id: &str, chunks| ShardLag {
            shard: ShardId::new(id).unwrap(),
            table: Some(7.into()),
            lake: Some(9.into()),
            events: 5,
            duplicates: 0,
            chunks,
            oldest: (chunks > 0).then_some(1_767_225_600_000),
        };
        TableStatus {
            table: "sluice.events".into(),
            location: "file:///warehouse/events".into(),
            schema: "0123456789abcdef".into(),
            columns: Some(6),
            layout: None,
            dedupe: None,
            events: 1_234_567,
            duplicates: 0,
            files: 3,
            file_bytes: 3 << 20,
            snapshot: 1,
            snapshots: 2,
            committed_at: Some(1_767_225_600_000),
            last_commit: None,
            problem: None,
            ledgers: Some(2),
            oldest: Some(1_767_225_600_000),
            unmapped: crate::format::parquet::UnmappedValues::default(),
            removable: Vec::new(),
            kept: Vec::new(),
            shards: vec![shard("quick", 0), shard("slow", 3)],
        }
    }

    fn html_of(view: TableView) -> String {
        let seen = Seen {
            value: Arc::new(view),
            at: DateTime::<Utc>::default(),
            problem: None,
        };
        section(&View::Ready(seen)).into_string()
    }

    #[test]
    fn a_table_shows_what_waits_and_where() {
        let html = html_of(TableView::Status(Box::new(status())));
        for text in [
            "1,234,567",
            "3 chunks, the oldest since",
            "2026-01-01T00:00:00Z",
            "behind the lake",
            "slow",
            "run <code>sluice table sync</code>",
        ] {
            assert!(html.contains(text), "{text}: {html}");
        }
        assert!(!html.contains("quick"), "{html}");
        assert!(!html.contains("No builder can go on"), "{html}");
    }

    #[test]
    fn a_problem_is_said_and_does_nothing() {
        let problem = Some("rolled <b>back</b>\u{202e}".into());
        let html = html_of(TableView::Status(Box::new(TableStatus {
            problem,
            ..status()
        })));
        assert!(
            html.contains("rolled &lt;b&gt;back&lt;/b&gt;\\u{202e}"),
            "{html}"
        );
        assert!(html.contains("stopped"), "{html}");
    }

    #[test]
    fn without_a_table_the_section_says_how_to_have_one() {
        assert!(html_of(TableView::NotSet).contains("--table-warehouse"));
        let missing = TableView::Missing("sluice table create --lake file:lake".into());
        assert!(html_of(missing).contains("sluice table create --lake file:lake --schema"));
    }

    #[test]
    fn settings_that_are_given_must_name_a_table() {
        let args = |warehouse: Option<&str>| LocationArgs {
            table_name: "events".into(),
            table_catalog: None,
            table_warehouse: warehouse.map(str::to_owned),
        };
        let bucket = parse_store("lake", "s3://bucket/lake").unwrap();
        let folder = parse_store("lake", "file:/nowhere/lake").unwrap();
        assert!(location(&args(None), None).unwrap().is_none());
        assert!(location(&args(None), Some(&bucket)).unwrap().is_none());
        assert!(location(&args(None), Some(&folder)).unwrap().is_some());
        let error = location(&args(Some("s3://bucket/lake")), Some(&bucket)).unwrap_err();
        assert_eq!(error.key, "table.warehouse");
    }

    #[tokio::test]
    async fn a_lake_without_a_table_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let lake = StoreLocation::Folder(folder.path().join("lake"));
        let args = LocationArgs {
            table_name: "events".into(),
            table_catalog: None,
            table_warehouse: None,
        };
        let table = Table::new(location(&args, Some(&lake)).unwrap());
        let mut view = table.view().await;
        while matches!(view, View::Reading) {
            view = table.view().await;
        }
        let View::Ready(seen) = view else {
            panic!("the table cannot be read");
        };
        let TableView::Missing(create) = seen.value.as_ref() else {
            panic!("there is no table");
        };
        assert!(create.contains("sluice table create"), "{create}");
    }
}
