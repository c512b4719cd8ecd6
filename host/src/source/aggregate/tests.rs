use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// Magic and checksum around a protobuf.
fn seal(body: &[u8]) -> Bytes {
    [&MAGIC[..], body, &md5(body)].concat().into()
}

fn hex(text: &str) -> Bytes {
    let digits: Vec<u32> = text.chars().map(|c| c.to_digit(16).unwrap()).collect();
    digits
        .chunks(2)
        .map(|pair| (pair[0] * 16 + pair[1]) as u8)
        .collect()
}

fn sub(partition_key: &str, hash_key: u128, data: &[u8]) -> SubRecord {
    SubRecord {
        partition_key: partition_key.into(),
        hash_key,
        data: Bytes::copy_from_slice(data),
    }
}

fn keyed(partition_key: &str, data: &[u8]) -> SubRecord {
    sub(partition_key, hash_key(partition_key), data)
}

/// An aggregate with two keys and three records, as the aggregator makes it.
fn sample() -> Bytes {
    let mut aggregator = Aggregator::new(usize::MAX);
    aggregator.push("one", br#"{"n":1}"#);
    aggregator.push("two", br#"{"n":2}"#);
    aggregator.push("one", b"");
    aggregator.finish().unwrap().1.into()
}

fn is_plain(data: impl Into<Bytes>) -> bool {
    unpack(&data.into()) == Unpacked::Plain
}

#[test]
fn a_hash_key_is_the_md5_as_a_number() {
    // The MD5 of the empty string and of "abc" as RFC 1321 gives them.
    assert_eq!(hash_key(""), 0xd41d_8cd9_8f00_b204_e980_0998_ecf8_427e);
    assert_eq!(hash_key("abc"), 0x9001_5098_3cd2_4fb0_d696_3f7d_28e1_7f72);
}

#[test]
fn an_aggregate_written_by_hand_is_taken_apart_and_put_together() {
    let body = [
        0x0A, 1, b'k', // Field 1, length-delimited (1 << 3 | 2): the key "k".
        0x0A, 1, b'l', // The key "l".
        0x1A, 6, // Field 3, length-delimited: a record of 6 bytes,
        0x08, 0, // its field 1, a varint (1 << 3 | 0): the key at 0;
        0x1A, 2, b'h', b'i', // its field 3, length-delimited: the data "hi".
        0x1A, 4, 0x08, 1, 0x1A, 0, // A record with the key at 1 and no bytes of data.
    ];
    let expected = vec![keyed("k", b"hi"), keyed("l", b"")];
    assert_eq!(unpack(&seal(&body)), Unpacked::Records(expected));

    let mut aggregator = Aggregator::new(100);
    aggregator.push("k", b"hi");
    aggregator.push("l", b"");
    let made = aggregator.finish().unwrap();
    assert_eq!(made, ("k".to_owned(), seal(&body).to_vec()));
}

#[test]
fn an_aggregate_of_aws_is_taken_apart_and_put_together_the_same() {
    // Made by AWS's aggregation library for Python, version 1.2.3.
    let data = hex(concat!(
        "f3899ac20a01610a0362c3a91a0b08001a077b226e223a317d",
        "1a0b08001a077b226e223a327d1a0408011a001a0508001a01ff",
        "59d2705fe824bb926c468439388ed514",
    ));
    let expected = vec![
        keyed("a", br#"{"n":1}"#),
        keyed("a", br#"{"n":2}"#),
        keyed("bé", b""),
        keyed("a", &[0xFF]),
    ];
    let mut aggregator = Aggregator::new(1000);
    for record in &expected {
        aggregator.push(&record.partition_key, &record.data);
    }
    assert_eq!(unpack(&data), Unpacked::Records(expected));
    assert_eq!(aggregator.finish().unwrap().1, data);
}

#[test]
fn explicit_hash_keys_of_an_aggregate_of_aws_are_used() {
    // Made by AWS's aggregation library for Python, version 1.2.3.
    let data = hex(concat!(
        "f3899ac20a01610a0362c3a9120130122733",
        "34303238323336363932303933383436333436333337343630373433313736383231313435351a",
        "0d080010001a077b226e223a317d1a0d080010011a077b226e223a327d1a06080110001a00",
        "f404959f004f71ddf0e6d9230cf877c8",
    ));
    let expected = vec![
        sub("a", 0, br#"{"n":1}"#),
        sub("a", u128::MAX, br#"{"n":2}"#),
        sub("bé", 0, b""),
    ];
    assert_eq!(unpack(&data), Unpacked::Records(expected));
}

#[test]
fn an_explicit_hash_key_that_is_no_hash_key_is_passed_over() {
    for text in ["", "-1", "x", "340282366920938463463374607431768211456"] {
        let aggregate = AggregatedRecord {
            partition_key_table: vec!["k".into()],
            explicit_hash_key_table: vec![text.into()],
            records: vec![Record {
                partition_key_index: Some(0),
                explicit_hash_key_index: Some(0),
                data: Some(Bytes::new()),
            }],
        };
        assert_eq!(
            unpack(&seal(&aggregate.encode_to_vec())),
            Unpacked::Records(vec![keyed("k", b"")]),
            "{text:?}"
        );
    }
}

#[test]
fn a_record_belongs_where_its_hash_key_is_both_ends_included() {
    let record = sub("k", 5, b"");
    assert!(belongs(&record, &(5..=5)));
    assert!(belongs(&record, &(0..=u128::MAX)));
    assert!(!belongs(&record, &(0..=4)));
    assert!(!belongs(&record, &(6..=9)));
}

#[test]
fn data_without_the_magic_is_plain() {
    for data in [
        "",
        "{}",
        r#"{"event":"a line of JSON, longer than magic and checksum"}"#,
    ] {
        assert!(is_plain(data), "{data}");
    }
    assert!(is_plain(MAGIC.to_vec()));
    assert!(is_plain(sample().slice(1..)));
}

#[test]
fn every_bit_that_changes_makes_an_aggregate_plain() {
    let data = sample();
    assert!(!is_plain(data.clone()));
    for bit in 0..data.len() * 8 {
        let mut changed = data.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(is_plain(changed), "bit {bit}");
    }
}

#[test]
fn an_aggregate_cut_anywhere_or_with_a_byte_more_is_plain() {
    let data = sample();
    for length in 0..data.len() {
        assert!(is_plain(data.slice(..length)), "{length}");
    }
    assert!(is_plain([&data[..], b"\n"].concat()));
}

#[test]
fn a_body_cut_within_a_field_is_plain_though_its_checksum_is_right() {
    let data = sample();
    let body = checked_body(&data).unwrap();
    // Between fields at the top, what is left of the body is whole.
    let fields = [5, 10, 23, 36, 42];
    assert_eq!(fields[4], body.len());
    for length in 0..body.len() {
        let whole = fields[2..].contains(&length);
        assert_eq!(is_plain(seal(&body[..length])), !whole, "{length}");
    }
}

#[test]
fn an_aggregate_of_no_records_is_plain() {
    assert!(is_plain(seal(b"")));
    assert!(is_plain(seal(&[0x0A, 1, b'k'])));
}

#[test]
fn an_index_without_a_key_is_plain() {
    let index = |partition: u64, explicit: Option<u64>| AggregatedRecord {
        partition_key_table: vec!["k".into()],
        explicit_hash_key_table: vec!["7".into()],
        records: vec![
            Record {
                partition_key_index: Some(0),
                explicit_hash_key_index: None,
                data: Some(Bytes::from_static(b"good")),
            },
            Record {
                partition_key_index: Some(partition),
                explicit_hash_key_index: explicit,
                data: Some(Bytes::new()),
            },
        ],
    };
    let plain = |aggregate: AggregatedRecord| is_plain(seal(&aggregate.encode_to_vec()));
    assert!(!plain(index(0, None)));
    assert!(!plain(index(0, Some(0))));
    for wrong in [1, 1 << 32, u64::MAX] {
        assert!(plain(index(wrong, None)), "{wrong}");
        assert!(plain(index(0, Some(wrong))), "{wrong}");
    }
}

#[test]
fn a_record_without_key_or_data_is_plain() {
    let key = [0x0A, 1, b'k'];
    for record in [
        &[0x1A, 0][..],            // Neither.
        &[0x1A, 2, 0x08, 0],       // No data.
        &[0x1A, 3, 0x1A, 1, b'x'], // No key.
    ] {
        assert!(is_plain(seal(&[&key[..], record].concat())), "{record:?}");
    }
}

#[test]
fn a_key_that_is_no_utf_8_is_plain() {
    assert!(is_plain(seal(&[0x0A, 1, 0xFF, 0x1A, 4, 0x08, 0, 0x1A, 0])));
}

#[test]
fn tags_and_fields_yet_unknown_are_passed_over() {
    let body = [
        0x0A, 1, b'k', // The key "k".
        0x1A, 9, 0x08, 0, // A record with that key,
        0x22, 3, 0x0A, 1, b't', // a tag, the key of which is "t",
        0x1A, 0, // and no bytes of data.
        0x48, 7, // Field 9, a varint.
    ];
    let expected = vec![keyed("k", b"")];
    assert_eq!(unpack(&seal(&body)), Unpacked::Records(expected));
}

#[test]
fn an_aggregate_within_an_aggregate_stays_whole() {
    let inner = sample();
    let mut aggregator = Aggregator::new(usize::MAX);
    aggregator.push("k", &inner);
    let outer = aggregator.finish().unwrap().1.into();
    assert_eq!(unpack(&outer), Unpacked::Records(vec![keyed("k", &inner)]));
}

#[test]
fn data_of_records_is_a_view_of_the_aggregate() {
    let aggregate = sample();
    let Unpacked::Records(records) = unpack(&aggregate) else {
        panic!("plain");
    };
    let within = aggregate.as_ptr_range();
    assert!(within.contains(&records[0].data.as_ptr()));
    assert!(Arc::ptr_eq(
        &records[0].partition_key,
        &records[2].partition_key
    ));
}

#[test]
fn an_aggregator_is_empty_until_pushed_to_and_after_finish() {
    let mut aggregator = Aggregator::new(100);
    assert!(aggregator.is_empty());
    assert_eq!(aggregator.finish(), None);
    aggregator.push("k", b"a");
    aggregator.push("l", b"b");
    assert_eq!((aggregator.len(), aggregator.is_empty()), (2, false));
    let first = aggregator.finish();
    assert!(aggregator.is_empty());
    aggregator.push("k", b"a");
    aggregator.push("l", b"b");
    assert_eq!(aggregator.finish(), first);
}

#[test]
fn a_record_too_large_for_any_aggregate_does_not_fit_an_empty_one() {
    // Magic 4, key 1 and again in the table 3, record 2 + 2 + 2, checksum 16.
    assert!(Aggregator::new(130).fits("k", 100));
    assert!(!Aggregator::new(129).fits("k", 100));
    assert!(!Aggregator::new(usize::MAX - 1).fits("k", usize::MAX));
}

#[test]
fn the_size_is_known_to_the_byte_with_indexes_of_every_length() {
    let mut aggregator = Aggregator::new(usize::MAX);
    for index in 0..20_000 {
        aggregator.push(&index.to_string(), b"data");
    }
    let counted = aggregator.bytes;
    let (key, data) = aggregator.finish().unwrap();
    assert_eq!(counted, key.len() + data.len());
}

/// Few keys, so that they repeat, and among them some long enough for a length of two bytes.
fn records() -> impl Strategy<Value = Vec<(String, Vec<u8>)>> {
    vec(
        ("[a-cé]{0,2}|[xy]{120,140}", vec(any::<u8>(), 0..300)),
        0..40,
    )
}

proptest! {
    #[test]
    fn what_is_put_together_comes_apart_the_same(records in records()) {
        let mut aggregator = Aggregator::new(usize::MAX);
        for (key, data) in &records {
            aggregator.push(key, data);
        }
        prop_assert_eq!(aggregator.len(), records.len());
        let Some((key, data)) = aggregator.finish() else {
            prop_assert!(records.is_empty());
            return Ok(());
        };
        prop_assert_eq!(&key, &records[0].0);
        let expected = records.iter().map(|(key, data)| keyed(key, data)).collect();
        prop_assert_eq!(unpack(&data.into()), Unpacked::Records(expected));
    }

    #[test]
    fn the_size_is_known_to_the_byte(records in records()) {
        let mut aggregator = Aggregator::new(usize::MAX);
        for (key, data) in &records {
            aggregator.push(key, data);
        }
        let counted = aggregator.bytes;
        let bytes = aggregator.finish().map_or(0, |(key, data)| key.len() + data.len());
        prop_assert_eq!(counted, bytes);
    }

    #[test]
    fn what_fits_never_exceeds_the_bound(records in records(), max_bytes in 0..2000_usize) {
        let mut aggregator = Aggregator::new(max_bytes);
        for (key, data) in records {
            if aggregator.fits(&key, data.len()) {
                aggregator.push(&key, &data);
            } else if let Some((key, data)) = aggregator.finish() {
                prop_assert!(key.len() + data.len() <= max_bytes);
            }
        }
        if let Some((key, data)) = aggregator.finish() {
            prop_assert!(key.len() + data.len() <= max_bytes);
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in vec(any::<u8>(), 0..200)) {
        prop_assert!(is_plain([&MAGIC[..], &bytes].concat()));
        let _ = unpack(&seal(&bytes));
    }

    #[test]
    fn a_changed_body_with_a_right_checksum_never_panics(at in 0..42_usize, byte in any::<u8>()) {
        let mut body = checked_body(&sample()).unwrap().to_vec();
        body[at] = byte;
        let _ = unpack(&seal(&body));
    }
}
