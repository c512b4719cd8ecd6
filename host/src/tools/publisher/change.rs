//! Changes of what serves: the next rollout, who makes it, and how it is written.

use chrono::Utc;
use sluice_engine::sanitize::escape;
use sluice_release::bundle::ReleaseId;
use sluice_release::registry::{Registry, RegistryError, VersionedRollout};
use sluice_release::rollback_policy::RollbackPolicy;
use sluice_release::rollout::{Author, Change, Rollout, RolloutError, Trial};

/// A change of the active release or of a trial.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum RolloutChange {
    Activate(ReleaseId, Option<RollbackPolicy>),
    Canary(Trial),
    Shadow(Trial),
    /// Ends the trials, or, if there are none, activates the release before.
    RollBack,
}

impl RolloutChange {
    /// The rollout after the change.
    pub(crate) fn apply(self, rollout: &Rollout, author: &Author) -> Result<Rollout, RolloutError> {
        match self {
            Self::Activate(release, policy) => rollout.activate(release, policy, author),
            Self::Canary(trial) => rollout.try_canary(trial, author),
            Self::Shadow(trial) => rollout.try_shadow(trial, author),
            Self::RollBack => rollout.roll_back(author),
        }
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Who makes changes here, as the environment says it.
pub(crate) fn person() -> Option<String> {
    variable("USER").or_else(|| variable("LOGNAME"))
}

/// The author of a change that is made now.
pub(crate) fn author(why: Option<&String>) -> Author {
    let person = person().unwrap_or_else(|| "unknown".into());
    Author {
        by: match variable("HOSTNAME") {
            Some(machine) => format!("{person}@{machine}"),
            None => person,
        },
        at: Utc::now(),
        why: why.cloned(),
    }
}

/// Writes the rollout; the error of a conflict names the last change.
pub(crate) async fn write(
    registry: &Registry,
    seen: &VersionedRollout,
    next: &Rollout,
) -> anyhow::Result<()> {
    let changed = registry.change(seen, next).await;
    let Err(RegistryError::Conflict) = changed else {
        return Ok(changed?);
    };
    Err(conflict(&registry.active().await?.rollout))
}

/// What is wrong with a registry that had changes and has none, and what to do.
pub(crate) const REGISTRY_IS_GONE: &str = "the registry is gone: its active.json was there before and no longer is. Check that \
     its folder or bucket is there and mounted, or restore it";

/// The error of a change that another one came before; it names that one. `now` is the rollout with it.
fn conflict(now: &Rollout) -> anyhow::Error {
    let Some(last) = now.history.last() else {
        return anyhow::anyhow!("nothing was changed, since {REGISTRY_IS_GONE}");
    };
    let what = format!(
        "nothing was changed; the last change is: {}",
        described(last)
    );
    anyhow::Error::new(RegistryError::Conflict).context(what)
}

/// What hosts run while no release is active, in words.
const STARTED_WITH: &str = "the transform that hosts were started with";

/// One line that describes a change. Whoever wrote the registry cannot act in a terminal by it.
pub(crate) fn described(change: &Change) -> String {
    let Change { number, at, .. } = change;
    format!(
        "#{number}  {}  {}",
        escape(at),
        what_changed(change, STARTED_WITH)
    )
}

/// What was changed, by whom, and why. `started_with` is what hosts run while no release is active.
pub(crate) fn what_changed(change: &Change, started_with: &str) -> String {
    let Change {
        what,
        release,
        by,
        why,
        ..
    } = change;
    let release = release.map_or_else(|| started_with.into(), |id| id.short());
    let why = why.as_ref().map(|why| format!(": {why}"));
    escape(&format!(
        "{what} {release} by {by}{}",
        why.unwrap_or_default()
    ))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sluice_engine::digest::Digest;
    use sluice_release::registry::Known;
    use sluice_release::rollout::Share;
    use sluice_storage::folder::FolderStore;

    use super::*;

    fn by(name: &str) -> Author {
        Author {
            by: name.into(),
            ..author(Some(&"a test".into()))
        }
    }

    #[test]
    fn each_change_makes_the_next_rollout() {
        let [a, b] = ["a", "b"].map(|name| Digest::of(name.as_bytes()));
        let trial = |release| Trial {
            release,
            share: Share::ALL,
            rollback_policy: None,
        };
        let person = by("me");
        let change = |change: RolloutChange, rollout: &Rollout| change.apply(rollout, &person);
        let active = change(RolloutChange::Activate(a, None), &Rollout::new()).unwrap();
        assert_eq!(active.active, Some(a));
        let canary = change(RolloutChange::Canary(trial(b)), &active).unwrap();
        let shadow = change(RolloutChange::Shadow(trial(b)), &canary).unwrap();
        assert_eq!(
            (&shadow.canary, &shadow.shadow),
            (&Some(trial(b)), &Some(trial(b)))
        );
        let ended = change(RolloutChange::RollBack, &shadow).unwrap();
        assert_eq!(
            (&ended.canary, &ended.shadow, ended.active),
            (&None, &None, Some(a))
        );
        let refused = change(RolloutChange::Canary(trial(a)), &active);
        assert_eq!(refused, Err(RolloutError::AlreadyActive(a)));
    }

    #[test]
    fn a_reason_cannot_control_the_terminal() {
        let author = Author {
            why: Some("why\u{1b}[31m\u{202e}".into()),
            ..by("me\n\u{9b}")
        };
        let rollout = Rollout::new();
        let release = Digest::of(b"a");
        let mut rollout = rollout.activate(release, None, &author).unwrap();
        let change = rollout.history.last_mut().unwrap();
        change.at += "\u{7}";
        let line = described(change);
        assert!(
            line.ends_with("by me\\n\\u{9b}: why\\u{1b}[31m\\u{202e}"),
            "{line}"
        );
        assert!(!line.contains(char::is_control), "{line}");
    }

    #[test]
    fn a_rollback_to_no_release_says_what_hosts_run() {
        let (rollout, release) = (Rollout::new(), Digest::of(b"a"));
        let rollout = rollout.activate(release, None, &by("me")).unwrap();
        let rollout = rollout.roll_back(&by("me")).unwrap();
        let line = described(rollout.history.last().unwrap());
        let expected = "rolled back to the transform that hosts were started with by me: a test";
        assert!(line.ends_with(expected), "{line}");
    }

    #[tokio::test]
    async fn the_loser_of_two_changes_learns_who_won() {
        let folder = tempfile::tempdir().unwrap();
        let store = FolderStore::shared(folder.path().to_owned());
        let registry = Registry::new(Arc::new(store), Known::default());
        let seen = registry.active().await.unwrap();
        let next = |name: &str| {
            let release = Digest::of(name.as_bytes());
            let change = RolloutChange::Activate(release, None);
            change.apply(&seen.rollout, &by(name)).unwrap()
        };
        write(&registry, &seen, &next("first")).await.unwrap();
        let error = write(&registry, &seen, &next("second")).await.unwrap_err();
        assert!(matches!(
            error.downcast_ref(),
            Some(RegistryError::Conflict)
        ));
        let text = error.to_string();
        let expected = format!(
            "activated {} by first: a test",
            Digest::of(b"first").short()
        );
        assert!(
            text.contains("nothing was changed") && text.ends_with(&expected),
            "{text}"
        );
    }

    #[tokio::test]
    async fn a_registry_that_is_gone_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("registry");
        let registry = Registry::new(
            Arc::new(FolderStore::shared(path.clone())),
            Known::default(),
        );
        let change = |rollout: &Rollout, name: &str| {
            let release = Digest::of(name.as_bytes());
            let change = RolloutChange::Activate(release, None);
            change.apply(rollout, &by("me")).unwrap()
        };
        let seen = registry.active().await.unwrap();
        let first = change(&seen.rollout, "first");
        write(&registry, &seen, &first).await.unwrap();
        let seen = registry.active().await.unwrap();
        std::fs::remove_dir_all(&path).unwrap();
        let next = change(&seen.rollout, "second");
        let error = write(&registry, &seen, &next).await.unwrap_err();
        assert!(
            error.to_string().contains("the registry is gone"),
            "{error}"
        );
    }
}
