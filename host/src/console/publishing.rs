//! What the console changes in the registry: it publishes releases, activates them and rolls them back, as
//! `sluice transform publish`, `activate` and `rollback` do.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use sluice_engine::limits::Limits;
use sluice_release::admission::Release;
use sluice_release::bundle::{ReleaseBundle, ReleaseId};
use sluice_release::registry::RegistryError;
use sluice_release::rollback_policy::RollbackPolicy;
use sluice_release::rollout::{Author, Rollout, RolloutError, Share, Trial};

use super::components::duration;
use super::page::PageError;
use super::payload::inert;
use super::releases::Releases;
use super::{Console, Permissions, RegistryPlace};
use crate::output;
use crate::tools::publisher::admission::{FailedAdmission, admit, admit_stored};
use crate::tools::publisher::change::{self, RolloutChange, author};
use crate::tools::publisher::publication;

/// The most characters of a reason and of a note.
pub(super) const REASON_MAX: usize = 500;

/// How long a release may take to be checked: as long as a transform may take for this many records.
const ADMISSION_RECORDS: u32 = 120;

/// A change of what serves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum RolloutAction {
    /// The release transforms all chunks.
    Activate(ReleaseId),
    /// The release transforms a share of the chunks.
    Canary(ReleaseId, Share),
    /// The release transforms a share of the chunks in addition to the active one.
    Shadow(ReleaseId, Share),
    /// The trials end, or, if there are none, the release before is active again.
    RollBack,
}

/// What an action changes.
pub(super) struct Preview {
    pub(super) before: Rollout,
    pub(super) after: Rollout,
    /// Who makes the change, and why.
    pub(super) author: Author,
}

impl RolloutAction {
    pub(super) fn release(self) -> Option<ReleaseId> {
        match self {
            Self::Activate(release) | Self::Canary(release, _) | Self::Shadow(release, _) => {
                Some(release)
            }
            Self::RollBack => None,
        }
    }

    /// The change, with the rollback policy that `sluice transform activate` has by default.
    fn change(self) -> RolloutChange {
        let policy = Some(RollbackPolicy::default());
        let trial = |release, share, rollback_policy| Trial {
            release,
            share,
            rollback_policy,
        };
        match self {
            Self::Activate(release) => RolloutChange::Activate(release, policy),
            Self::Canary(release, share) => RolloutChange::Canary(trial(release, share, policy)),
            Self::Shadow(release, share) => RolloutChange::Shadow(trial(release, share, None)),
            Self::RollBack => RolloutChange::RollBack,
        }
    }
}

/// Publishes a release with its golden cases, after it was admitted.
///
/// # Errors
/// The console only reads, a release that fails admission, and a registry that cannot be written.
pub(super) async fn publish(
    console: &Console,
    bundle: ReleaseBundle,
    cases: Option<Vec<u8>>,
    note: Option<String>,
) -> Result<ReleaseId, PageError> {
    let place = allowed(console)?;
    let note = note.filter(|note| !note.trim().is_empty());
    let note = note.map(|note| checked("note", &note)).transpose()?;
    let cases = cases.as_deref();
    if let Some(why) = cases.and_then(publication::too_large) {
        let text = format!("The golden cases are too large: {why}. Publish fewer of them.");
        return Err(PageError::Wrong(text));
    }
    let bundle = publication::with_description(bundle, cases, note)?;
    let loader = console.releases.loader().await?;
    let shows_payloads = console.permissions.payloads;
    let release = in_time(admit(loader, &bundle, cases), shows_payloads).await?;
    let bundle = publication::with_own_name(bundle, &release)?;
    let stored = publication::store(&place.registry, &bundle, cases).await;
    console.releases.expire();
    stored.map_err(failed)?;
    Ok(bundle.manifest().id())
}

/// Changes what serves.
///
/// # Errors
/// The console only reads, a release that fails admission, a concurrent change, and a registry that cannot be written.
pub(super) async fn change(
    console: &Console,
    action: RolloutAction,
    why: &str,
) -> Result<(), PageError> {
    let place = allowed(console)?;
    change_in(place, &console.releases, action, why, None).await
}

/// Changes what serves, if the last change still is the one with this `number`, which the user has seen.
///
/// # Errors
/// As `change`.
pub(super) async fn change_seen(
    console: &Console,
    action: RolloutAction,
    why: &str,
    number: u64,
) -> Result<(), PageError> {
    let place = allowed(console)?;
    change_in(place, &console.releases, action, why, Some(number)).await
}

/// What an action would change at this moment. It writes nothing.
///
/// # Errors
/// As `change`; the release is not admitted yet.
pub(super) async fn preview(
    console: &Console,
    action: RolloutAction,
    why: &str,
) -> Result<Preview, PageError> {
    let place = allowed(console)?;
    let author = author_with(why)?;
    let before = place.registry.active().await.map_err(failed)?.rollout;
    let after = next(&before, action, &author)?;
    Ok(Preview {
        before,
        after,
        author,
    })
}

async fn change_in(
    place: &RegistryPlace,
    releases: &Releases,
    action: RolloutAction,
    why: &str,
    number: Option<u64>,
) -> Result<(), PageError> {
    let author = author_with(why)?;
    let registry = &place.registry;
    let seen = registry.active().await.map_err(failed)?;
    if number.is_some_and(|number| number != seen.rollout.number) {
        releases.expire();
        return Err(not_written(&change::conflict(&seen.rollout)));
    }
    let next = next(&seen.rollout, action, &author)?;
    if let Some(release) = action.release() {
        let loader = releases.loader().await?;
        // Its golden cases were published with it, so nothing of them is shown.
        in_time(admit_stored(loader, registry, None, release), false).await?;
    }
    let written = change::write(registry, &seen, &next).await;
    releases.expire();
    written.map_err(|error| match error.downcast_ref() {
        Some(RegistryError::Conflict) => not_written(&error),
        _ => PageError::Failed(error),
    })
}

/// Whether the console may change the registry.
///
/// # Errors
/// It only reads, or there is no registry.
pub(super) fn check_allowed(console: &Console) -> Result<(), PageError> {
    allowed(console).map(drop)
}

/// The registry, if the console may change it.
fn allowed(console: &Console) -> Result<&Arc<RegistryPlace>, PageError> {
    may_publish(console.permissions)?;
    let advice = "There is no registry to change. Start the console with --registry file:registry.";
    let place = console.registry.as_ref();
    place.ok_or_else(|| PageError::Wrong(advice.into()))
}

fn may_publish(permissions: Permissions) -> Result<(), PageError> {
    let advice = "This console only reads, and nothing was changed. To publish and activate releases here, start it \
                  with --allow-publish.";
    match permissions.publish {
        true => Ok(()),
        false => Err(PageError::NotAllowed(advice.into())),
    }
}

/// The author of a change that is made in the console.
fn author_with(why: &str) -> Result<Author, PageError> {
    let why = checked("reason", why)?;
    let author = author(Some(&why));
    let by = format!("{} (console)", author.by);
    Ok(Author { by, ..author })
}

/// A text that the user has written, without spaces around it.
fn checked(what: &str, text: &str) -> Result<String, PageError> {
    let text = text.trim();
    if text.contains(char::is_control) {
        return Err(PageError::Wrong(format!(
            "The {what} has a control character. Write it in one line of text."
        )));
    }
    match text.chars().count() {
        0 => Err(PageError::Wrong(format!(
            "The {what} is missing. Give one."
        ))),
        1..=REASON_MAX => Ok(text.to_owned()),
        characters => Err(PageError::Wrong(format!(
            "The {what} has {characters} characters, at most {REASON_MAX} are allowed. Shorten it."
        ))),
    }
}

fn next(before: &Rollout, action: RolloutAction, author: &Author) -> Result<Rollout, PageError> {
    let next = action.change().apply(before, author);
    next.map_err(|error| {
        let advice = match error {
            RolloutError::AlreadyActive(_) => {
                "Choose another release, or roll back to end a trial."
            }
            _ => "Activate a release first.",
        };
        PageError::Wrong(format!("Nothing was changed: {error}. {advice}"))
    })
}

/// Waits for an admission, which other threads and processes work on.
async fn in_time(
    admission: impl Future<Output = Result<Arc<Release>, FailedAdmission>>,
    shows_payloads: bool,
) -> Result<Arc<Release>, PageError> {
    let timeout: Duration = Limits::default().time * ADMISSION_RECORDS;
    match tokio::time::timeout(timeout, admission).await {
        Ok(admitted) => admitted.map_err(|failed| not_admitted(failed, shows_payloads)),
        Err(_) => Err(PageError::Failed(anyhow::anyhow!(
            "the release was not admitted within {}, and nothing was changed; check it with `sluice transform test` and \
             `sluice transform bench`",
            duration(timeout)
        ))),
    }
}

fn not_admitted(failed: FailedAdmission, shows_payloads: bool) -> PageError {
    if failed.error.is_transient() {
        return PageError::Failed(failed.into());
    }
    let mut text = format!("Nothing was changed: {failed}");
    match (&failed.mismatches, shows_payloads) {
        (Some(mismatches), true) => text += &format!("\n{}", mismatches.trim_end()),
        (Some(_), false) => {
            text += "\nTo see what was expected, start the console with --show-payloads.";
        }
        (None, _) => {}
    }
    PageError::Wrong(inert(&text))
}

/// The error of a change that another one came before.
fn not_written(conflict: &anyhow::Error) -> PageError {
    let text = inert(&output::with_causes(conflict));
    let advice = "Look at the page \"Releases\" again, and repeat the change if you still want it.";
    PageError::Wrong(format!("{text}. {advice}"))
}

fn failed(error: RegistryError) -> PageError {
    PageError::Failed(error.into())
}

#[cfg(test)]
mod tests {
    use sluice_engine::digest::Digest;

    use super::super::releases::tests::{bundle, place};
    use super::*;

    async fn active(place: &RegistryPlace, names: &[&str]) -> Rollout {
        for name in names {
            let seen = place.registry.active().await.unwrap();
            let author = author(None);
            let release = Digest::of(name.as_bytes());
            let next = seen.rollout.activate(release, None, &author).unwrap();
            place.registry.change(&seen, &next).await.unwrap();
        }
        place.registry.active().await.unwrap().rollout
    }

    #[tokio::test]
    async fn a_change_has_a_reason_and_says_that_the_console_made_it() {
        let folder = tempfile::tempdir().unwrap();
        let (place, releases) = (place(folder.path()), Releases::new());
        active(&place, &["a", "b"]).await;
        let change = |why| change_in(&place, &releases, RolloutAction::RollBack, why, None);
        let long = "x".repeat(501);
        for (why, problem) in [("", "missing"), (" \n", "missing"), (long.as_str(), "501")] {
            let error = change(why).await.unwrap_err();
            assert!(matches!(&error, PageError::Wrong(text) if text.contains(problem)));
        }
        change(" too many rejections ").await.unwrap();
        let now = place.registry.active().await.unwrap().rollout;
        assert_eq!(now.active, Some(Digest::of(b"a")));
        let last = now.history.last().unwrap();
        assert!(last.by.ends_with(" (console)"), "{last:?}");
        assert_eq!(last.why.as_deref(), Some("too many rejections"));
    }

    #[tokio::test]
    async fn a_change_of_what_the_user_has_not_seen_is_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let (place, releases) = (place(folder.path()), Releases::new());
        let seen = active(&place, &["a", "b"]).await.number;
        let before = active(&place, &["c"]).await;
        let action = RolloutAction::RollBack;
        let error = change_in(&place, &releases, action, "why", Some(seen)).await;
        let PageError::Wrong(text) = error.unwrap_err() else {
            panic!("the change was made")
        };
        let last = format!("activated {} by", Digest::of(b"c").short());
        assert!(
            text.contains("nothing was changed") && text.contains(&last),
            "{text}"
        );
        assert_eq!(active(&place, &[]).await, before);
        let same = change_in(&place, &releases, action, "why", Some(before.number));
        same.await.unwrap();
    }

    #[tokio::test]
    async fn a_release_that_fails_admission_is_not_activated() {
        let folder = tempfile::tempdir().unwrap();
        let (place, releases) = (place(folder.path()), Releases::new());
        let bundle = bundle("{}", "2026-01-01T00:00:00Z");
        place.registry.keep(&bundle).await.unwrap();
        let action = RolloutAction::Activate(bundle.manifest().id());
        let error = change_in(&place, &releases, action, "why", None).await;
        let PageError::Wrong(text) = error.unwrap_err() else {
            panic!("it was not checked")
        };
        let expected = "Nothing was changed: the release fails admission: compile: not WebAssembly";
        assert!(text.starts_with(expected), "{text}");
        assert_eq!(active(&place, &[]).await.number, 0);
    }

    #[test]
    fn without_permission_nothing_is_changed() {
        let permissions = |publish| Permissions {
            publish,
            payloads: true,
        };
        assert!(may_publish(permissions(true)).is_ok());
        let refused = may_publish(permissions(false)).unwrap_err();
        assert!(matches!(refused, PageError::NotAllowed(text) if text.contains("--allow-publish")));
    }

    #[test]
    fn mismatches_of_golden_cases_are_contents() {
        let failed = || FailedAdmission {
            error: Box::new(sluice_release::admission::AdmissionError::Cases(
                "case a".into(),
            )),
            mismatches: Some("expected secret".into()),
        };
        let text = |shown| not_admitted(failed(), shown).to_string();
        assert!(text(true).contains("expected secret"));
        assert!(!text(false).contains("secret") && text(false).contains("--show-payloads"));
    }
}
