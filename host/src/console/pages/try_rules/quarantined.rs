//! Quarantined records of a lake: some of those that a filter takes, or one of them by its id.

use std::collections::BTreeSet;
use std::iter;

use anyhow::Context as _;

use super::choice::Choice;
use super::decoding;
use super::form::TryForm;
use super::loaded::{Loaded, RECORDS_MAX_BYTES};
use crate::console::Lake;
use crate::console::components::of;
use crate::console::page::PageError;
use crate::console::tasks::{OBJECT_MAX_BYTES, read_contents};
use crate::ledger::decoding::RecordDecoding;
use crate::output::counted;
use crate::quarantine::{
    ObjectProblem, Quarantine, QuarantineFilter, QuarantineObject, read_object_up_to,
};
use crate::tools::author::try_rules::quarantined::{batches, decoding_of};
use crate::tools::quarantine::listed::{Listed, listed};
use crate::tools::quarantine::sample::chosen;
use crate::tools::quarantine::show::{RecordId, parse_rid};

/// What is said of a lake without commits. It is not that a filter takes nothing of it.
const NO_COMMITS: &str = "No run has committed anything in the lake, or it was moved or removed. Correct --lake, or paste records.";

/// The most files that cannot be used which are named.
const PROBLEMS_MAX: usize = 5;

/// Quarantined records: the one of an id, or some of those that the filter takes.
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
            let (filter, choice) = (form.filter()?, Choice::of(form));
            let loaded = read_contents(move || some(lake, filter, choice, decoding)).await?;
            let nothing = "No record is quarantined now that the filter takes.";
            (loaded, nothing.to_owned())
        }
        rid => {
            let id = parse_rid(rid.trim());
            let wrong = |why: String| PageError::Wrong(format!("The id is wrong: {why}."));
            let id = id.map_err(wrong)?;
            let loaded = read_contents(move || one(lake, id, decoding)).await?;
            let nothing =
                format!("The record {rid} is not in quarantine now. See its page for where it is.");
            (loaded, nothing)
        }
    };
    let Some(loaded) = loaded else {
        return Err(PageError::NotFound(NO_COMMITS.into()));
    };
    if loaded.len() == 0 {
        let mut why = vec![nothing];
        why.extend(loaded.notes);
        return Err(PageError::NotFound(why.join(" ")));
    }
    Ok(loaded.finished(false))
}

async fn open(lake: &Lake) -> anyhow::Result<Quarantine> {
    let quarantine = Quarantine::open(&lake.store, lake.reads_at_once).await?;
    Ok(quarantine.with_object_max_bytes(OBJECT_MAX_BYTES))
}

/// Some of the records that a filter takes; `None` if the lake has no commits. What cannot be used is left out, and said.
async fn some(
    lake: Lake,
    filter: QuarantineFilter,
    choice: Choice,
    decoding: Option<RecordDecoding>,
) -> anyhow::Result<Option<Loaded>> {
    let quarantine = open(&lake).await?;
    if !quarantine.has_commits() {
        return Ok(None);
    }
    let mut list = quarantine.objects(&filter).await?;
    let mut objects = listed(&quarantine, &mut list, false).await?;
    let mut loaded = Loaded::default();
    let problems = list.problems.iter().map(ToString::to_string);
    loaded.notes.extend(problems.take(PROBLEMS_MAX));
    if list.problems.len() > PROBLEMS_MAX {
        let more = counted((list.problems.len() - PROBLEMS_MAX) as u64, "more file");
        let note = format!("{more} cannot be used. See the page Quarantine.");
        loaded.notes.push(note);
    }
    let left_out = list.left_out.messages(lake.store.as_ref());
    loaded.notes.extend(left_out);
    let (all, records) = (objects.len() as u64, sum(&objects));
    objects.retain(|listed| listed.bytes <= RECORDS_MAX_BYTES);
    let too_large = all - objects.len() as u64;
    if too_large > 0 {
        let objects = counted(too_large, "object");
        let note = format!("{objects} with more than 64 MiB of records were left out.");
        loaded.notes.push(note);
    }
    let (mut read, mut tried) = (Vec::new(), 0);
    for (listed, number) in choice.plan(objects) {
        if loaded.is_full() {
            break;
        }
        if let Some(added) = add(&mut loaded, &lake, &listed, number, decoding).await? {
            tried += added;
            read.push(listed);
        }
    }
    if tried > 0 {
        let note = format!(
            "{} records that are quarantined now are tried, of {} objects, {}.",
            of(tried, records),
            of(read.len() as u64, all),
            choice.words()
        );
        loaded.notes.insert(0, note);
    }
    let read = read.iter().map(|listed| &listed.object);
    loaded.notes.extend(decoding_note(decoding, read));
    Ok(Some(loaded))
}

fn sum(objects: &[Listed]) -> u64 {
    objects.iter().map(|listed| listed.records).sum()
}

/// Adds up to this many records of an object, and returns how many; `None` if it cannot be used. Each is decoded when it is
/// added, since a record can be many times as large then.
///
/// # Errors
/// The lake cannot be read.
async fn add(
    loaded: &mut Loaded,
    lake: &Lake,
    listed: &Listed,
    number: u64,
    decoding: Option<RecordDecoding>,
) -> anyhow::Result<Option<u64>> {
    let object = &listed.object;
    let (store, place) = (lake.store.as_ref(), lake.store.place(&object.key));
    let read = read_object_up_to(store, &object.key, object.content(), OBJECT_MAX_BYTES);
    let lines = match read.await {
        Ok(lines) => lines,
        Err(ObjectProblem::Storage(error)) => {
            return Err(error).with_context(|| format!("cannot read {place}"));
        }
        Err(problem) => {
            loaded.notes.push(format!("leaving out {place}: {problem}"));
            return Ok(None);
        }
    };
    let mut added = 0;
    for (_, record) in chosen(&lines, listed, number) {
        if loaded.is_full() {
            break;
        }
        for records in batches(&place, iter::once(record), decoding_of(object, decoding))? {
            loaded.add(&records);
        }
        added += 1;
    }
    Ok(Some(added))
}

/// The record with this id; `None` if the lake has no commits.
async fn one(
    lake: Lake,
    id: RecordId,
    decoding: Option<RecordDecoding>,
) -> anyhow::Result<Option<Loaded>> {
    let quarantine = open(&lake).await?;
    if !quarantine.has_commits() {
        return Ok(None);
    }
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
    Ok(Some(loaded))
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

#[cfg(test)]
mod tests {
    use sluice_engine::digest::Digest;
    use sluice_storage::location::StoreLocation;

    use super::super::form::{EVEN, QUARANTINE};
    use super::super::loaded::{LOADED_MAX_BYTES, RECORDS_MAX};
    use super::*;
    use crate::layout::chunk::ArrivalTimes;
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
            source: QUARANTINE.into(),
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
    async fn of_a_lake_without_commits_it_is_not_said_that_the_filter_takes_nothing() {
        let form = TryForm {
            source: QUARANTINE.into(),
            ..TryForm::default()
        };
        let nothing = quarantined(Some(lake(&TestLake::new())), &form).await;
        assert!(matches!(nothing, Err(PageError::NotFound(why)) if why == NO_COMMITS));
    }

    /// What is loaded of all that is quarantined.
    async fn some_of(test: &TestLake, choice: &str) -> Loaded {
        let form = TryForm {
            source: QUARANTINE.into(),
            choice: choice.into(),
            ..TryForm::default()
        };
        quarantined(Some(lake(test)), &form).await.unwrap()
    }

    fn sequences(loaded: &Loaded) -> Vec<String> {
        let records = loaded.parts.iter().flat_map(|part| part.batch.records());
        let sequences = records.map(|record| record.position.sequence.to_string());
        sequences.collect()
    }

    #[tokio::test]
    async fn records_are_the_newest_or_of_all_objects() {
        let mut test = TestLake::new();
        let lines: Vec<_> = (0..RECORDS_MAX + 10).map(|n| n.to_string()).collect();
        let lines: Vec<_> = lines.iter().map(|n| (&**n, "trap")).collect();
        test.commit(&Chunk {
            last: 9_999,
            lines: &lines,
            ..Chunk::default()
        });
        test.commit(&Chunk {
            first: 10_000,
            last: 10_009,
            arrived_at: Some(ArrivalTimes { min: 7, max: 7 }),
            lines: &[("10000", "trap"), ("10001", "trap")],
            ..Chunk::default()
        });
        let newest = some_of(&test, "").await;
        assert_eq!(newest.len(), RECORDS_MAX);
        assert_eq!(sequences(&newest)[..2], ["10000", "10001"]);
        let note = "1,000 of 1,012 records that are quarantined now are tried, of 2 of 2 objects, the newest first.";
        assert_eq!(newest.notes, [note]);
        let even = some_of(&test, EVEN).await;
        assert_eq!((even.len(), even.notes.len()), (RECORDS_MAX, 1));
        assert!(
            even.notes[0].ends_with("chosen evenly."),
            "{:?}",
            even.notes
        );
        let sequences = sequences(&even);
        assert!(sequences.contains(&"10001".to_owned()));
        assert!(sequences.contains(&(RECORDS_MAX + 9).to_string()));
    }

    #[tokio::test]
    async fn records_are_decoded_and_counted_until_there_are_enough_bytes() {
        let mut test = TestLake::new();
        test.commit(&Chunk {
            lines: &[("1", "trap"), ("2", "trap"), ("3", "trap")],
            ..Chunk::default()
        });
        let (lake, mut loaded) = (lake(&test), Loaded::default());
        let quarantine = open(&lake).await.unwrap();
        let list = quarantine.objects(&QuarantineFilter::default()).await;
        let all = listed(&quarantine, &mut list.unwrap(), false).await;
        loaded.bytes = LOADED_MAX_BYTES - 1;
        let added = add(&mut loaded, &lake, &all.unwrap()[0], 3, None).await;
        assert_eq!((added.unwrap(), loaded.len()), (Some(1), 1));
    }

    #[tokio::test]
    async fn what_is_damaged_is_said_and_the_rest_is_tried() {
        let mut test = TestLake::new();
        let damaged = test.commit(&Chunk {
            lines: &[("1", "trap")],
            ..Chunk::default()
        });
        test.commit(&Chunk {
            first: 10,
            last: 19,
            lines: &[("11", "trap"), ("12", "missing_field")],
            ..Chunk::default()
        });
        test.write(&damaged.key(), "{}");
        let loaded = some_of(&test, EVEN).await;
        let notes = loaded.notes.join("\n");
        assert_eq!(sequences(&loaded).len(), 2);
        assert!(
            notes.contains("cannot be used as a chunk manifest"),
            "{notes}"
        );
        let quarantine = open(&lake(&test)).await.unwrap();
        let list = quarantine.objects(&QuarantineFilter::default()).await;
        let object = list.unwrap().objects[0].clone();
        test.write(&object.key, "damaged");
        let loaded = some_of(&test, "").await;
        let notes = loaded.notes.join("\n");
        assert_eq!(sequences(&loaded).len(), 1);
        assert!(notes.contains("of 1 of 2 objects"), "{notes}");
        assert!(notes.contains("leaving out"), "{notes}");
    }

    #[tokio::test]
    async fn data_that_is_as_the_source_has_it_is_decoded_as_the_user_says() {
        let mut test = TestLake::new();
        test.commit(&Chunk {
            lines: &[("1", "trap")],
            ..Chunk::default()
        });
        let form = TryForm {
            source: QUARANTINE.into(),
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
