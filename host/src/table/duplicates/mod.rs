//! Leaves out events whose key the table has already: the rule of a table, and what is remembered of the keys.
//!
//! ```text
//! keys of earlier attempts ─┐
//!                           ├─▶ sorted by key, in bounded memory ─▶ keep or drop ─▶ rows, keys, list of what is dropped
//! keys of the new events ───┘
//! ```
//!
//! An attempt leaves the hashes of the keys of its rows as documents beside its watermark, sorted. They belong to the table
//! from the moment of its commit on, as the watermark does, and are never changed. So what is known of keys is a function
//! of the committed attempts: it needs no database, no other program can change it, and an attempt that is void has left
//! nothing that counts.

mod arrival;
mod choice;
mod documents;
mod entry;
mod key;
mod mark;
mod rule;
mod sorter;
#[cfg(test)]
mod tests;

pub use self::arrival::Arrival;
pub(super) use self::choice::Choice;
pub(super) use self::documents::{
    ATTEMPTS, DROPPED, DroppedObject, KeysWriter, part_name, parts, read_dropped, read_part,
    write_dropped,
};
pub(super) use self::entry::{ENTRY_BYTES, KeyEntry};
pub(super) use self::key::key_hash;
pub use self::mark::{AttemptKeys, KeysMark, SealedAttempts};
pub use self::rule::DedupeRule;
pub(super) use self::sorter::{KeySorter, Run};
