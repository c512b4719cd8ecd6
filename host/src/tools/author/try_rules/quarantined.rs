//! Quarantined records of a lake, as the rules saw them.

use std::collections::VecDeque;
use std::sync::Arc;

use anyhow::Context as _;
use sluice_engine::record::{Batch, Position};
use sluice_engine::sanitize::escape;
use sluice_storage::location::StoreLocation;
use sluice_storage::object_store::ObjectStore;
use sluice_storage::retry::RetryPolicy;

use super::input::Records;
use super::origin::Origin;
use super::stream::RETRY_TIMEOUT;
use crate::config::{ConfigError, parse_store};
use crate::layout::quarantine::QuarantinedRecord;
use crate::ledger::decoding::RecordDecoding;
use crate::output;
use crate::quarantine::{
    ObjectProblem, Quarantine, QuarantineFilter, QuarantineObject, read_object, records,
};
use crate::source::decoding::Decoder;

/// The objects that are read at once. A few are enough: records are tried one after another.
const READS_AT_ONCE: usize = 16;

/// A lake to take quarantined records from.
pub(super) struct QuarantineInput {
    lake: StoreLocation,
    filter: QuarantineFilter,
    decoding: RecordDecoding,
}

impl QuarantineInput {
    /// The quarantine of a lake: all of it, or what a filter takes.
    ///
    /// # Errors
    /// A target that is none.
    pub(super) fn new(
        lake: &str,
        filter: QuarantineFilter,
        decoding: RecordDecoding,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            lake: parse_store("quarantined", lake)?,
            filter,
            decoding,
        })
    }

    /// Lists the objects with records that are quarantined now.
    ///
    /// # Errors
    /// The lake cannot be listed, or has no record in quarantine that the filter takes.
    pub(super) async fn open(&self) -> anyhow::Result<QuarantineReading> {
        let store = self.lake.open(RetryPolicy::new(RETRY_TIMEOUT)).await?;
        let quarantine = Quarantine::open(&store, READS_AT_ONCE).await?;
        let mut reading = QuarantineReading::open(&quarantine, &self.filter, self.decoding).await?;
        reading.print_notes();
        if reading.objects.is_empty() && self.filter != QuarantineFilter::default() {
            let present = quarantine.present(|object| !object.is_redriven()).await?;
            anyhow::bail!(
                "{} has no record in quarantine that the flags name; {}",
                self.lake,
                present.as_deref().unwrap_or("there is none at all")
            );
        }
        Ok(reading)
    }

    /// Says that there are no records.
    pub(super) fn nothing(&self) -> String {
        let lake = &self.lake;
        format!("{lake} has no quarantined records; give the lake that `run` has written")
    }
}

/// Quarantined records that are being read, object by object.
pub(super) struct QuarantineReading {
    store: Arc<dyn ObjectStore>,
    /// The objects that are not read yet, the next one first.
    objects: VecDeque<QuarantineObject>,
    /// How records that are as the source has them are decoded.
    decoding: RecordDecoding,
    ready: VecDeque<Records>,
    /// What is left out.
    notes: Vec<String>,
}

impl QuarantineReading {
    /// Lists the objects with records that are quarantined now and that a filter takes.
    ///
    /// # Errors
    /// The lake cannot be listed, or has a chunk manifest that cannot be used.
    async fn open(
        quarantine: &Quarantine,
        filter: &QuarantineFilter,
        decoding: RecordDecoding,
    ) -> anyhow::Result<Self> {
        let store = quarantine.store();
        let list = quarantine.objects(filter).await?;
        let mut notes: Vec<_> = list.left_out.messages(store.as_ref()).collect();
        for problem in &list.problems {
            anyhow::ensure!(problem.objects == 0, "{problem}");
            notes.push(problem.to_string());
        }
        let objects = list.objects.into_iter();
        Ok(Self {
            objects: objects.filter(|object| !object.is_redriven()).collect(),
            store: Arc::clone(store),
            decoding,
            ready: VecDeque::new(),
            notes,
        })
    }

    /// Prints what is left out.
    pub(super) fn print_notes(&mut self) {
        for note in self.notes.drain(..) {
            output::message(format_args!("sluice: {}", escape(&note)));
        }
    }

    /// The next records; `None` at the end.
    ///
    /// # Errors
    /// An object that cannot be read.
    pub(super) async fn next(&mut self) -> anyhow::Result<Option<Records>> {
        loop {
            if let Some(records) = self.ready.pop_front() {
                return Ok(Some(records));
            }
            let Some(object) = self.objects.pop_front() else {
                return Ok(None);
            };
            let place = self.store.place(&object.key);
            let read = read_object(self.store.as_ref(), &object.key, object.content());
            let lines = match read.await {
                Ok(lines) => lines,
                Err(ObjectProblem::Missing) => {
                    let note = format!("leaving out {place}, which was removed a moment ago");
                    self.notes.push(note);
                    continue;
                }
                Err(problem) => {
                    return Err(problem).with_context(|| format!("cannot read {place}"));
                }
            };
            // A redrive has committed those before.
            let first = usize::try_from(object.redriven).unwrap_or(usize::MAX);
            let records = records(&lines).skip(first);
            self.ready = batches(&place, records, decoding_of(&object, Some(self.decoding)))?;
        }
    }
}

/// How the records of an object are decoded that are as the source has them: with `given`, or as their chunk was.
pub(crate) fn decoding_of(
    object: &QuarantineObject,
    given: Option<RecordDecoding>,
) -> RecordDecoding {
    match object.is_undecoded {
        true => given.unwrap_or(object.decoding),
        false => RecordDecoding::default(),
    }
}

/// The records of an object, decoded.
///
/// # Errors
/// A record without an id.
pub(crate) fn batches<'a>(
    place: &str,
    records: impl Iterator<Item = QuarantinedRecord<'a>>,
    decoding: RecordDecoding,
) -> anyhow::Result<VecDeque<Records>> {
    let mut all: VecDeque<Records> = VecDeque::new();
    for read in records {
        let damaged = || format!("{place}: {:?} is not the id of a record", read.rid);
        let (shard, position) = read.origin().with_context(damaged)?;
        let data = read.data().unwrap_or_default();
        let last = all.back();
        if last.is_none_or(|last| last.batch.is_full() || *last.batch.shard() != shard) {
            all.push_back(Records {
                batch: Batch::new(shard),
                origins: Vec::new(),
            });
        }
        if let Some(records) = all.back_mut() {
            let (batch, Position { sequence, sub }) = (&mut records.batch, position);
            let mut decoder = Decoder::new(batch, decoding, sequence, read.arrived_at);
            decoder.add(&data, &read.partition_key, sub);
            let origin = Origin {
                source: place.to_owned(),
                line: None,
                quarantined: Some((read.reason.to_string(), read.message.to_string())),
                rejected_by: read.release.parse().ok(),
            };
            records.origins.resize(records.batch.len(), origin);
        }
    }
    Ok(all)
}
