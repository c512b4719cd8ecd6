use chrono::Utc;
use sluice_storage::folder::FolderStore;

use super::*;
use crate::rollout::Author;

fn registry(folder: &tempfile::TempDir) -> Registry {
    let store = FolderStore::shared(folder.path().to_owned());
    Registry::new(Arc::new(store), Known::default())
}

fn bundle() -> ReleaseBundle {
    ReleaseBundle::new(b"component".to_vec(), r#"{"a":1}"#).unwrap()
}

#[tokio::test]
async fn a_release_is_read_as_it_was_stored() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = bundle();
    assert!(registry(&folder).keep(&bundle).await.unwrap());
    let again = registry(&folder);
    assert!(!again.keep(&bundle).await.unwrap());
    assert!(!again.keep(&bundle).await.unwrap());
    assert!(again.get(bundle.manifest().id()).await.unwrap() == bundle);
}

#[tokio::test]
async fn releases_with_another_configuration_share_the_component() {
    let folder = tempfile::tempdir().unwrap();
    let bundles = [r#"{"program":"."}"#, r#"{"program":"empty"}"#]
        .map(|config| ReleaseBundle::new(b"component".to_vec(), config).unwrap());
    let file = folder
        .path()
        .join(component_name(bundles[0].manifest().component));
    let kept = registry(&folder).keep(&bundles[0]).await;
    assert!(kept.unwrap());
    let before = std::fs::metadata(&file).unwrap().modified().unwrap();
    let kept = registry(&folder).keep(&bundles[1]).await;
    assert!(kept.unwrap());
    assert_eq!(
        std::fs::metadata(&file).unwrap().modified().unwrap(),
        before
    );
    for bundle in &bundles {
        let read = registry(&folder).get(bundle.manifest().id()).await;
        assert!(read.unwrap() == *bundle);
    }
    // A component that was cut off is not taken for the whole one.
    std::fs::write(&file, b"compo").unwrap();
    let third = ReleaseBundle::new(b"component".to_vec(), r#"{"program":"1"}"#).unwrap();
    assert!(registry(&folder).keep(&third).await.is_err());
}

#[tokio::test]
async fn a_damaged_or_missing_release_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let registry = registry(&folder);
    let bundle = bundle();
    let id = bundle.manifest().id();
    let missing = registry.get(id).await;
    assert!(matches!(missing, Err(RegistryError::Missing { .. })));
    registry.keep(&bundle).await.unwrap();
    let component = folder
        .path()
        .join(component_name(bundle.manifest().component));
    std::fs::write(&component, b"something else").unwrap();
    let damaged = registry.get(id).await;
    assert!(matches!(damaged, Err(RegistryError::Damaged { .. })));
    std::fs::write(&component, vec![0; COMPONENT_MAX_BYTES + 1]).unwrap();
    let large = registry.get(id).await;
    assert!(matches!(large, Err(RegistryError::Size { .. })));
}

#[tokio::test]
async fn of_two_concurrent_changes_one_wins_and_the_other_gets_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let registry = registry(&folder);
    let author = Author {
        by: "test".into(),
        at: Utc::now(),
        why: None,
    };
    let seen = registry.active().await.unwrap();
    let change = |name: &str| {
        let release = Digest::of(name.as_bytes());
        seen.rollout.activate(release, None, &author).unwrap()
    };
    let (first, second) = (change("first"), change("second"));
    registry.change(&seen, &first).await.unwrap();
    let raced = registry.change(&seen, &second).await;
    assert!(matches!(raced, Err(RegistryError::Conflict)));
    let now = registry.active().await.unwrap();
    assert_eq!(now.rollout, first);
    assert!(registry.active_since(Some(&now)).await.unwrap().is_none());
    assert!(registry.active_since(Some(&seen)).await.unwrap().is_some());
}

#[tokio::test]
async fn a_list_of_releases_says_which_are_signed() {
    let folder = tempfile::tempdir().unwrap();
    let registry = registry(&folder);
    assert!(registry.releases().await.unwrap().is_empty());
    let bundles = [r#"{"a":1}"#, r#"{"a":2}"#]
        .map(|config| ReleaseBundle::new(b"component".to_vec(), config).unwrap());
    for bundle in &bundles {
        registry.keep(bundle).await.unwrap();
    }
    let [signed, unsigned] = bundles.map(|bundle| bundle.manifest().id());
    registry.sign(signed, "c2lnbmF0dXJl").await.unwrap();
    std::fs::write(folder.path().join("releases/README.json"), "no release").unwrap();
    let listed = registry.releases_and_signatures().await.unwrap();
    assert_eq!(listed.len(), 2);
    assert!(listed[&signed] && !listed[&unsigned]);
    let ids: Vec<_> = listed.into_keys().collect();
    assert_eq!(registry.releases().await.unwrap(), ids);
}
