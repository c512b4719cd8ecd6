//! `sluice schema check`: maps events to a schema, and shows what goes to `_rest`.

use std::path::PathBuf;

use clap::{ArgAction, Args};
use indicatif::HumanCount;
use serde_json::{Value, json};
use sluice_engine::sanitize::{sanitize, truncate_to};
use sluice_schema::{Mapper, NoEvent, event_type, is_same_event};

use super::input::EventsArgs;
use super::reading::{Collector, collect};
use super::unmapped::UnmappedCounts;
use super::{document, print_json};
use crate::output::{self, counted};

/// The length of an event in a message, bytes.
const EVENT_MAX_BYTES: usize = 200;

/// Which schema, and which events.
#[derive(Debug, Args)]
pub struct SchemaCheckArgs {
    /// The schema: a file that `sluice schema infer --output` has written, or your own.
    schema: PathBuf,
    #[command(flatten)]
    events: EventsArgs,
    /// Print one JSON object, for scripts.
    #[arg(long, action = ArgAction::SetTrue)]
    json: bool,
}

/// What the mapping of events gave.
struct Mapped<'m> {
    mapper: &'m Mapper,
    only: Option<&'m str>,
    events: u64,
    with_rest: u64,
    rest_bytes: u64,
    unmapped: UnmappedCounts,
    damaged: Damaged,
}

/// Events that cannot be put together again.
#[derive(Default)]
struct Damaged {
    count: u64,
    first: Option<String>,
}

impl Collector for Mapped<'_> {
    fn add(&mut self, event: &[u8], known_type: Option<&str>) -> Result<bool, NoEvent> {
        if let Some(only) = self.only
            && known_type.map_or_else(|| event_type(event), |known| Ok(known.into()))? != only
        {
            return Ok(false);
        }
        let row = self.mapper.map(event)?;
        self.events += 1;
        let again = self.mapper.assemble(&row.values, row.rest.as_deref());
        if !again.is_ok_and(|again| is_same_event(event, again.as_bytes())) {
            self.damaged.count += 1;
            self.damaged
                .first
                .get_or_insert_with(|| String::from_utf8_lossy(event).into_owned());
        }
        if let Some(rest) = &row.rest {
            self.with_rest += 1;
            self.rest_bytes += rest.len() as u64;
        }
        self.unmapped.add(row.unmapped);
        Ok(true)
    }

    fn merge(&mut self, other: Self) {
        self.events += other.events;
        self.with_rest += other.with_rest;
        self.rest_bytes += other.rest_bytes;
        self.unmapped.merge(other.unmapped);
        self.damaged.count += other.damaged.count;
        self.damaged.first = self.damaged.first.take().or(other.damaged.first);
    }
}

/// Maps events, and prints what goes to `_rest`.
///
/// # Errors
/// Wrong usage, what cannot be read, no events, or an event that cannot be put together again.
pub(super) fn check(args: &SchemaCheckArgs) -> anyhow::Result<()> {
    let schema = document::read(&args.schema)?;
    let mapper = Mapper::new(&schema);
    let mapped = collect(&args.events, || Mapped {
        mapper: &mapper,
        only: args.events.event_type.as_deref(),
        events: 0,
        with_rest: 0,
        rest_bytes: 0,
        unmapped: UnmappedCounts::default(),
        damaged: Damaged::default(),
    })?;
    if args.json {
        print_json(&mapped.to_json())?;
    } else {
        output::text(mapped.to_text())?;
    }
    if let Some(first) = &mapped.damaged.first {
        let event = sanitize(&truncate_to(first.clone(), EVENT_MAX_BYTES));
        let count = counted(mapped.damaged.count, "event");
        anyhow::bail!(
            "{count} cannot be put together again from columns and _rest, such as {event}; report this fault"
        );
    }
    Ok(())
}

impl Mapped<'_> {
    fn to_text(&self) -> String {
        let mut text = self.unmapped.table();
        let events = counted(self.events, "event");
        let with_rest = HumanCount(self.with_rest);
        let values = counted(self.unmapped.values_in_no_column(), "value");
        text.push_str(&format!(
            "{events}, {with_rest} with _rest; {values} in no column\n"
        ));
        if self.damaged.count == 0 {
            text.push_str("each event can be put together again from its columns and _rest\n");
        }
        text
    }

    fn to_json(&self) -> Value {
        json!({
            "events": self.events,
            "events_with_rest": self.with_rest,
            "rest_bytes": self.rest_bytes,
            "values_in_no_column": self.unmapped.values_in_no_column(),
            "damaged_events": self.damaged.count,
            "rest": self.unmapped.json(),
        })
    }
}
