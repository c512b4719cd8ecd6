//! Changes of a registry, and what prevents them.

use sluice_engine::digest::Digest;
use sluice_release::signature::PublicKey;

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
    let seen = active(&place, &["a", "b"]).await.number;
    let change = |why| change_in(&place, &releases, &RolloutChange::RollBack, why, seen);
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
    let change = RolloutChange::RollBack;
    let error = change_in(&place, &releases, &change, "why", seen).await;
    let PageError::Wrong(text) = error.unwrap_err() else {
        panic!("the change was made")
    };
    let last = format!("activated {} by", Digest::of(b"c").short());
    assert!(
        text.starts_with("Nothing was changed") && text.contains(&last),
        "{text}"
    );
    assert!(
        text.contains(" UTC: ") && !text.contains("active.json"),
        "{text}"
    );
    assert_eq!(active(&place, &[]).await, before);
    let same = change_in(&place, &releases, &change, "why", before.number);
    same.await.unwrap();
}

/// A page that was loaded before and one that shows the empty registry change nothing, and nothing is published into it.
#[tokio::test]
async fn a_registry_that_is_gone_is_not_begun_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registry");
    let (place, releases) = (place(&path), Releases::new());
    let empty = Rollout::new();
    assert!(check_is_there(&releases, &empty).is_ok());
    let seen = active(&place, &["a", "b"]).await.number;
    std::fs::rename(&path, folder.path().join("away")).unwrap();
    let change = RolloutChange::Activate(Digest::of(b"a"), None);
    let made = change_in(&place, &releases, &change, "why", seen).await;
    let text = made.unwrap_err().to_string();
    assert!(text.contains("the registry is gone"), "{text}");
    std::fs::rename(folder.path().join("away"), &path).unwrap();
    while releases.view(&place).await.ready().is_none() {}
    std::fs::rename(&path, folder.path().join("away")).unwrap();
    let refused = check_is_there(&releases, &empty).unwrap_err().to_string();
    assert!(refused.contains("the registry is gone"), "{refused}");
    let made = change_in(&place, &releases, &change, "why", 0).await;
    assert_eq!(made.unwrap_err().to_string(), refused);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_release_that_fails_admission_is_not_activated() {
    let folder = tempfile::tempdir().unwrap();
    let (place, releases) = (place(folder.path()), Releases::new());
    let bundle = bundle("{}", "2026-01-01T00:00:00Z");
    place.registry.keep(&bundle).await.unwrap();
    let change = RolloutChange::Activate(bundle.manifest().id(), None);
    let error = change_in(&place, &releases, &change, "why", 0).await;
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

#[tokio::test]
async fn only_a_release_that_is_signed_is_activated_if_there_is_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let mut place = place(folder.path());
    let line = "MCowBQYDK2VwAyEAmOb99YIqskfxIueXBl7ziu24LJYsT7NmxaTdsa+d1nc=";
    let keys = &mut Arc::get_mut(&mut place).unwrap().keys;
    keys.public = Some(PublicKey::parse(line).unwrap());
    let bundle = bundle("{}", "2026-01-01T00:00:00Z");
    place.registry.keep(&bundle).await.unwrap();
    let change = RolloutChange::Activate(bundle.manifest().id(), None);
    let error = change_in(&place, &Releases::new(), &change, "why", 0).await;
    let text = error.unwrap_err().to_string();
    assert!(
        text.contains("signature: the release is not signed"),
        "{text}"
    );
}
