use std::io::Read as _;

use proptest::prelude::*;
use sluice_engine::content_digest::ContentDigest;

use super::codec::{WHOLE_MAX_BYTES, ZSTD_LEVEL_1_WINDOW_LOG};
use super::*;

/// Rows, one after the other in one buffer.
fn in_one_buffer<'a>(rows: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, Vec<ByteSpan>) {
    let (mut buffer, mut spans) = (Vec::new(), Vec::new());
    for row in rows {
        let start = buffer.len() as u32;
        buffer.extend_from_slice(row);
        let end = buffer.len() as u32;
        spans.push(ByteSpan {
            buffer: 0,
            start,
            end,
        });
    }
    (vec![buffer], spans)
}

fn as_lines(rows: Rows<'_>) -> Vec<u8> {
    let lines = rows.iter().flat_map(|row| [row, b"\n"].concat());
    lines.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_format_of_lines_gives_the_rows_back_and_the_same_bytes_again(
        rows in prop::collection::vec("[a-z{}\":,0-9]{0,40}", 0..300),
        level in prop::option::of(1u8..=9),
    ) {
        let (buffers, spans) = in_one_buffer(rows.iter().map(String::as_bytes));
        let rows = Rows::new(&buffers, &spans);
        let level = level.map_or(Level::default(), |level| level.to_string().parse().unwrap());
        for format in Format::OF_LINES {
            let object = encode(format, level, rows).unwrap();
            prop_assert_eq!(object.digest, ContentDigest::of(&as_lines(rows)));
            prop_assert_eq!(object.digest, rows.digest());
            prop_assert_eq!(decode(format, &object.bytes).unwrap(), as_lines(rows));
            prop_assert_eq!(encode(format, level, rows).unwrap(), object);
        }
    }
}

#[test]
fn an_object_on_either_side_of_the_size_that_is_compressed_at_once_comes_back() {
    let row = vec![b'x'; 1 << 10];
    let whole = usize::try_from(WHOLE_MAX_BYTES >> 10).unwrap();
    for count in [whole - 8, whole + 4] {
        let (buffers, spans) = in_one_buffer(std::iter::repeat_n(&*row, count));
        let rows = Rows::new(&buffers, &spans);
        for format in Format::OF_LINES {
            let object = encode(format, Level::default(), rows).unwrap();
            let lines = as_lines(rows);
            assert!(decode(format, &object.bytes).unwrap() == lines, "{format}");
            assert_eq!(object.digest, ContentDigest::of(&lines), "{format}");
            assert_eq!(object.digest, rows.digest(), "{format}");
        }
    }
}

#[test]
fn an_object_is_decoded_up_to_a_limit_and_not_further() {
    let rows = [&b"0123456"[..], b"abcdefg"];
    let (buffers, spans) = in_one_buffer(rows);
    let rows = Rows::new(&buffers, &spans);
    for format in Format::OF_LINES {
        let object = encode(format, Level::default(), rows).unwrap().bytes;
        let lines = decode_up_to(format, &object, 16).unwrap();
        assert_eq!(lines, as_lines(rows), "{format}");
        for max in [0, 15] {
            let error = decode_up_to(format, &object, max).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::FileTooLarge, "{format}");
        }
    }
}

#[test]
fn the_rest_of_an_object_over_the_limit_is_not_decoded() {
    let mut object = zstd::encode_all(io::repeat(b'0').take(1 << 30), 1).unwrap();
    // A reader that went on to the end would find it damaged.
    object.truncate(object.len() - 1);
    let error = decode_up_to(Format::NDJSON_ZST, &object, 1 << 20).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::FileTooLarge, "{error}");
    assert!(
        error.to_string().contains("more than 1048576 bytes"),
        "{error}"
    );
}

#[test]
fn a_reader_of_the_default_level_needs_a_window_of_256_kib() {
    let row = vec![b'x'; 1 << 10];
    for bytes in [WHOLE_MAX_BYTES / 2, WHOLE_MAX_BYTES * 2] {
        let count = usize::try_from(bytes >> 10).unwrap();
        let (buffers, spans) = in_one_buffer(std::iter::repeat_n(&*row, count));
        let rows = Rows::new(&buffers, &spans);
        let object = encode(Format::NDJSON_ZST, Level::default(), rows).unwrap();
        let mut reader = zstd::Decoder::new(&*object.bytes).unwrap();
        reader.window_log_max(ZSTD_LEVEL_1_WINDOW_LOG).unwrap();
        let mut lines = Vec::new();
        reader.read_to_end(&mut lines).unwrap();
        assert!(lines == as_lines(rows));
    }
}

#[test]
fn the_name_of_a_format_is_its_extension_and_stands_in_ledgers() {
    for (name, format) in [
        ("ndjson.zst", Format::NDJSON_ZST),
        ("ndjson.gz", Format::NDJSON_GZ),
        ("ndjson", Format::NDJSON),
        ("parquet", Format::PARQUET),
    ] {
        assert_eq!(format.extension(), name);
    }
    for format in Format::ALL {
        let stored = serde_json::to_string(&format).unwrap();
        assert_eq!(stored, format!("\"{format}\""));
        assert_eq!(serde_json::from_str::<Format>(&stored).unwrap(), format);
    }
    let unknown = serde_json::from_str::<Format>("\"csv\"").unwrap_err();
    assert!(unknown.to_string().contains("unknown format \"csv\""));
}
