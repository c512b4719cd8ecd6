//! A store for tests.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use futures_util::future::BoxFuture;
use sluice_storage::error::{ErrorKind, Operation, RequestError, StorageError};
use sluice_storage::folder::FolderStore;
use sluice_storage::object_store::{
    ConditionalRead, Found, ListedObject, NewObject, ObjectStore, Payload, StorageResult, Version,
};

/// A folder that counts requests, and loses the answers to some changes.
#[derive(Debug)]
pub(crate) struct TestStore {
    folder: FolderStore,
    lists: AtomicUsize,
    reads: AtomicUsize,
    changes: AtomicUsize,
    /// Each change with a number that this divides succeeds without an answer; 0 for none.
    lost_each: usize,
}

impl TestStore {
    /// The files below a folder. Each change with a number that `lost_each` divides succeeds without an answer; 0 for
    /// none.
    pub(crate) fn new(folder: &Path, lost_each: usize) -> Arc<Self> {
        Arc::new(Self {
            folder: FolderStore::shared(folder.to_owned()),
            lists: AtomicUsize::new(0),
            reads: AtomicUsize::new(0),
            changes: AtomicUsize::new(0),
            lost_each,
        })
    }

    /// The numbers of lists and reads since the last call.
    #[cfg(any(feature = "table", feature = "console"))]
    pub(crate) fn take_reads(&self) -> (usize, usize) {
        (self.lists.swap(0, Relaxed), self.reads.swap(0, Relaxed))
    }

    /// The number of changes by compare-and-swap.
    pub(crate) fn changes(&self) -> usize {
        self.changes.load(Relaxed)
    }
}

impl ObjectStore for TestStore {
    fn put_if_absent<'a>(
        &'a self,
        key: &'a str,
        object: NewObject<'a>,
    ) -> BoxFuture<'a, StorageResult<()>> {
        self.folder.put_if_absent(key, object)
    }

    fn compare_and_swap<'a>(
        &'a self,
        key: &'a str,
        payload: Payload,
        seen: Option<&'a Version>,
    ) -> BoxFuture<'a, StorageResult<Version>> {
        Box::pin(async move {
            // Others write meanwhile, or wait.
            tokio::task::yield_now().await;
            let version = self.folder.compare_and_swap(key, payload, seen).await?;
            let number = self.changes.fetch_add(1, Relaxed) + 1;
            if self.lost_each > 0 && number.is_multiple_of(self.lost_each) {
                return Err(StorageError {
                    operation: Operation::Write,
                    place: self.place(key),
                    cause: RequestError::new(ErrorKind::Unavailable, "no answer"),
                });
            }
            Ok(version)
        })
    }

    fn get<'a>(&'a self, key: &'a str, max: usize) -> BoxFuture<'a, StorageResult<Found>> {
        self.reads.fetch_add(1, Relaxed);
        self.folder.get(key, max)
    }

    fn get_if_changed<'a>(
        &'a self,
        key: &'a str,
        seen: Option<&'a Version>,
    ) -> BoxFuture<'a, StorageResult<ConditionalRead>> {
        self.reads.fetch_add(1, Relaxed);
        self.folder.get_if_changed(key, seen)
    }

    fn list<'a>(
        &'a self,
        folder: &'a str,
        found: &'a mut (dyn FnMut(&str) + Send),
    ) -> BoxFuture<'a, StorageResult<()>> {
        self.lists.fetch_add(1, Relaxed);
        self.folder.list(folder, found)
    }

    fn list_objects<'a>(
        &'a self,
        folder: &'a str,
        after: Option<&'a str>,
        found: &'a mut (dyn FnMut(ListedObject<'_>) + Send),
    ) -> BoxFuture<'a, StorageResult<()>> {
        self.lists.fetch_add(1, Relaxed);
        self.folder.list_objects(folder, after, found)
    }

    fn remove<'a>(&'a self, key: &'a str) -> BoxFuture<'a, StorageResult<()>> {
        self.folder.remove(key)
    }

    fn place(&self, key: &str) -> String {
        self.folder.place(key)
    }

    fn operations_at_once(&self, threads: usize) -> usize {
        self.folder.operations_at_once(threads)
    }
}
