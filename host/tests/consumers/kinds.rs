//! All kinds of messages, in a queue and in a folder.

use super::bus::folder::read_folder;
use super::*;
use crate::consumers::expected::Expected;
use crate::support::lake;
use crate::support::program::Place;

/// Lands a stream with messages of a kind and reads them. Returns the names of the attributes of all messages.
fn are_read(queue: &str, messages: &str, compression: &str) -> Vec<String> {
    let cloud = stream(queue);
    let summary = cloud.catch_up(&["--bus-messages", messages, "--compression", compression]);
    let expected = Expected::of(&cloud);
    assert_eq!(expected.count(), 304);
    let (found, counts) = consume(&cloud);
    expected.is(&found);
    if queue == FIFO {
        expected.is_in_order(&found);
    }
    let all_new = Counts {
        new: expected.count(),
        ..Counts::default()
    };
    assert_eq!(counts, all_new);
    let release = summary.release();
    assert!(found.iter().all(|event| event.release == release));
    is_empty(&cloud);
    let messages = cloud.sqs.messages(queue);
    let mut names: Vec<_> = messages
        .into_iter()
        .flat_map(|message| message.attributes.into_keys())
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[test]
fn messages_about_events_and_pointers() {
    let names = are_read(STANDARD, "events", "zstd");
    let expected = ["event", "event_type", "pointer", "release", "rid"];
    assert_eq!(names, expected);
}

#[test]
fn messages_about_events_and_pointers_in_a_fifo_queue() {
    are_read(FIFO, "events", "gzip");
}

const OF_PACKS: [&str; 7] = [
    "count",
    "event",
    "event_type",
    "packed",
    "pointer",
    "release",
    "rid",
];

#[test]
fn packed_messages_and_pointers() {
    assert_eq!(are_read(STANDARD, "packed", "none"), OF_PACKS);
}

#[test]
fn packed_messages_and_pointers_in_a_fifo_queue() {
    assert_eq!(are_read(FIFO, "packed", "zstd"), OF_PACKS);
}

/// The attribute `event_type` cannot have all characters of the lake's path, but the consumer knows them.
#[test]
fn partitions_with_characters_that_sqs_rejects_are_as_in_the_lake() {
    for messages in ["events", "packed"] {
        let cloud = odd_stream();
        cloud.catch_up(&["--bus-messages", messages]);
        let (found, _) = consume(&cloud);
        are_of_odd_stream(&found, &cloud);
        let messages = cloud.sqs.messages(STANDARD).into_iter();
        let types = messages.filter_map(|message| {
            let event_type = message.attribute("event_type")?;
            Some(event_type.to_owned())
        });
        let odd = types.filter(|event_type| event_type == "%25o%EF%BF%BEd%EF%BF%BF");
        assert_eq!(odd.count(), 2);
    }
}

#[test]
fn messages_about_objects() {
    let cloud = stream(STANDARD);
    cloud.catch_up(&["--bus-messages", "objects"]);
    let (found, counts) = consume(&cloud);
    let mut bodies: Vec<_> = found.iter().map(|event| event.body.clone()).collect();
    bodies.sort_unstable();
    assert_eq!(bodies, lake::all_events(&cloud.lake()));
    assert_eq!((counts.new, counts.repeats, counts.failed), (304, 0, 0));
    for event in &found {
        assert!(event.rid.starts_with("s3://bucket/lake/event_type="));
        assert!(event.rid.contains(&event.partition), "{event:?}");
    }
    // Another lake has other objects with the same events.
    catch_up_into(&cloud, "s3://bucket/again", &["--bus-messages", "objects"]);
    let (again, counts) = consume(&cloud);
    assert_eq!((again.len(), counts.repeats), (304, 0));
}

/// A message that cannot be handled stays in the queue.
#[test]
fn a_pointer_into_parquet_is_an_error_that_says_what_to_do() {
    let cloud = stream(STANDARD);
    cloud.catch_up(&["--format", "parquet"]);
    let (found, counts) = consume(&cloud);
    assert_eq!((found.len(), counts.failed), (300, 4));
    let messages = cloud.sqs.messages(STANDARD);
    let pointers = messages.iter().filter(|message| !message.deleted);
    let pointers: Vec<_> = pointers.collect();
    assert_eq!(pointers.len(), 4);
    let lines = Runtime::new().unwrap().block_on(async {
        let pointer: serde_json::Value = serde_json::from_str(&pointers[0].body).unwrap();
        let mut lake = Lake::new(cloud.s3.client());
        let lines = lake.lines(pointer["object"].as_str().unwrap()).await;
        lines.map(|_| ()).unwrap_err()
    });
    let error = format!("{lines:#}");
    assert!(
        error.contains(".parquet: the object has no lines: docs/consumers.md"),
        "{error}"
    );
}

#[test]
fn a_folder_with_all_kinds_of_messages() {
    let place = Place::new();
    let mut records = events(200, 3);
    records.push(large(0));
    place.write("events.ndjson", records.join(&b'\n'));
    let target = format!("file:{}", place.lake().display());
    for kind in ["events", "packed", "objects"] {
        let of_kind = place.path(kind);
        let other = format!("{target}-{kind}");
        let bus = format!("file:{}", of_kind.display());
        place.land(&[
            "--final",
            "--lake",
            &other,
            "--bus",
            &bus,
            "--bus-messages",
            kind,
        ]);
        let (lake, database) = (
            place.path(format!("lake-{kind}")),
            place.path(format!("{kind}.sqlite")),
        );
        let read = || {
            let mut bodies = Vec::new();
            let mut keep = async |_: &mut SqliteConnection, event: &Event| {
                bodies.push(event.body.clone());
                anyhow::Ok(())
            };
            let counts = Runtime::new().unwrap().block_on(async {
                let mut seen = Seen::open(&database).await.unwrap();
                let mut objects = Lake::new(testkit::s3::client("http://127.0.0.1:9"));
                let read = read_folder(&of_kind, &mut objects, &mut seen, &mut keep);
                read.await.unwrap()
            });
            bodies.sort_unstable();
            (bodies, counts.new, counts.repeats)
        };
        assert_eq!(read(), (lake::all_events(&lake), 201, 0), "{kind}");
        assert_eq!(read(), (Vec::new(), 0, 201), "{kind}");
    }
}
