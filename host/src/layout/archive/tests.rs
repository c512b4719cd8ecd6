use proptest::prelude::*;
use sluice_engine::content_digest::ContentDigest;
use sluice_engine::record::{Position, Record, Undecoded};

use super::*;
use crate::format::decode;
use crate::ledger::decoding::RecordEncoding;

/// A record of a batch, without its position.
#[derive(Clone, Debug)]
struct Given {
    data: Vec<u8>,
    partition_key: String,
    arrived_at: u64,
    undecoded: Option<Undecoded>,
}

fn given() -> impl Strategy<Value = Given> {
    let undecoded = prop_oneof![
        4 => Just(None),
        1 => Just(Some(Undecoded::Empty)),
        1 => ".{0,8}".prop_map(|why| Some(Undecoded::Failed(why))),
    ];
    let text = ".{0,40}".prop_map(String::into_bytes);
    let data = prop_oneof![text, prop::collection::vec(any::<u8>(), 0..40)];
    let arrived_at = prop_oneof![Just(0), any::<u64>()];
    (data, ".{0,12}", arrived_at, undecoded).prop_map(
        |(data, partition_key, arrived_at, undecoded)| Given {
            data,
            partition_key,
            arrived_at,
            undecoded,
        },
    )
}

fn shard() -> ShardId {
    ShardId::new("events-shardId-000000000000").unwrap()
}

/// Three records in each record of the source.
fn position(index: usize) -> Position {
    Position {
        sequence: SequenceNumber::from(7 + index as u64 / 3),
        sub: Some((index % 3) as u32),
    }
}

fn batches(records: &[Given], size: usize) -> Vec<Batch> {
    let mut index = 0;
    let in_batches = records.chunks(size.max(1)).map(|records| {
        let mut batch = Batch::new(shard());
        for given in records {
            let record = Record {
                data: &given.data,
                partition_key: &given.partition_key,
                position: position(index),
                arrived_at: given.arrived_at,
            };
            match &given.undecoded {
                Some(why) => batch.push_undecoded(record, why.clone()),
                None => batch.push(record),
            }
            index += 1;
        }
        batch
    });
    in_batches.collect()
}

fn header(records: usize) -> ArchiveHeader {
    let key = ArchiveKey {
        shard: shard(),
        first: position(0).sequence,
        last: position(records - 1).sequence,
    };
    ArchiveHeader::new(key, Some(3.into()), records as u64)
}

fn object(records: &[Given], size: usize, level: Level) -> ArchiveObject {
    ArchiveObject::encode(&header(records.len()), batches(records, size), level).unwrap()
}

fn lines(records: &[Given]) -> Vec<u8> {
    let object = object(records, records.len(), Level::default());
    decode(ARCHIVE_FORMAT, &object.body).unwrap()
}

fn plain(count: usize) -> Vec<Given> {
    let given = |index| Given {
        data: format!("{{\"n\":{index}}}").into_bytes(),
        partition_key: String::new(),
        arrived_at: 0,
        undecoded: None,
    };
    (0..count).map(given).collect()
}

/// What is wrong with lines, if anything is.
fn problem(lines: &[u8]) -> Option<ArchiveError> {
    match ArchiveLines::new(lines) {
        Ok(mut lines) => lines.find_map(Result::err),
        Err(error) => Some(error),
    }
}

proptest! {
    #[test]
    fn an_object_has_all_that_the_rules_saw(
        records in prop::collection::vec(given(), 1..40),
        size in 1usize..40,
    ) {
        let object = object(&records, size, Level::default());
        prop_assert_eq!(&object.key, &header(records.len()).key());
        let lines = decode(ARCHIVE_FORMAT, &object.body).unwrap();
        let found = ArchiveLines::of(&object.key, &lines[..]).unwrap();
        prop_assert_eq!(found.header(), &header(records.len()));
        let found: Vec<_> = found.collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(found.len(), records.len());
        for (index, (found, given)) in found.iter().zip(&records).enumerate() {
            let record = found.record();
            prop_assert_eq!(record.data, &given.data);
            prop_assert_eq!(record.partition_key, &given.partition_key);
            prop_assert_eq!(record.position, position(index));
            prop_assert_eq!(record.arrived_at, given.arrived_at);
            prop_assert_eq!(found.undecoded, given.undecoded.as_ref().map(NotDecoded::from));
        }
    }

    #[test]
    fn batches_levels_and_wording_make_no_difference_to_the_content(
        mut records in prop::collection::vec(given(), 1..40),
        size in 1usize..40,
        level in 1u8..=19,
    ) {
        let one = object(&records, size, Level::default());
        for record in &mut records {
            if let Some(Undecoded::Failed(why)) = &mut record.undecoded {
                why.push_str(" in other words");
            }
        }
        let other = object(&records, records.len(), level.to_string().parse().unwrap());
        prop_assert_eq!(one.content, other.content);
        let batches = batches(&records, size);
        prop_assert_eq!(one.content, ArchiveObject::content_of(&header(records.len()), &batches));
        let lines = decode(ARCHIVE_FORMAT, &one.body).unwrap();
        prop_assert_eq!(one.content, Content::of_lines(&lines));
        prop_assert_eq!(one.content.digest, ContentDigest::of(&lines));
    }

    #[test]
    fn a_key_parses_as_it_was_written(first in any::<u64>(), more in any::<u64>(), long in any::<bool>()) {
        let far = if long { "1".repeat(36) } else { String::new() };
        let last = first.saturating_add(more);
        let key = ArchiveKey {
            shard: shard(),
            first: format!("{far}{first:020}").parse().unwrap(),
            last: format!("{far}{last:020}").parse().unwrap(),
        };
        prop_assert_eq!(ArchiveKey::parse(&key.to_string()), Some(key));
    }

    #[test]
    fn whatever_is_read_ends(lines in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(lines) = ArchiveLines::new(&lines[..]) {
            prop_assert!(lines.count() <= 200);
        }
    }
}

#[test]
fn lines_are_as_documented() {
    let mut records = plain(3);
    records[0].partition_key = "k".into();
    records[0].arrived_at = 17;
    records[1].data = vec![0xff, 0x00];
    records[1].undecoded = Some(Undecoded::Failed("it is not gzip".into()));
    records[2].data = Vec::new();
    records[2].undecoded = Some(Undecoded::Empty);
    let expected = concat!(
        r#"{"version":1,"shard":"events-shardId-000000000000","after":"3","first":"7","last":"7","records":3}"#,
        "\n",
        r#"{"position":"7:0","partition_key":"k","arrived_at":17,"data":"{\"n\":0}"}"#,
        "\n",
        r#"{"position":"7:1","undecoded":"failed","data_base64":"/wA="}"#,
        "\n",
        r#"{"position":"7:2","undecoded":"empty","data":""}"#,
        "\n",
    );
    assert_eq!(String::from_utf8(lines(&records)).unwrap(), expected);
    assert_eq!(
        header(3).key().to_string(),
        "events-shardId-000000000000/00000000000000000007-00000000000000000007.ndjson.zst"
    );
}

#[test]
fn a_header_says_when_records_arrived_and_how_they_were_decoded() {
    let header = header(3)
        .with_arrival(Some(ArrivalTimes { min: 5, max: 17 }))
        .with_decoding(RecordDecoding {
            encoding: RecordEncoding::Gzip,
            ..RecordDecoding::default()
        });
    let mut line = Vec::new();
    push_json(&mut line, &header);
    let text = std::str::from_utf8(&line).unwrap();
    let end = concat!(
        r#""records":3,"arrived_at":{"min":5,"max":17},"decoding":{"encoding":"gzip","format":"json"}}"#,
        "\n"
    );
    assert!(text.ends_with(end), "{text}");
    assert_eq!(ArchiveHeader::parse(&line), Ok(header));
}

#[test]
fn other_keys_are_not_parsed() {
    let zeros = "0".repeat(20);
    let one = format!("{}1", "0".repeat(19));
    for key in [
        format!("s/{one}-{zeros}.ndjson.zst"),
        format!("s/{zeros}-1.ndjson.zst"),
        format!("s/{zeros}-{one}.ndjson"),
        format!("{zeros}-{one}.ndjson.zst"),
        format!("s/t/{zeros}-{one}.ndjson.zst"),
        format!("_s/{zeros}-{one}.ndjson.zst"),
        "s/readme.txt".to_owned(),
    ] {
        assert_eq!(ArchiveKey::parse(&key), None, "{key}");
    }
    assert!(ArchiveKey::parse(&format!("s/{zeros}-{one}.ndjson.zst")).is_some());
}

#[test]
fn a_record_that_is_missing_twice_or_elsewhere_is_noticed() {
    let whole = lines(&plain(6));
    assert_eq!(problem(&whole), None);
    let split: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    for at in 1..split.len() {
        let mut without = split.clone();
        let taken = without.remove(at);
        assert!(problem(&without.concat()).is_some(), "without line {at}");
        let mut twice = split.clone();
        twice.insert(at, taken);
        assert!(problem(&twice.concat()).is_some(), "line {at} twice");
        if at > 1 {
            let mut swapped = split.clone();
            swapped.swap(at - 1, at);
            assert!(problem(&swapped.concat()).is_some(), "line {at} earlier");
        }
    }
    let wrong = problem(&split[..6].concat()).unwrap();
    let records = ArchiveError::Records {
        expected: 6,
        found: 5,
    };
    assert_eq!(wrong, records);
}

#[test]
fn a_line_that_is_no_record_is_named() {
    let mut text = lines(&plain(2));
    text.truncate(text.len() - 4);
    let error = problem(&text).unwrap().to_string();
    assert!(error.starts_with("line 3: "), "{error}");
    for line in [
        r#"{"position":"7:0"}"#,
        r#"{"position":"7:0","data":"","data_base64":""}"#,
        r#"{"position":"7:0","data_base64":"?"}"#,
        r#"{"position":"x","data":""}"#,
        r#"{"position":"7:0","data":"","undecoded":"never"}"#,
        r#"{"position":"7:0","data":"","more":1}"#,
    ] {
        assert!(ArchivedRecord::parse(line.as_bytes()).is_err(), "{line}");
    }
}

#[test]
fn a_header_that_cannot_be_is_rejected() {
    let good = r#"{"version":1,"shard":"s","after":"3","first":"4","last":"5","records":2}"#;
    assert!(ArchiveHeader::parse(good.as_bytes()).is_ok());
    for (part, other) in [
        ("\"after\":\"3\"", "\"after\":\"4\""),
        ("\"first\":\"4\"", "\"first\":\"6\""),
        ("\"records\":2", "\"records\":0"),
        ("\"shard\":\"s\"", "\"shard\":\"../s\""),
        ("\"records\":2", "\"records\":2,\"more\":1"),
    ] {
        let wrong = good.replace(part, other);
        let error = ArchiveHeader::parse(wrong.as_bytes()).unwrap_err();
        assert!(matches!(error, ArchiveError::Header(_)), "{wrong}: {error}");
    }
    let newer = good.replace("\"version\":1", "\"version\":2,\"more\":1");
    let newer = ArchiveHeader::parse(newer.as_bytes()).unwrap_err();
    assert_eq!(newer, ArchiveError::Version(2));
}

#[test]
fn an_object_under_the_key_of_another_one_is_noticed() {
    let text = lines(&plain(2));
    let other = ArchiveKey {
        last: 99.into(),
        ..header(2).key()
    };
    let error = ArchiveLines::of(&other, &text[..]).unwrap_err();
    assert_eq!(error, ArchiveError::OtherObject(header(2).key()));
}
