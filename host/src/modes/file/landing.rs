//! Lands one file that was opened.

use std::sync::Arc;

use sluice_engine::record::ShardId;

use crate::ledger::source_file::FileName;
use crate::modes::known_files::Found;
use crate::modes::open_shard::{LandedShard, ShardRunner};
use crate::observe::health::State;
use crate::output::{counted, with_causes};
use crate::pipeline::RunContext;
use crate::source::file::{IncompleteLine, OpenFile, TextFormat};

/// Lands an opened file as the shard of its ledger, to its end.
///
/// # Errors
/// Those of [`ShardRunner::open_shard`] and of landing.
pub(super) async fn land(
    runner: &ShardRunner,
    opened: OpenFile,
    found: Found,
) -> anyhow::Result<LandedShard> {
    let shard = found.ledger.shard().clone();
    let landed = land_as(runner, &shard, opened, found.moved_from).await;
    let health = &runner.context.health;
    match &landed {
        Ok(_) => health.ended(&shard, State::CaughtUp),
        Err(error) => health.ended(&shard, State::Failed(with_causes(error))),
    }
    landed
}

async fn land_as(
    runner: &ShardRunner,
    shard: &ShardId,
    opened: OpenFile,
    moved_from: Option<FileName>,
) -> anyhow::Result<LandedShard> {
    let (text_format, first) = (opened.text_format(), opened.first_offset());
    let rejected_before = not_json(&runner.context);
    let source = opened.name().to_owned();
    let mut open = runner.open_file(shard, opened.known_as()).await?;
    if let Some(before) = moved_from {
        tracing::warn!(
            source,
            %shard,
            "it begins with what has landed of {before}, which is gone, so it goes on where that ended"
        );
        open.ledger.rename(opened.known_as()).await?;
    }
    let opened = opened.with_budget(runner.context.budget.clone());
    let landed = open.land(opened.with_shard(shard.clone())).await?;
    if let Some(line) = landed.incomplete {
        note_incomplete(&runner.context, &source, text_format, line);
    }
    let rejected = not_json(&runner.context).saturating_sub(rejected_before);
    let is_one_line = landed.incomplete.is_some_and(|line| line.offset == first);
    match text_format {
        Some(format) if rejected > 0 => warn_of_format(&source, format, rejected),
        Some(format) if is_one_line => warn_of_one_line(&source, format.of_lines(1)),
        _ => {}
    }
    Ok(landed)
}

fn note_incomplete(
    context: &Arc<RunContext>,
    source: &str,
    text_format: Option<TextFormat>,
    line: IncompleteLine,
) {
    let IncompleteLine { offset, bytes } = line;
    let is_json = text_format.is_none();
    context.progress.left_incomplete(source, is_json);
    let advice = if is_json { "; --final takes it" } else { "" };
    tracing::info!(
        source,
        offset,
        bytes,
        "the last line has no end and is not one whole JSON object, so it is left for the next run{advice}"
    );
}

fn warn_of_format(source: &str, format: TextFormat, records: u64) {
    let format = format.of_lines(records);
    tracing::warn!(
        source,
        records,
        "{}: it looks like {}; {}",
        match records {
            1 => "1 line of this file is no JSON object".to_owned(),
            _ => format!(
                "{} of this file are no JSON objects",
                counted(records, "line")
            ),
        },
        format.name(),
        format.advice()
    );
}

/// As [`warn_of_format`], for a file without a line end.
fn warn_of_one_line(source: &str, format: TextFormat) {
    tracing::warn!(
        source,
        "this file is one line without an end, so nothing of it has landed: it looks like {}; {}",
        format.name(),
        format.advice()
    );
}

/// The number of records that the transform has rejected so far because they are no JSON objects, by the reasons of the
/// built-in transform.
fn not_json(context: &RunContext) -> u64 {
    let reasons = ["invalid_json", "not_an_object"];
    reasons
        .map(|reason| context.progress.quarantined_for(reason))
        .iter()
        .sum()
}
