//! What happened in the hour of a plot.

use chrono::{DateTime, TimeDelta, Utc};
use maud::{Markup, html};

use crate::console::components::time;
use crate::console::history::{KEPT_SECONDS, Mark, MarkKind};
use crate::console::payload::inert;

/// How many marks a plot shows, the latest ones.
const MARKS_MAX: usize = 20;

/// Where the drawing has what is added to it.
pub(super) struct Geometry {
    pub(super) top: i32,
    pub(super) bottom: i32,
    /// The marks, with their horizontal position.
    pub(super) marks: Vec<(i32, Mark)>,
}

/// What happened in the last hour, the latest first: what the marks of plots stand for.
pub(in crate::console) fn marks_in_words(marks: &[Mark], now: DateTime<Utc>) -> Markup {
    let shown = marks_of_hour(marks, now);
    html! {
        @if !shown.is_empty() {
            h3 { "In the last hour" }
            ul.marks {
                @for mark in shown.iter().rev() {
                    li { strong { (letter(mark.kind)) } " " (time(mark.at)) " " (inert(&mark.text)) }
                }
            }
        }
    }
}

/// The latest marks of the hour, the oldest first.
pub(super) fn marks_of_hour(marks: &[Mark], now: DateTime<Utc>) -> Vec<Mark> {
    let since = now - TimeDelta::seconds(KEPT_SECONDS);
    let shown = marks
        .iter()
        .filter(|mark| since <= mark.at && mark.at <= now);
    let mut shown: Vec<Mark> = shown.cloned().collect();
    shown.sort_by_key(|mark| mark.at);
    let excess = shown.len().saturating_sub(MARKS_MAX);
    shown.split_off(excess)
}

/// The space that the letter of a mark takes.
const LETTER: i32 = 12;

/// The line of a mark, with its letter if the next mark leaves space for it.
pub(super) fn mark_line(x: i32, mark: &Mark, geometry: &Geometry) -> Markup {
    let class = match mark.kind {
        MarkKind::Swap => "mark swap",
        MarkKind::Rollback => "mark rollback",
        MarkKind::Reshard => "mark reshard",
    };
    let is_crowded = geometry
        .marks
        .iter()
        .any(|(next, _)| *next > x && *next < x + LETTER);
    html! {
        g class=(class) {
            title { (mark.at.format("%H:%M:%S UTC")) ": " (inert(&mark.text)) }
            line x1=(x) x2=(x) y1=(geometry.top) y2=(geometry.bottom) {}
            @if !is_crowded { text x=(x + 3) y=(geometry.top + 10) { (letter(mark.kind)) } }
        }
    }
}

/// The letter of a mark.
fn letter(kind: MarkKind) -> &'static str {
    match kind {
        MarkKind::Swap => "S",
        MarkKind::Rollback => "R",
        MarkKind::Reshard => "#",
    }
}
