//! The events of a lake, read object by object.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Context as _;
use futures_util::stream::{self, StreamExt as _};
use sluice_storage::location::StoreLocation;
use sluice_storage::object_store::Found;
use sluice_storage::retry::RetryPolicy;

use super::object_rows::Schemas;
use super::reading::{Parts, Records, THREADS};
use crate::layout::event_type::event_type_of_folder;
use crate::layout::object_key::{METADATA_FOLDER, ParsedKey};
use crate::output;

/// The retry timeout of a request to the lake.
const RETRY_TIMEOUT: Duration = Duration::from_secs(30);

/// The most objects that are read at once, so that few are in memory.
const READS_MAX: usize = 8;

/// Sends the objects of events in the order of their keys; of one type of events, if one is asked for.
///
/// # Errors
/// The lake cannot be read, or has no events.
pub(super) fn send_objects(
    location: &StoreLocation,
    only: Option<&str>,
    parts: Parts,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build()?;
    runtime.block_on(send(location, only, parts))
}

async fn send(
    location: &StoreLocation,
    only: Option<&str>,
    mut parts: Parts,
) -> anyhow::Result<()> {
    let store = location.open(RetryPolicy::new(RETRY_TIMEOUT)).await?;
    let schemas = Schemas::open(location, RetryPolicy::new(RETRY_TIMEOUT)).await?;
    let (mut keys, mut others) = (BTreeSet::new(), BTreeSet::new());
    let mut add = |key: &str| {
        let is_own = key.split('/').next() == Some(METADATA_FOLDER);
        match ParsedKey::parse(key) {
            _ if is_own => {}
            Some(_) => drop(keys.insert(key.to_owned())),
            None => drop(others.insert(key.to_owned())),
        }
    };
    store.list("", &mut add).await?;
    if let Some(first) = others.first() {
        let (count, place) = (
            output::counted(others.len() as u64, "file"),
            store.place(first),
        );
        output::message(format_args!(
            "sluice: leaving out {count} of the lake that Sluice has not written, such as {place}"
        ));
    }
    anyhow::ensure!(
        !keys.is_empty(),
        "{location} has no events; give the lake that `run` has written"
    );
    let is_wanted = |key: &String| {
        let of_key = event_type(key);
        only.is_none_or(|only| of_key.is_none_or(|of_key| of_key == only))
    };
    let reads = stream::iter(keys.into_iter().filter(is_wanted)).map(|key| {
        let store = store.clone();
        async move {
            let found = store.get(&key, usize::MAX).await;
            (store.place(&key), key, found)
        }
    });
    let mut reads = reads.buffered(store.operations_at_once(THREADS).min(READS_MAX));
    while let Some((place, key, found)) = reads.next().await {
        let Found::Content(bytes) = found? else {
            output::message(format_args!(
                "sluice: leaving out {place}, which was removed a moment ago"
            ));
            continue;
        };
        if let Some(parsed) = ParsedKey::parse(&key) {
            let object = Records::Object {
                event_type: event_type(&key),
                format: parsed.format,
                rows: schemas
                    .of(&parsed, &bytes)
                    .await
                    .with_context(|| format!("cannot read {place}"))?,
                place,
                bytes,
            };
            if !parts.send_from_task(object).await {
                break;
            }
        }
    }
    Ok(())
}

/// The type of the events of an object, by its key; `""` if they have none, and `None` if the key does not say it.
fn event_type(key: &str) -> Option<String> {
    event_type_of_folder(ParsedKey::parse(key)?.folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_an_object_says_the_type_of_its_events() {
        let name = "s-00000000000000000000-00000000000000000009-0123abcd.ndjson.zst";
        for (folder, expected) in [
            ("event_type=a%2Fb/date=2026-01-01/", Some("a/b")),
            ("date=2026-01-01/", None),
            ("", None),
        ] {
            assert_eq!(
                event_type(&format!("{folder}{name}")).as_deref(),
                expected,
                "{folder}"
            );
        }
    }
}
