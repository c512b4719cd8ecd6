//! The table of the lake: how far it is behind, its files, and what keeps a builder from going on.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use maud::{Markup, html};
use sluice_storage::location::StoreLocation;
use sluice_storage::retry::RetryPolicy;

use super::RETRY_TIMEOUT;
use super::cached::{Cached, View};
use super::components::{
    Tone, badge, bytes, count, empty, facts, problem, short, table, time_ms, viewed,
};
use super::payload::inert;
use super::tasks::on_a_thread;
use super::words::{further, values_by_field};
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
pub(super) struct LakeTable {
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
    // The name has a default, which is right.
    let is_wrong = |error: &ConfigError| is_given || error.key == "table.name";
    match lake.map(|lake| args.of(lake.clone())) {
        Some(Err(error)) if is_wrong(&error) => Err(error),
        Some(found) => Ok(found.ok()),
        None => Ok(None),
    }
}

impl LakeTable {
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
                Some(location) => on_a_thread(move || async move { read(&location).await }).await,
                None => Ok(TableView::NotSet),
            }
        };
        self.status.view(WAIT, read).await
    }
}

/// Reads the status of a table.
///
/// # Errors
/// What cannot be read.
async fn read(location: &TableLocation) -> anyhow::Result<TableView> {
    if !location.catalog.exists() {
        let create = location.command("create", &location.table);
        return Ok(TableView::Missing(create));
    }
    let retries = RetryPolicy::new(RETRY_TIMEOUT);
    let tables = location.open_to_read(retries.clone()).await?;
    let lake = location.lake.open(retries).await?;
    let status = TableStatus::read(&tables, &location.table, lake).await?;
    Ok(TableView::Status(Box::new(status)))
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
        ("Schema", short(&status.schema)),
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
            (further(SHOWN_MAX, behind.len(), "shard"))
        }
    }
}

/// The fields whose values no column of the table has.
fn unmapped(status: &TableStatus) -> Markup {
    let values = status.unmapped.by_path();
    html! {
        @if !values.is_empty() {
            h3 { "Values in no column of the table" }
            (values_by_field("Values that are in no column of the table, but in _rest", values, SHOWN_MAX))
        }
    }
}
