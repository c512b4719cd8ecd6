//! How events drift from the schema, and what no column has, by what the workers say in `/status`.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use maud::{Markup, html};
use sluice_storage::location::StoreLocation;

use crate::config::{shell_word, store_setting};
use crate::console::components::{Tone, badge, count, empty, of, table, time_text};
use crate::console::payload::inert;
use crate::console::words::{further, values_by_field};
use crate::console::workers::{WorkerDriftEntry, WorkerTotals};

/// The most entries that are shown.
const SHOWN_MAX: usize = 100;

/// What drifts at one path.
type DriftKey = (String, String, String, Option<String>);

/// What all workers have counted together.
#[derive(Default)]
pub(super) struct WorkerDrift {
    /// The workers that have said something.
    workers: usize,
    /// When the first of them was started, RFC 3339.
    since: Option<String>,
    values: u64,
    paths: BTreeMap<String, u64>,
    entries: BTreeMap<DriftKey, WorkerDriftEntry>,
    unwatched: u64,
}

impl WorkerDrift {
    /// The sum of the totals of workers, each since its start.
    pub(super) fn of<'a>(workers: impl Iterator<Item = (&'a str, &'a WorkerTotals)>) -> Self {
        let mut drift = Self::default();
        for (since, totals) in workers {
            drift.add(totals);
            // The times are in UTC and of one form, so they sort as texts do.
            let first = drift.since.take();
            let first = first.filter(|first| first.as_str() <= since);
            drift.since = Some(first.unwrap_or_else(|| since.to_owned()));
        }
        drift
    }

    fn add(&mut self, totals: &WorkerTotals) {
        self.workers += 1;
        self.values = self.values.saturating_add(totals.unmapped_values);
        for (path, values) in &totals.unmapped_paths {
            let sum = self.paths.entry(path.clone()).or_default();
            *sum = sum.saturating_add(*values);
        }
        for entry in &totals.schema_drift_paths {
            let key = (
                entry.event_type.clone(),
                entry.path.clone(),
                entry.drift.clone(),
                entry.value_kind.clone(),
            );
            match self.entries.get_mut(&key) {
                None => drop(self.entries.insert(key, entry.clone())),
                Some(known) => {
                    known.count = known.count.saturating_add(entry.count);
                    known.came_back |= entry.came_back;
                    if entry.first_seen < known.first_seen {
                        known.first_seen.clone_from(&entry.first_seen);
                    }
                }
            }
        }
        let unwatched = [
            totals.schema_drift_unwatched_events,
            totals.schema_drift_unwatched_values,
        ];
        self.unwatched = unwatched
            .into_iter()
            .fold(self.unwatched, u64::saturating_add);
    }
}

/// The drift that workers have found. `polled` is the number of workers that are asked.
pub(super) fn section(drift: &WorkerDrift, polled: usize, lake: Option<&StoreLocation>) -> Markup {
    if polled == 0 {
        return empty(
            "No worker is polled, and drift is what workers say of it.",
            "Start the console with --worker URL, the address of a worker's metrics. A Lambda function has no such address: its log has the event schema_drift.",
        );
    }
    html! {
        p {
            (of(drift.workers as u64, polled as u64)) " workers have answered. Drift is looked for in a sample of the events. "
            "Only objects with columns have a schema to drift from."
        }
        @if let Some(since) = &drift.since {
            p {
                "The counts of a worker begin with its start; the first of these was started at " (time_text(since))
                ". Of the time before, this page has no drift: chunk manifests do not record it, but the logs of the workers do, "
                "as " code { "schema_drift" } ". If the lake has a table, its section below counts the values in no column of "
                "all its events, without their times."
            }
        }
        @if drift.entries.is_empty() && drift.paths.is_empty() {
            (empty("No drift was found, and each value has a column.", "There is nothing to do."))
        } @else {
            (entries(drift))
            (paths(drift))
            (advice(lake))
        }
        @if drift.unwatched > 0 {
            p { (count(drift.unwatched)) " sampled events and values are not told apart, because there are too many types and paths." }
        }
    }
}

fn entries(drift: &WorkerDrift) -> Markup {
    let mut entries: Vec<_> = drift.entries.values().collect();
    entries.sort_by_key(|entry| Reverse(entry.count));
    let rows = entries.iter().take(SHOWN_MAX).map(|entry| {
        let text =
            |text: &Option<String>| html! { @if let Some(text) = text { code { (inert(text)) } } };
        vec![
            html! { code { (inert(&entry.path)) } },
            html! { (inert(&entry.event_type)) },
            kind(entry),
            text(&entry.column_type),
            text(&entry.value_kind),
            count(entry.count),
            time_text(&entry.first_seen),
        ]
    });
    let rows: Vec<_> = rows.collect();
    let columns = [
        "Field",
        "Event type",
        "Drift",
        "Type of the column",
        "Type seen",
        "Count",
        "First seen",
    ];
    html! {
        @if !rows.is_empty() {
            h3 { "Drift" }
            (table("How events drift from the schema", &columns, &rows))
            (further(SHOWN_MAX, entries.len(), "drift"))
        }
    }
}

fn kind(entry: &WorkerDriftEntry) -> Markup {
    match entry.drift.as_str() {
        "new_path" => badge(Tone::Warning, "new field"),
        "new_type" => badge(Tone::Warning, "other type"),
        "vanished" if entry.came_back => badge(Tone::Neutral, "was missing, came back"),
        "vanished" => badge(Tone::Bad, "missing"),
        other => badge(Tone::Neutral, &inert(other)),
    }
}

fn paths(drift: &WorkerDrift) -> Markup {
    html! {
        @if !drift.paths.is_empty() {
            h3 { "Values in no column" }
            p { (count(drift.values)) " values of committed events are in _rest only, so queries by column do not see them." }
            (values_by_field("Values in no column, by field", &drift.paths, SHOWN_MAX))
        }
    }
}

/// The command that adds columns.
fn advice(lake: Option<&StoreLocation>) -> Markup {
    let events = match lake {
        Some(lake) => format!("--lake {}", shell_word(&store_setting(lake))),
        None => "--lake LAKE".into(),
    };
    html! {
        p { "To add columns for new fields, extend the schema that the workers have, and start them with the new one:" }
        pre { code { "sluice schema evolve schema.json " (inert(&events)) " --output new.json" } }
        p {
            "It reads all events of the lake; " code { "--event-type TYPE" } " takes those of one type. "
            "A value of another type stays in _rest: correct the producer, or choose another type for the column. "
            "If a field is missing, ask the producer whether that is meant."
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::console::workers::nothing_done;

    /// The totals of a worker; `more` are members of its summary that are not those of one that has done nothing.
    fn totals(more: Value) -> WorkerTotals {
        let (mut totals, _) = nothing_done();
        if let (Value::Object(totals), Value::Object(more)) = (&mut totals, more) {
            totals.extend(more);
        }
        serde_json::from_value(totals).unwrap()
    }

    fn drifting(count: u64, first_seen: &str) -> WorkerTotals {
        totals(json!({
            "unmapped_values": count,
            "unmapped_paths": {"a.<b>": count},
            "schema_drift_paths": [{
                "event_type": "lesson\u{202e}", "path": "a.<b>", "drift": "new_path", "value_kind": "long",
                "first_seen": first_seen, "count": count,
            }],
        }))
    }

    #[test]
    fn workers_are_added_up_and_what_they_say_does_nothing() {
        let all = [
            drifting(3, "2026-01-02T00:00:00.000Z"),
            drifting(4, "2026-01-01T00:00:00.000Z"),
        ];
        let starts = ["2026-01-03T00:00:00.000Z", "2025-12-31T00:00:00.000Z"];
        let drift = WorkerDrift::of(starts.into_iter().zip(all.iter()));
        let lake = StoreLocation::Folder("my lake".into());
        let html = section(&drift, 3, Some(&lake)).into_string();
        for text in [
            "2 of 3 workers",
            "the first of these was started at <time datetime=\"2025-12-31T00:00:00Z\"",
            "chunk manifests do not record it",
            "a.&lt;b&gt;",
            "lesson\\u{202e}",
            "2026-01-01T00:00:00Z",
            "<span class=\"number\">7</span>",
            "new field",
            "sluice schema evolve schema.json --lake 'file:my lake' --output new.json",
        ] {
            assert!(html.contains(text), "{text}: {html}");
        }
        assert!(!html.contains("2026-01-02") && !html.contains("2026-01-03"));
    }

    #[test]
    fn nothing_to_say_is_said() {
        let html = section(&WorkerDrift::default(), 0, None).into_string();
        assert!(html.contains("--worker URL"), "{html}");
        let totals = totals(json!({"records": 5}));
        let none = WorkerDrift::of([("2026", &totals)].into_iter());
        let html = section(&none, 1, None).into_string();
        assert!(html.contains("No drift was found"), "{html}");
        let html = section(&WorkerDrift::default(), 1, None).into_string();
        assert!(!html.contains("was started at"), "{html}");
    }
}
