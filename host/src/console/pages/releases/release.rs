//! The page of one release.

use maud::{Markup, html};
use serde_json::Value;
use sluice_release::bundle::{Manifest, ReleaseId, ReleasePrefix};
use sluice_release::cases::from_document;
use sluice_release::registry::{Registry, RegistryError};
use sluice_release::rollout::Rollout;

use super::difference::difference;
use super::{forms, link};
use crate::console::Console;
use crate::console::components::{empty, facts, short, time_text};
use crate::console::page::{Page, PageError, PageRequest, Section};
use crate::console::payload::inert;
use crate::tools::author::program_text;
use crate::tools::publisher::list::role;

/// What is known of a release.
struct ReadRelease {
    id: ReleaseId,
    manifest: Manifest,
    signature: Option<String>,
    /// How many golden cases it has, or why they cannot be read.
    cases: Result<usize, String>,
    rollout: Rollout,
    /// The manifest of the active release, if it is another one, or why it cannot be read.
    active: Option<Result<Manifest, String>>,
}

/// The page of a release, which its id names, or the beginning of it.
///
/// # Errors
/// No release begins with this, several do, or it cannot be read.
pub(super) async fn page(console: &Console, request: &PageRequest) -> Result<Page, PageError> {
    let name = request.get("id").unwrap_or_default();
    let name: ReleasePrefix = name.parse().map_err(PageError::Wrong)?;
    let read = match &console.registry {
        Some(place) => read(&place.registry, &name).await,
        None => Err(RegistryError::Unknown(name.clone())),
    };
    let read = match (read, name.id()) {
        (Ok(read), _) => read,
        (Err(RegistryError::Unknown(_) | RegistryError::Missing { .. }), Some(id)) => {
            return Ok(not_in_registry(id, console.registry.is_some()));
        }
        (Err(error), _) => return Err(unread(error)),
    };
    let sections = vec![
        Section::fixed("release", about(&read)),
        Section::fixed("change", forms::of_release(console, &read.rollout, read.id)),
        Section::fixed("program", program(&read.manifest)),
        Section::fixed("difference", against_active(&read)),
    ];
    Ok(Page {
        title: format!("Release {}", read.id.short()),
        sections,
    })
}

/// Why a release cannot be shown.
fn unread(error: RegistryError) -> PageError {
    match error {
        RegistryError::Unknown(_) | RegistryError::Missing { .. } => PageError::NotFound(format!(
            "{error}. All releases are on the page \"Releases\"."
        )),
        RegistryError::Ambiguous { .. } => PageError::Wrong(error.to_string()),
        error => PageError::Failed(error.into()),
    }
}

/// The page of a release that a chunk or a record names, and that was given to a run without a registry, or is gone.
fn not_in_registry(id: ReleaseId, has_registry: bool) -> Page {
    let advice = match has_registry {
        true => {
            "A run was given these rules without the registry, or `sluice transform gc` has removed the release."
        }
        false => "No registry is shown. Start the console with --registry file:registry.",
    };
    let section = html! {
        (empty("Nothing is known of this release but its id.", advice))
        (facts(&[("Release", html! { code { (id) } })]))
    };
    Page {
        title: format!("Release {}", id.short()),
        sections: vec![Section::fixed("release", section)],
    }
}

async fn read(registry: &Registry, name: &ReleasePrefix) -> Result<ReadRelease, RegistryError> {
    let id = registry.find(name).await?;
    let manifest = registry.manifest(id).await?;
    let rollout = registry.active().await?.rollout;
    let active = match rollout.active.filter(|active| *active != id) {
        Some(active) => Some(registry.manifest(active).await.map_err(|it| it.to_string())),
        None => None,
    };
    Ok(ReadRelease {
        id,
        signature: registry.signature(id).await?,
        cases: cases(registry, &manifest).await,
        manifest,
        rollout,
        active,
    })
}

/// How many golden cases a release has.
async fn cases(registry: &Registry, manifest: &Manifest) -> Result<usize, String> {
    let document = registry.cases(manifest).await;
    match document.map_err(|error| error.to_string())? {
        Some(document) => {
            let cases = from_document(&document).map_err(|error| error.to_string())?;
            Ok(cases.len())
        }
        None => Ok(0),
    }
}

/// What the manifest says, and the role of the release.
fn about(read: &ReadRelease) -> Markup {
    let manifest = &read.manifest;
    let text = |text: &Option<String>| match text {
        Some(text) => html! { (inert(text)) },
        None => html! { "unknown" },
    };
    let published = manifest.published_at.as_deref();
    let role = match role(&read.rollout, read.id) {
        "" if read.rollout.in_use().any(|used| used == read.id) => "was active before",
        "" => "none",
        role => role,
    };
    html! {
        (facts(&[
            ("Release", html! { code { (read.id) } }),
            ("Transform", text(&manifest.transform)),
            ("Role", html! { (role) }),
            ("Published", published.map_or_else(|| text(&None), time_text)),
            ("Note", html! { (inert(manifest.note.as_deref().unwrap_or("none"))) }),
            ("Signature", signature(read.signature.as_deref())),
            ("Golden cases", html! {
                @match &read.cases {
                    Ok(cases) => (cases),
                    Err(why) => { "cannot be read: " (inert(why)) }
                }
            }),
            ("Contract", text(&manifest.contract)),
            ("Component", html! { code { (manifest.component) } }),
        ]))
        p { a href={ "/try?release=" (read.id) } { "Try these rules on records" } }
    }
}

fn signature(signature: Option<&str>) -> Markup {
    html! {
        @match signature {
            Some(signature) => { "signed: " code { (inert(signature)) } " (a worker with --public-key checks it)" }
            None => "not signed; a worker with --public-key does not use it",
        }
    }
}

/// The program, and the other settings.
fn program(manifest: &Manifest) -> Markup {
    let lines = program_text::lines(&manifest.transform_config);
    html! {
        @if !lines.is_empty() {
            h2 { "Program" }
            pre.program tabindex="0" role="region" aria-label="The program" { (inert(&lines.join("\n"))) }
        }
        h2 { "Configuration" @if !lines.is_empty() { " besides the program" } }
        pre.program tabindex="0" role="region" aria-label="The configuration" {
            (inert(&settings(manifest).join("\n")))
        }
    }
}

/// The configuration besides the program, a setting a line.
fn settings(manifest: &Manifest) -> Vec<String> {
    let others = program_text::other_settings(&manifest.transform_config);
    let value: Option<Value> = serde_json::from_str(&others).ok();
    let pretty = value.and_then(|value| serde_json::to_string_pretty(&value).ok());
    let lines = pretty.unwrap_or(others);
    lines.lines().map(str::to_owned).collect()
}

/// What the release would change.
fn against_active(read: &ReadRelease) -> Markup {
    let what = match (&read.active, read.rollout.active) {
        (Some(Ok(active)), Some(id)) => changes(active, id, &read.manifest),
        (Some(Err(why)), Some(id)) => html! {
            p { "The active release " (short(&id.to_string())) " cannot be read: " (inert(why)) }
        },
        (None, Some(_)) => html! { p { "This is the active release." } },
        (_, None) => html! { p { "No release is active." } },
    };
    html! {
        h2 { "Difference from the active release" }
        (what)
    }
}

fn changes(active: &Manifest, id: ReleaseId, manifest: &Manifest) -> Markup {
    let programs = [active, manifest].map(|it| program_text::lines(&it.transform_config));
    let settings = [active, manifest].map(settings);
    let has_other_component = active.component != manifest.component;
    let is_same = programs[0] == programs[1] && settings[0] == settings[1] && !has_other_component;
    html! {
        p { "From " (link(id)) " " (inert(active.transform.as_deref().unwrap_or_default())) " to this release." }
        @if has_other_component {
            p { "The component is another one." }
        }
        @if programs[0] != programs[1] {
            h3 { "Program" }
            (difference("program", &programs[0], &programs[1]))
        }
        @if settings[0] != settings[1] {
            h3 { "Other settings" }
            (difference("configuration", &settings[0], &settings[1]))
        }
        @if is_same {
            p { "Only the golden cases differ." }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::view;
    use super::*;
    use crate::console::releases::tests::place;

    /// The third release of the made-up registry.
    fn tried() -> ReadRelease {
        let view = view();
        ReadRelease {
            id: view.releases[2].id,
            manifest: view.releases[2].manifest.clone(),
            signature: Some("c2lnbmF0dXJl".into()),
            cases: Ok(12),
            active: Some(Ok(view.releases[1].manifest.clone())),
            rollout: view.rollout,
        }
    }

    #[test]
    fn a_release_is_shown_with_its_difference_from_the_active_one() {
        let mut read = tried();
        read.manifest.note = Some("<u>note</u>".into());
        let html = about(&read).into_string();
        assert!(
            html.contains("canary") && html.contains("<dd>12</dd>"),
            "{html}"
        );
        assert!(
            html.contains("&lt;u&gt;note") && html.contains("c2lnbmF0dXJl"),
            "{html}"
        );
        let html = against_active(&read).into_string();
        assert!(
            html.contains("<del>- .a = 2</del>") && html.contains("<ins>+ .a = 3</ins>"),
            "{html}"
        );
        assert!(
            !html.contains("Other settings") && !html.contains("component is"),
            "{html}"
        );
        let html = program(&read.manifest).into_string();
        assert!(
            html.contains(".a = 3</pre>") && html.contains("besides the program"),
            "{html}"
        );
    }

    #[test]
    fn what_cannot_be_compared_is_said() {
        let mut read = tried();
        read.active = Some(Err("<damaged>".into()));
        let html = against_active(&read).into_string();
        assert!(html.contains("cannot be read: &lt;damaged&gt;"), "{html}");
        read.active = None;
        let html = against_active(&read).into_string();
        assert!(html.contains("This is the active release."), "{html}");
        read.rollout = Rollout::new();
        let html = against_active(&read).into_string();
        assert!(html.contains("No release is active."), "{html}");
        read.cases = Err("<cut>".into());
        let html = about(&read).into_string();
        assert!(html.contains("cannot be read: &lt;cut&gt;"), "{html}");
    }

    #[tokio::test]
    async fn a_release_is_found_by_the_beginning_of_its_id() {
        let folder = tempfile::tempdir().unwrap();
        let place = place(folder.path());
        let bundle = crate::console::releases::tests::bundle("{}", "2026-01-31T12:00:00Z");
        place.registry.keep(&bundle).await.unwrap();
        let id = bundle.manifest().id();
        let found = read(&place.registry, &id.short().parse().unwrap())
            .await
            .unwrap();
        assert_eq!((found.id, found.cases, found.signature), (id, Ok(0), None));
        let other = read(&place.registry, &"00000000".parse().unwrap()).await;
        assert!(matches!(other, Err(RegistryError::Unknown(_))));
    }
}
