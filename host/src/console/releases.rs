//! The releases of the registry, and its rollout.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::DateTime;
use futures_util::stream::{self, StreamExt as _};
use sluice_release::bundle::{Manifest, ReleaseId};
use sluice_release::loader::ReleaseLoader;
use sluice_release::registry::RegistryError;
use sluice_release::rollout::{ChangeKind, Rollout};
use tokio::sync::OnceCell;

use super::RegistryPlace;
use super::cached::{Cached, View};
use super::history::{Mark, MarkKind};
use super::payload::inert;
use crate::tools::publisher::admission;
use crate::tools::publisher::change::what_changed;

/// How old what a page shows of the registry may be: as often as a worker polls it by default.
const MAX_AGE: Duration = Duration::from_secs(5);

/// How long a page waits when the registry is read for the first time.
const WAIT: Duration = Duration::from_secs(3);

/// How many manifests are read at once.
const READS_AT_ONCE: usize = 16;

/// What workers run while no release is active, in words.
pub(super) const STARTED_WITH: &str = "the transform that workers were started with";

/// Manifests that were read. They never change.
type Manifests = Arc<Mutex<BTreeMap<ReleaseId, Manifest>>>;

/// The releases, which are read when a page needs them.
pub(super) struct Releases {
    read: Cached<ReleasesView>,
    manifests: Manifests,
    /// The latest change that a worker has told of.
    told: AtomicU64,
    /// Whether the registry had an `active.json` once.
    had_changes: AtomicBool,
    /// Made when a release is checked for the first time. Later ones share what it has compiled.
    loader: OnceCell<ReleaseLoader>,
}

/// A release of the registry.
#[derive(Clone, Debug)]
pub(super) struct ListedRelease {
    pub(super) id: ReleaseId,
    pub(super) manifest: Manifest,
    pub(super) is_signed: bool,
}

/// What is known of the registry.
#[derive(Clone, Debug)]
pub(super) struct ReleasesView {
    pub(super) rollout: Rollout,
    /// The newest first.
    pub(super) releases: Vec<ListedRelease>,
    /// The releases that cannot be read, and why.
    pub(super) problems: Vec<String>,
}

impl Releases {
    pub(super) fn new() -> Self {
        Self {
            read: Cached::new(MAX_AGE),
            manifests: Manifests::default(),
            told: AtomicU64::new(0),
            had_changes: AtomicBool::new(false),
            loader: OnceCell::new(),
        }
    }

    /// The releases and the rollout, which are read again if they are some seconds old.
    pub(super) async fn view(&self, place: &Arc<RegistryPlace>) -> View<ReleasesView> {
        let read = || read(Arc::clone(place), Arc::clone(&self.manifests));
        let view = self.read.view(WAIT, read).await;
        if let Some(seen) = view.ready() {
            let has_changes = seen.value.rollout.number > 0;
            self.had_changes.fetch_or(has_changes, Ordering::Relaxed);
        }
        view
    }

    /// Whether the registry with this rollout is gone: it had changes once and has none.
    pub(super) fn is_gone(&self, now: &Rollout) -> bool {
        now.number == 0 && self.had_changes.load(Ordering::Relaxed)
    }

    /// As [`view`](Self::view), but not older than the change with this `number`, which a worker has seen. It is read again once
    /// for each such change, since a worker can follow another registry.
    pub(super) async fn view_since(
        &self,
        place: &Arc<RegistryPlace>,
        number: u64,
    ) -> View<ReleasesView> {
        let view = self.view(place).await;
        let last = view.ready().map(|seen| seen.value.rollout.number);
        let is_old = last.is_some_and(|last| last < number);
        if !is_old || self.told.fetch_max(number, Ordering::Relaxed) >= number {
            return view;
        }
        self.expire();
        let again = self.view(place).await;
        match again.ready().is_some() {
            true => again,
            false => view,
        }
    }

    /// Forgets what was read, since the registry was changed.
    pub(super) fn expire(&self) {
        self.read.expire();
    }

    /// The loader that checks releases.
    pub(super) async fn loader(&self) -> anyhow::Result<&ReleaseLoader> {
        let make = || async { tokio::task::spawn_blocking(admission::loader).await? };
        self.loader.get_or_try_init(make).await
    }
}

impl ReleasesView {
    /// A release that is listed.
    pub(super) fn find(&self, id: ReleaseId) -> Option<&ListedRelease> {
        self.releases.iter().find(|release| release.id == id)
    }

    /// What was changed, for plots.
    pub(super) fn marks(&self) -> Vec<Mark> {
        let marks = self.rollout.history.iter().filter_map(|change| {
            let at = DateTime::parse_from_rfc3339(&change.at).ok()?;
            let kind = match change.what {
                ChangeKind::Activate | ChangeKind::Canary | ChangeKind::Shadow => MarkKind::Swap,
                ChangeKind::Rollback | ChangeKind::EndTrial => MarkKind::Rollback,
            };
            Some(Mark {
                at: at.to_utc(),
                kind,
                text: inert(&what_changed(change, STARTED_WITH)),
            })
        });
        marks.collect()
    }
}

/// Reads the rollout, which releases there are, and the manifests that are not known yet.
async fn read(place: Arc<RegistryPlace>, known: Manifests) -> anyhow::Result<ReleasesView> {
    let rollout = place.registry.active().await?.rollout;
    let listed = place.registry.releases_and_signatures().await?;
    let kept = {
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|id, _| listed.contains_key(id));
        known.clone()
    };
    let unknown = listed.keys().filter(|id| !kept.contains_key(id)).copied();
    let reads: Vec<_> = unknown.map(|id| manifest(Arc::clone(&place), id)).collect();
    let read: Vec<_> = stream::iter(reads)
        .buffer_unordered(READS_AT_ONCE)
        .collect()
        .await;
    let (mut manifests, mut problems) = (kept, Vec::new());
    for (id, manifest) in read {
        match manifest {
            Ok(manifest) => drop(manifests.insert(id, manifest)),
            Err(error) if error.is_transient() => return Err(error.into()),
            Err(damaged) => problems.push(damaged.to_string()),
        }
    }
    problems.sort_unstable();
    known
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone_from(&manifests);
    let releases = manifests.into_iter().map(|(id, manifest)| ListedRelease {
        id,
        manifest,
        is_signed: listed.get(&id).copied().unwrap_or_default(),
    });
    let mut releases: Vec<_> = releases.collect();
    releases.sort_by(|a, b| b.manifest.published_at.cmp(&a.manifest.published_at));
    Ok(ReleasesView {
        rollout,
        releases,
        problems,
    })
}

async fn manifest(
    place: Arc<RegistryPlace>,
    id: ReleaseId,
) -> (ReleaseId, Result<Manifest, RegistryError>) {
    (id, place.registry.manifest(id).await)
}

#[cfg(test)]
pub(super) mod tests {
    use std::path::Path;

    use chrono::Utc;
    use sluice_release::bundle::ReleaseBundle;
    use sluice_release::registry::{Known, Registry};
    use sluice_release::rollout::Author;
    use sluice_storage::folder::FolderStore;

    use super::super::Keys;
    use super::super::cached::Seen;
    use super::*;

    /// A registry in a folder.
    pub(in crate::console) fn place(folder: &Path) -> Arc<RegistryPlace> {
        let store = FolderStore::shared(folder.to_owned());
        Arc::new(RegistryPlace {
            target: "file:registry".into(),
            registry: Registry::new(Arc::new(store), Known::default()),
            keys: Keys::default(),
        })
    }

    /// A release with this configuration, published at a time.
    pub(in crate::console) fn bundle(config: &str, published_at: &str) -> ReleaseBundle {
        let bundle = ReleaseBundle::new(b"component".to_vec(), config).unwrap();
        let manifest = Manifest {
            transform: Some("jq 1.0.0".into()),
            published_at: Some(published_at.into()),
            ..bundle.manifest().clone()
        };
        bundle.with_manifest(manifest).unwrap()
    }

    pub(in crate::console) fn author(by: &str, why: &str) -> Author {
        Author {
            by: by.into(),
            at: Utc::now(),
            why: Some(why.into()),
        }
    }

    async fn view(releases: &Releases, place: &Arc<RegistryPlace>) -> Seen<ReleasesView> {
        loop {
            match releases.view(place).await {
                View::Ready(seen) => break seen,
                View::Reading => {}
                View::Failed(why) => panic!("{why}"),
            }
        }
    }

    #[tokio::test]
    async fn the_newest_release_is_first_and_a_damaged_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (place, releases) = (place(folder.path()), Releases::new());
        let seen = view(&releases, &place).await;
        assert!(seen.value.releases.is_empty() && seen.value.rollout.number == 0);
        let old = bundle(r#"{"n":1}"#, "2026-01-01T00:00:00Z");
        let new = bundle(r#"{"n":2}"#, "2026-02-01T00:00:00Z");
        let broken = bundle(r#"{"n":3}"#, "2026-03-01T00:00:00Z");
        for bundle in [&old, &new, &broken] {
            place.registry.keep(bundle).await.unwrap();
        }
        let [old, new, broken] = [old, new, broken].map(|bundle| bundle.manifest().id());
        place.registry.sign(old, "c2lnbmF0dXJl").await.unwrap();
        let file = folder.path().join(format!("releases/{broken}.json"));
        std::fs::write(file, "{}").unwrap();
        releases.expire();
        for _ in 0..2 {
            let seen = view(&releases, &place).await.value;
            let ids: Vec<_> = seen.releases.iter().map(|release| release.id).collect();
            assert_eq!(ids, [new, old]);
            let signed = seen.releases.iter().map(|release| release.is_signed);
            assert_eq!(signed.collect::<Vec<_>>(), [false, true]);
            let [problem] = seen.problems.as_slice() else {
                panic!("{:?}", seen.problems)
            };
            assert!(problem.contains(&broken.to_string()), "{problem}");
            assert!(seen.find(old).is_some() && seen.find(broken).is_none());
            releases.expire();
        }
    }

    #[tokio::test]
    async fn a_change_that_a_worker_has_seen_is_read_once() {
        let folder = tempfile::tempdir().unwrap();
        let (place, releases) = (place(folder.path()), Releases::new());
        assert_eq!(view(&releases, &place).await.value.rollout.number, 0);
        let activate = async |name: &str| {
            let seen = place.registry.active().await.unwrap();
            let release = bundle(name, "2026-01-01T00:00:00Z").manifest().id();
            let next = seen.rollout.activate(release, None, &author("me", "why"));
            place.registry.change(&seen, &next.unwrap()).await.unwrap();
        };
        let since = async |number| {
            let view = releases.view_since(&place, number).await;
            view.ready().map(|seen| seen.value.rollout.number)
        };
        activate(r#"{"n":1}"#).await;
        assert_eq!(since(0).await, Some(0));
        assert_eq!(since(1).await, Some(1));
        // A worker that follows another registry.
        assert_eq!(since(9).await, Some(1));
        activate(r#"{"n":2}"#).await;
        assert_eq!(since(9).await, Some(1));
    }

    #[test]
    fn changes_become_marks() {
        let release = bundle("{}", "2026-01-01T00:00:00Z").manifest().id();
        let author = author("me\u{202e}", "faster");
        let rollout = Rollout::new().activate(release, None, &author).unwrap();
        let view = ReleasesView {
            rollout: rollout.roll_back(&author).unwrap(),
            releases: Vec::new(),
            problems: Vec::new(),
        };
        let marks = view.marks();
        assert_eq!(marks.len(), 2);
        assert_eq!(marks[0].kind, MarkKind::Swap);
        assert_eq!(marks[1].kind, MarkKind::Rollback);
        let text = format!("activated {} by me\\u{{202e}}: faster", release.short());
        assert_eq!(marks[0].text, text);
        let text = format!("rolled back to {STARTED_WITH} by ");
        assert!(marks[1].text.starts_with(&text), "{marks:?}");
    }
}
