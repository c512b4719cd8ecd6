//! The page that says what a change will change, and asks whether to make it.

use maud::{Markup, html};
use sluice_release::bundle::ReleaseId;
use sluice_release::rollout::{Rollout, Trial};

use super::budgets::policy_in_words;
use super::forms::{ChangeForm, effect_of_rollback, recorded_as};
use super::measured::Evidence;
use super::{PATH, linked, name};
use crate::console::Console;
use crate::console::cached::View;
use crate::console::components::{short, table, time_text};
use crate::console::page::{Page, PageError, Section};
use crate::console::payload::inert;
use crate::console::publishing::{self, Preview};
use crate::console::releases::STARTED_WITH;
use crate::tools::publisher::change::{RolloutChange, what_changed};

/// Where the page sends the change to.
pub(super) const CHANGE: &str = "/releases/change";

/// The page.
///
/// # Errors
/// The console only reads, the change is not possible, or the registry cannot be read.
pub(super) async fn page(console: &Console, form: &ChangeForm) -> Result<Page, PageError> {
    publishing::check_allowed(console)?;
    let change = form.change()?;
    let preview = publishing::preview(console, &change, &form.why).await?;
    let evidence = match publishing::release_of(&change) {
        Some(release) => Some(Evidence::of(console, &preview.before, release).await),
        None => None,
    };
    let view = match &console.registry {
        Some(place) => console.releases.view(place).await,
        None => View::Reading,
    };
    let named = |release: ReleaseId| match &view {
        View::Ready(seen) => {
            html! { (linked(&seen.value, release)) " " (name(&seen.value, release)) }
        }
        View::Reading | View::Failed(_) => short(&release.to_string()),
    };
    let evidence = evidence
        .map(|evidence| evidence.shown())
        .unwrap_or_default();
    let body = confirmation(form, &change, &preview, &named, &evidence);
    Ok(Page {
        title: title_and_button(&change).0.to_owned(),
        sections: vec![Section::fixed("confirm", body)],
    })
}

/// What the title and the button of the page say.
fn title_and_button(change: &RolloutChange) -> (&'static str, &'static str) {
    match change {
        RolloutChange::Activate(..) => ("Activate a release?", "Activate it"),
        RolloutChange::Canary(_) => ("Make a release the canary?", "Make it the canary"),
        RolloutChange::Shadow(_) => ("Make a release the shadow?", "Make it the shadow"),
        RolloutChange::RollBack => ("Roll back?", "Roll back"),
    }
}

fn confirmation(
    form: &ChangeForm,
    change: &RolloutChange,
    preview: &Preview,
    named: &dyn Fn(ReleaseId) -> Markup,
    evidence: &Markup,
) -> Markup {
    let Preview {
        before,
        after,
        author,
    } = preview;
    let why = author.why.as_deref().unwrap_or_default();
    html! {
        h2 { "What will change" }
        @if form.is_older_than(before) { (changed_since(before)) }
        (changes(before, after, named))
        (evidence)
        h2 { "Make the change?" }
        p { "Reason: " strong { (inert(why)) } }
        (recorded_as())
        p { (consequence(change, before, after)) }
        form method="post" action=(CHANGE) {
            input type="hidden" name="action" value=(form.action);
            input type="hidden" name="release" value=(form.release);
            input type="hidden" name="share" value=(form.share);
            input type="hidden" name="why" value=(form.why);
            input type="hidden" name="page" value=(form.page);
            input type="hidden" name="seen" value=(before.number);
            button { (title_and_button(change).1) }
            " " a href=(back(form, change)) { "Cancel" }
        }
    }
}

/// Says that the form is of an older rollout.
fn changed_since(now: &Rollout) -> Markup {
    html! {
        p.caution {
            "The rollout was changed after the form was shown"
            @if let Some(change) = now.history.last() {
                ": #" (change.number) " at " (time_text(&change.at)) ", " (inert(&what_changed(change, STARTED_WITH)))
            }
            ". So this change may do something else than the form has said: it does what is below."
        }
    }
}

/// The page with the form.
fn back(form: &ChangeForm, change: &RolloutChange) -> String {
    match publishing::release_of(change).filter(|_| form.is_of_release()) {
        Some(release) => format!("/release?id={release}"),
        None => PATH.to_owned(),
    }
}

/// The roles now and after the change.
fn changes(before: &Rollout, after: &Rollout, named: &dyn Fn(ReleaseId) -> Markup) -> Markup {
    let active = [before, after].map(|rollout| active(rollout, named));
    let canary = [before, after].map(|rollout| trial(rollout.canary.as_ref(), named));
    let shadow = [before, after].map(|rollout| trial(rollout.shadow.as_ref(), named));
    let roles = [("Active", active), ("Canary", canary), ("Shadow", shadow)];
    let rows = roles.map(|(role, [now, then])| {
        let changed = match now.0 == then.0 {
            true => "stays",
            false => "changes",
        };
        vec![html! { (role) }, now, then, html! { (changed) }]
    });
    table(
        "The roles now and after the change",
        &["Role", "Now", "After the change", "What happens"],
        &rows,
    )
}

fn active(rollout: &Rollout, named: &dyn Fn(ReleaseId) -> Markup) -> Markup {
    match rollout.active {
        Some(active) => named(active),
        None => html! { (STARTED_WITH) },
    }
}

fn trial(trial: Option<&Trial>, named: &dyn Fn(ReleaseId) -> Markup) -> Markup {
    match trial {
        Some(trial) => html! {
            (named(trial.release)) " on " (trial.share) " of the chunks"
        },
        None => html! { "none" },
    }
}

/// What follows from the change.
fn consequence(change: &RolloutChange, before: &Rollout, after: &Rollout) -> String {
    let checked =
        "The console first checks the release as a worker does. This can take some seconds.";
    let policy = match change {
        RolloutChange::Activate(_, policy) => policy.as_ref(),
        RolloutChange::Canary(trial) | RolloutChange::Shadow(trial) => {
            trial.rollback_policy.as_ref()
        }
        RolloutChange::RollBack => None,
    };
    match (change, policy) {
        (RolloutChange::RollBack, _) if before.active.is_some() && after.active.is_none() => {
            let effect = effect_of_rollback(before);
            format!("{effect} Each worker then runs the transform that it was started with.")
        }
        (RolloutChange::RollBack, _) => {
            let effect = effect_of_rollback(before);
            format!(
                "{effect} Workers follow at their next poll of the registry. Chunks that are open now end with the release \
                 that they began with."
            )
        }
        (_, Some(policy)) => {
            let other = match (change, before.active) {
                (_, None) => STARTED_WITH,
                (RolloutChange::Activate(..), Some(_)) => "the release that is active now",
                (_, Some(_)) => "the active release",
            };
            format!("{checked} {}", policy_in_words(policy, other))
        }
        (_, None) => checked.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::view;
    use super::*;
    use crate::console::releases::tests::author;

    fn named(release: ReleaseId) -> Markup {
        html! { "jq " (release) }
    }

    #[test]
    fn the_page_says_what_will_change_and_keeps_what_was_given() {
        let view = view();
        let release = view.releases[2].id;
        let author = author("me@here (console)", "<b>why</b>");
        let before = view.rollout.clone();
        let preview = Preview {
            after: before.activate(release, None, &author).unwrap(),
            before,
            author,
        };
        let form = ChangeForm {
            action: "activate".into(),
            release: release.to_string(),
            why: "<b>why</b>".into(),
            ..ChangeForm::default()
        };
        let change = RolloutChange::Activate(release, None);
        assert_eq!(back(&form, &change), "/releases");
        let evidence = html! { "no trial" };
        let html = confirmation(&form, &change, &preview, &named, &evidence).into_string();
        let was = format!("jq {}", view.rollout.active.unwrap());
        let becomes = format!("jq {release}");
        assert!(html.find(&was) < html.rfind(&becomes), "{html}");
        assert!(html.find("no trial") < html.find("Activate it"), "{html}");
        assert_eq!(html.matches("<td>changes</td>").count(), 3, "{html}");
        assert!(html.contains("value=\"&lt;b&gt;why&lt;/b&gt;\""), "{html}");
        assert!(html.contains("name=\"seen\" value=\"4\""), "{html}");
        let of_release = ChangeForm {
            page: "release".into(),
            ..form
        };
        assert_eq!(back(&of_release, &change), format!("/release?id={release}"));
        assert!(
            html.contains("Reason: <strong>&lt;b&gt;why&lt;/b&gt;</strong>")
                && html.contains("(console)")
                && html.contains("Activate it"),
            "{html}"
        );
    }

    #[test]
    fn consequences_are_said() {
        let rollout = view().rollout;
        let trials = [rollout.canary.clone(), rollout.shadow.clone()];
        let [canary, shadow] = trials.map(Option::unwrap);
        let text = consequence(&RolloutChange::Canary(canary), &rollout, &rollout);
        assert!(
            text.contains("checks the release") && text.contains("with the active release once"),
            "{text}"
        );
        let text = consequence(&RolloutChange::Shadow(shadow), &rollout, &rollout);
        assert!(!text.contains("rolls it back"), "{text}");
        let text = consequence(&RolloutChange::RollBack, &rollout, &rollout);
        assert!(text.starts_with("This ends the canary and the shadow."));
        let mut before = Rollout::new();
        (before.active, before.previous) = (rollout.active, vec![None]);
        let text = consequence(&RolloutChange::RollBack, &before, &Rollout::new());
        assert!(text.contains("no release is active then"), "{text}");
    }

    #[test]
    fn a_form_that_is_old_is_said_in_the_review() {
        let before = view().rollout;
        let author = author("me", "why");
        let text = |seen: &str| {
            let preview = Preview {
                after: before.roll_back(&author).unwrap(),
                before: before.clone(),
                author: author.clone(),
            };
            let form = ChangeForm {
                seen: seen.into(),
                ..ChangeForm::default()
            };
            let change = RolloutChange::RollBack;
            confirmation(&form, &change, &preview, &named, &html! {}).into_string()
        };
        let html = text("3");
        assert!(html.contains("was changed after the form was shown: #4 at "));
        assert!(!text("4").contains("after the form was shown"));
    }
}
