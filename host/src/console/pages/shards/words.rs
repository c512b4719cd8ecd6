//! A ledger in words.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use maud::{Markup, html};
use serde::Serialize;

use crate::console::components::{bytes, count, duration, facts, table, time, time_ms};
use crate::console::payload::inert;
use crate::ledger::lost_range::{LossCause, LostRange};
use crate::ledger::pins::Pins;
use crate::ledger::source_file::FilePrefix;
use crate::ledger::{LeaseEntry, Ledger, Pending};
use crate::redrive::RedriveId;

/// A fact, by its name.
type Fact = (&'static str, Markup);

/// All that a ledger says. `pending_since` is when the console saw its pending range first.
pub(super) fn ledger(ledger: &Ledger, pending_since: Option<DateTime<Utc>>) -> Markup {
    html! {
        h2 { "Ledger" }
        (facts(&state(ledger)))
        h3 { "Pending range" }
        @match ledger.pending() {
            Some(pending) => (pending_range(ledger, pending, pending_since)),
            None => p { "No range is pending." },
        }
        h3 { "Lost ranges" }
        (lost_ranges(ledger.lost()))
        @if let Some(lease) = ledger.lease() {
            h3 { "Lease" }
            (facts(&lease_facts(lease)))
        }
    }
}

/// A text or a number in a fact.
fn text(text: impl fmt::Display) -> Markup {
    html! { (inert(&text.to_string())) }
}

/// A setting by the name that it has in documents.
fn named(value: &impl Serialize) -> Markup {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => text(name),
        Ok(other) => text(other),
        Err(_) => Markup::default(),
    }
}

fn state(ledger: &Ledger) -> Vec<Fact> {
    let mut facts = committed(ledger);
    let end = match ledger.is_finished() {
        true => "The shard is closed, and all of it is committed.",
        false => "More records can follow.",
    };
    facts.push(("End", text(end)));
    facts.push(("Beginning", beginning(ledger)));
    if let Some(bounds) = ledger.replay() {
        facts.push(("Replay", text(bounds)));
    }
    if let Some(id) = RedriveId::of_shard(ledger.shard()) {
        facts.push(("Redrive", text(id.as_str())));
    }
    if let Some(file) = ledger.file() {
        facts.push(("File", text(file)));
    }
    let committed_file = ledger
        .committed()
        .and_then(|committed| committed.file.as_ref());
    for (name, part) in [
        ("Committed part of the file", committed_file),
        ("File up to the pending range's end", ledger.pending_file()),
    ] {
        facts.extend(part.map(|part| (name, file_part(part))));
    }
    if let Some(created_at) = ledger.stream_created_at() {
        facts.push(("Stream created at", time_ms(created_at)));
    }
    let kept = ledger
        .stream_retention_ms()
        .and_then(|kept| u64::try_from(kept).ok());
    if let Some(kept) = kept {
        let kept = duration(Duration::from_millis(kept));
        facts.push(("The stream keeps records for", text(kept)));
    }
    facts
}

fn committed(ledger: &Ledger) -> Vec<Fact> {
    let Some(committed) = ledger.committed() else {
        return vec![("Committed", text("nothing yet"))];
    };
    vec![
        ("Committed", html! { (count(committed.records)) " records" }),
        ("Last committed record", html! { code { (committed.last) } }),
        (
            "Digest of that record",
            html! { code { (committed.last_digest) } },
        ),
    ]
}

/// Where the pipeline begins in the shard.
fn beginning(ledger: &Ledger) -> Markup {
    html! {
        @if let Some(moment) = ledger.began_at() {
            "With the first record that arrived at or after " (time_ms(moment)) "."
        } @else if let Some(first) = ledger.began_with() {
            "With the record " code { (first) } ", the first one that a function received."
        } @else if ledger.replay().is_some() {
            "Where the replay begins."
        } @else {
            "With the oldest record."
        }
    }
}

fn file_part(part: &FilePrefix) -> Markup {
    html! {
        (bytes(part.bytes))
        @if part.is_compressed { ", after decompression" }
        @if part.is_whole { ", all of it" }
        @if let Some(lines) = &part.lines { ", " (count(lines.count)) " lines" }
    }
}

fn pending_range(ledger: &Ledger, pending: &Pending, since: Option<DateTime<Utc>>) -> Markup {
    let range = pending.range;
    let mut range_facts = vec![
        ("Records", count(range.count)),
        ("First record", html! { code { (range.first) } }),
        ("Last record", html! { code { (range.last) } }),
        ("Release", html! { code { (pending.release) } }),
    ];
    if let Some(since) = since {
        range_facts.push(("Pending at least since", time(since)));
    }
    if !pending.resource_faults.is_empty() {
        let entries = pending.resource_faults.entries() as u64;
        range_facts.push(("Ranges of records that exceeded a resource", count(entries)));
    }
    if let Some(sent) = ledger.sent() {
        let sent = html! { (count(sent.messages)) " of " (count(sent.of)) };
        range_facts.push(("Messages that the bus has", sent));
    }
    html! {
        p { "A run that takes the shard repeats exactly this range, with this release and these settings." }
        (facts(&range_facts))
        (facts(&pins(&pending.pins)))
    }
}

/// The settings that a range has pinned.
fn pins(pins: &Pins) -> Vec<Fact> {
    let limits = &pins.limits;
    let size = |size: usize| bytes(size as u64);
    let mut facts = vec![
        ("Format", text(pins.format)),
        ("Fuel for a record", count(limits.fuel)),
        ("Time for a record", text(duration(limits.time))),
        ("Memory of an instance", size(limits.memory_bytes)),
        ("Largest record", size(limits.record_bytes)),
        ("Most events of a record", size(limits.output_bytes)),
        ("Partitions of a chunk", count(limits.partitions as u64)),
        ("JSON of events", named(&limits.lake_json)),
        ("Misplaced records", named(&pins.misplaced_records)),
        ("Encoding of records", named(&pins.decoding.encoding)),
        ("Format of records", named(&pins.decoding.format)),
    ];
    if let Some(schema) = &pins.schema {
        facts.push(("Schema of objects", html! { code { (schema) } }));
    }
    if let Some(archive) = &pins.archive {
        facts.push(("Archive", text(archive)));
    }
    match &pins.messages {
        Some(messages) => facts.push(("Messages", named(messages))),
        None => facts.push(("Messages", text("none"))),
    }
    if let Some(size_max) = pins.message_bytes {
        facts.push(("Largest event of a message", size(size_max)));
    }
    if let Some(size_max) = pins.pack_bytes {
        facts.push(("Largest packed message", size(size_max)));
    }
    facts
}

fn lost_ranges(lost: &[LostRange]) -> Markup {
    if lost.is_empty() {
        return html! { p { "None." } };
    }
    let rows = lost.iter().map(|lost| {
        let cause = match lost.cause {
            LossCause::Expired => "They are older than the stream keeps records.",
            LossCause::Recreated => "The stream was deleted and created again.",
        };
        let since = match lost.continued {
            true => "A run has gone on behind it.",
            false => {
                "No run goes on. Run one worker with --on-expired-checkpoint continue to go on behind it."
            }
        };
        vec![
            text(lost.describe()),
            text(cause),
            time_ms(lost.found_at),
            text(since),
        ]
    });
    let rows: Vec<_> = rows.collect();
    table(
        "Lost ranges",
        &["Records", "Why", "Found", "Since then"],
        &rows,
    )
}

fn lease_facts(lease: &LeaseEntry) -> Vec<Fact> {
    let owner = lease.owner.as_deref();
    let owner = owner.unwrap_or("none: it was given back");
    let mut facts = vec![
        ("Owner", text(owner)),
        ("Fencing token", count(lease.fence)),
    ];
    if let Some(process) = &lease.requested_by {
        facts.push(("Requested by", text(process)));
    }
    if let Some(moment) = lease.caught_up_to {
        facts.push((
            "All records are committed that arrived before",
            time_ms(moment),
        ));
    }
    facts
}

#[cfg(test)]
mod tests {
    use sluice_engine::digest::Digest;

    use super::super::rows::tests::{committed as committed_ledger, now, pending};
    use super::*;
    use crate::ledger::Sent;
    use crate::ledger::source_file::FileName;

    fn shown(ledger: &Ledger) -> String {
        super::ledger(ledger, Some(now())).into_string()
    }

    #[test]
    fn a_ledger_is_shown_in_words() {
        let idle = committed_ledger("s");
        let html = shown(&idle);
        for part in [
            "10</span> records",
            "<code>19</code>",
            "No range is pending.",
            "With the oldest record.",
            "More records can follow.",
            "None.",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        let pinned = idle.of_stream(1).with_retention(86_400_000);
        let pinned = pinned.assign_to("host-1").pin(pending(20, 29)).unwrap();
        let range = pending(20, 29).range;
        let sent = Sent {
            bus: Digest::of(b"bus"),
            messages: 3,
            of: 8,
        };
        let html = shown(&pinned.with_sent(range, sent).unwrap());
        for part in [
            "Pending at least since",
            "Fuel for a record",
            "3</span> of",
            "1 d",
            "host-1",
            "Fencing token",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
    }

    #[test]
    fn lost_ranges_are_described() {
        let loss = LostRange {
            cause: LossCause::Expired,
            parent: None,
            after: Some(19.into()),
            before: Some(40.into()),
            pinned: None,
            found_at: 0,
            continued: false,
        };
        let html = shown(&committed_ledger("s").with_loss(loss, 1));
        assert!(html.contains("records after 19 and before 40"), "{html}");
        assert!(html.contains("--on-expired-checkpoint continue"), "{html}");
    }

    #[test]
    fn what_comes_from_outside_does_not_act() {
        let hostile = "<img src=x>\u{202e}";
        let file = FileName::Name(hostile.into());
        let ledger = committed_ledger("s")
            .read_from(Some(&file))
            .assign_to(hostile);
        let html = shown(&ledger.request_for(hostile));
        assert!(
            !html.contains("<img") && !html.contains('\u{202e}'),
            "{html}"
        );
        assert_eq!(html.matches("&lt;img src=x&gt;").count(), 3, "{html}");
    }
}
