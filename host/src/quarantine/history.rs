//! The places of one record: where it was quarantined, which redrive has taken it from there, and what it made of it.

use std::collections::BTreeSet;

use sluice_engine::record::{Position, SequenceNumber, ShardId};
use sluice_release::bundle::ReleaseId;

use super::left_out::LeftOut;
use super::list::ListProblem;
use super::{
    ObjectProblem, Quarantine, QuarantineError, QuarantineFilter, QuarantineObject,
    read_object_up_to,
};
use crate::layout::object_key::ChunkName;
use crate::layout::quarantine::QuarantinedRecord;
use crate::redrive::RedriveId;

/// The places of a record in quarantine, the oldest first.
#[derive(Debug, Default)]
pub struct RecordHistory {
    /// The places.
    pub places: Vec<RecordPlace>,
    /// Objects that may have the record and are not read.
    pub left_out: LeftOut,
    /// What could not be read. There may be more places if there is any.
    pub problems: Vec<ListProblem>,
}

/// A place of a record in quarantine.
#[derive(Clone, Debug)]
pub struct RecordPlace {
    /// The object.
    pub object: QuarantineObject,
    /// The index of its line in the object.
    pub line: u64,
    /// The line.
    pub text: Vec<u8>,
    /// The redrive that has claimed the object.
    pub redriven: Option<RedrivenTo>,
}

/// What a redrive has made of a record.
#[derive(Clone, Debug)]
pub struct RedrivenTo {
    /// The redrive.
    pub redrive: RedriveId,
    /// The ordinal of the record; `None` if the redrive does not list the object that it has claimed.
    pub ordinal: Option<u64>,
    /// The chunk that the record is in; `None` if the redrive has not committed it.
    pub chunk: Option<RedrivenChunk>,
}

/// A chunk of a redrive.
#[derive(Clone, Debug)]
pub struct RedrivenChunk {
    /// The key of its manifest.
    pub manifest: String,
    /// The release that transformed it.
    pub release: ReleaseId,
    /// Whether it has quarantined the record again, or a part of what was decoded of it.
    pub is_quarantined_again: bool,
}

/// The record that is searched for.
struct Searched<'a> {
    shard: &'a ShardId,
    position: Position,
}

impl Searched<'_> {
    /// Whether a line is of the record, of one that it was decoded from, or of a part of it.
    fn is(&self, line: &QuarantinedRecord<'_>) -> bool {
        line.origin().is_some_and(|(shard, position)| {
            let is_part = position.sub.is_none() || self.position.sub.is_none();
            shard == *self.shard
                && position.sequence == self.position.sequence
                && (is_part || position.sub == self.position.sub)
        })
    }
}

impl RecordPlace {
    /// The record.
    #[must_use]
    pub fn record(&self) -> Option<QuarantinedRecord<'_>> {
        QuarantinedRecord::parse(&self.text)
    }

    /// Whether the record is quarantined here now: no redrive has committed it.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.line >= self.object.redriven
    }
}

impl Quarantine {
    /// Finds a record in quarantine by its shard and position, and follows it through redrives. If a record of a stream has
    /// several user records and `position` names none of them, all are found.
    ///
    /// # Errors
    /// [`QuarantineError`]
    pub async fn history(
        &self,
        shard: &ShardId,
        position: Position,
    ) -> Result<RecordHistory, QuarantineError> {
        let searched = Searched { shard, position };
        let mut history = RecordHistory::default();
        let mut wanted = vec![(shard.clone(), position.sequence)];
        let mut read = BTreeSet::new();
        while !wanted.is_empty() {
            let list = self.objects_with(&wanted).await?;
            history.problems.extend(list.problems);
            if read.is_empty() {
                history.left_out = list.left_out;
            }
            let new = list.objects.into_iter();
            let new: Vec<_> = new
                .filter(|object| read.insert(object.key.clone()))
                .collect();
            let before = history.places.len();
            for object in new {
                self.add_places(&searched, object, &mut history).await?;
            }
            wanted = next_wanted(&history.places[before..]);
            let others = history.places.split_at_mut(before);
            note_again(others.0, others.1);
        }
        Ok(history)
    }

    /// The objects of the chunks that have one of these records.
    async fn objects_with(
        &self,
        records: &[(ShardId, SequenceNumber)],
    ) -> Result<super::QuarantineList, QuarantineError> {
        let has_record = |shard: &ShardId, chunk: ChunkName| {
            let mut records = records.iter();
            records
                .any(|(of, record)| of == shard && chunk.first <= *record && *record <= chunk.last)
        };
        self.objects_of(&QuarantineFilter::default(), &has_record)
            .await
    }

    /// Adds the places of the record in an object.
    async fn add_places(
        &self,
        searched: &Searched<'_>,
        object: QuarantineObject,
        history: &mut RecordHistory,
    ) -> Result<(), QuarantineError> {
        let (store, max) = (self.store.as_ref(), self.object_max_bytes);
        let read = read_object_up_to(store, &object.key, object.content(), max);
        let lines = match read.await {
            Ok(lines) => lines,
            Err(ObjectProblem::Storage(error)) => return Err(error.into()),
            Err(problem) => {
                history.problems.push(ListProblem {
                    place: self.store.place(&object.key),
                    why: problem.to_string(),
                    objects: 1,
                });
                return Ok(());
            }
        };
        let all = lines.split_inclusive(|byte| *byte == b'\n');
        for (line, text) in (0..).zip(all) {
            if QuarantinedRecord::parse(text).is_some_and(|record| searched.is(&record)) {
                let redriven = self.redriven_to(&object, line, history).await?;
                history.places.push(RecordPlace {
                    object: object.clone(),
                    line,
                    text: text.to_owned(),
                    redriven,
                });
            }
        }
        Ok(())
    }

    /// What the redrive that has claimed an object has made of the record in a line.
    async fn redriven_to(
        &self,
        object: &QuarantineObject,
        line: u64,
        history: &mut RecordHistory,
    ) -> Result<Option<RedrivenTo>, QuarantineError> {
        let Some(redrive) = object.claimed_by.clone() else {
            return Ok(None);
        };
        let ordinal = object.first_ordinal.map(|first| first + line);
        let committed = ordinal.filter(|_| line < object.redriven);
        let chunk = match committed {
            Some(ordinal) => self.redriven_chunk(&redrive, ordinal, history).await?,
            None => None,
        };
        Ok(Some(RedrivenTo {
            redrive,
            ordinal,
            chunk,
        }))
    }

    /// The chunk of a redrive that has an ordinal, which the redrive has committed.
    async fn redriven_chunk(
        &self,
        redrive: &RedriveId,
        ordinal: u64,
        history: &mut RecordHistory,
    ) -> Result<Option<RedrivenChunk>, QuarantineError> {
        let (shard, ordinal) = (redrive.shard(), SequenceNumber::from(ordinal));
        let last = self.heads.get(shard).map(|head| head.last);
        let mut names = self.chunk_names(shard).await?.into_iter();
        let has_ordinal = |name: &ChunkName| name.first <= ordinal && ordinal <= name.last;
        let found = names.find(|name| has_ordinal(name) && Some(name.last) <= last);
        let mut problem = |place: &str, why: String| {
            history.problems.push(ListProblem {
                place: self.store.place(place),
                why,
                objects: 0,
            });
        };
        let Some(name) = found else {
            let why =
                format!("it has no chunk manifest with the record {ordinal}, which is committed");
            problem(&ChunkName::manifest_folder(shard), why);
            return Ok(None);
        };
        let manifest = name.manifest_key(shard);
        match self.read_manifest(shard, name).await? {
            Some(Ok(read)) => Ok(Some(RedrivenChunk {
                manifest,
                release: read.release,
                is_quarantined_again: false,
            })),
            Some(Err(why)) => {
                problem(&manifest, why);
                Ok(None)
            }
            None => {
                problem(&manifest, "it was removed".into());
                Ok(None)
            }
        }
    }
}

/// The ordinals to search for next: those of places whose redrive has committed the record.
fn next_wanted(places: &[RecordPlace]) -> Vec<(ShardId, SequenceNumber)> {
    let wanted = places.iter().filter(|place| !place.is_current());
    let wanted = wanted.filter_map(|place| {
        let redriven = place.redriven.as_ref()?;
        Some((redriven.redrive.shard().clone(), redriven.ordinal?.into()))
    });
    wanted.collect()
}

/// Notes of earlier places that redrives have quarantined the record again, in the places that were found then.
fn note_again(earlier: &mut [RecordPlace], found: &[RecordPlace]) {
    for place in earlier {
        let sub = sub_of(place);
        let Some(redriven) = &mut place.redriven else {
            continue;
        };
        let (shard, ordinal) = (redriven.redrive.shard(), redriven.ordinal);
        let is_again = |again: &RecordPlace| {
            let (object, chunk) = (&again.object, again.object.chunk);
            let ordinal = ordinal.map(SequenceNumber::from);
            let (first, last) = (Some(chunk.first), Some(chunk.last));
            // What could not be decoded has no place in an aggregate, and what was decoded of it has.
            let is_same = sub.is_none() || sub_of(again) == sub;
            object.shard == *shard && first <= ordinal && ordinal <= last && is_same
        };
        let is_again = found.iter().any(is_again);
        if let Some(chunk) = &mut redriven.chunk {
            chunk.is_quarantined_again |= is_again;
        }
    }
}

/// The place of a record within an aggregate.
fn sub_of(place: &RecordPlace) -> Option<u32> {
    place.record()?.origin()?.1.sub
}
