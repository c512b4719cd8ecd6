//! The events that committed attempts have dropped as duplicates, as their lists name them.

use std::collections::HashMap;

use crate::table::documents::{DocumentError, TableDocuments};
use crate::table::duplicates::{AttemptKeys, DROPPED, KeysMark, read_dropped};

/// Dropped events: the lines of each object of the lake that has some, in their order.
#[derive(Debug, Default)]
pub(super) struct DroppedEvents(HashMap<String, Vec<u64>>);

impl DroppedEvents {
    /// Reads the lists of all attempts of a watermark.
    ///
    /// # Errors
    /// A list does not exist, or is damaged.
    pub(super) async fn read(
        documents: &TableDocuments,
        mark: Option<&KeysMark>,
    ) -> Result<Self, DocumentError> {
        let mut dropped = Self::default();
        let Some(mark) = mark else {
            return Ok(dropped);
        };
        for sealed in mark.sealed.iter().filter(|sealed| sealed.dropped > 0) {
            let attempts = documents.sealed_attempts(&sealed.attempt).await?;
            dropped.add(documents, &attempts).await?;
        }
        dropped.add(documents, &mark.attempts).await?;
        for lines in dropped.0.values_mut() {
            lines.sort_unstable();
            lines.dedup();
        }
        Ok(dropped)
    }

    async fn add(
        &mut self,
        documents: &TableDocuments,
        attempts: &[AttemptKeys],
    ) -> Result<(), DocumentError> {
        for keys in attempts.iter().filter(|keys| keys.dropped > 0) {
            let (place, list) = documents.duplicates(&keys.attempt, DROPPED).await?;
            let read = read_dropped(&list, |object| {
                let lines = self.0.entry(object.object).or_default();
                lines.extend(object.lines);
            });
            let damaged = |error: std::io::Error| DocumentError::Damaged {
                place,
                why: error.to_string(),
            };
            read.map_err(damaged)?;
        }
        Ok(())
    }

    /// The lines of an object, in their order.
    pub(super) fn of(&self, object: &str) -> &[u64] {
        self.0.get(object).map_or(&[], Vec::as_slice)
    }
}
