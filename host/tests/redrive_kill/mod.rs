//! Redrives that are killed: at any moment, and before and after each of their requests. The next one finishes the work,
//! and each record is once in the lake and once in the table.

mod any_moment;
pub(crate) mod lake;
mod requests;
mod unreadable;
