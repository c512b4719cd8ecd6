//! `sluice quarantine show`.

use clap::{ArgAction, Args};
use serde_json::{Value, json};
use sluice_engine::record::{Position, ShardId};
use sluice_engine::sanitize::escape;
use sluice_storage::location::StoreLocation;

use super::args::LakeArgs;
use super::notes;
use super::record::{ShownRecord, line};
use crate::config::continue_command;
use crate::output;
use crate::quarantine::{Quarantine, RecordPlace, RedrivenTo};
use crate::redrive::{RedriveId, RedriveStore};
use crate::tools::schema::print_json;

/// Which record.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The id of the record, `shard:sequence`, or `shard:sequence:number` for one of several user records.
    #[arg(value_name = "RID", value_parser = parse_rid)]
    rid: RecordId,

    #[command(flatten)]
    pub(super) lake: LakeArgs,

    /// Print the bytes of the record too.
    #[arg(long, action = ArgAction::SetTrue)]
    payload: bool,

    /// Print a JSON object for each place of the record in quarantine, one a line, the oldest first.
    #[arg(long, action = ArgAction::SetTrue)]
    json: bool,
}

/// The id of a record.
#[derive(Clone, Debug)]
pub(crate) struct RecordId {
    pub(crate) shard: ShardId,
    pub(crate) position: Position,
}

/// Parses the id of a record.
///
/// # Errors
/// Says what is expected.
pub(crate) fn parse_rid(text: &str) -> Result<RecordId, String> {
    let wrong =
        || "expected the id of a record, such as events-shardId-000000000000:4711".to_owned();
    let (shard, position) = text.split_once(':').ok_or_else(wrong)?;
    Ok(RecordId {
        shard: ShardId::new(shard)?,
        position: position.parse().map_err(|_| wrong())?,
    })
}

/// Prints a quarantined record and its history.
///
/// # Errors
/// Wrong usage, what cannot be read, or a record that is not found.
pub(super) async fn show(args: &ShowArgs) -> anyhow::Result<()> {
    let RecordId { shard, position } = &args.rid;
    let (location, quarantine) = args.lake.open().await?;
    let mut history = quarantine.history(shard, *position).await?;
    for place in &history.places {
        print_place(args, &location, &quarantine, place).await?;
    }
    // Files of others cannot have the record.
    history.left_out.unrecognized = Default::default();
    notes::left_out(&quarantine, &history.left_out);
    notes::problems(&history.problems)?;
    anyhow::ensure!(
        !history.places.is_empty(),
        "no record with the id {shard}:{position} is or was quarantined in {location}; if its range is committed, it has \
         landed or was dropped"
    );
    Ok(())
}

async fn print_place(
    args: &ShowArgs,
    lake: &StoreLocation,
    quarantine: &Quarantine,
    place: &RecordPlace,
) -> anyhow::Result<()> {
    let object = quarantine.store().place(&place.object.key);
    let Some(record) = place.record() else {
        return Ok(());
    };
    let shown = ShownRecord {
        record: &record,
        object: &place.object,
        place: &object,
        line: place.line,
        payload: args.payload,
    };
    if args.json {
        let mut json = shown.json();
        let redriven = place.redriven.as_ref().map(redriven_json);
        json.insert("redrive".into(), redriven.unwrap_or_default());
        return Ok(print_json(&Value::Object(json))?);
    }
    let mut text = shown.text();
    let redriven = redriven_text(lake, quarantine, place).await?;
    line(&mut text, "redriven", &redriven);
    output::text(text)?;
    Ok(())
}

/// Which redrive has taken a record from a place, what it has made of it, and how to continue it.
///
/// # Errors
/// The lake cannot be read.
pub(crate) async fn redriven_text(
    lake: &StoreLocation,
    quarantine: &Quarantine,
    place: &RecordPlace,
) -> anyhow::Result<String> {
    let Some(redriven) = &place.redriven else {
        return Ok("by none".into());
    };
    let is_left_behind = place.object.is_left_behind;
    let advice = match redriven.chunk.is_none() && !is_left_behind {
        true => advice(lake, quarantine, &redriven.redrive).await?,
        false => String::new(),
    };
    Ok(described(redriven, is_left_behind, &advice))
}

/// How to continue a redrive.
async fn advice(
    lake: &StoreLocation,
    quarantine: &Quarantine,
    id: &RedriveId,
) -> anyhow::Result<String> {
    let redrives = RedriveStore::new(quarantine.store().clone(), 1);
    Ok(match redrives.read(id).await? {
        Some(document) => {
            let command = continue_command(lake, id, document.request.release);
            format!("`{command}` continues it with the release that it was begun with")
        }
        None => "its list is gone; `sluice audit` says what to do".to_owned(),
    })
}

/// What a redrive has made of a record, in words.
fn described(redriven: &RedrivenTo, is_left_behind: bool, advice: &str) -> String {
    let id = &redriven.redrive;
    match &redriven.chunk {
        None if is_left_behind => format!("claimed by {id}, which has gone on without it"),
        None => format!("claimed by {id}, which has not committed it; {advice}"),
        Some(chunk) => {
            let outcome = match chunk.is_quarantined_again {
                true => "quarantined again, see below",
                false => "not quarantined again, so it has landed or was dropped",
            };
            let release = chunk.release.short();
            let manifest = escape(&chunk.manifest);
            format!("by {id} with release {release}: {outcome}; its chunk: {manifest}")
        }
    }
}

fn redriven_json(redriven: &RedrivenTo) -> Value {
    json!({
        "id": redriven.redrive,
        "ordinal": redriven.ordinal,
        "manifest": redriven.chunk.as_ref().map(|chunk| &chunk.manifest),
        "release": redriven.chunk.as_ref().map(|chunk| chunk.release),
        "is_quarantined_again": redriven.chunk.as_ref().map(|chunk| chunk.is_quarantined_again),
    })
}
