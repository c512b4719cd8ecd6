//! The page that says what a change will change, and asks whether to make it.

use maud::{Markup, html};
use sluice_release::bundle::ReleaseId;
use sluice_release::rollout::{Rollout, Trial};

use super::forms::{ChangeForm, recorded_as};
use super::measured::Evidence;
use super::serving::policy_in_words;
use super::{linked, name};
use crate::console::Console;
use crate::console::cached::View;
use crate::console::components::{short, table};
use crate::console::page::{Page, PageError, Section};
use crate::console::payload::inert;
use crate::console::publishing::{self, Preview, RolloutAction};

/// Where the page sends the change to.
pub(super) const CHANGE: &str = "/releases/change";

/// The page.
///
/// # Errors
/// The console only reads, the change is not possible, or the registry cannot be read.
pub(super) async fn page(console: &Console, form: &ChangeForm) -> Result<Page, PageError> {
    publishing::check_allowed(console)?;
    let action = form.action()?;
    let preview = publishing::preview(console, action, &form.why).await?;
    let evidence = match action.release() {
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
    let body = confirmation(form, action, &preview, &named, &evidence);
    Ok(Page {
        title: title(action).to_owned(),
        sections: vec![Section::fixed("confirm", body)],
    })
}

fn title(action: RolloutAction) -> &'static str {
    match action {
        RolloutAction::Activate(_) => "Activate a release?",
        RolloutAction::Canary(..) => "Make a release the canary?",
        RolloutAction::Shadow(..) => "Make a release the shadow?",
        RolloutAction::RollBack => "Roll back?",
    }
}

/// What the button says.
fn button(action: RolloutAction) -> &'static str {
    match action {
        RolloutAction::Activate(_) => "Activate it",
        RolloutAction::Canary(..) => "Make it the canary",
        RolloutAction::Shadow(..) => "Make it the shadow",
        RolloutAction::RollBack => "Roll back",
    }
}

fn confirmation(
    form: &ChangeForm,
    action: RolloutAction,
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
        (changes(before, after, named))
        (evidence)
        h2 { "Make the change?" }
        p { "Reason: " strong { (inert(why)) } }
        (recorded_as())
        p { (consequence(action, after)) }
        form method="post" action=(CHANGE) {
            input type="hidden" name="action" value=(form.action);
            input type="hidden" name="release" value=(form.release);
            input type="hidden" name="share" value=(form.share);
            input type="hidden" name="why" value=(form.why);
            input type="hidden" name="seen" value=(before.number);
            button { (button(action)) }
            " " a href="/releases" { "Change nothing" }
        }
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
        None => html! { "the workers' own transform" },
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
fn consequence(action: RolloutAction, after: &Rollout) -> String {
    let checked = "Before the change is written, the console checks the release as a worker does, which can take some \
                   seconds.";
    let canary = after.canary.as_ref();
    let policy = match action {
        RolloutAction::Activate(_) => after.rollback_policy.as_ref(),
        RolloutAction::Canary(..) => canary.and_then(|canary| canary.rollback_policy.as_ref()),
        RolloutAction::Shadow(..) | RolloutAction::RollBack => None,
    };
    match (action, policy) {
        (RolloutAction::RollBack, _) if after.active.is_none() => {
            "No release is active then: each worker transforms by the rules that it was started with.".to_owned()
        }
        (RolloutAction::RollBack, _) => {
            "Workers follow with their next poll of the registry. Chunks that are open now end by the rules that they began \
             with."
                .to_owned()
        }
        (_, Some(policy)) => format!("{checked} {}", policy_in_words(policy)),
        (_, None) => checked.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use sluice_release::rollout::Share;

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
        let action = RolloutAction::Activate(release);
        let evidence = html! { "no trial" };
        let html = confirmation(&form, action, &preview, &named, &evidence).into_string();
        let was = format!("jq {}", view.rollout.active.unwrap());
        let becomes = format!("jq {release}");
        assert!(html.find(&was) < html.rfind(&becomes), "{html}");
        assert!(html.find("no trial") < html.find("Activate it"), "{html}");
        assert_eq!(html.matches("<td>changes</td>").count(), 3, "{html}");
        assert!(html.contains("value=\"&lt;b&gt;why&lt;/b&gt;\""), "{html}");
        assert!(html.contains("name=\"seen\" value=\"4\""), "{html}");
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
        let canary = rollout.canary.as_ref().unwrap().release;
        let action = RolloutAction::Canary(canary, Share::ALL);
        let text = consequence(action, &rollout);
        assert!(
            text.contains("checks the release") && text.contains("1,000 records"),
            "{text}"
        );
        let text = consequence(RolloutAction::Shadow(canary, Share::ALL), &rollout);
        assert!(!text.contains("rolls it back"), "{text}");
        let text = consequence(RolloutAction::RollBack, &Rollout::new());
        assert!(text.contains("No release is active then"), "{text}");
    }
}
