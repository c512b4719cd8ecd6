//! Switches between releases. A chunk takes the active releases when it begins, without a lock, and keeps
//! them; so a switch neither waits for a chunk nor delays one.

use std::sync::Arc;

use arc_swap::ArcSwap;
use sluice_engine::digest::Digest;
use sluice_engine::record::{SequenceNumber, ShardId};

use crate::admission::Release;
use crate::bundle::ReleaseId;
use crate::rollout::Share;

/// Holds the releases that new chunks get.
pub struct ReleaseSwitch(ArcSwap<ActiveReleases>);

/// The active release, and the releases on trial.
#[derive(Clone)]
pub struct ActiveReleases {
    /// The active release.
    pub active: Arc<Release>,
    /// The release that was active before, with which the active one is compared.
    pub before: Option<ReleaseId>,
    /// The release that transforms a share of the chunks instead of the active one.
    pub canary: Option<TrialRelease>,
    /// The release that transforms a share of the chunks in addition to the active one.
    pub shadow: Option<TrialRelease>,
}

/// A release on trial.
#[derive(Clone)]
pub struct TrialRelease {
    /// The release.
    pub release: Arc<Release>,
    /// Its share of the chunks.
    pub share: Share,
}

/// What a release that transforms chunks is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The active release.
    Active,
    /// The canary.
    Canary,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Active, Self::Canary];

    /// Its name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Canary => "canary",
        }
    }
}

/// The releases of a chunk.
#[derive(Clone)]
pub struct ChunkReleases {
    /// The release that transforms it.
    pub release: Arc<Release>,
    /// What this release is.
    pub role: Role,
    /// The shadow, if the chunk has one.
    pub shadow: Option<Arc<Release>>,
}

impl ReleaseSwitch {
    /// Starts with one active release.
    #[must_use]
    pub fn new(active: Arc<Release>) -> Self {
        Self(ArcSwap::from_pointee(ActiveReleases::of(active)))
    }

    /// The releases at this moment.
    #[must_use]
    pub fn now(&self) -> Arc<ActiveReleases> {
        self.0.load_full()
    }

    /// Switches to `next` for all chunks that begin from now on.
    pub fn swap(&self, next: ActiveReleases) {
        self.0.store(Arc::new(next));
    }

    /// Chooses the releases for the chunk of `shard` that begins with record `first`.
    #[must_use]
    pub fn choose(&self, shard: &ShardId, first: SequenceNumber) -> ChunkReleases {
        self.0.load().choose(shard, first)
    }
}

impl ActiveReleases {
    /// An active release without trials.
    #[must_use]
    pub fn of(active: Arc<Release>) -> Self {
        Self {
            active,
            before: None,
            canary: None,
            shadow: None,
        }
    }

    /// The active release and the releases on trial.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Release>> {
        let trials = [&self.canary, &self.shadow].into_iter().flatten();
        std::iter::once(&self.active).chain(trials.map(|trial| &trial.release))
    }

    fn choose(&self, shard: &ShardId, first: SequenceNumber) -> ChunkReleases {
        let drawn = |trial: &Option<TrialRelease>, purpose| {
            let trial = trial.as_ref()?;
            let has = trial.share.has(draw(purpose, shard, first));
            has.then(|| trial.release.clone())
        };
        match drawn(&self.canary, "canary") {
            // A shadow is compared with the active release only.
            Some(release) => ChunkReleases {
                release,
                role: Role::Canary,
                shadow: None,
            },
            None => ChunkReleases {
                release: self.active.clone(),
                role: Role::Active,
                shadow: drawn(&self.shadow, "shadow"),
            },
        }
    }
}

/// A number that depends on the chunk alone, so that every host draws the same.
fn draw(purpose: &str, shard: &ShardId, first: SequenceNumber) -> u64 {
    let digest = Digest::of(format!("{purpose} {shard} {first}").as_bytes());
    let head = u64::from(u32::from_be_bytes(digest.head()));
    head << 32 | head
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_drawn_evenly_and_deterministically() {
        let shard = ShardId::new("s-shardId-000000000000").unwrap();
        let share: Share = "20%".parse().unwrap();
        let drawn = |n: u64| share.has(draw("canary", &shard, n.into()));
        let chosen = (0..10_000).filter(|n| drawn(n * 977)).count();
        assert!((1_800..2_200).contains(&chosen), "{chosen}");
        assert_eq!(drawn(5), drawn(5));
        assert_ne!(
            draw("canary", &shard, 5.into()),
            draw("shadow", &shard, 5.into())
        );
    }
}
