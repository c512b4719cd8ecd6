//! Messages about objects, for consumers that read the lake.

use serde::Serialize;
use sluice_engine::record::SequenceNumber;
use sluice_release::bundle::ReleaseId;

use crate::layout::Destination;
use crate::layout::chunk::Chunk;

/// The message about one object of events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ObjectNotification {
    /// The bucket, of a lake in S3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
    /// The object's key, or its path in a folder.
    pub key: String,
    /// Its partition: `event_type=lesson`.
    pub partition: String,
    /// How many events it has.
    pub count: u64,
    /// The first record of its chunk.
    pub first: SequenceNumber,
    /// The last record of its chunk.
    pub last: SequenceNumber,
    /// The release that made it.
    pub release: ReleaseId,
}

impl ObjectNotification {
    /// The message as JSON.
    #[must_use]
    pub fn json(&self) -> String {
        match serde_json::to_string(self) {
            Ok(json) => json,
            Err(error) => unreachable!("strings and numbers are written to memory: {error}"),
        }
    }
}

/// The messages about a chunk's objects of events, in the order of their partitions. `lake` is as in
/// the settings: `s3://bucket/prefix/` or `file:folder`.
#[must_use]
pub fn of(chunk: &Chunk, lake: &str) -> Vec<ObjectNotification> {
    let (origin, format) = (chunk.origin(), chunk.pins().format);
    let (bucket, root) = split(lake);
    let notification = |(destination, count): (&Destination, u64)| {
        let Destination::Lake(partition) = destination else {
            return None;
        };
        Some(ObjectNotification {
            bucket: bucket.map(str::to_owned),
            key: format!("{root}{}", origin.object_key(destination, format)),
            partition: partition.as_str().to_owned(),
            count,
            first: origin.range.first,
            last: origin.range.last,
            release: origin.release,
        })
    };
    chunk.objects().filter_map(notification).collect()
}

/// The bucket, if there is one, and the prefix of object keys.
fn split(lake: &str) -> (Option<&str>, String) {
    if let Some(path) = lake.strip_prefix("s3://") {
        let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
        return (Some(bucket), prefix.to_owned());
    }
    let folder = lake.strip_prefix("file:").unwrap_or(lake);
    (None, format!("{}/", folder.trim_end_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lake_is_a_bucket_with_a_prefix_or_a_folder() {
        assert_eq!(split("s3://b/p/q/"), (Some("b"), "p/q/".into()));
        assert_eq!(split("s3://b/"), (Some("b"), String::new()));
        assert_eq!(split("s3://b"), (Some("b"), String::new()));
        assert_eq!(split("file:out/lake"), (None, "out/lake/".into()));
    }
}
