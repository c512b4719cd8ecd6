//! Which builder works on a table. One does at a time, so that no work is done twice. Two do no harm: of two attempts on one
//! watermark, the second is void.
//!
//! The document also has the attempts of which it is not known yet what became of them, so that the files of a builder that
//! was killed are found.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::Utc;
use serde::{Deserialize, Serialize};
use sluice_storage::error::StorageError;
use sluice_storage::object_store::{ConditionalRead, Payload, Version};
use thiserror::Error;

use super::documents::{DocumentError, TableDocuments};
use super::process::has_ended;

/// The name of the document.
const NAME: &str = "builder.json";

/// A builder that has not renewed its lease for this long has ended.
pub(super) const LEASE_TIME: Duration = Duration::from_secs(30);

/// How often a lease is renewed.
pub(super) const RENEWED_EACH: Duration = Duration::from_secs(10);

/// How often the lease is written if another process changes or removes it each time.
const WRITES_MAX: usize = 5;

/// An attempt that is not settled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OpenAttempt {
    pub(super) id: String,
    /// The attempt whose watermark it follows.
    pub(super) after: String,
}

/// Which of the attempts that are not settled were committed: those that the watermarks name, from the present one back.
/// Snapshots cannot tell it, since they expire while their files are still in the table.
///
/// # Errors
/// [`DocumentError`]
pub(super) async fn committed_attempts(
    documents: &TableDocuments,
    present: &str,
    open: &[OpenAttempt],
) -> Result<BTreeSet<String>, DocumentError> {
    let mut committed = BTreeSet::new();
    let mut unknown: Vec<_> = open.iter().collect();
    let mut at = present.to_owned();
    while !at.is_empty() {
        if unknown.iter().any(|attempt| attempt.id == at) {
            committed.insert(at.clone());
        }
        // What follows this watermark and was not met before it was never committed.
        unknown.retain(|attempt| attempt.id != at && attempt.after != at);
        if unknown.is_empty() {
            break;
        }
        at = documents.watermark(&at).await?.after;
    }
    Ok(committed)
}

/// The document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BuilderDocument {
    /// Who works; empty for nobody.
    owner: String,
    /// When the owner said so last, milliseconds since the Unix epoch.
    renewed_at: i64,
    /// Tells one write from another.
    nonce: u64,
    attempts: Vec<OpenAttempt>,
}

/// The lease of a table, as one builder knows it.
#[derive(Debug)]
pub(super) struct BuilderLease {
    documents: TableDocuments,
    owner: String,
    document: BuilderDocument,
    seen: Option<Version>,
}

/// The lease cannot be had.
#[derive(Debug, Error)]
pub enum LeaseError {
    /// Another builder has it.
    #[error("another builder works on the table: {owner}, {seconds} s ago; it is taken for ended after {} s", LEASE_TIME.as_secs())]
    Busy {
        /// Who.
        owner: String,
        /// When it said so last, in seconds.
        seconds: i64,
    },
    /// Another process changes it, but no builder has it.
    #[error(
        "another process has changed or removed the lease of the table, {place}, each time that this builder wrote it; the \
         builder tries again. Leave the file alone while a builder works"
    )]
    Lost {
        /// Where it is.
        place: String,
    },
    /// The document is damaged.
    #[error("{place}: {why}; remove it while no builder works")]
    Damaged {
        /// Where it is.
        place: String,
        /// What is wrong.
        why: String,
    },
    /// The warehouse cannot be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// The time, milliseconds since the Unix epoch.
fn now() -> i64 {
    Utc::now().timestamp_millis()
}

impl BuilderLease {
    /// Takes the lease, unless another builder has it.
    ///
    /// # Errors
    /// [`LeaseError`]
    pub(super) async fn take(documents: TableDocuments, owner: String) -> Result<Self, LeaseError> {
        let mut lease = Self {
            documents,
            owner,
            document: BuilderDocument::default(),
            seen: None,
        };
        lease.read().await?;
        lease.write(|_| {}).await?;
        Ok(lease)
    }

    /// Says that this builder still works.
    ///
    /// # Errors
    /// [`LeaseError`]; another one has taken over.
    pub(super) async fn renew(&mut self) -> Result<(), LeaseError> {
        self.write(|_| {}).await
    }

    /// Notes that an attempt begins.
    ///
    /// # Errors
    /// [`LeaseError`]; another one has taken over.
    pub(super) async fn begin(&mut self, attempt: OpenAttempt) -> Result<(), LeaseError> {
        self.write(|document| document.attempts.push(attempt.clone()))
            .await
    }

    /// The attempts that are not settled.
    pub(super) fn attempts(&self) -> &[OpenAttempt] {
        &self.document.attempts
    }

    /// Forgets attempts.
    ///
    /// # Errors
    /// [`LeaseError`]; another one has taken over.
    pub(super) async fn settle(&mut self, settled: &[String]) -> Result<(), LeaseError> {
        let forget = |document: &mut BuilderDocument| {
            document.attempts.retain(|open| !settled.contains(&open.id));
        };
        self.write(forget).await
    }

    /// Gives the lease back.
    ///
    /// # Errors
    /// [`LeaseError`]
    pub(super) async fn release(mut self) -> Result<(), LeaseError> {
        self.write(|document| document.owner.clear()).await
    }

    fn check_free(&self) -> Result<(), LeaseError> {
        let known = &self.document;
        let since = now().saturating_sub(known.renewed_at);
        let limit = i64::try_from(LEASE_TIME.as_millis()).unwrap_or(i64::MAX);
        let is_free = known.owner.is_empty() || known.owner == self.owner;
        if is_free || since.abs() > limit || has_ended(&known.owner) {
            return Ok(());
        }
        Err(LeaseError::Busy {
            owner: known.owner.clone(),
            seconds: since / 1_000,
        })
    }

    /// Writes the document, unless another builder has the lease. If another process has changed or removed it, and no
    /// builder works, this one takes it again.
    async fn write(&mut self, change: impl Fn(&mut BuilderDocument)) -> Result<(), LeaseError> {
        for _ in 0..WRITES_MAX {
            self.check_free()?;
            let mut next = BuilderDocument {
                owner: self.owner.clone(),
                renewed_at: now(),
                nonce: rand::random(),
                ..self.document.clone()
            };
            change(&mut next);
            if self.swap(next).await? {
                return Ok(());
            }
        }
        self.check_free()?;
        let (store, key) = self.documents.document(NAME);
        let place = store.place(&key);
        Err(LeaseError::Lost { place })
    }

    /// Writes the document if it is as this builder knows it. If not, reads it, and returns false.
    async fn swap(&mut self, next: BuilderDocument) -> Result<bool, LeaseError> {
        let (store, key) = self.documents.document(NAME);
        let damaged = |error: serde_json::Error| LeaseError::Damaged {
            place: store.place(&key),
            why: error.to_string(),
        };
        let payload = Payload::from(serde_json::to_vec(&next).map_err(damaged)?);
        match store
            .compare_and_swap(&key, payload, self.seen.as_ref())
            .await
        {
            Ok(version) => {
                self.seen = Some(version);
                self.document = next;
                Ok(true)
            }
            Err(error) if error.is_conflict() => {
                self.read_again().await?;
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Reads what another process has made of the document. If it is gone, the attempts of this builder stay known.
    async fn read_again(&mut self) -> Result<(), LeaseError> {
        let attempts = std::mem::take(&mut self.document.attempts);
        self.read().await?;
        if self.seen.is_none() {
            let (store, key) = self.documents.document(NAME);
            let place = store.place(&key);
            tracing::warn!(
                "another process has removed the lease of the table, {place}; it is taken again"
            );
            self.document.attempts = attempts;
        }
        Ok(())
    }

    async fn read(&mut self) -> Result<(), LeaseError> {
        let (store, key) = self.documents.document(NAME);
        match store.get_if_changed(&key, None).await? {
            ConditionalRead::Content(text, version) => {
                let damaged = |error: serde_json::Error| LeaseError::Damaged {
                    place: store.place(&key),
                    why: error.to_string(),
                };
                self.document = serde_json::from_slice(&text).map_err(damaged)?;
                self.seen = Some(version);
            }
            ConditionalRead::Nothing | ConditionalRead::Unchanged => {
                self.document = BuilderDocument::default();
                self.seen = None;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sluice_storage::folder::FolderStore;

    use super::super::watermark::Watermark;
    use super::*;

    fn documents(folder: &tempfile::TempDir) -> TableDocuments {
        let store = FolderStore::shared(folder.path().to_owned());
        TableDocuments::new(Arc::new(store), "uuid")
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn one_builder_has_the_lease_until_it_gives_it_back() {
        let folder = tempfile::tempdir().unwrap();
        let take = |owner: &str| BuilderLease::take(documents(&folder), owner.to_owned());
        let mut first = take("first").await.unwrap();
        let id = |id: &str| OpenAttempt {
            id: id.into(),
            after: String::new(),
        };
        first.begin(id("a")).await.unwrap();
        first.begin(id("b")).await.unwrap();
        let busy = take("second").await.unwrap_err();
        assert!(
            matches!(&busy, LeaseError::Busy { owner, .. } if owner == "first"),
            "{busy}"
        );
        first.settle(&["a".into()]).await.unwrap();
        first.release().await.unwrap();
        let second = take("second").await.unwrap();
        assert_eq!(second.attempts(), [id("b")]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_lease_that_is_removed_is_taken_again_with_its_attempts() {
        let folder = tempfile::tempdir().unwrap();
        let mut lease = BuilderLease::take(documents(&folder), "first".into())
            .await
            .unwrap();
        let file = folder.path().join(lease.documents.document(NAME).1);
        let remove = || std::fs::remove_file(&file).unwrap();
        let attempt = OpenAttempt {
            id: "a".into(),
            after: String::new(),
        };
        remove();
        lease.begin(attempt.clone()).await.unwrap();
        remove();
        lease.renew().await.unwrap();
        let busy = BuilderLease::take(documents(&folder), "second".into()).await;
        assert!(matches!(busy, Err(LeaseError::Busy { .. })));
        remove();
        lease.release().await.unwrap();
        let second = BuilderLease::take(documents(&folder), "second".into()).await;
        assert_eq!(second.unwrap().attempts(), [attempt]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn committed_attempts_are_those_that_the_watermarks_name() {
        let folder = tempfile::tempdir().unwrap();
        let documents = documents(&folder);
        let attempt = |id: &str, after: &str| OpenAttempt {
            id: id.into(),
            after: after.into(),
        };
        let none = Watermark::default();
        for (id, after) in [("a", ""), ("b", "a"), ("c", "b"), ("d", "c"), ("void", "b")] {
            let mut watermark = none.clone();
            watermark.attempt = id.into();
            watermark.after = after.into();
            documents.put_watermark(&watermark).await.unwrap();
        }
        let open = [
            attempt("a", ""),
            attempt("other", ""),
            attempt("void", "b"),
            attempt("d", "c"),
            attempt("next", "d"),
        ];
        let committed = committed_attempts(&documents, "d", &open).await.unwrap();
        assert_eq!(committed, ["a".to_owned(), "d".to_owned()].into());
        let none = committed_attempts(&documents, "", &open).await.unwrap();
        assert!(none.is_empty());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_builder_that_has_lost_the_lease_writes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = BuilderLease::take(documents(&folder), "first".into())
            .await
            .unwrap();
        first.document.renewed_at -= 60_000;
        let ended = first.document.clone();
        assert!(first.swap(ended).await.unwrap());
        let second = BuilderLease::take(documents(&folder), "second".into()).await;
        second.unwrap();
        assert!(matches!(first.renew().await, Err(LeaseError::Busy { .. })));
    }
}
