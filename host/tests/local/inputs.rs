//! Sources: files of every kind, and standard input.

use std::fs::File;
use std::io::Write as _;

use crate::local::{all_enriched, event, events};
use crate::support::lake;
use crate::support::ledgers::ledgers;
use crate::support::program::Place;

pub(super) fn gzip(text: &str) -> Vec<u8> {
    gzip_bytes(text.as_bytes())
}

fn gzip_bytes(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

fn zstd(text: &str) -> Vec<u8> {
    zstd::encode_all(text.as_bytes(), 3).unwrap()
}

/// Asserts that this content of `events.ndjson` lands as events 0 to 2 and nothing else.
fn lands_three(content: &[u8]) -> Place {
    let place = Place::new();
    place.write("events.ndjson", content);
    assert_eq!(place.land(&[]).count("records"), 3);
    assert_eq!(lake::all_events(&place.lake()), all_enriched(0..3));
    assert_eq!(lake::quarantine(&place.lake()), []);
    place
}

#[test]
fn a_file_lands_in_lake_bus_and_quarantine() {
    let place = Place::new();
    place.write("events.ndjson", events(0..30) + "{}\nno json\n");
    let summary = place.land(&[]);
    let keys = ["records", "events", "quarantined", "messages"];
    assert_eq!(summary.counts(keys), [32, 30, 2, 30]);
    let events = lake::events(&place.lake());
    let partitions: Vec<_> = events.keys().collect();
    let expected = [
        "event_type=lesson",
        "event_type=login",
        "event_type=payment",
    ];
    assert_eq!(partitions, expected);
    assert!(
        events["event_type=login"]
            .iter()
            .all(|line| line.contains("login:done"))
    );
    assert_eq!(lake::all_events(&place.lake()), all_enriched(0..30));
    assert_eq!(lake::messages(&place.bus()).len(), 30);
    let reasons: Vec<_> = lake::quarantine(&place.lake())
        .into_iter()
        .map(|q| q.reason)
        .collect();
    assert_eq!(reasons, ["invalid_json", "missing_field"]);
}

#[test]
fn several_files_land_as_several_shards() {
    let place = Place::new();
    place.write("a/events.ndjson", events(0..10));
    place.write("b/events.ndjson", events(10..20));
    place.write("third.ndjson", events(20..30));
    let summary = place.land(&[
        "--source",
        "file:a/events.ndjson",
        "--source",
        "file:b/events.ndjson",
        "--source",
        "file:third.ndjson",
    ]);
    assert_eq!(summary.counts(["records", "chunks"]), [30, 3]);
    assert_eq!(lake::all_events(&place.lake()), all_enriched(0..30));
    assert_eq!(ledgers(&place.lake()).len(), 3);
}

#[test]
fn the_same_file_given_twice_lands_once() {
    let place = Place::new();
    place.write("events.ndjson", events(0..10));
    let twice = [
        "--source",
        "file:events.ndjson",
        "--source",
        "file:./events.ndjson",
    ];
    let summary = place.land(&twice);
    assert_eq!(summary.counts(["records", "already_committed"]), [10, 0]);
    assert_eq!(lake::all_events(&place.lake()), all_enriched(0..10));
}

#[test]
fn compressed_files_are_read_whatever_their_name() {
    lands_three(&gzip(&events(0..3)));
    lands_three(&zstd(&events(0..3)));
}

#[test]
fn a_compressed_file_of_several_members_is_read_to_its_end() {
    let (first, rest) = (events(0..1), events(1..3));
    lands_three(&[gzip(&first), gzip(&rest)].concat());
    lands_three(&[zstd(&first), zstd(&rest)].concat());
}

/// As `pzstd` writes: before each frame a skippable one that says how long it is.
#[test]
fn a_file_of_pzstd_is_read() {
    let frames = (0..3).flat_map(|part| {
        let frame = zstd(&events(part * 100..part * 100 + 100));
        let size = u32::try_from(frame.len()).unwrap();
        let skippable = [0x184d_2a50, 4, size].map(u32::to_le_bytes).concat();
        [skippable, frame].concat()
    });
    let place = Place::new();
    place.write("events.ndjson.zst", frames.collect::<Vec<_>>());
    let summary = place.land(&["--source", "file:events.ndjson.zst"]);
    assert_eq!(summary.counts(["records", "quarantined"]), [300, 0]);
    assert_eq!(lake::all_events(&place.lake()), all_enriched(0..300));
}

#[test]
fn zeros_behind_a_gzip_file_end_it_and_other_bytes_are_an_error() {
    let place = Place::new();
    let members = [gzip(&events(0..20)), gzip(&events(20..50))].concat();
    place.write("events.ndjson", [members.clone(), vec![0; 9_000]].concat());
    assert_eq!(place.land(&[]).counts(["records", "quarantined"]), [50, 0]);
    assert_eq!(lake::all_events(&place.lake()), all_enriched(0..50));
    place.write("events.ndjson", [members, b"trailing".to_vec()].concat());
    let ran = place.try_land(&[]);
    ran.failed(1, &["cannot read events.ndjson", "neither gzip nor zeros"]);
}

/// A frame of one block without compression that needs a window of `1 << log` bytes.
fn zstd_with_window(log: u8, text: &str) -> Vec<u8> {
    let block = u32::try_from(text.len() << 3 | 1).unwrap().to_le_bytes();
    let header = [0x28, 0xb5, 0x2f, 0xfd, 0, (log - 10) << 3];
    [&header, &block[..3], text.as_bytes()].concat()
}

#[test]
fn a_zstd_window_has_a_limit() {
    lands_three(&zstd_with_window(27, &events(0..3)));
    let place = Place::new();
    place.write("events.ndjson", zstd_with_window(31, &events(0..3)));
    let ran = place.try_land(&[]);
    let parts = ["events.ndjson", "2048 MiB", "128 MiB", "zstd -dc --long=31"];
    ran.failed(1, &parts);
    assert_eq!(lake::objects(&place.lake()).len(), 0);
}

#[test]
fn a_file_of_another_format_is_refused_with_the_command_that_converts_it() {
    let utf16: Vec<u8> = events(0..3)
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let marked = [b"\xff\xfe", utf16.as_slice()].concat();
    let cases: [(&[u8], &str); 9] = [
        (b"BZh91AY&SY and a block", "bzip2 -dc"),
        (b"\xfd7zXZ\0 and a block", "xz -dc"),
        (b"PK\x03\x04 and an entry", "unzip -p"),
        (b"7z\xbc\xaf\x27\x1c and an entry", "7z x -so"),
        (&utf16, "iconv -f UTF-16LE -t UTF-8"),
        (&marked, "iconv -f UTF-16LE -t UTF-8"),
        (&gzip_bytes(&utf16), "gzip -dc | iconv -f UTF-16LE"),
        (b"\0\0\xfe\xff\0\0\0{", "iconv -f UTF-32BE -t UTF-8"),
        (&gzip_bytes(&gzip("{}")), "gzip -dc | gzip -dc"),
    ];
    for (content, command) in cases {
        let place = Place::new();
        place.write("events.ndjson", content);
        let ran = place.try_land(&[]);
        ran.failed(1, &["cannot read events.ndjson", "format", command]);
        assert!(!place.path("lake/quarantine").exists());
        let args = ["run", "--source", "-", "--lake", "file:lake"];
        let ran = place.run_with_input(&args, content);
        ran.failed(1, &["cannot read standard input", command]);
    }
}

/// Its three bytes count, so that an offset is one of the file, with which a run resumes.
#[test]
fn a_byte_order_mark_is_no_part_of_the_first_record() {
    const MARK: &str = "\u{feff}";
    let marked = |range| format!("{MARK}{}", events(range));
    for compressed in [false, true] {
        let bytes = |text: String| {
            if compressed {
                gzip(&text)
            } else {
                text.into_bytes()
            }
        };
        let place = lands_three(&bytes(marked(0..3)));
        place.write("events.ndjson", bytes(marked(0..5)));
        let again = place.land(&[]);
        assert_eq!(again.counts(["records", "already_committed"]), [2, 3]);
        assert_eq!(lake::all_events(&place.lake()), all_enriched(0..5));
    }
    let place = Place::new();
    place.write("events.ndjson", format!("{MARK}no json\n{MARK}{{}}\n"));
    assert_eq!(place.land(&[]).counts(["records", "quarantined"]), [2, 2]);
    let quarantined = lake::quarantine(&place.lake());
    assert_eq!(quarantined[0].bytes(), b"no json");
    assert_eq!(quarantined[1].bytes(), "\u{feff}{}".as_bytes());
    place.write("events.ndjson", MARK);
    assert_eq!(place.land(&[]).count("records"), 0);
}

#[test]
fn a_damaged_compressed_file_ends_the_run() {
    for whole in [gzip(&events(0..300)), zstd(&events(0..300))] {
        let place = Place::new();
        place.write("events.ndjson", &whole[..whole.len() - 20]);
        place
            .try_land(&[])
            .failed(1, &["cannot read events.ndjson"]);
        place.write("events.ndjson", &whole);
        place.land(&[]);
        assert_eq!(lake::all_events(&place.lake()), all_enriched(0..300));
    }
}

#[test]
fn a_compressed_file_is_resumed_where_it_was_left() {
    let place = Place::new();
    place.write("events.ndjson", gzip(&events(0..5)));
    place.land(&[]);
    place.write(
        "events.ndjson",
        [gzip(&events(0..5)), gzip(&events(5..9))].concat(),
    );
    assert_eq!(
        place.land(&[]).counts(["records", "already_committed"]),
        [4, 5]
    );
    assert_eq!(lake::all_events(&place.lake()), all_enriched(0..9));
}

#[test]
fn standard_input_is_a_file_called_stdin() {
    let place = Place::new();
    let args = [
        "run",
        "--source",
        "-",
        "--lake",
        "file:lake",
        "--summary",
        "json",
    ];
    for input in [events(0..3).into_bytes(), gzip(&events(0..3))] {
        let place = Place::new();
        let ran = place.run_with_input(&args, &input);
        assert_eq!(ran.summary().count("records"), 3);
        assert!(
            lake::objects(&place.lake())
                .keys()
                .all(|path| path.contains("/stdin-"))
        );
        assert_eq!(lake::all_events(&place.lake()), all_enriched(0..3));
    }
    place
        .run_with_input(&args, events(0..3).as_bytes())
        .succeeded();
    let again = place
        .run_with_input(&args, events(0..5).as_bytes())
        .summary();
    assert_eq!(again.counts(["records", "already_committed"]), [2, 3]);
    assert_eq!(lake::all_events(&place.lake()), all_enriched(0..5));
}

#[test]
fn an_object_without_a_line_end_is_a_record() {
    lands_three(events(0..3).trim_end().as_bytes());
}

#[test]
fn empty_lines_are_counted_but_are_not_records() {
    let text = format!("\n\n{}\n\r\n{}\n{}\n\n", event(0), event(1), event(2));
    let place = lands_three(text.as_bytes());
    let again = place.land(&[]);
    assert_eq!(again.counts(["records", "already_committed"]), [0, 3]);
    let place = Place::new();
    place.write("events.ndjson", &text);
    assert_eq!(place.land(&[]).counts(["records", "blank_lines"]), [3, 4]);
}

#[test]
fn a_line_of_blanks_is_a_record() {
    let place = Place::new();
    place.write("events.ndjson", format!("{}\n \t \n", event(0)));
    assert_eq!(
        place
            .land(&[])
            .counts(["records", "quarantined", "blank_lines"]),
        [2, 1, 0]
    );
    assert_eq!(lake::quarantine(&place.lake())[0].bytes(), b" \t ");
}

/// A carriage return is white space after the JSON: a space in the event, and unchanged in
/// quarantine.
#[test]
fn lines_can_end_with_crlf() {
    let place = Place::new();
    place.write(
        "events.ndjson",
        format!("{}\r\nbad\r\n{}\r\n", event(0), event(1)),
    );
    assert_eq!(place.land(&[]).counts(["records", "events"]), [3, 2]);
    let events = lake::all_events(&place.lake());
    let trimmed: Vec<_> = events
        .iter()
        .map(|line| line.trim_end_matches(' '))
        .collect();
    assert_eq!(trimmed, all_enriched(0..2));
    assert_eq!(lake::quarantine(&place.lake())[0].bytes(), b"bad\r");
}

#[test]
fn an_empty_file_lands_nothing() {
    for content in ["", "\n\n"] {
        let place = Place::new();
        place.write("events.ndjson", content);
        let ran = place.try_land(&["--summary", "text"]).succeeded();
        assert!(ran.stdout.contains("the source has no records"), "{ran:?}");
        assert_eq!(lake::objects(&place.lake()).len(), 0);
        place.write("events.ndjson", format!("{content}{}", events(0..3)));
        assert_eq!(place.land(&[]).count("records"), 3);
    }
}

#[test]
fn a_record_of_the_largest_size_passes_and_one_byte_more_does_not() {
    let padded = |size: usize| {
        let frame = event(0);
        let frame = frame.strip_suffix('}').unwrap();
        let padding = size - frame.len() - r#","pad":""}"#.len();
        format!(r#"{frame},"pad":"{}"}}"#, "x".repeat(padding))
    };
    let place = Place::new();
    let lines = [
        event(0),
        padded(10 << 20),
        event(1),
        padded((10 << 20) + 1),
        event(2),
    ];
    place.write("events.ndjson", lines.join("\n"));
    assert_eq!(
        place.land(&[]).counts(["records", "events", "quarantined"]),
        [5, 4, 1]
    );
    let quarantined = lake::quarantine(&place.lake());
    assert_eq!(quarantined[0].reason, "record_too_large");
    assert_eq!(quarantined[0].bytes(), lines[3].as_bytes());
}

#[test]
fn a_file_of_another_kind_ends_the_run() {
    let place = Place::new();
    let file = File::create(place.path("events.ndjson")).unwrap();
    file.set_len(65 << 20).unwrap();
    let ran = place.try_land(&[]);
    ran.failed(
        1,
        &["events.ndjson", "line at byte 0", "newline-delimited JSON"],
    );
}

#[test]
fn a_file_name_becomes_a_valid_shard_name() {
    for name in ["_$ä ö.ndjson", ".hidden", "-", &"long".repeat(50)] {
        let place = Place::new();
        place.write(name, events(0..3));
        let source = format!("file:./{name}");
        assert_eq!(place.land(&["--source", &source]).count("records"), 3);
        assert_eq!(lake::all_events(&place.lake()), all_enriched(0..3));
    }
}
