//! The form of a preview, and its result.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};
use sluice_release::bundle::Manifest;

use super::preview::{self, Kind, Preview, RECORDS, Rules, Sample, TIME};
use super::{command, filter};
use crate::console::Console;
use crate::console::cached::View;
use crate::console::components::{
    count, duration, empty, facts, of, problem, short, table, viewed,
};
use crate::console::page::{Page, PageError, Section, encoded};
use crate::console::pages::forms::Received;
use crate::console::pages::respond;
use crate::console::payload::{inert, payload};
use crate::console::tasks::on_a_thread;
use crate::quarantine::QuarantineFilter;

/// The value of the field `rules` for whichever release is active.
const ACTIVE: &str = "active";

/// How long a preview waits for the list of quarantine.
const WAIT: Duration = Duration::from_secs(20);

/// The form, with the filter of the page.
pub(super) async fn form(console: &Console, filter: &QuarantineFilter) -> Markup {
    let Some(place) = &console.registry else {
        return html! {
            h2 { "Redrive" }
            (empty(
                "The console shows no registry, so there are no rules to try a redrive with.",
                "Start it with --registry, or try other rules on quarantined records on the page Try.",
            ))
        };
    };
    let releases = console.releases.view(place).await;
    html! {
        h2 { "Redrive" }
        p {
            "A redrive transforms quarantined records again. The preview tries up to " (RECORDS)
            " of the records " (inert(&filter::words(filter))) " and shows what would become of them. It writes nothing."
        }
        form method="post" action="/quarantine/preview" {
            (filter::hidden_fields(filter))
            p.field {
                label for="field-rules" { "Rules" }
                select id="field-rules" name="rules" {
                    option value=(ACTIVE) { "The active release" }
                    @if let View::Ready(seen) = &releases {
                        @for listed in &seen.value.releases {
                            option value=(listed.id) { (name(&listed.id.short(), &listed.manifest)) }
                        }
                    }
                }
            }
            button type="submit" { "Preview the redrive" }
        }
        (viewed(&releases, "the releases", |_| html! {}))
    }
}

/// A release as the form names it.
fn name(short: &str, manifest: &Manifest) -> String {
    let transform = manifest.transform.as_deref().unwrap_or_default();
    let note = manifest.note.as_deref().unwrap_or_default();
    let parts = [short, transform, note].map(inert);
    let parts = parts.iter().filter(|part| !part.is_empty());
    parts.map(String::as_str).collect::<Vec<_>>().join(" – ")
}

/// Responds to the form.
pub(super) async fn respond_to(
    State(console): State<Arc<Console>>,
    Received(fields): Received<BTreeMap<String, String>>,
) -> Response {
    let page = page(&console, &fields).await;
    respond(&console, "/quarantine", page)
}

/// Tries the records that the fields name.
///
/// # Errors
/// [`PageError`]
async fn page(
    console: &Arc<Console>,
    fields: &BTreeMap<String, String>,
) -> Result<Page, PageError> {
    let filter = filter::parse(|name| fields.get(name).map(String::as_str))?;
    let rules = rules(fields.get("rules").map_or(ACTIVE, String::as_str))?;
    let (Some(lake), Some(place)) = (console.lake.clone(), console.registry.clone()) else {
        return Err(PageError::NotFound(
            "A preview needs a lake and a registry. Start the console with --lake and --registry."
                .into(),
        ));
    };
    let permit = Arc::clone(&console.pages.quarantine.previews).try_acquire_owned();
    let Ok(permit) = permit else {
        return Err(PageError::Wrong(
            "Another preview is running. Wait for its end, and try again.".into(),
        ));
    };
    let view = super::view(console, &lake, WAIT).await;
    let seen = match view {
        View::Ready(seen) => seen,
        View::Reading => {
            let why = "The quarantine is still being read. Wait a moment, and try again.";
            return Err(PageError::Wrong(why.into()));
        }
        View::Failed(why) => {
            return Err(anyhow::anyhow!("cannot read the quarantine: {why}").into());
        }
    };
    let (current, _) = seen.value.current(&filter);
    let objects: Vec<_> = current.into_iter().cloned().collect();
    let records: u64 = objects.iter().map(|listed| listed.records).sum();
    let all = (records, objects.len() as u64);
    if objects.is_empty() {
        let why = "The filter takes no record that is quarantined now. Correct the filter.";
        return Err(PageError::NotFound(why.into()));
    }
    let redrive = command::redrive(&lake.location, &place.target, rules.release(), &filter);
    let preview = on_a_thread(move || async move {
        let preview = preview::preview(place, rules, lake, objects).await;
        drop(permit);
        preview
    });
    let preview = preview.await?;
    let body = html! {
        p { a href=(filter::link(&filter)) { "Back to the quarantine" } }
        (result(&preview, all, console.permissions.payloads))
        (commands(&redrive))
    };
    Ok(Page {
        title: "Preview of a redrive".into(),
        sections: vec![Section::fixed("preview", body)],
    })
}

/// The rules that the form names.
///
/// # Errors
/// What is no release.
fn rules(text: &str) -> Result<Rules, PageError> {
    if text == ACTIVE {
        return Ok(Rules::Active);
    }
    text.parse().map(Rules::Release).map_err(|_| {
        let text = inert(text);
        PageError::Wrong(format!(
            "{text:?} is not the id of a release. Choose one of the list."
        ))
    })
}

/// What became of the records that were tried, of all that the filter takes: their number, and that of their objects.
fn result(preview: &Preview, all: (u64, u64), is_shown: bool) -> Markup {
    let counts = &preview.counts;
    let again: u64 = counts.quarantined.values().sum();
    let rows: Vec<_> = counts
        .quarantined
        .iter()
        .map(|(code, records)| vec![html! { code { (code.as_str()) } }, count(*records)])
        .collect();
    html! {
        h2 { "What would become of the records" }
        p {
            "Release " (short(&preview.release.to_string())) " was tried on " (of(counts.records(), all.0))
            " records, of " (of(preview.objects as u64, all.1)) " objects. Nothing was written."
        }
        @if preview.is_cut {
            p.problem { "The preview stopped after " (duration(TIME)) ", before all of its records were tried." }
        }
        @for wrong in &preview.problems { (problem(wrong)) }
        (facts(&[
            ("Become events", count(counts.with_events)),
            ("Their events", count(counts.events)),
            ("Quarantined again", count(again)),
            ("Dropped", count(counts.dropped)),
        ]))
        @if !rows.is_empty() {
            h3 { "Quarantined again" }
            (table("Records that would be quarantined again, by reason", &["Reason", "Records"], &rows))
        }
        @for (kind, samples) in &preview.samples { (samples_of(kind, samples, is_shown)) }
        p.note {
            "The limits of the sandbox are the default ones. Records that could not be decoded are tried as they came; "
            "the redrive decodes them as the settings of " code { "run" } " say."
        }
    }
}

fn samples_of(kind: &Kind, samples: &[Sample], is_shown: bool) -> Markup {
    let title = match kind {
        Kind::Events => "Become events".to_owned(),
        Kind::Quarantined(code) => format!("Quarantined again as {code}"),
        Kind::Dropped => "Dropped".to_owned(),
    };
    html! {
        h3 { "Samples: " (title) }
        @for sample in samples {
            article.record {
                p {
                    a href=(format!("/record?rid={}", encoded(&sample.rid))) { code { (inert(&sample.rid)) } }
                    ", quarantined as " code { (inert(&sample.was)) } " – "
                    a href=(format!("/try?reason={}&rid={}", encoded(&sample.was), encoded(&sample.rid))) { "Try rules on this record" }
                }
                @for text in &sample.texts { (payload(text, is_shown)) }
            }
        }
    }
}

/// The commands of the redrive.
fn commands(redrive: &str) -> Markup {
    html! {
        h2 { "Run the redrive" }
        p {
            "The first command tries all of the records and writes nothing; the second one redrives them. Run them where "
            code { "sluice run" } " has its settings. A redrive sends messages only if " code { "--bus" } " is given to it."
        }
        pre.copy tabindex="0" { code { (inert(&format!("{redrive} --dry-run\n{redrive}"))) } }
        p { "The console itself writes nothing into the lake." }
    }
}

#[cfg(test)]
mod tests {
    use sluice_engine::digest::Digest;
    use sluice_engine::outcome::ReasonCode;

    use super::*;

    fn example() -> Preview {
        let mut preview = Preview::new(Digest::of(b"release"));
        let code = ReasonCode::new("not_wanted").unwrap();
        preview.counts.with_events = 7;
        preview.counts.quarantined.insert(code.clone(), 2);
        let sample = |text: &str| Sample {
            rid: "s:1".into(),
            was: "trap".into(),
            texts: vec![text.to_owned()],
        };
        let samples = &mut preview.samples;
        samples.insert(Kind::Events, vec![sample("{\"a\":\"<b>\"}")]);
        samples.insert(Kind::Quarantined(code), vec![sample("secret \u{202e}")]);
        preview.objects = 1;
        preview
    }

    #[test]
    fn a_preview_tells_what_becomes_of_records() {
        let html = result(&example(), (1_234, 5), true).into_string();
        for part in [
            "1 of 5",
            "1,234",
            "Quarantined again as not_wanted",
            "{&quot;a&quot;:&quot;&lt;b&gt;&quot;}",
            "secret \\u{202e}",
            "/try?reason=trap&amp;rid=s%3A1",
            "/record?rid=s%3A1",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        assert!(!html.contains("stopped after"), "{html}");
        let mut cut = example();
        cut.is_cut = true;
        let html = result(&cut, (1_234, 5), false).into_string();
        assert!(html.contains("stopped after 30 s"), "{html}");
        assert!(
            !html.contains("secret") && !html.contains("&lt;b&gt;"),
            "{html}"
        );
    }

    #[test]
    fn commands_can_be_copied_and_cannot_act() {
        let html = commands("sluice redrive --lake '<b>'").into_string();
        assert!(
            html.contains("sluice redrive --lake '&lt;b&gt;' --dry-run\nsluice redrive --lake '&lt;b&gt;'</code>"),
            "{html}"
        );
    }

    #[test]
    fn rules_are_the_active_ones_or_a_release() {
        assert_eq!(rules("active").unwrap(), Rules::Active);
        let id = Digest::of(b"release");
        assert_eq!(rules(&id.to_string()).unwrap(), Rules::Release(id));
        assert!(
            rules("0123")
                .unwrap_err()
                .to_string()
                .contains("Choose one")
        );
    }
}
