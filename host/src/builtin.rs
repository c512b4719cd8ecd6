//! The transforms that are part of the program.

use std::fmt;

/// What comes before the name of a built-in transform where a component can be named.
pub const PREFIX: &str = "builtin:";

/// The component of the default transform.
pub const ENRICH: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/enrich.wasm"));
const JQ: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/jq.wasm"));
const COPY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/copy.wasm"));

/// A transform that is part of the program. It is a component like any other: it runs in the sandbox and imports nothing
/// but the contract's interfaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Builtin {
    /// Adds type and time to events.
    #[default]
    Enrich,
    /// Runs a program in the language jq.
    Jq,
    /// Leaves records as they are.
    Copy,
}

impl Builtin {
    /// All of them, in the order of lists.
    pub const ALL: [Self; 3] = [Self::Enrich, Self::Jq, Self::Copy];

    /// The name behind [`PREFIX`].
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enrich => "enrich",
            Self::Jq => "jq",
            Self::Copy => "copy",
        }
    }

    /// What it does, in one line.
    #[must_use]
    pub const fn summary(self) -> &'static str {
        match self {
            Self::Enrich => "adds created_datetime, event_type and event_subtype to JSON events",
            Self::Jq => "transforms each record with a program in the language jq",
            Self::Copy => "lands each record as it is",
        }
    }

    /// The component.
    #[must_use]
    pub const fn component(self) -> &'static [u8] {
        match self {
            Self::Enrich => ENRICH,
            Self::Jq => JQ,
            Self::Copy => COPY,
        }
    }
}

/// As users name it: `builtin:enrich`.
impl fmt::Display for Builtin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.name())
    }
}
