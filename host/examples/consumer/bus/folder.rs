//! A bus in a folder.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use sqlx::sqlite::SqliteConnection;

use super::Counts;
use super::events::{Event, of_line};
use super::lake::Lake;
use super::seen::Seen;

/// Handles all that is in a folder. A file is complete and never changes, so it is handled as a unit.
///
/// # Errors
/// A file cannot be read or handled. Those before it were handled.
pub(crate) async fn read_folder<H>(
    folder: &Path,
    lake: &mut Lake,
    seen: &mut Seen,
    handle: &mut H,
) -> anyhow::Result<Counts>
where
    H: AsyncFnMut(&mut SqliteConnection, &Event) -> anyhow::Result<()>,
{
    let mut files = Vec::new();
    let entries = fs::read_dir(folder);
    for entry in entries.with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|name| name == "ndjson") {
            files.push(path);
        }
    }
    files.sort();
    let mut counts = Counts::default();
    for file in files {
        let text = fs::read_to_string(&file);
        let text = text.with_context(|| format!("cannot read {}", file.display()))?;
        let mut events = Vec::new();
        for (number, line) in (1..).zip(text.split_terminator('\n')) {
            let of_line = of_line(line, lake).await;
            events.extend(of_line.with_context(|| format!("{}:{number}", file.display()))?);
        }
        let (new, repeats) = seen.handle_once(&events, handle).await?;
        counts.new += new;
        counts.repeats += repeats;
    }
    Ok(counts)
}
