//! What is said after a change: what was done, and what can be done next.

use maud::{Markup, html};
use sluice_release::bundle::ReleaseId;
use sluice_release::rollout::{Rollout, Share};

use super::{in_words, link};
use crate::console::pages::notes::done;
use crate::console::publishing::Published;
use crate::console::releases::STARTED_WITH;
use crate::tools::publisher::change::RolloutChange;

/// When workers follow.
const FOLLOW: &str = "Each worker follows at its next poll of the registry. It polls every 5 s, or as --registry-poll says.";

/// What a change has done, by the newest entry of the history.
pub(super) fn changed(made: &RolloutChange, rollout: &Rollout) -> Markup {
    let what = html! {
        "The change was written"
        @if let Some(change) = rollout.history.last() {
            ", #" (change.number) ": " (in_words(change.what)) " "
            @match change.release {
                Some(release) => (link(release)),
                None => (STARTED_WITH),
            }
        }
        ". " (FOLLOW)
    };
    let followed = html! { "See " a href="#workers" { "whether the workers follow" } "." };
    let next = match made {
        RolloutChange::Activate(..) => vec![followed, watch_limits(), redrive(), roll_back()],
        RolloutChange::Canary(trial) => {
            let release = trial.release;
            vec![followed, watch(release), activate(release), roll_back()]
        }
        RolloutChange::Shadow(trial) => {
            let compared = html! { "See " a href="#shadow" { "how its results differ" } "." };
            vec![followed, compared, activate(trial.release), roll_back()]
        }
        RolloutChange::RollBack => vec![followed, redrive()],
    };
    done(&what, &next)
}

fn watch_limits() -> Markup {
    html! { "See " a href="#budgets" { "how near it is to an automatic rollback" } "." }
}

fn watch(release: ReleaseId) -> Markup {
    html! { "Watch " a href={ "/release?id=" (release) } { "what is measured" } "." }
}

fn redrive() -> Markup {
    html! { "When they do, " a href="/quarantine" { "redrive the quarantined records" } " that the active rules take." }
}

fn activate(release: ReleaseId) -> Markup {
    html! { "If it does well, " a href={ "/release?id=" (release) "#change" } { "activate it" } "." }
}

fn roll_back() -> Markup {
    html! { "If it does not do well, " a href="/releases#change" { "roll back" } "." }
}

/// What a publication has done. With a share, the release is the canary too. `times` says how long a record takes, if the
/// rules were tried.
pub(in crate::console::pages) fn published(
    release: Published,
    canary: Option<Share>,
    times: Option<&str>,
) -> Markup {
    let Published {
        id,
        is_new,
        is_signed,
    } = release;
    let what = html! {
        @match is_new {
            true => { "Release " (link(id)) " was published" }
            false => { "Release " (link(id)) " was published before, and its note stays as it was" }
        }
        @if is_signed { ", and signed" }
        @match canary {
            Some(share) => { ". It is the canary now, and transforms " (share) " of the chunks. " (FOLLOW) }
            None if is_new => ". It transforms nothing yet.",
            None => ".",
        }
        @if let Some(times) = times { " " (times) }
    };
    let next = match canary {
        Some(_) => vec![
            html! { "Load this page again to watch " a href="#trial" { "what is measured" } "." },
            html! { "If it does well, " a href="#change" { "activate it" } "." },
            roll_back(),
        ],
        None => vec![
            html! { "See " a href="#difference" { "how it differs from the active release" } "." },
            html! { a href="#change" { "Let it start" } " as a canary or a shadow, or activate it." },
        ],
    };
    done(&what, &next)
}

#[cfg(test)]
mod tests {
    use super::super::tests::view;
    use super::*;

    #[test]
    fn a_change_is_said_with_what_can_be_done_next() {
        let view = view();
        let shadow = view.rollout.shadow.clone().unwrap();
        let html = changed(&RolloutChange::Shadow(shadow), &view.rollout);
        let html = html.into_string();
        assert!(
            html.contains("The change was written") && html.contains("#4: made the shadow"),
            "{html}"
        );
        assert!(
            html.contains("#shadow") && html.contains("roll back"),
            "{html}"
        );
        assert!(!html.contains("/quarantine"), "{html}");
        let html = changed(&RolloutChange::RollBack, &Rollout::new()).into_string();
        assert!(html.contains("The change was written") && !html.contains("#shadow"));
        assert!(html.contains("/quarantine"), "{html}");
        let activated = RolloutChange::Activate(view.releases[0].id, None);
        let html = changed(&activated, &view.rollout).into_string();
        let next = [
            "#workers",
            "#budgets",
            "/quarantine",
            "If it does not do well, ",
        ];
        let places = next.map(|part| html.find(part));
        assert!(
            places.iter().all(Option::is_some) && places.is_sorted(),
            "{html}"
        );
    }

    #[test]
    fn a_publication_says_whether_anything_uses_the_release() {
        let release = Published {
            id: view().releases[0].id,
            is_new: true,
            is_signed: false,
        };
        let html = published(release, None, None).into_string();
        assert!(
            html.contains("was published. It transforms nothing yet."),
            "{html}"
        );
        let again = Published {
            is_new: false,
            is_signed: true,
            ..release
        };
        let html = published(again, None, Some("A record takes <10> times")).into_string();
        assert!(!html.contains("transforms nothing"), "{html}");
        assert!(
            html.contains(" stays as it was, and signed. A record takes &lt;10&gt; times"),
            "{html}"
        );
        let html = published(again, Some("5%".parse().unwrap()), None).into_string();
        assert!(
            html.contains("was published before") && html.contains("and signed"),
            "{html}"
        );
        assert!(html.contains("transforms 5 % of the chunks"), "{html}");
    }
}
