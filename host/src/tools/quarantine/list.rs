//! `sluice quarantine list`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bytesize::ByteSize;
use clap::{ArgAction, Args};
use serde_json::{Value, json};
use sluice_engine::outcome::ReasonCode;
use sluice_engine::sanitize::escape;

use super::args::LakeArgs;
use super::listed::{Listed, listed};
use super::notes;
use super::record::time;
use super::sums::Sums;
use crate::config::QuarantineFilterArgs;
use crate::output::{self, counted};
use crate::tools::schema::print_json;

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
