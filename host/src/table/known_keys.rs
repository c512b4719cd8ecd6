//! What committed attempts have left of keys.

use std::io;

use super::documents::{DocumentError, TableDocuments};
use super::duplicates::{
    Arrival, AttemptKeys, DedupeRule, KeyEntry, KeySorter, KeysMark, Run, part_name, parts,
    read_part,
};

/// The keys of a table at one moment.
#[derive(Clone, Debug)]
pub struct KnownKeys {
    documents: TableDocuments,
    mark: KeysMark,
}

/// Keys that cannot be read.
#[derive(Debug)]
pub(super) enum KnownKeysError {
    /// From the warehouse.
    Document(DocumentError),
    /// Or put into a local file.
    Scratch(io::Error),
}

impl From<DocumentError> for KnownKeysError {
    fn from(error: DocumentError) -> Self {
        Self::Document(error)
    }
}

impl KnownKeys {
    /// Those that a watermark names.
    pub(super) fn new(documents: TableDocuments, mark: KeysMark) -> Self {
        Self { documents, mark }
    }

    /// The rule of the table.
    pub(super) fn rule(&self) -> &DedupeRule {
        &self.mark.rule
    }

    /// Adds the rows that have arrived near events which arrived at these times.
    ///
    /// # Errors
    /// [`KnownKeysError`]
    pub(super) async fn load(
        &self,
        arrived: Vec<Arrival>,
        sorter: &mut KeySorter,
    ) -> Result<(), KnownKeysError> {
        let window = self.rule().window_ms;
        let arrived = Arrival::joined(arrived, window);
        let is_near = |row: &Arrival| arrived.iter().any(|time| time.is_near(*row, window));
        for sealed in &self.mark.sealed {
            if sealed.arrived_at.iter().any(is_near) {
                let attempts = self.documents.sealed_attempts(&sealed.attempt).await?;
                self.load_all(&attempts, &is_near, sorter).await?;
            }
        }
        self.load_all(&self.mark.attempts, &is_near, sorter).await
    }

    async fn load_all(
        &self,
        attempts: &[AttemptKeys],
        is_near: &(impl Fn(&Arrival) -> bool + Sync),
        sorter: &mut KeySorter,
    ) -> Result<(), KnownKeysError> {
        for keys in attempts {
            if keys.keys > 0 && keys.arrived_at.iter().any(is_near) {
                self.load_attempt(keys, is_near, sorter).await?;
            }
        }
        Ok(())
    }

    async fn load_attempt(
        &self,
        keys: &AttemptKeys,
        is_near: &(impl Fn(&Arrival) -> bool + Sync),
        sorter: &mut KeySorter,
    ) -> Result<(), KnownKeysError> {
        let mut read = ReadAttempt {
            run: sorter.begin_run().map_err(KnownKeysError::Scratch)?,
            keys: 0,
            last: 0,
        };
        let mut place = String::new();
        for number in 0..parts(keys.keys) {
            let name = part_name(number);
            let (part, content) = self.documents.duplicates(&keys.attempt, &name).await?;
            read.add(&content, is_near)
                .map_err(|error| match error.kind() {
                    // What is wrong with a local file has a code of the system.
                    _ if error.raw_os_error().is_some() => KnownKeysError::Scratch(error),
                    _ => damaged(&part, error.to_string()),
                })?;
            place = part;
        }
        if read.keys != keys.keys {
            let (found, expected) = (read.keys, keys.keys);
            let why = format!("with it, there are {found} keys, and the watermark says {expected}");
            return Err(damaged(&place, why));
        }
        sorter.end_run(read.run).map_err(KnownKeysError::Scratch)
    }
}

fn damaged(place: &str, why: String) -> KnownKeysError {
    KnownKeysError::Document(DocumentError::Damaged {
        place: place.to_owned(),
        why,
    })
}

/// The keys of an attempt, as far as they are read.
struct ReadAttempt {
    run: Run,
    keys: u64,
    last: u128,
}

impl ReadAttempt {
    fn add(&mut self, part: &[u8], is_near: impl Fn(&Arrival) -> bool) -> io::Result<()> {
        self.keys += read_part(part, |key, arrived| {
            if key < self.last {
                let why = "its keys are not sorted";
                return Err(io::Error::new(io::ErrorKind::InvalidData, why));
            }
            self.last = key;
            match is_near(&arrived) {
                true => self.run.push(&KeyEntry::row(key, arrived)),
                false => Ok(()),
            }
        })?;
        Ok(())
    }
}
