//! The consumers of `host/examples`, which read what the program sends over real connections: each event of the lake, once.

#[path = "../../examples/consumer/bus/mod.rs"]
mod bus;
mod expected;
mod failures;
mod kinds;
mod readers;
mod repeats;

use std::ffi::OsString;
use std::path::PathBuf;

use sqlx::sqlite::SqliteConnection;
use tokio::runtime::Runtime;

use self::bus::Counts;
use self::bus::events::Event;
use self::bus::lake::Lake;
use self::bus::queue::Queue;
use self::bus::seen::Seen;
use crate::support::cloud::{Cloud, STREAM, events};
use crate::support::program::{Ran, Summary};

/// The smallest queue that takes packed messages, bytes.
const QUEUE_BYTES: usize = 16 << 10;

const STANDARD: &str = "bus";
const FIFO: &str = "bus.fifo";

/// A stream of two shards with events of a few partition keys, of which some are larger than a message, and a queue.
fn stream(queue: &str) -> Cloud {
    let cloud = Cloud::new(2).with_queue(queue, QUEUE_BYTES);
    let mut all = events(300, 41);
    for (number, place) in [0, 99, 100, 250].into_iter().enumerate() {
        all.insert(place, large(number));
    }
    cloud.put_by_keys(&all);
    cloud
}

/// A queue, and a stream with a small and a large event of a type that SQS does not take as an attribute, and with others.
fn odd_stream() -> Cloud {
    let cloud = Cloud::new(2).with_queue(STANDARD, QUEUE_BYTES);
    let mut all = events(20, 41);
    all.extend([0, QUEUE_BYTES].map(|bytes| {
        let text = "x".repeat(bytes);
        format!(
            r#"{{"event_uuid":"odd-{bytes}","event_name":"%o\uFFFEd\uffff:one","created_at":1767225600,"text":"{text}"}}"#
        )
        .into_bytes()
    }));
    cloud.put_by_keys(&all);
    cloud
}

/// The partition of the odd events.
const ODD_PARTITION: &str = "event_type=%25o\u{fffe}d\u{ffff}";

/// Asserts that these are the events of an odd stream.
fn are_of_odd_stream(found: &[Event], cloud: &Cloud) {
    expected::Expected::of(cloud).is(found);
    let odd = found
        .iter()
        .filter(|event| event.partition == ODD_PARTITION);
    assert_eq!(odd.count(), 2);
}

/// An event that fits no message.
fn large(number: usize) -> Vec<u8> {
    let text = "\u{2028}é\\n".repeat(QUEUE_BYTES / 4);
    format!(
        r#"{{"event_uuid":"large-{number}","event_name":"large:one","created_at":1767225600,"n": 1.500,"text":"{text}"}}"#
    )
    .into_bytes()
}

/// As [`Cloud::catch_up`], into this lake.
fn catch_up_into(cloud: &Cloud, lake: &str, more: &[&str]) -> Summary {
    let usual = cloud.command(more);
    let mut args: Vec<OsString> = usual.get_args().map(Into::into).collect();
    for arg in &mut args {
        if arg == "s3://bucket/lake" {
            *arg = lake.into();
        }
    }
    let mut command = cloud.place.command(&args);
    let environment = usual.get_envs();
    command.envs(environment.filter_map(|(name, value)| Some((name, value?))));
    command.arg("--exit-when-caught-up");
    Ran::from(command.output().unwrap()).summary()
}

/// The file in which a consumer keeps what it has seen.
fn database(cloud: &Cloud) -> PathBuf {
    cloud.place.path("consumer.sqlite")
}

/// Reads all messages that a queue has now, as a consumer that starts anew. Returns its events in order.
fn consume(cloud: &Cloud) -> (Vec<Event>, Counts) {
    let mut found = Vec::new();
    let counts = consume_with(
        cloud,
        &mut async |_: &mut SqliteConnection, event: &Event| {
            found.push(event.clone());
            anyhow::Ok(())
        },
    );
    (found, counts)
}

fn consume_with<H>(cloud: &Cloud, handle: &mut H) -> Counts
where
    H: AsyncFnMut(&mut SqliteConnection, &Event) -> anyhow::Result<()>,
{
    let client = cloud.sqs.client();
    let name = cloud.queue.as_deref().unwrap();
    Runtime::new().unwrap().block_on(async {
        let url = client.get_queue_url().queue_name(name).send().await;
        let queue = Queue {
            client: client.clone(),
            url: url.unwrap().queue_url.unwrap(),
            exit_when_empty: true,
        };
        let mut lake = Lake::new(cloud.s3.client());
        let mut seen = Seen::open(&database(cloud)).await.unwrap();
        queue.consume(&mut lake, &mut seen, handle).await.unwrap()
    })
}

/// Asserts that a queue has no message left.
fn is_empty(cloud: &Cloud) {
    let messages = cloud.sqs.messages(cloud.queue.as_deref().unwrap());
    let left = messages.iter().filter(|message| !message.deleted).count();
    assert_eq!(left, 0);
    assert!(!messages.is_empty());
}
