//! The sums of objects of quarantine.

use std::collections::BTreeSet;
use std::fmt::Display;

use bytesize::ByteSize;
use serde_json::{Value, json};
use sluice_engine::record::ShardId;
use sluice_release::bundle::ReleaseId;

use super::listed::Listed;
use super::record::{line, time};
use crate::layout::chunk::ArrivalTimes;
use crate::output::counted;
use crate::redrive::RedriveId;

/// The most names of a kind that people are shown.
const SHOWN_MAX: usize = 10;

/// The sums of objects.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    pub(crate) records: u64,
    pub(crate) bytes: u64,
    pub(crate) objects: u64,
    /// Of the records: those that a redrive has committed.
    pub(crate) redriven: u64,
    /// Of the records: those that a redrive has claimed and not committed.
    pub(crate) claimed: u64,
    pub(crate) redrives: BTreeSet<RedriveId>,
    pub(crate) arrived_at: Option<ArrivalTimes>,
    pub(crate) releases: BTreeSet<ReleaseId>,
    pub(crate) shards: BTreeSet<ShardId>,
}

impl Sums {
    /// Adds an object.
    pub(crate) fn add(&mut self, listed: &Listed) {
        let object = &listed.object;
        let redriven = object.redriven.saturating_sub(listed.first_line());
        self.records += listed.records;
        self.bytes += listed.bytes;
        self.objects += 1;
        self.redriven += redriven;
        if object.claimed_by.is_some() {
            self.claimed += listed.records - redriven;
        }
        self.redrives.extend(object.claimed_by.clone());
        self.releases.insert(object.release);
        self.shards.insert(object.shard.clone());
        self.arrived_at = match (self.arrived_at, object.arrived_at) {
            (Some(a), Some(b)) => Some(ArrivalTimes {
                min: a.min.min(b.min),
                max: a.max.max(b.max),
            }),
            (a, b) => a.or(b),
        };
    }

    /// The counts, for people.
    pub(super) fn counts(&self) -> String {
        format!(
            "{}, {}, {}",
            counted(self.records, "record"),
            ByteSize(self.bytes),
            counted(self.objects, "object")
        )
    }

    /// The sums of the objects of a reason, for people.
    pub(super) fn text(&self, code: &str) -> String {
        let mut text = format!("{code}: {}\n", self.counts());
        if let Some(times) = self.arrived_at {
            let times = format!("{} to {}", time(times.min), time(times.max));
            line(&mut text, "arrived", &times);
        }
        let releases = self.releases.iter().map(ReleaseId::short);
        line(&mut text, "releases", &names(releases));
        line(&mut text, "shards", &names(self.shards.iter()));
        let redrives = names(self.redrives.iter());
        if self.redriven > 0 {
            let records = counted(self.redriven, "record");
            line(&mut text, "redriven", &format!("{records} by {redrives}"));
        }
        if self.claimed > 0 {
            let records = counted(self.claimed, "record");
            let why = format!("{records} by {redrives}, not committed yet");
            line(&mut text, "claimed", &why);
        }
        text
    }

    /// The sums, for scripts.
    pub(super) fn json(&self) -> Value {
        json!({
            "records": self.records,
            "bytes": self.bytes,
            "objects": self.objects,
            "redriven": self.redriven,
            "claimed": self.claimed,
            "redrives": self.redrives,
            "first_arrived_at": self.arrived_at.map(|times| times.min),
            "last_arrived_at": self.arrived_at.map(|times| times.max),
            "releases": self.releases,
            "shards": self.shards,
        })
    }
}

/// The first names, and how many there are besides.
fn names(all: impl ExactSizeIterator<Item = impl Display>) -> String {
    let more = all.len().saturating_sub(SHOWN_MAX);
    let shown: Vec<_> = all.take(SHOWN_MAX).map(|name| name.to_string()).collect();
    match more {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
