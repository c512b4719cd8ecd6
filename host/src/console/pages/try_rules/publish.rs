//! The form that publishes the rules, and what becomes of it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use sluice_release::bundle::ReleaseId;
use sluice_release::rollout::{Rollout, Share};

use super::form::{COMPONENT, JQ, PATH, RELEASE, TryForm};
use super::view::Offer;
use super::{golden, made, outcome, rules};
use crate::console::Console;
use crate::console::components::release_link;
use crate::console::page::PageError;
use crate::console::pages::forms::Received;
use crate::console::pages::notes::{self, Place, REFUSAL};
use crate::console::pages::{releases, respond};
use crate::console::publishing::{self, REASON_MAX};

/// The ids of the fields.
const NOTE: &str = "try-note";
const WHY: &str = "try-why";

/// The form.
pub(super) fn section(form: &TryForm, offer: &Offer, refused: Option<&FormError>) -> Markup {
    html! {
        h2 { "Publish" }
        @if offer.permissions.publish && offer.has_registry {
            p {
                "Publishes the rules above as a release, "
                // A script says it again when a case is saved or removed.
                span #try-published { (golden::published(offer.cases)) }
                @if offer.signs {
                    " The release is signed with the key of --sign."
                } @else {
                    " The release is not signed. Workers with --public-key do not use it; to sign it, start the console with "
                    "--sign FILE."
                }
            }
            (canary(offer.rollout.as_ref()))
            (line(NOTE, "note", "Note about the release", &form.note, refused))
            (line(WHY, "why", "Reason for the canary", &form.why, refused))
            (releases::recorded_as())
            p {
                button type="submit" form="try-form" formaction="/try/publish" name="canary" value="" { "Publish" }
                " "
                button type="submit" form="try-form" formaction="/try/publish" name="canary" value="5%" data-requires=(WHY) {
                    "Publish and canary 5 %"
                }
            }
        } @else {
            p.note {
                "To publish rules from here, start the console with "
                code { "--registry" } " and " code { "--allow-publish" } "."
            }
        }
    }
}

/// What a new canary would replace, and the number of the last change, by which the console notices a later one.
fn canary(rollout: Option<&Rollout>) -> Markup {
    let Some(rollout) = rollout else {
        return html! { p.caution { "The registry is not read yet, so the console does not know whether there is a canary." } };
    };
    html! {
        p {
            @match &rollout.canary {
                Some(canary) => {
                    "The canary is now " (release_link(&canary.release.to_string())) ", on " (canary.share)
                    " of the chunks. A new canary replaces it."
                }
                None => "There is no canary now.",
            }
        }
        input type="hidden" name="seen" form="try-form" value=(rollout.number);
    }
}

/// A field of the form.
fn line(id: &str, name: &str, label: &str, value: &str, refused: Option<&FormError>) -> Markup {
    let is_wrong = refused.is_some_and(|refused| refused.is_of(id));
    html! {
        p.field {
            label for=(id) { (label) }
            input id=(id) name=(name) form="try-form" value=(value) maxlength=(REASON_MAX) autocomplete="off"
                aria-invalid=[is_wrong.then_some("true")] aria-describedby=[is_wrong.then_some(REFUSAL)];
        }
    }
}

/// Why the rules were not published, or are not the canary.
#[derive(Debug)]
pub(super) struct FormError {
    status: StatusCode,
    why: String,
    /// The field that is wrong, or what was done before the error.
    place: Option<Place>,
}

impl FormError {
    fn of(error: PageError, field: &str, name: &'static str) -> Self {
        Self {
            place: Some((format!("#{field}"), name)),
            ..Self::from(error)
        }
    }

    fn is_of(&self, field: &str) -> bool {
        let place = self.place.as_ref();
        place.is_some_and(|(target, _)| target.strip_prefix('#') == Some(field))
    }

    /// The response with a page that says so, and has the form as it was sent.
    pub(super) async fn response(&self, console: &Arc<Console>, form: &TryForm) -> Response {
        let page = made(console, form, &outcome::nothing_yet(form), Some(self)).await;
        (self.status, respond(console, PATH, Ok(page))).into_response()
    }

    /// What is said on top of the page.
    pub(super) fn shown(&self) -> Markup {
        notes::refusal(&self.why, self.place.as_ref())
    }
}

impl From<PageError> for FormError {
    fn from(error: PageError) -> Self {
        Self {
            status: error.status(),
            why: error.to_string(),
            place: None,
        }
    }
}

/// The field with the rules of a form.
fn rules_field(form: &TryForm) -> (&'static str, &'static str) {
    match &*form.rules {
        JQ | "" => ("try-jq", "The program"),
        RELEASE => ("try-release", "The release"),
        COMPONENT => ("try-component", "The component"),
        _ => ("try-config", "The transform configuration"),
    }
}

/// Publishes the rules of the form, as a canary if a share is given, and goes on to the page of the release, which says
/// what was done. If that fails, the page with the form is shown as it was filled in.
pub(super) async fn publish(
    State(console): State<Arc<Console>>,
    Received(form): Received<TryForm>,
) -> Response {
    let form = form.normalized();
    match published(&console, &form).await {
        Ok(path) => Redirect::to(&path).into_response(),
        Err(refused) => refused.response(&console, &form).await,
    }
}

/// Publishes, and returns the address of the page of the release.
async fn published(console: &Console, form: &TryForm) -> Result<String, FormError> {
    publishing::check_allowed(console)?;
    let canary = match &*form.canary {
        "" => None,
        share => {
            let share: Share = share.parse().map_err(PageError::Wrong)?;
            Some((share, seen(form)?))
        }
    };
    if canary.is_some() {
        let checked = publishing::checked_reason(&form.why);
        checked.map_err(|error| FormError::of(error, WHY, "Reason for the canary"))?;
    }
    let checked = publishing::checked_note(&form.note);
    checked.map_err(|error| FormError::of(error, NOTE, "Note about the release"))?;
    let (field, name) = rules_field(form);
    let of_rules = |error| FormError::of(error, field, name);
    let rules = rules::chosen(console, form).await.map_err(of_rules)?;
    let cases = console.pages.try_rules.cases().document();
    let cases =
        cases.map_err(|why| FormError::of(PageError::Wrong(why), "try-cases", "The cases"))?;
    let tried = rules.bundle.manifest().id();
    let published = publishing::publish(console, rules.bundle, cases, &form.note).await;
    let published = published.map_err(of_rules)?;
    if let Some((share, seen)) = canary {
        let canary = publishing::canary(published.id, share);
        let changed = publishing::change(console, &canary, &form.why, seen).await;
        changed.map_err(|error| only_published(published.id, &error))?;
    }
    let share = canary.map(|(share, _)| share);
    let times = console.pages.try_rules.times.find(|id| *id == tried);
    let note = releases::published(published, share, times.as_deref());
    let page = format!("/release?id={}", published.id);
    Ok(console.pages.notes.leave(&page, note))
}

/// The error of a canary whose release is published already.
fn only_published(id: ReleaseId, error: &PageError) -> FormError {
    FormError {
        status: error.status(),
        why: format!("The release is published, but is not the canary. {error}"),
        place: Some((format!("/release?id={id}"), "The published release")),
    }
}

/// The number of the last change of the rollout that the user has seen.
fn seen(form: &TryForm) -> Result<u64, FormError> {
    let why = "The page did not say which release was the canary. See below whether there is one now, and publish again.";
    let wrong = |_| FormError::of(PageError::Wrong(why.into()), "try-publish", "Publish");
    form.seen.parse().map_err(wrong)
}

#[cfg(test)]
mod tests {
    use sluice_engine::digest::Digest;
    use sluice_release::rollout::Trial;

    use super::super::view::tests::offer;
    use super::*;
    use crate::console::releases::tests::author;

    #[test]
    fn a_canary_that_fails_says_that_the_release_is_published() {
        let id = Digest::of(b"release");
        let wrong = PageError::Wrong("Activate a release first.".into());
        let failed = PageError::Failed(anyhow::anyhow!("no bucket"));
        for (error, why) in [(wrong, "Activate a release"), (failed, "no bucket")] {
            let html = only_published(id, &error).shown().into_string();
            assert!(
                html.contains("The release is published") && html.contains(why),
                "{html}"
            );
            assert!(html.contains(&format!("/release?id={id}")), "{html}");
        }
    }

    #[test]
    fn what_a_canary_replaces_is_said_and_goes_with_the_form() {
        let [active, tried] = ["a", "b"].map(|name| Digest::of(name.as_bytes()));
        let author = author("me", "why");
        let rollout = Rollout::new().activate(active, None, &author).unwrap();
        let html = canary(Some(&rollout)).into_string();
        assert!(
            html.contains("There is no canary now.")
                && html.contains("name=\"seen\" form=\"try-form\" value=\"1\""),
            "{html}"
        );
        let trial = Trial {
            release: tried,
            share: "5%".parse().unwrap(),
            rollback_policy: None,
        };
        let rollout = rollout.try_canary(trial, &author).unwrap();
        let html = canary(Some(&rollout)).into_string();
        assert!(
            html.contains(&format!("/release?id={tried}")) && html.contains("on 5 % of the chunks"),
            "{html}"
        );
        assert!(html.contains("value=\"2\""), "{html}");
        let html = canary(None).into_string();
        assert!(!html.contains("<input"), "{html}");
        assert!(seen(&TryForm::default()).is_err());
    }

    #[test]
    fn publishing_needs_permission() {
        let form = TryForm::default();
        let html = section(&form, &offer(true, false), None).into_string();
        assert!(html.contains("--allow-publish") && !html.contains("<button"));
        let html = section(&form, &offer(true, true), None).into_string();
        assert!(html.contains("with the 2 saved golden cases"), "{html}");
        assert!(html.contains("is not signed"), "{html}");
        let signs = Offer {
            signs: true,
            ..offer(true, true)
        };
        let html = section(&form, &signs, None).into_string();
        assert!(html.contains("signed with the key of --sign"), "{html}");
    }

    #[test]
    fn the_wrong_field_is_named_and_what_was_typed_is_kept() {
        let form = TryForm {
            why: "x <b>".into(),
            note: "a note".into(),
            ..TryForm::default()
        };
        let refused = FormError::of(PageError::Wrong("too long".into()), WHY, "Reason");
        let html = section(&form, &offer(true, true), Some(&refused)).into_string();
        assert!(html.contains("value=\"x &lt;b&gt;\"") && html.contains("value=\"a note\""));
        assert_eq!(html.matches("aria-invalid").count(), 1, "{html}");
        let html = refused.shown().into_string();
        assert!(
            html.contains("href=\"#try-why\"") && html.contains("too long"),
            "{html}"
        );
    }
}
