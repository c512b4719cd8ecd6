//! Rules that change while records come: each record lands once, each object is of one release, and
//! what is not fit to serve never does.

mod admission_errors;
mod kills;
mod live;
pub(crate) mod shop;
mod trials;
mod unreachable;
mod watching;
