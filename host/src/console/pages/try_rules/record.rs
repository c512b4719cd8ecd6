//! A record with what became of it, as HTML. Whatever comes from records and events is rendered as text that does
//! nothing, and only if it may be shown.

use indicatif::HumanCount;
use maud::{Markup, html};
use sluice_engine::digest::Digest;
use sluice_engine::outcome::Reason;
use sluice_release::compare::fields::Difference;

use super::outcome::took;
use super::run::ShownRecord;
use crate::console::components::{Tone, badge, bytes};
use crate::console::page::encoded;
use crate::console::payload::{bounded, inert, payload, payload_bytes};
use crate::output::counted;
use crate::tools::author::try_rules::trial::{Outcome, Tried, TriedEvent};

/// The most differences of an event that are shown; the rest is counted.
const DIFFERENCES: usize = 20;

/// The most events of a record that are shown; the rest is counted.
const EVENTS: usize = 10;

/// A record of a run. `is_shown` says whether its content may be shown.
pub(super) fn record(shown: &ShownRecord<'_>, is_shown: bool) -> Markup {
    html! {
        (head(shown))
        @if is_shown { (contents(shown)) } @else { (sizes(shown.tried)) }
    }
}

/// What is said of a record in any case.
fn head(shown: &ShownRecord<'_>) -> Markup {
    let tried = shown.tried;
    html! {
        p.try-head {
            strong { (place(tried)) }
            " " (state(&tried.outcome))
            @if !shown.differences.is_empty() { " " (badge(Tone::Warning, "differs")) }
            " " span.dim { (HumanCount(tried.usage.fuel)) " fuel, " (took(tried.usage.time)) }
        }
    }
}

/// The sizes of a record and of its events, and why it was quarantined. The code tells the reason; a message can quote
/// the record.
fn sizes(tried: &Tried<'_>) -> Markup {
    let events: &[TriedEvent] = match &tried.outcome {
        Outcome::Events(events) => events,
        Outcome::Quarantined(_) | Outcome::Dropped => &[],
    };
    let of_events: usize = events.iter().map(|event| event.json.len()).sum();
    html! {
        @if let Some((code, _)) = &tried.origin.quarantined {
            p { "Was quarantined as " code { (inert(code)) } "." }
        }
        p {
            "The record has " (bytes(tried.record.data.len() as u64))
            @if !events.is_empty() { ", its events have " (bytes(of_events as u64)) }
            ". The contents are hidden."
        }
    }
}

/// The record and what became of it.
fn contents(shown: &ShownRecord<'_>) -> Markup {
    let ShownRecord {
        index,
        tried,
        differences: changed,
    } = shown;
    let digest = Digest::of(tried.record.data).short();
    html! {
        @if let Some((code, message)) = &tried.origin.quarantined {
            @if is_as_before(tried) {
                p { "Was quarantined for the same reason." }
            } @else {
                p { "Was quarantined as " code { (inert(code)) } ": " (payload(message, true)) }
            }
        }
        @if !changed.is_empty() {
            p { "Differs from the rules that it is compared with:" }
            (differences(changed))
        }
        (became(tried))
        (logged(tried))
        details id={ "try-record-" (index) } {
            summary { "The record" }
            (payload_bytes(tried.record.data, true))
        }
        button type="submit" form="try-form" formaction="/try/cases" name="case" value={ (index) ":" (digest) }
            aria-label={ "Save as golden case: " (inert(&name(tried))) } { "Save as golden case" }
    }
}

/// Whether it is quarantined with the code and the message that it was quarantined with.
fn is_as_before(tried: &Tried<'_>) -> bool {
    match (&tried.outcome, &tried.origin.quarantined) {
        (Outcome::Quarantined(reason), Some((code, message))) => {
            reason.code.as_str() == code && reason.message == *message
        }
        _ => false,
    }
}

/// Where the record is, with a link to its history if it was quarantined.
fn place(tried: &Tried<'_>) -> Markup {
    let name = inert(&name(tried));
    html! {
        @if tried.origin.quarantined.is_some() {
            a href={ "/record?rid=" (encoded(&tried.rid())) } { (name) }
        } @else {
            (name)
        }
    }
}

/// Where the record is, in words.
fn name(tried: &Tried<'_>) -> String {
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

fn became(tried: &Tried<'_>) -> Markup {
    match &tried.outcome {
        Outcome::Events(events) => html! {
            @for event in events.iter().take(EVENTS) { (one_event(tried, event)) }
            @if events.len() > EVENTS { p { "and " (counted((events.len() - EVENTS) as u64, "more event")) } }
        },
        Outcome::Quarantined(reason) => rejected(reason),
        Outcome::Dropped => html! {},
    }
}

fn one_event(tried: &Tried<'_>, event: &TriedEvent) -> Markup {
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
        (differences(&found))
    }
}

fn rejected(reason: &Reason) -> Markup {
    html! {
        (payload(&reason.message, true))
        @if let Some(backtrace) = &reason.backtrace {
            details { summary { "The functions that were running" } pre { (inert(backtrace)) } }
        }
    }
}

fn logged(tried: &Tried<'_>) -> Markup {
    let (log, more) = (&tried.usage.log, tried.usage.log_suppressed);
    html! {
        @if !log.is_empty() {
            ul.try-log aria-label="Messages that the rules logged" {
                @for message in log {
                    li { (message.level.as_str()) ": " (payload(&message.message, true)) }
                }
                @if more > 0 { li { "and " (counted(more, "more message")) } }
            }
        }
    }
}

/// What is removed, added and changed.
fn differences(found: &[Difference]) -> Markup {
    html! {
        @if !found.is_empty() {
            ul.differences {
                @for difference in found.iter().take(DIFFERENCES) { li { (one_difference(difference)) } }
                @if found.len() > DIFFERENCES {
                    li { "and " (counted((found.len() - DIFFERENCES) as u64, "more difference")) }
                }
            }
        }
    }
}

fn one_difference(difference: &Difference) -> Markup {
    let place = match difference.place() {
        "" => "the whole".to_owned(),
        place => bounded(place),
    };
    html! {
        code { (place) }
        @if difference.is_layout() {
            ": only the order of members or the spacing differs"
        } @else {
            @if let Some(old) = &difference.old { " " del { "− " (bounded(old)) } }
            @if let Some(new) = &difference.new { " " ins { "+ " (bounded(new)) } }
        }
    }
}
