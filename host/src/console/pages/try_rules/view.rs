//! The page: records, rules and what to compare with on the left, and the outcome on the right; on a narrow screen below.

use std::iter;

use maud::{Markup, html};
use sluice_release::bundle::Manifest;
use sluice_release::rollout::Rollout;

use super::decoding;
use super::fields::{line, radio, select, text};
use super::form::{
    ACTIVE, ARCHIVE, COMPONENT, COPY, ENRICH, EVEN, JQ, LAST, NEWEST, NOTHING, PASTED, QUARANTINE,
    REJECTED, RELEASE, TryForm,
};
use super::records::NO_ARCHIVES;
use crate::builtin::Builtin;
use crate::console::Permissions;
use crate::console::pages::forms::{newest_only, release_options};
use crate::console::payload::inert;
use crate::ledger::decoding::{RecordEncoding, RecordFormat};

/// What the page can offer, besides what the form holds.
pub(super) struct Offer {
    pub(super) permissions: Permissions,
    pub(super) has_lake: bool,
    pub(super) has_registry: bool,
    /// The releases of the registry, the newest first.
    pub(super) releases: Vec<Manifest>,
    /// The components that were sent.
    pub(super) components: Vec<Manifest>,
    /// How many golden cases there are.
    pub(super) cases: usize,
    /// Whether the console signs what it publishes.
    pub(super) signs: bool,
    /// The rollout, if it was read.
    pub(super) rollout: Option<Rollout>,
}

impl Offer {
    /// Whether the page has buttons that publish.
    fn can_publish(&self) -> bool {
        self.permissions.publish && self.has_registry
    }
}

/// The form and the outcome.
pub(super) fn workbench(form: &TryForm, offer: &Offer, outcome: &Markup) -> Markup {
    html! {
        p.note {
            "See what rules would make of records. "
            @if offer.can_publish() {
                "Nothing is written, except by the buttons below that publish."
            } @else {
                "Nothing is written."
            }
        }
        div.try {
            form #try-form method="post" action="/try/run" {
                // The first button of a form is the one that Enter presses.
                div.try-bar {
                    button type="submit" #try-run { "Run" }
                    span.note.script-only hidden { "Runs by itself after a change; Ctrl+Enter runs at once." }
                    span #try-status role="status" {}
                }
                (against(form, offer))
                (records(form, offer))
                (rules(form, offer))
            }
            div.try-right tabindex="0" role="region" aria-label="Outcome" {
                h2 { "Outcome" }
                div #try-outcome { (outcome) }
            }
        }
    }
}

fn records(form: &TryForm, offer: &Offer) -> Markup {
    html! {
        fieldset {
            legend { "Records" }
            (radio("source", PASTED, &form.source, "Pasted records"))
            div.for-pasted {
                (text("records", "One JSON object a line, up to 1,000", &form.records, 12))
                p.script-only hidden {
                    label for="try-file" { "Or choose a file, or drop one here" }
                    " " input #try-file type="file";
                }
                p { button type="submit" name="load" value="sample" { "Load a sample" } }
            }
            (lake_records(form, offer))
            @if offer.permissions.payloads {
                (archived_records(form))
            } @else {
                p.note { (NO_ARCHIVES) }
            }
            (how_to_decode(form))
        }
    }
}

fn lake_records(form: &TryForm, offer: &Offer) -> Markup {
    let choices = [
        (NEWEST, "the newest"),
        (EVEN, "some of all objects, evenly"),
    ];
    html! {
        @if offer.has_lake {
            (radio("source", QUARANTINE, &form.source, "Quarantined records of the lake"))
            div.for-quarantine {
                @if !offer.permissions.payloads {
                    p.note {
                        "Their contents stay hidden: you see counts, reasons and sizes. They are tried with releases and "
                        "built-in transforms as they are, since rules that are written here could show contents."
                    }
                }
                (line("reason", "Reason", &form.reason, "all reasons"))
                (line("shard", "Shard", &form.shard, "all shards"))
                (line("quarantined_by", "Quarantined by release", &form.quarantined_by, "all releases"))
                (line("from", "Arrived since", &form.from, "2026-01-31T12:00:00Z"))
                (line("to", "Arrived before", &form.to, "2026-02-01T00:00:00Z"))
                (select("choice", "Which of them, up to 1,000", &form.choice, &choices))
                (line("rid", "Or only the record with this id", &form.rid, "shard:sequence"))
            }
        } @else {
            p.note { "To try quarantined records, start the console with " code { "--lake" } "." }
        }
    }
}

fn archived_records(form: &TryForm) -> Markup {
    html! {
        (radio("source", ARCHIVE, &form.source, "Records of an archive"))
        div.for-archive {
            (line("archive", "Archive", &form.archive, "file:DIR or s3://BUCKET/PREFIX"))
        }
    }
}

fn how_to_decode(form: &TryForm) -> Markup {
    let values = |names: &[String]| -> Vec<(String, String)> {
        let as_in_run = (String::new(), "as in the run".to_owned());
        let names = names.iter().map(|name| (name.clone(), name.clone()));
        iter::once(as_in_run).chain(names).collect()
    };
    html! {
        details.for-stored #try-decoding open[!form.encoding.is_empty() || !form.format.is_empty()] {
            summary { "How data is decoded that no run has decoded" }
            p.note { "Records that a run has decoded stay as they are. Data that it could not decode is tried as it was." }
            (select("encoding", "Encoding", &form.encoding, &values(&decoding::names::<RecordEncoding>())))
            (select("format", "Format", &form.format, &values(&decoding::names::<RecordFormat>())))
        }
    }
}

fn rules(form: &TryForm, offer: &Offer) -> Markup {
    let builtins = Builtin::ALL.into_iter();
    let builtins = builtins.filter(|builtin| *builtin != Builtin::Jq);
    html! {
        fieldset {
            legend { "Rules" }
            (radio("rules", JQ, &form.rules, "A jq program"))
            div.for-jq { (text("jq", "Program", &form.jq, 12)) }
            @for builtin in builtins {
                (radio("rules", builtin.name(), &form.rules, &format!("{builtin}: {}", builtin.summary())))
            }
            @if offer.has_registry || form.rules == RELEASE {
                (radio("rules", RELEASE, &form.rules, "A release"))
                div.for-release { (releases(form, &offer.releases)) }
            } @else {
                p.note { "To try releases, start the console with " code { "--registry" } "." }
            }
            (sent_components(form, &offer.components))
            (configs(form))
            details #try-config-details .script-only hidden open[!matches!(&*form.rules, JQ | "")] {
                summary { "Enter the configuration in fields" }
                div #try-config-fields {}
            }
        }
    }
}

/// The transform configuration of each kind of rules; that of the chosen one is shown.
fn configs(form: &TryForm) -> Markup {
    let kinds = [
        (JQ, "builtin:jq", &form.config_jq),
        (ENRICH, "builtin:enrich", &form.config_enrich),
        (COPY, "builtin:copy", &form.config_copy),
        (RELEASE, "the release", &form.config_release),
        (COMPONENT, "the component", &form.config_component),
    ];
    html! {
        div #try-config tabindex="-1" {
            @for (kind, of, config) in kinds {
                div class={ "for-" (kind) } {
                    (text(&format!("config_{kind}"), &format!("Transform configuration of {of}, a JSON object"), config, 4))
                }
            }
        }
    }
}

fn releases(form: &TryForm, releases: &[Manifest]) -> Markup {
    let is_listed = |id: &str| releases.iter().any(|it| it.id().to_string() == id);
    html! {
        p.field {
            label for="try-release" { "Release; its own configuration is used if none is written below" }
            select #try-release name="release" {
                @if !form.release.is_empty() && form.release != ACTIVE && !is_listed(&form.release) {
                    option value=(inert(&form.release)) selected { (inert(&form.release)) }
                }
                option value=(ACTIVE) selected[form.release == ACTIVE] { "The active release" }
                (release_options(&releases.iter().collect::<Vec<_>>(), &form.release))
            }
            (newest_only(releases.len()))
        }
    }
}

/// What the outcome can be compared with.
fn against(form: &TryForm, offer: &Offer) -> Markup {
    let by_itself = "The active release, or else the one that rejected the records, or else the one that wrote last";
    let choices = [
        ("", by_itself, true),
        (ACTIVE, "The active release", offer.has_registry),
        (
            REJECTED,
            "The release that rejected the records",
            offer.has_lake,
        ),
        (
            LAST,
            "The release that wrote to the lake last",
            offer.has_lake,
        ),
        (NOTHING, "Nothing", true),
    ];
    let is_offered =
        |(value, _, is_offered): &(&str, &str, bool)| *is_offered || *value == form.against;
    let builtins = Builtin::ALL.into_iter();
    let builtins = builtins.filter(|builtin| *builtin != Builtin::Jq);
    html! {
        p.field.against {
            label for="try-against" { "Compare the outcome with" }
            select #try-against name="against" {
                @for (value, label, _) in choices.into_iter().filter(is_offered) {
                    option value=(value) selected[value == form.against] { (label) }
                }
                @for builtin in builtins {
                    @let value = builtin.to_string();
                    option value=(value) selected[value == form.against] { (value) " with its default configuration" }
                }
                (release_options(&offer.releases.iter().collect::<Vec<_>>(), &form.against))
            }
            (newest_only(offer.releases.len()))
        }
    }
}

fn sent_components(form: &TryForm, components: &[Manifest]) -> Markup {
    html! {
        div.script-only hidden {
            (radio("rules", COMPONENT, &form.rules, "A component"))
            p.field {
                label for="try-component" { "Component" }
                select #try-component name="component" {
                    @for component in components {
                        @let digest = component.component.to_string();
                        option value=(digest) selected[digest == form.component] {
                            (inert(component.transform.as_deref().unwrap_or_default())) " (" (component.component.short()) ")"
                        }
                    }
                }
            }
            p {
                label for="try-wasm" { "Choose a .wasm file, or drop one here" }
                " " input #try-wasm type="file" accept=".wasm";
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn offer(payloads: bool, publish: bool) -> Offer {
        Offer {
            permissions: Permissions { publish, payloads },
            has_lake: true,
            has_registry: true,
            releases: Vec::new(),
            components: Vec::new(),
            cases: 2,
            signs: false,
            rollout: None,
        }
    }

    #[test]
    fn what_is_typed_stays_text() {
        let form = TryForm {
            source: PASTED.into(),
            rules: JQ.into(),
            records: "\n</textarea><script>".into(),
            jq: ".a < 1".into(),
            release: "\"><b>".into(),
            ..TryForm::default()
        };
        let html = workbench(&form, &offer(true, true), &html! {}).into_string();
        assert!(
            html.contains("\n\n&lt;/textarea&gt;&lt;script&gt;"),
            "{html}"
        );
        assert!(!html.contains("<script>") && !html.contains("<b>"));
        assert!(html.contains("value=\"quarantine\""));
    }

    #[test]
    fn what_is_written_is_said() {
        let says = |offer: &Offer| {
            let html = workbench(&TryForm::default(), offer, &html! {});
            html.into_string().contains("except by the buttons")
        };
        let without_registry = Offer {
            has_registry: false,
            ..offer(true, true)
        };
        assert!(says(&offer(true, true)));
        assert!(!says(&offer(true, false)) && !says(&without_registry));
    }

    #[test]
    fn records_of_an_archive_are_offered_only_with_payloads() {
        let html = workbench(&TryForm::default(), &offer(false, false), &html! {}).into_string();
        assert!(html.contains("value=\"quarantine\"") && !html.contains("value=\"archive\""));
        assert!(html.contains("--show-payloads"), "{html}");
        assert!(html.contains("Their contents stay hidden"), "{html}");
    }

    #[test]
    fn what_to_compare_with_can_be_chosen() {
        let form = TryForm {
            against: NOTHING.into(),
            ..TryForm::default()
        };
        let html = workbench(&form, &offer(true, true), &html! {}).into_string();
        for part in [
            "value=\"active\"",
            "value=\"rejected\"",
            "value=\"builtin:enrich\"",
            "value=\"nothing\" selected",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        let without = Offer {
            has_lake: false,
            has_registry: false,
            ..offer(true, true)
        };
        let html = workbench(&form, &without, &html! {}).into_string();
        assert!(!html.contains("value=\"active\"") && !html.contains("value=\"last\""));
    }
}
