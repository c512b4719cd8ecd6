//! The objects that a command shows: those with records that are quarantined now, or all.

use sluice_storage::object_store::ObjectStore;

use crate::quarantine::{
    ListProblem, ObjectProblem, Quarantine, QuarantineList, QuarantineObject, read_object_up_to,
    records,
};

/// An object with what is shown of it.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) object: QuarantineObject,
    /// The number of the records that are shown.
    pub(crate) records: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
}

impl Listed {
    /// The index of the first line that is shown.
    pub(crate) fn first_line(&self) -> u64 {
        self.object.records - self.records
    }
}

/// The objects of a list that have records to show. With `all`, records that were redriven are shown too.
///
/// A redrive reads one object after another, so each has at most one of which it has committed a part. To know the bytes of
/// the rest, such an object is read.
///
/// # Errors
/// The lake cannot be read.
pub(crate) async fn listed(
    quarantine: &Quarantine,
    list: &mut QuarantineList,
    all: bool,
) -> anyhow::Result<Vec<Listed>> {
    let mut listed = Vec::new();
    for object in std::mem::take(&mut list.objects) {
        let is_part = object.redriven > 0 && !object.is_redriven();
        let (records, bytes) = match () {
            () if all => (object.records, object.bytes),
            () if object.is_redriven() => continue,
            () if is_part => match remaining_bytes(quarantine, &object).await? {
                Ok(bytes) => (object.remaining(), bytes),
                Err(problem) => {
                    list.problems.push(problem);
                    continue;
                }
            },
            () => (object.records, object.bytes),
        };
        listed.push(Listed {
            object,
            records,
            bytes,
        });
    }
    Ok(listed)
}

/// The bytes of the records of an object that are quarantined there now, or why it cannot be read.
async fn remaining_bytes(
    quarantine: &Quarantine,
    object: &QuarantineObject,
) -> anyhow::Result<Result<u64, ListProblem>> {
    let (store, max) = (quarantine.store().as_ref(), quarantine.object_max_bytes());
    let lines = match read_lines(store, object, max).await? {
        Ok(lines) => lines,
        Err(problem) => return Ok(Err(problem)),
    };
    let redriven = usize::try_from(object.redriven).unwrap_or(usize::MAX);
    let bytes = records(&lines).skip(redriven);
    let bytes = bytes.filter_map(|record| record.data().map(|data| data.len() as u64));
    Ok(Ok(bytes.sum()))
}

/// The lines of an object, or why it cannot be used. One with more than `max` bytes, as it is stored or as lines, is not read.
///
/// # Errors
/// The lake cannot be read.
pub(crate) async fn read_lines(
    store: &dyn ObjectStore,
    object: &QuarantineObject,
    max: usize,
) -> anyhow::Result<Result<Vec<u8>, ListProblem>> {
    match read_object_up_to(store, &object.key, object.content(), max).await {
        Ok(lines) => Ok(Ok(lines)),
        Err(ObjectProblem::Storage(error)) => Err(error.into()),
        Err(problem) => Ok(Err(ListProblem {
            place: store.place(&object.key),
            why: problem.to_string(),
            objects: 1,
        })),
    }
}
