//! Shards and their records, read from the stand-in for Kinesis without HTTP, so that planned
//! failures affect the function only.

use serde_json::{Value, json};

use super::event::Record;
use testkit::kinesis::Kinesis;
use testkit::rpc::{list, text};

/// "GetRecords": at most 10,000 records.
const READ_MAX_RECORDS: usize = 10_000;

/// The error of an expired iterator. A test can expire all of them.
const EXPIRED: &str = "ExpiredIteratorException";

/// A stream.
pub(super) struct Stream<'a> {
    kinesis: &'a Kinesis,
    name: String,
    arn: String,
}

impl<'a> Stream<'a> {
    pub(super) fn new(kinesis: &'a Kinesis, name: &str) -> Self {
        let input = json!({ "StreamName": name });
        let stream = kinesis.call("DescribeStreamSummary", &input).unwrap();
        let arn = text(&stream["StreamDescriptionSummary"], "StreamARN").unwrap();
        Self {
            kinesis,
            name: name.to_owned(),
            arn: arn.to_owned(),
        }
    }

    /// The clock of the stream, milliseconds since the Unix epoch.
    pub(super) fn now_ms(&self) -> u64 {
        self.kinesis.now_ms()
    }

    /// The ids of the shards; parents come before their children.
    pub(super) fn shards(&self) -> Vec<String> {
        let ids = self.listed().into_iter();
        ids.map(|shard| own(&shard, "ShardId")).collect()
    }

    /// The parents of a shard that still exist.
    pub(super) fn parents(&self, shard: &str) -> Vec<String> {
        let listed = self.listed();
        let shards: Vec<_> = listed.iter().map(|shard| own(shard, "ShardId")).collect();
        let position = shards.iter().position(|id| id == shard);
        let shard = &listed[position.unwrap_or_else(|| panic!("there is no {shard}"))];
        let parents = ["ParentShardId", "AdjacentParentShardId"].map(|field| text(shard, field));
        let there = |parent: &String| shards.contains(parent);
        let parents = parents.into_iter().flatten().map(ToOwned::to_owned);
        parents.filter(there).collect()
    }

    fn listed(&self) -> Vec<Value> {
        let mut input = json!({ "StreamName": self.name });
        let mut shards = Vec::new();
        loop {
            let page = self.kinesis.call("ListShards", &input).unwrap();
            shards.extend_from_slice(list(&page, "Shards"));
            match text(&page, "NextToken") {
                Some(token) => input = json!({ "NextToken": token }),
                None => return shards,
            }
        }
    }

    /// The last sequence number of each shard that has records.
    pub(super) fn tips(&self) -> Vec<(String, String)> {
        let last = |shard: String| {
            let (mut records, _) = self.read(&shard, None, usize::MAX);
            Some((shard, records.pop()?.sequence_number))
        };
        self.shards().into_iter().filter_map(last).collect()
    }

    /// The next records after this sequence number, or from the beginning, at most `most`; and
    /// whether the shard ends with them.
    pub(super) fn read(
        &self,
        shard: &str,
        after: Option<&str>,
        most: usize,
    ) -> (Vec<Record>, bool) {
        let mut records: Vec<Record> = Vec::new();
        let mut iterator = Some(self.iterator(shard, after));
        while let Some(from) = iterator.take_if(|_| records.len() < most) {
            let limit = (most - records.len()).min(READ_MAX_RECORDS);
            let input = json!({ "ShardIterator": from, "Limit": limit });
            let read = match self.kinesis.call("GetRecords", &input) {
                Err(failure) if failure.code == EXPIRED => {
                    let last = records.last().map(|last| &*last.sequence_number);
                    iterator = Some(self.iterator(shard, last.or(after)));
                    continue;
                }
                read => read.unwrap(),
            };
            let found = list(&read, "Records").iter();
            records.extend(found.map(|record| Record::new(record, shard, &self.arn)));
            let next = text(&read, "NextShardIterator").map(ToOwned::to_owned);
            if next.is_none() {
                return (records, true);
            }
            iterator = next.filter(|_| read["MillisBehindLatest"] != 0);
        }
        (records, false)
    }

    fn iterator(&self, shard: &str, after: Option<&str>) -> String {
        let mut input = json!({
            "StreamName": self.name,
            "ShardId": shard,
            "ShardIteratorType": "TRIM_HORIZON",
        });
        if let Some(number) = after {
            input["ShardIteratorType"] = json!("AFTER_SEQUENCE_NUMBER");
            input["StartingSequenceNumber"] = json!(number);
        }
        let answer = self.kinesis.call("GetShardIterator", &input).unwrap();
        own(&answer, "ShardIterator")
    }
}

fn own(value: &Value, field: &str) -> String {
    text(value, field).unwrap().to_owned()
}
