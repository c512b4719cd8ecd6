//! The page of one release.

use chrono::Utc;
use maud::{Markup, html};
use sluice_release::bundle::{Manifest, ReleaseId, ReleasePrefix};
use sluice_release::cases::from_document;
use sluice_release::registry::{Registry, RegistryError};
use sluice_release::rollout::Rollout;

use super::difference::difference;
use super::forms::ChangeForm;
use super::measured::Evidence;
use super::program::{program, settings};
use super::{forms, link, plots, read as known, unregistered};
use crate::console::components::{Tone, badge, facts, short, time_text};
use crate::console::page::{Page, PageError, PageRequest, Section};
use crate::console::payload::inert;
use crate::console::{Console, RegistryPlace};
use crate::tools::author::program_text;
use crate::tools::publisher::list::role;

/// What is known of a release.
struct ReadRelease {
    id: ReleaseId,
    manifest: Manifest,
    signature: Option<String>,
    /// Whether the signature is one of the console's public key, if it has one.
    checked: Option<Result<(), String>>,
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
    let note = console.pages.notes.take(request).unwrap_or_default();
    with_form(console, &name, note, &ChangeForm::untouched()).await
}

/// The page of a release with a note and a form, which may be filled in.
///
/// # Errors
/// As [`page`].
pub(super) async fn with_form(
    console: &Console,
    name: &ReleasePrefix,
    note: Markup,
    form: &ChangeForm,
) -> Result<Page, PageError> {
    let read = match &console.registry {
        Some(place) => read(place, name).await,
        None => Err(RegistryError::Unknown(name.clone())),
    };
    let read = match (read, name.id()) {
        (Ok(read), _) => read,
        (Err(RegistryError::Unknown(_) | RegistryError::Missing { .. }), Some(id)) => {
            return Ok(unregistered::page(console, id).await);
        }
        (Err(error), _) => return Err(unread(error)),
    };
    let sections = vec![
        Section::fixed("note", note),
        Section::fixed("release", about(&read)),
        Section::fixed("trial", trial(console, &read).await),
        Section::fixed(
            "change",
            forms::of_release(console, &read.rollout, read.id, form),
        ),
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

/// What is known of how the release does.
async fn trial(console: &Console, read: &ReadRelease) -> Markup {
    let evidence = Evidence::of(console, &read.rollout, read.id).await;
    let canary = read.rollout.canary.as_ref();
    let place = console.registry.as_ref();
    let view = match place.filter(|_| canary.is_some_and(|canary| canary.release == read.id)) {
        Some(place) => Some(console.releases.view(place).await),
        None => None,
    };
    let plotted = view.as_ref().and_then(known).map(|view| {
        let now = Utc::now();
        console
            .workers
            .measured(|series| plots::section(view, series, now))
    });
    html! {
        (evidence.shown())
        (plotted.unwrap_or_default())
    }
}

async fn read(place: &RegistryPlace, name: &ReleasePrefix) -> Result<ReadRelease, RegistryError> {
    let registry = &place.registry;
    let id = registry.find(name).await?;
    let manifest = registry.manifest(id).await?;
    let rollout = registry.active().await?.rollout;
    let active = match rollout.active.filter(|active| *active != id) {
        Some(active) => Some(registry.manifest(active).await.map_err(|it| it.to_string())),
        None => None,
    };
    let signature = registry.signature(id).await?;
    let key = place.keys.public.as_ref();
    Ok(ReadRelease {
        id,
        checked: key.map(|key| key.check(id, signature.as_deref())),
        signature,
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
            ("Signature", signature(read)),
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

/// Whether the release is signed, and whether the signature was checked here.
fn signature(read: &ReadRelease) -> Markup {
    html! {
        @match (&read.signature, &read.checked) {
            (None, None) => "not signed; a worker with --public-key does not use it",
            (None, Some(_)) => {
                (badge(Tone::Bad, "not signed")) " It cannot be activated here, since the console has a --public-key."
            }
            (Some(_), None) => {
                "signed, but not checked here; to check it, start the console with the --public-key of the workers"
            }
            (Some(_), Some(Ok(()))) => { (badge(Tone::Good, "signed")) " with the key of --public-key" }
            (Some(_), Some(Err(why))) => { (badge(Tone::Bad, "signature not valid")) " " (inert(why)) }
        }
        @if let Some(signature) = &read.signature { " " code { (inert(signature)) } }
    }
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
            p { "The component differs." }
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
            checked: None,
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
            !html.contains("Other settings") && !html.contains("component differs"),
            "{html}"
        );
        let html = program(&read.manifest).into_string();
        assert!(
            html.contains(".a = 3</pre>") && html.contains("besides the program"),
            "{html}"
        );
    }

    #[test]
    fn a_signature_is_checked_if_there_is_a_key() {
        let text = |signature: Option<&str>, checked| {
            let read = ReadRelease {
                signature: signature.map(str::to_owned),
                checked,
                ..tried()
            };
            about(&read).into_string()
        };
        let wrong = || Some(Err("<other key>".to_owned()));
        for (html, said) in [
            (text(None, None), "not signed; a worker with --public-key"),
            (text(None, wrong()), "cannot be activated here"),
            (text(Some("c2ln"), None), "signed, but not checked here"),
            (
                text(Some("c2ln"), Some(Ok(()))),
                "with the key of --public-key",
            ),
            (text(Some("c2ln"), wrong()), "&lt;other key&gt;"),
        ] {
            assert!(html.contains(said), "{said}: {html}");
        }
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
        let found = read(&place, &id.short().parse().unwrap()).await.unwrap();
        assert_eq!((found.id, found.cases, found.signature), (id, Ok(0), None));
        let other = read(&place, &"00000000".parse().unwrap()).await;
        assert!(matches!(other, Err(RegistryError::Unknown(_))));
    }
}
