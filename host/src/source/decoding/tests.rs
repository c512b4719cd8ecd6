use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use proptest::prelude::*;
use sluice_engine::record::ShardId;

use super::encoding::{DECODED_ALWAYS_BYTES, DECODED_MAX_BYTES, DECODED_MAX_TIMES};
use super::split::RECORDS_MAX;
use super::*;
use crate::ledger::decoding::{RecordEncoding, RecordFormat};

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn zlib(data: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn zstd(data: &[u8]) -> Vec<u8> {
    zstd::encode_all(data, 3).unwrap()
}

const fn decoding(encoding: RecordEncoding, format: RecordFormat) -> RecordDecoding {
    RecordDecoding { encoding, format }
}

/// A batch of the records of one source record.
fn batch(data: &[u8], decoding: RecordDecoding) -> Batch {
    let mut batch = Batch::new(ShardId::new("s").unwrap());
    Decoder::new(&mut batch, decoding, 7.into(), 5).add(data, "key", None);
    batch
}

/// The position and the data of each record of a batch.
fn records(batch: &Batch) -> Vec<(String, String)> {
    let text = |data: &[u8]| String::from_utf8_lossy(data).into_owned();
    let records = batch.records();
    records
        .map(|record| (record.position.to_string(), text(record.data)))
        .collect()
}

/// The records of data that is split, by their data.
fn split_into(data: &str, format: RecordFormat) -> Vec<String> {
    let batch = batch(data.as_bytes(), decoding(RecordEncoding::None, format));
    assert!(batch.undecoded().is_empty(), "{data}: {batch:?}");
    let records = records(&batch);
    for (sub, (position, _)) in records.iter().enumerate() {
        assert_eq!(*position, format!("7:{sub}"));
    }
    records.into_iter().map(|(_, data)| data).collect()
}

/// Why data cannot be decoded. It is then one record as it is.
fn failure(data: &[u8], encoding: RecordEncoding, format: RecordFormat) -> String {
    let batch = batch(data, decoding(encoding, format));
    assert_eq!(batch.len(), 1);
    assert_eq!(batch.record(0).data, data);
    assert_eq!(batch.positions()[0].to_string(), "7");
    match batch.undecoded() {
        [(0, Undecoded::Failed(why))] => why.clone(),
        other => panic!("{other:?}"),
    }
}

fn is_empty(data: &[u8], encoding: RecordEncoding, format: RecordFormat) -> bool {
    let batch = batch(data, decoding(encoding, format));
    assert_eq!((batch.len(), batch.record(0).data), (1, data));
    batch.undecoded() == [(0, Undecoded::Empty)]
}

#[test]
fn a_plain_record_stays_as_it_is() {
    for data in ["{}", "", " \n", "\u{1f}\u{8b}"] {
        let batch = batch(data.as_bytes(), RecordDecoding::default());
        assert_eq!(records(&batch), [("7".to_owned(), data.to_owned())]);
        assert!(batch.undecoded().is_empty());
    }
}

#[test]
fn every_encoding_is_undone_by_its_name_and_by_auto() {
    let event = br#"{"event_name":"a"}"#;
    let two_members = [gzip(b"{\"a\":"), gzip(b"1}")].concat();
    for (encoding, data, expected) in [
        (RecordEncoding::Gzip, gzip(event), &event[..]),
        (RecordEncoding::Gzip, two_members, b"{\"a\":1}"),
        (RecordEncoding::Zlib, zlib(event, 0), event),
        (RecordEncoding::Zlib, zlib(event, 6), event),
        (RecordEncoding::Zlib, zlib(event, 9), event),
        (RecordEncoding::Zstd, zstd(event), event),
        (RecordEncoding::Base64, STANDARD.encode(event).into(), event),
        (
            RecordEncoding::Base64,
            URL_SAFE.encode(b"{\"a\":\"\xc3\xbf?\xc3\xbf>\"}").into(),
            b"{\"a\":\"\xc3\xbf?\xc3\xbf>\"}",
        ),
        (
            RecordEncoding::Base64,
            STANDARD_NO_PAD.encode(event).into(),
            event,
        ),
        (
            RecordEncoding::Base64,
            format!(" {}\r\n", STANDARD.encode(event)).into(),
            event,
        ),
        (RecordEncoding::Auto, event.to_vec(), event),
        (RecordEncoding::Auto, b"no JSON".to_vec(), b"no JSON"),
        (RecordEncoding::Auto, b"abcd".to_vec(), b"abcd"),
        (
            RecordEncoding::Auto,
            STANDARD.encode(gzip(event)).into(),
            event,
        ),
        (RecordEncoding::Auto, gzip(&gzip(event)), event),
    ] {
        for encoding in [encoding, RecordEncoding::Auto] {
            let batch = batch(&data, decoding(encoding, RecordFormat::Json));
            assert!(batch.undecoded().is_empty(), "{encoding:?} {batch:?}");
            assert_eq!(batch.record(0).data, expected, "{encoding:?}");
            assert_eq!(batch.positions()[0].to_string(), "7");
        }
    }
}

#[test]
fn what_is_not_encoded_as_it_should_be_is_one_record_that_says_why() {
    let event = b"{\"a\":1}";
    let cut = |mut data: Vec<u8>| {
        data.truncate(data.len() - 3);
        data
    };
    let longer = |data: Vec<u8>| [data, b"more".to_vec()].concat();
    for (encoding, data) in [
        (RecordEncoding::Gzip, event.to_vec()),
        (RecordEncoding::Gzip, cut(gzip(event))),
        (RecordEncoding::Gzip, longer(gzip(event))),
        (RecordEncoding::Zlib, event.to_vec()),
        (RecordEncoding::Zlib, cut(zlib(event, 6))),
        (RecordEncoding::Zlib, longer(zlib(event, 6))),
        (RecordEncoding::Zstd, event.to_vec()),
        (RecordEncoding::Zstd, cut(zstd(event))),
        (RecordEncoding::Zstd, longer(zstd(event))),
        (RecordEncoding::Base64, event.to_vec()),
        (RecordEncoding::Auto, cut(gzip(event))),
        (
            RecordEncoding::Auto,
            STANDARD.encode(cut(gzip(event))).into(),
        ),
    ] {
        let why = failure(&data, encoding, RecordFormat::Json);
        assert!(
            why.contains("the record") || why.contains("the JSON"),
            "{why}"
        );
    }
}

#[test]
fn what_decodes_to_too_much_is_not_decoded() {
    let allowed = vec![b' '; DECODED_ALWAYS_BYTES - 2];
    let allowed = [b"{}", &allowed[..]].concat();
    let more = [&allowed[..], b" "].concat();
    for (encoding, encode) in [
        (RecordEncoding::Gzip, gzip as fn(&[u8]) -> Vec<u8>),
        (RecordEncoding::Zlib, |data| zlib(data, 9)),
        (RecordEncoding::Zstd, zstd),
    ] {
        for encoding in [encoding, RecordEncoding::Auto] {
            let batch = batch(&encode(&allowed), decoding(encoding, RecordFormat::Json));
            assert_eq!(batch.record(0).data, allowed);
            let why = failure(&encode(&more), encoding, RecordFormat::Json);
            assert!(why.contains("1048576 bytes"), "{why}");
        }
    }
    let huge = vec![b'a'; DECODED_MAX_BYTES + 1];
    let stored = zlib(&huge, 0);
    assert!(stored.len() * DECODED_MAX_TIMES > huge.len());
    let why = failure(&stored, RecordEncoding::Zlib, RecordFormat::Json);
    assert!(why.contains("33554432 bytes"), "{why}");
}

#[test]
fn lines_are_records_and_blank_ones_are_none() {
    let lines = |text| split_into(text, RecordFormat::Lines);
    assert_eq!(lines("{}"), ["{}"]);
    assert_eq!(
        lines("{\"a\":1}\r\n\n \t\n{\"b\" : 2} \nbad\n"),
        ["{\"a\":1}", "{\"b\" : 2}", "bad"]
    );
}

#[test]
fn values_one_after_another_are_records() {
    let values = |text| split_into(text, RecordFormat::Concatenated);
    assert_eq!(
        values("{\"a\":\"}\\\"{\"}{\"b\":[{}]}\n[1]"),
        ["{\"a\":\"}\\\"{\"}", "{\"b\":[{}]}", "[1]"]
    );
    assert_eq!(
        values(" 1 \"x y\" tru{}null"),
        ["1", "\"x y\"", "tru", "{}", "null"]
    );
    // A broken value costs itself, and one without an end costs the rest.
    assert_eq!(values("{\"a\":}{\"b\":1}"), ["{\"a\":}", "{\"b\":1}"]);
    assert_eq!(values("{\"b\":1}{\"a\":{}{}"), ["{\"b\":1}", "{\"a\":{}{}"]);
    assert_eq!(values("}{\"b\":1}"), ["}", "{\"b\":1}"]);
    assert_eq!(values("\"x\\"), ["\"x\\"]);
}

#[test]
fn items_of_an_array_are_records() {
    let items = |text| split_into(text, RecordFormat::Array);
    assert_eq!(
        items(" [ {\"a\":[1,2]} ,\"],\" , 3\n] \n"),
        ["{\"a\":[1,2]}", "\"],\"", "3"]
    );
    assert_eq!(items("[{\"a\":},{}]"), ["{\"a\":}", "{}"]);
    assert_eq!(items("[1,,]"), ["1", "", ""]);
    for broken in ["{}", "[1", "[1]]", "[1] x", "[1}", "[\"]", "x"] {
        let why = failure(broken.as_bytes(), RecordEncoding::None, RecordFormat::Array);
        assert!(why.contains("JSON array"), "{broken}: {why}");
    }
}

#[test]
fn what_holds_no_record_says_so() {
    for format in [RecordFormat::Lines, RecordFormat::Concatenated] {
        for data in ["", "\n", " \r\n\t"] {
            assert!(is_empty(data.as_bytes(), RecordEncoding::None, format));
        }
    }
    assert!(is_empty(b" ", RecordEncoding::None, RecordFormat::Array));
    assert!(is_empty(
        b" [\n] ",
        RecordEncoding::None,
        RecordFormat::Array
    ));
    assert!(is_empty(
        &gzip(b""),
        RecordEncoding::Gzip,
        RecordFormat::Json
    ));
}

#[test]
fn more_records_than_allowed_are_none() {
    let most = "1\n".repeat(RECORDS_MAX);
    assert_eq!(split_into(&most, RecordFormat::Lines).len(), RECORDS_MAX);
    for format in [RecordFormat::Lines, RecordFormat::Concatenated] {
        let why = failure(
            (most.clone() + "1").as_bytes(),
            RecordEncoding::None,
            format,
        );
        assert!(why.contains("100000 records"), "{why}");
    }
    let array = format!("[{}1]", "1,".repeat(RECORDS_MAX));
    let why = failure(array.as_bytes(), RecordEncoding::None, RecordFormat::Array);
    assert!(why.contains("100000 records"), "{why}");
}

#[test]
fn records_of_an_aggregate_are_numbered_through() {
    let mut batch = Batch::new(ShardId::new("s").unwrap());
    let lines = decoding(RecordEncoding::None, RecordFormat::Lines);
    let mut decoder = Decoder::new(&mut batch, lines, 7.into(), 5);
    decoder.add(b"1\n2", "a", Some(0));
    decoder.add(b"", "b", Some(1));
    decoder.add(b"3", "c", Some(2));
    decoder.add(b"4", "d", Some(9));
    let positions: Vec<_> = batch.positions().iter().map(ToString::to_string).collect();
    assert_eq!(positions, ["7:0", "7:1", "7:2", "7:3", "7:9"]);
    assert_eq!(batch.undecoded(), [(2, Undecoded::Empty)]);
    assert_eq!(batch.record(3).partition_key, "c");
}

/// To change one, raise the version of the ledger.
#[test]
fn the_bounds_that_decide_an_outcome_are_those_of_the_ledgers_version() {
    let bounds = [
        DECODED_MAX_BYTES,
        DECODED_MAX_TIMES,
        DECODED_ALWAYS_BYTES,
        RECORDS_MAX,
    ];
    assert_eq!(bounds, [32 << 20, 200, 1 << 20, 100_000]);
}

fn any_format() -> impl Strategy<Value = RecordFormat> {
    prop_oneof![
        Just(RecordFormat::Json),
        Just(RecordFormat::Lines),
        Just(RecordFormat::Concatenated),
        Just(RecordFormat::Array),
    ]
}

proptest! {
    #[test]
    fn no_byte_of_a_record_is_lost_or_doubled(
        data in r#"[\[\]{}",:\\ \n1a]{0,40}"#,
        format in any_format(),
    ) {
        let batch = batch(data.as_bytes(), decoding(RecordEncoding::None, format));
        prop_assert!(!batch.is_empty());
        let found: String = batch.records().map(|record| String::from_utf8_lossy(record.data).into_owned()).collect();
        let separators: &[char] = if format == RecordFormat::Array { &['[', ']', ','] } else { &[] };
        let squeeze = |text: &str| text.replace(|c: char| c.is_ascii_whitespace() || separators.contains(&c), "");
        prop_assert_eq!(squeeze(&found), squeeze(&data));
    }

    #[test]
    fn items_lines_and_values_are_found_as_they_were_written(
        values in prop::collection::vec(r#"(\{"a":("[^"\\\n]{0,5}"|\[1,2\])\}|[0-9]{1,3})"#, 1..8),
    ) {
        prop_assert_eq!(&split_into(&values.join("\n"), RecordFormat::Lines), &values);
        prop_assert_eq!(&split_into(&values.join(" "), RecordFormat::Concatenated), &values);
        prop_assert_eq!(&split_into(&format!("[{}]", values.join(" , ")), RecordFormat::Array), &values);
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(data in prop::collection::vec(any::<u8>(), 0..200), cut in any::<prop::sample::Index>()) {
        let encodings = [RecordEncoding::Gzip, RecordEncoding::Zlib, RecordEncoding::Zstd, RecordEncoding::Base64, RecordEncoding::Auto];
        let mut broken = gzip(&data);
        let at = cut.index(broken.len());
        broken[at] ^= 1;
        for encoding in encodings {
            for data in [&data, &broken] {
                let batch = batch(data, decoding(encoding, RecordFormat::Lines));
                prop_assert!(!batch.is_empty());
            }
        }
    }
}
