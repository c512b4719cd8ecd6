//! Finds releases by their ids: in the registry, in the lake, which keeps each release that has written to it, and among the
//! built-in transforms with their default configuration.

use std::sync::LazyLock;

use serde_json::Value;
use sluice_engine::digest::Digest;
use sluice_release::bundle::{Manifest, ReleaseBundle, ReleaseId, ReleasePrefix};
use sluice_release::registry::{Registry, RegistryError};
use sluice_storage::retry::RetryPolicy;

use super::form::ACTIVE;
use crate::builtin::Builtin;
use crate::config::store_setting;
use crate::console::page::PageError;
use crate::console::payload::bounded;
use crate::console::{Console, RETRY_TIMEOUT};
use crate::layout::object_key::{METADATA_FOLDER, ShortId};

/// The partition column that `builtin:enrich` always gives.
const EVENT_TYPE: &str = "event_type";

/// The digests of the built-in components.
static BUILTINS: LazyLock<[(Builtin, Digest); 3]> =
    LazyLock::new(|| Builtin::ALL.map(|builtin| (builtin, Digest::of(builtin.component()))));

/// The release that a user names by its id, by the first digits of one of the registry, or as the active one.
///
/// # Errors
/// There is none, or it cannot be read.
pub(super) async fn named(console: &Console, name: &str) -> Result<ReleaseBundle, PageError> {
    let no_registry = || {
        let why = "This console shows no registry. Start it with --registry to try its releases.";
        PageError::Wrong(why.into())
    };
    let place = console.registry.as_ref().ok_or_else(no_registry);
    let id = match name.trim() {
        ACTIVE => active(&place?.registry).await?,
        digits => {
            let name: ReleasePrefix = digits.parse().map_err(PageError::Wrong)?;
            match name.id() {
                Some(id) => id,
                None => {
                    let found = place?.registry.find(&name).await;
                    found.map_err(anyhow::Error::from)?
                }
            }
        }
    };
    let found = by_id(console, id).await?;
    found.ok_or_else(|| PageError::NotFound(unknown(id)))
}

/// The id of the active release.
async fn active(registry: &Registry) -> Result<ReleaseId, PageError> {
    let active = registry.active().await.map_err(anyhow::Error::from)?;
    active.rollout.active.ok_or_else(|| {
        PageError::NotFound("No release of the registry is active. Choose a release.".into())
    })
}

/// The registry that has a release, as the commands name it: that of the console, or the one that the lake keeps.
pub(super) async fn registry_of(console: &Console, id: ReleaseId) -> Option<String> {
    if let Some(place) = &console.registry
        && place.registry.manifest(id).await.is_ok()
    {
        return Some(place.target.clone());
    }
    let kept = of_lake(console).await.ok()??;
    kept.manifest(id).await.ok()?;
    let lake = store_setting(&console.lake.as_ref()?.location);
    Some(format!("{}/{METADATA_FOLDER}", lake.trim_end_matches('/')))
}

/// A release; `None` if nobody has it.
///
/// # Errors
/// It cannot be read, or is damaged.
pub(super) async fn by_id(
    console: &Console,
    id: ReleaseId,
) -> anyhow::Result<Option<ReleaseBundle>> {
    let state = &console.pages.try_rules;
    if let Some(known) = state.releases.find(|manifest| manifest.id() == id) {
        return Ok(Some(known));
    }
    let registry = console.registry.as_ref().map(|place| &place.registry);
    let places = [registry, of_lake(console).await?];
    for registry in places.into_iter().flatten() {
        match registry.get(id).await {
            Ok(bundle) => {
                let manifest = bundle.manifest().clone();
                state.releases.insert(manifest, bundle.clone());
                return Ok(Some(bundle));
            }
            Err(RegistryError::Missing { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let mut defaults = Builtin::ALL.into_iter().filter_map(with_defaults);
    Ok(defaults.find(|bundle| bundle.manifest().id() == id))
}

/// The release of the lake whose id begins so; `None` if the lake does not have it.
///
/// # Errors
/// The lake cannot be read.
pub(super) async fn by_first_digits(
    console: &Console,
    digits: ShortId,
) -> anyhow::Result<Option<ReleaseBundle>> {
    let name: ReleasePrefix = digits.to_string().parse().map_err(anyhow::Error::msg)?;
    let Some(releases) = of_lake(console).await? else {
        return Ok(None);
    };
    match releases.find(&name).await {
        Ok(id) => by_id(console, id).await,
        Err(RegistryError::Unknown(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The releases that the lake keeps.
async fn of_lake(console: &Console) -> anyhow::Result<Option<&Registry>> {
    let Some(lake) = &console.lake else {
        return Ok(None);
    };
    let folder = lake.location.below(METADATA_FOLDER);
    let retries = RetryPolicy::new(RETRY_TIMEOUT).without_waiting_for_permission();
    let open = || async move { Registry::open(&folder, retries).await };
    let releases = console.pages.try_rules.of_lake.get_or_try_init(open);
    Ok(Some(releases.await?))
}

/// A built-in transform with its default configuration. That for jq has none: it needs a program.
pub(super) fn with_defaults(builtin: Builtin) -> Option<ReleaseBundle> {
    ReleaseBundle::new(builtin.component().to_vec(), "{}").ok()
}

/// What is said of a release that nobody has.
pub(super) fn unknown(id: ReleaseId) -> String {
    format!(
        "The rules of release {} are not known: neither the registry nor the lake has them, and they are no built-in transform \
         of this program with its default configuration.",
        id.short()
    )
}

/// The longest configuration that is shown in a sentence, bytes.
const SHORT: usize = 80;

/// The built-in transform of a release, if its component is one of this program.
pub(super) fn builtin(manifest: &Manifest) -> Option<Builtin> {
    let mut all = BUILTINS.iter();
    let found = all.find(|(_, digest)| *digest == manifest.component);
    found.map(|(builtin, _)| *builtin)
}

/// The name of the rules of a release, for people.
pub(super) fn name(bundle: &ReleaseBundle) -> String {
    let manifest = bundle.manifest();
    match (builtin(manifest), &manifest.transform) {
        (Some(builtin), _) => builtin.to_string(),
        (None, Some(transform)) => bounded(transform),
        (None, None) => "a component".to_owned(),
    }
}

/// The rules of a release with their configuration, for people. A long one, such as a program, is only named.
pub(super) fn described(bundle: &ReleaseBundle) -> String {
    let name = name(bundle);
    match bundle.transform_config() {
        "{}" => format!("{name} with its default configuration"),
        _ if builtin(bundle.manifest()) == Some(Builtin::Jq) => format!("{name} with its program"),
        config if config.len() <= SHORT => {
            format!("{name} with the configuration {}", bounded(config))
        }
        _ => format!("{name} with its own configuration"),
    }
}

/// The columns that the rules of a release partition each event by, as far as their configuration tells.
pub(super) fn columns(bundle: &ReleaseBundle) -> Vec<String> {
    let builtin = builtin(bundle.manifest());
    let first = (builtin == Some(Builtin::Enrich)).then(|| EVENT_TYPE.to_owned());
    let config: Value = serde_json::from_str(bundle.transform_config()).unwrap_or_default();
    let listed = match builtin {
        Some(Builtin::Enrich | Builtin::Jq) => config["partition_by"].as_array(),
        Some(Builtin::Copy) | None => None,
    };
    let listed = listed.into_iter().flatten();
    let names = listed.filter_map(|column| column.as_str().or_else(|| column["column"].as_str()));
    first
        .into_iter()
        .chain(names.map(ToOwned::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(builtin: Builtin, config: &str) -> ReleaseBundle {
        ReleaseBundle::new(builtin.component().to_vec(), config).unwrap()
    }

    #[test]
    fn rules_are_described_with_their_configuration() {
        let enrich = with_defaults(Builtin::Enrich).unwrap();
        assert_eq!(
            described(&enrich),
            "builtin:enrich with its default configuration"
        );
        let other = ReleaseBundle::new(b"x".to_vec(), r#"{"a":"<b>"}"#).unwrap();
        assert_eq!(
            described(&other),
            r#"a component with the configuration {"a":"<b>"}"#
        );
        let jq = of(Builtin::Jq, r#"{"program":"."}"#);
        assert_eq!(described(&jq), "builtin:jq with its program");
        let long = format!(r#"{{"a":"{}"}}"#, "b".repeat(SHORT));
        let long = ReleaseBundle::new(b"x".to_vec(), &long).unwrap();
        assert_eq!(described(&long), "a component with its own configuration");
    }

    #[test]
    fn a_configuration_tells_the_columns() {
        let enrich = of(Builtin::Enrich, r#"{"partition_by":["date"]}"#);
        assert_eq!(columns(&enrich), ["event_type", "date"]);
        let config = r#"{"program":".","partition_by":["a",{"column":"b","member":"B"}]}"#;
        assert_eq!(columns(&of(Builtin::Jq, config)), ["a", "b"]);
        assert!(columns(&of(Builtin::Copy, r#"{"partition_by":["a"]}"#)).is_empty());
    }
}
