//! `sluice schema infer`: infers a schema from events.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{ArgAction, Args};
use indicatif::HumanCount;
use serde_json::{Value, json};
use sluice_engine::sanitize::escape;
use sluice_schema::inference::{EVENT_TYPES_MAX, Example, PathReport, TypeReport, ValueKind};
use sluice_schema::{Inference, NoEvent, Schema};

use super::input::EventsArgs;
use super::reading::{Collector, collect};
use super::table::Table;
use super::{document, print_json};
use crate::output::{self, counted};

/// The examples in the help.
pub(super) const EXAMPLES: &str = "\
Examples:
  sluice schema infer events.ndjson
  sluice schema infer --lake s3://bucket/lake --event-type lesson --output schema.json";

/// Which events, and how to print what is inferred.
#[derive(Debug, Args)]
pub struct InferArgs {
    #[command(flatten)]
    events: EventsArgs,
    /// Write the schema of all types of events together to this file, and print a summary instead of the tables. A file that
    /// exists is replaced.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print one JSON object, for scripts.
    #[arg(long, action = ArgAction::SetTrue)]
    json: bool,
}

impl Collector for Inference {
    fn add(&mut self, event: &[u8], event_type: Option<&str>) -> Result<bool, NoEvent> {
        Self::add(self, event, event_type)
    }

    fn merge(&mut self, other: Self) {
        Self::merge(self, other);
    }
}

/// Infers a schema, prints what was seen, and writes the schema if asked.
///
/// # Errors
/// Wrong usage, what cannot be read or written, or no events.
pub(super) fn infer(args: &InferArgs) -> anyhow::Result<()> {
    let only = &args.events.event_type;
    let inference = collect(&args.events, || Inference::new(only.clone()))?;
    let schema = inference.schema();
    if args.json {
        print_json(&to_json(&inference, &schema)?)?;
    } else if args.output.is_some() {
        output::text(summary(&inference, &schema))?;
    } else {
        output::text(to_text(&inference, &schema))?;
    }
    if let Some(path) = &args.output {
        document::write(path, &schema)?;
    }
    Ok(())
}

fn to_text(inference: &Inference, schema: &Schema) -> String {
    let mut text = String::new();
    for of_type in inference.types() {
        text.push_str(&type_text(&of_type));
    }
    text.push_str(&conflicts_between_types(inference));
    let further = inference.events_of_further_types();
    if further > 0 {
        let _infallible = writeln!(
            text,
            "{} of more than {} types are not told apart",
            counted(further, "event"),
            HumanCount(EVENT_TYPES_MAX as u64)
        );
    }
    text + &total(inference, schema)
}

fn total(inference: &Inference, schema: &Schema) -> String {
    let columns = counted(schema.columns().len() as u64, "column");
    let events = counted(inference.events(), "event");
    format!("{events}; a schema for all of them has {columns}\n")
}

/// What is said beside a schema that is written: a report of many types of events has thousands of lines.
fn summary(inference: &Inference, schema: &Schema) -> String {
    let report = inference.all_types();
    let notes = report.paths.iter().filter_map(note).count() as u64;
    let mut text = total(inference, schema);
    if notes > 0 {
        let paths = counted(notes, "path");
        text += &format!(
            "{paths} with conflicts or without a column; run it without --output to see which, and the paths of each type\n"
        );
    }
    text
}

/// What is true of all types of events together, and of none alone: conflicts between them, mostly.
fn conflicts_between_types(inference: &Inference) -> String {
    let notes = |report: &TypeReport| report.paths.iter().filter_map(note).collect::<Vec<_>>();
    let of_types: HashSet<_> = inference.types().iter().flat_map(notes).collect();
    let mut all = notes(&inference.all_types());
    all.retain(|note| !of_types.contains(note));
    if all.is_empty() {
        return String::new();
    }
    let lines = all.iter().map(|note| format!("  {}\n", escape(note)));
    format!(
        "all types of events together:\n{}\n",
        lines.collect::<String>()
    )
}

fn type_text(report: &TypeReport) -> String {
    let at_least = if report.is_partial { "at least " } else { "" };
    let events = format!("{at_least}{}", counted(report.events, "event"));
    let mut text = match report.event_type.as_deref() {
        Some("") => format!("events without a type: {events}\n"),
        Some(name) => format!("event type {}: {events}\n", escape(name)),
        None => format!("events of further types: {events}\n"),
    };
    let mut table = Table::new(["path", "type", "present", "values", "example"]);
    for path in &report.paths {
        let column_type = path
            .column_type
            .as_ref()
            .map_or("-".to_owned(), ToString::to_string);
        let example = main_example(path).map_or(String::new(), |example| example.text.clone());
        table.add([
            path.path.clone(),
            column_type,
            present(path),
            kinds(path),
            example,
        ]);
    }
    if !table.is_empty() {
        text.push_str(&table.to_string());
    }
    for path in &report.paths {
        if let Some(note) = note(path) {
            text.push_str(&format!("  {}\n", escape(&note)));
        }
    }
    if report.untracked > 0 {
        let values = counted(report.untracked, "value");
        text.push_str(&format!("  {values} at further paths are not told apart\n"));
    }
    text.push('\n');
    text
}

/// The share of events or objects that have the path; of items and values of maps, their number.
pub(crate) fn present(path: &PathReport) -> String {
    match path.out_of {
        Some(out_of) => share(path.present, out_of),
        None => HumanCount(path.present).to_string(),
    }
}

fn share(count: u64, of: u64) -> String {
    if count >= of {
        return "100 %".to_owned();
    }
    let per_mille = u128::from(count) * 1_000 / u128::from(of.max(1));
    match per_mille {
        0 => "<0.1 %".to_owned(),
        _ => format!("{}.{} %", per_mille / 10, per_mille % 10),
    }
}

/// How many values are of which kind.
pub(crate) fn kinds(path: &PathReport) -> String {
    let kind = |(kind, count): &(ValueKind, u64)| format!("{} {}", HumanCount(*count), kind.name());
    path.kinds.iter().map(kind).collect::<Vec<_>>().join(", ")
}

/// The first value of the kind that most values have.
pub(crate) fn main_example(path: &PathReport) -> Option<&Example> {
    let (kind, _) = path
        .kinds
        .iter()
        .max_by_key(|(kind, count)| (*kind != ValueKind::Null, *count))?;
    path.examples.iter().find(|example| example.kind == *kind)
}

/// What somebody should know who uses the column, or misses it.
fn note(path: &PathReport) -> Option<String> {
    let name = &path.path;
    if let Some(why) = &path.no_column {
        return Some(format!("{name}: no column: {why}"));
    }
    let conflicts = path.conflicts();
    let parts = conflicts.iter().map(|(kind, count)| {
        let example = path.examples.iter().find(|example| example.kind == *kind);
        let example = example.map_or(String::new(), |example| {
            format!(", such as {}", example.text)
        });
        format!("{} {}{example}", HumanCount(*count), kind.name())
    });
    let parts = parts.collect::<Vec<_>>().join("; ");
    match &path.column_type {
        Some(sluice_schema::ColumnType::Json) => (!conflicts.is_empty())
            .then(|| format!("{name}: conflict, so the column is json: {parts}")),
        Some(column_type) => (!conflicts.is_empty())
            .then(|| format!("{name}: conflict with {column_type}, so to _rest: {parts}")),
        None => None,
    }
}

fn to_json(inference: &Inference, schema: &Schema) -> anyhow::Result<Value> {
    let types: Vec<_> = inference.types().iter().map(type_json).collect();
    Ok(json!({
        "events": inference.events(),
        "events_of_further_types": inference.events_of_further_types(),
        "types": types,
        "all_types": type_json(&inference.all_types()),
        "schema": document::json(schema)?,
        "digest": document::digest(schema),
    }))
}

fn type_json(report: &TypeReport) -> Value {
    let paths: Vec<_> = report.paths.iter().map(path_json).collect();
    json!({
        "event_type": report.event_type,
        "events": report.events,
        "is_partial": report.is_partial,
        "values_at_further_paths": report.untracked,
        "paths": paths,
    })
}

fn path_json(path: &PathReport) -> Value {
    let counts = |counts: &[(ValueKind, u64)]| {
        let pairs = counts
            .iter()
            .map(|(kind, count)| (kind.name().to_owned(), Value::from(*count)));
        Value::Object(pairs.collect())
    };
    let examples = path.examples.iter();
    let examples = examples.map(|example| {
        (
            example.kind.name().to_owned(),
            Value::from(example.text.clone()),
        )
    });
    json!({
        "path": path.path,
        "type": path.column_type.as_ref().map(ToString::to_string),
        "no_column": path.no_column,
        "present": path.present,
        "out_of": path.out_of,
        "kinds": counts(&path.kinds),
        "conflicts": counts(&path.conflicts()),
        "whole_digits": path.whole_digits,
        "fraction_digits": path.fraction_digits.map(|(fewest, most)| json!({"fewest": fewest, "most": most})),
        "examples": Value::Object(examples.collect()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_never_looks_like_all_or_nothing() {
        for (count, of, expected) in [
            (10, 10, "100 %"),
            (9_999, 10_000, "99.9 %"),
            (1, 3, "33.3 %"),
            (1, 10_000, "<0.1 %"),
            (0, 10, "<0.1 %"),
        ] {
            assert_eq!(share(count, of), expected);
        }
    }
}
