use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::error::ProvideErrorMetadata as _;
use aws_sdk_kinesis::operation::get_records::GetRecordsOutput;
use aws_sdk_kinesis::primitives::{Blob, DateTime};
use aws_sdk_kinesis::types::{
    ChildShard, PutRecordsRequestEntry, Record, Shard, ShardIteratorType as From,
};

use super::super::kinesis::{Kinesis, THROTTLED};
use super::super::sdk_config_once;

const SHARD: &str = "shardId-000000000000";

fn once(kinesis: &Kinesis) -> Client {
    Client::new(&sdk_config_once(&kinesis.endpoint))
}

fn entry(key: &str, data: &[u8]) -> PutRecordsRequestEntry {
    let entry = PutRecordsRequestEntry::builder().partition_key(key);
    entry.data(Blob::new(data)).build().unwrap()
}

async fn iterator(client: &Client, shard: &str, from: From, number: Option<&str>) -> String {
    let call = client.get_shard_iterator().stream_name("s").shard_id(shard);
    let call = call.shard_iterator_type(from);
    let answer = call
        .set_starting_sequence_number(number.map(Into::into))
        .send()
        .await;
    answer.unwrap().shard_iterator.unwrap()
}

async fn get(client: &Client, iterator: &str, limit: i32) -> GetRecordsOutput {
    let call = client.get_records().shard_iterator(iterator).limit(limit);
    call.send().await.unwrap()
}

/// All records of a shard, three at a time.
async fn read_all(client: &Client, shard: &str) -> (Vec<Record>, GetRecordsOutput) {
    let mut next = iterator(client, shard, From::TrimHorizon, None).await;
    let mut records = Vec::new();
    loop {
        let mut answer = get(client, &next, 3).await;
        records.append(&mut answer.records);
        match (answer.next_shard_iterator(), answer.millis_behind_latest()) {
            (Some(more), Some(1..)) => next = more.to_owned(),
            _ => return (records, answer),
        }
    }
}

async fn shards(client: &Client) -> Vec<Shard> {
    let mut shards = Vec::new();
    let mut call = client.list_shards().stream_name("s");
    loop {
        let mut answer = call.send().await.unwrap();
        shards.append(answer.shards.as_mut().unwrap());
        match answer.next_token {
            Some(token) => call = client.list_shards().next_token(token),
            None => return shards,
        }
    }
}

/// Puts 80 records, with splits and merges between them.
async fn fill(kinesis: &Kinesis, client: &Client) {
    let create = client.create_stream().stream_name("s").shard_count(2);
    create.send().await.unwrap();
    for round in 0..4_u32 {
        let records = round * 20..(round + 1) * 20;
        let entries = records.map(|i| entry(&format!("k{}", i % 7), &i.to_be_bytes()));
        let put = client.put_records().stream_name("s");
        let put = put.set_records(Some(entries.collect())).send().await;
        assert_eq!(put.unwrap().failed_record_count(), Some(0));
        match round {
            0 => kinesis.split("s", SHARD),
            1 => kinesis.merge("s", "shardId-000000000003", "shardId-000000000001"),
            2 => kinesis.split("s", "shardId-000000000004"),
            _ => {}
        }
    }
}

/// All records of a shard, which must match the shard's description.
async fn checked(client: &Client, shard: &Shard) -> Vec<Record> {
    let (records, end) = read_all(client, shard.shard_id()).await;
    let range = shard.sequence_number_range().unwrap();
    let closed = range.ending_sequence_number().is_some();
    assert_eq!(end.next_shard_iterator().is_none(), closed);
    let numbers: Vec<_> = records.iter().map(Record::sequence_number).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b));
    assert!(numbers.iter().all(|number| number.len() == 56));
    let begin = range.starting_sequence_number();
    assert!(numbers.first().is_none_or(|first| *first > begin));
    let end = range.ending_sequence_number();
    assert!(end.is_none() || numbers.last().is_none_or(|last| *last < end.unwrap()));
    records
}

#[tokio::test]
async fn reads_every_record_once_and_in_order_over_splits_and_merges() {
    let kinesis = Kinesis::start();
    let client = kinesis.client();
    fill(&kinesis, &client).await;
    kinesis.shards_per_page(2);
    let shards = shards(&client).await;
    assert_eq!((shards.len(), kinesis.calls("ListShards")), (7, 4));
    let mut by_key: HashMap<String, Vec<u32>> = HashMap::new();
    for shard in &shards {
        for record in checked(&client, shard).await {
            let data = record.data.as_ref().try_into().unwrap();
            let of_key = by_key.entry(record.partition_key.unwrap()).or_default();
            of_key.push(u32::from_be_bytes(data));
        }
    }
    // A shard follows its parents in the list, so that each key's records are in order.
    assert!(by_key.values().all(|of_key| of_key.is_sorted()));
    let mut all: Vec<_> = by_key.into_values().flatten().collect();
    all.sort_unstable();
    assert!(all.into_iter().eq(0..80));
    assert_eq!(kinesis.records("s").len(), 80);
}

#[tokio::test]
async fn describes_shards_by_name_and_by_arn() {
    let kinesis = Kinesis::start();
    kinesis.create_stream("s", 2);
    kinesis.split("s", "shardId-000000000001");
    kinesis.merge("s", "shardId-000000000002", SHARD);
    let client = kinesis.client();
    let all = shards(&client).await;
    let parents = |n: usize| (all[n].parent_shard_id(), all[n].adjacent_parent_shard_id());
    assert_eq!(parents(3), (Some("shardId-000000000001"), None));
    assert_eq!(parents(4), (Some("shardId-000000000002"), Some(SHARD)));
    let last = |n: usize| all[n].hash_key_range().unwrap().ending_hash_key();
    assert_eq!(last(3), u128::MAX.to_string());
    let summary = client
        .describe_stream_summary()
        .stream_name("s")
        .send()
        .await;
    let summary = summary.unwrap().stream_description_summary.unwrap();
    assert_eq!(summary.open_shard_count(), 2);
    let list = client
        .list_shards()
        .stream_arn(summary.stream_arn())
        .max_results(3);
    let page = list.send().await.unwrap();
    assert_eq!(
        (page.shards().len(), page.next_token().is_some()),
        (3, true)
    );
    let (_, end) = read_all(&client, "shardId-000000000001").await;
    let children: Vec<_> = end
        .child_shards()
        .iter()
        .map(ChildShard::shard_id)
        .collect();
    assert_eq!(children, ["shardId-000000000002", "shardId-000000000003"]);
}

#[tokio::test]
async fn begins_where_the_iterator_says() {
    let kinesis = Kinesis::start();
    let client = kinesis.client();
    kinesis.create_stream("s", 1);
    let (_, first) = kinesis.put("s", "k", b"1");
    kinesis.advance(Duration::from_secs(60));
    let (_, second) = kinesis.put("s", "k", b"2");
    let latest = iterator(&client, SHARD, From::Latest, None).await;
    let put = client.put_record().stream_name("s").partition_key("k");
    put.data(Blob::new("3")).send().await.unwrap();
    let at = iterator(&client, SHARD, From::AtSequenceNumber, Some(&first)).await;
    let after = iterator(&client, SHARD, From::AfterSequenceNumber, Some(&second)).await;
    let moment = kinesis.records("s")[1].arrival_ms.cast_signed();
    let call = client.get_shard_iterator().stream_name("s").shard_id(SHARD);
    let call = call.shard_iterator_type(From::AtTimestamp);
    let timed = call.timestamp(DateTime::from_millis(moment)).send().await;
    let timed = timed.unwrap().shard_iterator.unwrap();
    for (iterator, expected) in [(latest, "3"), (at, "123"), (after, "3"), (timed, "23")] {
        let answer = get(&client, &iterator, 10).await;
        let data: Vec<_> = answer.records().iter().map(|r| r.data().as_ref()).collect();
        assert_eq!(String::from_utf8(data.concat()).unwrap(), expected);
        assert_eq!(answer.millis_behind_latest(), Some(0));
    }
    kinesis.trim("s", SHARD, &first);
    assert_eq!(read_all(&client, SHARD).await.0.len(), 2);
}

#[tokio::test]
async fn a_response_holds_at_most_ten_megabytes() {
    let kinesis = Kinesis::start();
    kinesis.create_stream("s", 1);
    for _ in 0..12 {
        kinesis.put("s", "k", &[0; (1 << 20) - 1]);
    }
    let client = kinesis.client();
    let begin = iterator(&client, SHARD, From::TrimHorizon, None).await;
    let answer = get(&client, &begin, 10_000).await;
    assert_eq!(answer.records().len(), 10);
    assert!(answer.millis_behind_latest().unwrap() > 0);
    let rest = get(&client, answer.next_shard_iterator().unwrap(), 10_000).await;
    assert_eq!(
        (rest.records().len(), rest.millis_behind_latest()),
        (2, Some(0))
    );
}

#[tokio::test]
async fn fails_on_command() {
    let kinesis = Kinesis::start();
    kinesis.create_stream("s", 1);
    kinesis.put("s", "k", b"1");
    let client = once(&kinesis);
    let begin = iterator(&client, SHARD, From::TrimHorizon, None).await;
    kinesis.empty_reads(1);
    let empty = get(&client, &begin, 10).await;
    assert!(empty.records().is_empty() && empty.millis_behind_latest().unwrap() > 0);
    kinesis.throttle("GetRecords", 1);
    let throttled = client.get_records().shard_iterator(&begin).send().await;
    let throttled = throttled.unwrap_err().into_service_error();
    assert!(throttled.is_provisioned_throughput_exceeded_exception());
    assert_eq!(get(&client, &begin, 10).await.records().len(), 1);
    let unknown = client.list_shards().stream_name("none").send().await;
    assert_eq!(
        unknown.unwrap_err().code(),
        Some("ResourceNotFoundException")
    );
    // A client with retries does not show its caller that it was throttled.
    kinesis.throttle("ListShards", 1);
    let before = kinesis.calls("ListShards");
    kinesis
        .client()
        .list_shards()
        .stream_name("s")
        .send()
        .await
        .unwrap();
    assert_eq!(kinesis.calls("ListShards"), before + 2);
}

#[tokio::test]
async fn iterators_expire() {
    let kinesis = Kinesis::start();
    kinesis.create_stream("s", 1);
    let client = once(&kinesis);
    let too_late = |k: &Kinesis| k.advance(Duration::from_secs(301));
    for expire in [Kinesis::expire_iterators, too_late] {
        let begin = iterator(&client, SHARD, From::TrimHorizon, None).await;
        expire(&kinesis);
        let expired = client.get_records().shard_iterator(&begin).send().await;
        let expired = expired.unwrap_err().into_service_error();
        assert!(expired.is_expired_iterator_exception());
    }
}

#[tokio::test]
async fn a_put_can_fail_in_part() {
    let kinesis = Kinesis::start();
    kinesis.create_stream("s", 1);
    kinesis.fail_entries(&[0, 2]);
    let client = kinesis.client();
    let records = ["0", "1", "2"].map(|data| entry("k", data.as_bytes()));
    let call = client.put_records().stream_name("s");
    let answer = call.set_records(Some(records.into())).send().await.unwrap();
    assert_eq!(answer.failed_record_count(), Some(2));
    let codes: Vec<_> = answer.records().iter().map(|r| r.error_code()).collect();
    assert_eq!(codes, [Some(THROTTLED), None, Some(THROTTLED)]);
    let stored = kinesis.records("s");
    assert_eq!(stored.len(), 1);
    assert_eq!(
        (stored[0].data.as_slice(), stored[0].partition_key.as_str()),
        (&b"1"[..], "k")
    );
    let taken = answer.records()[1].sequence_number();
    assert_eq!(
        (taken, SHARD),
        (
            Some(stored[0].sequence_number.as_str()),
            stored[0].shard.as_str()
        )
    );
}

#[tokio::test]
async fn records_expire_and_a_stream_that_is_created_again_is_another_one() {
    let kinesis = Kinesis::start();
    kinesis.create_stream("s", 1);
    let client = once(&kinesis);
    let (_, old) = kinesis.put("s", "k", b"1");
    kinesis.advance(Duration::from_secs(23 * 60 * 60));
    kinesis.put("s", "k", b"2");
    let created = async || {
        let summary = client.describe_stream_summary().stream_name("s");
        let summary = summary.send().await.unwrap();
        let summary = summary.stream_description_summary.unwrap();
        assert_eq!(summary.retention_period_hours(), 24);
        *summary.stream_creation_timestamp()
    };
    let before = created().await;
    kinesis.advance(Duration::from_secs(2 * 60 * 60));
    let at = iterator(&client, SHARD, From::AtSequenceNumber, Some(&old)).await;
    let left = get(&client, &at, 10).await;
    assert_eq!(left.records().len(), 1);
    assert_eq!(left.records()[0].data().as_ref(), b"2");
    kinesis.delete_stream("s");
    kinesis.create_stream("s", 1);
    assert_ne!(created().await, before);
    let gone = client.get_records().shard_iterator(at).send().await;
    let gone = gone.unwrap_err().into_service_error();
    assert!(gone.is_invalid_argument_exception());
    let call = client.get_shard_iterator().stream_name("s").shard_id(SHARD);
    let call = call.shard_iterator_type(From::AfterSequenceNumber);
    let unknown = call.starting_sequence_number(old).send().await;
    let unknown = unknown.unwrap_err().into_service_error();
    assert!(unknown.is_invalid_argument_exception());
}
