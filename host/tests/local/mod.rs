//! Runs of the program from files into folders.

mod again;
mod changed;
mod config_check;
mod failed_sources;
mod folders;
mod growing;
mod identity;
mod inputs;
mod meaningless;
mod messages;
mod mistakes;
mod other_rules;
mod outputs;
mod pending;
mod places;
mod progress;
mod quarantined;
mod settings;
mod stopped;
mod summary;

/// An event whose type depends on `n`.
pub(crate) fn event(n: usize) -> String {
    let kind = ["lesson", "payment", "login"][n % 3];
    format!(
        r#"{{"event_uuid":"u-{n}","event_name":"{kind}:done","created_at":1767225600.5,"n":{n}}}"#
    )
}

/// The enriched event.
fn enriched(n: usize) -> String {
    let kind = ["lesson", "payment", "login"][n % 3];
    let event = event(n);
    let event = event.strip_suffix('}').unwrap();
    format!(
        r#"{event},"created_datetime":"2026-01-01T00:00:00.5Z","event_type":"{kind}","event_subtype":"done"}}"#
    )
}

/// Events as lines of a file.
pub(crate) fn events(range: std::ops::Range<usize>) -> String {
    range.map(|n| event(n) + "\n").collect()
}

/// The same lines from the last to the first: a file that begins as another one does would be taken for that.
pub(crate) fn reversed(lines: &str) -> String {
    lines
        .lines()
        .rev()
        .map(|line| format!("{line}\n"))
        .collect()
}

/// The events that the lake must have, sorted.
pub(crate) fn all_enriched(range: std::ops::Range<usize>) -> Vec<String> {
    let mut lines: Vec<_> = range.map(enriched).collect();
    lines.sort_unstable();
    lines
}
