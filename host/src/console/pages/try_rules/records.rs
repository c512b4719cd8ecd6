//! The records that are tried: pasted ones, quarantined ones of the lake, or those of an archive.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sluice_engine::digest::Digest;
use sluice_engine::record::Record;
use sluice_release::bundle::ReleaseId;
use sluice_release::cases::sample;

use super::form::{ARCHIVE, TryForm};
use super::stored;
use crate::console::Console;
use crate::console::page::PageError;
use crate::output::counted;
use crate::tools::author::sample::generated;
use crate::tools::author::try_rules::input::Records;
use crate::tools::author::try_rules::origin::Origin;

/// The most records of a run.
pub(super) const RECORDS_MAX: usize = 1_000;

/// Where records of a lake or an archive end, in bytes.
const LOADED_MAX_BYTES: usize = 8 << 20;

/// The records of a part. A run can end between two.
const PART_RECORDS: usize = 20;

/// How long records of a lake or an archive are kept, so that each key that is pressed does not read them again.
const MAX_AGE: Duration = Duration::from_secs(120);

/// The events of a sample, and how many of them are malformed.
const SAMPLE: (u64, f64) = (30, 0.1);

/// Records to try.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    /// The records, a few of one shard each.
    pub(super) parts: Vec<Records>,
    /// What was left out.
    pub(super) notes: Vec<String>,
    records: usize,
    bytes: usize,
    left_out: usize,
}

/// The records of a lake or an archive that were read last.
#[derive(Default)]
pub(super) struct LastLoaded {
    last: Mutex<Option<(String, Instant, Arc<Loaded>)>>,
    /// One read at a time, since each key that is pressed asks for the records.
    reading: Arc<tokio::sync::Mutex<()>>,
}

impl Loaded {
    pub(super) fn len(&self) -> usize {
        self.records
    }

    /// The record at an index, if it is still the one with these first digits of its digest.
    pub(super) fn find(&self, index: usize, digest: &str) -> Option<Record<'_>> {
        let mut all = self.parts.iter().flat_map(|part| part.batch.records());
        let found = all.nth(index)?;
        (Digest::of(found.data).short() == digest).then_some(found)
    }

    /// The release that has quarantined most of the records, and how many.
    pub(super) fn rejected_by(&self) -> Option<(ReleaseId, u64)> {
        let origins = self.parts.iter().flat_map(|part| &part.origins);
        let mut releases = BTreeMap::<ReleaseId, u64>::new();
        for release in origins.filter_map(|origin| origin.rejected_by) {
            *releases.entry(release).or_default() += 1;
        }
        releases.into_iter().max_by_key(|(_, records)| *records)
    }

    pub(super) fn is_full(&self) -> bool {
        self.records >= RECORDS_MAX || self.bytes >= LOADED_MAX_BYTES
    }

    pub(super) fn add(&mut self, records: &Records) {
        for index in 0..records.len() {
            match self.is_full() {
                true => self.left_out += 1,
                false => self.push(records, index),
            }
        }
    }

    fn push(&mut self, records: &Records, index: usize) {
        let goes_on = self.parts.last().is_some_and(|last| {
            let has_room = last.len() < PART_RECORDS && !last.batch.is_full();
            has_room && last.batch.shard() == records.batch.shard()
        });
        if !goes_on {
            self.parts.push(Records {
                batch: records.batch.empty(),
                origins: Vec::new(),
            });
        }
        if let Some(last) = self.parts.last_mut() {
            last.batch.copy(&records.batch, index);
            last.origins.push(records.origins[index].clone());
            self.records += 1;
            self.bytes += records.batch.record_data(index).len();
        }
    }

    /// Says what was left out; `more` if it is not known how many records there are.
    pub(super) fn finished(mut self, more: bool) -> Self {
        let tried = counted(self.records as u64, "record");
        if self.left_out > 0 {
            let left_out = counted(self.left_out as u64, "more record");
            let note = format!("Only the first {tried} are tried; {left_out} were left out.");
            self.notes.push(note);
        } else if more && self.is_full() {
            let note = format!("Only {tried} are tried; there may be more.");
            self.notes.push(note);
        }
        self
    }
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
    if !console.permissions.payloads {
        return Err(PageError::NotAllowed(NO_PAYLOADS.into()));
    }
    let key = [
        &form.source,
        &form.reason,
        &form.shard,
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
        let loaded = match &*form.source {
            ARCHIVE => stored::archived(&form).await?,
            _ => stored::quarantined(lake, &form).await?,
        };
        let loaded = Arc::new(loaded);
        last.set(key, &loaded);
        Ok::<_, PageError>(loaded)
    });
    reading.await.map_err(anyhow::Error::from)?
}

/// Why records of a lake are not offered.
pub(super) const NO_PAYLOADS: &str = "Records of a lake or an archive are shown only by a console that is started with \
                                      --show-payloads. Records that you paste are your own.";

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
