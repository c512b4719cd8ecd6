//! The page "Try": records on the left, rules in the middle, what becomes of the records on the right, a moment after each
//! change. Nothing is written, except by the buttons that publish.
//!
//! ```text
//! form ─┬─▶ records (pasted, quarantine, archive) ─┐
//!       ├─▶ rules (jq, built-in, release, component) ─▶ run ─▶ outcome and records as HTML
//!       └─▶ baseline (what the outcome is compared with) ────┘
//! ```

mod actions;
mod archive_file;
mod archived;
mod baseline;
mod choice;
mod config_form;
mod decoding;
mod effects;
mod field_types;
mod fields;
mod form;
mod golden;
mod kept;
mod loaded;
mod outcome;
mod place;
mod publish;
mod quarantined;
mod record;
mod records;
mod redrive;
mod rejections;
mod releases;
mod rules;
mod run;
mod start;
#[cfg(test)]
mod tests;
mod turns;
mod view;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use maud::Markup;
use sluice_release::bundle::{Manifest, ReleaseBundle, ReleaseId};
use sluice_release::registry::Registry;
use tokio::sync::OnceCell;

pub(super) use self::actions::actions;
use self::form::TryForm;
use self::golden::SavedCases;
use self::kept::{KeptForm, KeptForms};
use self::publish::FormError;
use self::records::LastLoaded;
use self::turns::Turns;
use self::view::Offer;
use crate::console::Console;
use crate::console::cached::View;
use crate::console::latest::Latest;
use crate::console::page::{Page, PageError, PageRequest, Section};
use crate::console::pages::notes;
use crate::tools::author::try_rules::sandbox::Sandbox;

/// The components or releases that were used last.
type LatestBundles = Latest<Manifest, ReleaseBundle, 4>;

/// What was measured of the rules that were tried last, in words.
type LatestTimes = Latest<ReleaseId, String, 8>;

/// What the page keeps between requests.
#[derive(Default)]
pub(super) struct State {
    turns: Turns,
    /// Waiting for it holds no thread.
    sandbox: Arc<tokio::sync::Mutex<Option<Sandbox>>>,
    components: LatestBundles,
    releases: LatestBundles,
    /// The releases that the lake keeps.
    of_lake: OnceCell<Registry>,
    loaded: Arc<LastLoaded>,
    times: LatestTimes,
    cases: Mutex<SavedCases>,
    forms: KeptForms,
}

impl State {
    fn cases(&self) -> MutexGuard<'_, SavedCases> {
        self.cases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something in the sandbox, which is started when it is first needed, on a thread that may block. One does so at a
    /// time, and the others wait.
    async fn in_sandbox<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Sandbox) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let mut sandbox = Arc::clone(&self.sandbox).lock_owned().await;
        let done = tokio::task::spawn_blocking(move || {
            if sandbox.is_none() {
                *sandbox = Some(Sandbox::new()?);
            }
            match sandbox.as_mut() {
                Some(sandbox) => work(sandbox),
                None => anyhow::bail!("the sandbox did not start"),
            }
        });
        done.await?
    }
}

/// The page.
///
/// # Errors
/// [`PageError`]
pub(super) async fn page(console: &Arc<Console>, request: &PageRequest) -> Result<Page, PageError> {
    let kept = console.pages.try_rules.forms.find(request);
    let (form, outcome) = match &kept {
        KeptForm::Found(form) => {
            let form = TryForm::clone(form);
            // Nobody asks for live sections of this page.
            let outcome = match request.is_live {
                true => Markup::default(),
                false => Box::pin(actions::outcome_of(console, &form)).await,
            };
            (form, outcome)
        }
        KeptForm::None | KeptForm::Forgotten => {
            let form = new_form(console, request).await?;
            let outcome = outcome::nothing_yet(&form);
            (form, outcome)
        }
    };
    let mut page = made(console, &form, &outcome, None).await;
    let mut note = console.pages.notes.take(request);
    if matches!(kept, KeptForm::Forgotten) {
        note = Some(notes::refusal(&kept::forgotten(), None));
    }
    let note = note.map(|note| Section::fixed("done", note));
    page.sections.splice(0..0, note);
    Ok(page)
}

/// The form of a new page.
///
/// # Errors
/// The address names a release that there is not.
async fn new_form(console: &Console, request: &PageRequest) -> Result<TryForm, PageError> {
    let mut form = TryForm::of_request(request);
    // The active release stays the active one, whichever that is.
    if !matches!(&*form.release, "" | form::ACTIVE) {
        let is_fixed = !records::is_shown(console, &form);
        rules::fill(console, &mut form, is_fixed).await?;
    } else if form.release.is_empty() && !form.is_pasted() {
        start::begin(console, &mut form).await;
    }
    Ok(form)
}

/// The page with a form and an outcome.
async fn made(
    console: &Console,
    form: &TryForm,
    outcome: &Markup,
    refused: Option<&FormError>,
) -> Page {
    let state = &console.pages.try_rules;
    let (mut releases, mut rollout) = (Vec::new(), None);
    if let Some(place) = &console.registry
        && let View::Ready(seen) = console.releases.view(place).await
    {
        let listed = seen.value.releases.iter();
        releases.extend(listed.map(|listed| listed.manifest.clone()));
        rollout = Some(seen.value.rollout.clone());
    }
    let cases = state.cases().clone();
    let offer = Offer {
        permissions: console.permissions,
        has_lake: console.lake.is_some(),
        has_registry: console.registry.is_some(),
        releases,
        components: state.components.keys(),
        cases: cases.len(),
        signs: console
            .registry
            .as_ref()
            .is_some_and(|it| it.keys.sign.is_some()),
        rollout,
    };
    let note = refused.map(FormError::shown).unwrap_or_default();
    Page {
        title: "Try".into(),
        sections: vec![
            Section::fixed("note", note),
            Section::fixed("try", view::workbench(form, &offer, outcome)),
            Section::fixed("try-cases", golden::list(&cases, "")),
            Section::fixed("try-publish", publish::section(form, &offer, refused)),
        ],
    }
}
