//! What is fed with any bytes, and what must hold then: one function for each thing that reads what
//! others wrote. Each panics where a promise is broken.
//!
//! The tests feed them what `corpus/` keeps and damaged copies of it; the binary `fuzz` lets libFuzzer
//! look for more.

#![allow(
    clippy::unwrap_used,
    reason = "a target says with a panic what it found"
)]

mod aggregates;
mod config;
mod documents;
mod enrichment;
mod keys;
mod lambda_events;
mod schemas;
mod signatures;

// The rules once more, as the transform's own tests have them.
#[path = "../../../guest-enrich/tests/properties/reference.rs"]
mod reference;

#[cfg(test)]
mod tests;

/// Something that is fed.
#[derive(Clone, Copy)]
pub struct Target {
    /// What it is called, and its folder in `corpus/`.
    pub name: &'static str,
    /// Takes any bytes, and panics where a promise is broken.
    pub feed: fn(&[u8]),
}

/// All there are.
pub const TARGETS: [Target; 10] = [
    target("enrichment", enrichment::one),
    target("batch", enrichment::batch),
    target("aggregates", aggregates::feed),
    target("lambda_events", lambda_events::feed),
    target("config", config::feed),
    target("ledgers", documents::ledger),
    target("releases", documents::release),
    target("signatures", signatures::feed),
    target("keys", keys::feed),
    target("schemas", schemas::feed),
];

const fn target(name: &'static str, feed: fn(&[u8])) -> Target {
    Target { name, feed }
}

/// The target of that name.
#[must_use]
pub fn find(name: &str) -> Option<Target> {
    TARGETS.into_iter().find(|target| target.name == name)
}

/// Two texts in one input, the second behind the first zero byte; `None` where it is no text.
fn two_texts(input: &[u8]) -> Option<(&str, &str)> {
    let text = std::str::from_utf8(input).ok()?;
    Some(text.split_once('\0').unwrap_or((text, "")))
}
