//! Parts of an archive, by times and by numbers.

use std::thread;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::*;
use crate::support::cloud::SHARD;

const KINESIS: [&str; 2] = ["--source", "kinesis:events"];

/// The time of arrival of an event's record.
fn arrival(cloud: &Cloud, event: &[u8]) -> String {
    let records = cloud.kinesis.records(STREAM);
    let record = records.iter().find(|record| record.data == event).unwrap();
    let moment = record.arrival_ms.try_into().unwrap();
    let moment = DateTime::<Utc>::from_timestamp_millis(moment);
    moment.unwrap().to_rfc3339()
}

#[test]
fn a_time_is_replayed_as_that_of_the_stream() {
    let cloud = Cloud::new(2);
    let events = events(900, 44);
    for part in events.chunks(300) {
        cloud.put_all(part);
        thread::sleep(Duration::from_millis(5));
    }
    cloud.kinesis.records_per_read(PER_READ);
    cloud.catch_up(&[&ARCHIVE[..], &PER_CHUNK].concat());
    cloud.kinesis.records_per_read(10_000);
    let (from, to) = (arrival(&cloud, &events[300]), arrival(&cloud, &events[600]));
    for (lake, times) in [
        ("middle", &["--from", &from, "--to", &to][..]),
        ("end", &["--from", &from][..]),
        ("begin", &["--to", &to][..]),
    ] {
        let of_stream = format!("{lake}-stream");
        let landing = replay(&cloud, &KINESIS, &of_stream, times).summary();
        let again = replay(&cloud, &SOURCE, lake, times).summary();
        let expected = if lake == "middle" { 300 } else { 600 };
        assert_eq!(landing.count("records"), expected);
        assert_eq!(again.count("records"), expected);
        assert!(landed(&lake_of(&cloud, lake)) == landed(&lake_of(&cloud, &of_stream)));
    }
}

#[test]
fn records_of_one_shard_are_replayed_by_their_numbers() {
    let cloud = archived(2, 400);
    let records = cloud.kinesis.records(STREAM);
    let of_shard: Vec<_> = records
        .iter()
        .filter(|record| record.shard == SHARD)
        .collect();
    let (from, to) = (&of_shard[5].sequence_number, &of_shard[9].sequence_number);
    let bounds = ["--from", from.as_str(), "--to", to.as_str()];
    replay(&cloud, &SOURCE, "other", &bounds).failed(2, &["--shard"]);
    let shard = format!("{STREAM}-{SHARD}");
    let args = [&bounds[..], &["--shard", &shard]].concat();
    let ran = replay(&cloud, &SOURCE, "other", &args);
    assert_eq!(ran.summary().count("records"), 5);
    let nowhere = ["--shard", SHARD];
    let expected = [
        "has no objects of the shard",
        "give the name of one of its folders",
    ];
    replay(&cloud, &SOURCE, "third", &nowhere).failed(1, &expected);
    let wrong = ["--shard", "a/b"];
    replay(&cloud, &SOURCE, "third", &wrong).failed(2, &["shard: ", "a/b"]);
}

/// Objects outside of the part are not read: these cannot be.
#[test]
fn objects_outside_of_the_part_are_left_alone() {
    let cloud = archived(1, 600);
    let objects = objects(&cloud.place);
    assert!(objects.len() > 2, "{objects:?}");
    let middle = name(&objects[1]).split(['-', '.']).next().unwrap();
    let first = middle.trim_start_matches('0').to_owned();
    let last = name(&objects[1]).split(['-', '.']).nth(1).unwrap();
    let last = last.trim_start_matches('0').to_owned();
    for object in [&objects[0], &objects[2]] {
        fs::write(object, "damaged").unwrap();
    }
    let shard = format!("{STREAM}-{SHARD}");
    let bounds = ["--from", &first, "--to", &last, "--shard", &shard];
    let ran = replay(&cloud, &SOURCE, "other", &bounds).summary();
    assert!(ran.count("records") >= 100, "{ran:?}");
}
