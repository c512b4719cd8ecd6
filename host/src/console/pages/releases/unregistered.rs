//! The page of a release that the registry does not have: what the lake, the workers and this program know of it.

use maud::{Markup, html};
use sluice_engine::digest::Digest;
use sluice_release::bundle::{Manifest, ReleaseBundle, ReleaseId};
use sluice_release::registry::{Registry, RegistryError};
use sluice_storage::location::StoreLocation;
use sluice_storage::retry::RetryPolicy;

use super::measured::of_chunks;
use super::program::program;
use crate::builtin::Builtin;
use crate::config::{shell_word, store_setting};
use crate::console::cached::View;
use crate::console::components::{empty, facts, problem, shard_link, viewed};
use crate::console::page::{Page, Section};
use crate::console::pages::schema::ChunksOfRelease;
use crate::console::payload::inert;
use crate::console::{Console, Lake, RETRY_TIMEOUT};
use crate::layout::object_key::METADATA_FOLDER;

/// The configuration of rules that have none.
const NO_CONFIG: &str = "{}";

/// What is known of a release that is not in the registry.
struct Unregistered {
    id: ReleaseId,
    /// The registry, as the user has written it.
    registry: Option<String>,
    /// What the lake keeps of it: a lake has each release that has written to it.
    manifest: Option<Manifest>,
    /// Where the lake is, if it keeps the release.
    lake: Option<StoreLocation>,
    /// Why the lake's copy cannot be read.
    problem: Option<String>,
    /// The built-in transform whose component it has.
    builtin: Option<Builtin>,
    /// What a worker that uses it calls its transform.
    name: Option<String>,
    /// The shards that have a pending chunk of it.
    pending: Vec<String>,
    chunks: Option<View<ChunksOfRelease>>,
}

/// The page.
pub(super) async fn page(console: &Console, id: ReleaseId) -> Page {
    let (manifest, problem) = match &console.lake {
        Some(lake) => match kept(lake, id).await {
            Ok(manifest) => (manifest, None),
            Err(error) => (
                None,
                Some(format!("cannot read the lake's copy of it: {error}")),
            ),
        },
        None => (None, None),
    };
    let chunks = match &console.lake {
        Some(lake) => Some(console.pages.schema.chunks_of(console, lake, id).await),
        None => None,
    };
    let lake = console.lake.as_ref().filter(|_| manifest.is_some());
    let known = Unregistered {
        id,
        registry: console.registry.as_ref().map(|place| place.target.clone()),
        builtin: builtin(id, manifest.as_ref()),
        name: name(console, id),
        pending: pending(console, id).await,
        lake: lake.map(|lake| lake.location.clone()),
        manifest,
        problem,
        chunks,
    };
    let mut sections = vec![
        Section::fixed("release", known.about()),
        Section::fixed("use", known.used()),
        Section::fixed("publish", known.publication()),
    ];
    if let Some(manifest) = &known.manifest {
        sections.push(Section::fixed("program", program(manifest)));
    }
    Page {
        title: format!("Release {}", id.short()),
        sections,
    }
}

/// What the lake keeps of a release.
async fn kept(lake: &Lake, id: ReleaseId) -> anyhow::Result<Option<Manifest>> {
    let folder = lake.location.below(METADATA_FOLDER);
    let registry = Registry::open(&folder, RetryPolicy::new(RETRY_TIMEOUT)).await?;
    match registry.manifest(id).await {
        Ok(manifest) => Ok(Some(manifest)),
        Err(RegistryError::Unknown(_) | RegistryError::Missing { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The built-in transform of a release: by its manifest, or else one without a configuration that has this id.
fn builtin(id: ReleaseId, manifest: Option<&Manifest>) -> Option<Builtin> {
    let mut builtins = Builtin::ALL.into_iter();
    builtins.find(|builtin| match manifest {
        Some(manifest) => Digest::of(builtin.component()) == manifest.component,
        None => {
            let bundle = ReleaseBundle::new(builtin.component().to_vec(), NO_CONFIG);
            bundle.is_ok_and(|bundle| bundle.manifest().id() == id)
        }
    })
}

/// What a worker that uses a release calls its transform.
fn name(console: &Console, id: ReleaseId) -> Option<String> {
    let id = id.to_string();
    let workers = console.workers.views();
    let mut statuses = workers.iter().filter_map(|worker| worker.status.as_ref());
    let status = statuses.find(|status| status.release == id)?;
    let transform = &status.transform;
    Some(format!("{} {}", transform.name, transform.version))
}

/// The shards that have a pending chunk of a release.
async fn pending(console: &Console, id: ReleaseId) -> Vec<String> {
    let View::Ready(seen) = console.ledgers.view().await else {
        return Vec::new();
    };
    let ledgers = seen.value.ledgers.iter();
    let pending = ledgers.filter(|it| it.pending().is_some_and(|pending| pending.release == id));
    pending.map(|it| it.shard().to_string()).collect()
}

impl Unregistered {
    /// The configuration; that of rules that have none if it is not known.
    fn config(&self) -> &str {
        let config = self.manifest.as_ref();
        config.map_or(NO_CONFIG, |manifest| manifest.transform_config.as_str())
    }

    fn about(&self) -> Markup {
        let what = match (self.builtin, &self.manifest) {
            (Some(builtin), _) => format!(
                "{builtin} of this program, version {}, {}",
                env!("CARGO_PKG_VERSION"),
                match self.config() {
                    NO_CONFIG => "without a configuration",
                    _ => "with the configuration below",
                }
            ),
            (None, Some(_)) => {
                "a component that is not part of this program, with the configuration below".into()
            }
            (None, None) => "unknown".into(),
        };
        let mut known = vec![
            ("Release", html! { code { (self.id) } }),
            ("Rules", html! { (what) }),
        ];
        known.extend(
            self.name
                .as_ref()
                .map(|name| ("Transform", html! { (inert(name)) })),
        );
        let component = self.manifest.as_ref().map(|manifest| manifest.component);
        known.extend(component.map(|it| ("Component", html! { code { (it) } })));
        html! {
            @if let Some(why) = &self.problem { (problem(why)) }
            p {
                @match &self.registry {
                    Some(registry) => {
                        "The registry " code { (inert(registry)) } " does not have this release. Either a run was given these rules "
                        "without the registry, or " code { "sluice transform gc" } " has removed the release."
                    }
                    None => "This console shows no registry. This is what the lake, the workers and this program know of the release.",
                }
            }
            (facts(&known))
        }
    }

    /// Where it was used.
    fn used(&self) -> Markup {
        html! {
            h2 { "Where it was used" }
            @match &self.chunks {
                Some(chunks) => (viewed(chunks, "the newest chunks of the lake", |seen| of_chunks(&seen.value))),
                None => (empty("No lake is shown.", "Start the console with --lake, such as --lake file:lake, to see which shards it has transformed.")),
            }
            @if !self.pending.is_empty() {
                p {
                    "A chunk of it is pending in: "
                    @for (index, shard) in self.pending.iter().take(PENDING_MAX).enumerate() {
                        @if index > 0 { ", " } (shard_link(shard))
                    }
                    @if self.pending.len() > PENDING_MAX { " and " (self.pending.len() - PENDING_MAX) " more" }
                    "."
                }
            }
        }
    }

    /// How it gets into a registry.
    fn publication(&self) -> Markup {
        let commands = self.commands();
        html! {
            h2 { "Put it into a registry" }
            @if commands.is_empty() {
                p {
                    "Publish the rules that the run was given, with the same configuration and without cases: "
                    code { "sluice transform publish RULES.wasm --registry " (inert(&self.target())) }
                    ". It gets this id again."
                }
            } @else {
                p { "Publish the same rules. The release gets this id again." }
                pre.copy { (inert(&commands.join("\n"))) }
            }
            @if self.registry.is_none() {
                p { "Then start the console, and the workers, with " code { "--registry" } "." }
            }
        }
    }

    fn target(&self) -> String {
        let target = self.registry.as_deref().unwrap_or("file:registry");
        shell_word(target)
    }

    /// The commands that publish it; none if nobody knows the component.
    fn commands(&self) -> Vec<String> {
        let config = match self.config() {
            NO_CONFIG => String::new(),
            config => format!(" --transform-config {}", shell_word(config)),
        };
        let publish = |rules: &str| {
            let rules = shell_word(rules);
            format!(
                "sluice transform publish {rules}{config} --registry {}",
                self.target()
            )
        };
        if let Some(builtin) = self.builtin {
            return vec![publish(&builtin.to_string())];
        }
        let (Some(manifest), Some(lake)) = (&self.manifest, &self.lake) else {
            return Vec::new();
        };
        let file = format!("{}.wasm", manifest.component);
        let folder = store_setting(&lake.below(METADATA_FOLDER).below("components"));
        let folder = folder.trim_end_matches('/');
        match folder.strip_prefix("file:") {
            Some(folder) => vec![publish(&format!("{folder}/{file}"))],
            None => {
                let from = shell_word(&format!("{folder}/{file}"));
                vec![format!("aws s3 cp {from} {file}"), publish(&file)]
            }
        }
    }
}

/// The most shards with a pending chunk that are named.
const PENDING_MAX: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown(id: ReleaseId) -> Unregistered {
        Unregistered {
            id,
            registry: None,
            manifest: None,
            lake: None,
            problem: None,
            builtin: None,
            name: None,
            pending: Vec::new(),
            chunks: None,
        }
    }

    #[test]
    fn the_built_in_transform_is_known_by_the_id() {
        let component = Builtin::Enrich.component().to_vec();
        let id = |config| {
            let bundle = ReleaseBundle::new(component.clone(), config).unwrap();
            bundle.manifest().clone()
        };
        let plain = id("{}");
        assert_eq!(builtin(plain.id(), None), Some(Builtin::Enrich));
        let by_day = id(r#"{"partition_by":["date"]}"#);
        assert_eq!(builtin(by_day.id(), None), None);
        assert_eq!(builtin(by_day.id(), Some(&by_day)), Some(Builtin::Enrich));
        let known = Unregistered {
            builtin: Some(Builtin::Enrich),
            manifest: Some(by_day.clone()),
            pending: vec!["s-1".into()],
            ..unknown(by_day.id())
        };
        let html = html! { (known.about()) (known.used()) (known.publication()) }.into_string();
        assert!(
            html.contains("builtin:enrich of this program, version "),
            "{html}"
        );
        assert!(html.contains("with the configuration below"), "{html}");
        assert!(html.contains("/shard?id=s-1"), "{html}");
        let command = "sluice transform publish builtin:enrich --transform-config '{\"partition_by\":[\"date\"]}' --registry \
                       file:registry";
        assert_eq!(known.commands(), [command]);
    }

    #[test]
    fn a_component_that_the_lake_keeps_is_published_from_there() {
        let bundle = ReleaseBundle::new(b"rules".to_vec(), "{}").unwrap();
        let manifest = bundle.manifest().clone();
        let file = format!("{}.wasm", manifest.component);
        let kept = |lake: StoreLocation| Unregistered {
            registry: Some("s3://bucket/registry".into()),
            manifest: Some(manifest.clone()),
            lake: Some(lake),
            ..unknown(manifest.id())
        };
        let folder = kept(StoreLocation::Folder("my lake".into())).commands();
        let command = format!(
            "sluice transform publish 'my lake/_sluice/components/{file}' --registry s3://bucket/registry"
        );
        assert_eq!(folder, [command]);
        let bucket = StoreLocation::S3 {
            bucket: "b".into(),
            prefix: "lake/".into(),
        };
        let commands = kept(bucket).commands();
        let copy = format!("aws s3 cp s3://b/lake/_sluice/components/{file} {file}");
        assert_eq!(commands[0], copy);
        assert!(commands[1].starts_with(&format!("sluice transform publish {file} ")));
    }

    #[test]
    fn of_what_nobody_knows_the_page_says_what_to_do() {
        let known = Unregistered {
            registry: Some("file:<b>".into()),
            ..unknown(Digest::of(b"unknown"))
        };
        assert!(known.commands().is_empty());
        let html = html! { (known.about()) (known.used()) (known.publication()) }.into_string();
        assert!(
            html.contains("sluice transform publish RULES.wasm"),
            "{html}"
        );
        assert!(
            html.contains("No lake is shown.") && !html.contains("<b>"),
            "{html}"
        );
    }
}
