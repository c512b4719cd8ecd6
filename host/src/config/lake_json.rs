//! Which JSON lands.

use sluice_engine::limits::JsonProfile;

/// Which JSON an event for the lake may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LakeJson {
    /// What all common readers can read.
    Interoperable,
    /// Anything that is JSON.
    Any,
}

impl LakeJson {
    /// The profile of that name.
    #[must_use]
    pub fn profile(self) -> JsonProfile {
        match self {
            Self::Interoperable => JsonProfile::Interoperable,
            Self::Any => JsonProfile::Any,
        }
    }
}
