//! The records that are tried: pasted ones, quarantined ones of the lake, or those of an archive.

use std::cmp::Reverse;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use sluice_engine::digest::Digest;
use sluice_engine::outcome::ReasonCode;
use sluice_engine::record::{Record, ShardId};
use sluice_release::cases::sample;

use super::form::{ARCHIVE, TryForm};
use crate::config::{ArchiveSettings, parse_store};
use crate::console::page::PageError;
use crate::console::tasks::on_a_thread;
use crate::console::{Console, Lake};
use crate::ledger::decoding::RecordDecoding;
use crate::output::counted;
use crate::quarantine::{Quarantine, QuarantineFilter};
use crate::source::unpacking::Unpacking;
use crate::tools::author::sample::generated;
use crate::tools::author::try_rules::archive::ArchiveInput;
use crate::tools::author::try_rules::input::{Origin, Records};
use crate::tools::author::try_rules::quarantined::{QuarantineReading, batches};
use crate::tools::quarantine::show::{RecordId, parse_rid};

/// The most records of a run.
pub(super) const RECORDS_MAX: usize = 1_000;

/// Where records of a lake or an archive end, in bytes.
const LOADED_MAX_BYTES: usize = 8 << 20;

/// A larger object of quarantine is not read.
const OBJECT_MAX_BYTES: u64 = 64 << 20;

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

    fn is_full(&self) -> bool {
        self.records >= RECORDS_MAX || self.bytes >= LOADED_MAX_BYTES
    }

    fn add(&mut self, records: &Records) {
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
    fn finished(mut self, more: bool) -> Self {
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
            ARCHIVE => archived(&form).await?,
            _ => quarantined(lake, &form).await?,
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
                quarantined: None,
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

/// Quarantined records: the one of an id, or the newest ones of a reason and a shard.
async fn quarantined(lake: Option<Lake>, form: &TryForm) -> Result<Loaded, PageError> {
    let Some(lake) = lake else {
        let why = "This console shows no lake. Start it with --lake, or paste records.";
        return Err(PageError::Wrong(why.into()));
    };
    let (loaded, nothing) = match &*form.rid {
        "" => {
            let filter = filter(form)?;
            let loaded = on_a_thread(move || newest(lake, filter)).await?;
            let nothing = "No record is quarantined now that this reason and this shard name.";
            (loaded, nothing.to_owned())
        }
        rid => {
            let id = parse_rid(rid.trim());
            let wrong = |why: String| PageError::Wrong(format!("The id is wrong: {why}."));
            let id = id.map_err(wrong)?;
            let loaded = on_a_thread(move || one(lake, id)).await?;
            let nothing =
                format!("The record {rid} is not in quarantine now. See its page for where it is.");
            (loaded, nothing)
        }
    };
    match loaded.records {
        0 => Err(PageError::NotFound(nothing)),
        _ => Ok(loaded.finished(true)),
    }
}

fn filter(form: &TryForm) -> Result<QuarantineFilter, PageError> {
    let mut filter = QuarantineFilter::default();
    if !form.reason.is_empty() {
        let reason: Result<ReasonCode, _> = form.reason.parse();
        filter.reasons.push(reason.map_err(PageError::Wrong)?);
    }
    if !form.shard.is_empty() {
        let shard = ShardId::new(&form.shard);
        filter.shards.push(shard.map_err(PageError::Wrong)?);
    }
    Ok(filter)
}

async fn newest(lake: Lake, filter: QuarantineFilter) -> anyhow::Result<Loaded> {
    let quarantine = Quarantine::open(&lake.store, lake.reads_at_once).await?;
    let mut reading =
        QuarantineReading::open(&quarantine, &filter, RecordDecoding::default()).await?;
    let objects = reading.objects.len();
    reading
        .objects
        .retain(|object| object.bytes <= OBJECT_MAX_BYTES);
    let too_large = objects - reading.objects.len();
    let objects = reading.objects.make_contiguous();
    objects.sort_by_key(|object| {
        let arrived = object.arrived_at.map(|times| times.max);
        Reverse((arrived, object.chunk.last))
    });
    let mut loaded = Loaded::default();
    while !loaded.is_full()
        && let Some(records) = reading.next().await?
    {
        loaded.add(&records);
    }
    loaded.notes = std::mem::take(&mut reading.notes);
    if too_large > 0 {
        let objects = counted(too_large as u64, "object");
        loaded
            .notes
            .push(format!("{objects} of more than 64 MiB were left out."));
    }
    Ok(loaded)
}

async fn one(lake: Lake, id: RecordId) -> anyhow::Result<Loaded> {
    let quarantine = Quarantine::open(&lake.store, lake.reads_at_once).await?;
    let history = quarantine.history(&id.shard, id.position).await?;
    let mut loaded = Loaded::default();
    for place in history.places.iter().filter(|place| place.is_current()) {
        let object = lake.store.place(&place.object.key);
        let record = place.record().into_iter();
        for records in batches(&object, record, RecordDecoding::default())? {
            loaded.add(&records);
        }
    }
    loaded.notes = history.problems.iter().map(ToString::to_string).collect();
    Ok(loaded)
}

async fn archived(form: &TryForm) -> Result<Loaded, PageError> {
    let target = form.archive.trim().to_owned();
    let location = parse_store("archive", &target);
    let location = location.map_err(|error| PageError::Wrong(error.to_string()))?;
    let settings = ArchiveSettings {
        location,
        only_shard: None,
    };
    let input = ArchiveInput::new(settings, Unpacking::default());
    let read = move || async move {
        let mut reading = input.open().await?;
        let mut loaded = Loaded::default();
        while !loaded.is_full()
            && let Some(records) = reading.next().await?
        {
            loaded.add(&records);
        }
        anyhow::Ok(loaded)
    };
    let loaded = on_a_thread(read).await;
    let loaded = loaded.with_context(|| format!("cannot read the archive {target}"))?;
    if loaded.records == 0 {
        let why = format!("The archive {target} has no records.");
        return Err(PageError::NotFound(why));
    }
    Ok(loaded.finished(true))
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
