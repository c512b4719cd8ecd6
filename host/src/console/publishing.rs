//! What the console changes in the registry: it publishes releases, activates them and rolls them back, as
//! `sluice transform publish`, `activate` and `rollback` do.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use sluice_engine::limits::Limits;
use sluice_release::admission::Release;
use sluice_release::bundle::{ReleaseBundle, ReleaseId};
use sluice_release::registry::RegistryError;
use sluice_release::rollback_policy::RollbackPolicy;
use sluice_release::rollout::{Author, Rollout, RolloutError, Share, Trial};

use super::components::duration;
use super::page::PageError;
use super::payload::inert;
use super::releases::{Releases, STARTED_WITH};
use super::{Console, Permissions, RegistryPlace};
use crate::tools::publisher::admission::{FailedAdmission, admit, admit_stored};
use crate::tools::publisher::change::{
    self, REGISTRY_IS_GONE, RolloutChange, author, what_changed,
};
use crate::tools::publisher::publication;

/// The most characters of a reason and of a note.
pub(super) const REASON_MAX: usize = 500;

/// How long a release may take to be checked: as long as a transform may take for this many records.
const ADMISSION_RECORDS: u32 = 120;

/// What a change does.
pub(super) struct Preview {
    pub(super) before: Rollout,
    pub(super) after: Rollout,
    /// Who makes the change, and why.
    pub(super) author: Author,
}

/// The canary, with the rollback policy that `sluice transform activate` gives it by default.
pub(super) fn canary(release: ReleaseId, share: Share) -> RolloutChange {
    RolloutChange::Canary(Trial {
        release,
        share,
        rollback_policy: Some(RollbackPolicy::default()),
    })
}

/// The release that a change names. A rollback names none.
pub(super) fn release_of(change: &RolloutChange) -> Option<ReleaseId> {
    match change {
        RolloutChange::Activate(release, _) => Some(*release),
        RolloutChange::Canary(trial) | RolloutChange::Shadow(trial) => Some(trial.release),
        RolloutChange::RollBack => None,
    }
}

/// A release that was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Published {
    pub(super) id: ReleaseId,
    /// Whether the registry did not have it before. If it did, its note stays as it was.
    pub(super) is_new: bool,
    pub(super) is_signed: bool,
}

/// Publishes a release with its golden cases, after it was admitted.
///
/// # Errors
/// The console only reads, a release that fails admission, and a registry that cannot be written.
pub(super) async fn publish(
    console: &Console,
    bundle: ReleaseBundle,
    cases: Option<Vec<u8>>,
    note: &str,
) -> Result<Published, PageError> {
    let place = allowed(console)?;
    let now = place.registry.active().await.map_err(failed)?;
    check_is_there(&console.releases, &now.rollout)?;
    let note = checked_note(note)?;
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
    let key = place.keys.sign.as_ref();
    let stored = publication::store(&place.registry, &bundle, cases, key).await;
    console.releases.expire();
    Ok(Published {
        id: bundle.manifest().id(),
        is_new: stored.map_err(failed)?,
        is_signed: key.is_some(),
    })
}

/// The note about a release, if there is one.
///
/// # Errors
/// It is too long.
pub(super) fn checked_note(note: &str) -> Result<Option<String>, PageError> {
    let note = Some(note).filter(|note| !note.trim().is_empty());
    note.map(|note| checked("note", note)).transpose()
}

/// The reason of a change.
///
/// # Errors
/// It is missing or too long.
pub(super) fn checked_reason(why: &str) -> Result<String, PageError> {
    checked("reason", why)
}

/// Changes the rollout if its last change still is the one with this `number`, which the user has seen. Returns the new
/// rollout.
///
/// # Errors
/// The console only reads, a release that fails admission, a concurrent change, and a registry that cannot be written.
pub(super) async fn change(
    console: &Console,
    wanted: &RolloutChange,
    why: &str,
    number: u64,
) -> Result<Rollout, PageError> {
    let place = allowed(console)?;
    change_in(place, &console.releases, wanted, why, number).await
}

/// What a change would do at this moment. It writes nothing.
///
/// # Errors
/// As `change`; the release is not admitted yet.
pub(super) async fn preview(
    console: &Console,
    wanted: &RolloutChange,
    why: &str,
) -> Result<Preview, PageError> {
    let place = allowed(console)?;
    let author = author_with(why)?;
    let before = place.registry.active().await.map_err(failed)?.rollout;
    check_is_there(&console.releases, &before)?;
    let after = next(&before, wanted, &author)?;
    Ok(Preview {
        before,
        after,
        author,
    })
}

async fn change_in(
    place: &RegistryPlace,
    releases: &Releases,
    wanted: &RolloutChange,
    why: &str,
    number: u64,
) -> Result<Rollout, PageError> {
    let author = author_with(why)?;
    let registry = &place.registry;
    let seen = registry.active().await.map_err(failed)?;
    check_is_there(releases, &seen.rollout)?;
    if number != seen.rollout.number {
        releases.expire();
        return Err(conflict(&seen.rollout));
    }
    let next = next(&seen.rollout, wanted, &author)?;
    if let Some(release) = release_of(wanted) {
        let loader = releases.loader().await?;
        // Its golden cases were published with it, so nothing of them is shown.
        let key = place.keys.public.as_ref();
        in_time(admit_stored(loader, registry, key, release), false).await?;
    }
    let written = registry.change(&seen, &next).await;
    releases.expire();
    match written {
        Ok(()) => Ok(next),
        Err(RegistryError::Conflict) => {
            let now = registry.active().await.map_err(failed)?;
            Err(conflict(&now.rollout))
        }
        Err(error) => Err(failed(error)),
    }
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

/// Whether the registry is still there. A new one must not begin where the old one was, for example below a folder that is
/// not mounted.
///
/// # Errors
/// It is gone.
fn check_is_there(releases: &Releases, now: &Rollout) -> Result<(), PageError> {
    match releases.is_gone(now) {
        true => Err(gone()),
        false => Ok(()),
    }
}

fn gone() -> PageError {
    PageError::Wrong(format!(
        "Nothing was changed, since {REGISTRY_IS_GONE}. If you removed it and want a new one, start the console again."
    ))
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
    let author = author(Some(&checked_reason(why)?));
    let by = format!("{} (console)", author.by);
    Ok(Author { by, ..author })
}

/// The name that changes are recorded with, and whether the environment says who that is.
pub(super) fn author_name() -> (String, bool) {
    let by = format!("{} (console)", author(None).by);
    (by, change::person().is_some())
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

fn next(before: &Rollout, wanted: &RolloutChange, author: &Author) -> Result<Rollout, PageError> {
    let next = wanted.clone().apply(before, author);
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

/// The error of a change that another one came before. `now` is the rollout with that one.
fn conflict(now: &Rollout) -> PageError {
    let Some(last) = now.history.last() else {
        return gone();
    };
    let at = match DateTime::parse_from_rfc3339(&last.at) {
        Ok(at) => at.to_utc().format("%Y-%m-%d %H:%M:%S UTC").to_string(),
        Err(_) => last.at.clone(),
    };
    let (number, what) = (last.number, what_changed(last, STARTED_WITH));
    PageError::Wrong(inert(&format!(
        "Nothing was changed, since somebody else made a change that this page did not show yet. The last change is \
         #{number}, made at {at}: {what}. Look at what is active now, and repeat your change if you still want it."
    )))
}

fn failed(error: RegistryError) -> PageError {
    PageError::Failed(error.into())
}

#[cfg(test)]
mod tests;
