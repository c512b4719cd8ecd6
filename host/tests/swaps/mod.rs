//! Release switches under load: each record lands once, each object is of one release, and a
//! release that fails admission is never used.

mod activation;
mod admission_errors;
pub(crate) mod fixture;
pub(crate) mod forged;
mod given_rules;
mod golden_cases;
mod kills;
mod live;
mod starts;
mod text;
mod trials;
mod unreachable;
mod watching;
