//! The filters that are implemented in Rust.

use jaq_core::native::Fun;

use crate::program::Data;

/// Filters of jaq that a program does not get: they depend on more than the record, or do more than make a value.
const REFUSED: [&str; 7] = [
    "debug_empty",
    "env",
    "halt",
    "localtime",
    "now",
    "stderr_empty",
    "strflocaltime",
];

/// All native filters that a program can call.
pub(crate) fn all() -> impl Iterator<Item = Fun<Data>> {
    jaq_core::funs::<Data>()
        .chain(jaq_std::funs())
        .chain(jaq_json::funs())
        .filter(|(name, ..)| !REFUSED.contains(name))
}
