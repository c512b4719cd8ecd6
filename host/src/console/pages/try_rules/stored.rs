//! Records of a lake or an archive: quarantined ones, the newest first, one of them by its id, or those of an archive.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use anyhow::Context as _;

use super::decoding;
use super::form::TryForm;
use super::loaded::Loaded;
use crate::config::{ArchiveSettings, parse_store};
use crate::console::Lake;
use crate::console::page::PageError;
use crate::console::tasks::on_a_thread;
use crate::ledger::decoding::RecordDecoding;
use crate::output::counted;
use crate::quarantine::{Quarantine, QuarantineFilter, QuarantineObject};
use crate::source::unpacking::Unpacking;
use crate::tools::author::try_rules::archive::ArchiveInput;
use crate::tools::author::try_rules::quarantined::{QuarantineReading, batches, decoding_of};
use crate::tools::quarantine::show::{RecordId, parse_rid};

/// A larger object of quarantine or of an archive is not read.
const OBJECT_MAX_BYTES: usize = 64 << 20;

/// Quarantined records: the one of an id, or the newest ones of a reason and a shard.
///
/// # Errors
/// There are none, or they cannot be read.
pub(super) async fn quarantined(lake: Option<Lake>, form: &TryForm) -> Result<Loaded, PageError> {
    let Some(lake) = lake else {
        let why = "This console shows no lake. Start it with --lake, or paste records.";
        return Err(PageError::Wrong(why.into()));
    };
    let decoding = decoding::chosen(form)?;
    let (loaded, nothing) = match &*form.rid {
        "" => {
            let filter = form.filter()?;
            let loaded = on_a_thread(move || newest(lake, filter, decoding)).await?;
            let nothing = "No record is quarantined now that the filter takes.";
            (loaded, nothing.to_owned())
        }
        rid => {
            let id = parse_rid(rid.trim());
            let wrong = |why: String| PageError::Wrong(format!("The id is wrong: {why}."));
            let id = id.map_err(wrong)?;
            let loaded = on_a_thread(move || one(lake, id, decoding)).await?;
            let nothing =
                format!("The record {rid} is not in quarantine now. See its page for where it is.");
            (loaded, nothing)
        }
    };
    if loaded.len() == 0 {
        let mut why = vec![nothing];
        why.extend(loaded.notes);
        return Err(PageError::NotFound(why.join(" ")));
    }
    Ok(loaded.finished(true))
}

async fn open(lake: &Lake) -> anyhow::Result<Quarantine> {
    let quarantine = Quarantine::open(&lake.store, lake.reads_at_once).await?;
    Ok(quarantine.with_object_max_bytes(OBJECT_MAX_BYTES))
}

async fn newest(
    lake: Lake,
    filter: QuarantineFilter,
    decoding: Option<RecordDecoding>,
) -> anyhow::Result<Loaded> {
    let quarantine = open(&lake).await?;
    let mut reading = QuarantineReading::open(&quarantine, &filter, decoding).await?;
    let objects = reading.objects.len();
    reading
        .objects
        .retain(|object| object.bytes <= OBJECT_MAX_BYTES as u64);
    let too_large = objects - reading.objects.len();
    let decoded = decoding_note(decoding, reading.objects.iter());
    let objects = reading.objects.make_contiguous();
    objects.sort_by_key(|object| {
        let arrived = object.arrived_at.map(|times| times.max);
        Reverse((arrived, object.put_at, object.chunk.last))
    });
    let mut loaded = Loaded::default();
    while !loaded.is_full()
        && let Some(records) = reading.next().await?
    {
        loaded.add(&records);
    }
    loaded.notes = std::mem::take(&mut reading.notes);
    loaded.notes.extend(decoded);
    if too_large > 0 {
        let objects = counted(too_large as u64, "object");
        let note = format!("{objects} with more than 64 MiB of records were left out.");
        loaded.notes.push(note);
    }
    Ok(loaded)
}

async fn one(lake: Lake, id: RecordId, decoding: Option<RecordDecoding>) -> anyhow::Result<Loaded> {
    let quarantine = open(&lake).await?;
    let history = quarantine.history(&id.shard, id.position).await?;
    let current = history.places.iter().filter(|place| place.is_current());
    let current: Vec<_> = current.collect();
    let mut loaded = Loaded::default();
    for place in &current {
        let object = lake.store.place(&place.object.key);
        let record = place.record().into_iter();
        for records in batches(&object, record, decoding_of(&place.object, decoding))? {
            loaded.add(&records);
        }
    }
    loaded.notes = history.problems.iter().map(ToString::to_string).collect();
    let objects = current.iter().map(|place| &place.object);
    loaded.notes.extend(decoding_note(decoding, objects));
    Ok(loaded)
}

/// Says how data is decoded that is as the source has it, unless it is one record as it is.
fn decoding_note<'a>(
    chosen: Option<RecordDecoding>,
    objects: impl Iterator<Item = &'a QuarantineObject>,
) -> Option<String> {
    let undecoded = objects.filter(|object| object.is_undecoded);
    let used = undecoded.map(|object| decoding_of(object, chosen));
    let used = used.filter(|decoding| !decoding.is_plain());
    let words: BTreeSet<_> = used.map(decoding::words).collect();
    let words: Vec<_> = words.into_iter().collect();
    let by = match chosen {
        Some(_) => "as you have chosen",
        None => "as the run has decoded it",
    };
    let words = words.join("; ");
    (!words.is_empty()).then(|| format!("Data that no run has decoded is decoded {by}: {words}."))
}

/// The records of an archive.
///
/// # Errors
/// There are none, or they cannot be read.
pub(super) async fn archived(form: &TryForm) -> Result<Loaded, PageError> {
    let target = form.archive.trim().to_owned();
    let location = parse_store("archive", &target);
    let location = location.map_err(|error| PageError::Wrong(error.to_string()))?;
    let settings = ArchiveSettings {
        location,
        only_shard: None,
    };
    let unpacking = Unpacking {
        decoding: decoding::chosen(form)?.unwrap_or_default(),
        ..Unpacking::default()
    };
    let input = ArchiveInput::new(settings, unpacking).with_object_max_bytes(OBJECT_MAX_BYTES);
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
    if loaded.len() == 0 {
        let why = format!("The archive {target} has no records.");
        return Err(PageError::NotFound(why));
    }
    Ok(loaded.finished(true))
}

#[cfg(test)]
mod tests {
    use sluice_engine::digest::Digest;
    use sluice_storage::location::StoreLocation;

    use super::*;
    use crate::ledger::decoding::RecordEncoding;
    use crate::quarantine::tests::lake::{Chunk, Lake as TestLake};

    fn lake(of: &TestLake) -> Lake {
        Lake {
            location: StoreLocation::Folder(of.path("")),
            store: of.store(),
            reads_at_once: 4,
        }
    }

    #[tokio::test]
    async fn records_know_which_release_has_rejected_them() {
        let mut test = TestLake::new();
        test.commit(&Chunk {
            lines: &[("1", "trap"), ("2", "trap")],
            ..Chunk::default()
        });
        test.commit(&Chunk {
            first: 10,
            last: 19,
            release: b"other",
            lines: &[("11", "trap")],
            ..Chunk::default()
        });
        let form = |rid: &str| TryForm {
            source: super::super::form::QUARANTINE.into(),
            rid: rid.into(),
            ..TryForm::default()
        };
        let all = quarantined(Some(lake(&test)), &form("")).await.unwrap();
        let release = Digest::of(b"release");
        assert_eq!((all.len(), all.rejected_by()), (3, Some((release, 2))));
        let one = quarantined(Some(lake(&test)), &form("s:11")).await.unwrap();
        let other = Digest::of(b"other");
        assert_eq!((one.len(), one.rejected_by()), (1, Some((other, 1))));
        assert!(one.notes.is_empty(), "{:?}", one.notes);
        let missing = quarantined(Some(lake(&test)), &form("s:5")).await;
        assert!(matches!(missing, Err(PageError::NotFound(_))));
    }

    #[tokio::test]
    async fn data_that_is_as_the_source_has_it_is_decoded_as_the_user_says() {
        let mut test = TestLake::new();
        test.commit(&Chunk {
            lines: &[("1", "trap")],
            ..Chunk::default()
        });
        let form = TryForm {
            source: super::super::form::QUARANTINE.into(),
            encoding: "gzip".into(),
            ..TryForm::default()
        };
        let loaded = quarantined(Some(lake(&test)), &form).await.unwrap();
        let notes = loaded.notes.join(" ");
        assert!(
            notes.contains("as you have chosen: encoding gzip, format json"),
            "{notes}"
        );
        // It is no gzip, so it is a record that could not be decoded.
        let batch = &loaded.parts[0].batch;
        assert_eq!((batch.len(), batch.undecoded().len()), (1, 1));
    }

    #[tokio::test]
    async fn data_that_a_run_could_not_decode_is_decoded_as_by_the_run() {
        let mut test = TestLake::new();
        test.commit(&Chunk {
            lines: &[("1", "undecodable")],
            ..Chunk::default()
        });
        let quarantine = open(&lake(&test)).await.unwrap();
        let list = quarantine.objects(&QuarantineFilter::default()).await;
        let mut object = list.unwrap().objects[0].clone();
        assert!(object.is_undecoded);
        assert_eq!(decoding_note(None, [&object].into_iter()), None);
        object.decoding.encoding = RecordEncoding::Gzip;
        let note = decoding_note(None, [&object].into_iter()).unwrap();
        assert!(
            note.contains("as the run has decoded it: encoding gzip"),
            "{note}"
        );
        let plain = Some(RecordDecoding::default());
        assert_eq!(decoding_note(plain, [&object].into_iter()), None);
    }
}
