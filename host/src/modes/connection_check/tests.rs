use std::sync::Mutex;

use futures_util::future::BoxFuture;
use sluice_storage::object_store::{
    ConditionalRead, Found, ListedObject, NewObject, StorageResult,
};

use super::*;

/// A store that writes whatever the condition is, as some services do.
#[derive(Debug)]
struct CarelessStore {
    /// Whether it allows to remove objects.
    can_remove: bool,
    objects: Mutex<Vec<String>>,
}

impl CarelessStore {
    fn new(can_remove: bool) -> Self {
        Self {
            can_remove,
            objects: Mutex::default(),
        }
    }
}

impl ObjectStore for CarelessStore {
    fn put_if_absent<'a>(
        &'a self,
        key: &'a str,
        _: NewObject<'a>,
    ) -> BoxFuture<'a, StorageResult<()>> {
        self.objects.lock().unwrap().push(key.to_owned());
        Box::pin(async { Ok(()) })
    }

    fn compare_and_swap<'a>(
        &'a self,
        key: &'a str,
        _: Payload,
        _: Option<&'a Version>,
    ) -> BoxFuture<'a, StorageResult<Version>> {
        self.objects.lock().unwrap().push(key.to_owned());
        Box::pin(async { Ok(Version("1".into())) })
    }

    fn get<'a>(&'a self, _: &'a str, _: usize) -> BoxFuture<'a, StorageResult<Found>> {
        Box::pin(async { Ok(Found::Nothing) })
    }

    fn get_if_changed<'a>(
        &'a self,
        _: &'a str,
        _: Option<&'a Version>,
    ) -> BoxFuture<'a, StorageResult<ConditionalRead>> {
        Box::pin(async { Ok(ConditionalRead::Nothing) })
    }

    fn list<'a>(
        &'a self,
        _: &'a str,
        _: &'a mut (dyn FnMut(&str) + Send),
    ) -> BoxFuture<'a, StorageResult<()>> {
        Box::pin(async { Ok(()) })
    }

    fn list_objects<'a>(
        &'a self,
        _: &'a str,
        _: Option<&'a str>,
        _: &'a mut (dyn FnMut(ListedObject<'_>) + Send),
    ) -> BoxFuture<'a, StorageResult<()>> {
        Box::pin(async { Ok(()) })
    }

    fn remove<'a>(&'a self, key: &'a str) -> BoxFuture<'a, StorageResult<()>> {
        let removed = if self.can_remove {
            self.objects.lock().unwrap().retain(|there| there != key);
            Ok(())
        } else {
            Err(ignores_conditions(self.place(key), false))
        };
        Box::pin(async { removed })
    }

    fn place(&self, key: &str) -> String {
        key.to_owned()
    }

    fn operations_at_once(&self, _: usize) -> usize {
        1
    }
}

#[tokio::test]
async fn a_store_that_ignores_conditions_fails_and_keeps_nothing() {
    let store = CarelessStore::new(true);
    let error = use_lake(&store).await.unwrap_err().to_string();
    assert!(error.contains("ignores the condition If-Match"), "{error}");
    assert!(!error.contains("remove this object"), "{error}");
    assert!(store.objects.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_object_that_cannot_be_removed_is_named() {
    let store = CarelessStore::new(false);
    let error = use_lake(&store).await.unwrap_err().to_string();
    assert!(error.contains(ABSENT_KEY), "{error}");
    assert!(error.contains("remove this object"), "{error}");
}
