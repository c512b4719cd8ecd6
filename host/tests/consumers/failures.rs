//! Messages that a consumer cannot handle at first.

use std::time::Duration;

use anyhow::ensure;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;

use super::expected::Expected;
use super::*;

/// Longer than the visibility timeout.
const VISIBILITY: Duration = Duration::from_secs(31);

/// Adds an event to the table `kept`, and then fails if this is the record.
async fn keep(
    database: &mut SqliteConnection,
    event: &Event,
    failing: Option<&str>,
) -> anyhow::Result<()> {
    sqlx::query("INSERT INTO kept VALUES (?, ?, ?, ?, ?)")
        .bind(&event.rid)
        .bind(event.event)
        .bind(&event.partition)
        .bind(&event.release)
        .bind(&event.body)
        .execute(database)
        .await?;
    ensure!(failing != Some(event.rid.as_str()), "as the test wants");
    Ok(())
}

/// The rows of `kept`, in order.
fn kept(cloud: &Cloud) -> Vec<Event> {
    let rows = async {
        let options = SqliteConnectOptions::new().filename(database(cloud));
        let mut database = options.connect().await.unwrap();
        let query = "SELECT rid, event, partition, release, body FROM kept ORDER BY rowid";
        let query = sqlx::query_as::<_, (String, i64, String, String, String)>(query);
        query.fetch_all(&mut database).await.unwrap()
    };
    let rows = Runtime::new().unwrap().block_on(rows).into_iter();
    let events = rows.map(|(rid, event, partition, release, body)| Event {
        rid,
        event,
        partition,
        release,
        body,
    });
    events.collect()
}

/// A pack is handled as a whole: one of its events fails, and nothing of it is kept. In a FIFO queue, no later message of its
/// group is handled before it.
fn a_failing_event_changes_nothing(queue: &str) {
    let cloud = stream(queue);
    cloud.catch_up(&["--bus-messages", "packed"]);
    let expected = Expected::of(&cloud);
    Runtime::new().unwrap().block_on(async {
        let mut seen = Seen::open(&database(&cloud)).await.unwrap();
        let table =
            "CREATE TABLE kept (rid TEXT, event INTEGER, partition TEXT, release TEXT, body TEXT)";
        seen.execute(table).await.unwrap();
    });
    let pack = cloud.sqs.messages(queue).into_iter().find_map(|message| {
        let count: usize = message.attribute("count")?.parse().unwrap();
        (count > 2).then_some(message.body)
    });
    let pack: serde_json::Value = serde_json::from_str(&pack.unwrap()).unwrap();
    let of_pack = pack["events"].as_array().unwrap();
    let failing = of_pack[1]["rid"].as_str().unwrap();
    let mut fails = async |database: &mut SqliteConnection, event: &Event| {
        keep(database, event, Some(failing)).await
    };
    let counts = consume_with(&cloud, &mut fails);
    assert!(counts.failed >= 1, "{counts:?}");
    let partly = kept(&cloud);
    assert_eq!(partly.len() as u64, counts.new);
    for event in of_pack {
        assert!(
            partly.iter().all(|kept| event["rid"] != kept.rid),
            "{event}"
        );
    }
    cloud.sqs.advance(VISIBILITY);
    let mut keeps =
        async |database: &mut SqliteConnection, event: &Event| keep(database, event, None).await;
    let counts = consume_with(&cloud, &mut keeps);
    assert_eq!(counts.failed, 0);
    let all = kept(&cloud);
    expected.is(&all);
    if queue == FIFO {
        expected.is_in_order(&all);
    }
    is_empty(&cloud);
}

#[test]
fn a_failing_event_changes_nothing_of_its_pack() {
    a_failing_event_changes_nothing(STANDARD);
}

#[test]
fn a_failing_event_is_not_overtaken_in_a_fifo_queue() {
    a_failing_event_changes_nothing(FIFO);
}

/// The answer of a deletion is lost: the message comes again, and nothing of it is handled again.
#[test]
fn a_message_that_is_not_deleted_is_a_repeat() {
    let cloud = stream(STANDARD);
    cloud.catch_up(&["--bus-messages", "packed"]);
    let expected = Expected::of(&cloud);
    let received = async {
        let client = cloud.sqs.client();
        let url = client.get_queue_url().queue_name(STANDARD).send().await;
        let receive = client
            .receive_message()
            .set_queue_url(url.unwrap().queue_url);
        let receive = receive.message_attribute_names("All").send().await;
        let message = receive.unwrap().messages.unwrap().remove(0);
        let mut lake = Lake::new(cloud.s3.client());
        let events = bus::events::of_message(&message, &mut lake).await.unwrap();
        let mut seen = Seen::open(&database(&cloud)).await.unwrap();
        let mut nothing = async |_: &mut SqliteConnection, _: &Event| anyhow::Ok(());
        let handled = seen.handle_once(&events, &mut nothing).await.unwrap();
        assert_eq!(handled, (events.len() as u64, 0));
        events
    };
    let mut received = Runtime::new().unwrap().block_on(received);
    cloud.sqs.advance(VISIBILITY);
    let (found, counts) = consume(&cloud);
    assert_eq!(counts.repeats, received.len() as u64);
    received.extend(found);
    expected.is(&received);
    is_empty(&cloud);
}
