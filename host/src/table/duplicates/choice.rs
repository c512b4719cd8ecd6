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
    rows: Vec<Arrival>,
}

impl Choice {
    /// By a window in milliseconds.
    pub(in crate::table) fn new(window: u64) -> Self {
        Self {
            window,
            key: 0,
            rows: Vec::new(),
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
        }
        let mut rows = self.rows.iter();
        rows.any(|row| row.is_near(entry.arrived, self.window))
    }

    /// Takes the event that was asked about for a row.
    pub(in crate::table) fn add_row(&mut self, entry: &KeyEntry) {
        self.rows.push(entry.arrived);
    }
}
