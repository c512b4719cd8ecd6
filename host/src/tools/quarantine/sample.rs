//! `sluice quarantine sample`.

use std::collections::BTreeMap;

use clap::{ArgAction, Args};
use serde_json::Value;
use sluice_engine::outcome::ReasonCode;
use sluice_engine::sanitize::escape;

use super::args::LakeArgs;
use super::listed::{Listed, listed, read_lines};
use super::notes;
use super::record::{ShownRecord, line};
use crate::config::QuarantineFilterArgs;
use crate::config::quantity::whole_number;
use crate::layout::quarantine::QuarantinedRecord;
use crate::output;
use crate::quarantine::{Quarantine, QuarantineList, records};
use crate::tools::schema::print_json;

/// Which records, and how many.
#[derive(Debug, Args)]
pub struct SampleArgs {
    #[command(flatten)]
    pub(super) lake: LakeArgs,

    #[command(flatten)]
    filter: QuarantineFilterArgs,

    /// Print this many records of each reason, of as many objects as possible. The same lake always gives the same ones.
    #[arg(
        id = "per_reason",
        long = "per-reason",
        value_name = "N",
        default_value = "3"
    )]
    #[arg(value_parser = whole_number::<u64>(1..=10_000))]
    per_reason: u64,

    /// Take records that a redrive has taken out of quarantine too. [default: only those that are quarantined now]
    #[arg(long, action = ArgAction::SetTrue)]
    all: bool,

    /// Print the bytes of the records too.
    #[arg(long, action = ArgAction::SetTrue)]
    payload: bool,

    /// Print a JSON object for each record, one a line.
    #[arg(long, action = ArgAction::SetTrue)]
    json: bool,
}

/// Prints some quarantined records of each reason.
///
/// # Errors
/// Wrong usage, or what cannot be read.
pub(super) async fn sample(args: &SampleArgs) -> anyhow::Result<()> {
    let filter = args.filter.filter()?;
    let (location, quarantine) = args.lake.open().await?;
    let mut list = quarantine.objects(&filter).await?;
    notes::of_filter(&quarantine, &filter, &list).await?;
    let listed = listed(&quarantine, &mut list, args.all).await?;
    let mut by_reason = BTreeMap::<&ReasonCode, Vec<&Listed>>::new();
    for object in &listed {
        by_reason
            .entry(&object.object.reason)
            .or_default()
            .push(object);
    }
    for objects in by_reason.values() {
        let records: Vec<_> = objects.iter().map(|object| object.records).collect();
        for (object, number) in objects.iter().zip(spread(&records, args.per_reason)) {
            if number > 0 {
                print_some(args, &quarantine, &mut list, object, number).await?;
            }
        }
    }
    if listed.is_empty() {
        output::message(format_args!(
            "sluice: no such record is quarantined in {}",
            escape(&location.to_string())
        ));
    }
    notes::left_out(&quarantine, &list.left_out);
    notes::problems(&list.problems)
}

/// Prints this many records of an object.
async fn print_some(
    args: &SampleArgs,
    quarantine: &Quarantine,
    list: &mut QuarantineList,
    listed: &Listed,
    number: u64,
) -> anyhow::Result<()> {
    let store = quarantine.store();
    let lines = match read_lines(store.as_ref(), &listed.object, usize::MAX).await? {
        Ok(lines) => lines,
        Err(problem) => {
            list.problems.push(problem);
            return Ok(());
        }
    };
    let place = store.place(&listed.object.key);
    for (line, record) in chosen(&lines, listed, number) {
        let shown = ShownRecord {
            record: &record,
            object: &listed.object,
            place: &place,
            line,
            payload: args.payload,
        };
        match args.json {
            true => print_json(&Value::Object(shown.json()))?,
            false => output::text(text_of(&shown))?,
        }
    }
    Ok(())
}

/// This many records of the lines of an object, evenly from the first to the last one that is shown, each with the index of
/// its line.
pub(crate) fn chosen<'a>(
    lines: &'a [u8],
    listed: &Listed,
    number: u64,
) -> impl Iterator<Item = (u64, QuarantinedRecord<'a>)> {
    let first = listed.first_line();
    let wanted = evenly(number, listed.records).map(move |at| first + at);
    let mut wanted = wanted.peekable();
    (0..)
        .zip(records(lines))
        .filter(move |(line, _)| wanted.next_if_eq(line).is_some())
}

/// A record for people, with the redrive that has claimed it.
fn text_of(shown: &ShownRecord<'_>) -> String {
    let mut text = shown.text();
    if let Some(id) = &shown.object.claimed_by {
        let redriven = match shown.is_current() {
            true => format!("claimed by {id}, which has not committed it"),
            false => format!("by {id}"),
        };
        line(&mut text, "redriven", &redriven);
    }
    text
}

/// How many records are taken of each object, so that `number` are taken in all, of as many objects as possible and evenly
/// from the first to the last. No object gives more than it has.
pub(crate) fn spread(records: &[u64], number: u64) -> Vec<u64> {
    let mut taken = vec![0; records.len()];
    let mut left = number;
    while left > 0 {
        let open: Vec<_> = (0..records.len())
            .filter(|at| taken[*at] < records[*at])
            .collect();
        let now = left.min(open.len() as u64);
        if now == 0 {
            break;
        }
        for at in evenly(now, open.len() as u64) {
            taken[open[usize::try_from(at).unwrap_or_default()]] += 1;
        }
        left -= now;
    }
    taken
}

/// `number` different indexes of `all` things, at the same distance from each other, in ascending order.
pub(crate) fn evenly(number: u64, all: u64) -> impl Iterator<Item = u64> {
    let number = number.min(all);
    let at = move |place: u64| {
        let wide = (2 * u128::from(place) + 1) * u128::from(all);
        u64::try_from(wide / (2 * u128::from(number))).unwrap_or(u64::MAX)
    };
    (0..number).map(at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn records_are_taken_of_as_many_objects_as_possible() {
        assert_eq!(spread(&[100, 1, 100, 1], 2), [0, 1, 0, 1]);
        assert_eq!(spread(&[100, 1, 100, 1], 4), [1, 1, 1, 1]);
        assert_eq!(spread(&[100, 1, 100, 1], 8), [3, 1, 3, 1]);
        assert_eq!(spread(&[2, 1], 10), [2, 1]);
        assert_eq!(spread(&[], 10), [0_u64; 0]);
        assert_eq!(evenly(3, 9).collect::<Vec<_>>(), [1, 4, 7]);
    }

    proptest! {
        #[test]
        fn as_many_are_taken_as_there_are(
            records in prop::collection::vec(0_u64..20, 0..10),
            number in 0_u64..200,
        ) {
            let taken = spread(&records, number);
            prop_assert!(taken.iter().zip(&records).all(|(taken, records)| taken <= records));
            prop_assert_eq!(taken.iter().sum::<u64>(), number.min(records.iter().sum()));
        }

        #[test]
        fn indexes_ascend_and_exist(number in 0_u64..50, all in 0_u64..50) {
            let indexes: Vec<_> = evenly(number, all).collect();
            prop_assert_eq!(indexes.len() as u64, number.min(all));
            prop_assert!(indexes.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(indexes.iter().all(|at| *at < all));
        }
    }
}
