//! The requests of the page: to run, to show the fields of a configuration, to keep a component or a golden case, and to
//! publish. Each works as a form of a browser without a script, too; a script asks for a piece of the page.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use maud::{Markup, html};
use serde_json::{Value, json};
use sluice_release::admission::COMPONENT_MAX_BYTES;

use super::form::{JQ, PASTED, TryForm};
use super::loaded::Loaded;
use super::publish::{self, FormError};
use super::rules::Rules;
use super::run::Job;
use super::{
    baseline, config_form, field_types, golden, outcome, record, records, redrive, rules, run,
    start,
};
use crate::console::Console;
use crate::console::components::problem;
use crate::console::page::PageError;
use crate::console::pages::forms::{Received, action, is_fragment};
use crate::console::pages::notes;
use crate::console::payload::inert;
use crate::output;

/// The requests that try or change something.
pub(in crate::console::pages) fn actions() -> Router<Arc<Console>> {
    let component = post(keep_component).layer(DefaultBodyLimit::max(COMPONENT_MAX_BYTES));
    Router::new()
        .route("/try/run", action(run_form))
        .route("/try/config", action(show_config))
        .route("/try/cases", action(change_cases))
        .route("/try/publish", action(publish::publish))
        .route("/try/component", component)
        .route("/try/cases.tar", get(download_cases))
}

/// Runs the rules of the form on its records, or changes the form as its button says and goes on to the page with it.
async fn run_form(
    State(console): State<Arc<Console>>,
    headers: HeaderMap,
    Received(form): Received<TryForm>,
) -> Response {
    let mut form = form.normalized();
    if is_fragment(&headers) {
        return outcome_of(&console, &form).await.into_response();
    }
    let changed = change(&console, &mut form).await;
    let note = changed.err().map(|error| {
        let why = error.to_string();
        notes::refusal(&why, None)
    });
    to_form(&console, form, note)
}

/// Changes a form as its button says.
async fn change(console: &Console, form: &mut TryForm) -> Result<(), PageError> {
    if !form.load.is_empty() {
        form.source = PASTED.into();
        form.records = records::sample_text()?;
    } else if !form.start.is_empty() {
        start::change(console, form).await?;
    }
    Ok(())
}

/// Sends the browser to the page with a form. Its address can be loaded again and be gone back to, unlike that of a form
/// that was sent.
fn to_form(console: &Console, form: TryForm, note: Option<Markup>) -> Response {
    let address = console.pages.try_rules.forms.keep(form);
    let address = match note {
        Some(note) => console.pages.notes.leave(&address, note),
        None => address,
    };
    Redirect::to(&address).into_response()
}

/// The outcome of a form, or why there is none.
pub(super) async fn outcome_of(console: &Console, form: &TryForm) -> Markup {
    let state = &console.pages.try_rules;
    let turn = state.turns.begin();
    let (rules, loaded) = match read(console, form).await {
        Ok(read) => read,
        Err(error) => return problem(&error.to_string()),
    };
    if loaded.len() == 0 {
        return outcome::nothing_yet(form);
    }
    let offer = start::offer(console, form, &loaded).await;
    let baseline = baseline::chosen(console, form, &loaded).await;
    let id = rules.bundle.manifest().id();
    let redrive = redrive::section(console, form, id).await;
    let job = Job {
        rules: rules.bundle,
        usual_columns: baseline::usual_columns(console, &baseline).await,
        baseline,
    };
    let running = state.turns.wait().await;
    if !turn.is_newest() {
        return problem(SUPERSEDED);
    }
    let is_shown = loaded.is_shown;
    let ran = state.in_sandbox(move |sandbox| {
        let _until_it_ends = running;
        let show = |shown: &run::ShownRecord<'_>| record::record(shown, is_shown);
        let goes_on = || turn.is_newest();
        let ran = run::run(sandbox, job, &loaded, &goes_on, &show);
        Ok(match ran {
            _ if !goes_on() => None,
            Ok(ran) => {
                let shown = outcome::outcome(&ran, &loaded, &redrive);
                Some((shown, outcome::times(&ran), ran.fields))
            }
            Err(error) => {
                let failed = outcome::failed(&error, rules.program.as_deref(), is_shown);
                Some((failed, None, Vec::new()))
            }
        })
    });
    match ran.await {
        Ok(None) => problem(SUPERSEDED),
        Ok(Some((shown, times, fields))) => {
            if let Some(times) = times {
                state.times.insert(id, times);
            }
            let types = field_types::notice(console, &fields, is_shown).await;
            html! { (offer) (types) (shown) }
        }
        Err(error) => outcome::failed(&error, None, is_shown),
    }
}

const SUPERSEDED: &str = "A newer run has begun, perhaps in another window, so this one was dropped. Run again to see its outcome.";

/// The rules and the records of a form. Records whose contents are hidden are tried only with rules that nobody has
/// written for them.
async fn read(console: &Console, form: &TryForm) -> Result<(Rules, Arc<Loaded>), PageError> {
    if !records::is_shown(console, form) {
        rules::check_fixed(form)?;
    }
    let rules = rules::chosen(console, form).await?;
    let loaded = records::load(console, form, &console.pages.try_rules.loaded).await?;
    Ok((rules, loaded))
}

/// Responds with the fields for the configuration of the rules.
async fn show_config(
    State(console): State<Arc<Console>>,
    Received(form): Received<TryForm>,
) -> Markup {
    let shown = async {
        let form = form.normalized();
        let rules = rules::chosen(&console, &form).await?;
        let left_out = (form.rules == JQ).then_some("program");
        let state = &console.pages.try_rules;
        let fields = state.in_sandbox(move |sandbox| {
            let schema = rules::schema(sandbox, &rules.bundle)?;
            let config: Value = serde_json::from_str(rules.bundle.transform_config())?;
            Ok(config_form::config_form(&schema, &config, left_out))
        });
        Ok::<_, PageError>(fields.await?)
    };
    shown.await.unwrap_or_else(
        |error| html! { p.note { "There are no fields: " (inert(&error.to_string())) } },
    )
}

/// Keeps a component that a browser sends: the body is its bytes.
async fn keep_component(
    State(console): State<Arc<Console>>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let state = &console.pages.try_rules;
    let bytes = match body {
        Ok(bytes) => bytes.to_vec(),
        Err(_) => {
            let why = format!("a component has {COMPONENT_MAX_BYTES} bytes at most");
            return (StatusCode::PAYLOAD_TOO_LARGE, why).into_response();
        }
    };
    let described = state.in_sandbox(move |sandbox| {
        let bundle = rules::describe_sent(sandbox, bytes)?;
        let schema = rules::schema(sandbox, &bundle).unwrap_or_default();
        Ok((bundle, schema))
    });
    match described.await {
        Ok((bundle, schema)) => {
            let manifest = bundle.manifest();
            let name = inert(manifest.transform.as_deref().unwrap_or_default());
            let text = json!({ "digest": manifest.component, "name": name, "schema": schema });
            state.components.insert(bundle.manifest().clone(), bundle);
            let media_type = (header::CONTENT_TYPE, "application/json");
            ([media_type], text.to_string()).into_response()
        }
        Err(error) => {
            let why = inert(&output::with_causes(&error));
            (StatusCode::BAD_REQUEST, why).into_response()
        }
    }
}

/// Saves a record as a golden case, or removes a case.
async fn change_cases(
    State(console): State<Arc<Console>>,
    headers: HeaderMap,
    Received(form): Received<TryForm>,
) -> Response {
    let form = form.normalized();
    let state = &console.pages.try_rules;
    let done = match &*form.remove {
        "" => save_case(&console, &form).await,
        name => {
            state.cases().remove(name);
            Ok(format!("Removed {name}."))
        }
    };
    match (done, is_fragment(&headers)) {
        (Ok(message), true) => golden::list(&state.cases(), &message).into_response(),
        (Err(error), true) => {
            golden::list(&state.cases(), &inert(&error.to_string())).into_response()
        }
        (Ok(message), false) => {
            let done = notes::done(&html! { (inert(&message)) }, &[]);
            to_form(&console, form, Some(done))
        }
        (Err(error), false) => {
            let refused = FormError::from(error);
            refused.response(&console, &form).await
        }
    }
}

/// Saves the record that the form names, with what its rules make of it. Returns what was done.
async fn save_case(console: &Console, form: &TryForm) -> Result<String, PageError> {
    let state = &console.pages.try_rules;
    if !records::is_shown(console, form) {
        let why = "A golden case has the content of a record, which this console hides. Start it with --show-payloads.";
        return Err(PageError::NotAllowed(why.into()));
    }
    let (rules, loaded) = read(console, form).await?;
    let named = form.case.split_once(':');
    let named = named.and_then(|(index, digest)| Some((index.parse::<usize>().ok()?, digest)));
    let found = named.and_then(|(index, digest)| loaded.find(index, digest));
    let Some(found) = found else {
        let why = "The records have changed since the run. Run again, and save the record then.";
        return Err(PageError::Wrong(why.into()));
    };
    let data = found.data.to_vec();
    let made = state.in_sandbox(move |sandbox| golden::make(sandbox, &rules.bundle, &data));
    let (case, kind) = made.await?;
    let name = state.cases().add(case, &kind).map_err(PageError::Wrong)?;
    Ok(format!("Saved {name}."))
}

/// Responds with the golden cases as the files of a folder.
async fn download_cases(State(console): State<Arc<Console>>) -> Response {
    let archive = console.pages.try_rules.cases().archive();
    let headers = [
        (header::CONTENT_TYPE, "application/x-tar"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"cases.tar\"",
        ),
    ];
    (headers, archive).into_response()
}
