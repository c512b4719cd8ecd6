//! `sluice quarantine list`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Display, Write as _};

use bytesize::ByteSize;
use clap::{ArgAction, Args};
use serde_json::{Value, json};
use sluice_engine::outcome::ReasonCode;
use sluice_engine::record::ShardId;
use sluice_release::bundle::ReleaseId;

use super::args::LakeArgs;
use super::listed::{Listed, listed};
use super::notes;
use super::record::{line, time};
use crate::config::QuarantineFilterArgs;
use crate::layout::chunk::ArrivalTimes;
use crate::output::{self, counted};
use crate::redrive::RedriveId;
use crate::tools::author::try_rules::escape;
use crate::tools::schema::print_json;

/// The most names of a kind that people are shown.
const SHOWN_MAX: usize = 10;

/// Which records, and how they are listed.
#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    pub(super) lake: LakeArgs,

    #[command(flatten)]
    filter: QuarantineFilterArgs,

    /// Print a line for each object of quarantine.
    #[arg(long, action = ArgAction::SetTrue)]
    objects: bool,

    /// List records that a redrive has taken out of quarantine too. [default: only those that are quarantined now]
    #[arg(long, action = ArgAction::SetTrue)]
    all: bool,

    /// Print a JSON object for each reason, or for each object, one a line, and a last one with the sums. Times are
    /// milliseconds since the Unix epoch.
    #[arg(long, action = ArgAction::SetTrue)]
    json: bool,
}

/// The sums of objects.
#[derive(Debug, Default)]
struct Sums {
    records: u64,
    bytes: u64,
    objects: u64,
    /// Of the records: those that a redrive has committed.
    redriven: u64,
    /// Of the records: those that a redrive has claimed and not committed.
    claimed: u64,
    redrives: BTreeSet<RedriveId>,
    arrived_at: Option<ArrivalTimes>,
    releases: BTreeSet<ReleaseId>,
    shards: BTreeSet<ShardId>,
}

impl Sums {
    fn add(&mut self, listed: &Listed) {
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

    fn counts(&self) -> String {
        format!(
            "{}, {}, {}",
            counted(self.records, "record"),
            ByteSize(self.bytes),
            counted(self.objects, "object")
        )
    }

    fn text(&self, code: &str) -> String {
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

    fn json(&self) -> Value {
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

/// Lists the quarantined records of a lake, by reason or by object.
///
/// # Errors
/// Wrong usage, or what cannot be read.
pub(super) async fn list(args: &ListArgs) -> anyhow::Result<()> {
    let filter = args.filter.filter()?;
    let (location, quarantine) = args.lake.open().await?;
    let mut list = quarantine.objects(&filter).await?;
    notes::of_filter(&quarantine, &filter, &list).await?;
    let listed = listed(&quarantine, &mut list, args.all).await?;
    let mut total = Sums::default();
    let mut by_reason = BTreeMap::<&ReasonCode, Sums>::new();
    for object in &listed {
        total.add(object);
        by_reason
            .entry(&object.object.reason)
            .or_default()
            .add(object);
        if args.objects {
            print_object(object, args.json)?;
        }
    }
    if !args.objects {
        for (code, sums) in &by_reason {
            match args.json {
                true => print_json(&with_reason(code, sums.json()))?,
                false => output::text(sums.text(code.as_str()))?,
            }
        }
    }
    if args.json {
        let mut sums = total.json();
        sums["left_out"] = notes::left_out_json(&list.left_out);
        let problems = list.problems.iter().map(ToString::to_string);
        sums["problems"] = problems.collect();
        print_json(&json!({ "summary": sums }))?;
    } else if total.records > 0 {
        output::line(format_args!("total: {}", total.counts()))?;
    } else {
        let which = match filter == crate::quarantine::QuarantineFilter::default() {
            true => "no record is quarantined",
            false => "no record that the flags name is quarantined",
        };
        output::line(format_args!("{which} in {}", escape(&location.to_string())))?;
    }
    notes::left_out(&quarantine, &list.left_out);
    notes::problems(&list.problems)
}

fn with_reason(code: &ReasonCode, sums: Value) -> Value {
    let mut json = json!({ "reason": code });
    if let (Some(json), Value::Object(sums)) = (json.as_object_mut(), sums) {
        json.extend(sums);
    }
    json
}

fn print_object(listed: &Listed, as_json: bool) -> anyhow::Result<()> {
    let object = &listed.object;
    if as_json {
        let json = json!({
            "key": object.key,
            "reason": object.reason,
            "shard": object.shard,
            "release": object.release,
            "records": listed.records,
            "bytes": listed.bytes,
            "digest": object.digest,
            "first_arrived_at": object.arrived_at.map(|times| times.min),
            "last_arrived_at": object.arrived_at.map(|times| times.max),
            "claimed_by": object.claimed_by,
            "redriven": object.redriven,
        });
        return Ok(print_json(&json)?);
    }
    let mut text = format!(
        "{}  {}, {}",
        escape(&object.key),
        counted(listed.records, "record"),
        ByteSize(listed.bytes)
    );
    if let Some(times) = object.arrived_at {
        let _infallible = write!(text, ", {} to {}", time(times.min), time(times.max));
    }
    if let Some(redrive) = &object.claimed_by {
        let redriven = counted(object.redriven, "record");
        let _infallible = write!(
            text,
            ", claimed by {redrive}, which has committed {redriven}"
        );
    }
    output::line(text)?;
    Ok(())
}
