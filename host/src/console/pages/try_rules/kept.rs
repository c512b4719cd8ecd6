//! Components and releases that are kept in memory.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sluice_release::bundle::{Manifest, ReleaseBundle};

/// How many are kept.
const KEPT: usize = 4;

/// Bundles, the latest used one last.
#[derive(Default)]
pub(super) struct Kept(Mutex<VecDeque<ReleaseBundle>>);

impl Kept {
    fn bundles(&self) -> MutexGuard<'_, VecDeque<ReleaseBundle>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bundle whose manifest is the one that is meant.
    pub(super) fn find(&self, is_meant: impl Fn(&Manifest) -> bool) -> Option<ReleaseBundle> {
        let mut bundles = self.bundles();
        let at = bundles.iter().position(|it| is_meant(it.manifest()))?;
        let found = bundles.remove(at)?;
        bundles.push_back(found.clone());
        Some(found)
    }

    /// Keeps a bundle, instead of the one that was not used for the longest time if there are too many.
    pub(super) fn keep(&self, bundle: ReleaseBundle) {
        let mut bundles = self.bundles();
        bundles.retain(|it| it.manifest() != bundle.manifest());
        bundles.push_back(bundle);
        let excess = bundles.len().saturating_sub(KEPT);
        bundles.drain(..excess);
    }

    /// The manifests of all.
    pub(super) fn manifests(&self) -> Vec<Manifest> {
        let bundles = self.bundles();
        bundles.iter().map(|it| it.manifest().clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_used_are_kept() {
        let kept = Kept::default();
        let bundle = |number: u8| ReleaseBundle::new(vec![number], "{}").unwrap();
        let is = |number: u8| {
            let digest = bundle(number).manifest().component;
            move |manifest: &Manifest| manifest.component == digest
        };
        for number in 0..4 {
            kept.keep(bundle(number));
        }
        assert!(kept.find(is(0)).is_some());
        kept.keep(bundle(4));
        kept.keep(bundle(4));
        assert!(kept.find(is(1)).is_none());
        assert_eq!(kept.find(is(0)), Some(bundle(0)));
        assert_eq!(kept.manifests().len(), KEPT);
    }
}
