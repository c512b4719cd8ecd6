//! The forms that change what serves. Each is sent to a page that says what will change, which has the last button.

use maud::{Markup, html};
use serde::Deserialize;
use sluice_release::bundle::ReleaseId;
use sluice_release::rollout::{Rollout, Share};

use crate::console::Console;
use crate::console::components::empty;
use crate::console::page::PageError;
use crate::console::payload::inert;
use crate::console::publishing::{REASON_MAX, RolloutAction};
use crate::console::releases::{ListedRelease, ReleasesView};

/// Where the forms are sent to.
pub(super) const CONFIRM: &str = "/releases/confirm";

/// The most releases that a form offers.
const OFFERED_MAX: usize = 100;

/// The names of the actions in forms.
pub(super) const ACTIVATE: &str = "activate";
pub(super) const CANARY: &str = "canary";
pub(super) const SHADOW: &str = "shadow";
pub(super) const ROLL_BACK: &str = "rollback";

/// What a form sends.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ChangeForm {
    pub(super) action: String,
    pub(super) release: String,
    pub(super) share: String,
    pub(super) why: String,
    /// The number of the last change that the user has seen.
    pub(super) seen: String,
}

impl ChangeForm {
    /// The action.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub(super) fn action(&self) -> Result<RolloutAction, PageError> {
        match self.action.as_str() {
            ACTIVATE => Ok(RolloutAction::Activate(self.release()?)),
            CANARY => Ok(RolloutAction::Canary(self.release()?, self.share()?)),
            SHADOW => Ok(RolloutAction::Shadow(self.release()?, self.share()?)),
            ROLL_BACK => Ok(RolloutAction::RollBack),
            _ => Err(PageError::Wrong(
                "Choose what to do with the release.".into(),
            )),
        }
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

/// The forms of the page with all releases.
pub(super) fn section(console: &Console, view: &ReleasesView) -> Markup {
    let rollout = &view.rollout;
    let other = |release: &&ListedRelease| rollout.active != Some(release.id);
    let offered: Vec<_> = view.releases.iter().filter(other).collect();
    html! {
        h2 { "Change what serves" }
        @if !console.permissions.publish {
            (only_reads())
        } @else {
            div.columns {
                div {
                    h3 { "Activate a release" }
                    @if offered.is_empty() {
                        (empty("There is no other release to activate.", "Publish one with `sluice transform publish`, or on the page \"Try\"."))
                    } @else {
                        (activation(&choice(&offered)))
                    }
                }
                div { (rollback(rollout)) }
            }
        }
    }
}

/// What is said instead of the forms while the registry is not read.
pub(super) fn unread() -> Markup {
    html! {
        h2 { "Change what serves" }
        p { "The registry is not read yet. To change what serves, load this page again." }
    }
}

/// The form of the page of one release.
pub(super) fn of_release(console: &Console, rollout: &Rollout, release: ReleaseId) -> Markup {
    html! {
        h2 { "Change what serves" }
        @if !console.permissions.publish {
            (only_reads())
        } @else if rollout.active == Some(release) {
            p { "This release is active. To change that, activate another release or roll back on the page " a href="/releases" { "Releases" } "." }
        } @else {
            (activation(&html! { input type="hidden" name="release" value=(release); }))
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
fn choice(offered: &[&ListedRelease]) -> Markup {
    html! {
        p.field {
            label for="activate-release" { "Release" }
            select id="activate-release" name="release" required {
                @for release in offered.iter().take(OFFERED_MAX) {
                    option value=(release.id) { (in_words(release)) }
                }
            }
            @if offered.len() > OFFERED_MAX {
                span { "These are the newest " (OFFERED_MAX) ". To activate an older one, open it from the list below." }
            }
        }
    }
}

fn in_words(release: &ListedRelease) -> String {
    let manifest = &release.manifest;
    let parts = [&manifest.transform, &manifest.note, &manifest.published_at];
    let parts = parts.into_iter().flatten().map(|part| inert(part));
    let id = release.id.short();
    [id].into_iter()
        .chain(parts)
        .collect::<Vec<_>>()
        .join(" · ")
}

/// The form that activates a release, which `release` names.
fn activation(release: &Markup) -> Markup {
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
                        input type="radio" id={ "activate-" (way) } name="action" value=(way) required checked[way == CANARY];
                        " " label for={ "activate-" (way) } { (text) }
                    }
                }
            }
            p.field {
                label for="activate-share" { "Share of the chunks, for a canary or a shadow" }
                input id="activate-share" name="share" value="5%" autocomplete="off";
            }
            (reason("activate-why"))
            button { "Review the change" }
        }
    }
}

/// The form that ends the trials or returns to the release before.
fn rollback(rollout: &Rollout) -> Markup {
    let has_trial = rollout.canary.is_some() || rollout.shadow.is_some();
    html! {
        h3 { "Roll back" }
        @if !has_trial && rollout.previous.is_empty() {
            p { "There is nothing to roll back." }
        } @else {
            p {
                @if has_trial {
                    "This ends the canary and the shadow. The active release stays."
                } @else {
                    "This activates the release that was active before."
                }
            }
            form method="post" action=(CONFIRM) {
                input type="hidden" name="action" value=(ROLL_BACK);
                (reason("rollback-why"))
                button { "Review the rollback" }
            }
        }
    }
}

fn reason(id: &str) -> Markup {
    html! {
        p.field {
            label for=(id) { "Reason, which the history keeps" }
            input id=(id) name="why" required maxlength=(REASON_MAX) autocomplete="off";
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::view;
    use super::*;

    fn form(action: &str, release: &str, share: &str) -> ChangeForm {
        ChangeForm {
            action: action.into(),
            release: release.into(),
            share: share.into(),
            ..ChangeForm::default()
        }
    }

    #[test]
    fn a_form_becomes_an_action() {
        let release = view().releases[0].id;
        let id = release.to_string();
        let share: Share = "5%".parse().unwrap();
        for (form, expected) in [
            (form("activate", &id, ""), RolloutAction::Activate(release)),
            (
                form("canary", &id, "5%"),
                RolloutAction::Canary(release, share),
            ),
            (
                form("shadow", &id, " 0.05 "),
                RolloutAction::Shadow(release, share),
            ),
            (form("rollback", "", ""), RolloutAction::RollBack),
        ] {
            assert_eq!(form.action().unwrap(), expected);
        }
        for (form, problem) in [
            (form("", &id, ""), "Choose what to do"),
            (form("activate", "1a2b", ""), "Choose a release"),
            (form("canary", &id, ""), "such as 5%"),
            (form("shadow", &id, "5"), "such as 5%"),
        ] {
            let error = form.action().unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
        assert!(form("", "", "").seen().is_err());
    }

    #[test]
    fn each_input_has_a_label_of_its_own() {
        let view = view();
        let offered: Vec<_> = view.releases.iter().collect();
        let html = html! { (activation(&choice(&offered))) (rollback(&view.rollout)) };
        let html = html.into_string();
        for id in [
            "activate-release",
            "activate-canary",
            "activate-share",
            "activate-why",
            "rollback-why",
        ] {
            assert_eq!(
                html.matches(&format!(" id=\"{id}\"")).count(),
                1,
                "{id}: {html}"
            );
            assert!(html.contains(&format!("for=\"{id}\"")), "{id}: {html}");
        }
        assert_eq!(html.matches("<option").count(), 3);
        assert!(html.contains("ends the canary and the shadow"), "{html}");
    }

    #[test]
    fn a_rollback_needs_something_to_return_to() {
        let html = rollback(&Rollout::new()).into_string();
        assert!(
            html.contains("nothing to roll back") && !html.contains("<form"),
            "{html}"
        );
    }
}
