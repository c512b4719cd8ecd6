//! The forms that activate releases and roll them back. Each is sent to a page that says what will change, which has the last
//! button.

use maud::{Markup, html};
use serde::Deserialize;
use sluice_release::bundle::{Manifest, ReleaseId};
use sluice_release::rollback_policy::RollbackPolicy;
use sluice_release::rollout::{Rollout, Share, Trial};

use crate::console::Console;
use crate::console::components::empty;
use crate::console::page::PageError;
use crate::console::pages::forms::{newest_only, release_options};
use crate::console::pages::notes::REFUSAL;
use crate::console::payload::inert;
use crate::console::publishing::{self, REASON_MAX};
use crate::console::releases::{ListedRelease, ReleasesView};
use crate::tools::publisher::change::RolloutChange;

/// Where the forms are sent to.
pub(super) const CONFIRM: &str = "/releases/confirm";

/// What the section of the forms is called.
const HEADING: &str = "Activate or roll back";

/// The names of the actions in forms.
pub(super) const ACTIVATE: &str = "activate";
pub(super) const CANARY: &str = "canary";
pub(super) const SHADOW: &str = "shadow";
pub(super) const ROLL_BACK: &str = "rollback";

/// What a form sends.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ChangeForm {
    pub(super) action: String,
    pub(super) release: String,
    pub(super) share: String,
    pub(super) why: String,
    /// The number of the last change that the user has seen.
    pub(super) seen: String,
    /// The page of the form: [`OF_RELEASE`], or the one with all releases.
    pub(super) page: String,
}

/// The page of one release, in forms.
const OF_RELEASE: &str = "release";

/// A field of the forms: its id, and what it is called.
pub(super) type Field = (&'static str, &'static str);

impl ChangeForm {
    /// The form before anything is chosen. A canary is the careful way.
    pub(super) fn untouched() -> Self {
        Self {
            action: CANARY.into(),
            share: "5%".into(),
            ..Self::default()
        }
    }

    /// Whether the rollout was changed after the form was shown.
    pub(super) fn is_older_than(&self, rollout: &Rollout) -> bool {
        let seen = self.seen.parse::<u64>();
        seen.is_ok_and(|seen| seen != rollout.number)
    }

    /// Whether it is a form of the page of one release.
    pub(super) fn is_of_release(&self) -> bool {
        self.page == OF_RELEASE
    }

    /// The field that is wrong, if one is.
    pub(super) fn wrong_field(&self) -> Option<Field> {
        let is_rollback = self.action == ROLL_BACK;
        let is_trial = [CANARY, SHADOW].contains(&self.action.as_str());
        let reason = match is_rollback {
            true => ("rollback-why", "Reason of the rollback"),
            false => ("activate-why", "Reason of the activation"),
        };
        let fields = [
            (
                !is_rollback && !is_trial && self.action != ACTIVATE,
                ("activate-canary", "How"),
            ),
            (
                !is_rollback && self.release().is_err(),
                ("activate-release", "Release"),
            ),
            (
                is_trial && self.share().is_err(),
                ("activate-share", "Share of the chunks"),
            ),
            (publishing::checked_reason(&self.why).is_err(), reason),
        ];
        let wrong = fields.into_iter().find(|(is_wrong, _)| *is_wrong);
        wrong.map(|(_, field)| field)
    }

    /// The change that the form asks for, with the rollback policy that `sluice transform activate` has by default.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub(super) fn change(&self) -> Result<RolloutChange, PageError> {
        Ok(match self.action.as_str() {
            ACTIVATE => RolloutChange::Activate(self.release()?, Some(RollbackPolicy::default())),
            CANARY => publishing::canary(self.release()?, self.share()?),
            SHADOW => RolloutChange::Shadow(Trial {
                release: self.release()?,
                share: self.share()?,
                rollback_policy: None,
            }),
            ROLL_BACK => RolloutChange::RollBack,
            _ => {
                let why = "Choose what to do with the release.";
                return Err(PageError::Wrong(why.into()));
            }
        })
    }

    fn release(&self) -> Result<ReleaseId, PageError> {
        let release = self.release.trim().parse();
        release.map_err(|_| PageError::Wrong("Choose a release of the list.".into()))
    }

    fn share(&self) -> Result<Share, PageError> {
        let share = self.share.trim().parse();
        share.map_err(|why: String| {
            PageError::Wrong(format!(
                "The share is wrong: {}. Give one such as 5%.",
                inert(&why)
            ))
        })
    }

    /// The number of the last change that the user has seen.
    ///
    /// # Errors
    /// It is missing: the request does not come from the page that asks.
    pub(super) fn seen(&self) -> Result<u64, PageError> {
        let seen = self.seen.parse();
        seen.map_err(|_| PageError::Wrong("Begin again on the page \"Releases\".".into()))
    }
}

/// The forms of the page with all releases, as far as they were filled in before.
pub(super) fn section(console: &Console, view: &ReleasesView, form: &ChangeForm) -> Markup {
    let rollout = &view.rollout;
    let other = |release: &&ListedRelease| rollout.active != Some(release.id);
    let offered = view.releases.iter().filter(other);
    let offered: Vec<_> = offered.map(|release| &release.manifest).collect();
    html! {
        h2 { (HEADING) }
        @if !console.permissions.publish {
            (only_reads())
        } @else {
            div.columns {
                div {
                    h3 { "Activate a release" }
                    @if offered.is_empty() {
                        (empty("There is no other release to activate.", "Publish one with `sluice transform publish`, or on the page \"Try\"."))
                    } @else {
                        (activation(&html! { (seen(rollout)) (choice(&offered, form)) }, form))
                    }
                }
                div { (rollback(rollout, form)) }
            }
            (recorded_as())
        }
    }
}

/// What is said instead of the forms while the registry is not read.
pub(super) fn unread() -> Markup {
    html! {
        h2 { (HEADING) }
        p { "The registry is not read yet. To change something, load this page again." }
    }
}

/// The form of the page of one release, as far as it was filled in before.
pub(super) fn of_release(
    console: &Console,
    rollout: &Rollout,
    release: ReleaseId,
    form: &ChangeForm,
) -> Markup {
    html! {
        h2 { "Activate this release" }
        @if !console.permissions.publish {
            (only_reads())
        } @else if rollout.active == Some(release) {
            p { "This release is active. To change that, activate another one or roll back on the page " a href="/releases" { "Releases" } "." }
        } @else {
            (activation(&html! { (seen(rollout)) (of_this(release)) }, form))
            (recorded_as())
        }
    }
}

/// The name that changes are recorded with, and how to set it.
pub(in crate::console::pages) fn recorded_as() -> Markup {
    let (name, is_known) = publishing::author_name();
    html! {
        p.note {
            "The history will say that " strong { (inert(&name)) } " made the change."
            @if !is_known {
                " To record your name, start the console with the variable " code { "USER" } ": "
                code { "USER=ann sluice console …" }
            }
        }
    }
}

fn only_reads() -> Markup {
    html! {
        p {
            "This console only reads. To activate releases and to roll them back here, start it with "
            code { "--allow-publish" } ". Otherwise use " code { "sluice transform activate" } " and "
            code { "sluice transform rollback" } "."
        }
    }
}

/// The choice of a release.
fn choice(offered: &[&Manifest], form: &ChangeForm) -> Markup {
    html! {
        p.field {
            label for="activate-release" { "Release" }
            select id="activate-release" name="release" required { (release_options(offered, &form.release)) }
            (newest_only(offered.len()))
        }
    }
}

/// The last change that the page with a form shows.
fn seen(rollout: &Rollout) -> Markup {
    html! { input type="hidden" name="seen" value=(rollout.number); }
}

/// The release of the page of one release.
fn of_this(release: ReleaseId) -> Markup {
    html! {
        input type="hidden" name="release" value=(release);
        input type="hidden" name="page" value=(OF_RELEASE);
    }
}

/// The form that activates a release, which `release` names.
fn activation(release: &Markup, form: &ChangeForm) -> Markup {
    let ways = [
        (ACTIVATE, "Activate it: it transforms all chunks"),
        (CANARY, "Canary: it transforms a share of the chunks"),
        (
            SHADOW,
            "Shadow: it transforms a share of the chunks in addition, and its output is compared and discarded",
        ),
    ];
    html! {
        form method="post" action=(CONFIRM) {
            (release)
            fieldset {
                legend { "How" }
                @for (way, text) in ways {
                    div.option {
                        input type="radio" id={ "activate-" (way) } name="action" value=(way) required checked[way == form.action];
                        " " label for={ "activate-" (way) } { (text) }
                    }
                }
            }
            p.field {
                label for="activate-share" { "Share of the chunks, for a canary or a shadow" }
                input id="activate-share" name="share" value=(inert(&form.share)) maxlength="20" autocomplete="off"
                    aria-invalid=[is_wrong(form, "activate-share")] aria-describedby=[described(form, "activate-share")];
            }
            (reason("activate-why", form, form.action != ROLL_BACK))
            button { "Review the change" }
        }
    }
}

/// What a rollback does.
pub(super) fn effect_of_rollback(rollout: &Rollout) -> String {
    let trials = match (rollout.canary.is_some(), rollout.shadow.is_some()) {
        (true, true) => "the canary and the shadow",
        (true, false) => "the canary",
        (false, true) => "the shadow",
        (false, false) => {
            let effect = match rollout.previous.last() {
                Some(None) => "This ends the active release, and no release is active then.",
                _ => {
                    "This activates the release that was active before, instead of the active one."
                }
            };
            return effect.to_owned();
        }
    };
    match rollout.active {
        Some(_) => format!("This ends {trials}. The active release stays."),
        None => format!("This ends {trials}."),
    }
}

/// The form that ends the trials or returns to the release before.
fn rollback(rollout: &Rollout, form: &ChangeForm) -> Markup {
    let has_trial = rollout.canary.is_some() || rollout.shadow.is_some();
    html! {
        h3 { "Roll back" }
        @if !has_trial && rollout.previous.is_empty() {
            p { "There is nothing to roll back." }
        } @else {
            p { (effect_of_rollback(rollout)) }
            form method="post" action=(CONFIRM) {
                input type="hidden" name="action" value=(ROLL_BACK);
                (seen(rollout))
                (reason("rollback-why", form, form.action == ROLL_BACK))
                button { "Review the rollback" }
            }
        }
    }
}

/// The field for the reason, with the one that was given if it was for this form.
fn reason(id: &str, form: &ChangeForm, is_given: bool) -> Markup {
    let given = if is_given { form.why.as_str() } else { "" };
    html! {
        p.field {
            label for=(id) { "Reason, which the history keeps" }
            input id=(id) name="why" value=(inert(given)) required maxlength=(REASON_MAX) autocomplete="off"
                aria-invalid=[is_wrong(form, id)] aria-describedby=[described(form, id)];
        }
    }
}

/// Whether a form was sent with a wrong value of a field. One that was not sent has no reason, which is not wrong.
fn is_wrong(form: &ChangeForm, id: &str) -> Option<&'static str> {
    let is_sent = !form.release.is_empty() || form.action == ROLL_BACK;
    let wrong = form.wrong_field().filter(|_| is_sent);
    wrong
        .is_some_and(|(field, _)| field == id)
        .then_some("true")
}

/// What says why a field is wrong.
fn described(form: &ChangeForm, id: &str) -> Option<&'static str> {
    is_wrong(form, id).map(|_| REFUSAL)
}

#[cfg(test)]
mod tests;
