//! The releases that serve. Who begins a chunk takes them as they are at that moment, without a lock,
//! and the chunk keeps what it took; so a swap neither waits for a chunk nor holds one up.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::release::{Digest, ReleaseId};
use super::rollout::Share;
use super::validate::Release;
use crate::record::{SequenceNumber, ShardId};

/// Holds the releases that serve at the moment.
pub struct ReleaseSwitch(ArcSwap<ActiveReleases>);

/// The releases that serve.
#[derive(Clone)]
pub struct ActiveReleases {
    /// The one that chunks get.
    pub active: Arc<Release>,
    /// What was active before, which the active one is measured against.
    pub before: Option<ReleaseId>,
    /// The one that a part of the chunks get instead.
    pub canary: Option<OnTrial>,
    /// The one that runs beside it on a part of the chunks.
    pub shadow: Option<OnTrial>,
}

/// A release on trial.
#[derive(Clone)]
pub struct OnTrial {
    /// The release.
    pub release: Arc<Release>,
    /// Of how many chunks.
    pub share: Share,
}

/// What a chunk gets.
#[derive(Clone)]
pub struct Choice {
    /// The release that transforms it.
    pub release: Arc<Release>,
    /// The one that runs beside it, if one does.
    pub shadow: Option<Arc<Release>>,
}

impl ReleaseSwitch {
    /// A release that serves alone.
    #[must_use]
    pub fn new(active: Arc<Release>) -> Self {
        Self(ArcSwap::from_pointee(ActiveReleases::of(active)))
    }

    /// What serves at the moment.
    #[must_use]
    pub fn now(&self) -> Arc<ActiveReleases> {
        self.0.load_full()
    }

    /// From the next chunk on these serve.
    pub fn swap(&self, next: ActiveReleases) {
        self.0.store(Arc::new(next));
    }

    /// What the chunk of a shard gets that begins with this record.
    #[must_use]
    pub fn choose(&self, shard: &ShardId, first: SequenceNumber) -> Choice {
        self.0.load().choose(shard, first)
    }
}

impl ActiveReleases {
    /// A release alone.
    #[must_use]
    pub fn of(active: Arc<Release>) -> Self {
        Self {
            active,
            before: None,
            canary: None,
            shadow: None,
        }
    }

    /// Every release of it.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Release>> {
        let trials = [&self.canary, &self.shadow].into_iter().flatten();
        std::iter::once(&self.active).chain(trials.map(|trial| &trial.release))
    }

    fn choose(&self, shard: &ShardId, first: SequenceNumber) -> Choice {
        let drawn = |trial: &Option<OnTrial>, purpose| {
            let trial = trial.as_ref()?;
            let has = trial.share.has(draw(purpose, shard, first));
            has.then(|| trial.release.clone())
        };
        match drawn(&self.canary, "canary") {
            // A shadow is compared with the active release alone.
            Some(release) => Choice {
                release,
                shadow: None,
            },
            None => Choice {
                release: self.active.clone(),
                shadow: drawn(&self.shadow, "shadow"),
            },
        }
    }
}

/// A number that follows from the chunk alone, so that each host draws the same.
fn draw(purpose: &str, shard: &ShardId, first: SequenceNumber) -> u64 {
    let digest = Digest::of(format!("{purpose} {shard} {first}").as_bytes());
    let head = u64::from(u32::from_be_bytes(digest.head()));
    head << 32 | head
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_drawn_evenly_and_always_alike() {
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
