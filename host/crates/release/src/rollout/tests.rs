use sluice_engine::digest::Digest;

use super::*;

fn author() -> Author {
    Author {
        by: "test".into(),
        at: Utc::now(),
        why: None,
    }
}

fn id(name: &str) -> ReleaseId {
    Digest::of(name.as_bytes())
}

fn active(names: &[&str]) -> Rollout {
    names.iter().fold(Rollout::new(), |rollout, name| {
        rollout.activate(id(name), None, &author()).unwrap()
    })
}

fn trial(name: &str) -> Trial {
    Trial {
        release: id(name),
        share: Share::ALL,
        rollback_policy: None,
    }
}

#[test]
fn rollbacks_return_step_by_step_to_the_release_that_hosts_were_started_with() {
    let two = active(&["a", "b"]);
    let one = two.roll_back(&author()).unwrap();
    let none = one.roll_back(&author()).unwrap();
    assert_eq!(one.active, Some(id("a")));
    assert_eq!(none.active, None);
    assert_eq!(
        none.roll_back(&author()),
        Err(RolloutError::NothingToRollBack)
    );
    let numbers: Vec<_> = none.history.iter().map(|change| change.number).collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
}

#[test]
fn a_rollback_ends_a_trial_first() {
    let tried = active(&["a"]).try_canary(trial("b"), &author()).unwrap();
    let ended = tried.roll_back(&author()).unwrap();
    assert_eq!((ended.active, &ended.canary), (Some(id("a")), &None));
    let shadowed = active(&["a"]).try_shadow(trial("b"), &author()).unwrap();
    assert_eq!(shadowed.roll_back(&author()).unwrap().shadow, None);
}

#[test]
fn an_activated_canary_is_no_longer_a_canary() {
    let tried = active(&["a"]).try_canary(trial("b"), &author()).unwrap();
    let whole = tried.activate(id("b"), None, &author()).unwrap();
    assert_eq!((whole.active, &whole.canary), (Some(id("b")), &None));
    assert_eq!(whole.roll_back(&author()).unwrap().active, Some(id("a")));
}

#[test]
fn what_was_rolled_back_is_not_rolled_back_again() {
    let two = active(&["a", "b"]);
    let back = two.roll_back_release(id("b"), &author()).unwrap();
    assert_eq!(back.active, Some(id("a")));
    assert_eq!(back.roll_back_release(id("b"), &author()), None);
    let tried = back.try_canary(trial("c"), &author()).unwrap();
    let ended = tried.roll_back_release(id("c"), &author()).unwrap();
    assert_eq!((ended.active, ended.canary), (Some(id("a")), None));
}

#[test]
fn an_active_release_is_not_activated_again() {
    let one = active(&["a"]);
    let again = one.activate(id("a"), None, &author());
    assert_eq!(again, Err(RolloutError::AlreadyActive(id("a"))));
    assert!(one.try_canary(trial("a"), &author()).is_err());
    assert!(one.try_shadow(trial("a"), &author()).is_err());
}

#[test]
fn a_policy_watches_for_its_time() {
    let rollback_policy = Some(RollbackPolicy::default());
    let rollout = Rollout::new()
        .activate(id("a"), rollback_policy, &author())
        .unwrap();
    assert!(rollout.policy_at(Utc::now()).is_some());
    assert!(rollout.policy_at(Utc::now() + TimeDelta::days(1)).is_none());
    assert!(active(&["a"]).policy_at(Utc::now()).is_none());
}

#[test]
fn the_history_is_bounded() {
    let mut rollout = Rollout::new();
    for n in 0..3 * HISTORY_MAX {
        rollout = rollout
            .activate(id(&n.to_string()), None, &author())
            .unwrap();
    }
    assert_eq!(rollout.history.len(), HISTORY_MAX);
    assert_eq!(rollout.previous.len(), PREVIOUS_MAX);
    let text = serde_json::to_string(&rollout).unwrap();
    assert_eq!(serde_json::from_str::<Rollout>(&text).unwrap(), rollout);
}

#[test]
fn a_share_is_more_than_nothing_and_at_most_everything() {
    assert_eq!("5%".parse(), "0.05".parse::<Share>());
    for wrong in ["0", "0%", "101%", "1.1", "-1", "x", "nan"] {
        assert!(wrong.parse::<Share>().is_err(), "{wrong}");
    }
    assert_eq!("5%".parse::<Share>().unwrap().to_string(), "5 %");
    assert!(Share::ALL.has(u64::MAX) && Share::ALL.has(0));
    let tenth: Share = "10%".parse().unwrap();
    assert!(tenth.has(u64::MAX / 11) && !tenth.has(u64::MAX / 9));
}

#[test]
fn a_document_of_another_version_is_rejected_with_advice() {
    let text = serde_json::to_string(&active(&["a"])).unwrap();
    assert!(Rollout::parse(text.as_bytes()).is_ok());
    let before = r#"{"version":1,"number":4,"judge_after":100}"#;
    let error = Rollout::parse(before.as_bytes()).unwrap_err();
    assert_eq!(error, RolloutError::Version(1));
    for part in ["version 1", "reads version 2", "finish or discard"] {
        assert!(error.to_string().contains(part), "{error}");
    }
    let damaged = Rollout::parse(b"{");
    assert!(matches!(damaged, Err(RolloutError::Damaged(_))));
}

#[test]
fn a_change_by_a_host_is_known_by_its_name() {
    let is_by_host = |by: &str| {
        let author = Author {
            by: by.into(),
            ..author()
        };
        let rollout = Rollout::new().try_canary(trial("a"), &author).unwrap();
        rollout.history[0].is_by_host()
    };
    assert!(is_by_host(&host_name(None, 7)) && is_by_host(&host_name(Some("box"), 7)));
    for person in ["sluice", "sluice@box", "sluice (console)", "ada on box", ""] {
        assert!(!is_by_host(person), "{person}");
    }
}

#[test]
fn a_share_that_is_none_is_named_as_it_was_given() {
    for text in ["500%", "0%", "-1", "NaN"] {
        let error = text.parse::<Share>().unwrap_err();
        assert!(
            error.starts_with(&format!("{text:?} is not a share")),
            "{error}"
        );
    }
}
