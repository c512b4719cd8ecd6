//! `sluice schema evolve`: adds columns for what events have and no column takes.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{ArgAction, Args};
use serde_json::{Value, json};
use sluice_engine::sanitize::escape;
use sluice_schema::inference::{TypeReport, ValueKind};
use sluice_schema::{ColumnType, Evolution, Inference, Mapper, NoEvent, Reason};

use super::input::EventsArgs;
use super::reading::{Collector, collect};
use super::table::Table;
use super::unmapped::UnmappedCounts;
use super::{document, print_json};
use crate::output::{self, counted};

/// Which schema, and which events.
#[derive(Debug, Args)]
pub struct EvolveArgs {
    /// The schema to add columns to: a file that `sluice schema infer --output` has written, or your own.
    schema: PathBuf,
    #[command(flatten)]
    events: EventsArgs,
    /// Write the new schema to this file, which can be that of the old one. A file that exists is replaced.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print one JSON object, for scripts.
    #[arg(long, action = ArgAction::SetTrue)]
    json: bool,
}

/// What is inferred from events, and what the old schema does not have of them.
struct Collected<'m> {
    inference: Inference,
    mapper: &'m Mapper,
    unmapped: UnmappedCounts,
}

impl Collector for Collected<'_> {
    fn add(&mut self, event: &[u8], event_type: Option<&str>) -> Result<bool, NoEvent> {
        let is_taken = self.inference.add(event, event_type)?;
        if is_taken {
            self.unmapped.add(self.mapper.map(event)?.unmapped);
        }
        Ok(is_taken)
    }

    fn merge(&mut self, other: Self) {
        self.inference.merge(other.inference);
        self.unmapped.merge(other.unmapped);
    }
}

/// Adds columns, prints which, and writes the schema if asked.
///
/// # Errors
/// Wrong usage, what cannot be read or written, or no events.
pub(super) fn evolve(args: &EvolveArgs) -> anyhow::Result<()> {
    let old = document::read(&args.schema)?;
    let mapper = Mapper::new(&old);
    let only = &args.events.event_type;
    let collected = collect(&args.events, || Collected {
        inference: Inference::new(only.clone()),
        mapper: &mapper,
        unmapped: UnmappedCounts::default(),
    })?;
    let inference = collected.inference;
    let evolution = sluice_schema::evolve(&old, &inference.schema())?;
    let mut unmapped = collected.unmapped;
    let added = evolution.added.iter().map(|(path, _)| path.as_str());
    let added: HashSet<_> = added.collect();
    unmapped.retain(|path, reason| {
        reason.is_in_no_column() && !(reason == Reason::NoColumn && added.contains(path))
    });
    add_conflicts(&inference.all_types(), &added, &mut unmapped);
    if args.json {
        print_json(&to_json(&evolution, &unmapped)?)?;
    } else {
        output::text(to_text(&evolution, &unmapped))?;
    }
    if let Some(path) = &args.output {
        document::write(path, &evolution.schema)?;
    }
    Ok(())
}

/// Adds what the new columns do not take.
fn add_conflicts(seen: &TypeReport, added: &HashSet<&str>, unmapped: &mut UnmappedCounts) {
    for path in seen.paths.iter().filter(|path| is_added(&path.path, added)) {
        let example = |kind: ValueKind| {
            let example = path.examples.iter().find(|example| example.kind == kind);
            example.map_or("", |example| &example.text)
        };
        if path.no_column.is_some() {
            let first = path.examples.first().map_or("", |example| &example.text);
            unmapped.add_values(&path.path, Reason::NoColumn, path.present, first);
        }
        if path.column_type != Some(ColumnType::Json) {
            for (kind, values) in path.conflicts() {
                unmapped.add_values(&path.path, Reason::Misfit, values, example(kind));
            }
        }
    }
}

/// Whether a path leads to a new column, or into one.
fn is_added(path: &str, added: &HashSet<&str>) -> bool {
    let mut steps = path.match_indices(['.', '[', '{']);
    added.contains(path) || steps.any(|(end, _)| added.contains(&path[..end]))
}

fn to_text(evolution: &Evolution, unmapped: &UnmappedCounts) -> String {
    let mut text = format!(
        "added: {}\n",
        counted(evolution.added.len() as u64, "column")
    );
    if !evolution.added.is_empty() {
        let mut table = Table::new(["path", "type"]);
        for (path, column_type) in &evolution.added {
            table.add([path.clone(), column_type.to_string()]);
        }
        text.push_str(&table.to_string());
    }
    for (path, why) in &evolution.not_added {
        let _infallible = writeln!(text, "not added: {}: {}", escape(path), escape(why));
    }
    let table = unmapped.table();
    if !table.is_empty() {
        text.push_str("stays in _rest, and in no column:\n");
        text.push_str(&table);
    }
    text
}

fn to_json(evolution: &Evolution, unmapped: &UnmappedCounts) -> anyhow::Result<Value> {
    let added = evolution.added.iter();
    let added =
        added.map(|(path, column_type)| json!({"path": path, "type": column_type.to_string()}));
    let not_added = evolution.not_added.iter();
    let not_added = not_added.map(|(path, why)| json!({"path": path, "why": why}));
    Ok(json!({
        "added": added.collect::<Vec<_>>(),
        "not_added": not_added.collect::<Vec<_>>(),
        "rest": unmapped.json(),
        "schema": document::json(&evolution.schema)?,
        "digest": document::digest(&evolution.schema),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_in_a_new_column_if_a_step_of_it_leads_there() {
        let added = HashSet::from(["a", "b.c", ".\"x.y\""]);
        for path in ["a", "a.b", "a[]", "a{}.c", "b.c", "b.c[].d", ".\"x.y\".z"] {
            assert!(is_added(path, &added), "{path}");
        }
        for path in ["ab", "b", "b.cd", "c", ".\"x.yz\"", ""] {
            assert!(!is_added(path, &added), "{path}");
        }
    }
}
