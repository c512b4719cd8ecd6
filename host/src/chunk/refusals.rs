//! Records that a chunk has no place for.

use std::collections::BTreeSet;

use super::Chunk;
use crate::sink::Destination;
use crate::transform::outcome::{Event, Fault, Reason, Rejected, Transformed};

impl Chunk {
    /// Sends whole records to quarantine whose events would open more partitions than a chunk may.
    pub(super) fn refuse_partitions_over_the_limit(&self, outcome: &mut Transformed) {
        if self.lake_partitions + outcome.partitions.len() <= self.rules.max_partitions {
            return;
        }
        let mut opened = BTreeSet::new();
        let mut refused = BTreeSet::new();
        for event in outcome.events.iter().filter(|event| event.routes.lake) {
            let path = &outcome.partitions[event.partition as usize];
            let known = self
                .destinations
                .contains_key(&Destination::Lake(path.clone()))
                || opened.contains(path);
            if known {
            } else if self.lake_partitions + opened.len() < self.rules.max_partitions {
                opened.insert(path);
            } else {
                refused.insert(event.record);
            }
        }
        let limit = self.rules.max_partitions;
        let why = format!("this chunk has opened {limit} partitions, limits.partitions");
        refuse(
            outcome,
            &refused,
            &Reason::fault(Fault::TooManyPartitions, why),
        );
    }

    /// Sends whole records to quarantine of which an event fits no message and has no object that a
    /// message could point to.
    pub(super) fn refuse_messages_over_the_limit(&self, outcome: &mut Transformed) {
        let Some(limit) = self.rules.max_message_bytes else {
            return;
        };
        let lost =
            |event: &&Event| !event.routes.lake && (event.end - event.start) as usize > limit;
        let refused: BTreeSet<_> = outcome
            .events
            .iter()
            .filter(lost)
            .map(|e| e.record)
            .collect();
        if !refused.is_empty() {
            let why = format!("an event for the bus alone has more than {limit} bytes");
            refuse(
                outcome,
                &refused,
                &Reason::fault(Fault::MessageTooLarge, why),
            );
        }
    }
}

fn refuse(outcome: &mut Transformed, refused: &BTreeSet<u32>, reason: &Reason) {
    outcome
        .events
        .retain(|event| !refused.contains(&event.record));
    outcome
        .rejected
        .extend(refused.iter().map(|record| Rejected {
            record: *record,
            reason: reason.clone(),
        }));
    outcome.rejected.sort_by_key(|rejected| rejected.record);
}
