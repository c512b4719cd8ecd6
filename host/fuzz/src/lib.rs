//! Fuzz targets: one function for each reader of foreign bytes. Each panics if a promise is broken.
//!
//! The tests run the targets on `corpus/` and on damaged copies of it. The binary `fuzz` runs one
//! under libFuzzer.

#![allow(
    clippy::unwrap_used,
    reason = "a target reports a violation by a panic"
)]

mod aggregates;
mod config;
mod decoding;
mod documents;
mod enrichment;
mod keys;
mod lambda_events;
mod mapping;
mod members;
mod profile;
mod schemas;
mod signatures;

// The plain reference of the transform's own tests.
#[path = "../../../guest-enrich/tests/properties/reference.rs"]
mod reference;

// The plain reference of the profile's own tests.
#[path = "../../crates/json-scan/src/profile/reference.rs"]
mod profile_reference;

#[cfg(test)]
mod tests;

/// A fuzz target.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, and its folder in `corpus/`.
    pub name: &'static str,
    /// Accepts any bytes, and panics if a promise is broken.
    pub feed: fn(&[u8]),
}

/// All targets.
pub const TARGETS: [Target; 15] = [
    target("enrichment", enrichment::one),
    target("batch", enrichment::batch),
    target("aggregates", aggregates::feed),
    target("decoding", decoding::feed),
    target("lambda_events", lambda_events::feed),
    target("config", config::feed),
    target("ledgers", documents::ledger),
    target("manifests", documents::manifest),
    target("releases", documents::release),
    target("signatures", signatures::feed),
    target("keys", keys::feed),
    target("schemas", schemas::feed),
    target("profile", profile::feed),
    target("members", members::feed),
    target("mapping", mapping::feed),
];

const fn target(name: &'static str, feed: fn(&[u8])) -> Target {
    Target { name, feed }
}

/// The target with this name.
#[must_use]
pub fn find(name: &str) -> Option<Target> {
    TARGETS.into_iter().find(|target| target.name == name)
}

/// Splits the input into two texts at the first zero byte; `None` if one of them is not text.
fn two_texts(input: &[u8]) -> Option<(&str, &str)> {
    let text = std::str::from_utf8(input).ok()?;
    Some(text.split_once('\0').unwrap_or((text, "")))
}
