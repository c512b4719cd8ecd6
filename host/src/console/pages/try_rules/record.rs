//! A record with what became of it, as HTML. Whatever comes from records and events is rendered as text that does
//! nothing.

use indicatif::HumanCount;
use maud::{Markup, html};
use sluice_engine::digest::Digest;
use sluice_engine::outcome::Reason;
use sluice_release::compare::fields::Difference;

use super::outcome::took;
use super::run::ShownRecord;
use crate::console::components::{Tone, badge};
use crate::console::payload::{bounded, inert, payload, payload_bytes};
use crate::output::counted;
use crate::tools::author::try_rules::trial::{Outcome, Tried, TriedEvent};

/// The most differences of an event that are shown; the rest is counted.
const DIFFERENCES: usize = 20;

/// The most events of a record that are shown; the rest is counted.
const EVENTS: usize = 10;

/// A record of a run. `shows` says whether its content may be shown.
pub(super) fn record(shown: &ShownRecord<'_>, shows: bool) -> Markup {
    let ShownRecord {
        index,
        tried,
        differences: changed,
    } = shown;
    let digest = Digest::of(tried.record.data).short();
    html! {
        p.try-head {
            strong { (inert(&place(tried))) }
            " " (state(&tried.outcome))
            @if !changed.is_empty() { " " (badge(Tone::Warning, "differs")) }
            " " span.dim { (HumanCount(tried.usage.fuel)) " fuel, " (took(tried.usage.time)) }
        }
        @if let Some((code, message)) = &tried.origin.quarantined {
            p { "Was quarantined as " code { (inert(code)) } ": " (payload(message, shows)) }
        }
        @if !changed.is_empty() {
            p { "Differs from the rules that it is compared with:" }
            (differences(changed, shows))
        }
        (became(tried, shows))
        (logged(tried, shows))
        details id={ "try-record-" (index) } {
            summary { "The record" }
            (payload_bytes(tried.record.data, shows))
        }
        button type="submit" form="try-form" formaction="/try/cases" name="case" value={ (index) ":" (digest) }
            aria-label={ "Save as golden case: " (inert(&place(tried))) } { "Save as golden case" }
    }
}

/// Where the record is.
fn place(tried: &Tried<'_>) -> String {
    match tried.origin.line {
        Some(line) => format!("Line {line}"),
        None => tried.rid(),
    }
}

fn state(outcome: &Outcome) -> Markup {
    match outcome {
        Outcome::Events(events) => badge(Tone::Good, &counted(events.len() as u64, "event")),
        Outcome::Quarantined(reason) => {
            badge(Tone::Warning, &format!("quarantined: {}", reason.code))
        }
        Outcome::Dropped => badge(Tone::Neutral, "dropped"),
    }
}

fn became(tried: &Tried<'_>, shows: bool) -> Markup {
    match &tried.outcome {
        Outcome::Events(events) => html! {
            @for event in events.iter().take(EVENTS) { (one_event(tried, event, shows)) }
            @if events.len() > EVENTS { p { "and " (counted((events.len() - EVENTS) as u64, "more event")) } }
        },
        Outcome::Quarantined(reason) => rejected(reason, shows),
        Outcome::Dropped => html! {},
    }
}

fn one_event(tried: &Tried<'_>, event: &TriedEvent, shows: bool) -> Markup {
    let found = tried.differences(event, false);
    html! {
        p {
            @match &*event.partition {
                "" => "No partition",
                path => { "Partition " code { (inert(path)) } },
            }
            ", to " (event.routes().join(" and "))
            @if found.is_empty() { ": the record as it is" }
        }
        (differences(&found, shows))
    }
}

fn rejected(reason: &Reason, shows: bool) -> Markup {
    html! {
        (payload(&reason.message, shows))
        @if let Some(backtrace) = &reason.backtrace {
            details { summary { "The functions that were running" } pre { (inert(backtrace)) } }
        }
    }
}

fn logged(tried: &Tried<'_>, shows: bool) -> Markup {
    let (log, more) = (&tried.usage.log, tried.usage.log_suppressed);
    html! {
        @if !log.is_empty() {
            ul.try-log aria-label="Messages that the rules logged" {
                @for message in log {
                    li { (message.level.as_str()) ": " (payload(&message.message, shows)) }
                }
                @if more > 0 { li { "and " (counted(more, "more message")) } }
            }
        }
    }
}

/// What is removed, added and changed.
fn differences(found: &[Difference], shows: bool) -> Markup {
    html! {
        @if !found.is_empty() {
            ul.differences {
                @for difference in found.iter().take(DIFFERENCES) { li { (one_difference(difference, shows)) } }
                @if found.len() > DIFFERENCES {
                    li { "and " (counted((found.len() - DIFFERENCES) as u64, "more difference")) }
                }
            }
        }
    }
}

fn one_difference(difference: &Difference, shows: bool) -> Markup {
    let place = match difference.place() {
        "" => "the whole".to_owned(),
        place => bounded(place),
    };
    html! {
        code { (place) }
        @if difference.is_layout() {
            ": only the order of members or the spacing differs"
        } @else {
            @if let Some(old) = &difference.old { " " del { "− " (value(old, shows)) } }
            @if let Some(new) = &difference.new { " " ins { "+ " (value(new, shows)) } }
        }
    }
}

/// A value in its line.
fn value(text: &str, shows: bool) -> Markup {
    html! {
        @if shows { (bounded(text)) } @else { (payload(text, false)) }
    }
}
