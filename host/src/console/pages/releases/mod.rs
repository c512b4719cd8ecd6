//! The page "Releases": the active release, what its trials have shown, what was changed and by whom, and forms to change it.

mod budgets;
mod confirm;
mod difference;
mod done;
mod ended;
mod forms;
mod history;
mod list;
mod measured;
mod plots;
mod program;
mod release;
mod scores;
mod serving;
mod shadow;
mod unregistered;
mod workers;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use chrono::Utc;
use maud::{Markup, html};
use sluice_release::bundle::{ReleaseId, ReleasePrefix};
use sluice_release::rollout::{Change, ChangeKind, Rollout, Trial};

pub(super) use self::done::published;
pub(super) use self::forms::recorded_as;
use self::forms::{CANARY, ChangeForm, SHADOW};
use super::forms::{Received, action};
use super::notes::refusal;
use super::respond;
use crate::console::Console;
use crate::console::cached::View;
use crate::console::components::{empty, release_link, short, viewed};
use crate::console::page::{Page, PageError, PageRequest, Section};
use crate::console::payload::inert;
use crate::console::publishing;
use crate::console::releases::{ReleasesView, STARTED_WITH};
use crate::console::workers::WorkerView;

/// Where the page is.
const PATH: &str = "/releases";

/// The requests that try or change something.
pub(super) fn actions() -> Router<Arc<Console>> {
    Router::new()
        .route(forms::CONFIRM, action(confirm))
        .route(confirm::CHANGE, action(change))
}

/// Shows what a change would change, and asks whether to make it.
async fn confirm(
    State(console): State<Arc<Console>>,
    Received(form): Received<ChangeForm>,
) -> Response {
    match confirm::page(&console, &form).await {
        Ok(page) => respond(&console, PATH, Ok(page)),
        Err(error) => refused(&console, &form, error).await,
    }
}

/// Makes a change, and says on the page with all releases what was done.
async fn change(
    State(console): State<Arc<Console>>,
    Received(form): Received<ChangeForm>,
) -> Response {
    match make(&console, &form).await {
        Ok(note) => Redirect::to(&console.pages.notes.leave(PATH, note)).into_response(),
        Err(error) => refused(&console, &form, error).await,
    }
}

async fn make(console: &Console, form: &ChangeForm) -> Result<Markup, PageError> {
    publishing::check_allowed(console)?;
    let (change, number) = (form.change()?, form.seen()?);
    let rollout = publishing::change(console, &change, &form.why, number).await?;
    Ok(done::changed(&change, &rollout))
}

/// The response with the reason why a change was not made, and with the form as it was filled in.
async fn refused(console: &Console, form: &ChangeForm, error: PageError) -> Response {
    let Some(place) = console.registry.as_ref() else {
        return respond(console, PATH, Err(error));
    };
    if matches!(error, PageError::NotAllowed(_)) {
        return respond(console, PATH, Err(error));
    }
    let view = console.releases.view(place).await;
    let wrong = form.wrong_field();
    let field = wrong.map(|(id, name)| (format!("#{id}"), name));
    let note = refusal(&error.to_string(), field.as_ref());
    if form.is_of_release()
        && let Ok(release) = form.release.parse::<ReleasePrefix>()
        && let Ok(page) = release::with_form(console, &release, note.clone(), form).await
    {
        return (error.status(), respond(console, PATH, Ok(page))).into_response();
    }
    let body = read(&view).map_or_else(forms::unread, |view| forms::section(console, view, form));
    let page = Page {
        title: "Releases".to_owned(),
        sections: vec![
            Section::fixed("note", note),
            Section::fixed("change", body),
            Section::fixed(
                "back",
                html! { p { a href=(PATH) { "Back to all releases" } } },
            ),
        ],
    };
    (error.status(), respond(console, PATH, Ok(page))).into_response()
}

/// The page with all releases.
///
/// # Errors
/// [`PageError`]
pub(super) async fn page(console: &Arc<Console>, request: &PageRequest) -> Result<Page, PageError> {
    let workers = console.workers.views();
    let title = "Releases".to_owned();
    let Some(place) = &console.registry else {
        let advice = "Start the console with --registry file:registry or --registry s3://BUCKET/PREFIX, as you start the \
                      workers.";
        let sections = vec![
            Section::fixed("serving", empty("No registry is shown.", advice)),
            Section::live("workers", workers::section(None, &workers)),
        ];
        return Ok(Page { title, sections });
    };
    let view = console
        .releases
        .view_since(place, newest_change(&workers))
        .await;
    let registry = read(&view);
    let of = |render: &dyn Fn(&ReleasesView) -> Markup| registry.map(render).unwrap_or_default();
    let now = Utc::now();
    let serves = viewed(&view, "the registry", |seen| {
        serving::section(&seen.value, now)
    });
    let form = ChangeForm::untouched();
    let change =
        || registry.map_or_else(forms::unread, |view| forms::section(console, view, &form));
    let note = || console.pages.notes.take(request).unwrap_or_default();
    let plotted = of(&|view| {
        console
            .workers
            .measured(|series| plots::section(view, series, now))
    });
    let sections = vec![
        Section::once("note", request, note),
        Section::live("serving", serves),
        Section::once("change", request, change),
        Section::live("workers", workers::section(registry, &workers)),
        Section::live("shadow", of(&|view| shadow::section(view, &workers))),
        Section::live("budgets", of(&|view| budgets::section(view, &workers, now))),
        Section::live("plots", plotted),
        Section::live("history", of(&history::section)),
        Section::live("releases", of(&|view| list::section(view, request))),
    ];
    Ok(Page { title, sections })
}

/// The page of one release.
///
/// # Errors
/// [`PageError`]
pub(super) async fn one(console: &Arc<Console>, request: &PageRequest) -> Result<Page, PageError> {
    release::page(console, request).await
}

/// The latest change of the registry that a worker has seen.
fn newest_change(workers: &[WorkerView]) -> u64 {
    let followed = workers
        .iter()
        .filter_map(|it| it.current()?.rollouts.as_ref());
    followed.map(|it| it.number).max().unwrap_or_default()
}

/// What was read of the registry, if it was.
fn read(view: &View<ReleasesView>) -> Option<&ReleasesView> {
    view.ready().map(|seen| &*seen.value)
}

/// The link to a release that exists.
fn link(release: ReleaseId) -> Markup {
    release_link(&release.to_string())
}

/// A release, with a link if the registry has it.
fn linked(view: &ReleasesView, release: ReleaseId) -> Markup {
    match view.find(release) {
        Some(_) => link(release),
        None => short(&release.to_string()),
    }
}

/// A release that a worker names, with a link if the registry has it. What is no id is shown as it is.
fn linked_text(view: Option<&ReleasesView>, release: &str) -> Markup {
    let id: Result<ReleaseId, _> = release.parse();
    match (view, id) {
        (Some(view), Ok(id)) => linked(view, id),
        (None, Ok(_)) => short(release),
        (_, Err(_)) => html! { code { (inert(release)) } },
    }
}

/// A release, or the transform that workers were started with.
fn linked_or_own(view: &ReleasesView, release: Option<ReleaseId>) -> Markup {
    match release {
        Some(release) => linked(view, release),
        None => html! { (STARTED_WITH) },
    }
}

/// What a release is called by its component, if that is known.
fn name(view: &ReleasesView, release: ReleaseId) -> String {
    let found = view.find(release);
    let name = found.and_then(|release| release.manifest.transform.as_deref());
    inert(name.unwrap_or("unknown"))
}

/// A kind of change, in words.
fn in_words(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Activate => "activated",
        ChangeKind::Canary => "made the canary",
        ChangeKind::Shadow => "made the shadow",
        ChangeKind::Rollback => "rolled back to",
        ChangeKind::EndTrial => "trial ended",
    }
}

/// A release on trial.
struct OnTrial<'a> {
    /// `canary` or `shadow`.
    role: &'static str,
    trial: &'a Trial,
    /// The change that began the trial, if the history still has it.
    began: Option<&'a Change>,
}

/// The canary and the shadow, as far as there are any.
fn trials(rollout: &Rollout) -> impl Iterator<Item = OnTrial<'_>> {
    let trials = [
        (CANARY, ChangeKind::Canary, &rollout.canary),
        (SHADOW, ChangeKind::Shadow, &rollout.shadow),
    ];
    trials.into_iter().filter_map(move |(role, kind, trial)| {
        let trial = trial.as_ref()?;
        let mut changes = rollout.history.iter().rev();
        let began = |it: &&Change| it.what == kind && it.release == Some(trial.release);
        Some(OnTrial {
            role,
            trial,
            began: changes.find(began),
        })
    })
}

/// Whether nothing was ever published or activated in a registry.
fn is_unused(view: &ReleasesView) -> bool {
    view.rollout.number == 0 && view.releases.is_empty() && view.problems.is_empty()
}

#[cfg(test)]
mod tests {
    use sluice_release::rollback_policy::RollbackPolicy;
    use sluice_release::rollout::Share;

    use super::*;
    use crate::console::releases::ListedRelease;
    use crate::console::releases::tests::{author, bundle};

    /// A release with this program.
    pub(super) fn listed(program: &str) -> ListedRelease {
        let config = serde_json::json!({ "program": program }).to_string();
        let manifest = bundle(&config, "2026-01-31T12:00:00Z").manifest().clone();
        ListedRelease {
            id: manifest.id(),
            manifest,
            is_signed: false,
        }
    }

    /// A registry whose first release was active before the second one. The third one is canary and shadow.
    pub(super) fn view() -> ReleasesView {
        let releases = [".a = 1", ".a = 2\n| .b = 1", ".a = 3"].map(listed);
        let [before, active, tried] = [&releases[0], &releases[1], &releases[2]].map(|it| it.id);
        let policy = Some(RollbackPolicy::default());
        let trial = |rollback_policy| Trial {
            release: tried,
            share: Share::ALL,
            rollback_policy,
        };
        let author = author("me@here", "<b>faster</b>\u{202e}");
        let rollout = Rollout::new().activate(before, policy, &author).unwrap();
        let rollout = rollout.activate(active, policy, &author).unwrap();
        let rollout = rollout.try_canary(trial(policy), &author).unwrap();
        let rollout = rollout.try_shadow(trial(None), &author).unwrap();
        ReleasesView {
            rollout,
            releases: releases.to_vec(),
            problems: Vec::new(),
        }
    }

    #[test]
    fn a_release_that_is_not_in_the_registry_has_no_link() {
        let view = view();
        let html = linked_text(Some(&view), "<b>own</b>").into_string();
        assert_eq!(html, "<code>&lt;b&gt;own&lt;/b&gt;</code>");
        let id = view.releases[0].id;
        let html = linked_text(Some(&view), &id.to_string()).into_string();
        assert!(html.contains(&format!("/release?id={id}")), "{html}");
        let other = listed("no such").id;
        for html in [
            linked_text(None, &id.to_string()),
            linked_text(Some(&view), &other.to_string()),
            linked_or_own(&view, Some(other)),
        ] {
            let html = html.into_string();
            assert!(!html.contains("href"), "{html}");
        }
        assert_eq!(name(&view, other), "unknown");
    }
}
