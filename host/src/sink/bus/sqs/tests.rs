//! A bus with few calls at once, or with calls that end early, over connections to a local queue.

use std::time::Duration;

use aws_sdk_sqs::config::timeout::TimeoutConfig;
use serde_json::Value;
use sluice_engine::record::ShardId;
use sluice_storage::calls::CallMetrics;
use testkit::proxy::{Fault, Proxy, Rule};
use testkit::sqs::Sqs;

use super::*;
use crate::ledger::Range;

const LONG: Duration = Duration::from_secs(60);

const QUEUE_BYTES: usize = 262_144;

/// A queue behind a proxy.
struct Service {
    sqs: Sqs,
    proxy: Proxy,
    name: &'static str,
    url: String,
}

impl Service {
    fn with_queue(name: &'static str) -> Self {
        let sqs = Sqs::start();
        Self {
            proxy: Proxy::start(&sqs.endpoint),
            url: sqs.create_queue(name, QUEUE_BYTES),
            name,
            sqs,
        }
    }

    /// A bus with these calls, which may take as long as `timeout`.
    fn bus(&self, calls: Calls, timeout: Duration) -> SqsBus {
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(timeout);
        let sdk = testkit::sdk_config(&self.proxy.endpoint).into_builder();
        let sdk = sdk.timeout_config(timeouts.build()).build();
        SqsBus {
            client: sending_client(&sdk),
            id: Digest::of(self.url.as_bytes()),
            queue: Queue {
                url: self.url.clone(),
                max_bytes: QUEUE_BYTES,
            },
            retry_policy: RetryPolicy::new(LONG),
            calls,
            lake: "s3://bucket/lake/".to_owned(),
        }
    }

    /// The objects that the messages of the queue are about.
    fn keys(&self) -> Vec<String> {
        let messages = self.sqs.messages(self.name).into_iter();
        let key = |body: &str| {
            let message: Value = serde_json::from_str(body).unwrap();
            message["key"].as_str().unwrap().to_owned()
        };
        messages.map(|message| key(&message.body)).collect()
    }
}

fn origin(shard: &str) -> Origin {
    Origin {
        shard: ShardId::new(shard).unwrap(),
        range: Range {
            first: 0.into(),
            last: 9.into(),
            count: 10,
        },
        release: Digest::of(b"release"),
    }
}

/// Messages about objects of a shard. In a FIFO queue, they are one group.
fn messages_of(origin: &Origin, count: usize) -> Vec<ObjectNotification> {
    let message = |number| ObjectNotification {
        bucket: None,
        key: format!("{}/{number}", origin.shard.as_str()),
        partition: "event_type=a".to_owned(),
        count: 1,
        first: origin.range.first,
        last: origin.range.last,
        release: origin.release,
    };
    (0..count).map(message).collect()
}

#[tokio::test]
async fn a_shard_that_waits_for_its_group_keeps_no_other_shard_from_sending() {
    let service = Service::with_queue("bus.fifo");
    let held = Rule::new(Fault::Hold).action("SendMessageBatch");
    let held = service.proxy.add(held);
    let bus = service.bus(Calls::new(CallMetrics::default(), 2), 10 * LONG);
    let (one, other) = (origin("one"), origin("other"));
    let (of_one, of_other) = (messages_of(&one, 3), messages_of(&other, 3));
    let mut waiting = bus.notify(&one, &of_one);
    let others = async {
        while service.proxy.hits(held) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        bus.notify(&other, &of_other).await
    };
    tokio::select! {
        ended = &mut waiting => panic!("its first call is held: {ended:?}"),
        sent = tokio::time::timeout(LONG, others) => sent.expect("a slot is free").unwrap(),
    }
    assert_eq!(service.keys(), ["other/0", "other/1", "other/2"]);
    service.proxy.release_held();
    waiting.await.unwrap();
    assert_eq!(service.keys()[3..], ["one/0", "one/1", "one/2"]);
}

#[tokio::test]
async fn shards_share_one_call_at_a_time_in_the_order_of_each() {
    let service = Service::with_queue("bus.fifo");
    let bus = service.bus(Calls::new(CallMetrics::default(), 1), LONG);
    let origins = ["one", "other", "third"].map(origin);
    let sends = origins.iter().map(|origin| {
        let bus = &bus;
        async move {
            let messages = messages_of(origin, 10);
            bus.notify(origin, &messages).await
        }
    });
    let sent = futures_util::future::join_all(sends).await;
    assert!(sent.iter().all(Result::is_ok), "{sent:?}");
    let keys = service.keys();
    assert_eq!(keys.len(), 30);
    for origin in &origins {
        let shard = origin.shard.as_str();
        let of_shard = keys.iter().filter(|key| key.starts_with(shard));
        let expected = (0..10).map(|number| format!("{shard}/{number}"));
        assert!(of_shard.cloned().eq(expected), "{keys:?}");
    }
}

#[tokio::test]
async fn a_call_without_an_answer_in_time_lowers_the_limit_and_is_made_again() {
    let service = Service::with_queue("bus");
    let held = Rule::new(Fault::Hold).action("SendMessageBatch");
    service.proxy.add(held);
    let metrics = CallMetrics::default();
    let bus = service.bus(Calls::new(metrics.clone(), 64), Duration::from_secs(1));
    let shard = origin("shard");
    bus.notify(&shard, &messages_of(&shard, 1)).await.unwrap();
    assert!(metrics.calls.get() > 1, "the first one is held");
    assert!((1..64).contains(&metrics.limit.get()));
    assert_eq!(service.keys()[0], "shard/0");
}
