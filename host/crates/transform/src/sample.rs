//! A transform for tests, and records for it: the member `do` says what happens.

use crate::{
    Description, Events, Kind, Metadata, Read, Record, Rejection, Routes, Transform, Write,
};

pub(crate) const DO: Read = Read::value(0, "do");
pub(crate) const ID: Read = Read::kind(1, "id");
pub(crate) const AT: Read = Read::value(2, "at").expecting("a number of seconds since 1970");

pub(crate) const FIRST: Write = Write::new(0, "first");
pub(crate) const SECOND: Write = Write::new(1, "second");
pub(crate) const DONE: Write = Write::new(2, "do");

pub(crate) const BOTH: Routes = Routes::LAKE.with(Routes::BUS);

/// What a record can say, apart from `bad`, which only the host finds if it applies the edits.
pub(crate) const ACTIONS: &[&str] = &[
    "keep", "drop", "twice", "empty", "remove", "disorder", "again", "reject", "time", "json",
    "other",
];

#[derive(Debug)]
pub(crate) struct Sample;

impl Transform for Sample {
    fn describe() -> Description {
        Description {
            name: "sample",
            version: "1.0.0",
            summary: "Does what a record says",
            config_schema: "",
        }
    }

    fn configure(config: &str) -> Result<Self, String> {
        if config == "{}" {
            Ok(Self)
        } else {
            Err("this transform has no configuration".to_owned())
        }
    }

    fn reads(&self) -> Vec<Read> {
        vec![DO, ID, AT]
    }

    fn writes(&self) -> Vec<Write> {
        vec![FIRST, SECOND, DONE]
    }

    fn metadata(&self) -> Metadata {
        Metadata::PARTITION_KEY | Metadata::SHARD
    }

    fn transform(&self, record: &Record<'_>, events: &mut Events) -> Result<(), Rejection> {
        let action = record.text(&DO)?;
        record.require(&ID, Kind::String)?;
        let partition = [("do", &*action)];
        match &*action {
            "keep" => {
                events.event(BOTH, &partition);
            }
            "drop" => {}
            "twice" => {
                events
                    .event(Routes::LAKE, &partition)
                    .set_number(&FIRST, 1_u8);
                let mut event = events.event(Routes::BUS, &partition);
                event.set_number(&FIRST, -2.5).set_null(&DONE);
            }
            "empty" => {
                events.empty_event(BOTH, &[]).set_text(&SECOND, "a\"b");
                events.event(BOTH, &partition);
            }
            "remove" => {
                let mut event = events.event(BOTH, &partition);
                event.remove(&FIRST).set_bool(&SECOND, true).remove(&DONE);
            }
            "disorder" => {
                let mut event = events.event(BOTH, &partition);
                event
                    .set_null(&DONE)
                    .set_bool(&SECOND, false)
                    .set_text(&FIRST, record.shard());
            }
            "again" => {
                let mut event = events.event(BOTH, &partition);
                event
                    .remove(&FIRST)
                    .set_null(&SECOND)
                    .set_text(&FIRST, record.partition_key());
                event
                    .remove(&SECOND)
                    .set_number(&DONE, 1_u64 << 60)
                    .set_number(&DONE, 7_i8);
            }
            "reject" => {
                events
                    .empty_event(BOTH, &[("new", "gone")])
                    .set_text(&FIRST, "gone");
                events
                    .event(Routes::BUS, &partition)
                    .remove(&SECOND)
                    .set_json(&DONE, b"{");
                return Err(Rejection::new("no_luck", "rejected after two events"));
            }
            "time" => {
                let time = record.time(&AT)?;
                events.event(BOTH, &[]).set_time(&DONE, &time);
            }
            "json" => {
                let json = record.raw(&AT).unwrap_or(b"[null, {}]");
                events.event(BOTH, &[]).set_json(&SECOND, json);
            }
            "bad" => {
                events
                    .event(BOTH, &[])
                    .set_json(&FIRST, b"1 2")
                    .set_json(&SECOND, b"");
            }
            _ => return Err(Rejection::invalid(&DO, "no such action")),
        }
        Ok(())
    }
}
