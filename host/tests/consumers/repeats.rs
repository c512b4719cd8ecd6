//! Repeats: of other runs, of runs that were killed, and of a consumer that starts anew.

use std::time::Duration;

use super::expected::Expected;
use super::*;

/// A FIFO queue drops duplicates for five minutes.
const DEDUPLICATION: Duration = Duration::from_secs(301);

/// Other chunks make other packs of the same events.
#[test]
fn repeats_are_dropped_however_they_are_packed() {
    let cloud = stream(STANDARD);
    cloud.catch_up(&["--bus-messages", "packed"]);
    let expected = Expected::of(&cloud);
    let (found, _) = consume(&cloud);
    expected.is(&found);
    for (lake, messages, records) in [
        ("s3://bucket/second", "packed", "37"),
        ("s3://bucket/third", "events", "100"),
    ] {
        let more = ["--bus-messages", messages, "--chunk-records", records];
        catch_up_into(&cloud, lake, &more);
        let forgotten = Runtime::new().unwrap().block_on(async {
            let mut seen = Seen::open(&database(&cloud)).await.unwrap();
            seen.forget(Duration::from_secs(60 * 60)).await.unwrap()
        });
        assert_eq!(forgotten, 0);
        let (found, counts) = consume(&cloud);
        assert!(found.is_empty(), "{messages}");
        assert_eq!(counts.repeats, expected.count(), "{messages}");
        is_empty(&cloud);
    }
}

/// What was seen is kept in a table of the file, with the time of its claim.
#[test]
fn what_was_seen_long_ago_is_forgotten() {
    let cloud = stream(STANDARD);
    cloud.catch_up(&["--bus-messages", "packed"]);
    let (found, _) = consume(&cloud);
    let forgotten = Runtime::new().unwrap().block_on(async {
        let mut seen = Seen::open(&database(&cloud)).await.unwrap();
        seen.execute("UPDATE seen SET at = at - 7200 WHERE rid LIKE '%shardId-000000000001%'")
            .await
            .unwrap();
        seen.forget(Duration::from_secs(60 * 60)).await.unwrap()
    });
    let of_shard = found
        .iter()
        .filter(|event| event.rid.contains("shardId-000000000001"));
    assert_eq!(forgotten, of_shard.count() as u64);
    assert!(0 < forgotten && forgotten < found.len() as u64);
}

/// Kills runs after some of their messages. The consumer handles each event once, and in a FIFO queue in order.
fn killed_runs_repeat(queue: &str, messages: &str) {
    let cloud = stream(queue);
    let more = ["--bus-messages", messages, "--chunk-records", "60"];
    let sent = || cloud.sqs.messages(queue).len();
    for (seed, name) in (1..).zip(["first.log", "second.log", "third.log"]) {
        cloud.put_by_keys(&events(200, seed));
        let before = sent();
        let mut worker = cloud.worker_with_log(name, &more);
        worker.until(|| sent() > before + 3);
        drop(worker);
        cloud.sqs.advance(DEDUPLICATION);
    }
    cloud.catch_up(&more);
    let expected = Expected::of(&cloud);
    let (found, counts) = consume(&cloud);
    expected.is(&found);
    if queue == FIFO {
        expected.is_in_order(&found);
    }
    assert_eq!((counts.new, counts.failed), (expected.count(), 0));
    is_empty(&cloud);
}

#[test]
fn killed_runs_repeat_packed_messages() {
    killed_runs_repeat(STANDARD, "packed");
}

#[test]
fn killed_runs_repeat_packed_messages_in_a_fifo_queue() {
    killed_runs_repeat(FIFO, "packed");
}

#[test]
fn killed_runs_repeat_messages_about_events() {
    killed_runs_repeat(FIFO, "events");
}
