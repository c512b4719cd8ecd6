//! The fields of a type of events, inferred from a sample: one object, read because a reader asked for it.

use std::io;

use maud::{Markup, html};
use sluice_schema::Inference;
use sluice_schema::inference::{PathReport, TypeReport};
use sluice_storage::object_store::Found;
use tokio::task::spawn_blocking;

use super::chunks::{ChunkEvents, PartitionObject};
use super::event_type::PartitionType;
use super::recent::{KnownLake, RecentType, schema_store};
use crate::console::Lake;
use crate::console::components::{count, pager, rows_of_page, table};
use crate::console::page::{PageError, PageRequest};
use crate::console::payload::{inert, payload};
use crate::console::tasks::content_permit;
use crate::console::words::further;
use crate::format::decode_up_to;
use crate::format::parquet::{RowOrigin, TableSchema};
use crate::output::counted;
use crate::tools::schema::infer;

/// The most events of which fields are inferred.
const EVENTS_MAX: usize = 1_000;

/// A larger object is not read: its events as lines, and the object itself.
const OBJECT_MAX_BYTES: usize = 128 << 20;

/// The most types of events that are listed.
const TYPES_MAX: usize = 20;

/// What was inferred.
pub(super) struct FieldSample {
    /// The object, as messages name it.
    place: String,
    /// The events of the object.
    events: u64,
    /// Lines that are no events.
    skipped: u64,
    pub(super) report: TypeReport,
    /// The types of events, if the partition does not name one, with their numbers.
    types: Vec<(String, u64)>,
}

/// Reads the largest object of the newest chunk with events of a type, and infers their fields.
///
/// # Errors
/// The object cannot be read, or is too large.
pub(super) async fn read(
    lake: &Lake,
    known: &KnownLake,
    of_type: &RecentType,
) -> Result<FieldSample, PageError> {
    let (chunk, object) = &of_type.newest;
    let key = chunk.key(object);
    let place = lake.store.place(&key);
    let too_large = |bytes: u64| {
        let why = format!(
            "{place} is not read: it has {bytes} bytes, and at most {OBJECT_MAX_BYTES} are read for a page. `sluice schema \
             infer` reads objects of any size."
        );
        PageError::Wrong(why)
    };
    if object.bytes > OBJECT_MAX_BYTES as u64 {
        return Err(too_large(object.bytes));
    }
    let permit = content_permit().await?;
    let found = lake.store.get(&key, OBJECT_MAX_BYTES).await;
    let bytes = match found.map_err(anyhow::Error::from)? {
        Found::Content(bytes) => bytes,
        Found::TooLarge(bytes) => return Err(too_large(bytes)),
        Found::Nothing => {
            let why = format!("{place} does not exist any more. It may have expired.");
            return Err(PageError::NotFound(why));
        }
    };
    let schema = match chunk.schema.filter(|_| !chunk.format.has_lines()) {
        Some(digest) => {
            let store = schema_store(lake, known).await?;
            let schema = store.get(digest).await;
            Some(schema.map_err(anyhow::Error::from)?)
        }
        None => None,
    };
    let (chunk, object, at) = (chunk.clone(), object.clone(), place.clone());
    let event_type = of_type.event_type.clone();
    let inferred = spawn_blocking(move || {
        let _until_it_ends = permit;
        let lines = decoded(&chunk, &object, schema.as_deref(), &bytes)?;
        Ok::<_, io::Error>(sample(place, object.events, &lines, &event_type))
    });
    let inferred = inferred.await.map_err(anyhow::Error::from)?;
    inferred.map_err(|error| {
        let error = anyhow::Error::from(error);
        PageError::Failed(error.context(format!("cannot read {at}")))
    })
}

/// The events of an object as lines. Those that were lines have as many bytes again as the manifest says.
///
/// # Errors
/// The object is damaged, or has more bytes.
fn decoded(
    chunk: &ChunkEvents,
    named: &PartitionObject,
    schema: Option<&TableSchema>,
    object: &[u8],
) -> io::Result<Vec<u8>> {
    match schema {
        None => {
            let max = usize::try_from(named.bytes).unwrap_or(usize::MAX);
            decode_up_to(chunk.format, object, max)
        }
        Some(schema) => {
            let origin = RowOrigin {
                shard: chunk.shard.as_str(),
                chunk: chunk.name.first,
            };
            schema.decode_up_to(object, origin, OBJECT_MAX_BYTES)
        }
    }
}

/// Infers the fields of the first events.
fn sample(place: String, events: u64, lines: &[u8], event_type: &PartitionType) -> FieldSample {
    let mut inference = Inference::new(None);
    let mut skipped = 0;
    let lines = lines.split(|byte| *byte == b'\n');
    let lines = lines.filter(|line| !line.is_empty());
    for event in lines.take(EVENTS_MAX) {
        if inference.add(event, event_type.name()).is_err() {
            skipped += 1;
        }
    }
    let types = match event_type {
        PartitionType::Unknown => inference.types(),
        PartitionType::Named(_) | PartitionType::Without => Vec::new(),
    };
    let types = types.into_iter();
    let types = types.map(|of| (of.event_type.unwrap_or_default(), of.events));
    FieldSample {
        place,
        events,
        skipped,
        report: inference.all_types(),
        types: types.collect(),
    }
}

/// The fields that were inferred. Examples of their values are contents of events.
pub(super) fn shown(sample: &FieldSample, request: &PageRequest, with_payloads: bool) -> Markup {
    let report = &sample.report;
    html! {
        p {
            "Inferred from " (count(report.events)) " of " (counted(sample.events, "event")) " in "
            code { (inert(&sample.place)) } "."
            @if sample.skipped > 0 {
                " Lines that are no JSON objects and are left out: " (count(sample.skipped)) "."
            }
            " For a schema of all events, run " code { "sluice schema infer" } "."
        }
        @if !sample.types.is_empty() { (types(&sample.types)) }
        (fields(rows_of_page(request, &report.paths), with_payloads))
        (pager(request, report.paths.len()))
        @if report.untracked > 0 {
            p { (counted(report.untracked, "value")) " at further paths are not told apart." }
        }
    }
}

/// The types of events that their members name.
fn types(types: &[(String, u64)]) -> Markup {
    let rows = types.iter().take(TYPES_MAX).map(|(name, events)| {
        let name = match name.as_str() {
            "" => "events without a type".to_owned(),
            name => inert(name),
        };
        vec![html! { (name) }, count(*events)]
    });
    html! {
        (table("Types of events in the sample", &["Member event_type", "Events"], &rows.collect::<Vec<_>>()))
        (further(TYPES_MAX, types.len(), "type"))
    }
}

fn fields(paths: &[PathReport], with_payloads: bool) -> Markup {
    let rows = paths.iter().map(|path| {
        let column_type = match (&path.column_type, &path.no_column) {
            (Some(column_type), _) => html! { code { (column_type) } },
            (None, Some(why)) => html! { "no column: " (inert(why)) },
            (None, None) => html! { "no column" },
        };
        let example = infer::main_example(path);
        vec![
            html! { code { (inert(&path.path)) } },
            column_type,
            html! { (infer::present(path)) },
            html! { (infer::kinds(path)) },
            html! { @if let Some(example) = example { (payload(&example.text, with_payloads)) } },
        ]
    });
    let columns = ["Field", "Type", "Present", "Values", "Example"];
    table(
        "Fields of the events of the sample",
        &columns,
        &rows.collect::<Vec<_>>(),
    )
}

#[cfg(test)]
mod tests {
    use super::super::recent::RecentLake;
    use super::super::test_lake::TestLake;
    use super::*;
    use std::sync::Arc;

    async fn recent(lake: &TestLake) -> RecentLake {
        lake.read(&Arc::default()).await
    }

    #[tokio::test]
    async fn fields_are_inferred_from_the_first_events_of_the_newest_chunk() {
        let mut lake = TestLake::new();
        lake.commit("s", &["event_type=x"], 1, None);
        lake.commit("s", &["event_type=x"], 2_000, None);
        let found = recent(&lake).await;
        let newest = &found.types[0];
        let sample = read(&lake.lake(), &KnownLake::default(), newest).await;
        let sample = sample.unwrap();
        assert_eq!((sample.report.events, sample.events), (1_000, 2_000));
        let request = PageRequest::parse("/schema?type=x&infer=1");
        let html = shown(&sample, &request, false).into_string();
        assert!(html.contains("<code>long</code>"), "{html}");
        assert!(html.contains("1,000 long"), "{html}");
        assert!(html.contains("1 bytes, hidden"), "{html}");
    }

    #[tokio::test]
    async fn values_are_hidden_and_names_do_nothing() {
        let mut lake = TestLake::new();
        let lines = b"{\"<b>\":\"secret\",\"event_type\":\"<i>\"}\nno json\n";
        lake.commit_lines("s", &[""], lines, None);
        let found = recent(&lake).await;
        let known = KnownLake::default();
        let sample = read(&lake.lake(), &known, &found.types[0]).await.unwrap();
        let request = PageRequest::parse("/schema?of=unknown&infer=1");
        let html = shown(&sample, &request, false).into_string();
        for text in [
            "&lt;b&gt;",
            "&lt;i&gt;",
            "no JSON objects and are left out: <span class=\"number\">1<",
        ] {
            assert!(html.contains(text), "{text}: {html}");
        }
        assert!(!html.contains("secret") && !html.contains("<i>"), "{html}");
        let html = shown(&sample, &request, true).into_string();
        assert!(html.contains("secret"), "{html}");
    }

    #[tokio::test]
    async fn an_object_with_more_than_its_manifest_says_is_named_and_not_read() {
        let mut lake = TestLake::new();
        lake.commit("s", &["event_type=x"], 1, None);
        let found = recent(&lake).await;
        let (chunk, object) = &found.types[0].newest;
        lake.write(&chunk.key(object), "{\"n\":0}\n{\"n\":1}\n");
        let known = KnownLake::default();
        let sample = read(&lake.lake(), &known, &found.types[0]).await;
        let Err(PageError::Failed(error)) = sample else {
            panic!("it is read")
        };
        let error = format!("{error:#}");
        assert!(error.contains(&chunk.key(object)), "{error}");
        assert!(error.contains("more than 8 bytes"), "{error}");
    }

    #[tokio::test]
    async fn an_object_that_is_gone_is_said() {
        let mut lake = TestLake::new();
        lake.commit("s", &["event_type=x"], 1, None);
        let found = recent(&lake).await;
        lake.remove_events();
        let known = KnownLake::default();
        let sample = read(&lake.lake(), &known, &found.types[0]).await;
        assert!(matches!(sample, Err(PageError::NotFound(_))));
    }
}
