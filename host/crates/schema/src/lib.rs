//! Schemas of events: inferred from what arrives, and mapped to typed columns and back without a loss.
//!
//! ```text
//! events ─▶ Inference ─▶ Schema ◀─▶ document (JSON)
//!                          │
//! event ─▶ Mapper::map ────┴─▶ columns + _rest ─▶ Mapper::assemble ─▶ the event again
//! ```
//!
//! Each value of an event is in a column or in `_rest`, a JSON text. [`Mapper::assemble`] gives the event again: the same
//! members and values, and numbers with their digits. These can differ: the order of members, white space, and which
//! characters of a string are escaped.
//!
//! # When a column has a value
//! A column has a value if its [type](ColumnType) has exactly this value. For a number, that is the same number, whatever
//! its notation: a `double` has 0.1 and 1.50, but not 12345678901234567890. Each type writes a value in one notation. If
//! the event has another one, as 1.50 for a `double`, which writes 1.5, `_rest` has the text too: queries see the value,
//! and no digit is lost.
//!
//! [`mapping`] says what is in `_rest`, and [`assembling`] how both are put together.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::cast_possible_truncation,
        reason = "a test may panic"
    )
)]

pub mod assembling;
mod column_type;
mod difference;
mod document;
mod equality;
mod event_hash;
mod evolution;
pub mod inference;
pub mod mapping;
mod number;
mod path;
mod plan;
mod row;
mod schema;
mod text;
mod time;
mod value;

#[cfg(test)]
mod tests;

pub use assembling::AssembleError;
pub use column_type::ColumnType;
pub use difference::{ColumnChange, ColumnChangeKind, difference};
pub use equality::is_same_event;
pub use event_hash::EventHasher;
pub use evolution::{Evolution, evolve};
pub use inference::{Inference, event_type};
pub use mapping::Mapper;
pub use path::path_of_members;
pub use row::{NoEvent, Reason, Row, Unmapped};
pub use schema::{COLUMNS_MAX, Column, DEPTH_MAX, InvalidSchema, RESERVED_NAMES, Schema, VERSION};
pub use time::{FRACTION_MAX_DIGITS, Zone};
pub use value::ColumnValue;
