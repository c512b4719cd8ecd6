//! The releases of the registry, and its rollout.

/// The releases, which are read when a page needs them.
pub(super) struct Releases;

impl Releases {
    pub(super) fn new() -> Self {
        Self
    }
}
