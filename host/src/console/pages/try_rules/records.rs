//! The records that are tried: pasted ones, quarantined ones of the lake, or those of an archive.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sluice_release::cases::sample;

use super::form::{ARCHIVE, TryForm};
use super::loaded::Loaded;
use super::{archived, quarantined};
use crate::console::Console;
use crate::console::page::PageError;
use crate::tools::author::sample::generated;
use crate::tools::author::try_rules::input::Records;
use crate::tools::author::try_rules::origin::Origin;

/// How long records of a lake or an archive are kept, so that each key that is pressed does not read them again.
const MAX_AGE: Duration = Duration::from_secs(15);

/// The events of a sample, and how many of them are malformed.
const SAMPLE: (u64, f64) = (30, 0.1);

/// The records of a lake or an archive that were read last.
#[derive(Default)]
pub(super) struct LastLoaded {
    last: Mutex<Option<(String, Instant, Arc<Loaded>)>>,
    /// One read at a time, since each key that is pressed asks for the records.
    reading: Arc<tokio::sync::Mutex<()>>,
}

/// The records that a form names.
///
/// # Errors
/// A source that this console may not read, or that cannot be read.
pub(super) async fn load(
    console: &Console,
    form: &TryForm,
    last: &Arc<LastLoaded>,
) -> Result<Arc<Loaded>, PageError> {
    if form.is_pasted() {
        return Ok(Arc::new(pasted(&form.records)?));
    }
    let is_shown = is_shown(console, form);
    if form.source == ARCHIVE && !is_shown {
        return Err(PageError::NotAllowed(NO_ARCHIVES.into()));
    }
    let key = [
        &form.source,
        &form.reason,
        &form.shard,
        &form.quarantined_by,
        &form.from,
        &form.to,
        &form.choice,
        &form.rid,
        &form.archive,
        &form.encoding,
        &form.format,
    ]
    .map(|text| format!("{text:?}"))
    .join(" ");
    let alone = Arc::clone(&last.reading).lock_owned().await;
    if let Some(loaded) = last.get(&key) {
        return Ok(loaded);
    }
    let (lake, form, last) = (console.lake.clone(), form.clone(), Arc::clone(last));
    // It goes on if the browser asks for something else meanwhile, so that the next request has the records.
    let reading = tokio::spawn(async move {
        let _until_it_ends = alone;
        let mut loaded = match &*form.source {
            ARCHIVE => archived::archived(&form).await?,
            _ => quarantined::quarantined(lake, &form).await?,
        };
        loaded.is_shown = is_shown;
        let loaded = Arc::new(loaded);
        last.set(key, &loaded);
        Ok::<_, PageError>(loaded)
    });
    reading.await.map_err(anyhow::Error::from)?
}

/// Whether the contents of the records that a form names may be shown. Pasted ones are the user's own.
pub(super) fn is_shown(console: &Console, form: &TryForm) -> bool {
    form.is_pasted() || console.permissions.payloads
}

/// Why records of an archive are not offered.
pub(super) const NO_ARCHIVES: &str =
    "Records of an archive are tried only by a console that is started with --show-payloads.";

impl LastLoaded {
    fn get(&self, key: &str) -> Option<Arc<Loaded>> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, at, loaded) = last.as_ref()?;
        (known == key && at.elapsed() < MAX_AGE).then(|| Arc::clone(loaded))
    }

    fn set(&self, key: String, loaded: &Arc<Loaded>) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some((key, Instant::now(), Arc::clone(loaded)));
    }
}

/// The lines of a text, as golden cases have them.
///
/// # Errors
/// None is expected.
pub(super) fn pasted(text: &str) -> anyhow::Result<Loaded> {
    let bytes = text.as_bytes();
    let mut loaded = Loaded::default();
    loaded.is_shown = true;
    let (mut line, mut at) = (1, 0);
    for batch in sample::lines(bytes)? {
        let mut origins = Vec::with_capacity(batch.len());
        for position in batch.positions() {
            let offset = usize::try_from(position.sequence.as_offset().unwrap_or_default());
            let offset = offset.unwrap_or(at).clamp(at, bytes.len());
            let ends = bytes[at..offset].iter().filter(|byte| **byte == b'\n');
            line += ends.count() as u64;
            at = offset;
            origins.push(Origin {
                source: "pasted records".into(),
                line: Some(line),
                ..Origin::default()
            });
        }
        loaded.add(&Records { batch, origins });
    }
    Ok(loaded.finished(false))
}

/// Events of a fictional product, for those who have no records yet.
///
/// # Errors
/// None is expected.
pub(super) fn sample_text() -> anyhow::Result<String> {
    let (events, malformed) = SAMPLE;
    let text = generated(events, malformed)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use sluice_engine::digest::Digest;

    use super::super::loaded::{PART_RECORDS, RECORDS_MAX};
    use super::*;

    #[test]
    fn pasted_records_know_their_lines() {
        let loaded = pasted("{\"a\":1}\n\n{\"a\":2}\n[]").unwrap();
        let lines = loaded.parts[0].origins.iter().map(|origin| origin.line);
        assert_eq!(lines.collect::<Vec<_>>(), [Some(1), Some(3), Some(4)]);
        assert_eq!((loaded.len(), loaded.notes.len()), (3, 0));
        let digest = Digest::of(b"[]").short();
        assert_eq!(loaded.find(2, &digest).unwrap().data, b"[]");
        assert!(loaded.find(1, &digest).is_none());
        assert!(loaded.find(3, &digest).is_none());
        assert_eq!(pasted("\n").unwrap().len(), 0);
    }

    #[test]
    fn what_is_left_out_is_said() {
        let loaded = pasted(&"{}\n".repeat(RECORDS_MAX + 5)).unwrap();
        assert_eq!(loaded.len(), RECORDS_MAX);
        let notes = loaded.notes.join(" ");
        assert!(notes.contains("first 1,000 records"), "{notes}");
        assert!(notes.contains("5 more records were left out"), "{notes}");
        assert_eq!(loaded.parts.len(), RECORDS_MAX / PART_RECORDS);
    }

    #[test]
    fn a_sample_is_a_text_of_lines() {
        let text = sample_text().unwrap();
        assert_eq!(pasted(&text).unwrap().len(), 30);
    }
}
