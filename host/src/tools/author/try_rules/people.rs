//! Results for people: in colour on a terminal, with bounded values.

use std::fmt::Write as _;
use std::io;

use anstream::{AutoStream, ColorChoice};
use clap::builder::styling::{AnsiColor, Effects, Style};
use indicatif::HumanCount;
use sluice_engine::log_budget::{LogLevel, LogMessage};
use sluice_engine::outcome::{Fault, Reason};
use sluice_engine::sanitize::escape;
use sluice_engine::usage::RecordUsage;
use sluice_release::compare::fields::Difference;

use super::summary::Summary;
use super::trial::{Outcome, Tried, TriedEvent};
use crate::output;
use crate::output::{OutputError, counted};

/// The length of a value, in characters; the rest is counted.
const VALUE_CHARS: usize = 160;

/// The lines of a backtrace; the rest is counted.
const BACKTRACE_LINES: usize = 5;

const HEADING: Style = Style::new().effects(Effects::BOLD);
const ADDED: Style = AnsiColor::Green.on_default();
const REMOVED: Style = AnsiColor::Red.on_default();
const QUARANTINED: Style = AnsiColor::Yellow.on_default();
const FAINT: Style = Style::new().effects(Effects::DIMMED);

/// Prints text.
pub(super) struct PeoplePrinter {
    color: bool,
    /// Whether members that stay the same are shown, and values in full length.
    full: bool,
}

impl PeoplePrinter {
    /// Uses colours if standard output is a terminal, unless `NO_COLOR` or `TERM` says otherwise.
    pub(super) fn new(full: bool) -> Self {
        let choice = AutoStream::choice(&io::stdout());
        Self {
            color: choice != ColorChoice::Never,
            full,
        }
    }

    /// Prints a record and what becomes of it.
    pub(super) fn record(&self, tried: &Tried<'_>) -> Result<(), OutputError> {
        if let Outcome::Quarantined(reason) = &tried.outcome
            && let Some(backtrace) = &reason.backtrace
            && !has_place(reason)
        {
            let (record, reason) = (tried.rid(), reason.code.as_str());
            tracing::debug!(record, reason, backtrace, "the functions that were running");
        }
        output::text(self.describe(tried))
    }

    fn describe(&self, tried: &Tried<'_>) -> String {
        let mut text = self.heading(tried);
        if let Some((code, message)) = &tried.origin.quarantined {
            let was = format!("was quarantined as {code}: {message}");
            text += &self.line(FAINT, "  ", &escape(&was));
        }
        text += &self.log(&tried.usage);
        match &tried.outcome {
            Outcome::Events(events) => {
                for event in events {
                    text += &self.event(tried, event);
                }
            }
            Outcome::Quarantined(reason) => {
                text += &self.reason(reason);
                text += &self.data(tried);
            }
            Outcome::Dropped if self.full => text += &self.data(tried),
            Outcome::Dropped => {}
        }
        text
    }

    /// Where the record is, its outcome, and what it took.
    fn heading(&self, tried: &Tried<'_>) -> String {
        let place = match tried.origin.line {
            Some(line) => match tried.sub() {
                Some(sub) => format!("{}:{line} (record {sub})", tried.origin.source),
                None => format!("{}:{line}", tried.origin.source),
            },
            None => tried.rid(),
        };
        let (style, outcome) = match &tried.outcome {
            Outcome::Events(events) => (ADDED, counted(events.len() as u64, "event")),
            Outcome::Quarantined(reason) => {
                (QUARANTINED, format!("quarantined as {}", reason.code))
            }
            Outcome::Dropped => (FAINT, "dropped".to_owned()),
        };
        let usage = format!(
            "{} fuel, {:.1?}",
            HumanCount(tried.usage.fuel),
            tried.usage.time
        );
        format!(
            "{}  {}  {}\n",
            self.paint(HEADING, &escape(&place)),
            self.paint(style, &outcome),
            self.paint(FAINT, &usage)
        )
    }

    /// What the rules logged about the record.
    fn log(&self, usage: &RecordUsage) -> String {
        let mut text = String::new();
        for LogMessage { level, message } in &usage.log {
            let style = match level {
                LogLevel::Warn | LogLevel::Error => QUARANTINED,
                LogLevel::Trace | LogLevel::Debug | LogLevel::Info => FAINT,
            };
            let logged = format!("{}: {}", level.as_str(), self.bounded(message));
            text += &self.line(style, "  log ", &logged);
        }
        if usage.log_suppressed > 0 {
            let more = counted(usage.log_suppressed, "more message");
            text += &self.line(FAINT, "  log ", &format!("… {more}"));
        }
        text
    }

    fn event(&self, tried: &Tried<'_>, event: &TriedEvent) -> String {
        let partition = match &*event.partition {
            "" => "no partition",
            path => path,
        };
        let mut text = format!(
            "  {}  to {}\n",
            escape(partition),
            event.routes().join(", ")
        );
        let differences = tried.differences(event, self.full);
        if differences.iter().all(|found| found.old == found.new) {
            text += &self.line(FAINT, "    ", "the record as it is");
        }
        for difference in &differences {
            text += &self.difference(difference);
        }
        text
    }

    /// A member: red if it is removed, green if it is added, both if it changes.
    fn difference(&self, difference: &Difference) -> String {
        let Difference { old, new, .. } = difference;
        let path = match difference.place() {
            "" => "the record".to_owned(),
            path => self.bounded(path),
        };
        if difference.is_layout() {
            let what = format!("{path}: only the order of members or the spacing differs");
            return self.line(FAINT, "    ~ ", &what);
        }
        let member = |value: &String| format!("{path}: {}", self.bounded(value));
        match (old, new) {
            (Some(old), Some(new)) if old == new => self.line(FAINT, "      ", &member(old)),
            (old, new) => {
                let removed = old.as_ref().map(member);
                let removed = removed.map(|old| self.line(REMOVED, "    - ", &old));
                let added = new.as_ref().map(member);
                let added = added.map(|new| self.line(ADDED, "    + ", &new));
                removed.unwrap_or_default() + &added.unwrap_or_default()
            }
        }
    }

    fn reason(&self, reason: &Reason) -> String {
        let mut text = self.line(QUARANTINED, "  ", &escape(&reason.message));
        let backtrace = reason.backtrace.iter().filter(|_| has_place(reason));
        let lines: Vec<_> = backtrace.flat_map(|text| text.lines()).collect();
        let shown = match self.full {
            true => lines.len(),
            false => lines.len().min(BACKTRACE_LINES),
        };
        for line in &lines[..shown] {
            text += &self.line(FAINT, "    ", &escape(line));
        }
        if shown < lines.len() {
            let more = counted((lines.len() - shown) as u64, "more line");
            text += &self.line(FAINT, "    ", &format!("… {more}"));
        }
        text
    }

    /// The bytes of the record.
    fn data(&self, tried: &Tried<'_>) -> String {
        let data = String::from_utf8_lossy(tried.record.data);
        self.line(FAINT, "  record ", &self.bounded(&data))
    }

    /// A line of text that is safe for a terminal.
    fn line(&self, style: Style, indent: &str, text: &str) -> String {
        format!("{}\n", self.paint(style, &format!("{indent}{text}")))
    }

    fn paint(&self, style: Style, text: &str) -> String {
        match self.color {
            true => format!("{style}{text}{style:#}"),
            false => text.to_owned(),
        }
    }

    /// A value, unless it is too long: then its beginning, and how many bytes are left out.
    fn bounded(&self, value: &str) -> String {
        let end = match self.full {
            true => None,
            false => value.char_indices().nth(VALUE_CHARS),
        };
        match end {
            None => escape(value),
            Some((end, _)) => {
                let left_out = counted((value.len() - end) as u64, "more byte");
                format!("{}… ({left_out})", escape(&value[..end]))
            }
        }
    }

    /// Prints the counts.
    pub(super) fn summary(&self, summary: &Summary) -> Result<(), OutputError> {
        let (fuel, time) = (summary.fuel(), summary.time());
        let mut text = format!(
            "{}\n",
            self.paint(
                HEADING,
                &format!(
                    "{}: {} with {}, {} dropped, {} quarantined",
                    counted(summary.records(), "record"),
                    HumanCount(summary.with_events),
                    counted(summary.events, "event"),
                    HumanCount(summary.dropped),
                    HumanCount(summary.quarantined_records()),
                )
            )
        );
        for (code, records) in &summary.quarantined {
            let count = HumanCount(*records).to_string();
            text += &self.line(QUARANTINED, "  ", &format!("{count:>8}  {code}"));
        }
        let _to_a_string = writeln!(
            text,
            "a record takes {} fuel and {:.1?} (medians), {} fuel and {:.1?} at most",
            HumanCount(fuel.median),
            time.median,
            HumanCount(fuel.max),
            time.max
        );
        if let Some(limit) = summary.limit {
            let limit = HumanCount(limit as u64);
            let _to_a_string = writeln!(
                text,
                "stopped at --limit {limit}; there may be more records"
            );
        }
        output::text(text)
    }
}

/// Whether the functions that were running say where the fault is. Which of them exceeds a limit is chance.
fn has_place(reason: &Reason) -> bool {
    reason.code == Fault::Trap.code()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printer(color: bool, full: bool) -> PeoplePrinter {
        PeoplePrinter { color, full }
    }

    fn difference(path: &str, old: Option<&str>, new: Option<&str>) -> Difference {
        Difference {
            path: path.to_owned(),
            old: old.map(str::to_owned),
            new: new.map(str::to_owned),
        }
    }

    #[test]
    fn a_member_is_green_if_added_and_red_if_removed() {
        let shown = |old, new| printer(true, false).difference(&difference("a.b", old, new));
        let (red, green, end) = ("\u{1b}[31m", "\u{1b}[32m", "\u{1b}[0m\n");
        assert_eq!(shown(None, Some("1")), format!("{green}    + a.b: 1{end}"));
        assert_eq!(shown(Some("1"), None), format!("{red}    - a.b: 1{end}"));
        assert_eq!(
            shown(Some("1"), Some("2")),
            format!("{red}    - a.b: 1{end}{green}    + a.b: 2{end}")
        );
        let plain = printer(false, false).difference(&difference("", Some("1"), Some("2")));
        assert_eq!(plain, "    - the record: 1\n    + the record: 2\n");
        let layout = difference("a.(order or spacing)", Some("1"), Some("2"));
        let plain = printer(false, false).difference(&layout);
        let expected = "    ~ a: only the order of members or the spacing differs\n";
        assert_eq!(plain, expected);
    }

    #[test]
    fn a_long_value_ends_with_the_number_of_bytes_that_are_left_out() {
        let long = "é".repeat(VALUE_CHARS + 3);
        let shown = printer(false, false).bounded(&long);
        assert_eq!(shown, "é".repeat(VALUE_CHARS) + "… (6 more bytes)");
        assert_eq!(printer(false, true).bounded(&long), long);
        let short = "x".repeat(VALUE_CHARS);
        assert_eq!(printer(false, false).bounded(&short), short);
    }

    #[test]
    fn a_record_cannot_control_the_terminal() {
        let found = difference("a\u{1b}[2J", None, Some("\u{9b}31m\u{7f}"));
        let shown = printer(false, true).difference(&found);
        assert_eq!(shown, "    + a\\u{1b}[2J: \\u{9b}31m\\u{7f}\n");
    }

    #[test]
    fn a_long_backtrace_is_cut() {
        let reason = Reason {
            backtrace: Some(["f"; BACKTRACE_LINES + 2].join("\n")),
            ..Reason::rejected("trap", "why".into())
        };
        let shown = printer(false, false).reason(&reason);
        assert_eq!(shown.lines().count(), 1 + BACKTRACE_LINES + 1);
        assert!(shown.ends_with("    … 2 more lines\n"), "{shown}");
        let full = printer(false, true).reason(&reason);
        assert_eq!(full.lines().count(), 1 + BACKTRACE_LINES + 2);
        let exceeded = Reason {
            backtrace: Some("f < g".to_owned()),
            ..Reason::fault(Fault::StackOverflow, "too deep")
        };
        assert_eq!(printer(false, true).reason(&exceeded), "  too deep\n");
    }
}
