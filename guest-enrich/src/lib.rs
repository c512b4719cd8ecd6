//! The enrichment transform: gives a JSON event its time in ISO 8601, its type and its subtype.
//!
//! [`Enrichment`] holds the rules. They read three members, whose names and format the configuration can set, and set
//! three; everything else of an event stays as it is, byte for byte: numbers keep their digits, and members their order
//! and spacing.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")
)]

use sluice_transform::{
    Description, Events, Kind, RawText, Read, Record, Rejection, Routes, Timestamp, Transform,
    Write, export,
};

mod config;

use config::{COLUMNS_MAX, Column, parse};

/// Only its presence and its kind matter. The configuration can give these three other names; the constants read the
/// members with these names.
const EVENT_UUID: Read = Read::kind(0, "event_uuid");
const EVENT_NAME: Read = Read::value(1, "event_name");
const CREATED_AT: Read = Read::value(2, "created_at").expecting("a number of seconds since 1970");

const CREATED_DATETIME: Write = Write::new(0, "created_datetime");
const EVENT_TYPE: Write = Write::new(1, "event_type");
const EVENT_SUBTYPE: Write = Write::new(2, "event_subtype");

/// The transform with its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrichment {
    /// The partition columns after `event_type`.
    partition_by: Vec<Column>,
    /// The reads of the constants, with the names and the format of the configuration.
    id: Read,
    name: Read,
    time: Read,
}

impl Transform for Enrichment {
    fn describe() -> Description {
        Description {
            name: "enrich",
            version: env!("CARGO_PKG_VERSION"),
            summary: "Adds created_datetime, event_type and event_subtype to JSON events",
            config_schema: include_str!("config.schema.json"),
        }
    }

    fn configure(config: &str) -> Result<Self, String> {
        parse(config)
    }

    fn reads(&self) -> Vec<Read> {
        vec![self.id, self.name, self.time]
    }

    fn writes(&self) -> Vec<Write> {
        vec![CREATED_DATETIME, EVENT_TYPE, EVENT_SUBTYPE]
    }

    #[inline]
    fn transform(&self, record: &Record<'_>, events: &mut Events) -> Result<(), Rejection> {
        record.require(&EVENT_UUID, Kind::String)?;
        let (event_type, subtype) = split_name(record.raw_text(&EVENT_NAME)?);
        if event_type.is_empty() {
            return Err(without_type(&self.name));
        }
        let created = record.time(&CREATED_AT)?;
        let type_value = event_type.decode_bytes();
        let mut columns = [("event_type", &*type_value); 1 + COLUMNS_MAX];
        let columns = self.partition(&mut columns, &created);
        // Every event goes to the lake and to the bus.
        let mut event = events.event_at(Routes::LAKE | Routes::BUS, columns);
        event.set_time(&CREATED_DATETIME, &created);
        event.set_raw_text(&EVENT_TYPE, event_type);
        match subtype {
            Some(subtype) => event.set_raw_text(&EVENT_SUBTYPE, subtype),
            None => event.set_null(&EVENT_SUBTYPE),
        };
        Ok(())
    }
}

impl Enrichment {
    /// The partition of an event, outermost column first, made in `columns`, which begin with the type.
    #[inline(always)]
    fn partition<'c, 'e>(
        &self,
        columns: &'c mut [(&'static str, &'e [u8]); 1 + COLUMNS_MAX],
        created: &'e Timestamp,
    ) -> &'c [(&'static str, &'e [u8])] {
        for (place, column) in columns.iter_mut().skip(1).zip(&self.partition_by) {
            *place = column.of(created);
        }
        columns.get(..=self.partition_by.len()).unwrap_or_default()
    }
}

/// The first two parts of a name, which colons separate.
#[inline(always)]
fn split_name(name: RawText<'_>) -> (RawText<'_>, Option<RawText<'_>>) {
    match name.split_once(b':') {
        None => (name, None),
        Some((event_type, rest)) => match rest.split_once(b':') {
            None => (event_type, Some(rest)),
            Some((subtype, _)) => (event_type, Some(subtype)),
        },
    }
}

/// An empty type would be no value in the lake's partition, which is not what the event says.
#[cold]
fn without_type(name: &Read) -> Rejection {
    let why = "expected an event type before the first colon, found none";
    Rejection::invalid(name, why)
}

export!(Enrichment);

#[cfg(test)]
mod tests;
