//! Forms as they are sent and shown.

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
fn a_form_becomes_a_change() {
    let release = view().releases[0].id;
    let id = release.to_string();
    let policy = Some(RollbackPolicy::default());
    let trial = |rollback_policy| Trial {
        release,
        share: "5%".parse().unwrap(),
        rollback_policy,
    };
    for (form, expected) in [
        (
            form("activate", &id, ""),
            RolloutChange::Activate(release, policy),
        ),
        (
            form("canary", &id, "5%"),
            RolloutChange::Canary(trial(policy)),
        ),
        (
            form("shadow", &id, " 0.05 "),
            RolloutChange::Shadow(trial(None)),
        ),
        (form("rollback", "", ""), RolloutChange::RollBack),
    ] {
        assert_eq!(form.change().unwrap(), expected);
    }
    for (form, problem) in [
        (form("", &id, ""), "Choose what to do"),
        (form("activate", "1a2b", ""), "Choose a release"),
        (form("canary", &id, ""), "such as 5%"),
        (form("shadow", &id, "5"), "such as 5%"),
    ] {
        let error = form.change().unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
    }
    assert!(form("", "", "").seen().is_err());
}

#[test]
fn each_input_has_a_label_of_its_own() {
    let view = view();
    let offered: Vec<_> = view.releases.iter().map(|it| &it.manifest).collect();
    let form = ChangeForm::untouched();
    let html =
        html! { (activation(&choice(&offered, &form), &form)) (rollback(&view.rollout, &form)) };
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
    assert!(!html.contains("aria-invalid"), "{html}");
}

#[test]
fn what_was_typed_is_kept_and_the_wrong_field_is_named() {
    let view = view();
    let offered: Vec<_> = view.releases.iter().map(|it| &it.manifest).collect();
    let chosen = view.releases[1].id.to_string();
    let mut form = ChangeForm {
        why: "<b>why</b>".into(),
        ..form(SHADOW, &chosen, "7")
    };
    assert_eq!(form.wrong_field().unwrap().0, "activate-share");
    let html = activation(&choice(&offered, &form), &form).into_string();
    assert!(
        html.contains(&format!("value=\"{chosen}\" selected")),
        "{html}"
    );
    assert!(html.contains("value=\"shadow\" required checked"), "{html}");
    assert!(html.contains("value=\"&lt;b&gt;why&lt;/b&gt;\""), "{html}");
    assert_eq!(html.matches("aria-invalid=\"true\"").count(), 1, "{html}");
    assert!(html.contains("aria-describedby=\"refusal\""), "{html}");
    form.share = "7%".into();
    assert_eq!(form.wrong_field(), None);
    form.why = " ".into();
    assert_eq!(form.wrong_field().unwrap().0, "activate-why");
    form.action = ROLL_BACK.into();
    assert_eq!(form.wrong_field().unwrap().0, "rollback-why");
    form.action = "nothing".into();
    assert_eq!(form.wrong_field().unwrap().0, "activate-canary");
}

#[test]
fn a_form_knows_the_last_change_that_it_has_shown() {
    let view = view();
    let html = rollback(&view.rollout, &ChangeForm::untouched()).into_string();
    assert!(html.contains("name=\"seen\" value=\"4\""), "{html}");
    let of = |seen: &str| ChangeForm {
        seen: seen.into(),
        ..ChangeForm::untouched()
    };
    assert!(of("3").is_older_than(&view.rollout));
    assert!(!of("4").is_older_than(&view.rollout) && !of("").is_older_than(&view.rollout));
}

#[test]
fn a_rollback_says_what_it_does() {
    let mut rollout = view().rollout;
    rollout.shadow = None;
    assert!(effect_of_rollback(&rollout).starts_with("This ends the canary. "));
    rollout.canary = None;
    assert!(effect_of_rollback(&rollout).starts_with("This activates the release"));
    rollout.previous = vec![None];
    assert!(effect_of_rollback(&rollout).contains("no release is active then"));
}

#[test]
fn a_rollback_needs_something_to_return_to() {
    let html = rollback(&Rollout::new(), &ChangeForm::untouched()).into_string();
    assert!(
        html.contains("nothing to roll back") && !html.contains("<form"),
        "{html}"
    );
}
