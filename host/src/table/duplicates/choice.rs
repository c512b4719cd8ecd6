//! Which events of a key become rows.

use super::arrival::Arrival;
use super::entry::KeyEntry;

/// Decides on events that come in their order: by key, rows of the table first, then by their arrival.
///
/// An event is dropped if a row of its key can have arrived within less than the window. So no two rows of a key have
/// arrived so near each other, and for each dropped event there is a row near it.
#[derive(Debug)]
pub(in crate::table) struct Choice {
    window: u64,
    key: u128,
    /// The rows of the table with the key: when each has arrived at the earliest, and until when it and those before it have
    /// arrived. Both ascend.
    rows: Vec<Arrival>,
    /// Until when the new rows have arrived. They come after those of the table, and each before the next event.
    added_until: Option<u64>,
}

impl Choice {
    /// By a window in milliseconds.
    pub(in crate::table) fn new(window: u64) -> Self {
        Self {
            window,
            key: 0,
            rows: Vec::new(),
            added_until: None,
        }
    }

    /// Whether the next event is a row. One that is a row of the table already stays one.
    pub(in crate::table) fn keeps(&mut self, entry: &KeyEntry) -> bool {
        let keeps = !self.is_near_row(entry) || !entry.is_new;
        if keeps {
            self.add_row(entry);
        }
        keeps
    }

    /// Whether a row of the key of the next event is near it.
    pub(in crate::table) fn is_near_row(&mut self, entry: &KeyEntry) -> bool {
        if entry.key != self.key {
            self.key = entry.key;
            self.rows.clear();
            self.added_until = None;
        }
        // Of the rows that are not too late for the event, the one that lasts longest must not be too early.
        let (arrived, window) = (entry.arrived, self.window);
        let is_in_time = |row: &Arrival| row.min.saturating_sub(arrived.max) < window;
        let before = self.rows.partition_point(is_in_time);
        let until = self.rows[..before].last().map(|row| row.max);
        let until = until.max(self.added_until);
        until.is_some_and(|until| arrived.min.saturating_sub(until) < window)
    }

    /// Takes the event that was asked about for a row.
    pub(in crate::table) fn add_row(&mut self, entry: &KeyEntry) {
        let arrived = entry.arrived;
        if entry.is_new {
            self.added_until = self.added_until.max(Some(arrived.max));
            return;
        }
        let before = self.rows.last().map_or(0, |row| row.max);
        self.rows.push(Arrival {
            max: arrived.max.max(before),
            ..arrived
        });
    }
}
