mod fixture;

use std::fs;

use sluice_engine::record::{BATCH_MAX_RECORDS, Batch, SequenceNumber, Undecoded};

use self::fixture::{
    Archive, Archived, SHARD, after, numbers, part, pending, positions, record, shard, within,
};
use super::*;
use crate::ledger::decoding::{RecordDecoding, RecordEncoding, RecordFormat};

#[tokio::test(flavor = "multi_thread")]
async fn batches_end_at_the_same_records_however_the_objects_are_divided() {
    let lengths = async |archive: Archive| {
        let (batches, error) = archive
            .read(&ResumePoint::default(), RecordDecoding::default())
            .await;
        assert!(error.is_none(), "{error:?}");
        assert_eq!(positions(&batches), numbers(0..2_500));
        batches.iter().map(Batch::len).collect::<Vec<_>>()
    };
    let expected = [BATCH_MAX_RECORDS, BATCH_MAX_RECORDS, 500];
    assert_eq!(lengths(Archive::of_borders(&[0, 2_500])).await, expected);
    let divided = Archive::of_borders(&[0, 1, 999, 1_700, 2_500]);
    assert_eq!(lengths(divided).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_records_of_a_record_of_the_source_are_in_one_batch() {
    let mut records: Vec<_> = (0..999).map(record).collect();
    records.extend((0..5).map(|sub| part(999, sub)));
    records.push(record(1_000));
    let archive = Archive::of(&[records]);
    let (batches, _) = archive
        .read(&ResumePoint::default(), RecordDecoding::default())
        .await;
    let lengths: Vec<_> = batches.iter().map(Batch::len).collect();
    assert_eq!(lengths, [1_004, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_goes_on_after_any_record_and_a_pending_range_ends_a_batch() {
    let archive = Archive::of_borders(&[0, 10, 20, 30]);
    for number in 0..30 {
        let found = archive.positions(&after(number)).await;
        assert_eq!(found, numbers(number + 1..30));
    }
    let (batches, error) = archive
        .read(&pending(5, 14), RecordDecoding::default())
        .await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(positions(&batches), numbers(5..30));
    assert_eq!(batches[0].len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_begins_and_ends_as_that_of_a_stream() {
    let archive = Archive::of_borders(&[0, 10, 20, 30]);
    let (number, moment) = (
        |number: u64| Some(Bound::Sequence(number.into())),
        |moment| Some(Bound::Moment(moment)),
    );
    for (from, to, expected) in [
        (number(7), number(12), 7..13),
        (number(15), None, 15..30),
        (None, number(9), 0..10),
        (moment(71), moment(120), 7..11),
        (moment(0), moment(11), 0..1),
        (moment(260), None, 25..30),
        (moment(1_000), None, 0..0),
    ] {
        let found = archive.positions(&within(from, to)).await;
        assert_eq!(found, numbers(expected), "{from:?} {to:?}");
    }
}

/// Records arrive an hour after each other.
#[tokio::test(flavor = "multi_thread")]
async fn objects_that_arrived_before_a_time_are_found_by_few_reads() {
    const HOUR: u64 = 60 * 60 * 1000;
    let arrived = |position| (fixture::arrived_at(position) / 10) * HOUR;
    let mut archive = Archive::new();
    for number in 0..64 {
        archive.put_with(&[record(number)], arrived);
    }
    let hour = |hour: u64| Some(Bound::Moment((hour * HOUR).try_into().unwrap()));
    for first in 0..64 {
        let found = archive.positions(&within(hour(first + 1), None)).await;
        assert_eq!(found, numbers(first..64));
    }
    let nothing = archive.positions(&within(hour(65), None)).await;
    assert_eq!(nothing, numbers(0..0));
    // All but those that a binary search reads.
    let keys = archive.keys();
    for key in keys[..32].iter().chain(&keys[33..40]) {
        fs::write(archive.path(key), "damaged").unwrap();
    }
    let found = archive.positions(&within(hour(61), None)).await;
    assert_eq!(found, numbers(60..64));
}

/// The times of records of two machines differ.
#[tokio::test(flavor = "multi_thread")]
async fn times_that_do_not_rise_leave_out_no_record() {
    const MINUTE: u64 = 60 * 1000;
    let arrived = |position| {
        let minute = fixture::arrived_at(position) / 10;
        (minute + 100 - minute % 2 * 3) * MINUTE
    };
    let mut archive = Archive::new();
    for number in 0..40 {
        archive.put_with(&[record(number)], arrived);
    }
    for minute in 98..150_u64 {
        let from = (minute * MINUTE).try_into().unwrap();
        let found = archive
            .positions(&within(Some(Bound::Moment(from)), None))
            .await;
        let is_later =
            |number: &u64| arrived(SequenceNumber::from(*number).into()) >= minute * MINUTE;
        let first = (0..40).find(is_later).unwrap_or(40);
        assert_eq!(found, numbers(first..40), "{minute}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_needs_times_of_arrival() {
    let mut archive = Archive::new();
    archive.put_with(&[record(0), record(1)], |_| 0);
    for bounds in [
        within(Some(Bound::Moment(5)), None),
        within(None, Some(Bound::Moment(5))),
    ] {
        let error = archive.fails(&bounds).await;
        assert!(error.contains("have no times of arrival"), "{error}");
    }
    assert_eq!(
        archive.positions(&ResumePoint::default()).await,
        numbers(0..2)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_decoded_stays_so_or_is_decoded_now() {
    let undecoded = |number, sub, data: &[u8], why: Undecoded| Archived {
        data: data.to_vec(),
        undecoded: Some(why),
        ..part(number, sub)
    };
    let failed = || Undecoded::Failed("old reason".into());
    let mut archive = Archive::new();
    archive.decoding.encoding = RecordEncoding::Gzip;
    archive.put(&[
        part(1, 0),
        undecoded(1, 1, b"a\nb\n", failed()),
        part(1, 2),
        undecoded(1, 3, b"", Undecoded::Empty),
        record(2),
    ]);
    let (batches, _) = archive
        .read(&ResumePoint::default(), RecordDecoding::default())
        .await;
    let [batch] = &batches[..] else {
        panic!("{batches:?}");
    };
    assert_eq!(positions(&batches), ["1:0", "1:1", "1:2", "1:3", "2"]);
    assert_eq!(batch.record_data(1), b"a\nb\n");
    let [(1, Undecoded::Failed(_)), (3, Undecoded::Empty)] = batch.undecoded() else {
        panic!("{:?}", batch.undecoded());
    };
    let lines = RecordDecoding {
        encoding: RecordEncoding::default(),
        format: RecordFormat::Lines,
    };
    let (batches, _) = archive.read(&ResumePoint::default(), lines).await;
    let batch = &batches[0];
    assert_eq!(
        positions(&batches),
        ["1:0", "1:1", "1:2", "1:3", "1:4", "2"]
    );
    assert_eq!([1, 2].map(|at| batch.record_data(at)), [b"a", b"b"]);
    assert_eq!(batch.record_data(3), b"record 1");
    assert_eq!(batch.undecoded(), [(4, Undecoded::Empty)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nothing_has_decoded_is_decoded_now() {
    let lines = |number| Archived {
        data: b"a\nb\n".to_vec(),
        ..record(number)
    };
    let mut archive = Archive::of(&[vec![lines(1), lines(2)]]);
    archive.decoding.encoding = RecordEncoding::Gzip;
    archive.put(&[lines(3)]);
    let plain = archive.positions(&ResumePoint::default()).await;
    assert_eq!(plain, numbers(1..4));
    let format = RecordDecoding {
        encoding: RecordEncoding::default(),
        format: RecordFormat::Lines,
    };
    let (batches, error) = archive.read(&ResumePoint::default(), format).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(positions(&batches), ["1:0", "1:1", "2:0", "2:1", "3"]);
    assert_eq!(batches[0].record_data(0), b"a");
    assert_eq!(batches[0].record_data(4), b"a\nb\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_with_more_bytes_than_are_read_is_an_error() {
    let mut archive = Archive::of(&[vec![record(1)]]);
    archive.object_max_bytes = 10;
    let start = ResumePoint::default();
    let read = archive.read(&start, RecordDecoding::default());
    let (batches, error) = read.await;
    let error = error.unwrap().to_string();
    assert!(
        batches.is_empty() && error.contains("at most 10 are read"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_record_of_a_damaged_object_is_read() {
    let archive = Archive::of_borders(&[0, 3_000]);
    let path = archive.path(&archive.keys()[0]);
    let whole = fs::read(&path).unwrap();
    for at in [whole.len() / 2, whole.len() - 1] {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        fs::write(&path, damaged).unwrap();
        let error = archive.fails(&ResumePoint::default()).await;
        assert!(error.starts_with(path.to_str().unwrap()), "{error}");
        assert!(error.contains("restore the object"), "{error}");
    }
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let error = archive.fails(&ResumePoint::default()).await;
    assert!(error.contains("it is damaged"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_and_an_overlap_name_both_objects() {
    let archive = Archive::of_borders(&[0, 10, 20, 30]);
    let keys = archive.keys();
    fs::remove_file(archive.path(&keys[1])).unwrap();
    let error = archive.fails(&ResumePoint::default()).await;
    for part in [&keys[0], &keys[2], "follows record 19", "are missing"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    // What lies behind the gap needs nothing of it.
    let behind = within(Some(Bound::Sequence(20.into())), None);
    assert_eq!(archive.positions(&behind).await, numbers(20..30));

    let mut overlapping = Archive::of_borders(&[0, 10, 20]);
    overlapping.after = Some(14.into());
    overlapping.put(&(15..25).map(record).collect::<Vec<_>>());
    let keys = overlapping.keys();
    let error = overlapping.fails(&ResumePoint::default()).await;
    for part in [&keys[1], &keys[2], "follows record 14", "two runs"] {
        assert!(error.contains(part), "{part}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_at_the_end_of_the_part_is_noticed() {
    let archive = Archive::of_borders(&[0, 10, 20, 30]);
    fs::remove_file(archive.path(&archive.keys()[1])).unwrap();
    let to = |to: u64| Some(Bound::Sequence(to.into()));
    let ends_before = within(to(0), to(9));
    assert_eq!(archive.positions(&ends_before).await, numbers(0..10));
    let ends_within = within(to(12), to(15));
    let error = archive.fails(&ends_within).await;
    assert!(error.contains("are missing"), "{error}");
    let (_, error) = archive
        .read(&within(None, to(15)), RecordDecoding::default())
        .await;
    let error = error.unwrap().to_string();
    assert!(error.contains("are missing"), "{error}");
}

/// A run archives a range and is killed; the stream then loses the first records of it, and the next run goes on behind them.
#[tokio::test(flavor = "multi_thread")]
async fn of_a_range_that_was_given_up_each_record_is_read_once() {
    for (next, end) in [(15, 30), (12, 18), (20, 30), (24, 30)] {
        let mut archive = Archive::of_borders(&[0, 10, 20]);
        archive.after = Some(9.into());
        archive.put(&(next..end).map(record).collect::<Vec<_>>());
        archive.put(&(end..40).map(record).collect::<Vec<_>>());
        let mut expected = numbers(0..20);
        expected.extend(numbers(next.max(20)..40));
        let found = archive.positions(&ResumePoint::default()).await;
        assert_eq!(found, expected, "{next}..{end}");
        for last in [9, 12, 16, 19] {
            let behind: Vec<_> = expected[last + 1..].to_vec();
            let found = archive.positions(&after(last as u64)).await;
            assert_eq!(found, behind, "{next}..{end} after {last}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_come_next_must_be_there_and_the_oldest_may_have_expired() {
    let archive = Archive::of_borders(&[0, 10, 20, 30]);
    let keys = archive.keys();
    fs::remove_file(archive.path(&keys[0])).unwrap();
    assert_eq!(
        archive.positions(&ResumePoint::default()).await,
        numbers(10..30)
    );
    assert_eq!(archive.positions(&after(9)).await, numbers(10..30));
    for from in [after(8), pending(5, 12)] {
        let error = archive.fails(&from).await;
        assert!(error.contains("restore the objects before it"), "{error}");
        assert!(error.contains(&keys[1]), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_others_are_counted() {
    let archive = Archive::of_borders(&[0, 10]);
    let key = &archive.keys()[0];
    let notes = format!("{SHARD}/notes");
    for name in ["readme.txt", &notes, &format!("x/{key}"), ".tmp/x/0"] {
        let path = archive.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    let listing = archive.listing().await;
    assert_eq!((listing.objects(), listing.foreign), (1, 3));
    let only = ArchiveListing::read(&*archive.store(), Some(&shard())).await;
    let only = only.unwrap();
    assert_eq!((only.objects(), only.foreign), (1, 1));
    let first = only.first_foreign.unwrap();
    assert_eq!(first, format!("{SHARD}/notes"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_must_be_the_one_of_its_name() {
    let archive = Archive::of_borders(&[0, 10, 20]);
    let keys = archive.keys();
    let place = archive.path(&keys[0]);
    fs::rename(archive.path(&keys[1]), &place).unwrap();
    let error = archive.fails(&ResumePoint::default()).await;
    assert!(error.contains(place.to_str().unwrap()), "{error}");
    assert!(error.contains(&keys[1]), "{error}");
}
