//! The objects of an archive, each fetched as a whole and read line by line.

use std::io::{self, BufReader};
use std::panic::resume_unwind;
use std::sync::Arc;

use sluice_engine::record::ShardId;
use sluice_storage::object_store::{Found, ObjectStore};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle};

use super::chain::WantedObject;
use super::listing::ObjectRange;
use crate::layout::archive::{ArchiveError, ArchiveHeader, ArchiveKey, ArchiveLines};
use crate::source::SourceError;
use crate::source::batch_channel::ReceiverGone;
use crate::source::budget::{Budget, Room};

/// The lines of an object, which are decompressed as they are read.
pub(super) type ObjectLines<'a> = ArchiveLines<BufReader<zstd::Decoder<'static, &'a [u8]>>>;

/// An object as it is stored, and the memory that it takes: of one that is larger than a call of a stream can be, as much
/// as such a call.
pub(super) struct FetchedObject {
    pub(super) wanted: WantedObject,
    pub(super) stored: StoredObject,
    _room: Room,
}

/// An object as it is stored.
pub(super) struct StoredObject {
    /// Its path or URL.
    pub(super) place: String,
    bytes: Vec<u8>,
}

/// What fetches the objects of a shard.
pub(super) struct Fetcher {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) shard: ShardId,
    pub(super) budget: Budget,
    /// A larger object is an error.
    pub(super) object_max_bytes: usize,
}

/// An object that is being fetched.
pub(super) type Fetching = JoinHandle<Result<FetchedObject, SourceError>>;

/// What a task of this module returned. If it panicked, so does this.
///
/// # Errors
/// The process is ending.
pub(super) fn joined<T>(ended: Result<T, JoinError>) -> Result<T, ReceiverGone> {
    ended.map_err(|error| match error.try_into_panic() {
        Ok(panic) => resume_unwind(panic),
        Err(_cancelled) => ReceiverGone,
    })
}

impl Fetcher {
    /// Fetches objects in order, as many ahead as the channel has places. Room is taken in this order too, so that the object that is read
    /// next never waits for the room of a later one. Returns whether all of them are on their way.
    pub(super) async fn fetch_all(
        self,
        objects: impl IntoIterator<Item = WantedObject>,
        fetched: mpsc::Sender<Fetching>,
    ) -> bool {
        for wanted in objects {
            let Some(room) = self.budget.call().await else {
                return false;
            };
            let (store, key) = (self.store.clone(), wanted.object.key(&self.shard));
            let max = self.object_max_bytes;
            let fetching = tokio::spawn(async move {
                let bytes = get(&*store, &key, max).await?;
                let mut room = room;
                room.shrink_to(bytes.len() as u64);
                Ok(FetchedObject {
                    wanted,
                    stored: StoredObject {
                        place: store.place(&key),
                        bytes,
                    },
                    _room: room,
                })
            });
            if fetched.send(fetching).await.is_err() {
                return false;
            }
        }
        true
    }
}

async fn get(store: &dyn ObjectStore, key: &str, max: usize) -> Result<Vec<u8>, SourceError> {
    match store.get(key, max).await {
        Ok(Found::Content(bytes)) => Ok(bytes),
        Ok(Found::TooLarge(bytes)) => Err(SourceError::Archive {
            object: store.place(key),
            why: format!("it has {bytes} bytes, and at most {max} are read here"),
        }),
        Ok(Found::Nothing) => Err(SourceError::Archive {
            object: store.place(key),
            why: "it was listed and is gone now; restore it".into(),
        }),
        Err(error) => Err(SourceError::of_storage(error)),
    }
}

impl StoredObject {
    /// Opens the object after all of it was decompressed once: only the end of it tells whether it is damaged, and no record of a
    /// damaged one may be landed.
    ///
    /// # Errors
    /// It is damaged, or it is not the object of its name.
    pub(super) fn open(&self, name: &ArchiveKey) -> Result<ObjectLines<'_>, SourceError> {
        let damaged = |error: io::Error| self.error(&format!("it is damaged: {error}"));
        let decoder = || zstd::Decoder::with_buffer(&self.bytes[..]);
        io::copy(&mut decoder().map_err(damaged)?, &mut io::sink()).map_err(damaged)?;
        let lines = BufReader::new(decoder().map_err(damaged)?);
        ArchiveLines::of(name, lines).map_err(|error| self.wrong(&error))
    }

    /// Reads the header, and nothing else.
    ///
    /// # Errors
    /// It cannot be read, or it is that of another object.
    fn header(&self, name: &ArchiveKey) -> Result<ArchiveHeader, SourceError> {
        let decoder = zstd::Decoder::with_buffer(&self.bytes[..]);
        let decoder = decoder.map_err(|error| self.error(&format!("it is damaged: {error}")))?;
        match ArchiveLines::of(name, BufReader::new(decoder)) {
            Ok(lines) => Ok(lines.header().clone()),
            Err(error) => Err(self.wrong(&error)),
        }
    }

    /// The error for an object that is not as it was archived.
    pub(super) fn wrong(&self, error: &ArchiveError) -> SourceError {
        self.error(&error.to_string())
    }

    fn error(&self, why: &str) -> SourceError {
        SourceError::Archive {
            object: self.place.clone(),
            why: format!("{why}; restore the object as it was archived"),
        }
    }
}

/// Fetches an object for its header.
///
/// # Errors
/// It cannot be read, or is damaged.
pub(super) async fn read_header(
    store: &dyn ObjectStore,
    shard: &ShardId,
    object: ObjectRange,
) -> Result<ArchiveHeader, SourceError> {
    let stored = fetch(store, shard, object).await?;
    stored.header(&object.name(shard))
}

async fn fetch(
    store: &dyn ObjectStore,
    shard: &ShardId,
    object: ObjectRange,
) -> Result<StoredObject, SourceError> {
    let key = object.key(shard);
    Ok(StoredObject {
        place: store.place(&key),
        bytes: get(store, &key, usize::MAX).await?,
    })
}

/// Reads an object to its end, and checks it.
///
/// # Errors
/// It cannot be read, or is damaged.
pub async fn check_object(
    store: &dyn ObjectStore,
    shard: &ShardId,
    object: ObjectRange,
) -> Result<(), SourceError> {
    let stored = fetch(store, shard, object).await?;
    let mut lines = stored.open(&object.name(shard))?;
    match lines.find_map(Result::err) {
        Some(error) => Err(stored.wrong(&error)),
        None => Ok(()),
    }
}
