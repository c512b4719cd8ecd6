//! Events of Lambda, compared with the types of the crate `aws_lambda_events`.

use aws_lambda_events::event::kinesis::KinesisEvent as Theirs;
use sluice::source::lambda_event::{KinesisEvent, LambdaBatch};

/// If both accept an event, they read the same records. If only one accepts it, Lambda does not
/// send such an event: the other crate needs fields that are not read here, and rejects times with
/// too many digits.
pub(crate) fn feed(input: &[u8]) {
    let Ok(event) = serde_json::from_slice::<KinesisEvent>(input) else {
        return;
    };
    let Ok(batches) = event.batches() else {
        return;
    };
    for batch in &batches {
        assert!(!batch.records.is_empty() && !batch.stream.is_empty() && !batch.shard.is_empty());
    }
    if let Ok(theirs) = serde_json::from_slice::<Theirs>(input) {
        check(&batches, &theirs);
    }
}

fn check(batches: &[LambdaBatch], theirs: &Theirs) {
    let found: usize = batches.iter().map(|batch| batch.records.len()).sum();
    assert_eq!(found, theirs.records.len());
    for batch in batches {
        let of_batch = theirs.records.iter().filter(|record| is_of(batch, record));
        let theirs: Vec<_> = of_batch.map(|record| &record.kinesis).collect();
        assert_eq!(batch.records.len(), theirs.len(), "{batch:?}");
        for (ours, theirs) in batch.records.iter().zip(theirs) {
            assert_eq!(ours.data, theirs.data.0);
            assert_eq!(Some(&ours.partition_key), Some(&theirs.partition_key));
            assert_eq!(theirs.sequence_number.parse(), Ok(ours.sequence));
        }
    }
}

fn is_of(
    batch: &LambdaBatch,
    record: &aws_lambda_events::event::kinesis::KinesisEventRecord,
) -> bool {
    let stream = record.event_source_arn.as_deref().unwrap_or_default();
    let id = record.event_id.as_deref().unwrap_or_default();
    let stream = stream.split_once(":stream/").map(|(_, name)| name);
    let stream = stream.and_then(|name| name.split('/').next());
    stream == Some(&batch.stream) && id.split(':').next() == Some(&batch.shard)
}
